"""Which address means what, for all faces; and the blocking way through, for functions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from safelight.config import Settings, grammar
from safelight.dialects import DIALECTS
from safelight.errors import (
    EmptyBody,
    Forbidden,
    MethodNotAllowed,
    NoPage,
    SafelightError,
)
from safelight.observe import Request, current
from safelight.service import Service
from safelight.storage import opened_bytes
from safelight.web.addresses import Addresses, bounded
from safelight.web.carrying import Carried
from safelight.web.exchange import Incoming, Response, document, problem
from safelight.web.observing import door_of
from safelight.web.purging import Purging
from safelight.web.responses import Responses, described, resized

if TYPE_CHECKING:
    from safelight.web.events import Events, Handler

log = logging.getLogger("safelight")

# Doors that lead to nothing but pictures.
PICTURES = frozenset((*DIALECTS, "native"))


class Doors:
    """Answer requests to a service."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        *,
        index: bool = False,
        metrics: bool = False,
        pipelines: Handler | None = None,
    ) -> None:
        """``index``: whether ``/`` lists sources; ``metrics``: whether ``/metrics`` answers.

        ``pipelines``: what is done about uploads, None for nothing.
        """
        self._service = service
        self._index = index
        self._metrics = metrics
        self._grammar = grammar(settings)
        by_path = settings.variants.layout == "path"
        self._addresses = Addresses(self._grammar, settings.security, by_path=by_path)
        self.responses = Responses(service, self._addresses, settings)
        self._purging = Purging(service, settings) if settings.security.admin_key else None
        self._event_settings = settings.events
        self._pipelines = pipelines

    @cached_property
    def events(self) -> Events:
        """The door through which uploads are told of."""
        # What only some doors need is loaded by those who go through them: a cold start counts.
        from safelight.web.events import Events

        settings = self._event_settings
        return Events(
            self._pipelines,
            token=settings.token,
            secret=settings.secret,
            seconds=settings.seconds,
            slots=self._service.renderer.slots,
        )

    # What every face asks.

    def opened(self, incoming: Incoming, request: Request) -> Incoming:
        """Check an address's signature, and note its door. Raises Forbidden."""
        incoming = self._addresses.opened(incoming)
        request.door = door_of(incoming.path)
        return incoming

    def page(self, incoming: Incoming) -> Response | None:
        """Answer what is at hand and no picture. Raises NotFound."""
        from safelight.web import pages

        path = incoming.path
        if path.startswith("/static/"):
            return pages.static(path.removeprefix("/static/"))
        if path == "/healthz":
            return pages.health(self._service)
        if path == "/metrics":
            if not self._metrics:
                raise NoPage('metrics are told where observe.metrics = "on"')
            from safelight.web.metrics import metrics

            return metrics(self._service)
        if path == "/openapi.json":
            from safelight import openapi

            described = openapi.document(
                self._grammar,
                root=incoming.root,
                limits=self._service.limits,
                purgeable=self._purging is not None,
            )
            return document(described)
        if path == "/" and not self._index:
            raise NoPage("an address is /{transform}/{key}, such as /800x600/cat.jpg")
        return None

    def slow_page(self, incoming: Incoming) -> Callable[[], Response] | None:
        """Give what answers a request that is no picture and waits for a store."""
        from safelight.web import pages

        if incoming.path == "/readyz":
            return partial(pages.ready, self._service)
        if incoming.path == "/":
            return partial(pages.index, self._service, incoming.root)
        return None

    def purge(self, incoming: Incoming) -> Callable[[], Response] | None:
        """Give what answers a request to remove variants, if it is one.

        Raises MethodNotAllowed, Forbidden.
        """
        if current().door != "purge":
            return None
        if not self._purging:
            if incoming.method == "DELETE":
                raise Forbidden(
                    "nobody may remove variants until there is security.admin_key"
                    " (SAFELIGHT_SECURITY_ADMIN_KEY)"
                )
            return None
        incoming.allow("DELETE")
        self._purging.check(incoming)
        return partial(self._purging.answer, incoming)

    # All of it at once, for who may wait.

    def answer(
        self,
        incoming: Incoming,
        body: bytes = b"",
        *,
        deadline: float | None = None,
        most_bytes: int | None = None,
    ) -> Response:
        """Answer a request, and wait for whatever that takes; never fails.

        ``deadline``: a time of ``time.monotonic()``, by default as the limits say. ``most_bytes``:
        what can be carried of an answer's body; a larger picture is fetched where it is stored.
        """
        try:
            incoming = self.opened(incoming, current())
            if incoming.path == "/events":
                return self.events.answer(incoming, body, deadline=deadline)
            until = time.monotonic() + self._service.limits.seconds
            carried = Carried(self._service, most_bytes, within=incoming.accepted_seconds)
            response = self._answer(incoming, body, min(until, deadline or until), carried)
            return bounded(response, incoming)
        except Exception as error:  # noqa: BLE001 - a face answers whatever happens; failure logs it
            return failure(error)

    def _answer(
        self, incoming: Incoming, body: bytes, deadline: float, carried: Carried
    ) -> Response:
        if incoming.path == "/resize":
            incoming.allow("POST")
            return self._upload(incoming, body, deadline, carried)
        if (purge := self.purge(incoming)) is not None:
            return purge()
        incoming.allow("GET", "HEAD")
        if incoming.path.startswith("/info/"):
            return self._info(incoming, deadline)
        if current().door in PICTURES:
            return self._variant(incoming, deadline, carried)
        if (page := self.page(incoming)) is not None:
            return page
        if (slow := self.slow_page(incoming)) is not None:
            return slow()
        return self._variant(incoming, deadline, carried)

    def _variant(self, incoming: Incoming, deadline: float, carried: Carried) -> Response:
        wanted, accept, path, known = self.responses.asked(incoming)
        found = self._service.find(wanted, accept, path=path, known=known)
        if found.known:
            return self.responses.known(found.located)
        request = current()
        request.cache = "hit" if found.answer else "miss"
        answer = found.answer or self._service.make(found.located, deadline=deadline)
        request.timings = answer.timings
        response = self.responses.picture(incoming, answer)
        if carried.fits(response):
            return response
        return self.responses.picture(incoming, carried.elsewhere(answer))

    def _upload(
        self, incoming: Incoming, body: bytes, deadline: float, carried: Carried
    ) -> Response:
        transform = self.responses.upload(incoming)
        if not body:
            raise EmptyBody("send the image itself as the body of the request")
        self._service.limits.check_bytes(len(body))
        with opened_bytes(body, version="upload") as source:
            made = self._service.resize(source, transform, deadline=deadline)
        response = resized(made)
        return response if carried.fits(response) else carried.kept(response, made)

    def _info(self, incoming: Incoming, deadline: float) -> Response:
        key, analyse = self.responses.info(incoming)
        ask = self._service.analyse if analyse else self._service.info
        return document(described(ask(key, deadline=deadline)))


def failure(error: Exception) -> Response:
    """Write why a request is not answered; what is a fault of ours is logged."""
    if isinstance(error, MethodNotAllowed):
        return problem(error, [(b"allow", error.detail.rpartition("use ")[2].encode())])
    if not isinstance(error, SafelightError):
        log.error("a request failed for no reason that is known", exc_info=error)
        return problem(SafelightError("the server's log has the reason"))
    if error.status == 500:
        log.error("%s: %s", error.code, error.detail, exc_info=error)
    return problem(error)
