"""Rows of a device-independent bitmap, made into an image by libvips."""

from __future__ import annotations

from typing import cast

import pyvips

from safelight.engine.decoders.dib import RLE4, RLE8, Dib
from safelight.engine.decoders.runs import unpack_runs
from safelight.errors import SourceDamaged

_BYTES = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)

Rows = bytes | bytearray | memoryview


def pixels(data: bytes, dib: Dib) -> pyvips.Image:
    """Decode to grey or RGB, with alpha or without, 8 bits a value, top row first.

    Nothing is copied but what is stored as runs, so the image refers to ``data``. Raises
    SourceDamaged when rows are missing.
    """
    if dib.compression in (RLE8, RLE4):
        unpacked = unpack_runs(
            data, dib.start, dib.width, dib.height, nibbles=dib.compression == RLE4
        )
        image = _indexed(_stored(unpacked, dib.width, dib.height), dib.width, 8, dib.palette)
    else:
        rows = _whole(data, dib.start, dib.stride, dib.height, dib.width * dib.bits)
        image = _direct(rows, dib)
    image = image.copy(interpretation="b-w" if dib.bands == 1 else "srgb")
    return image if dib.top_down else image.flip("vertical")


def transparency(data: bytes, dib: Dib) -> pyvips.Image:
    """Decode an icon's mask, a bit a pixel behind its pixels, into alpha: a set bit is transparent.

    Rows that are missing hide nothing: programs write masks that are too short.
    """
    start, stride = dib.start + dib.stride * dib.height, (dib.width + 31) // 32 * 4
    rows = data[start : start + stride * dib.height].ljust(stride * dib.height, b"\0")
    alpha = _indexed(_stored(rows, stride, dib.height), dib.width, 1, (b"\xff", b"\0"))
    return alpha.flip("vertical")


def _whole(data: bytes, start: int, stride: int, height: int, row_bits: int) -> Rows:
    """Give ``height`` rows of ``stride`` bytes; the last may lack its padding."""
    rows = memoryview(data)[start : start + stride * height]
    missing = stride * height - len(rows)
    if missing > stride - (row_bits + 7) // 8:
        raise SourceDamaged("the bitmap ends before its pixels: it is cut short")
    return bytes(rows).ljust(stride * height, b"\0") if missing else rows


def _stored(rows: Rows, width: int, height: int, kind: str = "uchar") -> pyvips.Image:
    return pyvips.Image.new_from_memory(rows, width, height, 1, kind)


def _direct(rows: Rows, dib: Dib) -> pyvips.Image:
    masks = dib.masks[: dib.bands]
    if dib.bits <= 8:
        return _indexed(_stored(rows, dib.stride, dib.height), dib.width, dib.bits, dib.palette)
    if dib.bits == 16:
        words = _stored(rows, dib.stride // 2, dib.height, "ushort")
        every = pyvips.Image.identity(ushort=True)
        table = _joined([_field(every, mask) for mask in masks])
        return words.maplut(table).crop(0, 0, dib.width, dib.height)
    if all(mask in _BYTES for mask in masks):
        size = dib.bits // 8
        stored = _stored(rows, dib.stride, dib.height).crop(0, 0, dib.width * size, dib.height)
        values = stored.bandfold(factor=size)
        return _joined([values[_BYTES.index(mask)] for mask in masks])
    words = _stored(rows, dib.width, dib.height, "uint")
    return _joined([_field(words, mask) for mask in masks])


def _indexed(
    stored: pyvips.Image, width: int, bits: int, palette: tuple[bytes, ...]
) -> pyvips.Image:
    """Look up whole bytes: each stands for one to eight pixels, which are laid side by side."""
    pixels = b"".join(
        palette[byte >> shift & (1 << bits) - 1]
        for byte in range(256)
        for shift in range(8 - bits, -1, -bits)
    )
    table = pyvips.Image.new_from_memory(pixels, 256, 1, len(pixels) // 256, "uchar")
    seen = stored.maplut(table)
    if bits < 8:
        seen = seen.bandunfold(factor=8 // bits)
    return seen.crop(0, 0, width, seen.height)


def _field(words: pyvips.Image, mask: int) -> pyvips.Image:
    """Take the bits of a mask out of whole pixels and stretch them to 0 to 255."""
    # The constants of libvips are signed: no mask is wider than it has to be.
    lowest = max((mask & -mask).bit_length() - 1, mask.bit_length() - 16, 0)
    most = mask >> lowest
    return (((words >> lowest) & most) * (255 / max(1, most)) + 0.5).cast("uchar")


def _joined(bands: list[pyvips.Image]) -> pyvips.Image:
    return cast("pyvips.Image", bands[0].bandjoin(bands[1:]))
