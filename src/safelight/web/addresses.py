"""What addresses mean, and whether they may be asked for."""

from __future__ import annotations

import re
import time
from functools import lru_cache, partial
from urllib.parse import unquote

from msgspec.structs import replace

from safelight.access import Security
from safelight.dialects import Grammar, Match, match
from safelight.dialects.grammar import decode, write_key
from safelight.errors import SafelightError
from safelight.signing import is_signed, verify
from safelight.web.exchange import Incoming, Response

_REMEMBERED = 4_096
_ENCODED = re.compile(r"%(?:3D|2C)", re.IGNORECASE)
_MAX_AGE = re.compile(rb"(?<=max-age=)[0-9]+")


class Addresses:
    """Read addresses; one that is not allowed ends here, before anything is looked up."""

    def __init__(self, grammar: Grammar, security: Security, *, by_path: bool = False) -> None:
        """``grammar``: what an address may refer to; ``security``: what it may ask for.

        ``by_path``: a website sends viewers here, and may have encoded more than they did.
        """
        self._grammar = grammar
        self._security = security
        self._by_path = by_path
        # The same few addresses are asked for again and again, and what they mean never changes.
        self._verify = lru_cache(_REMEMBERED)(partial(verify, keys=security.keys))
        self._read = lru_cache(_REMEMBERED)(self._match)
        self._decoded = lru_cache(_REMEMBERED)(self._decode)

    def opened(self, incoming: Incoming) -> Incoming:
        """Check the signature of an address and take it off, if there is one. Raises Forbidden."""
        if not is_signed(incoming.path):
            sent = _as_sent(incoming.path) if self._by_path else incoming.path
            return incoming if sent == incoming.path else replace(incoming, path=sent)
        query = incoming.query
        signed = self._verify(f"{incoming.path}?{query}" if query else incoming.path)
        path, _, query = signed.target.partition("?")
        # What an address means does not change, but the time does.
        left = signed.seconds_left(time.time())
        return replace(incoming, path=path, query=query, signed=True, seconds_left=left)

    def match(self, incoming: Incoming) -> Match:
        """Read the address of a variant. Raises RequestError, NotFound, Forbidden."""
        return self._read(incoming.path, incoming.query, incoming.signed)

    def _match(self, path: str, query: str, signed: bool) -> Match:
        if signed:
            return match(path, query, self._grammar)
        self._security.check_heard()
        found = match(path, query, self._grammar)
        self._security.check(found)
        return found

    def path(self, incoming: Incoming) -> str:
        """Give the path, decoded, that a variant may be kept under; empty when there is none.

        A signature or a query would not be looked at by whoever serves it from there.
        """
        return "" if incoming.signed or incoming.query else self._decoded(incoming.path)

    def _decode(self, path: str) -> str:
        try:
            decoded = decode(path[1:])
            # One path may be written in several ways, but it may not mean several things.
            plain = f"/{write_key(decoded)}"
            if plain != path and match(plain, "", self._grammar) != match(path, "", self._grammar):
                return ""
        except SafelightError:
            return ""
        return decoded

    def check(self, incoming: Incoming, wanted: Match) -> None:
        """Check what is asked for by other means than the address of a variant.

        Raises Forbidden.
        """
        if not incoming.signed:
            self._security.check(wanted)


def _as_sent(path: str) -> str:
    """Undo what a website has encoded of a transform: then no "=" and no "," of it is left."""
    transform, slash, key = path[1:].partition("/")
    if "=" in transform or "," in transform or not _ENCODED.search(transform):
        return path
    return f"/{unquote(transform)}{slash}{key}"


def bounded(response: Response, incoming: Incoming) -> Response:
    """Let no cache keep an answer longer than its address holds."""
    left = incoming.seconds_left
    if left is None:
        return response
    headers = [
        (name, _MAX_AGE.sub(lambda age: b"%d" % min(int(age[0]), max(0, left)), value))
        if name == b"cache-control"
        else (name, value)
        for name, value in response.headers
    ]
    return replace(response, headers=headers)
