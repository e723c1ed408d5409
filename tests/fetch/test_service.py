"""Pictures on another server, from the address to the variant."""

import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from safelight import config
from safelight.dialects import Match
from safelight.errors import NotFound, SettingError, StoreUnavailable
from safelight.service import Answer, Service
from safelight.transform import Transform
from tests.support.commands import run
from tests.support.origin import HangUp, ScriptedOrigin, head, origin
from tests.support.services import Gate, soon
from tests.support.serving import serving, wait_for


def jpeg(colour: str, size: tuple[int, int] = (300, 200)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG")
    return written.getvalue()


def colour(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        red, _, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    return "red" if red > blue else "blue"


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def serve(tmp_path: Path, gate: Gate) -> Iterator[Callable[[str], Service]]:
    """Give a function that starts a service by its settings."""
    services: list[Service] = []

    def start(text: str) -> Service:
        file = tmp_path / "safelight.toml"
        file.write_text(text)
        settings = config.load(file, environment={})
        (tmp_path / "photos").mkdir(exist_ok=True)
        services.append(config.build(settings, base=tmp_path, renderer=gate))
        services[-1].start()
        return services[-1]

    yield start
    for service in services:
        service.close()


@pytest.fixture
def service(serve: Callable[[str], Service], server: ScriptedOrigin) -> Service:
    """Give a service that may ask the server, and believes what it says for no time."""
    return serve(
        f'[remote]\nallow = ["{server.url}/a/"]\nnetworks = ["127.0.0.1/32"]\n'
        "remember_seconds = 0\nmissing_seconds = 0"
    )


def developed(service: Service, key: str, **arguments: object) -> Answer:
    """Do what a request does."""
    found = service.find(Match(key, Transform.of(**(arguments or {"w": 64}))), "")
    return found.answer or service.make(found.located, deadline=soon())


def test_a_picture_elsewhere_is_rendered_kept_asked_about_and_found_again(
    service: Service, server: ScriptedOrigin, gate: Gate
) -> None:
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    first = developed(service, key)
    assert (first.cached, first.stored, colour(first.data)) == (False, True, "red")
    assert len(server.asked) == 1
    again = developed(service, key)
    assert (again.cached, again.data) == (True, first.data)
    assert gate.renders == 1
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"']
    assert server.connections == 1


def test_one_that_has_changed_is_another_and_the_old_variants_go(
    service: Service, server: ScriptedOrigin
) -> None:
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    old = developed(service, key)
    server.put("/a/cat.jpg", jpeg("blue"), etag='"2"')
    new = developed(service, key)
    assert (colour(new.data), new.cached) == ("blue", False)
    assert new.located.variant != old.located.variant
    wait_for(lambda: service.variants.lookup(old.located.variant) is None)
    assert colour(developed(service, key).data) == "blue"


@pytest.mark.parametrize("status", [404, 410, 403, 401])
def test_one_that_is_removed_or_made_private_is_not_served_any_more(
    status: int, service: Service, server: ScriptedOrigin
) -> None:
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    old = developed(service, key)
    server.says("/a/cat.jpg", head(status, {"content-length": "0"}))
    with pytest.raises(NotFound):
        developed(service, key)
    wait_for(lambda: service.variants.lookup(old.located.variant) is None)


@pytest.mark.parametrize(
    "fault",
    [
        [head(500, {"content-length": "0"})],
        [head(429, {"content-length": "0"})],
        [HangUp()],
        [HangUp(reset=True)],
        [b"no HTTP\r\n\r\n"],
        [head(302, {"location": "/a/cat.jpg", "content-length": "0"})],
    ],
)
def test_while_its_server_is_down_what_is_kept_is_served_and_nothing_else_is_made_up(
    fault: list[bytes], service: Service, server: ScriptedOrigin
) -> None:
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    made = developed(service, key)
    server.says("/a/cat.jpg", *fault)
    server.says("/a/dog.jpg", *fault)
    assert developed(service, key).data == made.data
    assert developed(service, key).cached
    with pytest.raises(StoreUnavailable):
        developed(service, f"{server.url}/a/dog.jpg")
    server.put("/a/dog.jpg", jpeg("blue"))
    assert colour(developed(service, f"{server.url}/a/dog.jpg").data) == "blue"


def test_when_its_server_is_gone_altogether_what_is_kept_is_served(
    serve: Callable[[str], Service],
) -> None:
    with origin() as server:
        server.put("/cat.jpg", jpeg("red"), etag='"1"')
        key = f"{server.url}/cat.jpg"
        service = serve(
            f'[remote]\nallow = ["{server.url}"]\nnetworks = ["127.0.0.0/8"]\nremember_seconds = 0'
        )
        made = developed(service, key)
    assert developed(service, key).data == made.data


def test_one_server_that_is_down_makes_no_other_stale(
    serve: Callable[[str], Service], server: ScriptedOrigin
) -> None:
    with origin() as other:
        other.put("/dog.jpg", jpeg("red"), etag='"1"')
        server.put("/cat.jpg", jpeg("red"), etag='"1"')
        service = serve(
            f'[remote]\nallow = ["{server.url}", "{other.url}"]\nnetworks = ["127.0.0.0/8"]\n'
            "remember_seconds = 0"
        )
        developed(service, f"{other.url}/dog.jpg")
        developed(service, f"{server.url}/cat.jpg")
    developed(service, f"{other.url}/dog.jpg")
    server.put("/cat.jpg", jpeg("blue"), etag='"2"')
    assert colour(developed(service, f"{server.url}/cat.jpg").data) == "blue"


def test_a_body_that_was_cut_short_leaves_nothing_behind(
    service: Service, server: ScriptedOrigin
) -> None:
    data, key = jpeg("red", (2_000, 1_500)), f"{server.url}/a/cat.jpg"
    length = {"content-length": str(len(data)), "etag": '"1"'}
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        server.says("/a/cat.jpg", head(200, length), data[:cut], HangUp())
        with pytest.raises(StoreUnavailable):
            developed(service, key)
        assert list(service.variants.store.list()) == []
    server.put("/a/cat.jpg", data, etag='"1"')
    assert colour(developed(service, key).data) == "red"


def test_what_changes_between_looking_up_and_opening_is_taken_as_it_is_then(
    service: Service, server: ScriptedOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight.fetch.kept._COMING_SECONDS", -1.0)
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    key = f"{server.url}/a/cat.jpg"
    located = service.locate(Match(key, Transform.of(w=64)), "")
    server.put("/a/cat.jpg", jpeg("blue"), etag='"2"')
    answer = service.make(located, deadline=soon())
    assert colour(answer.data) == "blue"
    assert answer.located.version != located.version
    assert service.lookup(located) is None


def test_all_widths_at_once_are_one_fetch(
    service: Service, server: ScriptedOrigin, gate: Gate
) -> None:
    data, there = jpeg("red"), threading.Event()
    length = {"content-length": str(len(data)), "etag": '"1"'}
    server.scripts["/a/cat.jpg"] = lambda asked: (
        [head(304, {"etag": '"1"'})]
        if "if-none-match" in asked.headers
        else [head(200, length), there, data]
    )
    key = f"{server.url}/a/cat.jpg"
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(developed, service, key, w=10)
        wait_for(lambda: server.asked)
        others = [threads.submit(developed, service, key, w=width) for width in range(20, 70, 10)]
        there.set()
        assert all(colour(flight.result(20).data) == "red" for flight in (first, *others))
    bodies = [asked for asked in server.asked if "if-none-match" not in asked.headers]
    assert len(bodies) <= 2
    assert gate.renders == 6


def test_a_picture_elsewhere_may_be_told_about(service: Service, server: ScriptedOrigin) -> None:
    server.put("/a/cat.jpg", jpeg("red"), etag='"secret <b>"', last_modified="secret")
    info = service.info(f"{server.url}/a/cat.jpg", deadline=soon())
    assert info.header.shown == (300, 200)
    assert info.version.isalnum()


def test_a_fixed_origin_is_a_source_like_any_other(
    serve: Callable[[str], Service], server: ScriptedOrigin
) -> None:
    service = serve(
        f'[source]\nurl = "{server.url}/images"\nremember_seconds = 0\n'
        f'[sources]\nold = "{server.url}/archive/"\n[remote]\nnetworks = ["127.0.0.1/32"]'
    )
    server.put("/images/cats/tabby%20cat.jpg", jpeg("red"), etag='"1"')
    server.put("/archive/cat.jpg", jpeg("blue"), etag='"1"')
    assert colour(developed(service, "cats/tabby cat.jpg").data) == "red"
    assert colour(developed(service, "old/cat.jpg").data) == "blue"
    assert service.samples(10) == []
    assert service.check() == {}
    # Nobody has allowed addresses.
    with pytest.raises(NotFound):
        developed(service, f"{server.url}/images/cats/tabby%20cat.jpg")


def test_a_mark_may_lie_on_an_origin(
    serve: Callable[[str], Service], server: ScriptedOrigin
) -> None:
    service = serve(
        f'[source]\nurl = "{server.url}"\nremember_seconds = 0\n'
        '[remote]\nnetworks = ["127.0.0.1/32"]'
    )
    server.put("/cat.jpg", jpeg("red"), etag='"1"')
    server.put("/mark.png", jpeg("blue", (20, 20)), etag='"1"')
    plain = developed(service, "cat.jpg")
    marked = developed(service, "cat.jpg", w=64, watermark="mark.png")
    assert marked.data != plain.data


def test_beside_a_folder_the_folder_stays_what_it_is(
    service: Service, server: ScriptedOrigin, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "cat.jpg").write_bytes(jpeg("blue"))
    server.put("/a/cat.jpg", jpeg("red"), etag='"1"')
    assert colour(developed(service, "cat.jpg").data) == "blue"
    assert colour(developed(service, f"{server.url}/a/cat.jpg").data) == "red"
    assert service.samples(10) == ["cat.jpg"]


def test_what_is_said_is_believed_for_as_long_as_is_set(
    serve: Callable[[str], Service], server: ScriptedOrigin
) -> None:
    service = serve(
        f'[remote]\nallow = ["{server.url}"]\nnetworks = ["127.0.0.1/32"]\n'
        "remember_seconds = 60\nmissing_seconds = 60"
    )
    server.put("/cat.jpg", jpeg("red"), etag='"1"')
    for _ in range(3):
        developed(service, f"{server.url}/cat.jpg")
        with pytest.raises(NotFound):
            developed(service, f"{server.url}/none.jpg")
    assert server.targets == ["/cat.jpg", "/none.jpg"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[remote]\nallow = ["example.com"]', r"remote\.allow: entry 1 is not https"),
        ('[remote]\nallow = "https://a.example, x"', r"remote\.allow: entry 2 is not https"),
        ('[remote]\nnetworks = ["0.0.0.0/0"]', r"remote\.networks: '0\.0\.0\.0/0' is public"),
        ("[remote]\nmissing_seconds = -1", r"remote\.missing_seconds: expected a number from 0"),
        ("[remote]\nredirects = 9", r"remote\.redirects is no setting: known are allow, networks"),
        ('[source]\nurl = "https://a:b@origin.example"', r"source\.url: the address names a user"),
        ('[sources]\nold = "https://origin.example/?a"', r"sources\.old: the address has a query"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(
    text: str, said: str, serve: Callable[[str], Service]
) -> None:
    with pytest.raises(SettingError, match=said):
        serve(text)


def test_nothing_that_fetches_is_loaded_where_nothing_is_fetched() -> None:
    loaded = "import sys, safelight.config; print('h11' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True)
    assert ran.stdout == b"False\n"


def test_settings_from_the_environment() -> None:
    settings = config.load(
        environment={
            "SAFELIGHT_REMOTE_ALLOW": "https://a.example/, https://*.b.example/c",
            "SAFELIGHT_REMOTE_NETWORKS": "10.0.0.0/8",
            "SAFELIGHT_REMOTE_REMEMBER_SECONDS": "5",
        }
    )
    assert settings.remote.allow == ("https://a.example/", "https://*.b.example/c")
    assert settings.remote.networks == ("10.0.0.0/8",)
    assert settings.remote.remember_seconds == 5


# The real server.


def test_over_http(
    server: ScriptedOrigin,
    tripwire: ScriptedOrigin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, home = tmp_path / "photos", tmp_path / "home"
    photos.mkdir()
    home.mkdir()
    server.put("/a/cat.jpg", jpeg("red"), etag='"secret"')
    server.says("/a/secret.jpg", head(500, {"content-length": "6", "x": "secret"}) + b"secret")
    server.redirects("/a/away.jpg", f"{tripwire.url}/secret.jpg")
    server.says("/a/large.jpg", head(200, {"content-length": "70000000"}))
    allowed = f'allow = ["{server.url}/a/", "{tripwire.url}/"]\nnetworks = ["127.0.0.1/32"]'
    with serving(photos, home, "--workers", "1", settings=f"[remote]\n{allowed}\n") as safelight:
        reply = safelight.get(f"/w=64/{server.url}/a/cat.jpg")
        assert (reply.status, reply["content-type"]) == (200, "image/jpeg")
        assert colour(reply.body) == "red"
        assert reply["cache-status"] == "Safelight; fwd=uri-miss; stored"
        escaped = f"{server.url}/a/cat.jpg".replace(":", "%3A").replace("/", "%2F")
        for written in (f"{server.url}/a/cat.jpg".replace("//", "/"), escaped):
            again = safelight.get(f"/w=64/{written}")
            assert (again["cache-status"], again.body) == ("Safelight; hit", reply.body)
        monkeypatch.chdir(home)
        purged = run("purge", f"{server.url}/a/cat.jpg".replace("http://", "HTTP:/"))
        assert purged.stdout == f"1 variant of {server.url}/a/cat.jpg removed\n"
        assert safelight.get(f"/w=64/{server.url}/a/cat.jpg")["cache-status"] != "Safelight; hit"
        told = safelight.get(f"/info/{server.url}/a/cat.jpg")
        assert (told.json["width"], told.json["key"]) == (300, f"{server.url}/a/cat.jpg")
        answers = [
            (f"{server.url}/a/none.jpg", 404, "not_found"),
            (f"{server.url}/a/secret.jpg", 503, "store_unavailable"),
            (f"{server.url}/a/away.jpg", 403, "forbidden"),
            (f"{server.url}/a/large.jpg", 413, "too_large"),
            (f"{server.url}/b/cat.jpg", 403, "forbidden"),
            (f"{tripwire.url}/cat.jpg", 403, "forbidden"),
            ("https://example.com/cat.jpg", 403, "forbidden"),
            (f"http://a:b@127.0.0.1:{server.port}/a/cat.jpg", 400, "malformed"),
            ("http://127.1/a/cat.jpg", 400, "malformed"),
        ]
        for key, status, code in answers:
            refused = safelight.get(f"/w=64/{key}")
            assert (refused.status, refused.code) == (status, code), key
            assert b"secret" not in refused.body.replace(key.encode(), b"")
            assert b"127.0.0.2" not in refused.body
        assert "127.0.0.2 (loopback" in safelight.output
    assert tripwire.connections == 0
