"""How far a loader may shrink before Lanczos does the rest: as far as nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight.engine import source
from tests.support.perceptual import (
    VISUALLY_LOSSLESS,
    dissimilarity,
)
from tests.support.pictures import (
    encoded,
    opened,
    picture_of,
)

LANCZOS = Image.Resampling.LANCZOS


def test_the_jpeg_loader_leaves_enough_for_a_good_resampling() -> None:
    for scale, expected in (
        (1.0, 1), (0.5, 1), (0.385, 1), (0.384, 2), (0.2, 2), (0.193, 2), (0.192, 4), (0.1, 4),
        (0.0962, 4), (0.0961, 8), (0.01, 8),
    ):  # fmt: skip
        assert source._jpeg_shrink(scale, source.JPEG_RESIDUAL) == expected, scale


@pytest.mark.parametrize("side", [1, 2, 3, 5, 7, 8, 13])
@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_a_loader_leaves_something_of_a_thin_picture(format: str, side: int) -> None:
    thin = encoded(Image.new("RGB", (side, 2_000), (200, 10, 10)), format)
    made = picture_of(thin, "h=20,format=png")
    assert made.size == (1, 20)
    assert made.convert("RGB").getpixel((0, 10)) == pytest.approx((200, 10, 10), abs=3)


@given(st.floats(min_value=1e-4, max_value=8), st.sampled_from([1.3, 2.0]))
def test_the_jpeg_shrink_is_the_largest_that_leaves_the_residual(
    scale: float, residual: float
) -> None:
    chosen = source._jpeg_shrink(scale, residual)
    leaves = {s: 1 / (scale * s) for s in (1, 2, 4, 8)}
    assert chosen == 1 or leaves[chosen] >= residual - 1e-9
    if chosen < 8:
        assert leaves[chosen * 2] < residual + 1e-9


@pytest.fixture(scope="module")
def dragonfly(photos: Path) -> Image.Image:
    """Thirteen megapixels, decoded by Pillow in full size."""
    return opened((photos / "dragonfly.jpg").read_bytes())


@pytest.mark.parametrize("divisor", [2.0, 2.59, 2.61, 4.0, 5.19, 5.21, 8.0, 10.39, 10.41, 16.0])
def test_shrinking_in_the_loader_is_visually_lossless(
    photos: Path, dragonfly: Image.Image, divisor: float
) -> None:
    width = round(dragonfly.width / divisor)
    made = picture_of((photos / "dragonfly.jpg").read_bytes(), f"w={width},format=png")
    expected = dragonfly.resize(made.size, LANCZOS)
    # The middle is enough, and quick to compare.
    middle = (made.width // 4, made.height // 4, made.width * 3 // 4, made.height * 3 // 4)
    assert dissimilarity(made.crop(middle), expected.crop(middle)) < VISUALLY_LOSSLESS


def test_shrinking_to_the_very_size_would_be_seen(
    photos: Path, dragonfly: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "JPEG_RESIDUAL", 1.0)
    width = dragonfly.width // 8
    made = picture_of((photos / "dragonfly.jpg").read_bytes(), f"w={width},format=png")
    expected = dragonfly.resize(made.size, LANCZOS)
    assert dissimilarity(made, expected) > VISUALLY_LOSSLESS
