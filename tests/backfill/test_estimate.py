"""What a back-fill would come to, told from a sample."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from safelight.backfill import Estimate, Made, estimate
from safelight.errors import Busy
from safelight.storage import Entry


class Looking:
    """Look at what keys say of themselves."""

    def bring_up(self, key: str) -> Made:
        raise AssertionError("this would write")

    def preview(self, key: str) -> Made:
        if key.startswith("busy"):
            raise Busy("come later")
        return Made("current") if key.startswith("old") else Made("done", 100)

    def close(self) -> None:
        pass


def estimated(keys: Iterator[str]) -> Estimate:
    with ThreadPoolExecutor(2) as executor:
        return estimate(Looking(), (Entry(key, 1_000, 0.0) for key in keys), executor)


def test_of_few_all_are_tried() -> None:
    found = estimated(iter(["old", "new", "busy"]))
    assert (found.sources, found.size, found.written) == (3, 3_000, 100)
    assert dict(found.tried) == {
        "old": Made("current"),
        "new": Made("done", 100),
        "busy": Made("delayed", reason="come later"),
    }
    assert found.seconds > 0


def test_of_many_a_sample_from_everywhere_is_tried() -> None:
    keys = (f"{'old' if number % 2 else 'new'}-{number}" for number in range(10_000))
    found = estimated(keys)
    assert len(found.tried) == 24
    made = sum(made.status == "done" for _, made in found.tried)
    assert 0 < made < 24
    assert found.written == round(made / 24 * 10_000 * 100)
    numbers = sorted(int(key.partition("-")[2]) for key, _ in found.tried)
    assert numbers[0] < 2_500
    assert numbers[-1] > 7_500


def test_what_the_first_one_has_to_start_is_not_counted_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]

    class Slow(Looking):
        def preview(self, key: str) -> Made:
            # Processes start, and take as long as a hundred sources.
            clock[0] += 1.0 if clock[0] else 100.0
            return super().preview(key)

    # The package has a function of the module's name.
    module = sys.modules["safelight.backfill.estimate"]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with ThreadPoolExecutor(1) as executor:
        listing = (Entry(f"new-{number}", 1, 0.0) for number in range(12))
        assert estimate(Slow(), listing, executor).seconds == 12.0


def test_of_none_nothing_is_tried() -> None:
    assert estimated(iter([])) == Estimate(0, 0, (), 0.0, 0)
