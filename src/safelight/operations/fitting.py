"""The laws of size: how large a picture becomes, in whole px, before any pixel is touched."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import msgspec

from safelight.params import COMPASS, Part, Place, half_up

MAX_EDGE = 65_535
# Less than this part of a px is none.
_EXACT = 1e-6
# How many px more may be taken on a side to have a reduction begin in the right place.
_REACH = 5


class Fitted(msgspec.Struct, frozen=True):
    """How a picture is fitted: scaled to a size, then cropped or padded to the box."""

    scaled: tuple[int, int]
    box: tuple[int, int]


def fit_box(
    width: int,
    height: int,
    *,
    w: int | None = None,
    h: int | None = None,
    fit: str = "cover",
    enlarge: bool = False,
    dpr: float = 1.0,
    zoom: float = 1.0,
    min_w: int | None = None,
    min_h: int | None = None,
    max_w: int | None = None,
    max_h: int | None = None,
) -> Fitted:
    """Reckon the size laws of ``resize`` for a picture of ``width`` x ``height`` px.

    Without ``enlarge``, cover keeps the box's aspect ratio in a smaller box, contain keeps the box
    and pads more, fill limits each side by itself. ``dpr`` multiplies every length, ``zoom`` those
    that are neither least nor most. The most wins over the least.
    """
    across = _Bounds(min_w, max_w, dpr)
    down = _Bounds(min_h, max_h, dpr)
    if w is None or h is None or fit in ("inside", "outside"):
        scales = [side * dpr * zoom / full for side, full in ((w, width), (h, height)) if side]
        bound = max if fit == "outside" else min
        scale = bound(scales, default=zoom * dpr)
        scale = max(scale, across.least / width, down.least / height)
        scale = min(scale, across.most / width, down.most / height)
        scaled = _scaled(width, height, scale if enlarge else min(scale, 1.0))
        return Fitted(scaled, scaled)
    box = (across.clamp(w * dpr * zoom), down.clamp(h * dpr * zoom))
    wanted = (max(1, half_up(box[0])), max(1, half_up(box[1])))
    if fit == "fill":
        side = wanted if enlarge else (min(wanted[0], width), min(wanted[1], height))
        return Fitted(side, side)
    scales = [box[0] / width, box[1] / height]
    scale = max(scales) if fit == "cover" else min(scales)
    shrunk = 1.0 if enlarge else min(1.0, 1 / scale)
    scaled = _scaled(width, height, scale * shrunk)
    if fit == "contain":
        return Fitted((min(scaled[0], wanted[0]), min(scaled[1], wanted[1])), wanted)
    cut = _scaled(*wanted, shrunk)
    return Fitted((max(scaled[0], cut[0]), max(scaled[1], cut[1])), cut)


class _Bounds:
    """The least and the most that a side may be, in px; the most wins."""

    def __init__(self, least: int | None, most: int | None, dpr: float) -> None:
        self.least = (least or 0) * dpr
        self.most = math.inf if most is None else most * dpr

    def clamp(self, side: float) -> float:
        return min(max(side, self.least), self.most)


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, half_up(width * scale)), max(1, half_up(height * scale))


def in_px(parts: Iterable[Part], sides: Iterable[int]) -> tuple[int, ...]:
    """Turn lengths into px: a part (float) is one of its side."""
    return tuple(
        half_up(part * side) if isinstance(part, float) else part
        for part, side in zip(parts, sides, strict=True)
    )


def crop_box(width: int, height: int, box: tuple[Part, ...]) -> tuple[int, int, int, int]:
    """Turn a crop's numbers into px inside a picture of ``width`` x ``height`` px.

    Two numbers are a size, in the middle. What reaches beyond the picture is cut off; a box wholly
    outside becomes its nearest pixel.
    """
    if len(box) == 2:
        across, down = (
            max(1, min(size, side))
            for size, side in zip(in_px(box, (width, height)), (width, height), strict=True)
        )
        return *place(width, height, across, down, "center"), across, down
    left, top, across, down = in_px(box, (width, height, width, height))
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, max(1, min(across, width - left)), max(1, min(down, height - top))


def place(
    width: int, height: int, across: int, down: int, gravity: Place, dpr: float = 1.0
) -> tuple[int, int]:
    """Place a box of ``across`` x ``down`` px in, or around, ``width`` x ``height`` px.

    Returns its left and top. A compass word goes by its side, offsets (px times ``dpr``, or parts
    of the side) lead inwards from there, a point comes into the middle of the box; any other word
    is the middle. Nothing leaves the room.
    """
    if isinstance(gravity, str):
        gravity = (gravity, 0, 0)
    if len(gravity) == 2:
        left, top = (
            half_up(width * gravity[0] - across / 2),
            half_up(height * gravity[1] - down / 2),
        )
    else:
        word, x, y = gravity
        share = COMPASS.get(word, (0.5, 0.5))
        left = _aligned(width, across, share[0], x, dpr)
        top = _aligned(height, down, share[1], y, dpr)
    return _within(left, width - across), _within(top, height - down)


def _aligned(side: int, length: int, share: float, offset: Part, dpr: float) -> int:
    inwards = half_up(offset * (side if isinstance(offset, float) else dpr))
    return half_up((side - length) * share) + (-inwards if share == 1.0 else inwards)


def _within(offset: int, room: int) -> int:
    """Keep a box in its room; a box larger than its room keeps covering it."""
    return max(min(0, room), min(offset, max(0, room)))


def ratio_box(width: int, height: int, ratio: tuple[int, int]) -> tuple[int, int]:
    """Reckon the largest box of an aspect ratio inside ``width`` x ``height`` px."""
    across, down = ratio
    if width * down > height * across:
        return max(1, half_up(height * across / down)), height
    return width, max(1, half_up(width * down / across))


def span(start: float, length: float, most: int) -> tuple[int, int, float, float]:
    """Find the whole px, of ``most``, that hold what lies between two places.

    Returns the first, how many, and how much of them lies before and after.
    """
    first = min(max(0, math.floor(start + _EXACT)), most - 1)
    count = max(1, min(math.ceil(start + length - _EXACT), most) - first)
    before, after = start - first, first + count - start - length
    return first, count, _or_none(before), _or_none(after)


def _or_none(length: float) -> float:
    return 0.0 if abs(length) < _EXACT else length


def reduced_span(start: float, length: float, size: int) -> tuple[int, int, int]:
    """Find the whole px to reduce, so that ``length`` px from ``start`` on become ``size`` px.

    libvips lays the middle of the result on the middle of its source, and has no offset: but of
    a few px more on one side the middle is elsewhere. Returns the first px, how many, and how many
    of the result to leave out before ``size`` are taken. These are off by 0.02 px on average, and
    by 1/8 at most when at least 1.3 px become one.
    """
    step = 1 / (size / length)
    tries = []
    for before, after in product(range(_REACH), repeat=2):
        first = math.floor(start) - before
        count = math.ceil(start + length) + after - first
        made = int(count / step + 0.5)
        # Where the first px of the result begins, and how far that is from where it should.
        begins = first + (count - made * step) / 2
        skip = max(0, min(half_up((start - begins) / step), made - size))
        tries.append((abs(begins + skip * step - start), first, count, skip))
    _, first, count, skip = min(tries)
    return first, count, skip


def extended_size(width: int, height: int, ratio: tuple[int, int]) -> tuple[int, int]:
    """Reckon the smallest box of an aspect ratio around ``width`` x ``height`` px."""
    across, down = ratio
    if width * down > height * across:
        return width, max(height, half_up(width * down / across))
    return max(width, half_up(height * across / down)), height


def turned_size(width: int, height: int, degrees: float) -> tuple[int, int]:
    """Reckon the box around a turned picture; a quarter turn swaps the sides."""
    if degrees % 90 == 0:
        return (height, width) if degrees % 180 else (width, height)
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    return half_up(width * cosine + height * sine), half_up(width * sine + height * cosine)
