"""What is done with a pixel and its neighbours.

These operations run in the order in which they stand here: noise goes before anything makes it
more visible or spreads it, and what shall not be recognised is made so at last. Alpha is treated
like a colour where it moves, and says everywhere how much a colour counts. Lengths in px are
multiplied by ``dpr``.
"""

from typing import Annotated, Any

from msgspec.structs import replace

from safelight.operations.frame import Frame
from safelight.operations.pixelwise import rounded, with_alpha_of
from safelight.operations.registry import Stage, operation
from safelight.operations.smoothing import gaussian, guided, median_of_nine, opaque
from safelight.params import Float, Int

# libvips takes no more, and a larger square takes too long.
_WIDEST_SHARPENING = 10.0
_LARGEST_SQUARE = 31


@operation(Stage.EFFECT, cost=8.0, example="w=400,denoise=15")
def denoise(
    frame: Frame, *, denoise: Annotated[float, Float(0, 100, unit="levels", bare="10")] = 0.0
) -> Frame:
    """Smooth away noise of up to so many levels (of 255), but no edge.

    A guided filter, guided by the picture itself: He, Sun and Tang, "Guided image filtering",
    IEEE TPAMI 35(6), 2013.
    """
    if not denoise:
        return frame
    image = frame.in_memory().image
    smooth = guided(opaque(image, reach=8), denoise)
    return replace(frame, image=with_alpha_of(image, smooth))


@operation(Stage.EFFECT, cost=18.0, example="w=400,median=5")
def median(frame: Frame, *, median: Annotated[int, Int(1, 15, unit="px", bare="3")] = 1) -> Frame:
    """Give each pixel the median of a square around it, which takes away specks."""
    image = frame.in_memory().image
    size = min(frame.px(median), _LARGEST_SQUARE, image.width, image.height)
    if size <= 1:
        return frame
    solid = with_alpha_of(image, opaque(image, reach=size))
    return replace(frame, image=median_of_nine(solid) if size == 3 else solid.median(size))


@operation(Stage.EFFECT, cost=1.0, example="w=400,blur=4")
def blur(frame: Frame, *, blur: Annotated[float, Float(0, 250, unit="px")] = 0.0) -> Frame:
    """Blur by a Gaussian of this sigma in px, as CSS does; the edges stay opaque."""
    return replace(frame, image=gaussian(frame.in_memory().image, blur * frame.dpr))


@operation(
    Stage.EFFECT,
    cost=4.0,
    example="w=400,unsharp=1.5,unsharp_radius=2,unsharp_threshold=4",
    needs=("unsharp",),
)
def unsharp(
    frame: Frame,
    *,
    unsharp: Annotated[float, Float(0, 10, bare="1")] = 0.0,
    unsharp_radius: Annotated[float, Float(0.1, 100, unit="px")] = 1.0,
    unsharp_threshold: Annotated[int, Int(0, 255, unit="levels")] = 0,
) -> Frame:
    """Sharpen by what a blurred picture lacks, so many times; the radius is the blur's sigma.

    Differences below the threshold, in levels of 255, are left as they are.
    """
    if not unsharp:
        return frame
    image = frame.in_memory().image
    solid: Any = opaque(image, reach=2 * unsharp_radius * frame.dpr)
    lack = solid - gaussian(solid, unsharp_radius * frame.dpr)
    least = unsharp_threshold * frame.peak / 255
    if least:
        lack = (lack.abs() >= least).ifthenelse(lack, 0)
    sharp = rounded(solid + lack * unsharp, image.format)
    return replace(frame, image=with_alpha_of(image, sharp))


@operation(Stage.EFFECT, cost=8.0, example="w=400,sharpen")
def sharpen(
    frame: Frame, *, sharpen: Annotated[float, Float(0, 10, unit="px", bare="0.5")] = 0.0
) -> Frame:
    """Sharpen lightness only, strong edges more than flat parts; the bare name suits photographs.

    In CIE L*a*b*, by libvips's measures; the value is the sigma in px of what counts as fine.
    """
    if not sharpen:
        return frame
    image = frame.in_memory().image
    sigma = min(sharpen * frame.dpr, _WIDEST_SHARPENING)
    # In memory, or libvips would convert each pixel twice.
    solid = opaque(image, reach=3 * sigma).colourspace("labs").copy_memory()
    sharp = solid.sharpen(sigma=sigma).colourspace(image.interpretation)
    return replace(frame, image=with_alpha_of(image, sharp))


@operation(Stage.EFFECT, cost=0.3, example="w=400,pixelate=16")
def pixelate(frame: Frame, *, pixelate: Annotated[int, Int(1, 1_000, unit="px")] = 1) -> Frame:
    """Make the picture of squares of one colour each, so many px wide."""
    size = max(frame.px(pixelate), 1)
    image = frame.in_memory().image
    weighted = image.premultiply() if image.hasalpha() else image
    small = weighted.shrink(size, size, ceil=True)
    if image.hasalpha():
        small = rounded(small.unpremultiply(), image.format)
    large = small.copy_memory().zoom(size, size).crop(0, 0, image.width, image.height)
    return replace(frame, image=large.copy(interpretation=image.interpretation))
