"""Answers that send a viewer to where a picture is stored."""

from __future__ import annotations

from safelight.service import Answer
from safelight.web.exchange import NO_STORE, Headers, Response


class Redirects:
    """Send viewers away, for as long as that is right."""

    def __init__(self, status: int, max_age: int, most_seconds: int | None) -> None:
        """``max_age``: seconds that an answer may be kept; ``most_seconds``: see Delivery."""
        self._status = status
        self._kept = max_age if most_seconds is None else min(max_age, most_seconds)

    def response(self, answer: Answer, headers: Headers, *, hit: bool) -> Response:
        """Send a viewer to the picture; who came before it was there shall come again."""
        kept = (b"cache-control", b"public, max-age=%d" % self._kept) if hit else NO_STORE
        location = (b"location", answer.location.encode())
        return Response(self._status, [location, kept, *headers])
