"""Redirects, and bodies that lie: through a source, as everything that asks does."""

import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from safelight.errors import (
    Busy,
    Forbidden,
    NotFound,
    SafelightError,
    SourceTooLarge,
    StoreUnavailable,
)
from safelight.fetch import Remotes, fixed_origin
from safelight.fetch.answers import Validators
from safelight.fetch.origin import Origin
from safelight.limits import Limits
from tests.fetch.conftest import LIMITS, LOOPBACK
from tests.support.origin import HangUp, ScriptedOrigin, Step, chunked, head, origin
from tests.support.serving import wait_for


def whole(source: Origin, key: str) -> bytes:
    with source.open(key) as opened:
        return opened.read()


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int, server: ScriptedOrigin, everywhere: Origin) -> None:
    server.redirects("/a/old.jpg", "/b/new.jpg?x=1#part", status)
    server.put("/b/new.jpg?x=1", b"picture")
    assert whole(everywhere, f"{server.url}/a/old.jpg") == b"picture"


@pytest.mark.parametrize(
    "location",
    [
        "new.jpg",
        "./new.jpg",
        "../a/new.jpg",
        "../../../a/new.jpg",
        "/a/new.jpg",
        "//127.0.0.1:{port}/a/new.jpg",
        "http://127.0.0.1:{port}/a/new.jpg",
        "HTTP://127.0.0.1:{port}/%61/new.jpg",
    ],
)
def test_where_a_redirect_leads_is_read_as_browsers_do(
    location: str, server: ScriptedOrigin, everywhere: Origin
) -> None:
    server.redirects("/a/old.jpg", location.format(port=server.port))
    server.put("/a/new.jpg", b"picture")
    assert whole(everywhere, f"{server.url}/a/old.jpg") == b"picture"


def test_a_name_beyond_ascii_in_a_redirect_is_utf_8(
    server: ScriptedOrigin, everywhere: Origin
) -> None:
    server.redirects("/a/old.jpg", "/a/käse brot.jpg".encode().decode("latin-1"))
    server.put("/a/k%C3%A4se%20brot.jpg", b"picture")
    assert whole(everywhere, f"{server.url}/a/old.jpg") == b"picture"


def test_three_redirects_are_followed_and_no_more(
    server: ScriptedOrigin, everywhere: Origin
) -> None:
    for number in range(5):
        server.redirects(f"/a/{number}", f"/a/{number + 1}")
    server.put("/a/5", b"picture")
    assert whole(everywhere, f"{server.url}/a/2") == b"picture"
    server.asked.clear()
    with pytest.raises(StoreUnavailable):
        everywhere.head(f"{server.url}/a/1")
    assert server.targets == ["/a/1", "/a/2", "/a/3", "/a/4"]


def test_a_redirect_in_a_circle_ends(server: ScriptedOrigin, everywhere: Origin) -> None:
    server.redirects("/a/1", "/a/1")
    with pytest.raises(StoreUnavailable):
        everywhere.head(f"{server.url}/a/1")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "location",
    [
        "/c/cat.jpg",
        "/cat.jpg",
        "/ab/cat.jpg",
        "../c/cat.jpg",
        "/a/%2e%2e/c/cat.jpg",
        "/a/..%2fc/cat.jpg",
        "/a/%252e%252e/c/cat.jpg",
        "http://127.0.0.1/a/cat.jpg",
        "https://127.0.0.1:{port}/a/cat.jpg",
        "http://localhost:{port}/a/cat.jpg",
        "http://127.0.0.1.:{port}/a/cat.jpg",
        "http://user:pass@127.0.0.1:{port}/a/cat.jpg",
        "http://127.0.0.1:{port}\\@127.0.0.1:{port}/a/cat.jpg",
        "http://[127.0.0.1/a/cat.jpg",
        "ftp://127.0.0.1:{port}/a/cat.jpg",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "/a/cat.jpg%0d%0aHost:%20evil",
        "/a/\xff",
        "/a/",
        "/a/.hidden.jpg",
        "",
    ],
)
def test_a_redirect_to_what_is_not_allowed_is_refused(
    location: str, server: ScriptedOrigin, everywhere: Origin
) -> None:
    server.redirects("/a/old.jpg", location.format(port=server.port))
    with pytest.raises((Forbidden, StoreUnavailable)) as caught:
        everywhere.head(f"{server.url}/a/old.jpg")
    assert set(server.targets) == {"/a/old.jpg"}
    assert server.connections <= 4
    assert "old" not in caught.value.detail
    assert "cat" not in caught.value.detail


def test_a_redirect_from_an_origin_stays_below_it_or_where_it_is_allowed(
    server: ScriptedOrigin,
) -> None:
    for source, target in (("1", "/images/x"), ("2", "/elsewhere/x"), ("3", "/a/x")):
        server.redirects(f"/images/{source}", target)
        server.put(target, b"picture")
    remotes = Remotes((f"{server.url}/a",), LOOPBACK.networks)
    source_of = fixed_origin(f"{server.url}/images", remotes, LIMITS)
    assert whole(source_of, "1") == b"picture"
    assert whole(source_of, "3") == b"picture"
    with pytest.raises(Forbidden):
        source_of.head("2")


def test_there_is_no_way_back_from_https_to_http() -> None:
    from safelight.fetch.answers import _target
    from safelight.remote import read

    secure = read("https://a.example/b")
    assert _target(secure, "https://c.example/d").key == "https://c.example/d"
    assert _target(secure, "//c.example/d").scheme == "https"
    with pytest.raises(Forbidden):
        _target(secure, "http://a.example/b")
    assert _target(read("http://a.example/b"), "https://a.example/b").scheme == "https"


def test_nothing_is_told_to_anybody_but_what_is_needed(
    server: ScriptedOrigin, everywhere: Origin
) -> None:
    with origin() as second:
        second.put("/b/cat.jpg", b"picture", etag='"2"')
        server.says(
            "/a/cat.jpg",
            head(302, {"location": f"{second.url}/b/cat.jpg", "set-cookie": "a=b",
                       "content-length": "0", "etag": '"1"', "www-authenticate": "Basic"}),
        )  # fmt: skip
        remotes = Remotes((server.url, second.url), LOOPBACK.networks)
        from safelight.fetch import allowed_servers

        source = allowed_servers(remotes, LIMITS)
        for _ in range(2):
            source.head(f"{server.url}/a/cat.jpg")
        for asked in (*server.asked, *second.asked):
            assert asked.method == "GET"
            assert set(asked.headers) <= {
                "host", "user-agent", "accept", "accept-encoding", "if-none-match",
            }  # fmt: skip
        assert [asked.headers["host"] for asked in second.asked] == [f"127.0.0.1:{second.port}"] * 2
        # What one server said is asked of itself, not of the one that sent there.
        assert [asked.headers.get("if-none-match") for asked in second.asked] == [None, '"2"']
        assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, None]


# Bodies.

SMALL = Limits(source_bytes=100_000, seconds=20)


@pytest.fixture
def small(server: ScriptedOrigin) -> Origin:
    """Give a source with a bound of 100 kB."""
    return fixed_origin(server.url, LOOPBACK, SMALL)


def sized(size: int, *steps: Step, **headers: str) -> list[Step]:
    return [head(200, {"content-length": str(size), **headers}), *steps]


@pytest.mark.parametrize(
    "steps",
    [
        sized(100_000, b"x" * 100_000),
        [head(200, {"transfer-encoding": "chunked"}), chunked(*[b"x" * 1_000] * 100)],
        [head(200, {"transfer-encoding": "chunked", "content-encoding": "gzip"}),
         chunked(gzip.compress(b"x" * 100_000))],
    ],
)  # fmt: skip
def test_a_body_of_the_largest_size_is_read(
    steps: list[Step], server: ScriptedOrigin, small: Origin
) -> None:
    server.says("/a.jpg", *steps)
    assert whole(small, "a.jpg") == b"x" * 100_000
    assert small.head("a.jpg").size == 100_000


@pytest.mark.parametrize(
    "steps",
    [
        sized(100_001, b"x" * 100_001),
        # Never sent: what the head says is enough.
        sized(10**15),
        [head(200, {"transfer-encoding": "chunked"}), chunked(*[b"x" * 1_000] * 101)],
        # It would go on for ever.
        [head(200, {"transfer-encoding": "chunked"}), *[chunked(b"x" * 9_000, end=False)] * 100],
        [head(200, {"transfer-encoding": "chunked", "content-encoding": "gzip"}),
         chunked(gzip.compress(b"x" * 100_001))],
        sized(len(gzip.compress(bytes(90_000_000))), gzip.compress(bytes(90_000_000)),
              **{"content-encoding": "gzip"}),
        # Nothing comes out of it, but it does not end.
        [head(200, {"transfer-encoding": "chunked", "content-encoding": "gzip"}),
         *[chunked(gzip.compress(b"") * 500, end=False)] * 100],
    ],
)  # fmt: skip
def test_a_body_that_is_larger_is_refused_without_reading_on(
    steps: list[Step], server: ScriptedOrigin, small: Origin
) -> None:
    server.says("/a.jpg", *steps)
    with pytest.raises(SourceTooLarge, match="100,000"):
        whole(small, "a.jpg")


def test_the_bodies_that_are_being_read_are_bounded_together(
    server: ScriptedOrigin, small: Origin
) -> None:
    go_on = threading.Event()
    for number in range(5):
        server.says(f"/{number}", *sized(80_000, b"x" * 79_999, go_on, b"x"))
    server.put("/another", b"x" * 100)
    with ThreadPoolExecutor(5) as threads:
        flights = [threads.submit(whole, small, str(number)) for number in range(5)]
        wait_for(lambda: small._room._left == 5)
        with pytest.raises(Busy):
            whole(small, "another")
        go_on.set()
        assert {len(flight.result(20)) for flight in flights} == {80_000}
    assert small._room._left == 400_000
    assert len(whole(small, "another")) == 100


@pytest.mark.parametrize(
    "steps",
    [
        # Cut short, in all the ways to say how long it is.
        sized(10, b"x" * 9, HangUp()),
        sized(10, b"x" * 9, HangUp(reset=True)),
        sized(10, HangUp()),
        [head(200, {"transfer-encoding": "chunked"}), chunked(b"abc", end=False), HangUp()],
        [head(200, {"transfer-encoding": "chunked"}), b"5\r\nabc", HangUp()],
        [head(200, {"transfer-encoding": "chunked"}), b"3\r\nabc\r\n0\r\n", HangUp()],
        # Not said at all: nobody could tell whether it was cut short.
        [head(200, {}), b"abc", HangUp()],
        [head(200, {"connection": "close"}), b"abc", HangUp()],
        # Longer than it says.
        sized(3, b"abcdef"),
        [head(200, {"content-length": "0"}) + b"abcdef"],
        # Compressed, and cut short or broken or something else.
        sized(20, gzip.compress(b"x" * 1_000)[:20], **{"content-encoding": "gzip"}),
        sized(3, b"abc", **{"content-encoding": "gzip"}),
        sized(3, b"abc", **{"content-encoding": "br"}),
        sized(3, b"abc", **{"content-encoding": "gzip, gzip"}),
    ],
)
def test_a_body_that_is_not_whole_is_never_a_picture(
    steps: list[Step], server: ScriptedOrigin, small: Origin
) -> None:
    server.says("/a.jpg", *steps)
    with pytest.raises(StoreUnavailable):
        whole(small, "a.jpg")
    # Nothing of it was kept.
    server.put("/a.jpg", b"whole")
    assert whole(small, "a.jpg") == b"whole"


@pytest.mark.parametrize(
    "steps",
    [
        [20.0],
        [b"HTTP/1.1 200 OK\r\n", 20.0],
        [*[step for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400
           for step in (bytes([letter]), 0.02)]],
        [*[b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.02] * 400],
        sized(100, 20.0),
        [head(200, {"content-length": "1000"}), *[b"x", 0.02] * 1_000],
        [head(200, {"transfer-encoding": "chunked"}), *[chunked(b"x", end=False), 0.02] * 1_000],
        [head(200, {"content-length": "1000", "content-encoding": "gzip"}), *[b"\x1f", 0.02] * 500],
    ],
)  # fmt: skip
def test_however_slowly_an_answer_drips_in_it_ends_with_the_time_there_is(
    steps: list[Step], server: ScriptedOrigin
) -> None:
    source = fixed_origin(server.url, LOOPBACK, Limits(seconds=0.6))
    server.says("/a.jpg", *steps)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        whole(source, "a.jpg")
    # Not a measurement: the scripts would take 8 seconds and more.
    assert time.monotonic() - began < 6


def test_redirects_share_the_time_there_is(server: ScriptedOrigin) -> None:
    source = fixed_origin(server.url, LOOPBACK, Limits(seconds=0.6))
    for number in range(3):
        location = {"location": f"/{number + 1}", "content-length": "0"}
        server.says(f"/{number}", 0.2, head(302, location))
    server.put("/3", b"picture")
    with pytest.raises(StoreUnavailable):
        whole(source, "0")
    assert "/3" not in server.targets


# Statuses.


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 406, 410, 418, 451, 499])
def test_what_is_not_given_is_not_there_whatever_the_reason(
    status: int, server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", head(status, {"content-length": "6"}) + b"secret")
    for ask in (pictures.head, pictures.open):
        with pytest.raises(NotFound, match=r"there is no image 'a\.jpg'") as caught:
            ask("a.jpg")
        assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    "status", [201, 204, 205, 206, 300, 304, 305, 306, 408, 425, 429, 500, 502, 503, 504, 599]
)
def test_what_says_nothing_about_the_picture_is_to_be_tried_again(
    status: int, server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", head(status, {"content-length": "0"}))
    for ask in (pictures.head, pictures.open):
        with pytest.raises(StoreUnavailable) as caught:
            ask("a.jpg")
        assert str(status) not in caught.value.detail
        assert "127.0.0.1" not in caught.value.detail


def test_what_a_server_writes_is_in_no_message(server: ScriptedOrigin, pictures: Origin) -> None:
    secret = "<script>alert(1)</script>"
    for number, answer in enumerate(
        [
            f"HTTP/1.1 500 {secret}\r\nContent-Length: 0\r\n\r\n",
            f"HTTP/1.1 404 {secret}\r\nContent-Length: 0\r\n\r\n",
            f"HTTP/1.1 302 Found\r\nLocation: http://{secret}/\r\nContent-Length: 0\r\n\r\n",
            f"HTTP/1.1 200 OK\r\nContent-Encoding: {secret}\r\nContent-Length: 0\r\n\r\n",
            f"HTTP/1.1 200 OK\r\nContent-Length: {secret}\r\n\r\n",
            secret,
        ]
    ):
        server.says(f"/images/{number}", answer.encode(), HangUp())
        with pytest.raises(SafelightError) as caught:
            pictures.head(str(number))
        assert "script" not in caught.value.detail


# What tells versions apart.


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"etag": '"1"'}, {"etag": '"1"'}, True),
        ({"etag": '"1"'}, {"etag": '"2"'}, False),
        # A strong one says it all.
        ({"etag": '"1"', "length": "5"}, {"etag": '"1"', "length": "6", "modified": "x"}, True),
        # A weak one does not.
        ({"etag": 'W/"1"', "length": "5"}, {"etag": 'W/"1"', "length": "5"}, True),
        ({"etag": 'W/"1"', "length": "5"}, {"etag": 'W/"1"', "length": "6"}, False),
        ({"etag": 'W/"1"', "length": "5"}, {"etag": 'W/"2"', "length": "5"}, False),
        ({"etag": 'W/"1"', "length": "5"}, {"etag": '"1"', "length": "5"}, False),
        ({"modified": "x", "length": "5"}, {"modified": "x", "length": "5"}, True),
        ({"modified": "x", "length": "5"}, {"modified": "y", "length": "5"}, False),
        ({"modified": "x", "length": "5"}, {"modified": "x", "length": "6"}, False),
        # Another place is another picture.
        ({"etag": '"1"'}, {"etag": '"1"', "place": "https://b.example/a"}, False),
        # Behind a redirect, where the query is left out, even a strong one is not enough.
        ({"etag": '"1"', "length": "5", "redirected": True},
         {"etag": '"1"', "length": "6", "redirected": True}, False),
    ],
)  # fmt: skip
def test_versions_are_told_apart(one: dict[str, str], other: dict[str, str], same: bool) -> None:
    def version(told: dict[str, str]) -> str | None:
        return Validators(**({"place": "https://a.example/a", "redirected": False} | told)).version  # type: ignore[arg-type]

    assert version(one)
    assert (version(one) == version(other)) is same


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"length": "5"},
        {"etag": 'W/"1"'},
        {"modified": "x"},
    ],
)
def test_where_too_little_is_said_only_the_bytes_tell(told: dict[str, str]) -> None:
    assert Validators("https://a.example/a", redirected=False, **told).version is None
