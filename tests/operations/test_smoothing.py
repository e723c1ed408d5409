import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.operations.smoothing import _gaussian_weights, gaussian, guided, opaque
from tests.support.arrays import Pixels, made, noisy, pixels

SIGMAS = st.floats(0.05, 40)


def window(values: Pixels, weights: Pixels) -> Pixels:
    """Take weighted means along both sides; beyond the edges lies what is on them."""
    reach = len(weights) // 2
    for axis in (0, 1):
        margins = [(reach, reach) if side == axis else (0, 0) for side in range(3)]
        padded = np.moveaxis(np.pad(values, margins, mode="edge"), axis, 0)
        length = values.shape[axis]
        parts = (weight * padded[i : i + length] for i, weight in enumerate(weights))
        values = np.moveaxis(np.asarray(sum(parts)), 0, axis)
    return values


def true_gaussian(values: Pixels, sigma: float) -> Pixels:
    reach = math.ceil(5 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return window(values, weights / weights.sum())


@given(SIGMAS)
def test_the_weights_are_what_libvips_reckons_with_exactly(sigma: float) -> None:
    weights = _gaussian_weights(sigma)
    assert weights == weights[::-1]
    assert math.log2(sum(weights)).is_integer()
    assert 0 <= min(weights) <= max(weights) <= 64
    assert weights[0] > 0
    assert len(weights) % 2


@given(SIGMAS)
def test_the_weights_are_a_gaussian(sigma: float) -> None:
    weights = np.array(_gaussian_weights(sigma), dtype=float)
    reach = len(weights) // 2
    edge = np.cumsum(weights) / weights.sum()
    steps = np.arange(-9 * math.ceil(sigma) - 1, 9 * math.ceil(sigma) + 2)
    true = np.exp(-0.5 * (steps / sigma) ** 2)
    true_edge = np.cumsum(true) / true.sum()
    inside = np.isin(steps, np.arange(-reach, reach + 1))
    assert np.abs(edge - true_edge[inside]).max() < 1.2 / weights.sum()


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1, 2, 5, 11, 15.9, 16, 23, 40, 130, 300])
def test_a_blur_is_a_gaussian_one(sigma: float, bands: int) -> None:
    values = noisy(160, 110, bands)
    values[30:60, 40:90] = 255
    values[70:, :20] = 0
    blurred = made(values)
    after = pixels(gaussian(blurred, sigma))
    expected = true_gaussian(values.astype(float), sigma)
    assert np.abs(after - expected).max() < 2.5
    assert abs((after - expected).mean()) < 0.8


def test_a_blur_of_nothing_is_nothing() -> None:
    image = made(noisy(9, 9))
    assert gaussian(image, 0) is image


@pytest.mark.parametrize("level", [0, 1, 254, 255])
@pytest.mark.parametrize("sigma", [0.7, 3, 15, 50, 2_000])
def test_a_flat_picture_stays_as_it_is(sigma: float, level: int) -> None:
    values = np.full((31, 50, 3), level, np.uint8)
    assert (pixels(gaussian(made(values), sigma)) == level).all()


def test_sixteen_bits_are_blurred_in_sixteen_bits() -> None:
    values = noisy(120, 90).astype(np.uint16) * 257
    for sigma in (3, 20):
        after = pixels(gaussian(made(values), sigma))
        assert np.abs(after - true_gaussian(values.astype(float), sigma)).max() < 2 * 257
        assert (after % 257 > 0).any()


@pytest.mark.parametrize("sigma", [1.5, 20])
def test_alpha_is_blurred_and_weights_the_colours(sigma: float) -> None:
    values = noisy(90, 60, 4)
    values[..., 3] = np.where(np.arange(90) < 45, 255, 40)
    after = pixels(gaussian(made(values), sigma))
    alpha = values[..., 3:] / 255
    expected = true_gaussian(np.concatenate([values[..., :3] * alpha, 255 * alpha], axis=2), sigma)
    colours = expected[..., :3] / expected[..., 3:] * 255
    assert np.abs(after[..., 3:] - expected[..., 3:]).max() < 2.5
    # As it is seen: on black.
    seen = np.abs(after[..., :3] - colours) * expected[..., 3:] / 255
    assert seen.max() < 3.5


def test_what_is_see_through_gets_the_colours_around_it() -> None:
    values = np.zeros((20, 40, 4), np.uint8)
    values[:, :20] = (200, 100, 50, 255)
    values[:, 20:] = (0, 255, 255, 0)
    filled = pixels(opaque(made(values), 6))
    assert filled.shape == (20, 40, 3)
    assert (filled[:, :20] == (200, 100, 50)).all()
    assert np.abs(filled[:, 20:27] - (200, 100, 50)).max() <= 4


def test_what_can_be_seen_keeps_its_colours() -> None:
    values = noisy(40, 20, 4)
    values[..., 3] = np.linspace(0, 255, 40).astype(np.uint8)
    filled = pixels(opaque(made(values), 6))
    seen = values[..., 3] >= 32
    assert (filled[seen] == values[..., :3][seen]).all()
    assert (filled[:, 0] != values[:, 0, :3]).any()


@pytest.mark.parametrize("bands", [2, 4])
def test_an_opaque_picture_only_loses_its_alpha(bands: int) -> None:
    values = noisy(20, 20, bands)
    values[..., -1] = 255
    assert (pixels(opaque(made(values), 5)) == values[..., :-1]).all()


def true_guided(values: Pixels, levels: float) -> Pixels:
    """Filter as He and Sun write it, at half the size; sides are even."""
    height, width = values.shape[:2]
    small = values.reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))
    box = np.full(5, 0.2)
    mean = window(small, box)
    variance = window(small * small, box) - mean * mean
    factor = variance / (variance + levels**2)
    added = mean * (1 - factor)
    factor, added = (enlarged(window(part, box)) for part in (factor, added))
    return values * factor + added


def enlarged(values: Pixels) -> Pixels:
    for axis in (0, 1):
        size = values.shape[axis]
        places = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (places - low).reshape([-1 if side == axis else 1 for side in range(3)])
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values


@pytest.mark.parametrize("levels", [1, 10, 60])
def test_the_guided_filter_is_that_of_the_paper(levels: float) -> None:
    values = noisy(80, 60)
    values[20:40, 30:50] = 240
    after = pixels(guided(made(values), levels))
    expected = np.clip(true_guided(values.astype(float), levels), 0, 255)
    # What it multiplies by and adds has 8 bits, too.
    assert np.abs(after - expected)[2:-2, 2:-2].max() < 2.6
    assert abs((after - expected).mean()) < 0.3


def test_the_guided_filter_of_sixteen_bits_is_finer() -> None:
    values = noisy(80, 60).astype(np.uint16) * 257
    after = pixels(guided(made(values), 10)) / 257
    expected = true_guided(values / 257, 10)
    assert np.abs(after - expected)[2:-2, 2:-2].max() < 0.02


@pytest.mark.parametrize("size", [(31, 20), (30, 21), (1, 1), (2, 1)])
def test_the_guided_filter_keeps_the_size_and_what_is_flat(size: tuple[int, int]) -> None:
    values = np.full((*size, 1), 77, np.uint8)
    assert (pixels(guided(made(values), 10)) == values).all()
