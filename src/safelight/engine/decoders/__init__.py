"""Formats that libvips does not read, a module each, and the table of them.

A further one is a module with the functions of Decoder or of Wrapper, a line here and a row in
``formats``.
"""

from __future__ import annotations

from safelight.engine.decoders import bmp, heic, ico, pdf, raw
from safelight.engine.decoders.decoder import Decoder, Wrapper

__all__ = ["DECODERS", "WRAPPERS", "Decoder", "Wrapper"]

# By the names of ``formats``. An icon's picture may be a bitmap or a file of its own.
DECODERS: dict[str, Decoder] = {"bmp": bmp, "heic": heic, "ico": ico, "pdf": pdf}
WRAPPERS: dict[str, Wrapper] = {"ico": ico, "raw": raw}
