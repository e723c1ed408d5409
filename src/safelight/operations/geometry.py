"""Where the pixels go: gravity, rotate, flip, crop, aspect, resize."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from safelight.operations.canvas import backed, padded
from safelight.operations.fitting import (
    MAX_EDGE,
    Fitted,
    crop_box,
    fit_box,
    place,
    ratio_box,
    turned_size,
)
from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.params import (
    CONTENT_AWARE,
    Angle,
    Box,
    Enum,
    Flag,
    Float,
    Gravity,
    Int,
    Part,
    Place,
    Ratio,
    half_up,
)

# What libvips calls the two ways of looking for what is interesting.
_INTERESTING = {"smart": "attention", "entropy": "entropy"}
_SIZES = ("w", "h", "min_w", "min_h", "max_w", "max_h", "zoom", "dpr")


def _nothing_to_place(given: Mapping[str, Any]) -> Iterable[str]:
    """Gravity counts only where something is cut off, or put somewhere."""
    boxed = "w" in given and "h" in given and given.get("fit", "cover") in ("cover", "contain")
    sized = len(given.get("crop", ())) == 2
    return () if boxed or sized or "aspect" in given or "extend" in given else ("gravity",)


@operation(Stage.CANVAS, cost=0.0, example="w=300,h=300,gravity=0.3x0.7", idle=_nothing_to_place)
def gravity(
    frame: Frame, *, gravity: Annotated[Place, Gravity(aliases=("g",))] = "center"
) -> Frame:
    """Say what stays when something must be cut off, and where the picture goes when padded.

    A compass word, with offsets if need be (``north:0:20``), the focal point, ``smart`` for what
    draws attention, ``entropy`` for where most is to be seen.
    """
    return replace(frame, gravity=gravity)


def _turned(width: int, height: int, *, rotate: float = 0.0) -> list[tuple[int, int]]:
    return [turned_size(width, height, rotate)]


@operation(Stage.ORIENT, cost=0.2, example="rotate=90", sizes=_turned)
def rotate(frame: Frame, *, rotate: Annotated[float, Angle()] = 0.0) -> Frame:
    """Turn the picture clockwise; by other than quarter turns its corners show the background.

    Sides and boxes of the other operations are those of the turned picture.
    """
    width, height = turned_size(frame.width, frame.height, rotate)
    frame = frame.in_memory()
    if rotate % 90 == 0:
        return replace(frame, image=frame.image.rot(f"d{rotate:.0f}"), width=width, height=height)
    see_through = frame.colour is None or frame.colour[3] != 255
    image = frame.image
    if see_through and not image.hasalpha():
        image = image.addalpha()
    image, ground = backed(replace(frame, image=image))
    box = turned_size(image.width, image.height, rotate)
    alpha, band_format = image.hasalpha(), image.format
    image = image.premultiply() if alpha else image
    image = image.rotate(rotate, background=ground).gravity(
        "centre", *box, extend="background", background=ground
    )
    image = image.unpremultiply().cast(band_format) if alpha else image
    return replace(frame, image=image, width=width, height=height)


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
    return replace(frame, image=image)


def _cropped(
    width: int, height: int, *, crop: tuple[Part, ...] | None = None
) -> list[tuple[int, int]]:
    return [] if crop is None else [crop_box(width, height, crop)[2:]]


@operation(Stage.CROP, cost=0.1, example="crop=0.25:0.25:0.5:0.5", sizes=_cropped)
def crop(
    frame: Frame, *, crop: Annotated[tuple[Part, ...] | None, Box(placed=True)] = None
) -> Frame:
    """Cut out a box, given from the top left corner of the picture as it is shown.

    Of two numbers, a size, ``gravity`` says where.
    """
    if crop is None:
        return frame
    if len(crop) == 2:
        return _cut(frame, crop_box(frame.width, frame.height, crop)[2:], name="crop")
    return _cut_out(frame, crop_box(frame.width, frame.height, crop))


def _shaped(width: int, height: int, *, aspect: tuple[int, int] = (1, 1)) -> list[tuple[int, int]]:
    return [ratio_box(width, height, aspect)]


@operation(Stage.CROP, cost=0.1, example="aspect=16:9,gravity=smart,w=400", sizes=_shaped)
def aspect(
    frame: Frame, *, aspect: Annotated[tuple[int, int] | None, Ratio(aliases=("ar",))] = None
) -> Frame:
    """Cut to an aspect ratio, width to height, with as little loss as can be."""
    if aspect is None:
        return frame
    return _cut(frame, ratio_box(frame.width, frame.height, aspect), name="aspect")


def _resized(width: int, height: int, **arguments: Any) -> list[tuple[int, int]]:
    fitted = fit_box(width, height, **arguments)
    return [fitted.scaled, fitted.box]


def _nothing_to_fit(given: Mapping[str, Any]) -> Iterable[str]:
    if not any(name in given for name in _SIZES):
        return ("fit", "enlarge")
    return () if "w" in given and "h" in given else ("fit",)


@operation(
    Stage.RESIZE,
    cost=1.0,
    example="w=400,h=300,fit=cover",
    sizes=_resized,
    idle=_nothing_to_fit,
)
def resize(
    frame: Frame,
    *,
    w: Annotated[int | None, Int(1, MAX_EDGE, unit="px", aliases=("width",))] = None,
    h: Annotated[int | None, Int(1, MAX_EDGE, unit="px", aliases=("height",))] = None,
    fit: Annotated[str, Enum(("cover", "contain", "fill", "inside", "outside"))] = "cover",
    enlarge: Annotated[bool, Flag()] = False,
    dpr: Annotated[float, Float(0.1, 8)] = 1.0,
    zoom: Annotated[float, Float(0.001, 100)] = 1.0,
    min_w: Annotated[int | None, Int(1, MAX_EDGE, unit="px")] = None,
    min_h: Annotated[int | None, Int(1, MAX_EDGE, unit="px")] = None,
    max_w: Annotated[int | None, Int(1, MAX_EDGE, unit="px")] = None,
    max_h: Annotated[int | None, Int(1, MAX_EDGE, unit="px")] = None,
) -> Frame:
    """Scale to a width, a height, or a box that is covered, filled or fitted into.

    With one side the other follows. Never larger than the source unless ``enlarge``. ``zoom``
    multiplies what is asked for, or the source's own size; ``dpr`` does so too, and multiplies
    every other length in px. ``min_w`` to ``max_h`` bound the result.
    """
    fitted = fit_box(
        frame.width, frame.height, w=w, h=h, fit=fit, enlarge=enlarge, dpr=dpr, zoom=zoom,
        min_w=min_w, min_h=min_h, max_w=max_w, max_h=max_h,
    )  # fmt: skip
    return _fitted(replace(frame.scaled(*fitted.scaled), dpr=dpr), fitted, fit)


def _fitted(frame: Frame, fitted: Fitted, fit: str) -> Frame:
    if fitted.box == fitted.scaled:
        return frame
    if fit == "contain":
        # A focal point says what to keep, and all of it is kept.
        gravity = "center" if len(frame.gravity) == 2 else frame.gravity
        left, top = place(*fitted.box, frame.width, frame.height, gravity, frame.dpr)
        return padded(frame, left, top, *fitted.box)
    return _cut(frame, fitted.box, name="resize")


def _cut(frame: Frame, box: tuple[int, int], *, name: str) -> Frame:
    """Cut a box of nominal px where gravity says."""
    width, height = box
    if frame.gravity in CONTENT_AWARE:
        frame = frame.in_memory()
        left, top = frame.once(f"cut for {name}", lambda: _most_interesting(frame, box))
    else:
        left, top = place(frame.width, frame.height, width, height, frame.gravity, frame.dpr)
    return _cut_out(frame, (left, top, width, height))


def _most_interesting(frame: Frame, box: tuple[int, int]) -> tuple[int, int]:
    """Find the left and top of the box that libvips finds most interesting, in nominal px."""
    across, down = frame.image.width / frame.width, frame.image.height / frame.height
    found = frame.image.smartcrop(
        max(1, min(half_up(box[0] * across), frame.image.width)),
        max(1, min(half_up(box[1] * down), frame.image.height)),
        interesting=_INTERESTING[str(frame.gravity)],
    )
    return half_up(-found.xoffset / across), half_up(-found.yoffset / down)


def _cut_out(frame: Frame, box: tuple[int, int, int, int]) -> Frame:
    """Cut a box out of nominal px, from an image that may hold fewer."""
    left, top, width, height = box
    across, down = frame.image.width / frame.width, frame.image.height / frame.height
    x = min(half_up(left * across), frame.image.width - 1)
    y = min(half_up(top * down), frame.image.height - 1)
    image = frame.image.crop(
        x,
        y,
        max(1, min(half_up(width * across), frame.image.width - x)),
        max(1, min(half_up(height * down), frame.image.height - y)),
    )
    return replace(frame, image=image, width=width, height=height)
