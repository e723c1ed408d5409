"""The least that the same server can do: the same bytes from memory, or 304, whatever is asked.

Run as ``python -m bench.baseline FILE ETAG``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from safelight.http.exchange import Receive, Scope, Send
from safelight.http.server import free_port


class Baseline:
    """An ASGI application without a decision, but one."""

    def __init__(self, body: bytes, etag: str) -> None:
        self._body = body
        self._etag = etag.encode()
        self._headers = [
            (b"content-type", b"image/jpeg"),
            (b"content-length", b"%d" % len(body)),
            (b"etag", self._etag),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        fresh = dict(scope["headers"]).get(b"if-none-match") == self._etag
        await send(
            {
                "type": "http.response.start",
                "status": 304 if fresh else 200,
                "headers": self._headers[2:] if fresh else self._headers,
            }
        )
        await send({"type": "http.response.body", "body": b"" if fresh else self._body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "lifespan.startup":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def main(application: Baseline) -> None:
    """Serve until SIGTERM."""
    port = free_port("127.0.0.1", 0)
    server = Server(
        application,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    print(f"http://127.0.0.1:{port}/", flush=True)
    await server.serve()


if __name__ == "__main__":
    asyncio.run(main(Baseline(Path(sys.argv[1]).read_bytes(), sys.argv[2])))
