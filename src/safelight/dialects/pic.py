"""By the width of the screen: ``/pic/{width}/{name}`` and ``/pic/{name}``."""

from __future__ import annotations

from safelight.dialects.grammar import Grammar, Match, read_key, write_key
from safelight.errors import TransformInvalid
from safelight.operations import PARAMETERS
from safelight.transform import Transform

# The whole picture without a width shall be smaller in bytes than what was uploaded.
_WHOLE = Transform.of(quality=75)


def parse(path: str, query: str, grammar: Grammar) -> Match:  # noqa: ARG001 - one form for all dialects
    """Read what follows ``/pic/``. Raises TransformInvalid, NotFound, RequestError."""
    width, slash, name = path.partition("/")
    if not (slash and width.isascii() and width.isdigit()):
        return Match(read_key(path), _WHOLE)
    try:
        return Match(read_key(name), Transform.of(w=PARAMETERS["w"].kind.parse(width)))
    except ValueError as expected:
        raise TransformInvalid(f"the width {width[:20]} is not {expected}") from None


def build(key: str, transform: Transform) -> str:
    """Write the address that ``parse`` reads. Raises ValueError for more than a width."""
    if transform == _WHOLE and not key.partition("/")[0].isdigit():
        return f"/pic/{write_key(key)}"
    if transform != Transform.of(w=transform["w"]) or not transform["w"]:
        raise ValueError(f"{transform.canonical} cannot be said in this dialect")
    return f"/pic/{transform['w']}/{write_key(key)}"
