"""Borders are cut off as far as they go, and nothing else is."""

from pathlib import Path
from typing import Any

import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import TransformInvalid
from safelight.operations import OPERATIONS
from safelight.operations.trim import trim
from safelight.params import Ink
from safelight.transform import parse
from tests.support.frames import at, flat, framed
from tests.support.pictures import opened, picture_of

SIDE = st.integers(4, 30)
MARGIN = st.integers(0, 12)


def bordered(
    inner: tuple[int, ...],
    border: tuple[int, ...],
    margins: tuple[int, int, int, int] = (3, 2, 5, 4),
) -> Any:
    """Lay a border of one colour around 10 x 8 px of another: left, top, right, bottom."""
    left, top, right, bottom = margins
    outer = flat(10 + left + right, 8 + top + bottom, border)
    return outer.insert(flat(10, 8, inner), left, top)


@pytest.mark.parametrize(
    ("inner", "border"),
    [
        ((200, 20, 20), (255, 255, 255)),
        ((200, 20, 20), (180, 20, 20)),
        ((0,), (255,)),
        ((90,), (70,)),
        ((0, 255), (0, 0)),
        ((0, 0, 0, 255), (0, 0, 0, 0)),
        ((0, 0, 0, 255), (255, 255, 255, 255)),
        ((9, 80, 200, 128), (9, 80, 200, 255)),
        ((9, 80, 200, 255), (200, 80, 9, 0)),
    ],
)
def test_a_border_of_one_colour_or_of_nothing_is_cut_off(
    inner: tuple[int, ...], border: tuple[int, ...]
) -> None:
    cut = trim(framed(bordered(inner, border)), trim=10)
    assert (cut.width, cut.height) == (cut.image.width, cut.image.height) == (10, 8)
    assert at(cut, 0, 0) == at(cut, 9, 7) == inner


@given(st.tuples(MARGIN, MARGIN, MARGIN, MARGIN))
def test_each_side_is_cut_as_far_as_its_border_goes(margins: tuple[int, int, int, int]) -> None:
    picture = bordered((200, 20, 20), (255, 255, 255), margins)
    cut = trim(framed(picture), trim=10)
    # Without a border at the top left corner, that corner is the colour which is no border.
    if margins[0] or margins[1]:
        assert (cut.width, cut.height) == (10, 8)


@pytest.mark.parametrize("width", [1, 2, 3, 9])
@pytest.mark.parametrize("height", [1, 2, 3, 9])
@pytest.mark.parametrize("colour", [(7,), (7, 0), (9, 80, 200), (9, 80, 200, 0)])
def test_a_picture_that_is_all_border_stays_whole(
    colour: tuple[int, ...], width: int, height: int
) -> None:
    cut = trim(framed(flat(width, height, colour)), trim=0)
    assert (cut.width, cut.height) == (width, height)


@pytest.mark.parametrize(
    ("differs", "most", "is_cut"), [(10, 10, False), (11, 10, True), (1, 0, True)]
)
def test_a_border_is_what_differs_by_no_more_than_the_threshold(
    differs: int, most: int, is_cut: bool
) -> None:
    cut = trim(framed(bordered((100 + differs, 100, 100), (100, 100, 100))), trim=most)
    assert ((cut.width, cut.height) == (10, 8)) is is_cut


def test_sixteen_bits_are_measured_by_the_same_threshold() -> None:
    deep = bordered((120, 100, 100), (100, 100, 100)).cast("ushort", shift=True)
    deep = deep.copy(interpretation="rgb16")
    assert [trim(framed(deep), trim=most).width for most in (19, 20)] == [10, 18]


@pytest.mark.parametrize(
    ("colour", "width"),
    [((255, 255, 255, 255), 10), ((250, 255, 255, 255), 10), ((0, 0, 0, 255), 18), (None, 10)],
)
def test_a_colour_can_be_said(colour: Ink | None, width: int) -> None:
    picture = bordered((200, 20, 20), (255, 255, 255))
    assert trim(framed(picture), trim=10, trim_color=colour).width == width


def test_the_colour_that_is_said_counts_where_the_corner_has_another() -> None:
    picture = bordered((200, 20, 20), (255, 255, 255)).insert(flat(2, 2, (0, 0, 255)), 0, 0)
    assert trim(framed(picture), trim=10).width == 18
    spotted = bordered((200, 20, 20), (255, 255, 255)).insert(flat(1, 1, (0, 0, 255)), 0, 0)
    said = trim(framed(spotted), trim=10, trim_color=(255, 255, 255, 255))
    assert (said.width, said.height) == (10, 8), "a speck is no content"


@pytest.mark.parametrize(("speck", "is_content"), [(1, False), (2, False), (3, True)])
def test_a_speck_is_no_content(speck: int, is_content: bool) -> None:
    picture = bordered((200, 20, 20), (255, 255, 255), (9, 9, 9, 9))
    spotted = picture.insert(flat(speck, speck, (0, 0, 0)), 2, 3)
    assert (trim(framed(spotted), trim=10).width == 10) is not is_content


def test_thin_lines_are_content() -> None:
    frame = flat(20, 15, (0, 0, 0)).insert(flat(18, 13, (255, 255, 255)), 1, 1)
    drawn = flat(30, 30, (255, 255, 255)).insert(frame, 4, 6)
    cut = trim(framed(drawn), trim=10)
    assert (cut.width, cut.height) == (20, 15)
    assert at(cut, 0, 0) == (0, 0, 0)


def test_a_grey_picture_has_no_border_of_a_colour() -> None:
    grey = bordered((0,), (255,))
    assert trim(framed(grey), trim=10, trim_color=(255, 0, 0, 255)).width == 18
    white = trim(framed(grey), trim=10, trim_color=(255, 255, 255, 255))
    assert (white.width, white.image.bands) == (10, 1)


def test_a_transparent_colour_is_the_same_whatever_it_would_be() -> None:
    picture = bordered((0, 0, 0, 255), (200, 80, 9, 0))
    assert trim(framed(picture), trim=10, trim_color=(1, 2, 3, 0)).width == 10


def test_a_faint_colour_is_the_same_colour_as_faint() -> None:
    picture = bordered((0, 0, 0, 255), (200, 80, 9, 128)).insert(flat(1, 1, (0, 0, 0, 255)), 0, 0)
    assert trim(framed(picture), trim=10, trim_color=(200, 80, 9, 128)).width == 10
    assert trim(framed(picture), trim=10, trim_color=(200, 80, 9, 255)).width == 18


def test_an_animation_is_cut_as_its_first_frame() -> None:
    decisions: dict[str, Any] = {}
    first = framed(bordered((200, 20, 20), (255, 255, 255)), decisions=decisions)
    second = framed(bordered((9, 9, 9), (255, 255, 255), (0, 0, 8, 6)), decisions=decisions)
    trim(first, trim=10)
    follows = trim(second, trim=10)
    assert (follows.width, follows.height) == (10, 8)
    assert at(follows, 9, 7) == (255, 255, 255)


def test_noise_of_a_jpeg_in_its_border_is_no_content() -> None:
    noise = pyvips.Image.gaussnoise(18, 14, mean=250, sigma=2).cast("uchar")
    noisy = noise.bandjoin([noise, noise]).copy(interpretation="srgb")
    cut = trim(framed(noisy.insert(flat(10, 8, (200, 20, 20)), 3, 2)), trim=20)
    assert (cut.width, cut.height) == (10, 8)


def test_how_it_is_asked_for() -> None:
    assert parse("trim").canonical == "trim=10"
    assert parse("trim=0").canonical == "trim=0"
    assert parse("trim,trim_color=fff").canonical == "trim=10,trim_color=ffffff"
    assert parse("trim_color=fff").canonical == ""
    with pytest.raises(TransformInvalid, match="from 0 to 254"):
        parse("trim=255")
    assert OPERATIONS["trim"].full, "a border is found pixel by pixel"
    assert trim(framed(flat(4, 3, (1,)))).width == 4


def test_a_logo_loses_what_is_transparent_around_it(data: Path) -> None:
    file = (data / "robustness" / "valid" / "imagor__find_trim_alpha.png").read_bytes()
    seen = opened(file).convert("RGBA").getchannel("A").point(lambda alpha: 255 * (alpha > 10))
    box = seen.getbbox()
    assert box is not None
    made = picture_of(file, "trim,format=png").convert("RGBA")
    assert made.size == (box[2] - box[0], box[3] - box[1])
    assert made.tobytes() == opened(file).convert("RGBA").crop(box).tobytes()
