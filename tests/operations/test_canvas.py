"""What is laid around a picture: how much, where, and of what."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.operations.canvas import extend, pad
from safelight.operations.frame import Frame
from safelight.params import Part, Place, Ratio, Sides
from safelight.plan import plan
from safelight.transform import Transform, parse
from tests.support.frames import at, flat, framed
from tests.support.strategies import values

RED = (200, 20, 20)


def red(width: int = 10, height: int = 8, **given: Any) -> Frame:
    return framed(flat(width, height, RED), background=(1, 2, 3, 255), **given)


def lies(frame: Frame) -> tuple[int, int, int, int]:
    """Find what is red: left, top, width, height."""
    found: Any = frame.image
    left, top, width, height = found.find_trim(background=[1, 2, 3], threshold=50, line_art=True)
    return left, top, width, height


@pytest.mark.parametrize(
    ("text", "dpr", "lying", "size"),
    [
        ("pad=3", 1.0, (3, 3), (16, 14)),
        ("pad=3", 2.0, (6, 6), (22, 20)),
        ("pad=1:2", 1.0, (2, 1), (14, 10)),
        ("pad=1:2:3:4", 1.0, (4, 1), (16, 12)),
        ("pad=0.5", 2.0, (5, 4), (20, 16)),
        ("pad=0.25:0:0:1", 2.0, (2, 2), (12, 10)),
        ("pad=1.0:0:0:0", 1.0, (0, 8), (10, 16)),
        ("pad=0:0:0:7", 1.0, (7, 0), (17, 8)),
    ],
)
def test_a_border_is_as_wide_as_was_asked_for(
    text: str, dpr: float, lying: tuple[int, int], size: tuple[int, int]
) -> None:
    made = pad(red(dpr=dpr), pad=parse(text)["pad"])
    assert (made.width, made.height) == (made.image.width, made.image.height) == size
    assert lies(made) == (*lying, 10, 8)


@pytest.mark.parametrize(
    ("ratio", "gravity", "lying", "size"),
    [
        ((1, 1), "center", (0, 1), (10, 10)),
        ((1, 1), "north", (0, 0), (10, 10)),
        ((1, 1), "southwest", (0, 2), (10, 10)),
        ((2, 1), "center", (3, 0), (16, 8)),
        ((2, 1), "east", (6, 0), (16, 8)),
        ((2, 1), ("east", 2, 0), (4, 0), (16, 8)),
        ((2, 1), (0.0, 0.5), (3, 0), (16, 8)),
        ((2, 1), "smart", (3, 0), (16, 8)),
        ((5, 4), "center", (0, 0), (10, 8)),
    ],
)
def test_a_picture_is_extended_to_a_ratio_and_lies_where_gravity_says(
    ratio: tuple[int, int], gravity: Place, lying: tuple[int, int], size: tuple[int, int]
) -> None:
    made = extend(red(gravity=gravity), extend=ratio)
    assert (made.width, made.height) == size
    assert lies(made) == (*lying, 10, 8)


def test_what_is_padded_counts_when_the_picture_is_extended() -> None:
    transform = parse("extend=1:1,pad=0:30:0:0")
    assert [step.name for step, _ in transform.steps()] == ["pad", "extend"]
    assert plan(10, 8, transform).size == (40, 40)


def test_nothing_is_laid_around_unless_it_is_asked_for() -> None:
    picture = red()
    assert pad(picture, pad=(0, 0, 0, 0)) is picture
    assert pad(picture) is extend(picture) is picture


@given(
    st.tuples(st.integers(1, 9_000), st.integers(1, 9_000)),
    st.sampled_from([0.5, 1.0, 1.5, 2.0]),
    values(Sides()),
)
def test_a_plan_knows_how_wide_a_border_will_be(
    size: tuple[int, int], dpr: float, sides: tuple[Part, Part, Part, Part]
) -> None:
    transform = Transform.of(pad=sides, dpr=dpr, w=size[0], h=size[1], fit="contain")
    width, height = plan(*size, transform).size
    box = plan(*size, transform.changed(pad=None)).size
    assert (width >= box[0], height >= box[1]) == (True, True)
    by_px = [side * dpr for side in sides if isinstance(side, int)]
    if len(by_px) == 4:
        assert abs(width - box[0] - by_px[1] - by_px[3]) <= 1
        assert abs(height - box[1] - by_px[0] - by_px[2]) <= 1


@settings(max_examples=50)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([(7,), (7, 70), RED, (*RED, 70)]),
    st.sampled_from([None, (9, 9, 9, 255), (1, 2, 3, 255), (1, 2, 3, 90), "blur"]),
    st.tuples(*[st.integers(0, 20)] * 4),
    values(Ratio()).filter(lambda ratio: 0.1 < ratio[0] / ratio[1] < 10),
)
def test_any_picture_can_be_laid_on_any_background(
    size: tuple[int, int],
    colour: tuple[int, ...],
    background: Any,
    sides: tuple[int, int, int, int],
    ratio: tuple[int, int],
) -> None:
    picture = framed(flat(*size, colour), background=background, gravity="northwest")
    made = extend(pad(picture, pad=sides), extend=ratio)
    planned = plan(*size, Transform.of(pad=sides, extend=ratio)).size
    assert (made.image.width, made.image.height) == planned
    # It may have become coloured, or have alpha now.
    *ink, alpha = colour if len(colour) in (2, 4) else (*colour, 255)
    seen = at(made, sides[3], sides[0])
    ink = ink * 3 if len(ink) == 1 and len(seen) > 2 else ink
    assert seen[: len(ink)] == pytest.approx(ink, abs=1) or (alpha < 255 and background == "blur")
    assert made.image.hasalpha() or alpha == 255


def test_a_background_of_display_p3_has_the_colour_that_was_asked_for() -> None:
    picture: Any = flat(4, 2, RED).icc_transform("p3", input_profile="srgb")
    made = pad(framed(picture, background=(255, 0, 0, 255)), pad=(2, 2, 2, 2))
    shown: Any = made.image
    back = shown.icc_transform("srgb", embedded=True)
    assert back.getpoint(0, 0) == pytest.approx([255, 0, 0], abs=3)
    assert at(made, 0, 0) != (255, 0, 0)
    deep: Any = flat(4, 2, RED).icc_transform("p3", input_profile="srgb", depth=16)
    fine = pad(framed(deep, background=(255, 0, 0, 255)), pad=(2, 2, 2, 2))
    assert [value / 257 for value in at(fine, 0, 0)] == pytest.approx(at(made, 0, 0), abs=1)


def test_a_background_of_sixteen_bits_is_as_bright_as_one_of_eight() -> None:
    deep: Any = flat(4, 2, RED).cast("ushort", shift=True).copy(interpretation="rgb16")
    made = pad(framed(deep, background=(255, 128, 0, 255)), pad=(2, 2, 2, 2))
    assert at(made, 0, 0) == (65_535, 128 * 257, 0)
