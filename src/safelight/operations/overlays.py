"""What is laid on a picture, in this order: a gradient, another picture, text."""

import math
from typing import Annotated

from safelight.operations.compositing import BLENDS, Overlay, corner_of, laid, room_for
from safelight.operations.frame import WHITE, Frame, Image
from safelight.operations.lettering import contrast, lettered
from safelight.operations.registry import Stage, operation
from safelight.params import (
    COMPASS,
    Colour,
    Enum,
    Flag,
    Float,
    Gravity,
    Ink,
    Int,
    Key,
    Length,
    Part,
    Place,
    Text,
    half_up,
)

_SIDES = tuple(word for word in COMPASS if word != "center")
_SIDE_SYNONYMS = (("top", "north"), ("bottom", "south"), ("left", "west"), ("right", "east"))
# Tiles are put together in blocks of this side first: one of a pixel would be slow to repeat.
_BLOCK = 256


@operation(Stage.OVERLAY, cost=0.3, example="w=400,gradient", needs=("gradient",))
def gradient(
    frame: Frame,
    *,
    gradient: Annotated[Ink | None, Colour(bare="black")] = None,
    gradient_side: Annotated[str, Enum(_SIDES, synonyms=_SIDE_SYNONYMS)] = "south",
    gradient_from: Annotated[float, Float(0, 1)] = 0.0,
    gradient_to: Annotated[float, Float(0, 1)] = 0.7,
    gradient_length: Annotated[float, Float(0.01, 1)] = 0.6,
) -> Frame:
    """Lay a colour over the picture that grows denser towards a side or a corner.

    ``gradient`` alone darkens the lower part, as a ground for a caption. The opacity rises smoothly
    from ``gradient_from`` to ``gradient_to``, which it has at ``gradient_side``, over
    ``gradient_length``, a part of the picture.
    """
    if gradient is None:
        return frame

    def made() -> Overlay:
        near = _nearness(frame, COMPASS[gradient_side])
        risen = near.linear(1 / gradient_length, 1 - 1 / gradient_length).clamp()
        # A smooth start and end (3t^2 - 2t^3): a straight rise is seen to begin somewhere.
        eased = risen.multiply(risen).multiply(risen.linear(-2, 3))
        opacity = eased.linear(255 * (gradient_to - gradient_from), 255 * gradient_from)
        mask = opacity.rint().cast("uchar")
        mask = mask.embed(0, 0, frame.width, frame.height, extend="copy")
        return Overlay.filled(mask, gradient)

    return laid(frame, frame.once("gradient", made), 0, 0)


def _nearness(frame: Frame, side: tuple[float, float]) -> Image:
    """Tell how near each pixel is to a side or corner, 0 to 1.

    Along a side where nothing changes the result is one pixel long.
    """
    # -1 towards the west or north, 1 towards the east or south.
    towards = [round(2 * share - 1) for share in side]
    sizes = [
        length if sign else 1
        for length, sign in zip((frame.width, frame.height), towards, strict=True)
    ]
    places = frame.materials.coordinates(*sizes).bandsplit()
    near = [
        # Measured in the middle of each pixel.
        place.linear(sign / size, 0.5 * sign / size + (sign < 0))
        for place, size, sign in zip(places, sizes, towards, strict=True)
        if sign
    ]
    mean: Image = near[0] if len(near) == 1 else near[0].add(near[1]).linear(0.5, 0)
    return mean


@operation(
    Stage.OVERLAY,
    cost=0.3,
    example="w=400,watermark=marks%2Flogo.svg",
    needs=("watermark",),
)
def watermark(
    frame: Frame,
    *,
    watermark: Annotated[str | None, Key(aliases=("mark",))] = None,
    watermark_scale: Annotated[float | str, Float(0.01, 1, words=("original",))] = 0.2,
    watermark_position: Annotated[Place, Gravity(aware=False)] = "southeast",
    watermark_padding: Annotated[Part, Length()] = 0.03,
    watermark_opacity: Annotated[float, Float(0, 1)] = 1.0,
    watermark_blend: Annotated[str, Enum(tuple(BLENDS))] = "normal",
    watermark_tile: Annotated[bool, Flag()] = False,
) -> Frame:
    """Lay another picture of the source store over this one.

    Its width is ``watermark_scale`` of this picture's, or with ``original`` its own; it shrinks to
    fit. It keeps ``watermark_padding`` from the sides (px, or a part of the width), unless
    ``watermark_position`` has offsets of its own. ``watermark_tile`` repeats it over the whole
    picture, with the padding in between.
    """
    if watermark is None:
        return frame

    def made() -> tuple[Overlay, int, int]:
        room = room_for(frame, watermark_position, watermark_padding)
        size = _mark_size(frame, frame.materials.size(watermark), watermark_scale, room)
        mark = frame.materials.picture(watermark, *size)
        left, top = corner_of(frame, *size, watermark_position, watermark_padding)
        if watermark_tile:
            gap = frame.length(watermark_padding, frame.width)
            mark = _tiled(mark, left, top, gap, (frame.width, frame.height))
            left = top = 0
        return Overlay.of(mark).faded(watermark_opacity), left, top

    return laid(frame, *frame.once("watermark", made), blend=watermark_blend)


def _mark_size(
    frame: Frame, own: tuple[int, int], scale: float | str, room: tuple[int, int]
) -> tuple[int, int]:
    """Reckon how large a watermark becomes, in px; its proportions stay."""
    enlarged = frame.dpr if isinstance(scale, str) else scale * frame.width / own[0]
    most = min(space / side for space, side in zip(room, own, strict=True))
    factor = min(enlarged, most)
    return max(1, half_up(own[0] * factor)), max(1, half_up(own[1] * factor))


def _tiled(mark: Image, left: int, top: int, gap: int, size: tuple[int, int]) -> Image:
    """Repeat a watermark in all directions from where it is."""
    width, height = min(mark.width + gap, size[0]), min(mark.height + gap, size[1])
    tile = mark.embed(0, 0, width, height).wrap(x=left % width, y=top % height)
    block = tile.replicate(_times(_BLOCK, width), _times(_BLOCK, height)).copy_memory()
    tiles = block.replicate(_times(size[0], block.width), _times(size[1], block.height))
    cut: Image = tiles.crop(0, 0, *size)
    return cut


def _times(length: int, part: int) -> int:
    return math.ceil(length / part)


@operation(Stage.OVERLAY, cost=0.3, example="w=400,text=%C2%A9%20Safelight", needs=("text",))
def text(
    frame: Frame,
    *,
    text: Annotated[str | None, Text()] = None,
    text_size: Annotated[Part, Length(1)] = 0.05,
    text_min: Annotated[int, Int(0, 1_000, unit="px")] = 12,
    text_color: Annotated[Ink, Colour(aliases=("text_colour",))] = WHITE,
    text_opacity: Annotated[float, Float(0, 1)] = 0.9,
    text_position: Annotated[Place, Gravity(aware=False)] = "southeast",
    text_padding: Annotated[Part, Length()] = 0.03,
    text_shadow: Annotated[Ink | str, Colour(words=("auto", "none"))] = "auto",
    text_outline: Annotated[Ink | None, Colour(bare="black")] = None,
) -> Frame:
    """Write text over the picture.

    ``text_size`` is the height of its lines in px, or a part of the width that is no less than
    ``text_min``; what would not fit becomes smaller. ``text_padding`` (px, or a part of the width)
    is kept from the sides, unless ``text_position`` has offsets of its own; %0A breaks a line.
    ``text_shadow`` is soft, by default such that the text stands out; ``text_outline`` goes around
    each letter. ``text_opacity`` is that of all of it.
    """
    if text is None:
        return frame

    def made() -> tuple[Overlay, int, int]:
        size = frame.length(text_size, frame.width)
        if isinstance(text_size, float):
            size = max(size, frame.px(text_min))
        written = lettered(
            frame.materials,
            text,
            size=max(1, size),
            room=room_for(frame, text_position, text_padding),
            position=text_position,
            ink=text_color,
            outline=text_outline,
            shadow=_shadow(text_shadow, text_color),
        )
        left, top = corner_of(frame, written.width, written.height, text_position, text_padding)
        overlay = Overlay.of(written.image).faded(text_opacity)
        return overlay, left - written.margin, top - written.margin

    return laid(frame, *frame.once("text", made))


def _shadow(wanted: Ink | str, ink: Ink) -> Ink | None:
    if isinstance(wanted, str):
        return contrast(ink) if wanted == "auto" else None
    return wanted
