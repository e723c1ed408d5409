from dataclasses import dataclass
from typing import Any, cast

import pytest

from safelight.fetch.answers import Answer
from safelight.fetch.kept import Coming, Kept, Picture


@dataclass(eq=False)
class Held:
    """An answer of which only matters whether it was dropped."""

    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


def coming(held: Held) -> Coming:
    return Coming("1", cast("Answer", held))


def held_by(found: Any) -> Held:
    assert isinstance(found, Coming)
    return cast("Held", found.answer)


def test_a_picture_is_given_again_and_again() -> None:
    kept = Kept(100)
    picture = Picture("1", b"x" * 100)
    kept.keep("a", picture)
    assert kept.take("a") is picture
    assert kept.take("a") is picture
    assert kept.take("b") is None


def test_an_answer_is_given_away_once() -> None:
    kept, held = Kept(100), Held()
    kept.expect("a", coming(held))
    assert held_by(kept.take("a")) is held
    assert kept.take("a") is None
    assert not held.dropped


def test_the_bytes_are_bounded_and_the_oldest_go_first() -> None:
    kept = Kept(100)
    for key in "abc":
        kept.keep(key, Picture(key, b"x" * 40))
    assert [kept.take(key) is not None for key in "abc"] == [False, True, True]
    kept.keep("d", Picture("d", b"x" * 101))
    assert [kept.take(key) for key in "bcd"] == [None, None, None]
    kept.keep("e", Picture("e", b"x" * 100))
    assert kept.take("e")


def test_what_replaces_a_picture_is_counted_in_its_place() -> None:
    kept = Kept(100)
    for _ in range(5):
        kept.keep("a", Picture("1", b"x" * 60))
    kept.keep("b", Picture("1", b"x" * 40))
    assert kept.take("a")
    assert kept.take("b")


def test_few_answers_are_held_and_the_others_are_dropped() -> None:
    kept, answers = Kept(100), [Held() for _ in range(20)]
    for number, held in enumerate(answers):
        kept.expect(str(number), coming(held))
    assert [held.dropped for held in answers] == [True] * 4 + [False] * 16


def test_what_takes_a_place_drops_the_answer_that_was_there() -> None:
    kept, answers = Kept(100), [Held() for _ in range(3)]
    kept.expect("a", coming(answers[0]))
    kept.expect("a", coming(answers[1]))
    kept.keep("a", Picture("2", b"x"))
    kept.expect("a", coming(answers[2]))
    assert [held.dropped for held in answers] == [True, True, False]
    assert held_by(kept.take("a")) is answers[2]
    assert kept.take("a") is None


def test_what_is_forgotten_is_gone() -> None:
    kept, held = Kept(100), Held()
    kept.expect("a", coming(held))
    kept.keep("b", Picture("1", b"x"))
    for key in "abc":
        kept.forget(key)
        assert kept.take(key) is None
    assert held.dropped


def test_nothing_is_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("safelight.fetch.kept.time.monotonic", lambda: now)
    kept, held = Kept(100), Held()
    kept.keep("a", Picture("1", b"x"))
    kept.expect("b", coming(held))
    now += 1.9
    assert kept.take("a")
    now += 0.2
    assert kept.take("b") is None
    assert held.dropped
    now += 7.8
    assert kept.take("a")
    now += 0.2
    assert kept.take("a") is None
