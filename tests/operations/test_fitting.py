from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.operations.fitting import (
    MAX_EDGE,
    Fitted,
    crop_box,
    fit_box,
    turned_size,
)
from safelight.params import COMPASS, Box, Part, half_up
from tests.support.strategies import values

FITS = ("cover", "contain", "fill", "inside", "outside")
SIDE = st.one_of(st.integers(1, 40), st.integers(1, 9_000), st.integers(1, MAX_EDGE))
SIZE = st.tuples(SIDE, SIDE)
DPR = st.one_of(st.just(1.0), st.integers(100, 8_000).map(lambda number: number / 1000))
ZOOM = st.one_of(st.just(1.0), st.integers(1, 9_000).map(lambda number: number / 1000))
ENLARGE = st.booleans()


def near(length: int, exact: float, *, off: float = 0.5) -> bool:
    """Tell whether a length is an exact one, rounded; a side is one pixel at least."""
    return abs(length - max(1.0, exact)) <= off + 1e-6


def about(exact: float) -> int:
    return max(1, half_up(exact))


# The laws of sizes.


@given(SIZE, st.one_of(st.none(), SIDE), st.one_of(st.none(), SIDE), st.sampled_from(FITS))
@pytest.mark.parametrize(("enlarge", "dpr"), [(False, 1.0), (True, 1.0), (False, 2.5), (True, 0.1)])
def test_no_side_is_ever_less_than_a_pixel_and_what_is_cut_is_there(
    enlarge: bool,
    dpr: float,
    full: tuple[int, int],
    w: int | None,
    h: int | None,
    fit: str,
) -> None:
    fitted = fit_box(*full, w=w, h=h, fit=fit, enlarge=enlarge, dpr=dpr)
    assert min(*fitted.scaled, *fitted.box) >= 1
    for scaled, box in zip(fitted.scaled, fitted.box, strict=True):
        assert scaled <= box if fit == "contain" else scaled >= box
    if fit in ("fill", "inside", "outside") or w is None or h is None:
        assert fitted.scaled == fitted.box
    if not enlarge:
        assert all(map(int.__le__, fitted.scaled, full))


@given(SIZE, st.sampled_from(FITS), ENLARGE)
def test_without_a_size_nothing_changes(full: tuple[int, int], fit: str, enlarge: bool) -> None:
    assert fit_box(*full, fit=fit, enlarge=enlarge) == Fitted(full, full)


@given(SIZE, st.sampled_from(FITS), ENLARGE, DPR, ZOOM)
def test_without_a_size_the_factors_are_of_its_own_size(
    full: tuple[int, int], fit: str, enlarge: bool, dpr: float, zoom: float
) -> None:
    scale = dpr * zoom if enlarge else min(1.0, dpr * zoom)
    fitted = fit_box(*full, fit=fit, enlarge=enlarge, dpr=dpr, zoom=zoom)
    assert fitted.scaled == fitted.box
    assert near(fitted.box[0], full[0] * scale)
    assert near(fitted.box[1], full[1] * scale)


@given(SIZE, SIDE, st.sampled_from(FITS), ENLARGE, DPR)
def test_with_one_side_the_other_is_proportional(
    full: tuple[int, int], side: int, fit: str, enlarge: bool, dpr: float
) -> None:
    width, height = full
    scale = side * dpr / width if enlarge else min(1.0, side * dpr / width)
    by_width = fit_box(width, height, w=side, fit=fit, enlarge=enlarge, dpr=dpr)
    assert near(by_width.box[0], width * scale)
    assert near(by_width.box[1], height * scale)
    # The same law, mirrored.
    by_height = fit_box(height, width, h=side, fit=fit, enlarge=enlarge, dpr=dpr)
    assert by_height.box == by_width.box[::-1]


@given(SIZE, SIZE)
def test_one_side_is_exactly_what_was_asked_for(
    full: tuple[int, int], box: tuple[int, int]
) -> None:
    for w, h, axis in ((box[0], None, 0), (None, box[1], 1)):
        asked = box[axis]
        fitted = fit_box(*full, w=w, h=h)
        assert fitted.box[axis] == min(asked, full[axis])
        assert fit_box(*full, w=w, h=h, enlarge=True).box[axis] == asked


@given(SIZE, SIZE, DPR)
def test_cover_enlarged_is_exactly_the_box(
    full: tuple[int, int], box: tuple[int, int], dpr: float
) -> None:
    fitted = fit_box(*full, w=box[0], h=box[1], fit="cover", enlarge=True, dpr=dpr)
    assert fitted.box == (about(box[0] * dpr), about(box[1] * dpr))


@given(SIZE, SIZE, DPR)
def test_cover_has_the_shape_of_the_box_and_is_no_larger_than_the_source(
    full: tuple[int, int], box: tuple[int, int], dpr: float
) -> None:
    wanted = box[0] * dpr, box[1] * dpr
    fitted = fit_box(*full, w=box[0], h=box[1], fit="cover", dpr=dpr)
    smaller = min(1.0, full[0] / wanted[0], full[1] / wanted[1])
    # Rounded twice where the source is smaller than the box: once for dpr, once to shrink.
    assert near(fitted.box[0], wanted[0] * smaller, off=1)
    assert near(fitted.box[1], wanted[1] * smaller, off=1)
    assert fitted.box[0] <= full[0]
    assert fitted.box[1] <= full[1]
    if smaller == 1.0:
        assert fitted.box == (about(wanted[0]), about(wanted[1]))


@given(SIZE, SIZE, ENLARGE, DPR)
def test_cover_keeps_the_proportions_of_the_picture_before_it_cuts(
    full: tuple[int, int], box: tuple[int, int], enlarge: bool, dpr: float
) -> None:
    fitted = fit_box(*full, w=box[0], h=box[1], fit="cover", enlarge=enlarge, dpr=dpr)
    scale = max(box[0] * dpr / full[0], box[1] * dpr / full[1])
    scale = scale if enlarge else min(1.0, scale)
    assert near(fitted.scaled[0], full[0] * scale, off=1)
    assert near(fitted.scaled[1], full[1] * scale, off=1)


@given(SIZE, SIZE, ENLARGE, DPR)
def test_contain_is_exactly_the_box_with_the_whole_picture_in_it(
    full: tuple[int, int], box: tuple[int, int], enlarge: bool, dpr: float
) -> None:
    fitted = fit_box(*full, w=box[0], h=box[1], fit="contain", enlarge=enlarge, dpr=dpr)
    inside = fit_box(*full, w=box[0], h=box[1], fit="inside", enlarge=enlarge, dpr=dpr)
    assert fitted.box == (about(box[0] * dpr), about(box[1] * dpr))
    assert near(fitted.scaled[0], inside.box[0], off=1)
    assert near(fitted.scaled[1], inside.box[1], off=1)


@given(SIZE, SIZE, DPR)
def test_inside_touches_the_box_and_does_not_leave_it(
    full: tuple[int, int], box: tuple[int, int], dpr: float
) -> None:
    wanted = box[0] * dpr, box[1] * dpr
    enlarged = fit_box(*full, w=box[0], h=box[1], fit="inside", enlarge=True, dpr=dpr).box
    # Up to half a pixel of rounding, and never less than a pixel.
    for side, most in zip(enlarged, wanted, strict=True):
        assert side <= max(1.0, most + 0.5 + 1e-6)
    assert any(near(side, most) for side, most in zip(enlarged, wanted, strict=True))
    plain = fit_box(*full, w=box[0], h=box[1], fit="inside", dpr=dpr).box
    assert plain == (full if enlarged[0] > full[0] or enlarged[1] > full[1] else enlarged)


@given(SIZE, SIZE, DPR)
def test_outside_covers_the_box_and_touches_it_or_is_the_whole_source(
    full: tuple[int, int], box: tuple[int, int], dpr: float
) -> None:
    wanted = box[0] * dpr, box[1] * dpr
    enlarged = fit_box(*full, w=box[0], h=box[1], fit="outside", enlarge=True, dpr=dpr).box
    for side, least in zip(enlarged, wanted, strict=True):
        assert side >= least - 0.5 - 1e-6
    assert any(near(side, least) for side, least in zip(enlarged, wanted, strict=True))
    plain = fit_box(*full, w=box[0], h=box[1], fit="outside", dpr=dpr).box
    assert plain == (full if enlarged[0] > full[0] or enlarged[1] > full[1] else enlarged)


@given(SIZE, SIZE, DPR)
def test_fill_is_exactly_the_box_and_each_side_is_limited_by_itself(
    full: tuple[int, int], box: tuple[int, int], dpr: float
) -> None:
    wanted = about(box[0] * dpr), about(box[1] * dpr)
    assert fit_box(*full, w=box[0], h=box[1], fit="fill", enlarge=True, dpr=dpr).box == wanted
    limited = min(wanted[0], full[0]), min(wanted[1], full[1])
    assert fit_box(*full, w=box[0], h=box[1], fit="fill", dpr=dpr).box == limited


@given(SIZE, st.sampled_from(FITS), ENLARGE)
def test_the_size_that_a_picture_has_changes_nothing(
    full: tuple[int, int], fit: str, enlarge: bool
) -> None:
    fitted = fit_box(*full, w=full[0], h=full[1], fit=fit, enlarge=enlarge)
    assert fitted == Fitted(full, full)


@given(SIZE, SIZE, st.sampled_from(FITS), ENLARGE, DPR)
def test_a_picture_on_its_side_is_fitted_the_same_way(
    full: tuple[int, int], box: tuple[int, int], fit: str, enlarge: bool, dpr: float
) -> None:
    upright = fit_box(*full, w=box[0], h=box[1], fit=fit, enlarge=enlarge, dpr=dpr)
    turned = fit_box(*full[::-1], w=box[1], h=box[0], fit=fit, enlarge=enlarge, dpr=dpr)
    assert turned == Fitted(upright.scaled[::-1], upright.box[::-1])


@pytest.mark.parametrize(
    ("full", "box", "fit", "enlarge", "fitted"),
    [
        ((4_000, 3_000), (800, 600), "cover", False, ((800, 600), (800, 600))),
        ((4_000, 3_000), (300, 300), "cover", False, ((400, 300), (300, 300))),
        ((400, 300), (800, 800), "cover", False, ((400, 300), (300, 300))),
        ((400, 300), (800, 800), "cover", True, ((1_067, 800), (800, 800))),
        ((400, 300), (800, 800), "contain", False, ((400, 300), (800, 800))),
        ((400, 300), (800, 800), "contain", True, ((800, 600), (800, 800))),
        ((400, 300), (800, 100), "fill", False, ((400, 100), (400, 100))),
        ((4_000, 3_000), (300, 300), "inside", False, ((300, 225), (300, 225))),
        ((4_000, 3_000), (300, 300), "outside", False, ((400, 300), (400, 300))),
        ((10_000, 1), (100, 100), "inside", False, ((100, 1), (100, 1))),
        ((1, 10_000), (100, 100), "cover", False, ((1, 10_000), (1, 1))),
    ],
)
def test_examples_of_each_fit(
    full: tuple[int, int],
    box: tuple[int, int],
    fit: str,
    enlarge: bool,
    fitted: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    assert fit_box(*full, w=box[0], h=box[1], fit=fit, enlarge=enlarge) == Fitted(*fitted)


def test_a_picture_never_sticks_out_of_its_padding_by_a_rounding_error() -> None:
    assert 25 * 0.58 < 14.5, "though it is 14.5"
    fitted = fit_box(3, 3, w=25, h=25, fit="contain", enlarge=True, dpr=0.58)
    assert all(map(int.__le__, fitted.scaled, fitted.box))


@given(SIZE, values(Box()))
def test_a_crop_is_always_inside_and_never_empty(
    full: tuple[int, int], box: tuple[Part, Part, Part, Part]
) -> None:
    left, top, across, down = crop_box(*full, box)
    assert 0 <= left < left + across <= full[0]
    assert 0 <= top < top + down <= full[1]


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((0.25, 0.5, 0.5, 0.25), (50, 50, 100, 25)),
        ((0, 0, 1, 1), (0, 0, 1, 1)),
        ((0.0, 0.0, 1.0, 1.0), (0, 0, 200, 100)),
        ((190, 90, 50, 50), (190, 90, 10, 10)),
        ((500, 500, 50, 50), (199, 99, 1, 1)),
        ((1.0, 1.0, 1.0, 1.0), (199, 99, 1, 1)),
        ((0, 0, 0.001, 0.001), (0, 0, 1, 1)),
        ((10, 0.5, 0.5, 10), (10, 50, 100, 10)),
    ],
)
def test_crops_in_pixels_and_in_parts_of_a_picture_of_200_by_100(
    box: tuple[Part, Part, Part, Part], cut: tuple[int, int, int, int]
) -> None:
    assert crop_box(200, 100, box) == cut


@pytest.mark.parametrize(
    ("degrees", "size"), [(0, (4, 3)), (90, (3, 4)), (180, (4, 3)), (270, (3, 4))]
)
def test_a_quarter_turn_swaps_the_sides(degrees: int, size: tuple[int, int]) -> None:
    assert turned_size(4, 3, degrees) == size


def test_every_corner_of_the_compass_is_a_place() -> None:
    assert set(COMPASS.values()) == set(product((0.0, 0.5, 1.0), repeat=2))
