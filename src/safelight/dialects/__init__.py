"""URL grammars: each turns an address into a source key and a transform, and back.

A dialect is a module with ``parse`` and ``build``, pure functions, and one row here: the first
segment of its addresses. What no row names is native.
"""

from __future__ import annotations

from types import ModuleType

from safelight.dialects import native, pic, picture
from safelight.dialects.grammar import Grammar, Match

__all__ = ["DIALECTS", "Grammar", "Match", "match", "native", "pic", "picture"]

DIALECTS: dict[str, ModuleType] = {"pic": pic, "picture": picture}


def match(path: str, query: str, grammar: Grammar) -> Match:
    """Read an address.

    ``path`` and ``query`` are still percent-encoded; ``path`` begins with ``/``. Raises
    RequestError, NotFound.
    """
    first, _, rest = path[1:].partition("/")
    dialect = DIALECTS.get(first)
    if dialect is None:
        return native.parse(path[1:], query, grammar)
    found: Match = dialect.parse(rest, query, grammar)
    return found
