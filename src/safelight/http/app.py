"""The ASGI application: which address means what."""

from __future__ import annotations

import asyncio
import logging

from safelight import openapi
from safelight.config import Settings, grammar
from safelight.errors import MethodNotAllowed, NotFound, SafelightError
from safelight.http import pages
from safelight.http.addresses import Addresses, bounded
from safelight.http.exchange import (
    Incoming,
    Receive,
    Response,
    Scope,
    Send,
    document,
    problem,
    respond,
)
from safelight.http.metrics import metrics
from safelight.http.observing import Observer, Tracer, door_of
from safelight.http.pictures import Pictures
from safelight.http.purging import Purging
from safelight.observe import Request, enter, leave
from safelight.service import Service

log = logging.getLogger("safelight")


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
    ) -> None:
        """``index``: whether ``/`` lists sources; ``metrics``: whether ``/metrics`` answers."""
        self._service = service
        self._index = index
        self._metrics = metrics
        self._observer = Observer(
            service.metrics, access_log=settings.observe.access_log, tracer=tracer
        )
        # Set when the server is about to stop: each answer then tells that its connection ends.
        self.closing = False
        self._grammar = grammar(settings)
        by_path = settings.variants.layout == "path"
        self._addresses = Addresses(self._grammar, settings.security, by_path=by_path)
        self._pictures = Pictures(service, self._addresses, settings)
        self._purging = Purging(service, settings) if settings.security.admin_key else None

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
            incoming = self._addresses.opened(Incoming.of(scope, receive))
            request.door = door_of(incoming.path)
            return bounded(await self._route(incoming), incoming)
        except MethodNotAllowed as error:
            return problem(error, [(b"allow", error.detail.rpartition("use ")[2].encode())])
        except SafelightError as error:
            if error.status == 500:
                log.error("%s: %s", error.code, error.detail, exc_info=error)
            return problem(error)
        except Exception:
            log.exception("a request failed for no reason that is known")
            return problem(SafelightError("the server's log has the reason"))

    async def _route(self, incoming: Incoming) -> Response:
        path = incoming.path
        if path == "/resize":
            _allow(incoming, "POST")
            return await self._pictures.upload(incoming)
        if self._purging and (path == "/purge" or path.startswith("/purge/")):
            _allow(incoming, "DELETE")
            return await self._purging.answer(incoming)
        _allow(incoming, "GET", "HEAD")
        if path.startswith("/info/"):
            return await self._pictures.info(incoming)
        if path.startswith("/static/"):
            return pages.static(path.removeprefix("/static/"))
        if path == "/healthz":
            return pages.health(self._service)
        if path == "/readyz":
            return await asyncio.to_thread(pages.ready, self._service)
        if path == "/metrics":
            if not self._metrics:
                raise NotFound('metrics are told where observe.metrics = "on"')
            return metrics(self._service)
        if path == "/openapi.json":
            return document(openapi.document(self._grammar, root=incoming.root))
        if path == "/":
            if not self._index:
                raise NotFound("an address is /{transform}/{key}, such as /800x600/cat.jpg")
            return await asyncio.to_thread(pages.index, self._service, incoming.root)
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
                await asyncio.to_thread(self._service.close)
                await send({"type": "lifespan.shutdown.complete"})
                return


def _allow(incoming: Incoming, *methods: str) -> None:
    if incoming.method not in methods:
        raise MethodNotAllowed(
            f"the method {incoming.method[:20]} is not allowed: use {', '.join(methods)}"
        )
