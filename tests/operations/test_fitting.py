import math
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safelight.operations.fitting import (
    MAX_EDGE,
    Fitted,
    crop_box,
    extended_size,
    fit_box,
    place,
    ratio_box,
    reduced_span,
    span,
    turned_size,
)
from safelight.params import COMPASS, Box, Gravity, Part, Place, Ratio, half_up
from tests.support.strategies import values

FITS = ("cover", "contain", "fill", "inside", "outside")
SIDE = st.one_of(st.integers(1, 40), st.integers(1, 9_000), st.integers(1, MAX_EDGE))
SIZE = st.tuples(SIDE, SIDE)
DPR = st.one_of(st.just(1.0), st.integers(100, 8_000).map(lambda number: number / 1000))
ZOOM = st.one_of(st.just(1.0), st.integers(1, 9_000).map(lambda number: number / 1000))
ENLARGE = st.booleans()


BOUND = st.one_of(st.none(), SIDE)
BOUNDS = st.fixed_dictionaries(dict.fromkeys(("min_w", "min_h", "max_w", "max_h"), BOUND))


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


# The least and the most.


@given(SIZE, BOUND, BOUND, st.sampled_from(FITS), ENLARGE, DPR, ZOOM, BOUNDS)
def test_nothing_is_larger_than_the_most_or_without_enlarge_than_the_source(
    full: tuple[int, int],
    w: int | None,
    h: int | None,
    fit: str,
    enlarge: bool,
    dpr: float,
    zoom: float,
    bounds: dict[str, Any],
) -> None:
    asked: dict[str, Any] = {"w": w, "h": h, "fit": fit, "dpr": dpr, "zoom": zoom, **bounds}
    fitted = fit_box(*full, **asked, enlarge=enlarge)
    for side, most in zip(fitted.box, (bounds["max_w"], bounds["max_h"]), strict=True):
        assert most is None or side <= about(most * dpr)
    if not enlarge:
        assert all(map(int.__le__, fitted.scaled, full))
        assert fit_box(*full, **asked, enlarge=True).scaled >= fitted.scaled


@given(SIZE, BOUND, BOUND, st.sampled_from(FITS), DPR, ZOOM, BOUNDS)
def test_nothing_is_smaller_than_the_least_unless_the_most_or_the_proportions_forbid_it(
    full: tuple[int, int],
    w: int | None,
    h: int | None,
    fit: str,
    dpr: float,
    zoom: float,
    bounds: dict[str, Any],
) -> None:
    fitted = fit_box(*full, w=w, h=h, fit=fit, dpr=dpr, zoom=zoom, enlarge=True, **bounds)
    lacking = [
        side < about((bounds[f"min_{name}"] or 0) * dpr)
        for side, name in zip(fitted.box, "wh", strict=True)
    ]
    at_most = [
        bounds[f"max_{name}"] is not None and near(side, (bounds[f"max_{name}"] or 0) * dpr)
        for side, name in zip(fitted.box, "wh", strict=True)
    ]
    boxed = w is not None and h is not None and fit in ("cover", "contain", "fill")
    for lacks, own in zip(lacking, at_most, strict=True):
        # With proportions to keep, either side may be the one that cannot grow.
        assert not lacks or own or (not boxed and any(at_most))


@given(SIZE, BOUND, BOUND, st.sampled_from(("cover", "inside", "outside")), DPR, ZOOM, BOUNDS)
def test_proportions_are_kept_to_half_a_pixel_whatever_bounds(
    full: tuple[int, int],
    w: int | None,
    h: int | None,
    fit: str,
    dpr: float,
    zoom: float,
    bounds: dict[str, Any],
) -> None:
    fitted = fit_box(*full, w=w, h=h, fit=fit, dpr=dpr, zoom=zoom, enlarge=True, **bounds)
    across, down = fitted.scaled
    low = max((across - 0.5) / full[0], (down - 0.5) / full[1])
    high = min((across + 0.5) / full[0], (down + 0.5) / full[1])
    # There is a scale that gives both sides, unless one would be less than a pixel.
    assert low <= high + 1e-6 or min(across, down) == 1


@given(SIZE, SIZE, st.sampled_from(FITS), ENLARGE, DPR)
def test_bounds_that_are_no_bounds_change_nothing(
    full: tuple[int, int], box: tuple[int, int], fit: str, enlarge: bool, dpr: float
) -> None:
    plain = fit_box(*full, w=box[0], h=box[1], fit=fit, enlarge=enlarge, dpr=dpr)
    wide: dict[str, Any] = {"min_w": None, "min_h": None, "max_w": 10**9, "max_h": 10**9}
    assert plain == fit_box(
        *full, w=box[0], h=box[1], fit=fit, enlarge=enlarge, dpr=dpr, zoom=1.0, **wide
    )


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"max_w": 100}, (100, 75)),
        ({"max_w": 100, "max_h": 60}, (80, 60)),
        ({"min_w": 800}, (400, 300)),
        ({"min_w": 800, "enlarge": True}, (800, 600)),
        ({"w": 100, "min_h": 150}, (200, 150)),
        ({"w": 100, "min_h": 150, "max_w": 120}, (120, 90)),
        ({"w": 200, "max_h": 75}, (100, 75)),
        ({"w": 200, "h": 200, "max_w": 100}, (100, 200)),
        ({"w": 200, "h": 200, "fit": "inside", "min_h": 180}, (240, 180)),
        ({"w": 200, "h": 200, "fit": "fill", "max_h": 50}, (200, 50)),
        ({"w": 900, "h": 900, "fit": "contain", "max_w": 500}, (500, 900)),
        ({"zoom": 0.5}, (200, 150)),
        ({"zoom": 0.5, "max_w": 100}, (100, 75)),
        ({"w": 100, "zoom": 2.0}, (200, 150)),
        ({"w": 100, "zoom": 2.0, "max_w": 150}, (150, 113)),
        ({"w": 100, "h": 90, "zoom": 2.0}, (200, 180)),
        ({"w": 100, "max_w": 50, "dpr": 2.0}, (100, 75)),
    ],
)
def test_examples_of_bounds_and_factors(asked: dict[str, Any], size: tuple[int, int]) -> None:
    assert fit_box(400, 300, **asked).box == size


# Cutting, placing, turning.


@given(SIZE, values(Box(placed=True)))
def test_a_crop_is_always_inside_and_never_empty(
    full: tuple[int, int], box: tuple[Part, ...]
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
        ((50, 0.5), (75, 25, 50, 50)),
        ((500, 500), (0, 0, 200, 100)),
    ],
)
def test_crops_in_pixels_and_in_parts_of_a_picture_of_200_by_100(
    box: tuple[Part, Part, Part, Part], cut: tuple[int, int, int, int]
) -> None:
    assert crop_box(200, 100, box) == cut


@given(SIZE, SIZE, values(Gravity()), DPR)
def test_a_box_that_fits_stays_inside_wherever_it_is_placed(
    full: tuple[int, int], box: tuple[int, int], gravity: Place, dpr: float
) -> None:
    across, down = min(full[0], box[0]), min(full[1], box[1])
    left, top = place(*full, across, down, gravity, dpr)
    assert 0 <= left <= full[0] - across
    assert 0 <= top <= full[1] - down


@pytest.mark.parametrize(
    ("gravity", "dpr", "corner"),
    [
        ("center", 1.0, (75, 40)),
        ("smart", 1.0, (75, 40)),
        ("northwest", 1.0, (0, 0)),
        ("southeast", 1.0, (150, 80)),
        (("northwest", 10, 0.1), 1.0, (10, 10)),
        (("southeast", 10, 0.1), 1.0, (140, 70)),
        (("southeast", 10, 0.1), 2.0, (130, 70)),
        (("center", 10, 20), 1.0, (85, 60)),
        (("north", 10, 20), 1.0, (85, 20)),
        (("south", 0, 500), 1.0, (75, 0)),
        ((0.5, 0.5), 1.0, (75, 40)),
        ((0.2, 0.9), 1.0, (15, 80)),
    ],
)
def test_where_a_box_of_50_by_20_lies_in_200_by_100(
    gravity: Place, dpr: float, corner: tuple[int, int]
) -> None:
    assert place(200, 100, 50, 20, gravity, dpr) == corner


@given(SIZE, values(Ratio()))
def test_a_ratio_is_cut_to_with_the_least_loss_and_extended_to_with_the_least_gain(
    full: tuple[int, int], ratio: tuple[int, int]
) -> None:
    for reckon, grows in ((ratio_box, False), (extended_size, True)):
        across, down = reckon(*full, ratio)
        # One side stays, the other follows from it.
        assert across == full[0] or down == full[1]
        assert near(across, down * ratio[0] / ratio[1]) or near(down, across * ratio[1] / ratio[0])
        smaller, larger = (full, (across, down)) if grows else ((across, down), full)
        assert all(map(int.__le__, smaller, larger))


@given(SIZE, st.integers(0, 359_999).map(lambda number: number / 1000))
def test_a_turned_picture_has_room_in_its_box_and_touches_it(
    full: tuple[int, int], degrees: float
) -> None:
    turn = math.radians(degrees)
    corners = [
        (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
        for x, y in product((0, full[0]), (0, full[1]))
    ]
    for side, axis in zip(turned_size(*full, degrees), (0, 1), strict=True):
        reach = [corner[axis] for corner in corners]
        assert abs(side - (max(reach) - min(reach))) <= 0.5 + 1e-6


# What of an image holds a box, and what gives a size when it is reduced.


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_whole_pixels_hold_what_lies_between_two_places(
    most: int, start: float, end: float
) -> None:
    low, high = sorted((start * most, end * most))
    first, count, before, after = span(low, high - low, most)
    assert 0 <= first < first + count <= most
    assert first + before == pytest.approx(low, abs=1e-5)
    assert first + count - after == pytest.approx(high, abs=1e-5)
    assert before < 1 or first == most - 1
    assert after < 1 or count == 1


@given(st.integers(0, 4_000), st.sampled_from([2, 4, 8]), st.integers(1, 900), st.floats(1.3, 40))
def test_a_reduction_begins_within_an_eighth_of_a_pixel_of_where_it_should(
    start: int, shrunk: int, size: int, step: float
) -> None:
    length = max(1, round(size * step * shrunk)) / shrunk
    assume(length / size >= 1.3)
    assert misplaced(start / shrunk, length, size) <= 0.125 + 1e-6


def misplaced(start: float, length: float, size: int) -> float:
    """Tell by how many px of its result a reduction is off, and check that it gives enough."""
    step = length / size
    first, count, skip = reduced_span(start, length, size)
    made = int(count / (1 / (size / length)) + 0.5)
    assert 0 <= skip <= made - size
    assert first >= start - 6
    assert first + count <= start + length + 6
    # libvips lays middle on middle.
    return abs(first + count / 2 + (skip - made / 2) * step - start) / step


def test_on_average_a_reduction_begins_where_it_should() -> None:
    starts = product((0.125, 0.25, 0.375, 0.5, 0.75), (150.5, 283.25, 399.125), range(50, 110))
    off = [misplaced(*given) for given in starts]
    assert sum(off) / len(off) < 0.02


@pytest.mark.parametrize(
    ("degrees", "size"), [(0, (4, 3)), (90, (3, 4)), (180, (4, 3)), (270, (3, 4))]
)
def test_a_quarter_turn_swaps_the_sides(degrees: int, size: tuple[int, int]) -> None:
    assert turned_size(4, 3, degrees) == size


def test_every_corner_of_the_compass_is_a_place() -> None:
    assert set(COMPASS.values()) == set(product((0.0, 0.5, 1.0), repeat=2))
