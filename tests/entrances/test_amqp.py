"""What a queue of RabbitMQ gives out, without a broker; with one, see tests/full."""

import asyncio
from typing import Any

import pytest

from safelight.entrances.amqp import Queue, open_queue
from safelight.entrances.queues import parse
from safelight.errors import Unavailable


class Arrived:
    """What the client's library makes of a message."""

    def __init__(self, body: bytes, *, redelivered: bool = False, **headers: Any) -> None:
        self.body = body
        self.message_id = None
        self.delivery_tag = 7
        self.redelivered = redelivered
        self.headers = headers


@pytest.fixture
def queue() -> Queue:
    return open_queue(parse("amqp://127.0.0.1/uploads"), 2, None)


def test_what_has_arrived_is_given_out_and_no_more_than_is_asked_for(queue: Queue) -> None:
    for number in range(5):
        queue._arrived.put_nowait(Arrived(b"%d" % number))  # type: ignore[arg-type]
    first, second = asyncio.run(queue.receive(2))
    assert (first.body, second.body, first.id) == (b"0", b"1", "7")
    assert [message.body for message in asyncio.run(queue.receive(9))] == [b"2", b"3", b"4"]


@pytest.mark.parametrize("before", [0, 3])
def test_when_the_connection_ends_the_queue_has_to_be_opened_again(
    queue: Queue, before: int
) -> None:
    for _ in range(before):
        queue._arrived.put_nowait(Arrived(b"{}"))  # type: ignore[arg-type]
    queue._arrived.put_nowait(None)
    with pytest.raises(Unavailable, match="the connection is lost"):
        asyncio.run(queue.receive(9))


@pytest.mark.parametrize(
    ("message", "tries"),
    [
        (Arrived(b""), 1),
        (Arrived(b"", redelivered=True), 2),
        (Arrived(b"", redelivered=True, **{"x-delivery-count": 4}), 5),
    ],
)
def test_deliveries_are_counted_as_far_as_the_queue_does(
    queue: Queue, message: Arrived, tries: int
) -> None:
    queue._arrived.put_nowait(message)  # type: ignore[arg-type]
    (found,) = asyncio.run(queue.receive(1))
    assert found.tries == tries
