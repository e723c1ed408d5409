"""Work that is shared, bounded, and not tried again at once when it cannot be done."""

import threading
import time

import pytest

from safelight.errors import Busy, SourceDamaged
from safelight.flights import Flights, Questions
from tests.support.serving import wait_for


def soon() -> float:
    return time.monotonic() + 20


def test_who_asks_for_the_same_shares_it_and_for_another_does_not() -> None:
    flights = Flights(slots=1, queue=5)
    gate = threading.Event()
    first, joined = flights.join("a", lambda: gate.wait(20), deadline=soon())
    assert not joined
    assert flights.join("a", lambda: False, deadline=soon()) == (first, True)
    other, joined = flights.join("b", lambda: "b", deadline=soon())
    assert (other.result(20), joined) == ("b", False)
    gate.set()
    assert first.result(20) is True
    wait_for(lambda: not len(flights))
    flights.close()


def test_no_more_is_begun_than_can_wait() -> None:
    flights = Flights(slots=1, queue=2)
    gate = threading.Event()
    flights.join("a", lambda: gate.wait(20), deadline=soon())
    alone = flights.alone(lambda: gate.wait(20), deadline=soon())
    for begin in (
        lambda: flights.join("b", lambda: None, deadline=soon()),
        lambda: flights.alone(lambda: None, deadline=soon()),
    ):
        with pytest.raises(Busy):
            begin()
    gate.set()
    alone.result(20)
    flights.close()


@pytest.mark.parametrize(("local", "together"), [(True, 6), (False, 10)])
def test_where_stores_are_far_more_waits_for_them_at_once(local: bool, together: int) -> None:
    flights = Flights(slots=2, queue=20, local=local)
    met = threading.Barrier(together + 1)
    for _ in range(together):
        flights.alone(lambda: met.wait(20), deadline=soon())
    later = flights.alone(lambda: "later", deadline=soon())
    assert not later.running()
    met.wait(20)
    assert later.result(20) == "later"
    flights.close()


def test_what_cannot_be_done_is_known_for_a_while() -> None:
    flights = Flights(slots=1, queue=2)
    tries = []

    def fail() -> None:
        tries.append(1)
        raise SourceDamaged("cut off")

    for _ in range(2):
        with pytest.raises(SourceDamaged, match="cut off"):
            flights.join("a", fail, deadline=soon())[0].result(20)
        wait_for(lambda: not len(flights))
    assert len(tries) == 1
    flights.close()


def test_too_many_questions_are_refused_until_some_are_answered() -> None:
    questions = Questions(threads=1, queue=2, name="test")
    gate = threading.Event()
    asked = [questions.ask(lambda: gate.wait(20)) for _ in range(2)]
    with pytest.raises(Busy):
        questions.ask(lambda: None)
    gate.set()
    assert all(question.result(20) for question in asked)
    wait_for(lambda: not len(questions))
    assert questions.ask(lambda: 5).result(20) == 5
    questions.close()
