"""What a message of JetStream is told, without a server; with one, see tests/full."""

import asyncio
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest

from safelight.entrances.nats import Message, Subject, open_queue
from safelight.entrances.queues import parse
from safelight.errors import Unavailable


class Server:
    """Note what a client says."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.said: list[Any] = []
        self.fault = fault
        self.data = b"{}"
        self.reply = "$JS.ACK.uploads"
        self.metadata = SimpleNamespace(
            stream="uploads", sequence=SimpleNamespace(stream=7), num_delivered=3
        )

    def __getattr__(self, name: str) -> Any:
        async def say(*arguments: Any, **options: Any) -> None:
            if self.fault:
                raise self.fault
            self.said.append((name, *arguments, *options.values()))

        return say


@pytest.fixture
def subject() -> Subject:
    return open_queue(parse("nats://127.0.0.1:4222/uploads"), 2, None)


def message(subject: Subject, server: Any) -> Message:
    return Message(subject, server, server)


def test_each_end_of_a_message_is_said_in_its_own_way(subject: Subject) -> None:
    server = Server()
    found = message(subject, server)
    assert (found.id, found.body, found.tries) == ("uploads/7", b"{}", 3)
    asyncio.run(found.extend())
    asyncio.run(found.done())
    asyncio.run(found.again(8.0))
    asyncio.run(found.drop("it is\nno notification"))
    assert server.said == [
        ("in_progress",),
        ("ack",),
        ("nak", 8.0),
        # Terminated with a reason, which an advisory gives on.
        ("publish", "$JS.ACK.uploads", b"+TERM it is no notification"),
    ]


@pytest.mark.parametrize("fault", [nats.errors.ConnectionClosedError(), OSError(), TimeoutError()])
def test_a_server_that_cannot_be_told_is_unavailable(subject: Subject, fault: Exception) -> None:
    found = message(subject, Server(fault))
    for end in (found.done(), found.again(1.0), found.drop("unknown")):
        with pytest.raises(Unavailable, match="uploads"):
            asyncio.run(end)


def test_without_a_connection_nothing_is_received(subject: Subject) -> None:
    with pytest.raises(Unavailable, match="not connected"):
        asyncio.run(subject.receive(1))
