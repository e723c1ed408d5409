"""A subject of NATS, kept by JetStream and read by a durable consumer that all processes share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from safelight.entrances.message import PATIENCE_SECONDS
from safelight.entrances.queues import Address
from safelight.errors import SettingError, Unavailable

log = logging.getLogger("safelight")

_WAIT_SECONDS = 5.0
_CONNECT_SECONDS = 5


def open_queue(address: Address, _at_once: int, patience_seconds: int | None) -> Subject:
    """Make the queue of an address."""
    return Subject(address, patience_seconds)


class Subject:
    """A subject of a stream; ``stream`` and ``durable`` are its options."""

    def __init__(self, address: Address, patience_seconds: int | None) -> None:
        """Take the server and the subject from an address.

        A consumer that is there already keeps its patience if none is given.
        """
        self._patience_seconds = patience_seconds
        self.extend_seconds = PATIENCE_SECONDS / 3
        self._address = address
        self._client: Client | None = None
        self._pulled: JetStreamContext.PullSubscription | None = None

    def __str__(self) -> str:
        """Name it, without credentials."""
        return str(self._address)

    async def open(self) -> None:
        """Connect, and make the consumer unless it is there; later the client reconnects itself."""
        with self.faults():
            self._client = await nats.connect(
                self._address.server,
                name="safelight",
                connect_timeout=_CONNECT_SECONDS,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                error_cb=self._told,
            )
            stream = self._client.jetstream()
            patience = self._patience_seconds or PATIENCE_SECONDS
            try:
                self._pulled = await stream.pull_subscribe(
                    self._address.name,
                    durable=self._address.options.get("durable", "safelight"),
                    stream=self._address.options.get("stream"),
                    config=ConsumerConfig(ack_wait=patience),
                )
            except nats.js.errors.NotFoundError:
                raise SettingError(
                    f"{self}: no stream of JetStream keeps this subject; make one, such as "
                    f"nats stream add --subjects {self._address.name!r}"
                ) from None
            consumer = await self._pulled.consumer_info()
            if self._patience_seconds not in (None, consumer.config.ack_wait):
                consumer = await stream.add_consumer(
                    consumer.stream_name, consumer.config, ack_wait=patience
                )
            self.extend_seconds = (consumer.config.ack_wait or patience) / 3

    async def receive(self, most: int) -> list[Message]:  # noqa: ARG002 - see below
        """Wait for a message.

        One at a time: asked for several, the client waits its whole time for the last of them.
        """
        if self._pulled is None or self._client is None or self._client.is_closed:
            raise Unavailable(f"{self} is not connected")
        with self.faults():
            try:
                found = await self._pulled.fetch(1, timeout=_WAIT_SECONDS)
            except nats.errors.TimeoutError:
                return []
        return [Message(self, self._client, message) for message in found]

    async def close(self) -> None:
        """Send what was said last, and leave."""
        client, self._client, self._pulled = self._client, None, None
        if client is None:
            return
        with contextlib.suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
            if client.is_connected:
                await client.flush(timeout=2)
        with contextlib.suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
            await client.close()

    async def _told(self, error: Exception) -> None:
        log.warning("%s: %s", self, str(error) or type(error).__name__)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Say of this subject what its client says. Raises Unavailable."""
        try:
            yield
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise Unavailable(f"{self}: {str(error) or type(error).__name__}") from error


class Message:
    """One message of JetStream."""

    def __init__(self, subject: Subject, client: Client, message: Msg) -> None:
        """Answer for it over the connection that it came by."""
        self._subject = subject
        self._client = client
        self._message = message
        self.body = message.data
        metadata = message.metadata
        self.id = f"{metadata.stream}/{metadata.sequence.stream}"
        self.tries = metadata.num_delivered or 1

    async def extend(self) -> None:
        """Say that it is worked on."""
        with self._subject.faults():
            await self._message.in_progress()

    async def done(self) -> None:
        """Acknowledge it."""
        with self._subject.faults():
            await self._message.ack()

    async def again(self, seconds: float) -> None:
        """Have the server deliver it later."""
        with self._subject.faults():
            await self._message.nak(delay=seconds)

    async def drop(self, reason: str) -> None:
        """Have it delivered no more: it stays in the stream, and an advisory says why."""
        said = " ".join(reason.split())[:200]
        with self._subject.faults():
            await self._client.publish(self._message.reply, b"+TERM " + said.encode())
