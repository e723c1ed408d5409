"""What the dialects share: presets, the reading and writing of keys, and of query strings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

import msgspec

from safelight.errors import NotFound, RequestError
from safelight.remote import is_remote, read
from safelight.transform import Transform

_ESCAPE_FAULT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Grammar(msgspec.Struct, frozen=True):
    """What an address may refer to: presets by name, and what is filled in when left open."""

    presets: Mapping[str, Transform] = msgspec.field(default_factory=dict)
    defaults: Transform = msgspec.field(default_factory=Transform)


class Match(msgspec.Struct, frozen=True):
    """What an address means, and how it was said.

    ``presets`` are those that it names, ``said`` the parameters that it gives in so many words:
    all of the transform's, where a dialect does not tell.
    """

    key: str
    transform: Transform
    presets: tuple[str, ...] = ()
    said: frozenset[str] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The parameters that the address asks for by itself."""
        if self.said is not None:
            return self.said
        return frozenset(name for name, _ in self.transform.arguments)


def decode(text: str) -> str:
    """Undo percent-encoding once; ``+`` stays. Raises RequestError."""
    if _ESCAPE_FAULT.search(text):
        raise RequestError("a % in the address is not followed by two hexadecimal digits")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise RequestError("the address is not percent-encoded UTF-8") from None
    if _CONTROL.search(decoded):
        raise RequestError("the address holds a control character")
    return decoded


def read_key(text: str) -> str:
    """Read a source key, which may be the address of a picture on another server.

    Raises NotFound when there is none or it leads astray, RequestError.
    """
    key = decode(text)
    if is_remote(key):
        return _remote_key(key)
    if not key or any(part.startswith(".") or not part for part in key.split("/")):
        raise NotFound("there is no such image")
    return key


def _remote_key(text: str) -> str:
    """Write an address in its one form, so that a picture has one key."""
    try:
        return read(text).key
    except ValueError as fault:
        raise RequestError(f"the address of the picture {fault}") from None


def write_key(key: str) -> str:
    """Write a source key as a path."""
    return quote(key, safe="/~!$&'()*+,;=:@")


def read_query(query: str, names: tuple[str, ...]) -> dict[str, str]:
    """Pick the named values out of a query string; others are no concern of the picture.

    Raises RequestError when one is given twice.
    """
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name not in names:
            continue
        if name in found:
            raise RequestError(f"{name!r} is given more than once")
        found[name] = decode(value.replace("+", " ")).strip()
    return found
