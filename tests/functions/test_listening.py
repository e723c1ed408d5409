"""What a platform says of a call; the listener itself is asked by the tests of each cloud."""

import time
from pathlib import Path

import pytest

from safelight.errors import Busy
from safelight.functions.listening import Listener, Platform
from tests.support.functions import runtime

AT = 1_000.0


def test_a_call_waits_for_room_no_longer_than_it_has(tmp_path: Path) -> None:
    called = runtime(tmp_path)
    with Listener(called, Platform(), port=0, at_once=1) as listener:
        with listener.turn(None), pytest.raises(Busy), listener.turn(time.monotonic() - 1):
            pytest.fail("there was no room")
        # Who had it has given it back.
        with listener.turn(time.monotonic() + 1):
            pass


@pytest.mark.parametrize(
    ("platform", "told", "deadline"),
    [
        (Platform(time="x-time"), "30000", AT + 29.0),
        (Platform(time="x-time"), "2000", AT + 1.6),
        (Platform(time="x-time", seconds=10.0), "30000", AT + 29.0),
        (Platform(time="x-time", seconds=10.0), "soon", AT + 9.0),
        (Platform(time="x-time"), "-1", None),
        (Platform(seconds=10.0), "30000", AT + 9.0),
        (Platform(), "30000", None),
    ],
)
def test_a_call_has_the_time_that_is_said_less_that_of_its_answer(
    platform: Platform, told: str, deadline: float | None
) -> None:
    found = platform.deadline({"x-time": told}, AT)
    assert found == (deadline if deadline is None else pytest.approx(deadline))
