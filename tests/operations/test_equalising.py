from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from safelight.operations.equalising import _curve, _levelled, equalised, span
from tests.support.arrays import made, noisy, pixels
from tests.support.frames import framed

COUNTS = st.lists(st.integers(0, 500), min_size=256, max_size=256).filter(any)
SLOPES = st.integers(1_000, 20_000).map(lambda thousandths: thousandths / 1_000)


def test_the_span_leaves_out_a_share_at_either_end() -> None:
    values = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    assert span(framed(made(values)), 0.0) == (0, 99 / 255)
    assert span(framed(made(values)), 0.01) == (1 / 255, 98 / 255)
    assert span(framed(made(values)), 0.1) == (10 / 255, 89 / 255)


def test_the_span_of_sixteen_bits_is_finer() -> None:
    values = (np.arange(100, dtype=np.uint16) + 1_000).reshape(10, 10, 1)
    assert span(framed(made(values)), 0.1) == (1_010 / 65_535, 1_089 / 65_535)


def test_what_cannot_be_seen_does_not_count() -> None:
    values = np.zeros((1, 6, 2), np.uint8)
    values[0, :, 0] = [0, 10, 50, 90, 200, 255]
    values[0, :, 1] = [0, 0, 255, 255, 128, 0]
    assert span(framed(made(values)), 0.0) == (50 / 255, 200 / 255)
    assert span(framed(made(values)), 0.25) == (50 / 255, 90 / 255)


@pytest.mark.parametrize("alpha", [0, 255])
def test_one_tone_or_nothing_to_see_spans_everything(alpha: int) -> None:
    values = np.full((4, 4, 2), 90, np.uint8)
    values[..., 1] = alpha
    assert span(framed(made(values)), 0.01) == (0, 1)


@given(COUNTS, SLOPES)
def test_no_level_gets_more_than_the_slope_allows(counts: list[float], slope: float) -> None:
    limit = slope * sum(counts) / 256
    most, spread = _levelled(counts, limit)
    after = [min(count, most) + spread for count in counts]
    assert spread >= -1e-6
    assert sum(after) == pytest.approx(sum(counts))
    assert max(after) <= limit + 1e-6


@given(COUNTS, SLOPES)
def test_a_curve_rises_from_black_to_white(counts: list[float], slope: float) -> None:
    curve = _curve(counts, slope)
    assert len(curve) == 256
    assert (curve[0], curve[255]) == (0, 255)
    steps = np.diff(curve)
    assert steps.min() >= 0
    # Black and white are held, so that what they do not use is shared by the others.
    first = min(counts[0], slope * sum(counts) / 256) / sum(counts)
    assert steps.max() <= slope / (1 - first) + 0.1 or first > 0.5


@given(COUNTS)
def test_a_slope_of_one_changes_nothing(counts: list[float]) -> None:
    assert np.abs(np.array(_curve(counts, 1.0)) - np.arange(256)).max() < 1e-6


def test_a_curve_of_nothing_changes_nothing() -> None:
    assert _curve([0.0] * 256, 2.0) == list(range(256))


def reference(tones: NDArray[Any], counted: NDArray[Any], slope: float) -> Any:
    """Equalise by one curve; levels between two of it are taken as between them."""
    counts = np.bincount(np.rint(counted).astype(int).ravel(), minlength=256)
    curve = np.array(_curve([float(count) for count in counts], slope))
    return np.interp(tones.astype(float), np.arange(256.0), curve)


@pytest.mark.parametrize("slope", [1.0, 2.0, 8.0])
def test_one_tile_is_one_curve_for_all(slope: float) -> None:
    values = noisy(40, 40, 1) // 3
    after = pixels(equalised(framed(made(values)), slope, 1).image)
    assert np.abs(after - reference(values, values, slope)).max() < 0.51


def test_colours_move_as_far_as_their_tone() -> None:
    values = noisy(40, 40) // 3 + 50
    after = pixels(equalised(framed(made(values)), 3.0, 1).image)
    tones = values @ [0.2126, 0.7152, 0.0722]
    change = reference(np.rint(tones), np.rint(tones), 3.0) - np.rint(tones)
    assert np.abs(after - np.clip(values + change[..., None], 0, 255)).max() < 0.51


def test_a_tile_has_its_own_curve_and_between_two_centres_they_mix() -> None:
    values = noisy(64, 64, 1).astype(float)
    values[:, :32] = values[:, :32] / 4 + 20
    tones = values.astype(np.uint8)
    after = pixels(equalised(framed(made(tones)), 4.0, 2).image)[..., 0]
    curves = [
        [reference(tones[..., 0], tones[y : y + 32, x : x + 32], 4.0) for x in (0, 32)]
        for y in (0, 32)
    ]
    place = np.clip((np.arange(64) + 0.5) / 32 - 0.5, 0, 1)
    rows = [row[0] * (1 - place) + row[1] * place for row in curves]
    expected = rows[0] * (1 - place[:, None]) + rows[1] * place[:, None]
    assert np.abs(after - expected).max() < 0.55


def test_sixteen_bits_stay_smooth() -> None:
    ramp = np.linspace(10_000, 30_000, 600).astype(np.uint16).reshape(1, 600, 1)
    after = pixels(equalised(framed(made(np.repeat(ramp, 600, axis=0))), 3.0, 4).image)[300, :, 0]
    assert len(np.unique(after)) > 500, "8 bits have 78"
    assert np.diff(after).max() < 200


def test_what_cannot_be_seen_has_no_part_in_a_curve() -> None:
    visible = noisy(32, 32, 1)
    alpha = np.full_like(visible, 255)
    alpha[:, 16:] = 0
    results = []
    for hidden in (0, 255):
        values = visible.copy()
        values[:, 16:] = hidden
        frame = framed(made(np.concatenate([values, alpha], axis=2)))
        results.append(pixels(equalised(frame, 4.0, 3).image)[:, :16])
    assert (results[0] == results[1]).all()


def test_an_animation_is_equalised_as_its_first_frame() -> None:
    decisions: dict[str, Any] = {}
    first, second = noisy(32, 32, seed=1) // 2, noisy(32, 32, seed=2) // 3
    equalised(framed(made(first), decisions=decisions), 3.0, 2)
    after = equalised(framed(made(second), decisions=decisions), 3.0, 2)
    alone = equalised(framed(made(second)), 3.0, 2)
    assert np.abs(pixels(after.image) - pixels(alone.image)).max() > 5
