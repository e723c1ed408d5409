"""Test pictures made by Pillow, and what the engine makes of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from safelight import engine
from safelight.limits import Limits
from safelight.picture import Rendering
from safelight.transform import parse


def run(data: bytes, transform: str = "", limits: Limits | None = None) -> Rendering:
    """Render with the text of a transform."""
    return engine.run(data, parse(transform), limits or Limits())


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow, in whatever mode the file has; a PNG's palette is only how it is kept."""
    picture: Image.Image = Image.open(io.BytesIO(data))
    picture.load()
    if (picture.format, picture.mode) == ("PNG", "P"):
        shown = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        shown.format = picture.format
        return shown
    return picture


def picture_of(data: bytes, transform: str = "") -> Image.Image:
    """Render, and decode the answer with Pillow; its real size is what the engine says."""
    rendering = run(data, transform)
    picture = opened(rendering.data)
    assert picture.size == (rendering.width, rendering.height)
    assert Image.MIME[picture.format or ""] == rendering.mime
    return picture


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    """Write with Pillow."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    """Make EXIF data that says how the pixels are turned."""
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def plane(width: int, height: int) -> Image.Image:
    """Make a picture whose red is its column and whose green is its row, one level a pixel."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.arange(width)[None, :]
    pixels[..., 1] = np.arange(height)[:, None]
    pixels[..., 2] = 60
    return Image.fromarray(pixels)


def lopsided(width: int = 240, height: int = 160) -> Image.Image:
    """Draw what looks different however it is turned or mirrored."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width // 4, height // 3), fill=(210, 40, 40))
    draw.ellipse((width * 5 // 8, height // 8, width * 7 // 8, height // 2), fill=(40, 170, 70))
    draw.polygon(
        [(width // 8, height - 8), (width // 2, height - 8), (width // 8, height // 2)],
        fill=(50, 80, 220),
    )
    return picture


def mean_difference(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of the values of two pictures of one size and mode, 0 to 255."""
    assert (a.size, a.mode) == (b.size, b.mode)
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return float(np.abs(left - right).mean())


def pixels_of(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give the values as an array, rows first."""
    return np.asarray(picture, dtype=np.float64)
