"""Light, and the few or other colours of toned pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.operations import colour
from safelight.operations.frame import Frame
from safelight.params import Ink
from safelight.transform import Transform, parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import framed

RGB = noisy(60, 40)
GREY = noisy(60, 40, 1)
LUMA = np.array([0.2126, 0.7152, 0.0722])
RAMP = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)


def applied(values: Any = RGB, **given: Any) -> Pixels:
    """Apply the operation that the first argument is named for."""
    result: Frame = getattr(colour, next(iter(given)))(framed(made(values)), **given)
    return pixels(result.image)


def linear(values: Pixels) -> Pixels:
    """Decode sRGB (IEC 61966-2-1)."""
    parts = values / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("stops", [-10, -2, -0.5, 0.5, 1, 3])
def test_a_stop_is_twice_the_light(stops: float) -> None:
    exposed, light = applied(exposure=stops), linear(RGB.astype(float)) * 2.0**stops
    seen = light < 1
    # Half a level, as light, where a level is most of it.
    assert np.abs(linear(exposed) - light)[seen].max() < 0.5 * 0.01
    assert (exposed[~seen] == 255).all()


def test_a_stop_more_and_a_stop_less_give_the_picture_back_where_nothing_was_clipped() -> None:
    dark = RGB // 2
    again = applied(applied(dark, exposure=1).astype(np.uint8), exposure=-1)
    assert np.abs(again - dark).max() <= 1


@pytest.mark.parametrize("power", [0.1, 0.5, 2.2, 10])
def test_gamma_bends_the_middle_and_holds_the_ends(power: float) -> None:
    bent = applied(RAMP, gamma=power).ravel()
    assert np.abs(bent - 255 * (np.arange(256) / 255) ** (1 / power)).max() < 0.51
    assert (bent[0], bent[255]) == (0, 255)
    assert (bent[128] > 128) == (power > 1)


def test_normalizing_stretches_all_but_a_hundredth_at_either_end() -> None:
    values = np.repeat(np.arange(100, 200, dtype=np.uint8), 10).reshape(20, 50, 1)
    stretched = applied(values, normalize=True)
    # Of a thousand pixels ten have 100: so many are let go, and so are those of 199.
    expected = np.clip((values - 101.0) / (198 - 101), 0, 1) * 255
    assert np.abs(stretched - expected).max() < 0.51
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_normalizing_keeps_greys_grey_and_all_colours_by_one_measure() -> None:
    values = (RGB // 3 + 60).astype(np.uint8)
    tones = np.rint(values @ LUMA)
    counts = np.cumsum(np.bincount(tones.astype(int).ravel(), minlength=256))
    dark = int(np.argmax(counts > 0.01 * counts[-1]))
    light = int(np.argmax(counts >= 0.99 * counts[-1]))
    expected = np.clip((values - float(dark)) / (light - dark), 0, 1) * 255
    assert np.abs(applied(values, normalize=True) - expected).max() < 0.51


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_picture_of_one_tone_is_left_as_it_is(level: int) -> None:
    values = np.full((9, 9, 1), level, np.uint8)
    assert (applied(values, normalize=True) == values).all()


def test_an_animation_is_normalized_as_its_first_frame() -> None:
    decisions: dict[str, Any] = {}
    low, high = np.array([[[50], [100]]], np.uint8), np.array([[[75], [200]]], np.uint8)
    first, second = (framed(made(values), decisions=decisions) for values in (low, high))
    assert pixels(colour.normalize(first, normalize=True).image).ravel().tolist() == [0, 255]
    # 75 is halfway between the first frame's black and white.
    assert pixels(colour.normalize(second, normalize=True).image).ravel().tolist() == [128, 255]


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_threshold_is_white_itself(level: int) -> None:
    assert (applied(RAMP, threshold=level).ravel() == 255 * (np.arange(256) >= level)).all()
    fine = made(np.array([[[level * 257]], [[max(level * 257 - 1, 0)]]], np.uint16))
    above, below = pixels(colour.threshold(framed(fine), threshold=level).image).ravel()
    assert above == 65_535
    assert below == (65_535 if level == 0 else 0)


def test_a_threshold_goes_by_the_tone_of_colours() -> None:
    values = applied(threshold=128)
    assert values.shape[2] == 1
    assert (values[..., 0] == 255 * (np.rint(RGB @ LUMA) >= 128)).all()


# The blend mode "color" of Compositing and Blending Level 1, section 10.2.
def set_luminosity(ink: NDArray[Any], luminosity: float) -> Any:
    weights = np.array([0.3, 0.59, 0.11])
    moved = ink + luminosity - ink @ weights
    low, high = moved.min(), moved.max()
    if low < 0:
        moved = luminosity + (moved - luminosity) * luminosity / (luminosity - low)
    if high > 1:
        moved = luminosity + (moved - luminosity) * (1 - luminosity) / (high - luminosity)
    return moved


@pytest.mark.parametrize(
    "ink", [(255, 0, 0), (30, 144, 255), (0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 255, 0)]
)
def test_a_tint_has_the_hue_of_the_colour_and_the_light_of_the_picture(
    ink: tuple[int, int, int],
) -> None:
    tinted = applied(RAMP, tint=(*ink, 255))
    expected = [set_luminosity(np.array(ink) / 255, level / 255) * 255 for level in range(256)]
    difference = np.abs(np.broadcast_to(tinted, (1, 256, 3))[0] - np.array(expected))
    assert difference.max() < 1
    assert tinted.shape[2] == (1 if len(set(ink)) == 1 else 3), "grey by grey is grey"


def test_a_tint_weighs_colours_as_css_does() -> None:
    tones = np.rint(RGB @ [0.3, 0.59, 0.11])
    by_hand = applied(tones.astype(np.uint8)[..., None], tint=(200, 40, 90, 255))
    assert np.abs(applied(tint=(200, 40, 90, 255)) - by_hand).max() <= 2


def test_duotone_goes_evenly_from_one_colour_to_the_other() -> None:
    dark, light = (20, 200, 90, 255), (250, 10, 91, 255)
    painted = applied(RAMP, duotone=(dark, light))[0]
    steps = np.arange(256)[:, None] / 255
    expected = np.array(dark[:3]) * (1 - steps) + np.array(light[:3]) * steps
    assert np.abs(painted - expected).max() < 0.51


def test_duotone_from_black_to_white_is_grayscale() -> None:
    painted = applied(duotone=((0, 0, 0, 255), (255, 255, 255, 255)))
    assert np.abs(painted - applied(grayscale=1)).max() <= 1
    assert (applied(GREY, duotone=((0, 0, 0, 255), (255, 255, 255, 255))) == GREY).all()


@pytest.mark.parametrize("opacity", [0, 51, 128, 254])
def test_inks_that_are_not_opaque_let_the_picture_through(opacity: int) -> None:
    part = opacity / 255
    ink: Ink = (200, 40, 90, opacity)
    solid: Ink = (200, 40, 90, 255)
    for over, full in (
        (applied(tint=ink), applied(tint=solid)),
        (applied(duotone=(ink, ink)), applied(duotone=(solid, solid))),
    ):
        assert np.abs(over - (RGB * (1 - part) + full * part)).max() < 0.51


@pytest.mark.parametrize(("opacity", "alpha"), [(0.5, 255), (0.25, 255), (1, 51), (0, 255)])
def test_colorizing_lays_the_colour_over_the_picture(opacity: float, alpha: int) -> None:
    ink: Ink = (200, 40, 90, alpha)
    part = opacity * alpha / 255
    expected = RGB * (1 - part) + np.array([200, 40, 90]) * part
    assert np.abs(applied(colorize=ink, colorize_opacity=opacity) - expected).max() < 0.51


def test_colorizing_a_grey_picture_by_grey_leaves_it_grey() -> None:
    expected = GREY * 0.5 + 40 * 0.5
    grey = applied(GREY, colorize=(40, 40, 40, 255))
    assert grey.shape[2] == 1
    assert np.abs(grey - expected).max() < 0.51
    assert applied(GREY, colorize=(40, 40, 41, 255)).shape[2] == 3


@pytest.mark.parametrize(
    ("name", "wrapped"),
    [("tint", lambda ink: ink), ("duotone", lambda ink: (ink, ink)), ("colorize", lambda ink: ink)],
)
def test_an_ink_of_srgb_is_the_same_colour_in_display_p3(name: str, wrapped: Any) -> None:
    ramp = made(np.repeat(RAMP, 3, axis=2))
    wide = ramp.icc_transform("p3", input_profile="srgb")
    painted = getattr(colour, name)(framed(wide), **{name: wrapped((255, 0, 0, 255))})
    # sRGB's red in Display P3: CSS Color Module Level 4, its sample code.
    same_red = wrapped((234, 51, 35, 255))
    expected = applied(pixels(wide).astype(np.uint8), **{name: same_red})
    assert np.abs(pixels(painted.image) - expected).max() <= 2


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("exposure=0", ""),
        ("exposure=-0.5", "exposure=-0.5"),
        ("gamma=1", ""),
        ("normalise", "normalize=true"),
        ("normalize=no", ""),
        ("threshold", "threshold=128"),
        ("threshold=0", "threshold=0"),
        ("clahe", "clahe=2"),
        ("clahe=1,clahe_tiles=4", ""),
        ("clahe,clahe_tiles=8", "clahe=2"),
        ("tint=rosewater", None),
        ("tint=red", "tint=ff0000"),
        ("duotone=navy:ffe0c0", "duotone=000080:ffe0c0"),
        ("colourise=red", "colorize=ff0000"),
        ("colorize_opacity=0.2", ""),
    ],
)
def test_names_and_values(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(Exception, match="expected a colour"):
            parse(text)
    else:
        assert parse(text).canonical == canonical
        assert parse(canonical) == parse(text) or parse(text) == Transform()
