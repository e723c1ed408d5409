"""The blocking way through is the same as that over ASGI, whatever is asked."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safelight import config
from safelight.errors import StoreUnavailable
from safelight.http import Application
from safelight.limits import Limits
from safelight.observe import Request, enter, leave
from safelight.service import Service
from safelight.signing import Signer
from safelight.web.doors import Doors
from safelight.web.exchange import Incoming, Response
from safelight.workers.inprocess import InProcess
from tests.support.asgi import Message, asked, scope

PHOTO = "photo-1mp.jpg"
KEY = "correct horse battery staple"
ADMIN = "an-admin-key-that-is-long-enough"
SETTINGS: dict[str, Any] = {
    "presets": {"thumb": "w=100,h=100,fit=inside,format=jpeg", "modern": "w=90,format=auto"},
    "security": {"keys": [KEY], "unsigned": True, "admin_key": ADMIN},
}
BOTH = {"x_request_id": "both"}
# Of an answer that differs from time to time.
CHANGING = {b"server-timing", b"last-modified"}
ASKED: list[tuple[str, str, dict[str, str]]] = [
    ("GET", f"/64x64/{PHOTO}", {}),
    ("HEAD", f"/64x64/{PHOTO}", {}),
    ("GET", f"/thumb/{PHOTO}", {}),
    ("GET", f"/modern/{PHOTO}", {"accept": "image/avif,image/webp"}),
    ("GET", f"/modern/{PHOTO}", {}),
    ("GET", f"/original/{PHOTO}", {"range": "bytes=0-99"}),
    ("GET", f"/65x64/{PHOTO}", {"range": "bytes=999999-"}),
    ("GET", f"/66x64/{PHOTO}", {"if_none_match": "*"}),
    ("GET", f"/pic/64/{PHOTO}", {}),
    ("GET", f"/picture/{PHOTO}?scalex=64&encoding=webp", {}),
    ("GET", Signer(KEY).sign(f"/67x64/{PHOTO}", expires=4_000_000_000), {}),
    ("GET", Signer(KEY).sign(f"/67x64/{PHOTO}").replace("67", "68"), {}),
    ("GET", f"/info/{PHOTO}", {}),
    ("GET", f"/info/{PHOTO}?analyse", {}),
    ("GET", "/info/nothing.jpg", {}),
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/static/safelight.js", {}),
    ("GET", "/static/nothing.js", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/", {}),
    ("GET", "/metrics", {}),
    ("GET", "/nothing", {}),
    ("GET", "/64x64/nothing.jpg", {}),
    ("GET", "/64x64/%zz.jpg", {}),
    ("GET", f"/w=much/{PHOTO}", {}),
    ("GET", "/64x64/truncated.jpg", {}),
    ("PUT", f"/64x64/{PHOTO}", {}),
    ("GET", "/resize", {}),
    ("POST", "/resize?width=50", {}),
    ("POST", "/resize?width=none", {}),
    ("DELETE", f"/purge/{PHOTO}", {}),
    ("DELETE", f"/purge/{PHOTO}", {"authorization": f"Bearer {ADMIN}"}),
    ("GET", "/purge", {}),
    ("GET", "/64x64/" + "a" * 9_000, {}),
]


@dataclass
class Faces:
    """Two services alike, asked in two ways."""

    application: Application
    doors: Doors
    service: Service


@pytest.fixture(scope="module")
def photos(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a photograph and one that is cut off."""
    folder = tmp_path_factory.mktemp("photos")
    photograph = (data / "photos" / PHOTO).read_bytes()
    (folder / PHOTO).write_bytes(photograph)
    (folder / "truncated.jpg").write_bytes(photograph[:90_000])
    return folder


def started(photos: Path, store: Path, public_url: str = "") -> tuple[Service, config.Settings]:
    overrides = {
        **SETTINGS,
        "source": {"url": f"file:{photos}"},
        "variants": {"cache_tags": True, "url": f"file:{store}", "public_url": public_url},
    }
    settings = config.load(environment={}, overrides=overrides)
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    service.start()
    return service, settings


@pytest.fixture(scope="module")
def faces(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    """Start both."""
    folder = tmp_path_factory.mktemp("variants")
    one, settings = started(photos, folder / "one")
    other, _ = started(photos, folder / "other")
    yield Faces(
        Application(one, settings, index=True),
        Doors(other, settings, index=True),
        other,
    )
    one.close()
    other.close()


def answered(
    doors: Doors,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    most_bytes: int | None = None,
) -> Response:
    """Ask as a function does."""
    raw, _, query = path.partition("?")
    pairs = [(n.replace("_", "-").encode(), v.encode()) for n, v in (headers or {}).items()]
    token = enter(Request("both"))
    try:
        incoming = Incoming.of(method, raw.encode(), query.encode(), "", pairs)
        response = doors.answer(incoming, body, most_bytes=most_bytes)
        return replace(response, headers=response.complete())
    finally:
        leave(token)


@pytest.mark.parametrize(("method", "path", "headers"), ASKED, ids=lambda value: str(value)[:40])
def test_both_ways_give_the_same(
    faces: Faces, photos: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    body = (photos / PHOTO).read_bytes() if method == "POST" else b""
    messages: list[Message] = [{"type": "http.request", "body": body}]
    # Missed, then found.
    for _ in range(2):
        asking = scope(path, method=method, **BOTH, **headers)
        status, told, sent = asked(faces.application, asking, messages)
        if len(path) > 8_000:
            assert status == 414
            return
        response = answered(faces.doors, method, path, headers, body)
        assert response.status == status
        assert kept(dict(response.headers)) == kept(told)
        assert b"server-timing" not in told or b"server-timing" in dict(response.headers)
        if method != "HEAD":
            assert response.body == sent


def kept(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in headers.items() if name not in CHANGING}


def test_an_upload_needs_a_body(faces: Faces) -> None:
    response = answered(faces.doors, "POST", "/resize")
    assert (response.status, json.loads(response.body)["code"]) == (400, "empty_body")


def test_an_upload_of_too_many_bytes_is_refused_before_it_is_looked_at(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(faces.service, "resize", fail)
    monkeypatch.setattr(faces.service, "limits", Limits(source_bytes=1_000))
    response = answered(faces.doors, "POST", "/resize", body=bytes(1_001))
    assert (response.status, json.loads(response.body)["code"]) == (413, "too_large")


def test_an_unknown_failure_is_answered_without_its_reason(
    faces: Faces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("a secret reason")

    monkeypatch.setattr(faces.service, "find", fail)
    response = answered(faces.doors, "GET", f"/64x64/{PHOTO}")
    assert (response.status, json.loads(response.body)["code"]) == (500, "internal")
    assert b"secret" not in response.body
    assert "a secret reason" in caplog.text


# What cannot be carried


@pytest.fixture
def published(photos: Path, tmp_path: Path) -> Iterator[tuple[Doors, Service, Path]]:
    """Give doors to a service whose variants everybody reads at an address."""
    store = tmp_path / "variants"
    service, settings = started(photos, store, "https://cdn.example.com/v")
    yield Doors(service, settings), service, store
    service.close()


def told(response: Response, name: bytes) -> str:
    return dict(response.headers).get(name, b"").decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_picture_that_is_too_large_to_carry_is_fetched_where_it_is_stored(
    published: tuple[Doors, Service, Path], method: str
) -> None:
    doors, _, store = published
    whole = answered(doors, "GET", f"/200x200/{PHOTO}")
    most = len(whole.body) - 1
    for path, kept in ((f"/201x200/{PHOTO}", "no-store"), (f"/200x200/{PHOTO}", "public, max-")):
        response = answered(doors, method, path, most_bytes=most)
        assert (response.status, response.body) == (302, b"")
        place = told(response, b"location").removeprefix("https://cdn.example.com/v/")
        assert (store / place).read_bytes()[:2] == b"\xff\xd8"
        # Before it was there, its address is not to be kept.
        assert told(response, b"cache-control").startswith(kept)
    assert answered(doors, method, f"/200x200/{PHOTO}", most_bytes=most + 1).status == 200


def test_a_part_that_fits_is_carried(published: tuple[Doors, Service, Path]) -> None:
    headers = {"range": "bytes=0-9"}
    response = answered(published[0], "GET", f"/200x200/{PHOTO}", headers, most_bytes=10)
    assert (response.status, len(response.body)) == (206, 10)


def test_an_upload_that_is_too_large_to_carry_is_stored_for_its_viewer(
    published: tuple[Doors, Service, Path], photos: Path
) -> None:
    doors, service, store = published
    body = (photos / PHOTO).read_bytes()
    whole = answered(doors, "POST", "/resize", body=body)
    response = answered(doors, "POST", "/resize", body=body, most_bytes=1_000)
    assert (response.status, response.body) == (303, b"")
    assert told(response, b"cache-control") == "no-store"
    assert told(response, b"x-resized-size") == "300x240"
    place = told(response, b"location").removeprefix("https://cdn.example.com/v/")
    assert (store / place).read_bytes() == whole.body
    # It goes with all others.
    assert place in service.variants.purge_all()


def test_an_upload_that_is_stored_counts_among_what_may_be_kept(
    published: tuple[Doors, Service, Path], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors, service, _ = published
    grown: list[int] = []
    monkeypatch.setattr(service.variants.bound, "grown", grown.append)
    body = (photos / PHOTO).read_bytes()
    whole = answered(doors, "POST", "/resize", body=body)
    assert grown == []
    answered(doors, "POST", "/resize", body=body, most_bytes=1_000)
    assert grown == [len(whole.body)]


def test_a_viewer_is_not_sent_to_what_is_gone_again(
    published: tuple[Doors, Service, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors, service, _ = published
    # Stored, and swept away or purged before anybody could read it.
    monkeypatch.setattr(service.variants, "readable", lambda variant: False)
    response = answered(doors, "GET", f"/205x200/{PHOTO}", most_bytes=1_000)
    assert (response.status, json.loads(response.body)["code"]) == (503, "store_unavailable")


def test_what_nobody_could_read_says_which_setting_helps(faces: Faces, photos: Path) -> None:
    body = (photos / PHOTO).read_bytes()
    for method, path in (("GET", f"/202x200/{PHOTO}"), ("POST", "/resize")):
        response = answered(faces.doors, method, path, body=body, most_bytes=1_000)
        problem = json.loads(response.body)
        assert (response.status, problem["code"]) == (500, "setting")
        assert problem["detail"].startswith("variants.public_url: ")


def test_what_could_not_be_stored_is_asked_for_again(
    published: tuple[Doors, Service, Path], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> float:
        raise StoreUnavailable("the disk is full")

    doors, service, _ = published
    monkeypatch.setattr(service.variants, "publish", fail)
    monkeypatch.setattr(service.variants.store, "put", fail)
    body = (photos / PHOTO).read_bytes()
    for method, path in (("GET", f"/203x200/{PHOTO}"), ("POST", "/resize")):
        response = answered(doors, method, path, body=body, most_bytes=1_000)
        problem = json.loads(response.body)
        assert (response.status, problem["code"]) == (503, "store_unavailable")
        assert "variants.url" in problem["detail"]
        # A small one is simply answered.
        assert answered(doors, "GET", f"/20x20/{PHOTO}", most_bytes=9_000).status == 200


def test_a_deadline_that_is_over_is_no_picture(faces: Faces) -> None:
    incoming = Incoming.of("GET", f"/204x200/{PHOTO}".encode(), b"", "", [])
    response = faces.doors.answer(incoming, deadline=time.monotonic() - 1)
    assert (response.status, json.loads(response.body)["code"]) == (504, "deadline_exceeded")


# What is done beside


def test_nothing_is_left_to_be_removed_when_a_service_has_settled(
    photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    (folder / PHOTO).write_bytes((photos / PHOTO).read_bytes())
    store = tmp_path / "variants"
    service, settings = started(folder, store)
    doors = Doors(service, settings)
    answered(doors, "GET", f"/30x30/{PHOTO}")
    (before,) = [path for path in store.rglob("*") if path.is_file() and path.suffix == ""]
    new = folder / "new.jpg"
    new.write_bytes((photos / PHOTO).read_bytes() + b"\0")
    new.rename(folder / PHOTO)
    answered(doors, "GET", f"/30x30/{PHOTO}")
    service.settle(time.monotonic() + 10)
    assert not before.exists()
    service.close()
