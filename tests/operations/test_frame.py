from typing import Any

import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safelight.operations.encoding import Encoding
from safelight.operations.frame import FLUSH, Margins, resample
from tests.support.frames import at, flat, framed, numbered

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


# What sticks out of an image that holds fewer pixels than the picture has.


def test_of_a_picture_that_is_cut_twice_the_same_is_left_as_of_one_cut_once() -> None:
    frame = framed(numbered(50, 40), (200, 160))
    twice = frame.cut(21, 10, 150, 120).cut(33, 5, 49, 63)
    once = frame.cut(54, 15, 49, 63)
    assert (twice.width, twice.height) == (once.width, once.height) == (49, 63)
    assert twice.overhang == pytest.approx(once.overhang)
    assert at(twice, 0, 0) == at(once, 0, 0)
    assert (twice.image.width, twice.image.height) == (once.image.width, once.image.height)


def test_a_whole_picture_has_nothing_that_sticks_out() -> None:
    cut = framed(numbered(20, 10)).cut(3, 4, 5, 2)
    assert cut.density == (1.0, 1.0)
    assert cut.overhang == FLUSH
    assert at(cut, 0, 0) == (3, 4)


@pytest.mark.parametrize(
    ("quarters", "size", "overhang"),
    [
        (0, (70, 20), (1.0, 0.25, 0.5, 0.0)),
        (1, (20, 70), (0.0, 1.0, 0.25, 0.5)),
        (2, (70, 20), (0.5, 0.0, 1.0, 0.25)),
        (3, (20, 70), (0.25, 0.5, 0.0, 1.0)),
    ],
)
def test_what_sticks_out_turns_with_the_picture(
    quarters: int, size: tuple[int, int], overhang: Margins
) -> None:
    frame = framed(numbered(9, 3), (70, 20), overhang=(1.0, 0.25, 0.5, 0.0))
    turned = frame.turned(quarters)
    assert (turned.width, turned.height) == size
    assert turned.overhang == overhang
    # The corner that was at the top left.
    where = [(0, 0), (2, 0), (8, 2), (0, 8)][quarters]
    assert at(turned, *where) == (0, 0)


def test_what_sticks_out_is_mirrored_with_the_picture() -> None:
    frame = framed(numbered(9, 3), (70, 20), overhang=(1.0, 0.25, 0.5, 0.0))
    mirrored = frame.mirrored()
    assert mirrored.overhang == (0.5, 0.25, 1.0, 0.0)
    assert at(mirrored, 8, 1) == (0, 1)
    assert mirrored.mirrored().overhang == frame.overhang


@pytest.mark.parametrize("overhang", [(0.5, 0.25, 0.25, 0.0), (3.125, 0, 0, -0.375), (0, 0, 0, 2)])
@pytest.mark.parametrize("to", [(40, 30), (33, 7), (90, 60)])
def test_only_what_does_not_stick_out_is_scaled(overhang: Margins, to: tuple[int, int]) -> None:
    left, top, right, bottom = overhang
    scaled: Any = resample(numbered(200, 150), *to, overhang)
    assert (scaled.width, scaled.height) == to
    across, down = (200 - left - right) / to[0], (150 - top - bottom) / to[1]
    for x, y in ((to[0] // 4, to[1] // 4), (to[0] // 2, to[1] // 2), (3 * to[0] // 4, to[1] // 2)):
        # The pixels tell where they come from; their values are whole, and a place is found to
        # an eighth of a px.
        expected = (left + (x + 0.5) * across - 0.5, top + (y + 0.5) * down - 0.5)
        found = scaled.getpoint(x, y)
        assert found[0] == pytest.approx(expected[0], abs=0.8 + across / 8)
        assert found[1] == pytest.approx(expected[1], abs=0.8 + down / 8)


def test_a_picture_does_not_darken_because_it_could_be_transparent() -> None:
    noise = pyvips.Image.gaussnoise(120, 90, mean=128, sigma=40).cast("uchar")
    opaque = noise.bandjoin([noise, noise]).copy(interpretation="srgb").addalpha()
    scaled: Any = resample(opaque, 40, 30)
    exact = noise.cast("float").resize(1 / 3, kernel="lanczos3")
    assert scaled[1].avg() == pytest.approx(exact.avg(), abs=0.1)


@pytest.mark.parametrize("overhang", [FLUSH, (0.5, 0.25, 0.25, -0.5)])
@pytest.mark.parametrize("colour", [(255, 255, 255, 255), (9, 80, 200, 200), (1, 2, 3, 4), (77,)])
def test_one_colour_stays_the_same_to_the_edges(colour: tuple[int, ...], overhang: Margins) -> None:
    for to in ((13, 11), (40, 60)):
        scaled: Any = resample(flat(31, 17, colour), *to, overhang)
        bands = range(len(colour))
        assert [scaled[band].min() for band in bands] == list(colour)
        assert [scaled[band].max() for band in bands] == list(colour)


# Lengths and decisions.


def test_lengths_in_px_are_multiplied_and_parts_are_not() -> None:
    frame = framed(flat(8, 6, (1, 2, 3)), dpr=1.5)
    assert (frame.px(10), frame.px(1)) == (15, 2)
    assert (frame.length(10, 400), frame.length(0.1, 400), frame.length(1.0, 7)) == (15, 40, 7)


def test_white_is_what_the_depth_makes_it() -> None:
    assert framed(flat(2, 2, (1, 2, 3))).peak == 255
    assert framed(flat(2, 2, (1, 2, 3)).cast("ushort")).peak == 65_535


def test_the_first_frame_of_an_animation_decides_for_all() -> None:
    first = framed(flat(2, 2, (1,)))
    second = replace(first, image=flat(2, 2, (2,)))
    assert first.once("where", lambda: (1, 2)) == (1, 2)
    assert second.once("where", lambda: (3, 4)) == (1, 2)
    assert second.once("else", lambda: 5) == 5


def test_a_background_is_a_colour_or_the_picture_itself() -> None:
    frame = framed(flat(2, 2, (1,)))
    assert frame.colour is None
    assert replace(frame, background=(1, 2, 3, 4)).colour == (1, 2, 3, 4)
    assert replace(frame, background="blur").colour is None
