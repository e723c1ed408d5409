"""Cutting off a border that shows nothing."""

from typing import Annotated

from safelight.operations.canvas import ink_of
from safelight.operations.frame import Frame, Image
from safelight.operations.registry import Stage, operation
from safelight.params import Colour, Ink, Int

# So many px of a row or column may differ, and it is border all the same: specks are no content.
_SPECK = 2


@operation(Stage.TRIM, cost=0.5, example="trim,w=300", full=True, needs=("trim",))
def trim(
    frame: Frame,
    *,
    trim: Annotated[int | None, Int(0, 254, bare="10")] = None,
    trim_color: Annotated[Ink | None, Colour()] = None,
) -> Frame:
    """Cut off a border of one colour, or of nothing, as far as it goes on each side.

    The colour is that of the top left pixel, unless ``trim_color`` says otherwise; ``trim`` is how
    much a value (0 to 255) may differ from it. A picture that is nothing but border stays whole;
    an animation is cut as its first frame is.
    """
    if trim is None:
        return frame
    frame = frame.in_memory()
    return frame.cut(*frame.once("trim", lambda: _content(frame, trim, trim_color)))


def _content(frame: Frame, most: int, colour: Ink | None) -> tuple[int, int, int, int]:
    """Find what lies inside of the border: left, top, width and height in px."""
    image = frame.image
    if colour and image.bands < 3:
        image = image.colourspace("srgb" if frame.peak == 255 else "rgb16")
    seen = _seen(image)
    border: list[float] = seen.getpoint(0, 0)
    if colour:
        share = colour[3] / 255 if image.hasalpha() else 1.0
        ink = [part * share for part in ink_of(image, colour, frame.peak)]
        border = [*ink, frame.peak * share][: seen.bands]
    levels = frame.materials.coordinates(round(frame.peak) + 1, 1).extract_band(0)
    away = levels.linear([1.0] * seen.bands, [-value for value in border]).abs()
    differs = away.relational_const("more", [most * frame.peak / 255])
    columns, rows = seen.maplut(differs).bandor().project()
    (left, width), (top, height) = _extent(columns), _extent(rows)
    return (left, top, width, height) if width and height else (0, 0, frame.width, frame.height)


def _seen(image: Image) -> Image:
    """Weight colours by alpha, which becomes a value like any other: unseen colours are none."""
    if not image.hasalpha():
        return image
    seen: Image = image.premultiply().rint().cast(image.format)
    return seen


def _extent(counts: Image) -> tuple[int, int]:
    """Tell where the first and how many lie up to the last that hold more than a speck; 0 if none.

    ``counts``: of each row or column the px that differ, times 255.
    """
    numbers = memoryview(counts.write_to_memory()).cast("I")
    held = [place for place, number in enumerate(numbers) if number > _SPECK * 255]
    return (held[0], held[-1] - held[0] + 1) if held else (0, 0)
