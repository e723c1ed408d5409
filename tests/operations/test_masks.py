"""Corners, shapes and masks: what is kept is untouched, the rest is gone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from safelight.engine.materials import Studio
from safelight.operations.frame import Frame
from safelight.operations.masks import mask, mask_image, round_
from safelight.operations.shapes import SHAPES
from safelight.params import Part
from safelight.transform import parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import flat, framed
from tests.support.pictures import encoded, picture_of, pixels_of


def kept(frame: Frame) -> Pixels:
    """Tell how much of each pixel is kept, 0 to 1."""
    return pixels(frame.image)[..., -1] / frame.peak


def ground(width: int, height: int) -> Frame:
    return framed(made(noisy(width, height)))


def within(width: int, height: int, radius: float) -> Pixels:
    """Tell how much of each pixel lies in a rectangle with round corners, by finer pixels."""
    fine = 16
    x, y = (
        np.abs((np.arange(side * fine) + 0.5) / fine - side / 2) - (side / 2 - radius)
        for side in (width, height)
    )
    inside = np.hypot(*np.meshgrid(np.maximum(x, 0), np.maximum(y, 0))) <= radius
    share: Pixels = inside.reshape(height, fine, width, fine).mean(axis=(1, 3))
    return share


@pytest.mark.parametrize(
    ("size", "asked", "dpr", "radius"),
    [
        ((60, 40), 10, 1.0, 10),
        ((60, 40), 10, 2.0, 20),
        ((60, 40), 0.25, 1.0, 10),
        ((60, 40), "max", 1.0, 20),
        ((60, 40), 500, 1.0, 20),
        ((41, 41), "max", 1.0, 20.5),
        ((41, 61), "max", 1.0, 20.5),
        ((7, 5), 1, 1.0, 1),
        ((3, 3), "max", 1.0, 1.5),
    ],
)
def test_corners_are_round_by_their_radius(
    size: tuple[int, int], asked: Part | str, dpr: float, radius: float
) -> None:
    rounded = round_(replace(ground(*size), dpr=dpr), round=asked)
    assert (rounded.width, rounded.height) == size
    assert np.abs(kept(rounded) - within(*size, radius)).max() < 0.05
    shown = kept(rounded) > 0
    assert (pixels(rounded.image)[shown][:, :3] == noisy(*size)[shown]).all()


def test_no_radius_changes_nothing_and_needs_no_transparency() -> None:
    frame = ground(20, 20)
    assert round_(frame, round=0) is frame
    assert round_(frame) is frame
    assert round_(frame, round=0.001) is frame


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_what_was_see_through_stays_so(bands: int, bits: int) -> None:
    levels = np.random.default_rng(3).integers(0, 2**bits, (40, 40, bands)).astype(f"uint{bits}")
    rounded = round_(framed(made(levels)), round="max").image
    assert rounded.format == ("uchar" if bits == 8 else "ushort")
    assert rounded.bands == (2 if bands < 3 else 4)
    colours = bands - (bands in (2, 4))
    shown = kept(round_(ground(40, 40), round="max")) > 0
    assert (pixels(rounded)[shown][:, :colours] == levels[shown][:, :colours]).all()
    assert (pixels(rounded)[~shown] == 0).all(), "nobody can bring back what was cut away"
    before = levels[..., -1] if bands in (2, 4) else np.full((40, 40), 2**bits - 1)
    opaque = kept(round_(ground(40, 40), round="max"))
    wanted = before * opaque
    assert np.abs(pixels(rounded)[..., -1] - wanted).max() <= 1


# The share of its bounding box that a shape covers, the proportions of that box.
AREAS = {
    "circle": (np.pi / 4, 1.0),
    "ellipse": (np.pi / 4, 1.5),
    # The area of |x|^4 + |y|^4 = 1 is 4 gamma(5/4)^2 / gamma(3/2) = 3.708.
    "squircle": (3.708 / 4, 1.0),
    "triangle": (1 / 2, 2 / np.sqrt(3)),
    "diamond": (1 / 2, 1.0),
    "pentagon": (0.691, 1.0515),
    "hexagon": (3 / 4, np.sqrt(3) / 2),
    "octagon": (2 * (np.sqrt(2) - 1), 1.0),
    "star": (0.3262, 1.0515),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_as_large_as_fits_in_the_middle_and_symmetrical(shape: str) -> None:
    share = kept(mask(ground(300, 200), mask=shape))
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert (box[1], box[3]) == (0, 200)
    assert abs(box[0] + box[2] - 300) <= 1
    assert np.abs(share - share[:, ::-1]).mean() < 0.004
    width = box[2] - box[0]
    if shape in AREAS:
        area, proportions = AREAS[shape]
        assert width == pytest.approx(200 * proportions, abs=2)
        assert share.sum() == pytest.approx(area * width * 200, rel=0.01)


def test_every_shape_has_a_known_area_but_the_heart() -> None:
    assert set(SHAPES) - set(AREAS) == {"heart"}
    share = kept(mask(ground(96, 88), mask="heart"))
    assert share[:8, 46:50].max() == 0, "it has a notch"
    assert share[60, 48] == 1
    assert share[80, 10] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_smallest_picture_can_be_cut_to_any_shape(shape: str, size: tuple[int, int]) -> None:
    assert kept(mask(ground(*size), mask=shape)).shape == size[::-1]


def cut_by(picture: Image.Image, width: int = 60, height: int = 40) -> Frame:
    frame = replace(ground(width, height), materials=Studio({"mask": encoded(picture, "PNG")}))
    return mask_image(frame, mask_image="mask")


def test_a_mask_with_transparency_keeps_what_it_shows() -> None:
    levels = np.zeros((40, 60, 4), dtype=np.uint8)
    levels[..., 3] = np.arange(60)
    share = kept(cut_by(Image.fromarray(levels)))
    assert (share * 255 == np.arange(60)).all()


def test_a_mask_without_transparency_keeps_what_is_white() -> None:
    levels = np.zeros((40, 60), dtype=np.uint8)
    levels[:] = np.arange(60) * 4
    for mode in ("L", "RGB"):
        share = kept(cut_by(Image.fromarray(levels).convert(mode)))
        assert np.abs(share * 255 - np.arange(60) * 4).max() <= 1


def test_a_mask_is_stretched_over_the_picture() -> None:
    levels = np.array([[255, 0], [0, 255]], dtype=np.uint8)
    share = kept(cut_by(Image.fromarray(levels).resize((20, 20), Image.Resampling.NEAREST)))
    assert share[5, 5] == share[35, 55] == 1
    assert share[5, 55] == share[35, 5] == 0


# With what comes before and after.


def test_round_corners_cut_off_what_is_laid_on() -> None:
    source = encoded(Image.new("RGB", (100, 100), "blue"), "PNG")
    cut = picture_of(source, "text=▉▉▉▉,text_size=90,text_padding=0,round=max,format=png")
    corners = [cut.getpixel((x, y)) for x in (0, 99) for y in (0, 99)]
    assert corners == [(0, 0, 0, 0)] * 4
    assert cut.getpixel((75, 75)) != (0, 0, 255, 255), "text is there"


@pytest.mark.parametrize(("extra", "corner"), [("", (255, 255, 255)), (",bg=ff0000", (255, 0, 0))])
def test_a_jpeg_shows_the_background_where_it_is_cut(extra: str, corner: Any) -> None:
    source = encoded(Image.new("RGB", (64, 64), "black"), "JPEG", quality=95)
    cut = picture_of(source, f"mask=circle,format=jpeg,quality=95{extra}")
    shown = pixels_of(cut)
    assert np.abs(shown[0, 0] - corner).max() < 12
    assert shown[32, 32].max() < 4


@pytest.mark.parametrize(
    ("said", "canonical"),
    [("round", "round=0.1"), ("radius=MAX", "round=max"), ("mask=STAR", "mask=star")],
)
def test_words_of_masks(said: str, canonical: str) -> None:
    assert parse(said).canonical == canonical


def test_a_mask_is_made_once_for_all_frames() -> None:
    first = framed(flat(30, 30, (1, 2, 3)))
    round_(first, round=5)
    second = replace(framed(flat(30, 30, (3, 2, 1))), decisions=dict(first.decisions))
    number = len(second.decisions)
    round_(second, round=5)
    assert len(second.decisions) == number == 1
