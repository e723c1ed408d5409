"""A preset of every source, made into the variant store as a request would make it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from safelight.backfill.tally import Made
from safelight.dialects import Grammar, match
from safelight.dialects.grammar import write_key
from safelight.errors import NotFound, SafelightError, StoreUnavailable, Unavailable
from safelight.formats import by_suffix
from safelight.service import Located, Service

# Where a format is open, what browsers say that are of today, older, and oldest.
_VIEWERS = ("image/avif,image/webp,*/*;q=0.8", "image/webp,*/*;q=0.8", "")


class Warming:
    """Make one preset of sources, unless it is there."""

    def __init__(self, service: Service, preset: str, grammar: Grammar, *, seconds: float) -> None:
        """``seconds``: how long one picture may take. The service is started here."""
        self._service = service
        self._preset = preset
        self._grammar = grammar
        self._seconds = seconds
        service.start()

    def bring_up(self, key: str) -> Made:
        """Make the preset of a source. Raises Unavailable."""
        return self._answered(key, self._make)

    def preview(self, key: str) -> Made:
        """Make the preset of a source, and do not keep it. Raises Unavailable."""
        return self._answered(key, self._try)

    def _answered(self, key: str, make: Callable[[Located], int]) -> Made:
        service = self._service
        try:
            service.sources.head(key)
        except NotFound:
            return Made("skipped", reason="it is not there any more")
        written = 0
        try:
            wanted = match(f"/{self._preset}/{write_key(key)}", "", self._grammar)
            viewers = _VIEWERS if wanted.transform["format"] == "auto" else ("",)
            for accept in viewers:
                located = service.locate(wanted, accept, path=f"{self._preset}/{key}")
                if service.lookup(located) is None:
                    written += make(located)
        except Unavailable:
            raise
        except SafelightError as error:
            return Made("failed", written, error.reason)
        return Made("done", written) if written else Made("current")

    def _make(self, located: Located) -> int:
        answer = self._service.make(located, deadline=time.monotonic() + self._seconds)
        if not answer.stored:
            raise StoreUnavailable("the variant store cannot be written")
        return 0 if answer.cached else len(answer.data)

    def _try(self, located: Located) -> int:
        service = self._service
        with ExitStack() as stack:
            source = stack.enter_context(service.sources.open(located.key))
            service.limits.check_bytes(source.size)
            pictures = {
                key: stack.enter_context(service.sources.open(key)) for key in located.pictures
            }
            deadline = time.monotonic() + self._seconds
            rendering = service.renderer.render(
                source, located.transform, deadline=deadline, pictures=pictures
            )
        return len(rendering.data)

    def close(self) -> None:
        """End the service."""
        self._service.close()


def is_picture(key: str) -> bool:
    """Tell whether an address leads to a source whose name does not say it is no picture."""
    if any(part.startswith(".") for part in key.split("/")):
        return False
    return "." not in key.rpartition("/")[2] or by_suffix(key) is not None
