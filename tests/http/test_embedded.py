"""The application inside another: when its workers run, and which addresses are its own."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safelight.errors import SettingError, WorkerLost
from safelight.http import Embedded, embedded
from safelight.http.exchange import incoming

MEADOW = "photo-1mp.jpg"


@pytest.fixture
def images(data: Path, tmp_path: Path) -> Any:
    images = embedded(
        environment={},
        source={"url": f"file:{data / 'photos'}"},
        variants={"url": f"file:{tmp_path / 'variants'}"},
        workers={"processes": 1},
        security={"unsigned": True},
    )
    yield images
    images.close()


def running(images: Embedded) -> bool:
    return images._service is not None


def ask(app: Any, path: str, **scope: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send one GET through ASGI."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": path, "headers": []} | scope
    asyncio.run(app(whole, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def live(app: Any, during: Callable[[], object] = lambda: None) -> list[dict[str, Any]]:
    """Tell an application that it starts and stops."""
    sent: list[dict[str, Any]] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        message = next(messages)
        if message.endswith("shutdown"):
            during()
        return {"type": message}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": "lifespan"}, receive, send))
    return sent


async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_it_is_not_open_to_all_unless_it_is_said() -> None:
    with pytest.raises(SettingError, match=r"security\.keys.*security\.unsigned = true"):
        embedded(environment={})
    for security in ({"unsigned": True}, {"presets_only": True}, {"keys": ["x" * 16]}):
        embedded(environment={}, security=security)


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(SettingError, match=r"server\.prt is no setting"):
        embedded(environment={}, server={"prt": 5})


def test_the_first_request_starts_the_workers_and_close_ends_them(images: Embedded) -> None:
    assert not running(images)
    assert ask(images, f"/64x64/{MEADOW}")[0] == 200
    first = images._service
    assert ask(images, f"/65x65/{MEADOW}")[0] == 200
    assert images._service is first
    assert first is not None
    images.close()
    assert not running(images)
    # Closing is not the end: an application that is started again finds it working.
    assert ask(images, f"/66x66/{MEADOW}")[0] == 200
    assert images._service is not first


def test_a_lifespan_starts_and_ends_the_workers(images: Embedded) -> None:
    async def around() -> None:
        async with images.lifespan(object()):
            assert running(images)

    asyncio.run(around())
    assert not running(images)
    ran = []
    for app in (images, images.beside(elsewhere, at="/images")):
        said = live(app, lambda: ran.append(running(images)))
        assert [message["type"] for message in said] == [
            "lifespan.startup.complete", "lifespan.shutdown.complete",
        ]  # fmt: skip
        assert not running(images)
    assert ran == [True, True]


def test_workers_that_do_not_start_are_told_as_everything_is(
    images: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise WorkerLost("a rendering process did not start")

    monkeypatch.setattr("safelight.service.Service.start", lost)
    status, headers, body = ask(images, f"/64x64/{MEADOW}")
    assert (status, headers[b"content-type"]) == (503, b"application/problem+json")
    assert b'"worker_lost"' in body
    assert not running(images)
    with pytest.raises(WorkerLost):
        live(images)


@pytest.mark.parametrize("at", ["/images", "/images/"])
@pytest.mark.parametrize("root", ["", "/outer"])
def test_it_stands_beside_another(images: Embedded, at: str, root: str) -> None:
    both = images.beside(elsewhere, at=at)
    status, headers, body = ask(both, f"{root}/images/openapi.json", root_path=root)
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    assert f'"url": "{root}/images"'.encode() in body
    for path in ("/", "/imagesx/a", f"/64x64/{MEADOW}", "/images"):
        assert ask(both, root + path, root_path=root)[::2] == (418, (root + path).encode())


def test_what_is_for_this_machine_is_off_unless_it_is_said(
    images: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [ask(images, path)[0] for path in ("/", "/metrics")] == [404, 404]
    images.close()
    shown = {"server": {"index": "on"}, "observe": {"metrics": "on"}}
    told = replace(
        images._settings,
        **{
            name: replace(getattr(images._settings, name), **value) for name, value in shown.items()
        },
    )
    monkeypatch.setattr(images, "_settings", told)
    assert [ask(images, path)[0] for path in ("/", "/metrics")] == [200, 200]


# Addresses as servers hand them on


def path_of(path: str, root: str = "", **scope: Any) -> str:
    whole = {"method": "GET", "path": path, "root_path": root, "headers": []} | scope
    return incoming(whole).path


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        (b"/images/5x/a%2Fb.jpg", "/images", "/5x/a%2Fb.jpg"),
        (b"/5x/a%2Fb.jpg", "/images", "/5x/a%2Fb.jpg"),
        (b"/b%C3%BCro/5x/a.jpg", "/büro", "/5x/a.jpg"),
        (b"/a%20b/5x/a.jpg", "/a b", "/5x/a.jpg"),
        (b"/imagesx/a.jpg", "/images", "/imagesx/a.jpg"),
    ],
)
def test_the_mount_is_taken_off_an_address(raw: bytes, root: str, path: str) -> None:
    assert path_of("", root, raw_path=raw) == path


@pytest.mark.parametrize("name", ["REQUEST_URI", "RAW_URI"])
def test_a_bridge_from_wsgi_gives_the_address_as_it_was_sent(name: str) -> None:
    environ = {name: "/images/w=5,text=a%2Cb/c%2Fd.jpg?x=%2F"}
    decoded = "/images/w=5,text=a,b/c/d.jpg"
    assert path_of(decoded, "/images", wsgi_environ=environ) == "/w=5,text=a%2Cb/c%2Fd.jpg"


@pytest.mark.parametrize("environ", [{}, {"REQUEST_URI": "/rewritten/a.jpg"}])
def test_an_address_that_was_decoded_is_encoded_again(environ: dict[str, str]) -> None:
    decoded = "/images/w=5,h=6/näh er.jpg"
    written = path_of(decoded, "/images", wsgi_environ=environ)
    assert written == "/w=5,h=6/n%C3%A4h%20er.jpg"
