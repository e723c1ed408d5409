"""Formats that libvips does not read, a module each, and the table of them.

A further one is a module with the functions of Decoder or of Wrapper, a line here and a row in
``formats``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from safelight.engine.decoders.decoder import Decoder, Wrapper
from safelight.engine.decoders.extra import HEIC, PDF

__all__ = ["DECODERS", "WRAPPERS", "Decoder", "Wrapper", "decoder", "unavailable", "wrapper"]

# By the names of ``formats``, which those of the modules are. An icon's picture may be a bitmap or
# a file of its own.
DECODERS = ("bmp", "heic", "ico", "pdf")
WRAPPERS = ("ico", "raw")
_EXTRAS = {"heic": HEIC, "pdf": PDF}

if TYPE_CHECKING:
    from safelight.engine.decoders import bmp, heic, ico, pdf, raw

    # That they are what they are taken for.
    _decoders: tuple[Decoder, ...] = (bmp, heic, ico, pdf)
    _wrappers: tuple[Wrapper, ...] = (ico, raw)


def decoder(format: str) -> Decoder | None:
    """Load what decodes a format; None where libvips does."""
    return _loaded(format) if format in DECODERS else None


def wrapper(format: str) -> Wrapper | None:
    """Load what takes the picture out of a format; None where it is one itself."""
    return _loaded(format) if format in WRAPPERS else None


def unavailable(format: str) -> str | None:
    """Say what its decoder is lacking, in words for a client; None when it can be used."""
    return _EXTRAS[format].unavailable() if format in _EXTRAS else None


def _loaded(format: str) -> Any:
    # Most pictures need none of them, and a cold start counts.
    return import_module(f"{__name__}.{format}")
