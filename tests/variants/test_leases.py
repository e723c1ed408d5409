"""How long a process is sure of its right: by the clock that has gone on further."""

import pytest

from safelight.storage import open_store
from safelight.variants.leases import Leases

SECONDS = 60.0


@pytest.mark.parametrize(
    ("running", "wall", "sure"),
    [
        (0.0, 0.0, True),
        (59.0, 59.0, True),
        (61.0, 61.0, False),
        # A machine that slept: one of its clocks stood still.
        (1.0, 61.0, False),
        # A clock that was set back meanwhile.
        (61.0, -3_600.0, False),
    ],
)
def test_a_right_ends_by_either_clock(
    monkeypatch: pytest.MonkeyPatch, running: float, wall: float, sure: bool
) -> None:
    monkeypatch.setattr("safelight.variants.leases._now", lambda: (1_000.0, 2_000.0))
    with Leases(open_store("memory:"), seconds=SECONDS).lease("work") as lease:
        later = (1_000.0 + running, 2_000.0 + wall)
        monkeypatch.setattr("safelight.variants.leases._now", lambda: later)
        assert lease.sure is sure
