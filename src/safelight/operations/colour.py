"""What the pixels look like.

The operations of the colour stage run in the order in which they stand here, a photographer's:
first light, then colour, at last what leaves few or other colours. Those that CSS has, too, follow
Filter Effects Module Level 1, and so work on sRGB's code values.
"""

import math
from typing import Annotated, Any

from msgspec.structs import replace

from safelight.operations.equalising import equalised, span
from safelight.operations.frame import Frame
from safelight.operations.pixelwise import Curve, Matrix, Stop, curved, grey, inked, mixed, parts
from safelight.operations.registry import Stage, operation
from safelight.params import Angle, Colour, Colours, Flag, Float, Ink, Int

# CSS's own figures: https://www.w3.org/TR/filter-effects-1/#ShorthandEquivalents, and
# #feColorMatrixElement for saturation and hue.
_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_GREY = ((0.2126, 0.7152, 0.0722),) * 3
_UNSATURATED = ((0.213, 0.715, 0.072),) * 3
_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
_QUARTER_TURN = ((-0.213, -0.715, 0.928), (0.143, 0.140, -0.283), (-0.787, 0.715, 0.072))
# https://www.w3.org/TR/compositing-1/#blendingnonseparable
_LUMINOSITY = (0.3, 0.59, 0.11)


@operation(Stage.CANVAS, cost=0.0, example="w=300,h=300,fit=contain,bg=1a2b3c")
def bg(
    frame: Frame,
    *,
    bg: Annotated[Ink | str | None, Colour(words=("blur",), aliases=("background",))] = None,
) -> Frame:
    """Set the colour behind transparency and padding; white where the output has none.

    A colour that is not fully opaque keeps the output's transparency. ``blur`` fills what is
    padded with the picture itself, enlarged and blurred.
    """
    return replace(frame, background=bg)


@operation(Stage.COLOUR, cost=2.0, example="w=400,normalize")
def normalize(
    frame: Frame, *, normalize: Annotated[bool, Flag(aliases=("normalise",))] = False
) -> Frame:
    """Stretch the tones between black and white, but for one percent at either end.

    Red, green and blue by the same measure, so that greys stay grey. Decided on an animation's
    first frame.
    """
    if not normalize:
        return frame
    frame = frame.in_memory()
    dark, light = frame.once("normalize", lambda: span(frame, 0.01))
    return curved(frame, lambda value: (value - dark) / (light - dark))


@operation(Stage.COLOUR, cost=0.5, example="w=400,exposure=0.7")
def exposure(frame: Frame, *, exposure: Annotated[float, Float(-10, 10, unit="EV")] = 0.0) -> Frame:
    """Give more or less light, in stops: 1 doubles it, -1 halves it.

    In linear light, by the transfer function of sRGB (IEC 61966-2-1).
    """
    gain = 2.0**exposure
    return curved(frame, lambda value: _encoded(_linear(value) * gain))


def _linear(value: Any) -> Any:
    return (value <= 0.04045).ifthenelse(value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _encoded(light: Any) -> Any:
    return (light <= 0.0031308).ifthenelse(light * 12.92, light ** (1 / 2.4) * 1.055 - 0.055)


@operation(Stage.COLOUR, cost=0.5, example="w=400,brightness=1.2")
def brightness(frame: Frame, *, brightness: Annotated[float, Float(0, 10)] = 1.0) -> Frame:
    """Multiply all values, as CSS does: 0 is black, 1 changes nothing."""
    return curved(frame, lambda value: value * brightness)


@operation(Stage.COLOUR, cost=0.5, example="w=400,contrast=1.3")
def contrast(frame: Frame, *, contrast: Annotated[float, Float(0, 10)] = 1.0) -> Frame:
    """Spread values from middle grey, as CSS does: 0 is grey, 1 changes nothing."""
    return curved(frame, lambda value: (value - 0.5) * contrast + 0.5)


@operation(Stage.COLOUR, cost=0.5, example="w=400,gamma=1.4")
def gamma(frame: Frame, *, gamma: Annotated[float, Float(0.1, 10)] = 1.0) -> Frame:
    """Lighten (above 1) or darken the middle tones, and leave black and white."""
    return curved(frame, lambda value: value ** (1 / gamma))


@operation(Stage.COLOUR, cost=10.0, example="w=400,clahe", needs=("clahe",))
def clahe(
    frame: Frame,
    *,
    clahe: Annotated[float, Float(1, 100, bare="2")] = 1.0,
    clahe_tiles: Annotated[int, Int(1, 16)] = 8,
) -> Frame:
    """Bring out what is hidden in dark and light parts: local contrast, limited to a slope.

    ``clahe`` is how many times contrast may grow, ``clahe_tiles`` how many parts along the longer
    side have a curve of their own. Colours stay, tones change. Decided on an animation's first
    frame.
    """
    return frame if clahe == 1 else equalised(frame.in_memory(), clahe, clahe_tiles)


@operation(Stage.COLOUR, cost=1.5, example="w=400,hue=90")
def hue(frame: Frame, *, hue: Annotated[float, Angle(aliases=("hue_rotate",))] = 0.0) -> Frame:
    """Turn all hues by degrees, as CSS does by hue-rotate."""
    if frame.image.bands < 3:
        return frame
    cosine, sine = math.cos(math.radians(hue)), math.sin(math.radians(hue))
    matrix = [
        [flat + cosine * (own - flat) + sine * turn for flat, own, turn in zip(*rows, strict=True)]
        for rows in zip(_UNSATURATED, _IDENTITY, _QUARTER_TURN, strict=True)
    ]
    return mixed(frame, matrix)


def _towards(matrix: Matrix, amount: float) -> Matrix:
    """Go from no change (0) to a matrix (1), or away from it."""
    return [
        [own + (other - own) * amount for own, other in zip(*rows, strict=True)]
        for rows in zip(_IDENTITY, matrix, strict=True)
    ]


@operation(Stage.COLOUR, cost=1.5, example="w=400,saturation=1.5")
def saturation(
    frame: Frame, *, saturation: Annotated[float, Float(0, 10, aliases=("saturate",))] = 1.0
) -> Frame:
    """Make colours weaker (below 1) or stronger, as CSS does."""
    if frame.image.bands < 3:
        return frame
    return mixed(frame, _towards(_UNSATURATED, 1 - saturation))


@operation(Stage.COLOUR, cost=0.8, example="w=400,grayscale")
def grayscale(
    frame: Frame,
    *,
    grayscale: Annotated[float, Float(0, 1, bare="1", aliases=("greyscale",))] = 0.0,
) -> Frame:
    """Take the colours away, as CSS does; below 1 only partly."""
    if frame.image.bands < 3:
        return frame
    return grey(frame) if grayscale == 1 else mixed(frame, _towards(_GREY, grayscale))


@operation(Stage.COLOUR, cost=0.5, example="w=400,negate")
def negate(
    frame: Frame, *, negate: Annotated[float, Float(0, 1, bare="1", aliases=("invert",))] = 0.0
) -> Frame:
    """Turn light to dark and colours to their opposites, as CSS does; below 1 partly."""
    return curved(frame, lambda value: value * (1 - 2 * negate) + negate)


@operation(Stage.COLOUR, cost=1.0, example="w=400,threshold=110")
def threshold(
    frame: Frame, *, threshold: Annotated[int | None, Int(0, 255, unit="levels", bare="128")] = None
) -> Frame:
    """Make tones of at least this level (0 to 255) white, and the others black."""
    if threshold is None:
        return frame
    least = threshold / 255 - 1e-6
    return curved(grey(frame), lambda value: (value >= least) / 255)


@operation(Stage.COLOUR, cost=1.5, example="w=400,sepia=0.8")
def sepia(frame: Frame, *, sepia: Annotated[float, Float(0, 1, bare="1")] = 0.0) -> Frame:
    """Turn all to the brown of an old print, as CSS does; below 1 only partly."""
    return mixed(frame, _towards(_SEPIA, sepia))


@operation(Stage.COLOUR, cost=1.5, example="w=400,tint=1e90ff")
def tint(frame: Frame, *, tint: Annotated[Ink | None, Colour()] = None) -> Frame:
    """Give everything the hue of one colour, and keep how light it is.

    As CSS's blend mode color (Compositing and Blending Level 1), with the colour's opacity.
    """
    if tint is None:
        return frame
    *ink, opacity = parts(frame, tint)
    own = sum(weight * part for weight, part in zip(_LUMINOSITY, ink, strict=True))

    def lit(value: float) -> Stop:
        red, green, blue = (part + value - own for part in ink)
        return value, (red, green, blue, opacity)

    # A colour can be neither darker nor lighter than here without becoming greyer.
    darkest, lightest = max(0.0, own - min(ink)), min(1.0, 1 + own - max(ink))
    black, white = (0.0, (0.0, 0.0, 0.0, opacity)), (1.0, (1.0, 1.0, 1.0, opacity))
    return inked(frame, [lit(darkest), lit(lightest), black, white], _LUMINOSITY)


@operation(Stage.COLOUR, cost=1.5, example="w=400,duotone=1a2b6b:ffd9a0")
def duotone(frame: Frame, *, duotone: Annotated[tuple[Ink, Ink] | None, Colours()] = None) -> Frame:
    """Paint the tones with two colours: from the first, for black, to the second, for white.

    The picture shows through colours that are not opaque.
    """
    if duotone is None:
        return frame
    dark, light = duotone
    return inked(frame, [(0.0, parts(frame, dark)), (1.0, parts(frame, light))])


@operation(
    Stage.COLOUR,
    cost=0.5,
    example="w=400,colorize=ff8000,colorize_opacity=0.3",
    needs=("colorize",),
)
def colorize(
    frame: Frame,
    *,
    colorize: Annotated[Ink | None, Colour(aliases=("colourise", "colorise"))] = None,
    colorize_opacity: Annotated[float, Float(0, 1)] = 0.5,
) -> Frame:
    """Lay a colour over the picture, half opaque or as said."""
    if colorize is None:
        return frame
    *ink, opacity = parts(frame, colorize)
    # A grey needs one curve only, and leaves a grey picture grey.
    ink = ink[:1] if len(set(ink)) == 1 else ink
    return curved(frame, *(_laid_over(part, colorize_opacity * opacity) for part in ink))


def _laid_over(part: float, opacity: float) -> Curve:
    return lambda value: value * (1 - opacity) + part * opacity
