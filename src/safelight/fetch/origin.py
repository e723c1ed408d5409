"""Pictures of other servers as a source: one origin, or all servers that are allowed."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from safelight.errors import Forbidden, SafelightError, StoreUnavailable, again
from safelight.fetch.allow import Rule
from safelight.fetch.answers import Answer, Validators, ask
from safelight.fetch.gate import Gate, unavailable
from safelight.fetch.kept import Coming, Kept, Picture
from safelight.fetch.room import Room
from safelight.fetch.wire import Wires
from safelight.limits import Limits
from safelight.remote import Remote
from safelight.storage import Entry, Opened, Stat, opened_bytes
from safelight.storage.store import missing

_REMEMBERED = 8_192
# How many of the largest bodies are held in memory together.
_AT_ONCE = 4
# Too many requests, or too early: nothing is said about the picture. All other 4xx say that it is
# not to be had, and which one is nobody's business.
_NOT_NOW = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


class Origin:
    """A source that is read over HTTP.

    Looking a picture up and opening it cost one exchange together. A GET is begun, whose head
    tells the version; its body waits for a moment on the wire, and is read when it is asked for.
    Of a picture that was seen before, its server is asked only whether it has changed. HEAD is not
    used: many servers answer it otherwise than GET.
    """

    local = False

    def __init__(
        self,
        find: Callable[[str], Remote],
        rules: Iterable[Rule],
        gate: Gate,
        limits: Limits,
        *,
        checked: Remote | None = None,
    ) -> None:
        """Read what ``find`` makes of a key, where ``rules`` permit it.

        ``limits``: the bytes of a source, and the time of a request, of which one exchange may
        take the half. ``checked`` is asked for when the question is whether the origin answers.
        """
        self._find = find
        self._rules = tuple(rules)
        self._wires = Wires(gate)
        self._limits = limits
        self._checked = checked
        self._lock = threading.Lock()
        self._kept = Kept(limits.source_bytes)
        self._room = Room(_AT_ONCE * limits.source_bytes)
        self._known: OrderedDict[str, tuple[Validators, Stat]] = OrderedDict()
        self._fetching: dict[str, Future[Picture]] = {}

    def check(self) -> None:
        """Make sure that the origin answers, whatever it says. Raises StoreUnavailable."""
        if self._checked is None:
            return
        try:
            wire, _ = self._wires.ask(self._checked, [], self._deadline())
        except Forbidden as error:
            raise StoreUnavailable(
                "the address of the origin is not public: remote.networks may allow it"
            ) from error
        self._wires.give(wire)

    def head(self, key: str) -> Stat:
        """Ask for a picture, or whether it has changed. Raises NotFound, SourceTooLarge."""
        remote, deadline = self._located(key), self._deadline()
        known = self._known.get(key)
        answer = self._found(key, self._ask(remote, known[0] if known else None, deadline))
        if answer.status == HTTPStatus.NOT_MODIFIED and known:
            answer.drop()
            self._know(key, *known)
            return known[1]
        version = answer.validators.version
        size = answer.size
        if version is None or size is None:
            picture = self._received(answer, deadline)
            self._kept.keep(key, picture)
            version, size = picture.version, len(picture.data)
        else:
            self._kept.expect(key, Coming(version, answer))
        stat = Stat(version, size, _seconds(answer.validators.modified))
        self._know(key, answer.validators, stat)
        return stat

    def open(self, key: str) -> Opened:
        """Read a picture: what looking it up has brought, else anew."""
        picture = self._picture(key)
        return opened_bytes(picture.data, version=picture.version)

    def list(self, prefix: str = "") -> Iterator[Entry]:  # noqa: ARG002 - no server tells
        """List nothing: over HTTP nobody says what is there."""
        return iter(())

    def _located(self, key: str) -> Remote:
        """Name the picture of a key. Raises NotFound, Forbidden."""
        try:
            remote = self._find(key)
        except ValueError:
            raise missing(key) from None
        if not self._permits(remote):
            raise Forbidden("pictures of that server may not be fetched")
        return remote

    def _permits(self, remote: Remote) -> bool:
        return any(rule.permits(remote) for rule in self._rules)

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.seconds / 2

    def _ask(self, remote: Remote, known: Validators | None, deadline: float) -> Answer:
        return ask(self._wires, remote, self._permits, known, deadline)

    def _found(self, key: str, answer: Answer) -> Answer:
        """Pass on an answer that has a picture, or says that it is still the same."""
        if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            return answer
        answer.drop()
        if 400 <= answer.status < 500 and answer.status not in _NOT_NOW:
            self._forget(key)
            raise missing(key)
        raise unavailable(answer.remote, f"it answers {answer.status}")

    def _picture(self, key: str) -> Picture:
        """Fetch a picture once for all who want it at the same time."""
        with self._lock:
            flight = self._fetching.get(key)
            if flight is None:
                mine = self._fetching[key] = Future()
        if flight is not None:
            return _joined(flight)
        try:
            picture = self._fetched(key)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(picture)
            return picture
        finally:
            with self._lock:
                del self._fetching[key]

    def _fetched(self, key: str) -> Picture:
        kept, deadline = self._kept.take(key), self._deadline()
        if isinstance(kept, Picture):
            return kept
        if kept is None:
            answer = self._found(key, self._ask(self._located(key), None, deadline))
        else:
            answer = kept.answer
        picture = self._received(answer, deadline)
        self._kept.keep(key, picture)
        return picture

    def _received(self, answer: Answer, deadline: float) -> Picture:
        data = answer.read(self._limits.source_bytes, self._room, deadline)
        version = answer.validators.version or hashlib.blake2b(data, digest_size=16).hexdigest()
        return Picture(version, data)

    def _know(self, key: str, validators: Validators, stat: Stat) -> None:
        with self._lock:
            self._known[key] = (validators, stat)
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _forget(self, key: str) -> None:
        self._kept.forget(key)
        with self._lock:
            self._known.pop(key, None)


def _joined(flight: Future[Picture]) -> Picture:
    try:
        return flight.result()
    except SafelightError as error:
        raise again(error) from None


def _seconds(date: str) -> float:
    """Read an HTTP date; what is none is the beginning of time."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return 0.0
