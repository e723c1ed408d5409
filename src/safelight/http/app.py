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
from safelight.http.pictures import Pictures
from safelight.service import Service

log = logging.getLogger("safelight")


class Application:
    """Serve a service over ASGI; can be mounted inside another application."""

    def __init__(self, service: Service, settings: Settings, *, index: bool) -> None:
        """``index``: whether ``/`` lists sources."""
        self._service = service
        self._index = index
        # Set when the server is about to stop: each answer then tells that its connection ends.
        self.closing = False
        self._grammar = grammar(settings)
        self._addresses = Addresses(self._grammar, settings.security)
        self._pictures = Pictures(
            service,
            self._addresses,
            max_age=settings.server.max_age,
            body_seconds=settings.server.body_seconds,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one event of ASGI: a request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._answer(scope, receive)
            head = scope["method"] == "HEAD"
            await respond(send, response, head=head, closing=self.closing)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            incoming = self._addresses.opened(Incoming.of(scope, receive))
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
        _allow(incoming, "GET", "HEAD")
        if path.startswith("/info/"):
            return await self._pictures.info(incoming)
        if path.startswith("/static/"):
            return pages.static(path.removeprefix("/static/"))
        if path == "/healthz":
            return pages.health(self._service)
        if path == "/readyz":
            return await asyncio.to_thread(pages.ready, self._service)
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
