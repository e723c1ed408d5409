"""Where the pixels go: rotate, flip, crop, resize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from safelight.operations.frame import WHITE, Frame, Image
from safelight.operations.registry import Stage, operation
from safelight.params import COMPASS, Box, Enum, Flag, Float, Gravity, Int, Part, half_up

MAX_EDGE = 65_535


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a picture is fitted: scaled to a size, then cropped or padded to the box."""

    scaled: tuple[int, int]
    box: tuple[int, int]


@operation(Stage.ORIENT, cost=0.2, example="rotate=90")
def rotate(
    frame: Frame,
    *,
    rotate: Annotated[str, Enum(("0", "90", "180", "270"))] = "0",
) -> Frame:
    """Turn the picture clockwise by a quarter, a half or three quarters.

    Sides and boxes of the other operations are those of the turned picture.
    """
    turned = frame.in_memory().image.rot(f"d{rotate}")
    width, height = turned_size(frame.width, frame.height, int(rotate))
    return Frame(turned, width, height, frame.background, frame.encoding)


@operation(Stage.ORIENT, cost=0.1, example="flip=horizontal")
def flip(
    frame: Frame,
    *,
    flip: Annotated[
        str,
        Enum(
            ("horizontal", "vertical", "both"),
            synonyms=(("h", "horizontal"), ("v", "vertical"), ("hv", "both"), ("vh", "both")),
        ),
    ] = "",
) -> Frame:
    """Mirror the picture: left to right, top to bottom, or both."""
    image = frame.in_memory().image
    if flip in ("horizontal", "both"):
        image = image.fliphor()
    if flip in ("vertical", "both"):
        image = image.flipver()
    return Frame(image, frame.width, frame.height, frame.background, frame.encoding)


@operation(Stage.CROP, cost=0.1, example="crop=0.25:0.25:0.5:0.5")
def crop(
    frame: Frame,
    *,
    crop: Annotated[tuple[Part, Part, Part, Part] | None, Box()] = None,
) -> Frame:
    """Cut out a box, given from the top left corner of the picture as it is shown."""
    if crop is None:
        return frame
    left, top, width, height = crop_box(frame.width, frame.height, crop)
    across, down = frame.image.width / frame.width, frame.image.height / frame.height
    x = min(half_up(left * across), frame.image.width - 1)
    y = min(half_up(top * down), frame.image.height - 1)
    image = frame.image.crop(
        x,
        y,
        max(1, min(half_up(width * across), frame.image.width - x)),
        max(1, min(half_up(height * down), frame.image.height - y)),
    )
    return Frame(image, width, height, frame.background, frame.encoding)


@operation(Stage.RESIZE, cost=1.0, example="w=400,h=300,fit=cover")
def resize(
    frame: Frame,
    *,
    w: Annotated[int | None, Int(1, MAX_EDGE, unit="px", aliases=("width",))] = None,
    h: Annotated[int | None, Int(1, MAX_EDGE, unit="px", aliases=("height",))] = None,
    fit: Annotated[str, Enum(("cover", "contain", "fill", "inside", "outside"))] = "cover",
    gravity: Annotated[str | tuple[float, float], Gravity(aliases=("g",))] = "center",
    enlarge: Annotated[bool, Flag()] = False,
    dpr: Annotated[float, Float(0.1, 8)] = 1.0,
) -> Frame:
    """Scale to a width, a height, or a box that is covered, filled or fitted into.

    With one side the other follows. Never larger than the source unless ``enlarge``.
    """
    fitted = fit_box(frame.width, frame.height, w=w, h=h, fit=fit, enlarge=enlarge, dpr=dpr)
    frame = frame.scaled(*fitted.scaled)
    if fitted.box == fitted.scaled:
        return frame
    if fit == "contain":
        return _padded(frame, fitted.box, gravity)
    return _cut(frame, fitted.box, gravity)


def _cut(frame: Frame, box: tuple[int, int], gravity: str | tuple[float, float]) -> Frame:
    width, height = box
    if isinstance(gravity, str) and gravity not in COMPASS:
        interesting = {"smart": "attention", "entropy": "entropy"}[gravity]
        image = frame.in_memory().image
        return frame.having(image.smartcrop(width, height, interesting=interesting))
    left = _offset(frame.width, width, gravity, axis=0)
    top = _offset(frame.height, height, gravity, axis=1)
    return frame.having(frame.image.crop(left, top, width, height))


def _offset(room: int, size: int, gravity: str | tuple[float, float], *, axis: int) -> int:
    """Place ``size`` px in ``room`` px: a compass word by its side, a point into the middle."""
    if isinstance(gravity, str):
        return half_up((room - size) * COMPASS[gravity][axis])
    return max(0, min(half_up(room * gravity[axis] - size / 2), room - size))


def _padded(frame: Frame, box: tuple[int, int], gravity: str | tuple[float, float]) -> Frame:
    width, height = box
    word = gravity if isinstance(gravity, str) and gravity in COMPASS else "center"
    across, down = COMPASS[word]
    image, colour = _with_background(frame)
    embedded = image.embed(
        half_up((width - frame.width) * across),
        half_up((height - frame.height) * down),
        width,
        height,
        extend="background",
        background=colour,
    )
    return frame.having(embedded)


def _with_background(frame: Frame) -> tuple[Image, list[float]]:
    """Bring image and background to the same bands, so that one can pad the other."""
    image = frame.image
    colour = frame.background or ((0, 0, 0, 0) if image.hasalpha() else WHITE)
    if colour[3] < 255:
        # A see-through colour is laid behind the whole picture when that is written.
        colour = (0, 0, 0, 0)
    if image.bands < 3 and len(set(colour[:3])) > 1:
        image = image.colourspace("srgb")
    if colour[3] < 255 and not image.hasalpha():
        image = image.addalpha()
    ink = list(colour[:3]) if image.bands >= 3 else [colour[0]]
    return image, [float(part) for part in (*ink, *((colour[3],) if image.hasalpha() else ()))]


def fit_box(
    width: int,
    height: int,
    *,
    w: int | None = None,
    h: int | None = None,
    fit: str = "cover",
    enlarge: bool = False,
    dpr: float = 1.0,
) -> Fitted:
    """Reckon the size laws of ``resize`` for a picture of ``width`` x ``height`` px.

    Without ``enlarge``, cover keeps the box's aspect ratio in a smaller box, contain keeps the box
    and pads more, fill limits each side by itself.
    """
    if w is None and h is None:
        return Fitted((width, height), (width, height))
    scales = [side * dpr / full for side, full in ((w, width), (h, height)) if side is not None]
    if w is None or h is None:
        scale = _limited(scales[0], enlarge=enlarge)
        side = (_side(width, scale), _side(height, scale))
        return Fitted(side, side)
    wanted = (max(1, half_up(w * dpr)), max(1, half_up(h * dpr)))
    if fit == "fill":
        side = wanted if enlarge else (min(wanted[0], width), min(wanted[1], height))
        return Fitted(side, side)
    bound = max if fit in ("cover", "outside") else min
    scale = _limited(bound(scales), enlarge=enlarge)
    scaled = (_side(width, scale), _side(height, scale))
    if fit in ("inside", "outside"):
        return Fitted(scaled, scaled)
    if fit == "contain":
        return Fitted((min(scaled[0], wanted[0]), min(scaled[1], wanted[1])), wanted)
    shrunk = scale / max(scales)
    box = (max(1, half_up(wanted[0] * shrunk)), max(1, half_up(wanted[1] * shrunk)))
    return Fitted((max(scaled[0], box[0]), max(scaled[1], box[1])), box)


def _limited(scale: float, *, enlarge: bool) -> float:
    return scale if enlarge else min(scale, 1.0)


def _side(length: int, scale: float) -> int:
    return max(1, half_up(length * scale))


def crop_box(
    width: int, height: int, box: tuple[Part, Part, Part, Part]
) -> tuple[int, int, int, int]:
    """Turn a crop's numbers into px inside a picture of ``width`` x ``height`` px.

    What reaches beyond the picture is cut off; a box wholly outside becomes its nearest pixel.
    """
    left, top, across, down = (
        half_up(part * side) if isinstance(part, float) else part
        for part, side in zip(box, (width, height, width, height), strict=True)
    )
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, max(1, min(across, width - left)), max(1, min(down, height - top))


def turned_size(width: int, height: int, degrees: int) -> tuple[int, int]:
    """Swap the sides for a quarter turn."""
    return (height, width) if degrees % 180 else (width, height)
