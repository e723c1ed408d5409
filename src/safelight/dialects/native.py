"""Safelight's own addresses: ``/{transform}/{key}``.

The transform is a bare size (``800x600``), ``name=value`` pairs and preset names, by commas.
"""

from __future__ import annotations

from safelight.dialects.grammar import Grammar, Match, read_key, write_key
from safelight.errors import NotFound
from safelight.transform import ORIGINAL, Transform, parse_wording


def parse(path: str, query: str, grammar: Grammar) -> Match:  # noqa: ARG001 - a query says nothing here
    """Read ``{transform}/{key}``. Raises TransformInvalid, NotFound, RequestError."""
    text, slash, key = path.partition("/")
    if not slash or not text:
        raise NotFound(
            "there is nothing here: an address is /{transform}/{key}, such as /800x600/cat.jpg"
        )
    source = read_key(key)
    wording = parse_wording(text, grammar.presets, grammar.defaults)
    return Match(source, wording.transform, wording.presets, wording.names)


def build(key: str, transform: Transform) -> str:
    """Write the address that ``parse`` reads."""
    return f"/{transform.canonical or ORIGINAL}/{write_key(key)}"
