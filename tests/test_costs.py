"""What writing costs, and how much effort that leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.costs import REQUEST, UPLOAD, level_of, level_within, levels, milliseconds, work
from safelight.formats import WRITABLE, Format

WORKS = (
    "jpeg", "webp", "webp alpha", "webp lossless", "webp animated", "avif", "png", "palette", "gif",
    "tiff",
)  # fmt: skip
EIGHT_HUNDRED = 800 * 533


@pytest.mark.parametrize("format", WRITABLE, ids=lambda row: row.name)
def test_every_format_has_its_costs_and_budgets(format: Format) -> None:
    name = format.name
    for kind in {
        work(name),
        work(name, lossless=True),
        work(name, frames=2),
        work(name, alpha=True),
    }:
        assert kind in WORKS
        for profile in (REQUEST, UPLOAD):
            assert profile.budgets[kind] > 0


def test_only_a_webp_is_other_work_when_it_moves_loses_nothing_or_is_transparent() -> None:
    assert work("webp", lossless=True) == work("webp", lossless=True, frames=9) == "webp lossless"
    assert work("webp", frames=9) == work("webp", frames=9, alpha=True) == "webp animated"
    assert work("webp", alpha=True) == "webp alpha"
    assert work("png", alpha=True) == "png"
    assert work("gif", frames=9) == "gif"
    assert work("avif", lossless=True) == "avif"


@given(st.sampled_from(WORKS), st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_pixels_and_more_effort_cost_more(kind: str, some: int, others: int) -> None:
    fewer, more = sorted((some, others))
    costs = [milliseconds(kind, level, fewer) for level in range(levels(kind))]
    assert costs == sorted(costs)
    assert costs[0] > 0
    assert all(
        milliseconds(kind, n, fewer) <= milliseconds(kind, n, more) for n in range(len(costs))
    )


@given(st.sampled_from(WORKS), st.floats(0, 1e5), st.integers(1, 10**8), st.integers(1, 10**8))
def test_the_most_effort_that_fits_is_chosen(
    kind: str, budget: float, some: int, others: int
) -> None:
    fewer, more = sorted((some, others))
    level = level_within(kind, budget, fewer)
    assert level == 0 or milliseconds(kind, level, fewer) <= budget
    assert level == levels(kind) - 1 or milliseconds(kind, level + 1, fewer) > budget
    assert level >= level_within(kind, budget, more)


@pytest.mark.parametrize("kind", WORKS)
def test_efforts_from_0_to_9_are_all_levels_from_the_first_to_the_last(kind: str) -> None:
    found = [level_of(kind, effort) for effort in range(10)]
    assert found == sorted(found)
    assert set(found) == set(range(levels(kind)))


@pytest.mark.parametrize(
    ("kind", "on_request", "on_upload"), [("jpeg", 0, 2), ("webp", 5, 6), ("avif", 0, 3)]
)
def test_a_picture_of_800_px_gets_so_much(kind: str, on_request: int, on_upload: int) -> None:
    assert level_within(kind, REQUEST.budgets[kind], EIGHT_HUNDRED) == on_request
    assert level_within(kind, UPLOAD.budgets[kind], EIGHT_HUNDRED) == on_upload


def test_what_is_transparent_never_gets_the_effort_that_takes_seconds() -> None:
    for side in (400, 800, 2_000):
        pixels = side * side // 2
        level = level_within("webp alpha", REQUEST.budgets["webp alpha"], pixels)
        assert level < levels("webp alpha") - 1
        assert milliseconds("webp alpha", level, pixels) <= max(200, 0.105 * pixels / 1e3)


@pytest.mark.parametrize("kind", WORKS)
def test_nobody_waits_at_an_upload(kind: str) -> None:
    assert UPLOAD.budgets[kind] > REQUEST.budgets[kind]
    assert UPLOAD.patience > REQUEST.patience
