"""A chunk of sources, done one after the other, and what is built for that in a process."""

import pytest

from safelight.backfill import Made, Work, bring_up, release, work
from safelight.errors import Busy


class Away:
    """Make nothing of the sources whose keys are named, as long as they are."""

    def __init__(self, *away: str) -> None:
        self.away = set(away)
        self.asked: list[str] = []
        self.closed = 0

    def bring_up(self, key: str) -> Made:
        self.asked.append(key)
        if key in self.away:
            raise Busy("come later")
        return Made("done", 1)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is waited for here gets better by waiting."""
    monkeypatch.setattr(work, "_PAUSES", (0.0, 0.0))


def test_what_waiting_did_not_help_is_waited_for_once() -> None:
    maker = Away("b", "c", "e")
    tally = bring_up(maker, "abcde")
    assert (tally.done, tally.delayed) == (2, 3)
    # Three tries of the first; as long as it lasts one of each; then three again.
    assert "".join(maker.asked) == "abbbcdeee"


def test_a_process_keeps_what_was_built_last_for_some_backfills() -> None:
    makers: dict[str, Away] = {}

    def building(name: str) -> Work:
        return Work(lambda: makers.setdefault(name, Away()), name)

    names = ["one", "two", "three", "four", "five"]
    try:
        for name in names:
            building(name)(("a",))
        assert [makers[name].closed for name in names] == [1, 0, 0, 0, 0]
    finally:
        for name in names:
            release(name)
    assert [makers[name].closed for name in names] == [1, 1, 1, 1, 1]
