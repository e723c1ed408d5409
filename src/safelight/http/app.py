"""The ASGI application: what waits is awaited."""

from __future__ import annotations

import asyncio

from safelight.config import Settings
from safelight.http.events import Notifications
from safelight.http.exchange import Receive, Scope, Send, incoming, respond
from safelight.http.observing import Observer, Tracer
from safelight.http.pictures import Pictures
from safelight.observe import Request, enter, leave
from safelight.service import Service
from safelight.web.addresses import bounded
from safelight.web.doors import PICTURES, Doors, failure
from safelight.web.events import Handler
from safelight.web.exchange import Incoming, Response


class Application:
    """Serve a service over ASGI; can be mounted inside another application."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        *,
        index: bool,
        metrics: bool = False,
        tracer: Tracer | None = None,
        pipelines: Handler | None = None,
    ) -> None:
        """``index``: whether ``/`` lists sources; ``metrics``: whether ``/metrics`` answers.

        ``pipelines``: what is done about uploads, None for nothing.
        """
        self._service = service
        self._observer = Observer(
            service.metrics, access_log=settings.observe.access_log, tracer=tracer
        )
        # Set when the server is about to stop: each answer then tells that its connection ends.
        self.closing = False
        self._doors = Doors(service, settings, index=index, metrics=metrics, pipelines=pipelines)
        self._pictures = Pictures(service, self._doors.responses, settings)
        self._notifications = Notifications(
            self._doors.events, body_seconds=settings.server.body_seconds
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one event of ASGI: a request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._observer.begin(scope)
        token = enter(request)
        response = None
        try:
            response = await self._answer(scope, receive, request)
            head = scope["method"] == "HEAD"
            await respond(send, response, head=head, closing=self.closing)
        finally:
            self._observer.end(request, scope, response)
            leave(token)

    async def _answer(self, scope: Scope, receive: Receive, request: Request) -> Response:
        try:
            asking = self._doors.opened(incoming(scope), request)
            return bounded(await self._route(asking, receive, request.door), asking)
        except Exception as error:  # noqa: BLE001 - answered whatever happens; failure logs it
            return failure(error)

    async def _route(self, incoming: Incoming, receive: Receive, door: str) -> Response:
        if door in PICTURES:
            incoming.allow("GET", "HEAD")
            return await self._pictures.variant(incoming)
        if incoming.path == "/resize":
            incoming.allow("POST")
            return await self._pictures.upload(incoming, receive)
        if incoming.path == "/events":
            return await self._notifications.answer(incoming, receive)
        if (purge := self._doors.purge(incoming)) is not None:
            return await asyncio.to_thread(purge)
        incoming.allow("GET", "HEAD")
        if incoming.path.startswith("/info/"):
            return await self._pictures.info(incoming)
        if (page := self._doors.page(incoming)) is not None:
            return page
        if (slow := self._doors.slow_page(incoming)) is not None:
            return await asyncio.to_thread(slow)
        return await self._pictures.variant(incoming)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await asyncio.to_thread(self._service.start)
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._notifications.close()
                await asyncio.to_thread(self._service.close)
                await send({"type": "lifespan.shutdown.complete"})
                return
