"""How a pool and its workers talk: a length, JSON, and after a picture its bytes.

The source travels as an open descriptor beside the job. What a worker says is checked like any
stranger's word: it may have decoded a hostile file.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import msgspec

from safelight.formats import WRITABLE
from safelight.picture import Analysis, Header, Rendering

_LENGTH = struct.Struct(">I")
_MAX_DESCRIPTORS = 16
_MAX_MESSAGE = 1 << 20
_MAX_PICTURE = 1 << 29
_MIMES = frozenset(format.mime for format in WRITABLE)


class Job(msgspec.Struct, frozen=True):
    """What a worker shall do: ``render`` with a transform's canonical text, ``probe``, ``analyse``.

    ``size`` is the source's, in bytes; ``pictures`` are the keys and sizes of the others that the
    transform needs. The descriptors come in the same order.
    """

    verb: str
    size: int
    transform: str = ""
    pictures: dict[str, int] = {}


class Picture(msgspec.Struct, frozen=True):
    """A rendering without its bytes; ``size`` bytes follow the message."""

    mime: str
    width: int
    height: int
    source_width: int
    source_height: int
    decode_ms: float
    encode_ms: float
    size: int

    @classmethod
    def of(cls, made: Rendering) -> Picture:
        """Describe a rendering."""
        shared = {name: getattr(made, name) for name in cls.__struct_fields__ if name != "size"}
        return cls(**shared, size=len(made.data))

    def rendering(self, data: bytes) -> Rendering:
        """Join what was described with its bytes."""
        shared = msgspec.structs.asdict(self)
        del shared["size"]
        return Rendering(data=data, **shared)


class Reply(msgspec.Struct, frozen=True):
    """One of: a picture, a header, an analysis, capabilities (when ready), or an error's code.

    ``trace``: of an error that nobody expected, for the log.
    """

    memory: int = 0
    picture: Picture | None = None
    header: Header | None = None
    analysis: Analysis | None = None
    capabilities: dict[str, Any] | None = None
    error: str = ""
    message: str = ""
    trace: str = ""


_encode = msgspec.json.Encoder().encode
_decode_job = msgspec.json.Decoder(Job).decode
_decode_reply = msgspec.json.Decoder(Reply).decode


def send_job(channel: socket.socket, job: Job, descriptors: list[int]) -> None:
    """Send a job, its source and its other pictures. Raises OSError when the worker is gone."""
    body = _encode(job)
    socket.send_fds(channel, [_LENGTH.pack(len(body)) + body], descriptors)


def receive_job(channel: socket.socket) -> tuple[Job, list[int]] | None:
    """Wait for a job and its descriptors; None when the pool is gone."""
    head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, _MAX_DESCRIPTORS)
    if len(head) < _LENGTH.size or not descriptors:
        return None
    return _decode_job(receive_exactly(channel, _LENGTH.unpack(head)[0])), descriptors


def send_reply(channel: socket.socket, reply: Reply, data: bytes = b"") -> None:
    """Send a reply, and the picture's bytes after it."""
    body = _encode(reply)
    channel.sendall(_LENGTH.pack(len(body)) + body)
    channel.sendall(data)


def receive_reply(channel: socket.socket, deadline: float) -> tuple[Reply, bytes]:
    """Wait for a reply until ``deadline``, a time of ``time.monotonic()``.

    Raises TimeoutError, EOFError when the worker is gone, ValueError when it talks nonsense.
    """
    (length,) = _LENGTH.unpack(receive_exactly(channel, _LENGTH.size, deadline))
    if length > _MAX_MESSAGE:
        raise ValueError("a message without end")
    body = receive_exactly(channel, length, deadline)
    try:
        reply = _decode_reply(body)
    except RecursionError:
        raise ValueError("a message nested without end") from None
    if reply.picture is None:
        return reply, b""
    if reply.picture.mime not in _MIMES or not 0 < reply.picture.size <= _MAX_PICTURE:
        raise ValueError("a picture that cannot be")
    return reply, bytes(receive_exactly(channel, reply.picture.size, deadline))


def receive_exactly(channel: socket.socket, size: int, deadline: float | None = None) -> bytearray:
    """Receive ``size`` bytes. Raises EOFError when the other side closes before, TimeoutError."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if deadline is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            channel.settimeout(remaining)
        received = channel.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
    return data
