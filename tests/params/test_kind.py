import pytest

from safelight.params import half_up


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(2.5, 3), (3.5, 4), (2.4999, 2), (0.5, 1), (-0.5, 0), (-0.6, -1), (0.0, 0), (25 * 0.58, 15)],
)
def test_halves_are_rounded_up(value: float, rounded: int) -> None:
    assert half_up(value) == rounded
