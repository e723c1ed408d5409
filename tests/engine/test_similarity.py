"""How like its original a copy is said to look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageFilter

from safelight.engine.similarity import Original
from tests.support.perceptual import dissimilarity
from tests.support.pictures import encoded, opened, picture_of


def vips(picture: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(encoded(picture, "PNG"), "")


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    return picture_of((photos / "forest.jpg").read_bytes(), "w=400,format=png").convert("RGB")


def likeness(original: Image.Image, copy: Image.Image) -> float:
    return Original(vips(original)).likeness(vips(copy))


def test_what_is_equal_is_100(photo: Image.Image) -> None:
    assert likeness(photo, photo.copy()) == pytest.approx(100, abs=0.01)
    flat = Image.new("RGB", (64, 64), (30, 60, 90))
    assert likeness(flat, flat.copy()) == pytest.approx(100, abs=0.01)


# What version 0.5.1 of rust-av's ssimulacra2 says of the same pairs.
@pytest.mark.parametrize(
    ("format", "quality", "judged"),
    [
        ("JPEG", 40, 59.1), ("JPEG", 75, 73.0), ("JPEG", 92, 84.6),
        ("WEBP", 40, 62.3), ("WEBP", 80, 78.9), ("AVIF", 40, 45.8), ("AVIF", 70, 79.5),
    ],
)  # fmt: skip
def test_it_says_what_ssimulacra_2_says(
    photo: Image.Image, format: str, quality: int, judged: float
) -> None:
    copy = opened(encoded(photo, format, quality=quality))
    assert likeness(photo, copy.convert("RGB")) == pytest.approx(judged, abs=3)


def test_worse_copies_are_said_to_be_worse(photo: Image.Image) -> None:
    def noisy(amount: int) -> Image.Image:
        noise = np.random.default_rng(1).integers(
            -amount, amount + 1, (photo.height, photo.width, 3)
        )
        return Image.fromarray((np.asarray(photo) + noise).clip(0, 255).astype(np.uint8))

    for copies in (
        [photo.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.4, 0.8, 1.6, 3.2)],
        [noisy(amount) for amount in (3, 9, 27, 81)],
        [photo.quantize(colours).convert("RGB") for colours in (200, 50, 12, 3)],
    ):
        judged = [likeness(photo, copy) for copy in copies]
        assert judged == sorted(judged, reverse=True)
        differences = [dissimilarity(photo, copy) for copy in copies]
        assert differences == sorted(differences)


def test_colours_count_too(photo: Image.Image) -> None:
    grey = photo.convert("L").convert("RGB")
    assert likeness(photo, grey) < 70


def test_grey_and_deep_pictures_are_compared_as_well(photo: Image.Image) -> None:
    grey = photo.convert("L")
    blurred = grey.filter(ImageFilter.GaussianBlur(0.8))
    pair = [vips(grey), vips(blurred)]
    plain = Original(pair[0]).likeness(pair[1])
    deep = [(image * 257).cast("ushort").copy(interpretation="grey16") for image in pair]
    assert Original(deep[0]).likeness(deep[1]) == pytest.approx(plain, abs=0.2)
    assert Original(pair[0]).likeness(deep[1]) == pytest.approx(plain, abs=0.2)


@pytest.mark.parametrize("size", [(64, 64), (65, 71), (64, 500), (333, 64)])
def test_odd_and_small_pictures_can_be_compared(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    original = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))
    assert likeness(original, original) == pytest.approx(100, abs=0.01)
    assert likeness(original, original.filter(ImageFilter.GaussianBlur(3))) < 80
