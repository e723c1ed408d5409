"""Geometry as Pillow has it: every fit, gravity and orientation, in size and in place."""

from __future__ import annotations

import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from safelight.params import COMPASS
from tests.support.charts import chart, displacement
from tests.support.pictures import encoded, exif, mean_difference, opened, run

LANCZOS = Image.Resampling.LANCZOS
# As shown: a multiple of nothing, so that blocks of JPEG are cut by both of its edges.
SIZE = (1_001, 701)
FITS = ("cover", "contain", "fill", "inside", "outside")
BOXES = ((120, 84), (130, 60), (60, 110))
# What Pillow's methods, to be undone by a viewer, are called in EXIF (Exif 2.32, tag 0x0112).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# Of one pixel of the answer. libvips finds the middle of a px to an eighth when a JPEG was shrunk
# before; what is cut off after resizing is cut off between whole px.
SHRUNK, CUT = 0.14, 0.6


@cache
def shown() -> Image.Image:
    return chart(*SIZE)


@cache
def source(format: str, orientation: int = 1) -> bytes:
    how = STORED[orientation]
    stored = shown() if how is None else shown().transpose(how)
    options = {"quality": 100, "subsampling": 0} if format == "JPEG" else {"compress_level": 1}
    return encoded(stored, format, exif=exif(orientation), **options)


def by_pillow(fit: str, box: tuple[int, int], gravity: tuple[float, float]) -> Image.Image:
    """Fit the chart, which is larger than the box, as Pillow's own functions do."""
    if fit == "cover":
        return ImageOps.fit(shown(), box, LANCZOS, centering=gravity)
    if fit == "contain":
        return ImageOps.pad(shown(), box, LANCZOS, color="white", centering=gravity)
    if fit == "inside":
        return ImageOps.contain(shown(), box, LANCZOS)
    if fit == "outside":
        return ImageOps.cover(shown(), box, LANCZOS)
    return shown().resize(box, LANCZOS)


def made(data: bytes, text: str) -> Image.Image:
    return opened(run(data, f"{text},format=png").data).convert("RGB")


def content(picture: Image.Image) -> Image.Image:
    """Cut off what is white."""
    inner = ImageOps.invert(picture).point(lambda level: 255 if level > 20 else 0).getbbox()
    assert inner is not None
    return picture.crop(inner)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("fit", FITS)
def test_every_fit_and_gravity_of_every_orientation_is_pillow_s(
    fit: str, format: str, orientation: int
) -> None:
    for number, (word, place) in enumerate(COMPASS.items()):
        box = BOXES[number % len(BOXES)]
        text = f"w={box[0]},h={box[1]},fit={fit},gravity={word}"
        found = made(source(format, orientation), text)
        expected = by_pillow(fit, box, place)
        assert found.size == expected.size, text
        assert mean_difference(found, expected) < 6, text
        if fit == "contain":
            found, expected = content(found), content(expected)
        assert displacement(found, expected) < (CUT if fit == "cover" else SHRUNK), text


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["", "horizontal", "vertical", "both"])
def test_every_turn_of_every_orientation_is_pillow_s(
    flip: str, turn: int, orientation: int
) -> None:
    expected = shown().rotate(-turn, expand=True)
    if flip in ("horizontal", "both"):
        expected = ImageOps.mirror(expected)
    if flip in ("vertical", "both"):
        expected = ImageOps.flip(expected)
    expected = ImageOps.contain(expected, (120, 120), LANCZOS)
    text = "w=120,h=120,fit=inside," + ",".join(
        [f"rotate={turn}", *([f"flip={flip}"] * bool(flip))]
    )
    for format in ("PNG", "JPEG"):
        found = made(source(format, orientation), text)
        assert found.size == expected.size
        assert displacement(found, expected) < SHRUNK, text


@settings(max_examples=60)
@given(
    st.sampled_from(["PNG", "JPEG", "WEBP"]),
    st.tuples(st.integers(0, 500), st.integers(0, 300)),
    st.tuples(st.integers(200, 500), st.integers(200, 400)),
    st.floats(1, 7),
)
def test_a_crop_lies_where_pillow_s_does_however_much_was_shrunk_before(
    format: str, corner: tuple[int, int], size: tuple[int, int], shrunk: float
) -> None:
    width, height = size
    text = f"crop={corner[0]}:{corner[1]}:{width}:{height},w={max(30, math.floor(width / shrunk))}"
    found = made(source(format), text)
    box = (*corner, corner[0] + width, corner[1] + height)
    assert displacement(found, shown().resize(found.size, LANCZOS, box=box)) < SHRUNK, text


@pytest.mark.parametrize("orientation", STORED)
def test_a_crop_of_a_turned_jpeg_lies_where_pillow_s_does(orientation: int) -> None:
    for box in ((0, 0, 300, 200), (701, 501, 300, 200), (333, 211, 405, 307)):
        left, top, width, height = box
        text = f"crop={left}:{top}:{width}:{height},w=60"
        found = made(source("JPEG", orientation), text)
        cut = shown().resize(found.size, LANCZOS, box=(left, top, left + width, top + height))
        assert displacement(found, cut) < SHRUNK, text


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("degrees", [3, 30, 45, 100, 222.5, 350])
def test_a_picture_is_turned_around_its_middle_as_pillow_turns_it(
    format: str, degrees: float
) -> None:
    found = made(source(format), f"rotate={degrees},w=200,bg=fff")
    turned = shown().rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    # Pillow may make room for one px more: both have the same middle.
    expected = turned.resize(found.size, LANCZOS)
    assert displacement(middle(found), middle(expected)) < 0.3
    assert mean_difference(found, expected) < 3


def middle(picture: Image.Image) -> Image.Image:
    """Cut out what no turn reaches with a corner."""
    width, height = picture.size
    return picture.crop((width // 3, height // 3, 2 * width // 3, 2 * height // 3))
