"""Where the pixels go: gravity, rotate, flip, crop, aspect, resize."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec.structs import replace

from safelight.operations.canvas import placed
from safelight.operations.fitting import (
    MAX_EDGE,
    crop_box,
    fit_box,
    place,
    ratio_box,
    turned_size,
)
from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.operations.tilt import tilted
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
    return tilted(frame, rotate) if rotate % 90 else frame.turned(round(rotate / 90))


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
    if flip == "horizontal":
        return frame.mirrored()
    # Upside down is half a turn, and mirrored once more.
    turned = frame.turned(2) if flip else frame
    return turned.mirrored() if flip == "vertical" else turned


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
    return frame.cut(*crop_box(frame.width, frame.height, crop))


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
    scaled = replace(frame.scaled(*fitted.scaled), dpr=dpr)
    if fitted.box == fitted.scaled:
        return scaled
    if fit == "contain":
        return placed(scaled, *fitted.box)
    return _cut(scaled, fitted.box, name="resize")


def _cut(frame: Frame, box: tuple[int, int], *, name: str) -> Frame:
    """Cut a box of nominal px where gravity says."""
    width, height = box
    if frame.gravity in CONTENT_AWARE:
        frame = frame.in_memory()
        left, top = frame.once(f"cut for {name}", lambda: _most_interesting(frame, box))
    else:
        left, top = place(frame.width, frame.height, width, height, frame.gravity, frame.dpr)
    return frame.cut(left, top, width, height)


def _most_interesting(frame: Frame, box: tuple[int, int]) -> tuple[int, int]:
    """Find the left and top of the box that libvips finds most interesting, in nominal px."""
    across, down = frame.density
    found = frame.image.smartcrop(
        max(1, min(half_up(box[0] * across), frame.image.width)),
        max(1, min(half_up(box[1] * down), frame.image.height)),
        interesting=_INTERESTING[str(frame.gravity)],
    )
    left = half_up((-found.xoffset - frame.overhang[0]) / across)
    top = half_up((-found.yoffset - frame.overhang[1]) / down)
    return max(0, min(left, frame.width - box[0])), max(0, min(top, frame.height - box[1]))
