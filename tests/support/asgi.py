"""An application asked without a server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from safelight import config
from safelight.http import Application
from safelight.http.observing import Tracer
from safelight.limits import Limits
from safelight.workers.inprocess import InProcess

Message = dict[str, Any]


@contextmanager
def applying(
    photos: Path, variants: Path, *, tracer: Tracer | None = None, **sections: Any
) -> Iterator[Application]:
    """Give an application that renders in this process and tells its metrics."""
    overrides = {
        "source": {"url": f"file:{photos}"},
        "variants": {"url": f"file:{variants}"},
        **sections,
    }
    settings = config.load(environment={}, overrides=overrides)
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    service.start()
    try:
        yield Application(service, settings, index=True, metrics=True, tracer=tracer)
    finally:
        service.close()


def scope(path: str, *, root: str = "", method: str = "GET", **headers: str) -> Message:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": root + unquote(raw),
        "raw_path": (root + raw).encode(),
        "root_path": root,
        "query_string": query.encode(),
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()],
    }


def asked(
    application: Application, scope: Message, messages: list[Message] | None = None
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Play the server for one request; `messages` are what the client sends."""
    waiting = [*(messages or [{"type": "http.request", "body": b"", "more_body": False}])]
    sent: list[Any] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    start, body = sent
    assert start["type"] == "http.response.start"
    assert (body["type"], body["more_body"]) == ("http.response.body", False)
    return start["status"], dict(start["headers"]), body["body"]
