"""What becomes of messages, with a queue in memory; the brokers themselves are in tests/full."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from safelight.entrances.consumer import Consumer, treat
from safelight.errors import SettingError, StoreUnavailable, Unavailable
from safelight.events import Event
from safelight.pipelines import Outcome
from tests.support.notices import s3_created


def done(event: Event) -> list[Outcome]:
    return [Outcome("done", event.key)]


class Letter:
    """A message of the queue below; what became of it is noted there."""

    def __init__(self, queue: "Box", id: str, body: bytes, tries: int = 1) -> None:
        self.queue = queue
        self.id = id
        self.body = body
        self.tries = tries

    async def extend(self) -> None:
        late = self.id in self.queue.settled
        (self.queue.extended_late if late else self.queue.extended).append(self.id)

    async def done(self) -> None:
        self.queue.settle(self.id, "done")

    async def again(self, seconds: float) -> None:
        self.queue.settle(self.id, f"again {seconds:g}")

    async def drop(self, reason: str) -> None:
        self.queue.settle(self.id, f"drop {reason}")


@dataclass
class Box:
    """A queue that gives each message once."""

    bodies: Sequence[bytes] = ()
    extend_seconds: float = 0.0
    opens: list[Exception | None] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    extended_late: list[str] = field(default_factory=list)
    settled: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    opened: int = 0
    lost: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.waiting = [Letter(self, str(id), body) for id, body in enumerate(self.bodies)]

    def __str__(self) -> str:
        return "box://here"

    def settle(self, id: str, what: str) -> None:
        assert id not in self.settled, f"{id} was settled twice"
        self.settled[id] = what

    async def open(self) -> None:
        self.opened += 1
        fault = self.opens.pop(0) if self.opens else None
        if fault:
            raise fault

    async def receive(self, most: int) -> list[Letter]:
        self.asked.append(most)
        if self.lost:
            self.lost -= 1
            raise Unavailable("box://here is gone")
        if not self.waiting:
            await asyncio.sleep(0.01)
        given, self.waiting = self.waiting[:most], self.waiting[most:]
        return given

    async def close(self) -> None:
        self.closed += 1


def consume(
    box: Box,
    handle: Callable[[Event], Sequence[Outcome]] = done,
    *,
    until: Callable[[], bool] | None = None,
    at_once: int = 2,
    grace_seconds: float = 10.0,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> None:
    """Run a consumer until a condition holds: by default, until all is settled."""
    enough = until or (lambda: len(box.settled) == len(box.bodies))

    async def run() -> None:
        stop = asyncio.Event()
        consumer = Consumer(
            box, handle, at_once=at_once, grace_seconds=grace_seconds, on_outcome=on_outcome
        )
        running = asyncio.create_task(consumer.run(stop))
        deadline = time.monotonic() + 20
        while not enough() and not running.done():
            assert time.monotonic() < deadline, box
            await asyncio.sleep(0.005)
        stop.set()
        await asyncio.wait_for(running, 20)

    asyncio.run(run())


def test_a_message_is_acknowledged_after_its_effect() -> None:
    box = Box([s3_created("a.jpg", "b.jpg")])
    effects: list[str] = []

    def handle(event: Event) -> list[Outcome]:
        assert not box.settled
        effects.append(event.key)
        return done(event)

    outcomes: list[Outcome] = []
    consume(box, handle, on_outcome=outcomes.append)
    assert effects == ["a.jpg", "b.jpg"]
    assert [outcome.source for outcome in outcomes] == effects
    assert box.settled == {"0": "done"}
    assert box.closed == 1


def test_a_message_is_acknowledged_though_nobody_can_be_told_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def closed(_: Outcome) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    box = Box([s3_created("a.jpg"), s3_created("b.jpg")])
    consume(box, on_outcome=closed)
    assert box.settled == {"0": "done", "1": "done"}
    assert "what came of b.jpg cannot be told: Broken pipe" in caplog.text


def test_what_is_unavailable_comes_again_later_each_time() -> None:
    box = Box([s3_created("a.jpg"), s3_created("b.jpg")])
    box.waiting[1].tries = 5

    def handle(event: Event) -> list[Outcome]:
        raise StoreUnavailable("the store rests")

    consume(box, handle)
    assert box.settled == {"0": "again 2", "1": "again 32"}


def test_a_message_that_cannot_be_understood_is_dropped_and_its_neighbours_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = Box([s3_created("a.jpg"), b"\xff not JSON", b'{"who": "knows"}', s3_created("b.jpg")])
    consume(box)
    assert box.settled["0"] == box.settled["3"] == "done"
    assert box.settled["1"].startswith("drop the payload is no JSON")
    assert box.settled["2"].startswith("drop ")
    assert "who" in caplog.text


def test_one_event_of_a_message_does_not_stop_the_others() -> None:
    handled: list[str] = []

    def handle(event: Event) -> list[Outcome]:
        handled.append(event.key)
        if event.key == "a.jpg":
            raise Unavailable("not now")
        return done(event)

    verdict = treat(s3_created("a.jpg", "b.jpg"), handle)
    assert handled == ["a.jpg", "b.jpg"]
    assert (verdict.settled, verdict.reason) == ("again", "a.jpg: not now")
    assert [outcome.source for outcome in verdict.outcomes] == ["b.jpg"]


def test_a_fault_that_nobody_foresaw_is_tried_again_and_not_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(event: Event) -> list[Outcome]:
        raise ZeroDivisionError

    assert treat(s3_created("a.jpg"), handle).settled == "again"
    verdict = treat(s3_created("a.jpg"), handle, tries=10)
    assert (verdict.settled, verdict.reason) == (
        "drop",
        "after 10 deliveries: a.jpg: ZeroDivisionError",
    )
    assert "a.jpg could not be handled" in caplog.text


def test_a_wrong_setting_is_no_fault_of_a_message_however_often_it_came() -> None:
    def handle(event: Event) -> list[Outcome]:
        raise SettingError("pipelines.store: there is no such bucket")

    verdict = treat(s3_created("a.jpg"), handle, tries=100)
    assert (verdict.settled, verdict.reason) == (
        "again",
        "a.jpg: pipelines.store: there is no such bucket",
    )


def test_a_test_message_is_done() -> None:
    verdict = treat(b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}', done)
    assert verdict.settled == "done"
    assert verdict.reason


def test_no_more_messages_are_taken_than_can_be_worked_on() -> None:
    box = Box([s3_created(f"{number}.jpg") for number in range(20)])
    lock, running, most = threading.Lock(), 0, 0

    def handle(event: Event) -> list[Outcome]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return done(event)

    consume(box, handle, at_once=3)
    assert most == 3
    assert max(box.asked) == 3
    assert set(box.settled.values()) == {"done"}


def test_a_message_is_kept_from_others_while_it_is_worked_on() -> None:
    box = Box([s3_created("a.jpg")], extend_seconds=0.01)
    enough = threading.Event()

    def handle(event: Event) -> list[Outcome]:
        assert enough.wait(20)
        return done(event)

    def extended() -> bool:
        if len(box.extended) >= 3:
            enough.set()
        return bool(box.settled)

    consume(box, handle, until=extended)
    assert set(box.extended) == {"0"}


def test_a_message_that_is_done_is_not_kept_from_others_any_more() -> None:
    box = Box([s3_created("a.jpg"), s3_created("b.jpg")], extend_seconds=0.01)
    enough = threading.Event()

    def handle(event: Event) -> list[Outcome]:
        if event.key == "b.jpg":
            assert enough.wait(20)
        return done(event)

    def extended() -> bool:
        if "0" in box.settled and box.extended.count("1") >= 5:
            enough.set()
        return len(box.settled) == 2

    consume(box, handle, until=extended)
    assert box.extended_late == []


def test_a_broker_that_is_gone_is_waited_for() -> None:
    box = Box([s3_created("a.jpg")], opens=[Unavailable("not yet"), None], lost=1)
    consume(box)
    assert box.settled == {"0": "done"}
    assert box.opened == 3
    assert box.closed == 3


def test_a_library_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    box = Box([s3_created("a.jpg")], opens=[KeyError("surprise")])
    consume(box)
    assert box.settled == {"0": "done"}
    assert "its library failed" in caplog.text


def test_a_queue_that_is_not_there_ends_it_at_the_start_and_not_later() -> None:
    box = Box([s3_created("a.jpg")], opens=[SettingError("there is no such queue")])
    with pytest.raises(SettingError):
        consume(box)
    box = Box([s3_created("a.jpg")], opens=[None, SettingError("not yet")], lost=1)
    consume(box)
    assert box.settled == {"0": "done"}


def test_what_was_begun_is_finished_when_it_is_told_to_stop() -> None:
    box = Box([s3_created(f"{number}.jpg") for number in range(5)])
    begun, go_on = threading.Event(), threading.Event()

    def handle(event: Event) -> list[Outcome]:
        begun.set()
        assert go_on.wait(20)
        return done(event)

    def stopping() -> bool:
        if begun.is_set():
            # It is told to stop at this moment, and the work ends a little later.
            threading.Timer(0.05, go_on.set).start()
        return begun.is_set()

    consume(box, handle, at_once=1, until=stopping)
    assert box.settled == {"0": "done"}
    assert len(box.waiting) == 4


def test_what_takes_longer_than_the_time_of_grace_is_given_back_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    box = Box([s3_created("a.jpg")])
    begun, go_on = threading.Event(), threading.Event()

    def handle(event: Event) -> list[Outcome]:
        begun.set()
        go_on.wait(20)
        return done(event)

    try:
        consume(box, handle, until=begun.is_set, grace_seconds=0.05)
    finally:
        go_on.set()
    assert box.settled == {"0": "again 0"}
    assert "finishing 1 message" in caplog.text
