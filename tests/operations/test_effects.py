from typing import Any

import numpy as np
import pytest

from safelight.operations import PARAMETERS, effects
from safelight.operations.smoothing import gaussian
from safelight.params import Float, Int
from safelight.transform import parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import framed
from tests.support.perceptual import lab

RGB = noisy(64, 48)


def applied(values: Any = RGB, *, dpr: float = 1.0, **given: Any) -> Pixels:
    """Apply the operation that the first argument is named for."""
    operation = getattr(effects, next(iter(given)))
    return pixels(operation(framed(made(values), dpr=dpr), **given).image)


def edge(bands: int = 1) -> Any:
    """Paint dark beside light."""
    values = np.full((40, 40, bands), 60, np.uint8)
    values[:, 20:] = 180
    return values


@pytest.mark.parametrize("sigma", [0.5, 3, 20])
def test_blur_keeps_the_mean_and_takes_the_contrast(sigma: float) -> None:
    # What is on the edges counts for what lies beyond: nothing is there, so that nothing is won.
    values = np.pad(RGB, [(80, 80), (80, 80), (0, 0)], constant_values=100)
    after = applied(values, blur=sigma)
    assert abs(after.mean() - values.mean()) < 0.7
    assert after.std() < values.std()


def test_blur_is_a_gaussian_of_that_sigma() -> None:
    assert (applied(blur=3) == pixels(gaussian(made(RGB), 3))).all()


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("size", [2, 7, 16, 63, 1_000])
def test_a_square_of_pixelate_has_the_mean_of_what_it_covers(size: int, bands: int) -> None:
    values = RGB[..., :bands]
    after = applied(values, pixelate=size)
    for top in range(0, 48, size):
        for left in range(0, 64, size):
            square = np.s_[top : top + size, left : left + size]
            assert np.ptp(after[square].reshape(-1, bands), axis=0).max() == 0
            whole = top + size <= 48 and left + size <= 64
            if whole:
                assert np.abs(after[square][0, 0] - values[square].mean(axis=(0, 1))).max() <= 1


def test_a_square_of_pixelate_has_the_colours_that_can_be_seen() -> None:
    values = np.zeros((4, 8, 4), np.uint8)
    values[:, :4] = (200, 100, 50, 255)
    values[:2, :4] = (9, 9, 9, 0)
    after = applied(values, pixelate=4)
    assert np.abs(after[0, 0] - (200, 100, 50, 128)).max() <= 1
    assert after[0, 4].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("size", [3, 5, 15])
def test_median_is_the_median_of_the_square(size: int) -> None:
    reach = size // 2
    padded = np.pad(RGB, [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    squares = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    assert (applied(median=size) == np.median(squares, axis=(-2, -1))).all()


def test_median_takes_specks_away_and_leaves_edges() -> None:
    values = edge()
    values[5::10, 5::10] = 255
    assert (applied(values, median=3) == edge()).all()


def test_median_takes_specks_of_transparency_away_too() -> None:
    values = np.full((20, 20, 4), 90, np.uint8)
    values[..., 3] = 255
    values[5::10, 5::10] = (255, 0, 0, 0)
    assert (applied(values, median=3) == (90, 90, 90, 255)).all()


@pytest.mark.parametrize(("amount", "radius"), [(0.5, 1), (1, 2.5), (10, 1), (1, 20)])
def test_unsharp_adds_what_a_blur_lacks(amount: float, radius: float) -> None:
    low = pixels(gaussian(made(RGB), radius))
    expected = np.clip(RGB + (RGB - low) * amount, 0, 255)
    assert np.abs(applied(unsharp=amount, unsharp_radius=radius) - expected).max() < 0.51


@pytest.mark.parametrize("least", [1, 40, 255])
def test_unsharp_leaves_small_differences(least: int) -> None:
    lack = RGB - pixels(gaussian(made(RGB), 1.0))
    expected = np.clip(RGB + np.where(np.abs(lack) >= least, lack, 0), 0, 255)
    assert np.abs(applied(unsharp=1, unsharp_threshold=least) - expected).max() < 0.51


def test_unsharp_sharpens_no_edge_of_transparency() -> None:
    values = np.full((20, 20, 4), 120, np.uint8)
    values[..., 3] = np.where(np.arange(20) < 10, 255, 0)
    values[:, 10:, :3] = 0
    after = applied(values, unsharp=3, unsharp_radius=3)
    assert np.abs(after[:, :10, :3] - 120).max() <= 1
    assert (after[..., 3] == values[..., 3]).all()


def test_sharpen_steepens_edges_and_leaves_what_is_flat() -> None:
    after = applied(edge(), sharpen=1)[20, :, 0]
    assert after[19] < 60
    assert after[20] > 180
    assert (after[[0, 10, 30, 39]] == [60, 60, 180, 180]).all()


def test_sharpen_changes_lightness_only() -> None:
    from PIL import Image

    values = (noisy(64, 48) // 2 + 64).astype(np.uint8)
    before, after = (
        lab(Image.fromarray(picture))
        for picture in (values, applied(values, sharpen=1).astype(np.uint8))
    )
    assert np.abs(after - before)[..., 0].max() > 5
    assert np.median(np.abs(after - before)[..., 1:]) < 0.5


def test_sharpen_sharpens_no_edge_of_transparency() -> None:
    values = np.full((20, 20, 2), 120, np.uint8)
    values[:, 10:] = 0
    assert np.abs(applied(values, sharpen=2)[:, :10, 0] - 120).max() <= 1


def test_denoise_takes_noise_away_and_leaves_edges() -> None:
    clean = edge(3).astype(float)
    noise = np.random.default_rng(5).normal(0, 8, clean.shape)
    noisy_edge = np.clip(clean + noise, 0, 255).astype(np.uint8)
    after = applied(noisy_edge, denoise=10)
    flat = np.s_[:, 4:14]
    assert after[flat].std() < noisy_edge[flat].std() / 3
    assert np.abs(after.mean(axis=0) - clean[0])[16:24].max() < 12


def test_denoise_leaves_what_is_more_than_noise() -> None:
    # Of an edge of 120 levels.
    assert np.abs(applied(edge(), denoise=3) - edge()).max() <= 8


@pytest.mark.parametrize(
    ("half", "whole"),
    [
        ({"blur": 1.5}, {"blur": 3}),
        ({"pixelate": 4}, {"pixelate": 8}),
        ({"median": 2}, {"median": 4}),
        ({"sharpen": 1}, {"sharpen": 2}),
        ({"unsharp": 1, "unsharp_radius": 1.5}, {"unsharp": 1, "unsharp_radius": 3}),
    ],
)  # fmt: skip
def test_lengths_grow_with_dpr(half: dict[str, Any], whole: dict[str, Any]) -> None:
    assert (applied(dpr=2.0, **half) == applied(**whole)).all()


@pytest.mark.parametrize("dpr", [0.1, 8.0])
@pytest.mark.parametrize(
    "name", ["denoise", "median", "blur", "unsharp_radius", "sharpen", "pixelate"]
)
def test_no_length_is_too_small_or_too_large(name: str, dpr: float) -> None:
    kind = PARAMETERS[name].kind
    assert isinstance(kind, Float | Int)
    operation = PARAMETERS[name].operation
    for end in (kind.low, kind.high):
        given = {operation: 1.0, name: end} if name != operation else {name: end}
        assert applied(dpr=dpr, **given).shape == RGB.shape


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("sharpen", "sharpen=0.5"),
        ("unsharp", "unsharp=1"),
        ("unsharp_radius=2,unsharp_threshold=3", ""),
        ("median", "median=3"),
        ("denoise", "denoise=10"),
        ("blur=0", ""),
        ("pixelate=1", ""),
        ("median=1", ""),
    ],
)
def test_names_and_values(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical
