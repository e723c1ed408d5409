"""The application inside another one: mounted, or beside it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from safelight import config
from safelight.errors import SafelightError, SettingError
from safelight.http.app import Application
from safelight.http.exchange import Receive, Scope, Send, respond
from safelight.http.observing import tracer_of
from safelight.service import Service
from safelight.web.exchange import problem

App = Callable[[Any, Any, Any], Awaitable[None]]


def embedded(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    **sections: Mapping[str, Any],
) -> Embedded:
    """Make an ASGI application to be mounted inside another.

    Settings are read as the command does: ``file``, by default ``safelight.toml`` in the working
    directory, then the environment, then ``sections``: ``source={"url": "s3://photos"}``. Raises
    SettingError, also when anyone could ask for anything and it is not said that they may.
    """
    settings = config.load(file, environment=environment, overrides=sections)
    if not settings.security.exposable:
        raise SettingError(
            "security: whoever reaches the application around could ask for anything: set "
            "security.keys, so that only signed addresses are answered, or security.presets_only, "
            "or security.unsigned = true if that is what you want"
        )
    return Embedded(settings)


class Embedded:
    """An ASGI application that starts its workers when they are needed first.

    Where the application around tells that it starts and stops, hand it ``lifespan``; elsewhere
    the first request starts the workers, and they end with the process.
    """

    def __init__(self, settings: config.Settings) -> None:
        """Nothing is opened or started yet, so that a process may still be forked."""
        self._settings = settings
        self._lock = threading.Lock()
        self._service: Service | None = None
        self._application: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one event of ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            application = self._application
            try:
                if application is None:
                    application = await asyncio.to_thread(self.start)
            except SafelightError as error:
                await respond(send, problem(error), head=scope["method"] == "HEAD", closing=False)
                return
            await application(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _around: object = None) -> AsyncIterator[None]:
        """Keep the workers running: a lifespan as Starlette and FastAPI take it."""
        await asyncio.to_thread(self.start)
        try:
            yield
        finally:
            await asyncio.to_thread(self.close)

    def beside(self, other: App, *, at: str) -> App:
        """Make an ASGI application of this one, below the path ``at``, and another one elsewhere.

        For those that mount nothing themselves. ``other`` is not told of start and stop.
        """
        root = at.rstrip("/")

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await self._live(receive, send)
                return
            below = scope.get("root_path", "") + root
            if scope["type"] == "http" and scope["path"].startswith(f"{below}/"):
                await self({**scope, "root_path": below}, receive, send)
            else:
                await other(scope, receive, send)

        return both

    def start(self) -> Application:
        """Start the workers, if they do not run. Raises SettingError, WorkerLost."""
        with self._lock:
            if self._application is None:
                service = config.build(self._settings)
                try:
                    service.start()
                except BaseException:
                    service.close()
                    raise
                atexit.register(self.close)
                self._service = service
                self._application = self._around(service)
            return self._application

    def _around(self, service: Service) -> Application:
        """Show to whoever may come only what is said to be shown to all."""
        settings = self._settings
        index = settings.server.index == "on" and settings.security.unrestricted
        metrics = settings.observe.metrics == "on"
        tracer = tracer_of(settings.observe, export=False)
        pipelines = config.pipelines(
            settings,
            renderer=service.renderer,
            stored=service.variants,
            counted=service.metrics.store_calls,
        )
        return Application(
            service, settings, index=index, metrics=metrics, tracer=tracer, pipelines=pipelines
        )

    def close(self) -> None:
        """End the workers, if they run; a request would start them again."""
        with self._lock:
            service, self._service, self._application = self._service, None, None
        atexit.unregister(self.close)
        if service is not None:
            service.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await asyncio.to_thread(self.start)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self.close)
        await send({"type": "lifespan.shutdown.complete"})
