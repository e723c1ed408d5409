from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import icc
from safelight.operations.frame import Frame
from safelight.operations.pixelwise import (
    coloured,
    curved,
    grey,
    inked,
    mixed,
    parts,
    rounded,
    tone,
)
from tests.support.arrays import made, noisy, pixels
from tests.support.frames import framed

PEAKS = {np.uint8: 255, np.uint16: 65_535}
SWAPPED = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def picture(bands: int, kind: Any = np.uint8) -> Frame:
    values = noisy(20, 16, bands)
    return framed(made(values if kind is np.uint8 else values.astype(np.uint16) * 257))


def in_display_p3(frame: Frame) -> Frame:
    image = frame.image.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    return framed(image)


@pytest.mark.parametrize("kind", PEAKS)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_curve_maps_every_colour_and_no_alpha(bands: int, kind: Any) -> None:
    before = picture(bands, kind)
    after = pixels(curved(before, lambda value: value**2).image)
    given = pixels(before.image)
    colours = bands - 1 if bands % 2 == 0 else bands
    expected = np.rint((given / PEAKS[kind]) ** 2 * PEAKS[kind])
    assert np.abs(after - expected)[..., :colours].max() <= 1
    assert (after[..., colours:] == given[..., colours:]).all()


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_three_curves_are_for_red_green_and_blue(bands: int) -> None:
    before = picture(bands)
    after = curved(before, lambda v: v, lambda v: v * 0 + 0.2, lambda v: 1 - v).image
    assert after.bands == (3 if bands % 2 else 4)
    red, green, blue = (pixels(after)[..., band] for band in range(3))
    given = pixels(coloured(before).image)
    assert (red == given[..., 0]).all()
    assert (green == 51).all()
    assert (blue == 255 - given[..., 2]).all()


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_what_leaves_the_range_is_clipped(slope: int, offset: int) -> None:
    before = picture(3)
    after = pixels(curved(before, lambda value: value * slope + offset).image)
    assert (after == np.clip(pixels(before.image) * slope + 255 * offset, 0, 255)).all()


@pytest.mark.parametrize("kind", PEAKS)
@pytest.mark.parametrize("bands", [3, 4])
def test_a_matrix_mixes_colours_and_leaves_alpha(bands: int, kind: Any) -> None:
    before = picture(bands, kind)
    after, given = pixels(mixed(before, SWAPPED).image), pixels(before.image)
    assert (after[..., :3] == given[..., 2::-1]).all()
    assert (after[..., 3:] == given[..., 3:]).all()
    doubled = pixels(mixed(before, [[2, -1, 0.25]] * 3).image)[..., 0]
    sums = np.clip(given[..., :3] @ [2, -1, 0.25], 0, PEAKS[kind])
    assert np.abs(doubled - sums).max() <= 0.51


def test_mixing_a_grey_picture_colours_it() -> None:
    after = mixed(picture(2), [[1, 0, 0], [0, 0.5, 0], [0, 0, 0]]).image
    assert (after.bands, after.interpretation) == (4, "srgb")


@pytest.mark.parametrize("kind", PEAKS)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_tones_are_weighed_as_css_weighs_them(bands: int, kind: Any) -> None:
    before = picture(bands, kind)
    given = pixels(before.image)
    expected = given[..., :3] @ [0.2126, 0.7152, 0.0722] if bands > 2 else given[..., 0]
    image = tone(before)
    assert (image.bands, image.format) == (1, before.image.format)
    assert np.abs(pixels(image)[..., 0] - expected).max() < 0.51


@pytest.mark.parametrize("kind", PEAKS)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_grey_is_one_band_and_alpha(bands: int, kind: Any) -> None:
    before = picture(bands, kind)
    after = grey(before).image
    assert after.bands == (1 if bands % 2 else 2)
    assert after.interpretation == ("b-w" if kind is np.uint8 else "grey16")
    assert (pixels(after)[..., 0] == pixels(tone(before))[..., 0]).all()
    if bands == 4:
        assert (pixels(after)[..., 1] == pixels(before.image)[..., 3]).all()


def test_stops_are_met_and_between_them_inks_change_evenly() -> None:
    ramp = framed(made(np.arange(256, dtype=np.uint8).reshape(1, 256, 1)))
    stops = [
        (1.0, (0.0, 1.0, 0.0, 1.0)),
        (0.0, (0.0, 0.0, 0.0, 1.0)),
        (0.25, (1.0, 0.5, 0.0, 1.0)),
    ]
    painted = pixels(inked(ramp, stops).image)[0]
    values = np.arange(256) / 255
    red = np.interp(values, [0, 0.25, 1], [0, 1, 0]) * 255
    green = np.interp(values, [0, 0.25, 1], [0, 0.5, 1]) * 255
    assert np.abs(painted - np.stack([red, green, red * 0], axis=-1)).max() < 0.52


def test_inks_are_finer_than_the_tones_that_eight_bits_have() -> None:
    # Tones of 0.0722 levels apart.
    blues = np.zeros((1, 256, 3), np.uint8)
    blues[..., 2] = np.arange(256)
    stops = [(0.0, (0.0, 0.0, 0.0, 1.0)), (0.0722, (1.0, 1.0, 1.0, 1.0)), (1.0, (1.0,) * 4)]
    painted = pixels(inked(framed(made(blues)), stops).image)[0, :, 0]
    assert np.abs(painted - np.arange(256)).max() <= 1


def test_a_colour_is_given_in_parts() -> None:
    assert parts(picture(3), (255, 51, 0, 204)) == (1.0, 0.2, 0.0, 0.8)


def test_a_colour_of_srgb_is_looked_up_in_display_p3() -> None:
    red, green, blue, opacity = parts(in_display_p3(picture(3)), (255, 0, 0, 255))
    # sRGB's red in Display P3: 0.917, 0.200, 0.139 (CSS Color Module Level 4, its sample code).
    assert (red, green, blue, opacity) == pytest.approx((0.917, 0.2, 0.139, 1.0), abs=0.01)


def test_the_greys_of_display_p3_need_no_profile() -> None:
    wide = in_display_p3(picture(3))
    data = wide.image.get("icc-profile-data")
    assert icc.space(data) == "p3"
    assert grey(wide).image.get_typeof("icc-profile-data") == 0
    assert wide.image.get("icc-profile-data") == data, "the picture itself is not changed"
    for kept in (curved(wide, lambda value: 1 - value), mixed(wide, SWAPPED)):
        assert kept.image.get("icc-profile-data") == data


def test_calculated_values_are_rounded_and_clipped() -> None:
    values = made(np.array([[[0]]], np.uint8)).linear(1, [-3.0, 0.4, 0.6, 254.7, 300.0])
    assert pixels(rounded(values, "uchar")).ravel().tolist() == [0, 0, 1, 255, 255]
