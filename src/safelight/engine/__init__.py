"""The only package that knows libvips: read a header, decode, run a transform, encode."""

from __future__ import annotations

import time
from typing import Any

import pyvips

from safelight import formats
from safelight.engine.source import available, decode, fault, probe
from safelight.engine.target import encode
from safelight.limits import Limits
from safelight.picture import Rendering
from safelight.transform import Transform

__all__ = ["capabilities", "prepare", "probe", "run"]

_ALLOWED_LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Tiff", "Svg")


def prepare(threads: int = 1) -> None:
    """Harden libvips for untrusted input: no cache, listed loaders only.

    ``threads``: how many one picture may use. Call once per process, before anything else here.
    """
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(threads)
    pyvips.operation_block_set("VipsForeignLoad", state=True)
    for loader in _ALLOWED_LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", state=False)


def capabilities() -> dict[str, Any]:
    """List versions, and the formats that this build can really read and write."""
    return {
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "pyvips": pyvips.__version__,
        "reads": [f.name for f in formats.FORMATS if available(f.loader)],
        "writes": [f.name for f in formats.FORMATS if available(f.saver)],
    }


def run(data: bytes, transform: Transform, limits: Limits) -> Rendering:
    """Make a picture.

    ``data``: a whole source file. Raises SourceError of some kind when it cannot be used,
    OutputTooLarge when the answer would be too large.
    """
    started = time.perf_counter()
    header = probe(data)
    limits.check_header(header)
    if header.format == "svg":
        transform = transform.changed(enlarge=True)
    limits.check_output(*header.shown, transform)
    try:
        frame = decode(data, header, transform)
        for operation, arguments in transform.steps():
            frame = operation.apply(frame, **arguments)
        frame = frame.in_memory()
    except pyvips.Error as error:
        raise fault(header.format, error) from error
    decoded = time.perf_counter()
    encoded, format = encode(frame, header)
    return Rendering(
        data=encoded,
        mime=format.mime,
        width=frame.image.width,
        height=frame.image.height,
        source_width=header.shown[0],
        source_height=header.shown[1],
        decode_ms=(decoded - started) * 1e3,
        encode_ms=(time.perf_counter() - decoded) * 1e3,
    )
