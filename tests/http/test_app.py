"""The application without a server: mounted elsewhere, started, stopped, and when it fails."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import config
from safelight.http import Application
from safelight.limits import Limits
from safelight.service import Service
from safelight.workers.inprocess import InProcess
from tests.support.asgi import Message, asked, scope


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> config.Settings:
    """Give settings for the test photographs."""
    return config.load(
        environment={},
        overrides={
            "source": {"url": f"file:{data / 'photos'}"},
            "variants": {"url": f"file:{tmp_path / 'variants'}"},
        },
    )


@pytest.fixture
def service(settings: config.Settings) -> Iterator[Service]:
    """Give a service that renders in this process."""
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    service.start()
    yield service
    service.close()


@pytest.fixture
def application(service: Service, settings: config.Settings) -> Application:
    """Give the application that serves it."""
    return Application(service, settings, index=True)


@pytest.mark.parametrize("root", ["", "/images", "/a/b"])
def test_an_application_works_wherever_it_is_mounted(application: Application, root: str) -> None:
    status, headers, body = asked(application, scope("/64x64/photo-1mp.jpg", root=root))
    assert (status, headers[b"content-type"]) == (200, b"image/jpeg")
    assert body
    assert asked(application, scope("/info/photo-1mp.jpg", root=root))[0] == 200
    assert asked(application, scope("/healthz", root=root))[0] == 200
    page = asked(application, scope("/", root=root))[2].decode()
    assert f'src="{root}/static/safelight.js"' in page
    assert f'href="{root}/800x600/' in page


def test_a_server_that_takes_the_root_away_is_understood_too(application: Application) -> None:
    asking = scope("/64x64/photo-1mp.jpg") | {"root_path": "/images"}
    assert asked(application, asking)[0] == 200


def test_a_server_without_raw_paths_is_understood_too(application: Application) -> None:
    asking = scope("/64x64/photo%2D1mp.jpg")
    del asking["raw_path"]
    assert asked(application, asking)[0] == 200


def test_a_raw_path_may_hold_the_query(application: Application) -> None:
    asking = scope("/picture/photo-1mp.jpg?scalex=20")
    asking["raw_path"] += b"?scalex=20"
    assert asked(application, asking)[0] == 200


def test_a_body_arrives_in_pieces(application: Application, data: Path) -> None:
    picture = (data / "photos" / "photo-1mp.jpg").read_bytes()
    pieces: list[Message] = [
        {"type": "http.request", "body": picture[:5], "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": picture[5:], "more_body": True},
        {"type": "http.request"},
    ]
    status, headers, _ = asked(application, scope("/resize", method="POST"), pieces)
    assert (status, headers[b"x-resized-size"]) == (200, b"300x240")


def test_a_client_that_leaves_in_the_middle_of_its_body_is_let_go(
    application: Application,
) -> None:
    pieces: list[Message] = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert asked(application, scope("/resize", method="POST"), pieces)[0] == 408


def test_a_length_that_is_announced_is_refused_before_a_byte_is_read(
    application: Application,
) -> None:
    asking = scope("/resize", method="POST", content_length="64000001")
    status, _, body = asked(application, asking, [])
    assert (status, json.loads(body)["code"]) == (413, "too_large")


def test_an_unknown_failure_is_an_internal_error_whose_reason_is_in_the_log_only(
    application: Application,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("a secret reason")

    monkeypatch.setattr(service, "locate", fail)
    with caplog.at_level(logging.ERROR):
        status, headers, body = asked(application, scope("/64x64/photo-1mp.jpg"))
    assert (status, json.loads(body)["code"]) == (500, "internal")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"secret" not in body
    assert "a secret reason" in caplog.text


def test_an_application_starts_and_stops_with_its_server(settings: config.Settings) -> None:
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    application = Application(service, settings, index=False)
    sent: list[Any] = []
    asking = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return asking.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(application({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert service.capabilities["reads"]


def test_a_renderer_that_cannot_start_stops_the_start(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))

    def fail() -> None:
        raise RuntimeError("no libvips")

    monkeypatch.setattr(service, "start", fail)
    sent: list[Any] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    application = Application(service, settings, index=False)
    with pytest.raises(RuntimeError, match="no libvips"):
        asyncio.run(application({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "lifespan.startup.failed", "message": "no libvips"}]
    service.close()


def test_not_ready_before_the_start(settings: config.Settings) -> None:
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    status, _, body = asked(Application(service, settings, index=False), scope("/readyz"))
    assert status == 503
    assert json.loads(body) == {"ready": False, "workers": "no rendering process is ready"}
    service.close()
