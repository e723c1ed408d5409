"""The pixels go where the laws of geometry say."""

from typing import Any

import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from safelight.operations.encoding import Encoding
from safelight.operations.fitting import crop_box, fit_box
from safelight.operations.frame import Frame
from safelight.operations.geometry import crop, flip, resize, rotate
from safelight.params import COMPASS, Gravity, Place
from tests.support.frames import at, flat, framed, numbered
from tests.support.strategies import values

FITS = ("cover", "contain", "fill", "inside", "outside")


def told(width: int, height: int, gravity: Place = "center") -> Frame:
    """Make a picture whose pixels tell where they came from, and of which something is said."""
    return framed(
        numbered(width, height),
        background=(1, 2, 3, 4),
        encoding=Encoding("png"),
        gravity=gravity,
    )


def kept(frame: Frame) -> bool:
    return (frame.background, frame.encoding) == ((1, 2, 3, 4), Encoding("png"))


@pytest.mark.parametrize(
    ("degrees", "size", "corner"),
    [
        (0.0, (5, 3), (0, 0)),
        (90.0, (3, 5), (0, 2)),
        (180.0, (5, 3), (4, 2)),
        (270.0, (3, 5), (4, 0)),
    ],
)
def test_a_picture_is_turned_clockwise(
    degrees: float, size: tuple[int, int], corner: tuple[int, int]
) -> None:
    turned = rotate(told(5, 3), rotate=degrees)
    assert (turned.width, turned.height) == (turned.image.width, turned.image.height) == size
    assert at(turned, 0, 0) == corner
    assert kept(turned)


@pytest.mark.parametrize(
    ("word", "corner"),
    [("horizontal", (4, 0)), ("vertical", (0, 2)), ("both", (4, 2)), ("", (0, 0))],
)
def test_a_picture_is_mirrored(word: str, corner: tuple[int, int]) -> None:
    mirrored = flip(told(5, 3), flip=word)
    assert (mirrored.width, mirrored.height) == (5, 3)
    assert at(mirrored, 0, 0) == corner
    assert kept(mirrored)


def test_turning_and_mirroring_reckon_with_the_nominal_size() -> None:
    shrunk = framed(numbered(5, 3), (50, 30))
    turned = rotate(shrunk, rotate=90.0)
    assert (turned.width, turned.height) == (30, 50)
    assert (flip(shrunk, flip="both").width, flip(shrunk, flip="both").height) == (50, 30)


def test_a_box_is_cut_out_where_it_was_asked_for() -> None:
    cut = crop(told(20, 10), crop=(3, 4, 5, 2))
    assert (cut.width, cut.height, cut.image.width, cut.image.height) == (5, 2, 5, 2)
    assert at(cut, 0, 0) == (3, 4)
    assert at(cut, 4, 1) == (7, 5)
    assert kept(cut)
    assert crop(cut, crop=None) is cut


@given(
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.integers(1, 8),
    st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 200), st.integers(1, 200)),
)
def test_a_shrunk_image_is_cut_at_the_same_place_and_never_outside(
    size: tuple[int, int], shrunk: int, box: tuple[int, int, int, int]
) -> None:
    frame = framed(numbered(*size), (size[0] * shrunk, size[1] * shrunk))
    left, top, across, down = crop_box(frame.width, frame.height, box)
    cut = crop(frame, crop=box)
    assert (cut.width, cut.height) == (across, down)
    first, last = at(cut, 0, 0), at(cut, cut.image.width - 1, cut.image.height - 1)
    before, above, after, below = cut.overhang
    # Whole px of the small image, and known to their parts.
    assert (first[0] + before, first[1] + above) == pytest.approx((left / shrunk, top / shrunk))
    assert last[0] + 1 - after == pytest.approx((left + across) / shrunk)
    assert last[1] + 1 - below == pytest.approx((top + down) / shrunk)
    assert all(0 <= part < 1 for part in cut.overhang)


@pytest.mark.parametrize("place", COMPASS)
def test_cover_keeps_the_side_that_gravity_names(place: str) -> None:
    across, down = COMPASS[place]
    wide = resize(told(31, 11, place), w=11, h=11)
    tall = resize(told(11, 31, place), w=11, h=11)
    assert (wide.width, wide.height, tall.width, tall.height) == (11, 11, 11, 11)
    assert at(wide, 0, 0) == (20 * across, 0)
    assert at(tall, 0, 0) == (0, 20 * down)
    assert kept(wide)


@pytest.mark.parametrize(
    ("point", "left"), [(0.0, 0), (0.1, 0), (0.5, 10), (0.3, 4), (0.9, 20), (1.0, 20)]
)
def test_cover_brings_a_focal_point_into_the_middle_as_far_as_it_goes(
    point: float, left: int
) -> None:
    assert at(resize(told(31, 11, (point, 0.5)), w=11, h=11), 0, 0) == (left, 0)
    assert at(resize(told(11, 31, (0.5, point)), w=11, h=11), 0, 0) == (0, left)


@pytest.mark.parametrize("place", ["smart", "entropy"])
def test_cover_finds_what_is_interesting(place: str) -> None:
    noise = (pyvips.Image.gaussnoise(40, 40, sigma=60, mean=128)).cast("uchar")
    plain: Any = pyvips.Image.black(200, 40) + 128
    picture = plain.cast("uchar").insert(noise, 150, 0).bandjoin([128, 128])
    frame = framed(picture.copy(interpretation="srgb"), gravity=place)
    cut = resize(frame, w=40, h=40)
    assert (cut.width, cut.height) == (40, 40)
    assert cut.image.extract_band(0).deviate() > 30


@pytest.mark.parametrize("place", COMPASS)
def test_contain_puts_the_picture_to_the_side_that_gravity_names(place: str) -> None:
    across, down = COMPASS[place]
    said: dict[str, Any] = {"background": (9, 8, 7, 255), "gravity": place}
    wide = framed(flat(11, 5, (255, 255, 255)), **said)
    padded = resize(wide, w=11, h=15, fit="contain")
    assert (padded.width, padded.height) == (11, 15)
    top = round(10 * down)
    for y in range(15):
        inside = top <= y < top + 5
        assert at(padded, 5, y) == ((255, 255, 255) if inside else (9, 8, 7)), (place, y)
    narrow = framed(flat(5, 11, (255, 255, 255)), **said)
    padded = resize(narrow, w=15, h=11, fit="contain")
    left = round(10 * across)
    assert [x for x in range(15) if at(padded, x, 5) == (255, 255, 255)] == [*range(left, left + 5)]


@pytest.mark.parametrize(
    ("bands", "background", "corner"),
    [
        (1, None, (255,)),
        (2, None, (0, 0)),
        (3, None, (255, 255, 255)),
        (4, None, (0, 0, 0, 0)),
        (1, (7, 7, 7, 255), (7,)),
        (1, (7, 8, 9, 255), (7, 8, 9)),
        (1, (7, 7, 7, 128), (0, 0)),
        (1, (7, 8, 9, 128), (0, 0)),
        (2, (7, 7, 7, 255), (7, 255)),
        (2, (7, 8, 9, 255), (7, 8, 9, 255)),
        (3, (7, 8, 9, 255), (7, 8, 9)),
        (3, (7, 8, 9, 0), (0, 0, 0, 0)),
        (4, (7, 8, 9, 255), (7, 8, 9, 255)),
        (4, (7, 8, 9, 10), (0, 0, 0, 0)),
    ],
)
def test_padding_has_the_colour_that_was_asked_for_whatever_the_picture_is(
    bands: int, background: tuple[int, int, int, int] | None, corner: tuple[int, ...]
) -> None:
    solid = framed(flat(4, 2, (255,) * bands), background=background)
    padded = resize(solid, w=4, h=4, fit="contain")
    assert (padded.width, padded.height) == (4, 4)
    assert at(padded, 0, 0) == corner
    # A see-through colour is laid behind the whole picture later: here it is left open.
    assert set(at(padded, 2, 2)) == {255}, "the picture itself keeps its colour, opaque"


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.one_of(st.none(), st.integers(1, 60)), st.one_of(st.none(), st.integers(1, 60))),
    st.sampled_from(FITS),
    values(Gravity()),
    st.booleans(),
)
def test_the_picture_has_the_size_that_the_law_says(
    full: tuple[int, int],
    box: tuple[int | None, int | None],
    fit: str,
    gravity: Place,
    enlarge: bool,
) -> None:
    fitted = fit_box(*full, w=box[0], h=box[1], fit=fit, enlarge=enlarge)
    made = resize(told(*full, gravity), w=box[0], h=box[1], fit=fit, enlarge=enlarge)
    assert (made.width, made.height) == (made.image.width, made.image.height) == fitted.box
    assert made.image.avg() >= 0, "the pixels can really be had"
