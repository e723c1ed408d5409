"""Turning by any angle: the right size, clean edges, the right background in the corners."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from safelight.operations.fitting import turned_size
from safelight.operations.frame import Frame
from safelight.operations.geometry import rotate
from tests.support.frames import at, flat, framed, numbered

ANGLE = st.integers(1, 359_999).map(lambda number: number / 1000).filter(lambda a: a % 90 != 0)
COLOURS = [(90,), (90, 128), (9, 80, 200), (9, 80, 200, 70)]


def pixels(frame: Frame) -> NDArray[np.float64]:
    values: NDArray[np.float64] = frame.image.numpy().astype(np.float64)
    return values.reshape(-1, frame.image.bands)


@settings(max_examples=60)
@given(st.tuples(st.integers(1, 30), st.integers(1, 30)), ANGLE, st.sampled_from(COLOURS))
def test_a_turned_picture_has_the_size_of_the_law(
    size: tuple[int, int], degrees: float, colour: tuple[int, ...]
) -> None:
    turned = rotate(framed(flat(*size, colour)), rotate=degrees)
    assert (turned.width, turned.height) == turned_size(*size, degrees)
    assert (turned.image.width, turned.image.height) == (turned.width, turned.height)
    assert turned.image.hasalpha()


@pytest.mark.parametrize("degrees", [7, 30, 45, 133.3, 290])
@pytest.mark.parametrize("colour", COLOURS)
def test_edges_have_no_fringe_and_what_is_cut_off_leaves_no_colour(
    colour: tuple[int, ...], degrees: float
) -> None:
    turned = rotate(framed(flat(40, 30, colour)), rotate=degrees)
    ink = colour[:3] if len(colour) > 2 else colour[:1]
    most = colour[-1] if len(colour) in (2, 4) else 255
    found = pixels(turned)
    seen, alpha = found[:, :-1], found[:, -1]
    assert alpha.max() == most
    assert at(turned, 0, 0)[-1] == 0
    assert (seen[alpha == 0] == 0).all()
    # At low alpha a value has little room for its colour.
    room = 2 + 255 / np.maximum(alpha, 1)
    assert (np.abs(seen - ink).max(axis=1) <= room)[alpha >= 20].all()


@pytest.mark.parametrize("degrees", [7, 30, 45, 133.3, 290])
@pytest.mark.parametrize(
    ("colour", "ground", "corner"),
    [
        ((255, 255, 255), (0, 0, 0, 255), (0, 0, 0)),
        ((128, 128, 128), (0, 0, 0, 255), (0, 0, 0)),
        ((128,), (40, 40, 40, 255), (40,)),
        ((128,), (255, 0, 0, 255), (255, 0, 0)),
        ((10, 20, 30, 255), (200, 210, 220, 255), (200, 210, 220)),
    ],
)
def test_an_opaque_background_shows_in_the_corners_and_nothing_beside_the_two_colours(
    colour: tuple[int, ...],
    ground: tuple[int, int, int, int],
    corner: tuple[int, ...],
    degrees: float,
) -> None:
    turned = rotate(framed(flat(40, 30, colour), background=ground), rotate=degrees)
    assert not turned.image.hasalpha()
    assert at(turned, 0, 0) == corner
    ink = colour[:3] if len(colour) > 2 else colour * len(corner)
    assert (pixels(turned) >= np.minimum(ink, corner) - 1).all()
    assert (pixels(turned) <= np.maximum(ink, corner) + 1).all()


@pytest.mark.parametrize("ground", [None, (200, 10, 10, 128), (0, 0, 0, 0)])
def test_without_an_opaque_background_the_corners_are_transparent(ground: Any) -> None:
    turned = rotate(framed(flat(40, 30, (9, 80, 200)), background=ground), rotate=30)
    assert at(turned, 0, 0) == (0, 0, 0, 0)
    assert at(turned, turned.width // 2, turned.height // 2) == (9, 80, 200, 255)


def test_a_blurred_background_leaves_no_hole() -> None:
    turned = rotate(framed(flat(40, 30, (9, 80, 200)), background="blur"), rotate=30)
    assert (pixels(turned) == (9, 80, 200)).all()


@pytest.mark.parametrize("degrees", [10, 45, 200])
@pytest.mark.parametrize("colour", [(9, 80, 200), (9, 80, 200, 51)])
def test_as_much_is_to_be_seen_as_before(colour: tuple[int, ...], degrees: float) -> None:
    turned: Any = rotate(framed(flat(400, 300, colour)), rotate=degrees).image
    most = colour[3] if len(colour) == 4 else 255
    seen = turned[3].avg() / most * turned.width * turned.height
    assert seen == pytest.approx(120_000, rel=1e-3)


def test_almost_a_quarter_turn_is_almost_a_quarter_turn() -> None:
    picture = framed(numbered(60, 40))
    tilted, turned = (rotate(picture, rotate=degrees) for degrees in (90.001, 90.0))
    inside: Any = tilted.image.crop(3, 3, 34, 54) - turned.image.addalpha().crop(3, 3, 34, 54)
    assert (tilted.width, tilted.height) == (40, 60)
    assert inside.abs().max() <= 1


@pytest.mark.parametrize("degrees", [0.5, 30, 100])
def test_the_middle_stays_the_middle(degrees: float) -> None:
    picture = flat(101, 61, (0, 0, 0)).insert(flat(1, 1, (255, 255, 255)), 50, 30)
    turned: Any = rotate(framed(picture), rotate=degrees).image
    # The brightness's centre of gravity.
    total, x, y = 0.0, 0.0, 0.0
    for column in range(turned.width // 2 - 4, turned.width // 2 + 5):
        for row in range(turned.height // 2 - 4, turned.height // 2 + 5):
            light = turned(column, row)[0]
            total, x, y = total + light, x + light * (column + 0.5), y + light * (row + 0.5)
    assert x / total == pytest.approx(turned.width / 2, abs=0.05)
    assert y / total == pytest.approx(turned.height / 2, abs=0.05)


@pytest.mark.parametrize("degrees", [15, 80, 190])
def test_a_shrunk_picture_is_turned_in_its_own_px(degrees: float) -> None:
    shrunk = rotate(framed(flat(100, 75, (9, 80, 200)), (800, 600)), rotate=degrees)
    assert (shrunk.width, shrunk.height) == turned_size(800, 600, degrees)
    assert shrunk.density == pytest.approx((1 / 8, 1 / 8))
    assert min(shrunk.overhang) >= 0
    assert max(shrunk.overhang) < 0.5
    small: Any = shrunk.scaled(90, 70).image
    full = rotate(framed(flat(800, 600, (9, 80, 200))), rotate=degrees)
    whole: Any = full.scaled(90, 70).image
    # Opaque here and there alike, but for what an eighth of the px can tell of an edge.
    assert (small - whole).abs()[3].avg() < 3
    assert small[3].avg() == pytest.approx(whole[3].avg(), rel=0.01)


def test_sixteen_bits_stay_sixteen() -> None:
    deep = flat(40, 30, (9, 80, 200)).cast("ushort", shift=True).copy(interpretation="rgb16")
    turned = rotate(framed(deep), rotate=30)
    assert turned.image.format == "ushort"
    assert at(turned, 20, 20)[3] == 65_535
    on_white = rotate(framed(deep, background=(255, 255, 255, 255)), rotate=30)
    assert at(on_white, 0, 0) == (65_535, 65_535, 65_535)
    assert at(on_white, 20, 20) == at(framed(deep), 0, 0)
