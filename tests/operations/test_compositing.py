"""Overlays are laid on by the formulas of compositing, wherever they are put."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from safelight.operations.compositing import BLENDS, Overlay, corner_of, laid, room_for
from safelight.params import Gravity, Part, Place
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import flat, framed
from tests.support.strategies import values

WIDTH, HEIGHT = 31, 23
# Blending functions of W3C Compositing and Blending Level 1, section 10: backdrop, source.
FORMULAS: dict[str, Any] = {
    "normal": lambda b, s: s,
    "multiply": lambda b, s: b * s,
    "screen": lambda b, s: b + s - b * s,
    "overlay": lambda b, s: np.where(b <= 0.5, 2 * b * s, 1 - 2 * (1 - b) * (1 - s)),
    "darken": np.minimum,
    "lighten": np.maximum,
    "hard-light": lambda b, s: np.where(s <= 0.5, 2 * b * s, 1 - 2 * (1 - b) * (1 - s)),
    "soft-light": lambda b, s: np.where(
        s <= 0.5,
        b - (1 - 2 * s) * b * (1 - b),
        b + (2 * s - 1) * (np.where(b <= 0.25, ((16 * b - 12) * b + 4) * b, np.sqrt(b)) - b),
    ),
    "difference": lambda b, s: np.abs(b - s),
}


def below(bands: int, bits: int) -> Any:
    """Make a picture with all there is: dark and light, and where it has alpha, holes in it."""
    levels = np.random.default_rng(bands).integers(0, 2**bits, (HEIGHT, WIDTH, bands))
    levels = levels.astype(f"uint{bits}")
    if bands in (2, 4):
        levels[:5, :, -1] = 0
        levels[-5:, :, -1] = 2**bits - 1
    return made(levels)


def overlay(width: int = WIDTH, height: int = HEIGHT, *, grey: bool = False) -> Overlay:
    levels = np.random.default_rng(7).integers(0, 256, (height, width, 4)).astype(np.uint8)
    if grey:
        levels[..., 1] = levels[..., 2] = levels[..., 0]
    levels[:, :4, 3] = 0
    levels[:, -4:, 3] = 255
    return Overlay.of(made(levels))


def expected(base: Any, over: Overlay, formula: Any) -> Pixels:
    """Composite by the general formula, all from 0 to 1: colours, then alpha, of any base."""
    peak = 65_535 if base.format == "ushort" else 255
    values = pixels(base) / peak
    if base.bands < 3:
        values = np.concatenate([values[..., :1]] * 3 + [values[..., 1:]], axis=-1)
    backdrop = values[..., :3]
    there = values[..., 3:] if base.hasalpha() else np.ones((*values.shape[:2], 1))
    source, alpha = pixels(over.ink) / 255, pixels(over.alpha) / 255
    source = (1 - there) * source + there * formula(backdrop, source)
    opacity = alpha + there * (1 - alpha)
    colours = alpha * source + (1 - alpha) * there * backdrop
    shown = np.divide(colours, opacity, out=np.zeros_like(colours), where=opacity > 0)
    return np.concatenate([shown, opacity], axis=-1)


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_every_blend_on_every_kind_of_picture_follows_the_formula(
    bands: int, bits: int, blend: str
) -> None:
    base, over = below(bands, bits), overlay()
    result = laid(framed(base), over, 0, 0, blend=blend).image
    assert result.format == base.format
    assert result.hasalpha() == base.hasalpha()
    assert result.interpretation == ("srgb" if bits == 8 else "rgb16")
    wanted = expected(base, over, FORMULAS[blend])
    peak = 2**bits - 1
    seen = wanted[..., 3] > 0
    # Half a level of rounding; on an opaque picture a blend is rounded before it is laid on.
    tolerance = 0.51 if blend == "normal" or base.hasalpha() else 1.02
    colours = pixels(result)[..., :3] - wanted[..., :3] * peak
    assert np.abs(colours[seen]).max() < tolerance
    if base.hasalpha():
        assert np.abs(pixels(result)[..., 3] - wanted[..., 3] * peak).max() < 0.51


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2])
def test_a_grey_picture_stays_grey_under_a_grey_overlay(bands: int, bits: int) -> None:
    base, over = below(bands, bits), overlay(grey=True)
    result = laid(framed(base), over, 0, 0).image
    assert (result.bands, result.format) == (bands, base.format)
    assert result.interpretation == ("b-w" if bits == 8 else "grey16")
    wanted = expected(base, over, FORMULAS["normal"])
    seen = wanted[..., 3] > 0
    difference = pixels(result)[..., 0] - wanted[..., 0] * (2**bits - 1)
    assert np.abs(difference[seen]).max() < 0.51


def test_colours_that_cannot_be_seen_do_not_colour_a_grey_picture() -> None:
    levels = np.full((HEIGHT, WIDTH, 4), (255, 0, 0, 0), dtype=np.uint8)
    assert laid(framed(below(1, 8)), Overlay.of(made(levels)), 0, 0).image.bands == 1


@pytest.mark.parametrize("bands", [3, 4])
def test_where_an_overlay_is_clear_nothing_changes_and_where_it_is_opaque_all_does(
    bands: int,
) -> None:
    base, over = below(bands, 8), overlay()
    result = pixels(laid(framed(base), over, 0, 0).image)
    # What has no alpha has no colour either.
    before = pixels(base)
    seen = before[:, :4, -1] > 0 if bands == 4 else np.ones((HEIGHT, 4), dtype=bool)
    assert (result[:, :4][seen] == before[:, :4][seen]).all()
    assert (result[:, -4:, :3] == pixels(over.ink)[:, -4:]).all()


@given(st.integers(-12, 40), st.integers(-12, 40))
def test_what_reaches_beyond_the_picture_is_cut_off(left: int, top: int) -> None:
    over = Overlay.of(flat(10, 8, (200, 100, 50, 255)))
    result = pixels(laid(framed(flat(30, 20, (1, 2, 3))), over, left, top).image)
    wanted = np.full((20, 30, 3), (1, 2, 3))
    wanted[max(0, top) : max(0, top + 8), max(0, left) : max(0, left + 10)] = (200, 100, 50)
    assert (result == wanted).all()


def test_an_overlay_for_a_display_p3_picture_is_converted_to_it() -> None:
    wide = flat(8, 8, (10, 20, 30))
    profile = pyvips.Operation.call("profile_load", "p3")
    wide.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    for image in (wide, made(noisy(8, 8).astype(np.uint16) * 257)):
        deep = image.format == "ushort"
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        result = laid(framed(image), Overlay.of(flat(8, 8, (255, 0, 0, 255))), 0, 0).image
        # sRGB's red in Display P3: CSS Color Level 4 gives 0.9175 0.2003 0.1386.
        peak = 65_535 if deep else 255
        red = np.array([0.9175, 0.2003, 0.1386])
        assert np.abs(pixels(result)[4, 4] / peak - red).max() < 0.006
        assert result.get_typeof("icc-profile-data"), "the picture's profile stays"


def test_an_overlay_is_faded_and_filled_to_the_level() -> None:
    mask = made(np.arange(256, dtype=np.uint8).reshape(16, 16))
    filled = Overlay.filled(mask, (9, 8, 7, 255))
    assert (pixels(filled.ink) == (9, 8, 7)).all()
    assert (pixels(filled.alpha)[..., 0] == np.arange(256).reshape(16, 16)).all()
    half = Overlay.filled(mask, (9, 8, 7, 128)).faded(0.5)
    levels = np.arange(256).reshape(16, 16)
    wanted = np.rint(np.rint(levels * (128 / 255)) * 0.5)
    assert (pixels(half.alpha)[..., 0] == wanted).all()


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    values(Gravity(aware=False)),
    st.one_of(st.integers(0, 300), st.integers(0, 1_000).map(lambda n: n / 1_000)),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_what_fits_into_the_room_lies_inside_the_picture(
    width: int,
    height: int,
    position: Place,
    padding: Part,
    dpr: float,
    share: tuple[float, float],
) -> None:
    frame = framed(flat(width, height, (0, 0, 0)), dpr=dpr)
    room = room_for(frame, position, padding)
    assert 1 <= room[0] <= width
    assert 1 <= room[1] <= height
    across, down = (max(1, int(side * part)) for side, part in zip(room, share, strict=True))
    left, top = corner_of(frame, across, down, position, padding)
    assert 0 <= left <= width - across
    assert 0 <= top <= height - down


@pytest.mark.parametrize(
    ("position", "padding", "corner"),
    [
        ("southeast", 10, (80, 50)),
        ("southeast", 0.1, (80, 50)),
        ("northwest", 10, (10, 10)),
        ("north", 10, (45, 10)),
        ("west", 5, (5, 30)),
        ("center", 10, (45, 30)),
        # A quarter of each side is the most that padding takes.
        ("southeast", 400, (65, 43)),
        # Offsets of its own stand in the place of the padding.
        (("southeast", 2, 3), 10, (88, 57)),
        (("northwest", 0.1, 0.5), 10, (10, 35)),
        (("north", 5, 0), 10, (50, 0)),
        # A point, and a point that the padding holds back.
        ((0.5, 0.5), 10, (45, 30)),
        ((1.0, 0.0), 10, (80, 10)),
    ],
)
def test_an_overlay_is_placed(position: Place, padding: Part, corner: tuple[int, int]) -> None:
    assert corner_of(framed(flat(100, 70, (0, 0, 0))), 10, 10, position, padding) == corner


def test_padding_in_px_and_offsets_are_scaled_by_dpr() -> None:
    frame = framed(flat(100, 70, (0, 0, 0)), dpr=2.0)
    assert corner_of(frame, 10, 10, "southeast", 5) == (80, 50)
    assert corner_of(frame, 10, 10, ("southeast", 5, 5), 0) == (80, 50)
    assert room_for(frame, ("southeast", 5, 5), 0) == (90, 60)
    assert room_for(frame, "southeast", 5) == (80, 50)
