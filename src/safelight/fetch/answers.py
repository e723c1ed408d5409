"""What a server answers: redirects followed, its head understood, its body read to the end."""

from __future__ import annotations

import hashlib
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urldefrag, urljoin

import h11

from safelight import remote as addresses
from safelight.errors import Forbidden, SourceTooLarge
from safelight.fetch.codings import decoded
from safelight.fetch.gate import unavailable
from safelight.fetch.room import Room, Share
from safelight.fetch.wire import Wire, Wires
from safelight.remote import Remote

log = logging.getLogger("safelight")

MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')
_DATE = re.compile(r"[A-Za-z0-9,: +-]{1,64}")


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said to tell the versions of a picture apart by; empty where it did not.

    ``place`` is where it was found: behind a redirect without its query, which often holds a
    signature that is another one each time.
    """

    place: str
    redirected: bool
    etag: str = ""
    modified: str = ""
    length: str = ""

    @property
    def version(self) -> str | None:
        """Name the version; None when only the bytes can tell.

        A digest, because what a server says is not passed on.
        """
        told = [self.place, self.etag]
        if self.redirected or not self.etag.startswith('"'):
            if not self.length or not (self.etag or self.modified):
                return None
            told += [self.modified, self.length]
        return hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()

    def condition(self, place: str) -> list[tuple[str, str]]:
        """Write the header that asks for a picture only if it is another one (RFC 9110 §13.1)."""
        if place != self.place:
            return []
        if self.etag:
            return [("If-None-Match", self.etag)]
        return [("If-Modified-Since", self.modified)] if self.modified else []


class Answer:
    """An answer that is no redirect; its body may still be on the wire."""

    def __init__(
        self, remote: Remote, wires: Wires, wire: Wire, head: h11.Response, *, redirected: bool
    ) -> None:
        """Understand a head; the answer takes ``wire`` over, and gives it back to ``wires``."""
        headers = _joined(head)
        self.remote = remote
        self.status = head.status_code
        length = headers.get("content-length")
        self._length = int(length) if length else 0
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        self.validators = Validators(
            _place(remote, redirected=redirected),
            redirected,
            etag if _ENTITY_TAG.fullmatch(etag) else "",
            modified if _DATE.fullmatch(modified) else "",
            length or "",
        )
        self._bounded = length is not None or "transfer-encoding" in headers
        self._coding = headers.get("content-encoding", "identity").lower()
        # Of what is compressed nobody says how large it is.
        self.size = self._length if length and self._coding == "identity" else None
        self._wires = wires
        self._wire = wire

    def read(self, most: int, room: Room, deadline: float) -> bytes:
        """Read the body, of at most ``most`` bytes when decoded, whole or not at all.

        ``room`` is shared with those who read at the same time. Raises SourceTooLarge, Busy,
        StoreUnavailable.
        """
        try:
            if not self._bounded:
                raise ConnectionError("the head does not say how its body ends")
            with room.share() as share:
                return b"".join(self._counted(most, share, deadline))
        except (OSError, ValueError, EOFError, h11.RemoteProtocolError, zlib.error) as error:
            raise unavailable(self.remote, error) from error
        finally:
            self._wires.give(self._wire)

    def drop(self) -> None:
        """Do without the body."""
        self._wires.give(self._wire)

    def _counted(self, most: int, share: Share, deadline: float) -> Iterator[bytes]:
        """Count what comes, as it comes and as it is decoded: little may be the half of much."""
        received = size = 0

        def chunks() -> Iterator[bytes]:
            nonlocal received
            for chunk in self._wire.chunks(deadline):
                received += len(chunk)
                _check(received, most)
                yield chunk

        _check(self._length, most)
        for piece in decoded(chunks(), self._coding):
            size += len(piece)
            _check(size, most)
            share.take(len(piece))
            yield piece


def _check(size: int, most: int) -> None:
    if size > most:
        raise SourceTooLarge(f"the image has more than the {most:,} bytes that are allowed")


def _joined(head: h11.Response) -> dict[str, str]:
    """Put header lines of the same name together (RFC 9110 §5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def ask(
    wires: Wires,
    remote: Remote,
    permits: Callable[[Remote], bool],
    known: Validators | None,
    deadline: float,
) -> Answer:
    """Ask a server for a picture, and those to which it sends on.

    ``permits`` says where redirects may lead; ``known`` is what was said of the version that is
    there already: 304 then answers that it still is. Raises Forbidden, StoreUnavailable.
    """
    for redirects in range(MOST_REDIRECTS + 1):
        place = _place(remote, redirected=redirects > 0)
        condition = known.condition(place) if known else []
        wire, head = wires.ask(remote, condition, deadline)
        if head.status_code == HTTPStatus.NOT_MODIFIED and not condition:
            wires.give(wire)
            raise unavailable(remote, "it answers 304, and was not asked for changes")
        if head.status_code not in _REDIRECTS:
            return Answer(remote, wires, wire, head, redirected=redirects > 0)
        wires.give(wire)
        target = _target(remote, _joined(head).get("location", ""))
        if not permits(target):
            raise _refused(remote, f"{target.place}, which remote.allow does not name")
        remote = target
    raise unavailable(remote, f"more than {MOST_REDIRECTS} redirects")


def _place(remote: Remote, *, redirected: bool) -> str:
    return remote.place if redirected else remote.key


def _target(remote: Remote, location: str) -> Remote:
    """Read where a redirect leads to. Raises Forbidden, StoreUnavailable."""
    try:
        # As browsers do: what is not ASCII in a header is UTF-8.
        location = location.encode("latin-1").decode()
        target = addresses.read(urldefrag(urljoin(remote.key, location)).url)
    except ValueError as error:
        raise _refused(remote, f"an address that {error}") from error
    if target.scheme == "http" and remote.scheme == "https":
        raise _refused(remote, f"{target.place}, which is not secured")
    return target


def _refused(remote: Remote, target: str) -> Forbidden:
    """Make the error for a redirect that is not followed; only the log hears where it led."""
    log.warning("%s redirects to %s: not asked", remote.place, target)
    return Forbidden("pictures may not be fetched from where this one is")
