"""The door through which clouds tell of uploads: ``POST /events``."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property
from typing import Any, Protocol

from safelight.dialects.grammar import read_query
from safelight.errors import (
    DeadlineExceeded,
    EventTooLarge,
    EventUnknown,
    Forbidden,
    MethodNotAllowed,
    NoPipelines,
    Unavailable,
)
from safelight.events import Event, Notice, allowed_origin, newer, read
from safelight.pipelines.outcomes import Outcome
from safelight.web.exchange import NO_STORE, Incoming, Response, document

log = logging.getLogger("safelight")

MOST_BYTES = 1_000_000
_EXAMPLE = '[[pipelines]] with on = "uploads/" and write = [{ preset = "thumb", to = "…" }]'
# While one event's picture is made, the stores can be asked for the next one. Where there is only
# one slot, it may be in this process, which may be small.
_THREADS_A_SLOT = 2
_METHODS = "OPTIONS, POST"


class Handler(Protocol):
    """What does something about an event."""

    def handle(self, event: Event, *, deadline: float | None = None) -> list[Outcome]:
        """Bring up to date what depends on a source. Raises Unavailable."""


class Events:
    """Hear of uploads from whoever has the token, or signs what they say."""

    def __init__(
        self, handler: Handler | None, *, token: str, secret: str, seconds: float, slots: int
    ) -> None:
        """Check senders by ``token`` and ``secret``: either will do, the other may be empty.

        ``handler``: None where nothing is to be done. ``seconds``: for one notification. ``slots``:
        how many pictures can be made at once.
        """
        self._handler = handler
        self._expected = token.encode()
        self._secret = secret.encode()
        self._seconds = seconds
        self._slots = slots

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        threads = _THREADS_A_SLOT * self._slots if self._slots > 1 else 1
        return ThreadPoolExecutor(threads, "event")

    def close(self) -> None:
        """Begin nothing any more; what was told and is not begun will be told again."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def greeting(self, incoming: Incoming) -> Response | None:
        """Answer what has no body: None when the body is wanted.

        Raises NoPipelines, Forbidden, MethodNotAllowed, EventTooLarge.
        """
        if incoming.method not in ("HEAD", "OPTIONS", "POST"):
            raise MethodNotAllowed(
                f"the method {incoming.method[:20]} is not allowed: use {_METHODS}"
            )
        if self._handler is None:
            missing = f"the settings say nothing of uploads (example: {_EXAMPLE})"
            if incoming.method == "POST":
                log.warning("an event came and was not heard: %s", missing)
            raise NoPipelines(missing)
        if incoming.method == "HEAD":
            # MinIO and RustFS look whether somebody is there, without a token.
            return Response(200, [(b"allow", _METHODS.encode()), NO_STORE])
        # A handshake has no body that could be signed.
        signed = incoming.method == "POST" and b"x-safelight-signature" in incoming.headers
        if not self._has_token(incoming) and not (self._secret and signed):
            raise Forbidden(self._wanted())
        if incoming.method == "OPTIONS":
            return self._handshake(incoming)
        announced = incoming.header(b"content-length")
        if announced.isdigit():
            check_size(int(announced))
        return None

    def answer(self, incoming: Incoming, body: bytes, *, deadline: float | None = None) -> Response:
        """Answer a request, when all that it asks for has been done.

        ``deadline``: a time of ``time.monotonic()``, where less time is left than is set. Raises
        NoPipelines, Forbidden, MethodNotAllowed, EventTooLarge, EventUnknown, and Unavailable when
        it is to be told again.
        """
        if (greeting := self.greeting(incoming)) is not None:
            return greeting
        check_size(len(body))
        if not self._has_token(incoming) and not self._is_signed(incoming, body):
            raise Forbidden(self._wanted())
        until = time.monotonic() + self._seconds
        return self._told(read(body, _texts(incoming)), min(until, deadline or until))

    def _has_token(self, incoming: Incoming) -> bool:
        if not self._expected:
            return False
        scheme, _, given = incoming.headers.get(b"authorization", b"").partition(b" ")
        token = given.strip() if scheme.lower() == b"bearer" else b""
        in_query = read_query(incoming.query, ("token",)).get("token", "").encode()
        # Each is compared, whatever comes of the other.
        by_header = hmac.compare_digest(token, self._expected)
        by_query = hmac.compare_digest(in_query, self._expected)
        return by_header or by_query

    def _is_signed(self, incoming: Incoming, body: bytes) -> bool:
        expected = b"sha256=" + hmac.digest(self._secret, body, "sha256").hex().encode()
        given = incoming.headers.get(b"x-safelight-signature", b"")
        return bool(self._secret) and hmac.compare_digest(given.lower(), expected)

    def _wanted(self) -> str:
        ways = []
        if self._expected:
            ways.append("the header Authorization: Bearer and events.token, or ?token= with it")
        if self._secret:
            ways.append(
                "the header X-Safelight-Signature: sha256= and the HMAC-SHA256 of the body by"
                " events.secret, in hexadecimal digits"
            )
        if not ways:
            return (
                "nobody may tell of uploads until there is events.token (SAFELIGHT_EVENTS_TOKEN)"
                " or events.secret"
            )
        return f"this takes {', or '.join(ways)}"

    def _handshake(self, incoming: Incoming) -> Response:
        """Let whoever asks send here, as CloudEvents has it; they have the token."""
        allowed = [
            (name.lower().encode(), value.encode())
            for name, value in allowed_origin(_texts(incoming)).items()
        ]
        return Response(200, [*allowed, (b"allow", _METHODS.encode()), NO_STORE])

    def _told(self, notice: Notice, deadline: float) -> Response:
        if notice.note:
            level = logging.WARNING if notice.kind == "confirmation" else logging.INFO
            log.log(level, "%s", notice.note)
        if notice.kind == "handshake":
            return document(notice.reply)
        for receipt, reason in notice.failed:
            log.warning("message %s cannot be understood: %s", receipt or "without an id", reason)
        if notice.failed and not notice.events:
            raise EventUnknown(notice.failed[0][1])
        handled: dict[str, Any] = {"handled": self._handled(_latest(notice.events), deadline)}
        if notice.failed:
            handled["failed"] = [
                {"receipt": receipt, "reason": reason} for receipt, reason in notice.failed
            ]
        if notice.note:
            handled["note"] = notice.note
        return document(handled)

    def _handled(self, events: Sequence[Event], deadline: float) -> list[Any]:
        """Do something about each event, several at once; wait for all of them.

        Raises Unavailable when one of them is to be told again.
        """
        flights: list[Future[list[Outcome]]] = [
            # What is logged on the way bears the request's id.
            self._threads.submit(copy_context().run, self._handle, event, deadline)
            for event in events
        ]
        outcomes: list[Outcome] = []
        again: list[str] = []
        unforeseen: list[Exception] = []
        for event, flight in zip(events, flights, strict=True):
            try:
                outcomes += flight.result()
            except Unavailable as error:
                place = f"{event.bucket}/{event.key}".lstrip("/")
                log.warning("%s is to be told again: %s", place, error.reason)
                again.append(error.detail)
            except Exception as error:  # noqa: BLE001 - raised once its neighbours are done
                unforeseen.append(error)
        if unforeseen:
            raise unforeseen[0]
        if again:
            raise Unavailable(f"{len(again)} of {len(events)} are to be told again: {again[0]}")
        return [outcome.message() for outcome in outcomes]

    def _handle(self, event: Event, deadline: float) -> list[Outcome]:
        if time.monotonic() > deadline:
            raise DeadlineExceeded("there was no time left for it")
        assert self._handler is not None
        return self._handler.handle(event, deadline=deadline)


def check_size(size: int) -> None:
    """Bound a notification. Raises EventTooLarge."""
    if size > MOST_BYTES:
        raise EventTooLarge(f"a notification may have {MOST_BYTES} bytes")


def _texts(incoming: Incoming) -> dict[str, str]:
    return {name.decode("latin-1"): incoming.header(name) for name in incoming.headers}


def _latest(events: Sequence[Event]) -> list[Event]:
    """Keep one event for each object: what counts is what the object is by now."""
    kept: dict[tuple[str, str], Event] = {}
    for event in events:
        before = kept.get((event.bucket, event.key))
        if before is None or not newer(before.sequencer, event.sequencer):
            kept[event.bucket, event.key] = event
    return list(kept.values())
