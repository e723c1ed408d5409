"""What was compressed on its way, inflated with a bound."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

# However much a byte may inflate to: what comes out is counted after every piece of this size.
_PIECE = 262_144
_INFLATED = ("gzip", "x-gzip", "deflate")
# zlib tells by the first bytes whether RFC 1952 or RFC 1950 is meant.
_EITHER = 32 + zlib.MAX_WBITS


def decoded(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Undo a content coding (RFC 9110 §8.4.1), in pieces of at most 256 KiB where it inflates.

    Raises ValueError for a coding that is not known, zlib.error and EOFError for a broken body.
    """
    if coding in ("", "identity"):
        yield from chunks
        return
    if coding not in _INFLATED:
        raise ValueError("the body is coded in a way that nobody asked for")
    inflate = zlib.decompressobj(_EITHER)
    for chunk in chunks:
        rest = chunk
        while rest:
            if inflate.eof:
                # One file may have several members (RFC 1952 §2.2).
                inflate = zlib.decompressobj(_EITHER)
            yield inflate.decompress(rest, _PIECE)
            rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    yield inflate.flush()
    if not inflate.eof:
        raise EOFError("the compressed body is cut short")
