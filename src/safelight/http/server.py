"""Run the application on Granian, in this process."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from safelight.errors import SettingError
from safelight.http import connections
from safelight.http.app import Application

log = logging.getLogger("safelight")

_MAX_HEAD = 65_536
_BACKLOG = 2_048
_OTHER_FILES = 64
_NOTICE_SECONDS = 0.1
_LOOK_SECONDS = 0.02


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
    grace_seconds: float,
    ready: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was begun.

    ``ready`` is called when requests are answered. ``idle_seconds`` bounds how long a client may
    say nothing while it sends a request's head, and read nothing of what it asked for.
    ``grace_seconds`` after the signal, or at a second signal, what is not finished is broken off.
    """
    asyncio.run(_serve(application, host, port, idle_seconds, grace_seconds, ready))


async def _serve(
    application: Application,
    host: str,
    port: int,
    idle_seconds: float,
    grace_seconds: float,
    ready: Callable[[], None],
) -> None:
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_most_connections(),
        http1_settings=HTTP1Settings(
            header_read_timeout=round(idle_seconds * 1_000), max_buffer_size=_MAX_HEAD
        ),
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    asked, insisted = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: insisted.set() if asked.is_set() else asked.set())
    serving = asyncio.create_task(server.serve())
    while not serving.done() and not connections.bound_unread(port, idle_seconds):  # noqa: ASYNC110 - Granian does not tell when it listens
        await asyncio.sleep(_LOOK_SECONDS)
    if not serving.done():
        await asyncio.to_thread(ready)
    await _first(serving, asked)
    if not serving.done():
        # Clients that keep their connection hear of the end with an answer, not by a closed door.
        application.closing = True
        await asyncio.sleep(_NOTICE_SECONDS)
        server.stop()  # type: ignore[no-untyped-call]
        await _first(serving, insisted, seconds=grace_seconds)
    if not serving.done():
        log.warning("stopped with %d connections unfinished", connections.end_all(port))
    await serving


def _most_connections() -> int:
    """Raise the bound on open files as far as it is of use, and return the connections that fit.

    Each may need a second descriptor, for the body that it sends.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * (_BACKLOG + _OTHER_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(_BACKLOG, soft // 2 - _OTHER_FILES))
    return _BACKLOG


async def _first(
    serving: asyncio.Task[None], event: asyncio.Event, seconds: float | None = None
) -> None:
    """Wait for the end of the server or an event, at most ``seconds``."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait(
        {serving, waiting},
        timeout=seconds,
        return_when=asyncio.FIRST_COMPLETED,
    )
    waiting.cancel()
