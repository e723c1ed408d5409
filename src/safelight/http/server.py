"""Run the application on Granian, in this process."""

from __future__ import annotations

import asyncio
import signal
import socket

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from safelight.errors import SettingError
from safelight.http.app import Application

_MAX_HEAD = 65_536
_BACKLOG = 2_048


def free_port(host: str, port: int) -> int:
    """Make sure that a port can be listened on; 0 chooses one. Raises SettingError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingError(
                f"server.port: {host}:{port} cannot be listened on ({error.strerror}): "
                "stop what is using it, or choose another with --port"
            ) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def serve(
    application: Application,
    *,
    host: str,
    port: int,
    idle_seconds: float,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was begun.

    ``idle_seconds`` bounds how long a connection may take to send a request's head.
    """
    asyncio.run(_serve(application, host, port, idle_seconds))


async def _serve(application: Application, host: str, port: int, idle_seconds: float) -> None:
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        http1_settings=HTTP1Settings(
            header_read_timeout=round(idle_seconds * 1_000), max_buffer_size=_MAX_HEAD
        ),
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
