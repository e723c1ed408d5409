"""Drawings that do not say how large they are: as large as their ink."""

from __future__ import annotations

import re

import pyvips

from safelight import formats, svg
from safelight.svg import Drawing

# So far left and above of anything that is drawn, in px of CSS, and measured so many times as
# large: libvips tells whole px only, and no more than ten million.
_FAR, _FINE = 10_000, 64
_MARK = f'<path d="M-{_FAR}-{_FAR}h1v1z"/></svg>'.encode()
_SAYS_SIZE = re.compile(rb"<svg [^>]*\b(?:width|height|viewBox)=")


def prepared(data: bytes) -> Drawing:
    """Make an untrusted drawing safe, and give it a size if it has none.

    Raises what ``svg.prepare`` raises. It stays unsized where only a part of its size is said.
    """
    drawing = svg.prepare(data)
    if drawing.sized or _SAYS_SIZE.match(drawing.data):
        return drawing
    try:
        return _framed(drawing.data)
    except pyvips.Error:
        # What cannot be measured cannot be drawn, and fails there.
        return drawing


def _framed(drawing: bytes) -> Drawing:
    """Put a frame around the ink: without one it is neither scaled nor drawn from its corner on.

    librsvg tells the size of the ink, not its place. What a mark far away adds to it tells that.
    """
    width, height = _extent(drawing)
    right, bottom = _extent(drawing.removesuffix(b"</svg>") + _MARK)
    if (right, bottom) == (width, height):
        # A style sheet says the size, or hides the mark.
        return Drawing(drawing, width, height, sized=False)
    left, top = right - _FAR - width, bottom - _FAR - height
    frame = f'<svg viewBox="{left} {top} {width} {height}" width="{width}" height="{height}"'
    return Drawing(frame.encode() + drawing.removeprefix(b"<svg"), width, height)


def _extent(drawing: bytes) -> tuple[float, float]:
    """Measure a drawing in px of CSS; libvips counts 72 px to the inch."""
    loader = formats.BY_NAME["svg"].loader
    image = pyvips.Operation.call(f"{loader}_buffer", drawing, dpi=96, scale=_FINE * 72 / 96)
    return image.width / _FINE, image.height / _FINE
