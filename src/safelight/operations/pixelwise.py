"""What happens to each pixel by itself: curves, mixtures of its colours, inks in place of tones.

Values are parts of white, 0 to 1, in the picture's own code values; what leaves that range is
clipped. Alpha stays as it is.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from msgspec.structs import replace

from safelight.operations.frame import Frame, Image
from safelight.params import Ink

# Takes and gives an image of all the values that there can be.
Curve: TypeAlias = Callable[[Any], Any]
Matrix: TypeAlias = Sequence[Sequence[float]]
# A tone, and the red, green, blue and opacity that it gets.
Stop: TypeAlias = tuple[float, tuple[float, float, float, float]]

# How bright red, green and blue are: Rec. ITU-R BT.709, as in CSS's grayscale().
LUMA = (0.2126, 0.7152, 0.0722)
_PROFILE = "icc-profile-data"


def curved(frame: Frame, *curves: Curve) -> Frame:
    """Put the colours through curves: one for all, or one each for red, green and blue."""
    if len(curves) > 1:
        frame = coloured(frame)
    image, peak = frame.image, int(frame.peak)
    ramp = image.new_from_memory(_ramp(peak), peak + 1, 1, 1, "ushort") / peak
    columns = [rounded(curve(ramp) * peak, image.format) for curve in curves]
    if image.hasalpha():
        if len(columns) == 1:
            columns *= image.bands - 1
        columns.append(rounded(ramp * peak, image.format))
    return _having(frame, image.maplut(columns[0].bandjoin(columns[1:])))


def mixed(frame: Frame, matrix: Matrix) -> Frame:
    """Make red, green and blue anew of sums of all three; each has a row of weights."""
    frame = coloured(frame)
    image = frame.image
    rows = [list(row) for row in matrix]
    if image.hasalpha():
        rows = [*([*row, 0.0] for row in rows), [0.0, 0.0, 0.0, 1.0]]
    return _having(frame, rounded(image.recomb(rows), image.format))


def inked(frame: Frame, stops: Sequence[Stop], weights: Sequence[float] = LUMA) -> Frame:
    """Paint each tone with its ink, over the picture where the ink is not opaque.

    ``stops``: black's, white's and whatever lies between; from one to the next inks change evenly.
    """
    peak = frame.peak
    # Finer than 8 bits, for where an ink changes fast.
    fine = min(16 * peak, 65_535.0)
    tones = rounded(_tones(frame, weights, fine / peak), "ushort")
    if any(len(set(ink[:3])) > 1 for _, ink in stops):
        frame = coloured(frame)
    under: Any = colours(frame.image)
    solid = all(ink[3] == 1 for _, ink in stops)
    points = {
        round(value * fine): (*ink[: under.bands], *(() if solid else ink[3:]))
        for value, ink in stops
    }
    rows = [[level, *(part * peak for part in points[level])] for level in sorted(points)]
    table = rounded(frame.image.new_from_array(rows).buildlut(), frame.image.format)
    painted = tones.maplut(table)
    if not solid:
        opacity = painted.extract_band(under.bands) / peak
        over = painted.extract_band(0, n=under.bands) - under
        painted = rounded(under + over * opacity, frame.image.format)
    return _having(frame, with_alpha_of(frame.image, painted))


def grey(frame: Frame) -> Frame:
    """Leave the tones only, in one band."""
    if frame.image.bands < 3:
        return frame
    image = with_alpha_of(frame.image, tone(frame)).copy(
        interpretation="grey16" if frame.peak > 255 else "b-w"
    )
    if image.get_typeof(_PROFILE):
        # It speaks of red, green and blue; the greys of Display P3 are those of sRGB.
        image.remove(_PROFILE)
    return replace(frame, image=image)


def coloured(frame: Frame) -> Frame:
    """Give a grey picture red, green and blue."""
    if frame.image.bands >= 3:
        return frame
    return replace(frame, image=frame.image.colourspace("rgb16" if frame.peak > 255 else "srgb"))


def tone(frame: Frame) -> Image:
    """Give the tones of a picture as one band, without alpha."""
    if frame.image.bands < 3:
        return colours(frame.image)
    return rounded(_tones(frame, LUMA, 1.0), frame.image.format)


def _tones(frame: Frame, weights: Sequence[float], scale: float) -> Any:
    image = frame.image
    if image.bands < 3:
        return image.extract_band(0) * scale
    row = [weight * scale for weight in weights]
    return image.recomb([[*row, 0.0] if image.hasalpha() else row])


def parts(frame: Frame, colour: Ink) -> tuple[float, float, float, float]:
    """Give a colour, which is one of sRGB, in the picture's own space: parts of white, opacity."""
    values: Sequence[float] = colour[:3]
    if frame.image.get_typeof(_PROFILE):
        # The only profile that a picture has on its way is that of Display P3.
        dot = frame.image.new_from_memory(bytes(colour[:3]), 1, 1, 3, "uchar")
        dot = dot.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
        values = dot.getpoint(0, 0)
    red, green, blue = (value / 255 for value in values)
    return red, green, blue, colour[3] / 255


def colours(image: Image) -> Image:
    """Give all bands but alpha."""
    bands: Image = image.extract_band(0, n=image.bands - image.hasalpha())
    return bands


def with_alpha_of(image: Image, changed: Image) -> Image:
    """Put the alpha of a picture, if it has one, to its changed colours."""
    if not image.hasalpha():
        return changed
    joined: Image = changed.bandjoin(image.extract_band(image.bands - 1))
    return joined


def rounded(image: Image, values: str) -> Image:
    """Turn calculated values into whole ones, clipped; ``values`` is libvips's name of a type."""
    whole: Image = image.rint().cast(values)
    return whole


def _having(frame: Frame, image: Image) -> Frame:
    labelled = image.copy(interpretation=frame.image.interpretation)
    return replace(frame, image=labelled)


@cache
def _ramp(peak: int) -> bytes:
    return array("H", range(peak + 1)).tobytes()
