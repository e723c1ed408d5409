"""A stream of Redis or Valkey, read by a consumer group that all processes share."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis.exceptions
from redis.asyncio import Redis

from safelight.entrances.message import PATIENCE_SECONDS
from safelight.entrances.queues import Address
from safelight.errors import SettingError, Unavailable

_WAIT_SECONDS = 5.0
# How often it is looked for messages of processes that died.
_CLAIM_SECONDS = 1.0
_FIELDS = ("payload", "data", "body", "message", "event")
_MOST_DEAD = 10_000


def open_queue(address: Address, _at_once: int, patience_seconds: int | None) -> Stream:
    """Make the queue of an address."""
    return Stream(address, patience_seconds or PATIENCE_SECONDS)


class Stream:
    """A stream; ``group``, ``field`` and ``db`` are its options.

    A message is the value of ``field``, else of the only field, else of "payload" and the like.
    """

    def __init__(self, address: Address, patience_seconds: float) -> None:
        """Take the server and the stream from an address."""
        self.patience_seconds = patience_seconds
        self.extend_seconds = patience_seconds / 3
        self._address = address
        self.name = address.name
        self.group = address.options.get("group", "safelight")
        # Of this process alone: what it holds can be told from what others hold.
        self.consumer = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._client: Any = None
        self._claim_at = 0.0
        self._database = address.options.get("db", "0")
        if not self._database.isdecimal():
            raise SettingError("db: expected a number (example: db=0)")

    def __str__(self) -> str:
        """Name it, without credentials."""
        return str(self._address)

    async def open(self) -> None:
        """Connect, and make the group unless it is there; it begins with the first message."""
        address = self._address
        self._client = Redis(
            host=address.host,
            port=address.port or 6379,
            db=int(self._database),
            username=address.user or None,
            password=address.password or None,
            ssl=address.kind == "rediss",
            socket_connect_timeout=_WAIT_SECONDS,
            socket_timeout=3 * _WAIT_SECONDS,
            health_check_interval=30,
        )
        with self.faults():
            try:
                await self._client.xgroup_create(self.name, self.group, id="0", mkstream=True)
            except redis.exceptions.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def receive(self, most: int) -> list[Message]:
        """Take over what nobody works on any more, else wait for what is new."""
        with self.faults():
            if time.monotonic() >= self._claim_at:
                claimed = await self._claimed(most)
                if claimed:
                    return claimed
                self._claim_at = time.monotonic() + _CLAIM_SECONDS
            found = await self._client.xreadgroup(
                self.group,
                self.consumer,
                {self.name: ">"},
                count=most,
                block=int(min(_WAIT_SECONDS, _CLAIM_SECONDS) * 1e3),
            )
            return [
                Message(self, self._client, id, fields, 1)
                for entries in dict(found or {}).values()
                for id, fields in entries
            ]

    async def _claimed(self, most: int) -> list[Message]:
        idle = int(self.patience_seconds * 1e3)
        _, entries, *_ = await self._client.xautoclaim(
            self.name, self.group, self.consumer, min_idle_time=idle, count=most
        )
        claimed = []
        for id, fields in entries:
            known = await self._client.xpending_range(
                self.name, self.group, min=id, max=id, count=1
            )
            if fields is None:
                # It was trimmed from the stream before anybody had treated it.
                await self._client.xack(self.name, self.group, id)
                continue
            tries = known[0]["times_delivered"] if known else 1
            claimed.append(Message(self, self._client, id, fields, tries))
        return claimed

    async def close(self) -> None:
        """Leave; the group keeps what this process has not acknowledged."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(redis.exceptions.RedisError, OSError, asyncio.TimeoutError):
            pending = await client.xpending_range(
                self.name, self.group, min="-", max="+", count=1, consumername=self.consumer
            )
            if not pending:
                await client.xgroup_delconsumer(self.name, self.group, self.consumer)
        with contextlib.suppress(redis.exceptions.RedisError, OSError, asyncio.TimeoutError):
            await client.aclose()

    def text(self, fields: Mapping[bytes, bytes]) -> bytes:
        """Find what a message says among its fields."""
        wanted = self._address.options.get("field")
        if wanted:
            return fields.get(wanted.encode(), b"")
        if len(fields) == 1:
            return next(iter(fields.values()))
        named = (fields[name.encode()] for name in _FIELDS if name.encode() in fields)
        return next(named, b"")

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Say of this stream what its client says. Raises Unavailable, SettingError."""
        try:
            yield
        except (
            redis.exceptions.AuthenticationError,
            redis.exceptions.NoPermissionError,
        ) as error:
            raise SettingError(f"{self}: {error}") from error
        except redis.exceptions.ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise SettingError(f"{self} is no stream: {error}") from error
            raise Unavailable(f"{self}: {error}") from error
        except (TimeoutError, redis.exceptions.RedisError, OSError) as error:
            raise Unavailable(f"{self}: {str(error) or type(error).__name__}") from error


class Message:
    """One entry of a stream."""

    def __init__(
        self, stream: Stream, client: Any, id: bytes, fields: Mapping[bytes, bytes], tries: int
    ) -> None:
        """Answer for it by a client, whose connections come and go."""
        self._stream = stream
        self._client = client
        self._id = id
        self.id = id.decode()
        self.body = stream.text(fields)
        self.tries = tries

    async def extend(self) -> None:
        """Say that it is worked on: it has been idle for no time."""
        await self._idle(0)

    async def done(self) -> None:
        """Acknowledge it."""
        with self._stream.faults():
            await self._client.xack(self._stream.name, self._stream.group, self._id)

    async def again(self, seconds: float) -> None:
        """Have it claimed later: by then it has been idle for long enough.

        Not later than after the time for which a message belongs to somebody.
        """
        await self._idle(max(0.0, self._stream.patience_seconds - seconds))

    async def drop(self, reason: str) -> None:
        """Put it into the stream ``NAME:dead``, and acknowledge it."""
        stream = self._stream
        letter = {"payload": self.body, "reason": reason, "id": self.id}
        with stream.faults():
            await self._client.xadd(f"{stream.name}:dead", letter, maxlen=_MOST_DEAD)
            await self._client.xack(stream.name, stream.group, self._id)

    async def _idle(self, seconds: float) -> None:
        stream = self._stream
        with stream.faults():
            await self._client.xclaim(
                stream.name,
                stream.group,
                stream.consumer,
                min_idle_time=0,
                message_ids=[self._id],
                idle=int(seconds * 1e3),
                justid=True,
            )
