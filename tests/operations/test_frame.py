from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.operations.encoding import Encoding
from safelight.operations.frame import resample
from tests.support.frames import flat, framed

SIDES = st.integers(1, 60)


@settings(max_examples=60)
@given(
    SIDES,
    SIDES,
    SIDES,
    SIDES,
    st.sampled_from(
        [(90,), (90, 255), (90, 128), (9, 80, 200), (9, 80, 200, 255), (9, 80, 200, 70)]
    ),
)
def test_a_flat_picture_is_resampled_to_exactly_the_size_and_stays_flat(
    width: int, height: int, to_width: int, to_height: int, colour: tuple[int, ...]
) -> None:
    scaled: Any = resample(flat(width, height, colour), to_width, to_height)
    assert (scaled.width, scaled.height) == (to_width, to_height)
    assert (scaled.bands, scaled.format) == (len(colour), "uchar")
    for band, value in enumerate(colour):
        # Weighting by a low alpha costs a step of precision.
        assert abs(scaled[band].min() - value) <= 1
        assert abs(scaled[band].max() - value) <= 1


@pytest.mark.parametrize(
    ("full", "target"),
    [((4_000, 3), (1_333, 1)), ((3_999, 2_667), (800, 534)), ((65_535, 2), (8_191, 1))],
)
def test_large_sides_are_exact_too(full: tuple[int, int], target: tuple[int, int]) -> None:
    scaled = resample(flat(*full, (7,)), *target)
    assert (scaled.width, scaled.height) == target


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    image = flat(5, 4, (1, 2, 3))
    assert resample(image, 5, 4) is image


@pytest.mark.parametrize("to", [(8, 5), (40, 20), (33, 7)])
def test_the_colour_of_transparent_pixels_does_not_bleed(to: tuple[int, int]) -> None:
    red, nothing = flat(10, 10, (255, 0, 0, 255)), flat(10, 10, (0, 255, 0, 0))
    scaled: Any = resample(red.join(nothing, "horizontal"), *to)
    for x in range(scaled.width):
        r, g, _, a = scaled(x, to[1] // 2)
        if a > 0:
            assert g == 0
        if a >= 8:
            assert r >= 250


def test_a_frame_takes_the_size_of_its_new_image_and_keeps_the_rest() -> None:
    frame = framed(
        flat(8, 6, (1, 2, 3)), (80, 60), background=(1, 2, 3, 4), encoding=Encoding("png")
    )
    changed = frame.having(flat(5, 4, (1,)))
    assert (changed.width, changed.height, changed.image.bands) == (5, 4, 1)
    assert (changed.background, changed.encoding) == ((1, 2, 3, 4), Encoding("png"))


def test_scaling_brings_a_shrunk_image_to_its_nominal_size() -> None:
    frame = framed(flat(8, 6, (1, 2, 3)), (80, 60)).scaled(40, 30)
    assert (frame.width, frame.height, frame.image.width, frame.image.height) == (40, 30, 40, 30)


def test_rendering_what_is_pending_changes_no_pixel_and_no_size() -> None:
    frame = framed(flat(8, 6, (1, 2, 3)).invert(), (80, 60))
    rendered = frame.in_memory()
    assert (rendered.width, rendered.height) == (80, 60)
    assert rendered.image.getpoint(3, 3) == frame.image.getpoint(3, 3) == [254, 253, 252]
