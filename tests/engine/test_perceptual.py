"""The measure that the other tests trust: it sees what people see, and not what they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from tests.support.perceptual import (
    JUST_NOTICEABLE,
    VISUALLY_LOSSLESS,
    colour_difference,
    dissimilarity,
    lab,
)
from tests.support.pictures import encoded, opened


@pytest.fixture(scope="module")
def photo(data: Path) -> Image.Image:
    picture = opened((data / "photos" / "photo-1mp.jpg").read_bytes())
    return picture.resize((400, 320), Image.Resampling.LANCZOS)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return opened(encoded(picture, "JPEG", quality=quality, subsampling=0))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_has_the_published_values(
    rgb: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    assert lab(Image.new("RGB", (1, 1), rgb))[0, 0] == pytest.approx(expected, abs=0.05)


def test_equal_pictures_do_not_differ(photo: Image.Image) -> None:
    assert dissimilarity(photo, photo) == pytest.approx(0, abs=1e-9)
    assert colour_difference(photo, photo) == 0


def test_what_nobody_sees_is_below_the_threshold(photo: Image.Image) -> None:
    assert dissimilarity(photo, jpeg(photo, 98)) < VISUALLY_LOSSLESS
    assert colour_difference(photo, jpeg(photo, 98)) < JUST_NOTICEABLE


def test_what_is_seen_is_above_the_threshold(photo: Image.Image) -> None:
    faults = {
        "quality 80": jpeg(photo, 80),
        "one pixel to the right": ImageChops.offset(photo, 1, 0),
        "blurred": photo.filter(ImageFilter.GaussianBlur(1)),
        "enlarged from a half": photo.resize((200, 160)).resize(photo.size),
        "nearest neighbour": photo.resize((200, 160), Image.Resampling.NEAREST).resize(photo.size),
        "mirrored": photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    for name, fault in faults.items():
        assert dissimilarity(photo, fault) > 2 * VISUALLY_LOSSLESS, name


def test_more_damage_is_more_difference(photo: Image.Image) -> None:
    by_quality = [dissimilarity(photo, jpeg(photo, quality)) for quality in (98, 90, 70, 40, 10)]
    assert by_quality == sorted(by_quality)


def test_a_colour_cast_is_noticed(photo: Image.Image) -> None:
    pale = ImageEnhance.Color(photo).enhance(0.8)
    assert colour_difference(photo, pale) > JUST_NOTICEABLE


def test_pictures_of_different_size_are_not_compared(photo: Image.Image) -> None:
    with pytest.raises(AssertionError, match="differ in size"):
        dissimilarity(photo, photo.crop((0, 0, 10, 10)))
