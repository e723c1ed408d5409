"""A queue of RabbitMQ, or of who else speaks AMQP 0-9-1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AuthenticationError,
    ChannelNotFoundEntity,
    ProbableAuthenticationError,
)

from safelight.entrances.message import PATIENCE_SECONDS
from safelight.entrances.queues import Address
from safelight.errors import SettingError, Unavailable

# What they log, with a trace, is raised as well.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

# One that was given up while it connected warns when it is collected, in the middle of a log.
warnings.filterwarnings("ignore", "coroutine 'Connection.close' was never awaited", RuntimeWarning)

_WAIT_SECONDS = 5.0
_CONNECT_SECONDS = 10.0
# However patient: it also tells this side that the server is gone.
_MOST_HEARTBEAT_SECONDS = 30
# A message that comes again is held back here: AMQP has no delay of its own.
_MOST_HELD_SECONDS = 10.0


def open_queue(address: Address, at_once: int, patience_seconds: int | None) -> Queue:
    """Make the queue of an address."""
    return Queue(address, at_once, patience_seconds or PATIENCE_SECONDS)


class Queue:
    """A queue that is there already; ``vhost`` is its option.

    A message belongs to the connection that it came by, and comes again when that ends: there is
    nothing to extend.
    """

    extend_seconds = 0.0

    def __init__(self, address: Address, at_once: int, patience_seconds: int) -> None:
        """Take the server and the queue from an address.

        As many messages again as are worked on may be held back.
        """
        self._address = address
        self._heartbeat = min(patience_seconds, _MOST_HEARTBEAT_SECONDS)
        self._prefetched = 2 * at_once
        self._connection: AbstractConnection | None = None
        # None is the end of the channel.
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    def __str__(self) -> str:
        """Name it, without credentials."""
        return str(self._address)

    async def open(self) -> None:
        """Connect and begin to consume."""
        address = self._address
        arrived = self._arrived = asyncio.Queue()
        with self.faults():
            self._connection = await aio_pika.connect(
                host=address.host,
                port=address.port or (5671 if address.kind == "amqps" else 5672),
                login=address.user or "guest",
                password=address.password or "guest",
                virtualhost=address.options.get("vhost", "/"),
                ssl=address.kind == "amqps",
                timeout=_CONNECT_SECONDS,
                heartbeat=self._heartbeat,
                client_properties={"connection_name": "safelight"},
            )
            channel = await self._connection.channel()
            await channel.set_qos(prefetch_count=self._prefetched)
            queue = await channel.declare_queue(address.name, passive=True)
            channel.close_callbacks.add(lambda *_: arrived.put_nowait(None))
            self._connection.close_callbacks.add(lambda *_: arrived.put_nowait(None))
            await queue.consume(arrived.put)

    async def receive(self, most: int) -> list[Message]:
        """Wait for what the server sends."""
        try:
            found = [await asyncio.wait_for(self._arrived.get(), _WAIT_SECONDS)]
        except TimeoutError:
            return []
        while len(found) < most and not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        if None in found:
            raise Unavailable(f"{self}: the connection is lost")
        return [Message(self, message) for message in found if message]

    async def close(self) -> None:
        """Leave; what is not acknowledged comes again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*CONNECTION_EXCEPTIONS, asyncio.TimeoutError):
                await asyncio.wait_for(connection.close(), _WAIT_SECONDS)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Say of this queue what its client says. Raises Unavailable, SettingError."""
        try:
            yield
        except (AuthenticationError, ProbableAuthenticationError) as error:
            raise SettingError(f"{self}: the user or the password is wrong") from error
        except ChannelNotFoundEntity as error:
            raise SettingError(
                f"{self}: there is no such queue; declare it, and bind it to what sends the events"
            ) from error
        except (TimeoutError, *CONNECTION_EXCEPTIONS) as error:
            raise Unavailable(f"{self}: {str(error) or type(error).__name__}") from error


class Message:
    """One message of a queue."""

    def __init__(self, queue: Queue, message: AbstractIncomingMessage) -> None:
        """Answer for it over the channel that it came by."""
        self._queue = queue
        self._message = message
        self.body = message.body
        self.id = message.message_id or str(message.delivery_tag)
        # Only quorum queues count; others say no more than that it was delivered before.
        counted = message.headers.get("x-delivery-count")
        before = counted if isinstance(counted, int) else int(bool(message.redelivered))
        self.tries = 1 + before

    async def extend(self) -> None:
        """Nothing: the connection says that somebody works on it."""

    async def done(self) -> None:
        """Acknowledge it."""
        with self._queue.faults():
            await self._message.ack()

    async def again(self, seconds: float) -> None:
        """Put it back after a time, of at most some seconds: until then it is held here."""
        await asyncio.sleep(min(seconds, _MOST_HELD_SECONDS))
        with self._queue.faults():
            await self._message.nack(requeue=True)

    async def drop(self, reason: str) -> None:  # noqa: ARG002 - AMQP carries none
        """Refuse it: the queue's dead-letter exchange gets it, if there is one."""
        with self._queue.faults():
            await self._message.reject(requeue=False)
