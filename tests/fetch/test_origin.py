import contextlib
import gzip
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from safelight.errors import Forbidden, NotFound, SafelightError, SettingError, StoreUnavailable
from safelight.fetch import Remotes, allowed_servers, fixed_origin
from safelight.fetch.origin import Origin
from safelight.limits import Limits
from tests.fetch.conftest import LIMITS, LOOPBACK
from tests.support.origin import HangUp, ScriptedOrigin, chunked, head, origin
from tests.support.serving import wait_for

SEVEN = {"content-length": "7", "etag": '"1"'}
DAY = format_datetime(datetime(2026, 3, 1, 12, 0, tzinfo=UTC), usegmt=True)


def whole(source: Origin, key: str) -> bytes:
    with source.open(key) as opened:
        return opened.read()


def conditions(server: ScriptedOrigin) -> list[str | None]:
    """List what the requests were made to depend on."""
    return [
        asked.headers.get("if-none-match") or asked.headers.get("if-modified-since")
        for asked in server.asked
    ]


# One exchange.


@pytest.mark.parametrize(
    "headers",
    [
        {"etag": '"1"'},
        {"etag": 'W/"1"'},
        {"last_modified": DAY},
        {},
    ],
)
def test_looking_up_and_opening_is_one_exchange(
    headers: dict[str, str], server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/cats/a b.jpg".replace(" ", "%20"), b"picture", **headers)
    found = pictures.head("cats/a b.jpg")
    assert found.size == 7
    with pictures.open("cats/a b.jpg") as opened:
        assert opened.read() == b"picture"
        assert opened.version == found.version
        assert opened.unchanged
    # Those who come a moment later have it, too.
    assert whole(pictures, "cats/a b.jpg") == b"picture"
    assert server.targets == ["/images/cats/a%20b.jpg"]
    assert {asked.method for asked in server.asked} == {"GET"}


def test_a_version_is_known_before_the_body_has_come(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    go_on = threading.Event()
    server.says(
        "/images/a.jpg", head(200, {"content-length": "7", "etag": '"1"'}), go_on, b"picture"
    )
    found = pictures.head("a.jpg")
    go_on.set()
    with pictures.open("a.jpg") as opened:
        assert opened.version == found.version
        assert opened.read() == b"picture"
    assert len(server.asked) == 1


def test_a_body_that_was_waited_for_too_long_is_asked_for_again(
    server: ScriptedOrigin, pictures: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight.fetch.kept._COMING_SECONDS", -1.0)
    server.put("/images/a.jpg", b"picture", etag='"1"')
    found = pictures.head("a.jpg")
    with pictures.open("a.jpg") as opened:
        assert opened.version == found.version
    assert len(server.asked) == 2


def test_opening_needs_no_looking_up(server: ScriptedOrigin, pictures: Origin) -> None:
    server.put("/images/a.jpg", b"picture", etag='"1"')
    with pictures.open("a.jpg") as opened:
        version = opened.version
    assert pictures.head("a.jpg").version == version


def test_how_large_a_compressed_picture_is_only_its_bytes_tell(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    sent = gzip.compress(b"picture" * 100)
    coded = {"content-length": str(len(sent)), "content-encoding": "gzip", "etag": '"1"'}
    server.says("/images/a.svg", head(200, coded), sent)
    assert pictures.head("a.svg").size == 700
    assert whole(pictures, "a.svg") == b"picture" * 100
    assert len(server.asked) == 1


def test_when_it_was_changed_is_passed_on(server: ScriptedOrigin, pictures: Origin) -> None:
    server.put("/images/a.jpg", b"picture", last_modified=DAY)
    server.put("/images/b.jpg", b"picture", last_modified="yesterday")
    assert pictures.head("a.jpg").modified == datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
    assert pictures.head("b.jpg").modified == 0.0


# Asking again.


@pytest.mark.parametrize(
    ("headers", "condition"),
    [
        ({"etag": '"1"'}, '"1"'),
        ({"etag": 'W/"1"'}, 'W/"1"'),
        ({"last_modified": DAY}, DAY),
        ({"etag": '"1"', "last_modified": DAY}, '"1"'),
    ],
)
def test_what_is_known_is_asked_only_whether_it_has_changed(
    headers: dict[str, str], condition: str, server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"picture", **headers)
    found = pictures.head("a.jpg")
    assert whole(pictures, "a.jpg") == b"picture"
    assert pictures.head("a.jpg") == found
    assert pictures.head("a.jpg") == found
    assert conditions(server) == [None, condition, condition]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"etag": '"1"'}, {"etag": '"2"'}),
        ({"etag": 'W/"1"'}, {"etag": 'W/"2"'}),
        ({"last_modified": DAY}, {"last_modified": DAY.replace("12:00", "12:01")}),
        ({"etag": '"1"'}, {}),
        ({}, {}),
    ],
)
def test_a_change_is_another_version_with_its_own_bytes(
    before: dict[str, str], after: dict[str, str], server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"before", **before)
    first = pictures.head("a.jpg")
    assert whole(pictures, "a.jpg") == b"before"
    server.put("/images/a.jpg", b"behind", **after)
    second = pictures.head("a.jpg")
    assert second.version != first.version
    with pictures.open("a.jpg") as opened:
        assert (opened.version, opened.read()) == (second.version, b"behind")


def test_bytes_that_are_the_same_are_the_same_version_when_nothing_is_said(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", head(200, {"transfer-encoding": "chunked"}), chunked(b"one"))
    first = pictures.head("a.jpg")
    assert pictures.head("a.jpg") == first
    server.says("/images/a.jpg", head(200, {"transfer-encoding": "chunked"}), chunked(b"two"))
    assert pictures.head("a.jpg").version != first.version


@pytest.mark.parametrize(
    "etag", ["1", "'1'", '"a"b"', '"a", "b"', 'w/"1"', '"' + "x" * 300 + '"', '"\x7f"', '"ü"', ""]
)
def test_what_is_no_etag_is_not_sent_back(
    etag: str, server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"picture", etag=etag)
    assert pictures.head("a.jpg") == pictures.head("a.jpg")
    assert conditions(server) == [None, None]


def test_an_etag_that_is_not_the_bytes_own_is_believed_no_longer_than_it_is_said(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    """An origin whose ETag changes with each answer makes new versions, and no wrong ones."""
    numbers = iter(range(100))
    server.scripts["/images/a.jpg"] = lambda _: [
        head(200, {"content-length": "7", "etag": f'"{next(numbers)}"'}), b"picture"
    ]  # fmt: skip
    versions = set()
    for _ in range(3):
        found = pictures.head("a.jpg")
        with pictures.open("a.jpg") as opened:
            assert opened.version == found.version
        versions.add(found.version)
    assert len(versions) == 3


def test_304_to_who_did_not_ask_for_changes_is_no_picture(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", head(304, {"etag": '"1"'}))
    for ask in (pictures.head, pictures.open, pictures.head):
        with pytest.raises(StoreUnavailable):
            ask("a.jpg")


def test_what_is_gone_is_forgotten(server: ScriptedOrigin, pictures: Origin) -> None:
    server.put("/images/a.jpg", b"picture", etag='"1"')
    pictures.head("a.jpg")
    whole(pictures, "a.jpg")
    del server.scripts["/images/a.jpg"]
    with pytest.raises(NotFound):
        pictures.head("a.jpg")
    with pytest.raises(NotFound):
        pictures.open("a.jpg")
    server.put("/images/a.jpg", b"another", etag='"1"')
    pictures.head("a.jpg")
    assert conditions(server) == [None, '"1"', None, None]
    assert whole(pictures, "a.jpg") == b"another"


def test_while_a_server_is_down_nothing_of_it_is_forgotten(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"picture", etag='"1"')
    found = pictures.head("a.jpg")
    whole(pictures, "a.jpg")
    good = server.scripts["/images/a.jpg"]
    server.says("/images/a.jpg", head(503, {"content-length": "0"}))
    with pytest.raises(StoreUnavailable):
        pictures.head("a.jpg")
    server.scripts["/images/a.jpg"] = good
    assert pictures.head("a.jpg") == found
    assert conditions(server)[-1] == '"1"'


def test_behind_a_redirect_a_signature_that_changes_is_no_other_version(
    server: ScriptedOrigin, everywhere: Origin
) -> None:
    signatures = iter("123456")

    def signed(_: object) -> list[bytes]:
        location = f"/b/cat.jpg?signature={next(signatures)}"
        return [head(302, {"location": location, "content-length": "0"})]

    server.scripts["/a/cat.jpg"] = signed
    for number in "123456":
        server.put(f"/b/cat.jpg?signature={number}", b"picture", etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    found = everywhere.head(key)
    assert everywhere.head(key) == found
    assert [c for c in conditions(server) if c] == ['"1"']


def test_a_query_is_part_of_what_is_asked_for(server: ScriptedOrigin, everywhere: Origin) -> None:
    for number in "12":
        server.put(f"/a/cat.jpg?page={number}", number.encode(), etag='"1"')
    versions = set()
    for number in "12":
        key = f"{server.url}/a/cat.jpg?page={number}"
        versions.add(everywhere.head(key).version)
        assert whole(everywhere, key) == number.encode()
    assert len(versions) == 2


# Many at once.


def test_many_who_open_a_picture_at_once_have_it_fetched_once(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    all_are_there = threading.Event()
    server.says(
        "/images/a.jpg",
        head(200, {"content-length": "7", "etag": '"1"'}),
        all_are_there,
        b"picture",
    )
    with ThreadPoolExecutor(20) as threads:
        flights = [threads.submit(whole, pictures, "a.jpg") for _ in range(20)]
        all_are_there.set()
        assert {flight.result(20) for flight in flights} == {b"picture"}
    assert len(server.asked) == 1


def test_a_failure_is_one_for_all_who_wait_and_none_for_who_comes_later(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    all_are_there = threading.Event()
    server.says("/images/a.jpg", all_are_there, head(503, {"content-length": "0"}))
    errors: list[SafelightError] = []

    def ask() -> None:
        with pytest.raises(StoreUnavailable) as caught:
            pictures.open("a.jpg")
        errors.append(caught.value)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    while not server.asked:
        pass
    all_are_there.set()
    for thread in threads:
        thread.join(20)
    assert len({id(error) for error in errors}) == 5
    server.put("/images/a.jpg", b"picture")
    assert whole(pictures, "a.jpg") == b"picture"


def test_whatever_goes_wrong_nothing_stays_open(server: ScriptedOrigin, pictures: Origin) -> None:
    long = {"content-length": "900000", "etag": '"1"'}
    server.put("/images/good.jpg", b"x" * 100_000, etag='"1"')
    server.says("/images/cut.jpg", head(200, long), b"x" * 1_000, HangUp())
    server.says("/images/reset.jpg", head(200, long), b"x" * 1_000, HangUp(reset=True))
    server.says("/images/error.jpg", head(500, long), b"x" * 1_000)
    server.says("/images/private.jpg", head(403, long), b"x" * 1_000)
    server.says("/images/unread.jpg", head(200, long), b"x" * 900_000)
    server.redirects("/images/away.jpg", "/elsewhere.jpg")

    def all_of_it() -> int:
        for name in ("good", "cut", "reset", "error", "private", "away", "none"):
            with contextlib.suppress(SafelightError):
                pictures.head(f"{name}.jpg")
            with contextlib.suppress(SafelightError):
                whole(pictures, f"{name}.jpg")
        pictures.head("unread.jpg")
        pictures._forget("unread.jpg")
        return len(list(Path("/proc/self/fd").iterdir()))

    before = all_of_it()
    wait_for(lambda: all_of_it() <= before)
    assert pictures._room._left == 4 * LIMITS.source_bytes


# What may be asked for.


def test_a_key_that_is_not_allowed_asks_nobody(
    server: ScriptedOrigin, tripwire: ScriptedOrigin, everywhere: Origin
) -> None:
    for key in (
        f"{server.url}/c/cat.jpg",
        f"{server.url}/ab/cat.jpg",
        f"{tripwire.url}/a/cat.jpg",
        f"http://127.0.0.1:{tripwire.port}/a/cat.jpg",
        f"https://127.0.0.1:{server.port}/a/cat.jpg",
        "https://example.com/a/cat.jpg",
    ):
        for ask in (everywhere.head, everywhere.open):
            with pytest.raises(Forbidden, match="may not be fetched"):
                ask(key)
    assert server.connections == 0


@pytest.mark.parametrize(
    "key", ["cat.jpg", "", "/a/cat.jpg", "ftp://127.0.0.1/a/cat.jpg", "https:"]
)
def test_what_is_no_address_is_no_picture_of_allowed_servers(key: str, everywhere: Origin) -> None:
    with pytest.raises(NotFound):
        everywhere.head(key)


@pytest.mark.parametrize(
    "key",
    ["", "/", "../a.jpg", "a/../../b.jpg", "a//b.jpg", "a\\b.jpg", "a\r\nb", "%2e%2e/a.jpg", ".env",
     "a" * 2_000],
)  # fmt: skip
def test_what_leads_out_of_an_origin_asks_nobody(
    key: str, server: ScriptedOrigin, pictures: Origin
) -> None:
    for ask in (pictures.head, pictures.open):
        with pytest.raises(NotFound):
            ask(key)
    assert server.connections == 0


def test_without_a_rule_nothing_is_allowed(server: ScriptedOrigin) -> None:
    with pytest.raises(Forbidden):
        allowed_servers(LOOPBACK, LIMITS).head(f"{server.url}/a.jpg")


# The origin as a whole.


def test_an_origin_that_answers_is_ready_whatever_it_says(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    pictures.check()
    assert server.targets == ["/images/safelight-check"]
    for answer in (head(403, {"content-length": "0"}), head(503, {"content-length": "0"})):
        server.says("/images/safelight-check", answer)
        pictures.check()
    server.redirects("/images/safelight-check", "https://login.example/")
    pictures.check()
    assert server.connections == 1


def test_an_origin_that_does_not_answer_is_not_ready() -> None:
    with origin() as server:
        source = fixed_origin(server.url, LOOPBACK, LIMITS)
    with pytest.raises(StoreUnavailable):
        source.check()


def test_an_origin_that_is_not_public_is_told_how_it_may_be_asked(tripwire: ScriptedOrigin) -> None:
    source = fixed_origin(tripwire.url, LOOPBACK, LIMITS)
    with pytest.raises(StoreUnavailable, match=r"remote\.networks"):
        source.check()


def test_allowed_servers_are_ready_without_being_asked(everywhere: Origin) -> None:
    everywhere.check()


def test_over_http_nothing_can_be_listed(pictures: Origin) -> None:
    assert list(pictures.list()) == []
    assert not pictures.local


def test_the_log_says_why_and_no_query(
    server: ScriptedOrigin, everywhere: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    server.says("/a/1?token=secret", head(500, {"content-length": "0"}))
    server.redirects("/a/2?token=secret", f"{server.url}/c/3?token=secret")
    server.says("/a/4?token=secret", HangUp(reset=True))
    with caplog.at_level(logging.WARNING):
        for number in (1, 2, 4):
            with pytest.raises(SafelightError):
                everywhere.head(f"{server.url}/a/{number}?token=secret")
    assert "it answers 500" in caplog.text
    assert f"{server.url}/a/2 redirects to {server.url}/c/3, which" in caplog.text
    assert "secret" not in caplog.text


# Settings.


@pytest.mark.parametrize(
    ("remotes", "said"),
    [
        (Remotes(("images.example.com",)), r"remote\.allow: entry 1 is not https"),
        (
            Remotes(("https://a.example", "https://*.com")),
            r"allow: entry 2 has an asterisk",
        ),
        (Remotes(("https://user:pass@a.example",)), r"remote\.allow: entry 1 names a user"),
        (Remotes(networks=("10.0.0.0/33",)), r"remote\.networks: '10\.0\.0\.0/33' is no network"),
        (Remotes(networks=("0.0.0.0/0",)), r"remote\.networks: '0\.0\.0\.0/0' is public"),
    ],
)
def test_a_setting_that_means_nothing_is_named(remotes: Remotes, said: str) -> None:
    for use in (
        remotes.check_settings,
        lambda: allowed_servers(remotes, LIMITS),
        lambda: fixed_origin("https://origin.example", remotes, LIMITS),
    ):
        with pytest.raises(SettingError, match=said) as caught:
            use()
        assert "pass@" not in caught.value.detail


@pytest.mark.parametrize(
    "url", ["https://user:pass@a.example/", "https://a.example/?x=1", "https://", "https://a/../b"]
)
def test_an_origin_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingError, match=r"example: https://origin\.example") as caught:
        fixed_origin(url, Remotes(), Limits())
    assert "pass" not in caught.value.detail
