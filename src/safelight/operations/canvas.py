"""What lies around and behind a picture."""

from __future__ import annotations

from safelight.operations.frame import WHITE, Frame, Image


def padded(frame: Frame, left: int, top: int, width: int, height: int) -> Frame:
    """Put a picture on a canvas of ``width`` x ``height`` px, at ``left`` and ``top``.

    Shows the background around it; nothing, if the picture has transparency and nobody said.
    """
    image, colour = backed(frame)
    embedded = image.embed(left, top, width, height, extend="background", background=colour)
    return frame.having(embedded)


def backed(frame: Frame) -> tuple[Image, list[float]]:
    """Bring image and background to the same bands, so that one can be put on the other."""
    image = frame.image
    colour = frame.colour or ((0, 0, 0, 0) if image.hasalpha() else WHITE)
    if colour[3] < 255:
        # A see-through colour is laid behind the whole picture when that is written.
        colour = (0, 0, 0, 0)
    if image.bands < 3 and len(set(colour[:3])) > 1:
        image = image.colourspace("rgb16" if frame.peak > 255 else "srgb")
    if colour[3] < 255 and not image.hasalpha():
        image = image.addalpha()
    ink = list(colour[:3]) if image.bands >= 3 else [colour[0]]
    scale = frame.peak / 255
    return image, [part * scale for part in (*ink, *((colour[3],) if image.hasalpha() else ()))]
