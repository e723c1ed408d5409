"""BMP: Windows's and OS/2's bitmaps, of every depth, plain or run-length encoded."""

from __future__ import annotations

import pyvips

from safelight.engine.decoders.dib import RLE4, RLE8, Dib, parse
from safelight.engine.decoders.rows import pixels
from safelight.errors import SourceDamaged
from safelight.icc import profile_name
from safelight.picture import Header

# The header of the file; the bitmap's own comes behind it.
_FILE_HEADER = 14


def probe(data: bytes, *, page: int) -> Header:  # noqa: ARG001 - there is but one
    """Read the header. Raises SourceDamaged, UnsupportedFormat."""
    dib = _parsed(data)
    profile = _profile(data, dib)
    return Header(
        format="bmp", width=dib.width, height=dib.height, bands=dib.bands, depth=1, pages=1,
        orientation=1, alpha=dib.alpha, palette=bool(dib.palette),
        space="b-w" if dib.bands == 1 else "srgb",
        profile=profile_name(profile) or "unnamed" if profile else None,
        # Runs are unpacked to a byte a pixel before anything else.
        buffered=dib.compression in (RLE8, RLE4), coefficients=1, scans=1,
    )  # fmt: skip


def load(data: bytes, header: Header, *, page: int, size: tuple[int, int]) -> pyvips.Image:  # noqa: ARG001 - it has its own
    """Decode. Raises SourceDamaged when pixels are missing."""
    dib = _parsed(data)
    image = pixels(data, dib)
    if profile := _profile(data, dib):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _parsed(data: bytes) -> Dib:
    start = int.from_bytes(data[10:_FILE_HEADER], "little")
    if start >= len(data):
        raise SourceDamaged("the BMP ends before its pixels: it is cut short")
    return parse(data, _FILE_HEADER, start=start)


def _profile(data: bytes, dib: Dib) -> bytes:
    at, length = dib.profile
    return data[at : at + length]
