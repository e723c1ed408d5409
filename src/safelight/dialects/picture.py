"""Live from files: ``/picture/{path}?scalex=&scaley=&encoding=``: fitted inside, never larger."""

from __future__ import annotations

import re

from safelight.dialects.grammar import Grammar, Match, read_key, read_query, write_key
from safelight.errors import TransformInvalid
from safelight.operations import PARAMETERS
from safelight.params import half_up
from safelight.transform import Transform

_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{0,15})?|\.[0-9]{1,15}")
_NAMES = ("scalex", "scaley", "encoding")


def parse(path: str, query: str, grammar: Grammar) -> Match:  # noqa: ARG001 - one form for all dialects
    """Read what follows ``/picture/``. Raises TransformInvalid, NotFound, RequestError."""
    key = read_key(path)
    given = read_query(query, _NAMES)
    transform = Transform.of(
        w=_side("scalex", given.get("scalex", "")),
        h=_side("scaley", given.get("scaley", "")),
        fit="inside",
        format=_encoding(given.get("encoding", "")),
    )
    return Match(key, transform)


def _side(name: str, text: str) -> int | None:
    if not text:
        return None
    value = float(text) if _NUMBER.fullmatch(text) else 0.0
    if not 0.5 <= value <= 65_535:
        raise TransformInvalid(f"{name}={text[:40]!r} is no length in pixels, such as 640 or 640.5")
    return half_up(value)


def _encoding(text: str) -> str | None:
    if not text:
        return None
    try:
        word: str = PARAMETERS["format"].kind.parse(text)
    except ValueError as expected:
        raise TransformInvalid(
            f"encoding={text[:40]!r} is not valid: expected {expected}"
        ) from None
    return word


def build(key: str, transform: Transform) -> str:
    """Write the address that ``parse`` reads. Raises ValueError for more than it can say."""
    w, h, encoding = transform["w"], transform["h"], transform["format"]
    if transform != Transform.of(w=w, h=h, fit="inside", format=encoding):
        raise ValueError(f"{transform.canonical} cannot be said in this dialect")
    pairs = zip(_NAMES, (w, h, encoding), strict=True)
    query = "&".join(f"{name}={value}" for name, value in pairs if value is not None)
    return f"/picture/{write_key(key)}" + (f"?{query}" if query else "")
