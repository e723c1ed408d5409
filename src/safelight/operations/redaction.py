"""What nobody shall see."""

import math
from typing import Annotated

from msgspec.structs import replace

from safelight.operations.fitting import in_px
from safelight.operations.frame import Frame, Image, resample
from safelight.operations.registry import Stage, operation
from safelight.params import Boxes, Colour, Ink, Part

# So many values are left along the longer side of a box, each of so many px at least: of a face
# remains its complexion, of writing nothing.
_CELLS = 6
_CELL = 8


@operation(Stage.REDACT, cost=0.2, example="redact=0.35:0.4:0.3:0.4,w=400", needs=("redact",))
def redact(
    frame: Frame,
    *,
    redact: Annotated[tuple[tuple[Part, ...], ...], Boxes()] = (),
    redact_mode: Annotated[Ink | str, Colour(words=("blur", "pixelate"))] = "blur",
) -> Frame:
    """Make boxes of the picture unrecognisable, for good.

    Boxes are ``x:y:width:height`` from the top left corner of the picture as it is shown, in px or
    parts of its sides, separated by ``;``. ``redact_mode`` is ``blur``, ``pixelate`` or a colour,
    which is laid opaquely: it alone leaves no trace of what was there.
    """
    # Parts of the source are read again and again.
    frame = frame.in_memory()
    image = frame.image
    if not isinstance(redact_mode, str):
        image = _able_to_show(image, redact_mode)
    redacted = image
    for part in redact:
        if box := _in_image(frame, part):
            below = image.crop(*box)
            redacted = redacted.insert(_covered(below, redact_mode), *box[:2])
    return replace(frame, image=redacted)


def _in_image(frame: Frame, box: tuple[Part, ...]) -> tuple[int, int, int, int] | None:
    """Turn nominal px into those of an image that may hold fewer; None outside of the picture.

    Whatever pixel has something of the box in it belongs to it.
    """
    left, top, width, height = in_px(box, (frame.width, frame.height) * 2)
    across, down = frame.density
    beside, above = frame.overhang[:2]
    x0 = max(0, math.floor(beside + left * across))
    y0 = max(0, math.floor(above + top * down))
    x1 = min(frame.image.width, math.ceil(beside + (left + width) * across))
    y1 = min(frame.image.height, math.ceil(above + (top + height) * down))
    return (x0, y0, x1 - x0, y1 - y0) if x0 < x1 and y0 < y1 else None


def _able_to_show(image: Image, ink: Ink) -> Image:
    """Make a picture able to show a colour."""
    if image.bands > 2 or len(set(ink[:3])) == 1:
        return image
    coloured: Image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
    return coloured


def _covered(below: Image, mode: Ink | str) -> Image:
    """Make what is put in the place of a box."""
    if not isinstance(mode, str):
        colours = list(mode[:3]) if below.bands > 2 else [mode[0]]
        values = colours + [255] * below.hasalpha()
        peak = 257 if below.format == "ushort" else 1
        flat: Image = below.new_from_image([value * peak for value in values])
        return flat
    longer = max(below.width, below.height)
    cells = max(1, min(_CELLS, longer // _CELL))
    few = resample(
        below,
        max(1, round(cells * below.width / longer)),
        max(1, round(cells * below.height / longer)),
    )
    if mode == "blur":
        return resample(few, below.width, below.height)
    blocks: Image = few.resize(
        below.width / few.width, vscale=below.height / few.height, kernel="nearest"
    )
    return blocks
