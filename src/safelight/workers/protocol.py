"""How a pool and its workers talk: a length, JSON, and after that the bytes of its pictures.

The source travels as an open descriptor beside the job. What a worker says is checked like any
stranger's word: it may have decoded a hostile file.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from safelight.formats import WRITABLE
from safelight.picture import MAX_WISHES, Analysis, Facts, Header, Rendering, Wish
from safelight.transform import parse

_LENGTH = struct.Struct(">I")
# Each wish may name two other pictures; Linux passes on 253 descriptors at once.
_MAX_DESCRIPTORS = 2 * MAX_WISHES + 1
_MAX_MESSAGE = 1 << 20
# Bytes of all pictures of a reply.
_MAX_PICTURES = 1 << 29
_MIMES = frozenset(format.mime for format in WRITABLE)


class Order(msgspec.Struct, frozen=True):
    """A wish: a transform's canonical text, and the name of a profile."""

    transform: str
    profile: str

    @classmethod
    def of(cls, wish: Wish) -> Order:
        """Write a wish."""
        return cls(wish.transform.canonical, wish.profile)

    def wish(self) -> Wish:
        """Read it again. Raises TransformInvalid."""
        return Wish(parse(self.transform), self.profile)


class Job(msgspec.Struct, frozen=True):
    """What a worker shall do: ``render``, ``develop``, ``probe`` or ``analyse``.

    ``size`` is the source's, in bytes; ``pictures`` are the keys and sizes of the others that the
    transforms need. The descriptors come in the same order. To render there is a ``transform``, its
    canonical text; to develop there are ``wishes``, of which each has one, and what shall be told
    of the source besides.
    """

    verb: str
    size: int
    transform: str = ""
    pictures: dict[str, int] = {}
    wishes: tuple[Order, ...] = ()
    analyse: bool = False
    facts: str = "none"


_Side = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Picture(msgspec.Struct, frozen=True):
    """A rendering without its bytes; ``size`` bytes follow the message."""

    mime: str
    width: _Side
    height: _Side
    source_width: _Side
    source_height: _Side
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


class Output(msgspec.Struct, frozen=True):
    """One of several pictures, or its error's code.

    ``trace``: of an error that nobody expected, for the log.
    """

    picture: Picture | None = None
    error: str = ""
    message: str = ""
    trace: str = ""


class Reply(msgspec.Struct, frozen=True):
    """One of: a picture, a header, an analysis, capabilities (when ready), or an error's code.

    What was developed has a header, ``outputs``, and what else was asked for. ``trace``: of an
    error that nobody expected, for the log.
    """

    memory: int = 0
    picture: Picture | None = None
    header: Header | None = None
    analysis: Analysis | None = None
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(max_length=MAX_WISHES)] = ()
    facts: Annotated[Facts, msgspec.Meta(max_length=64)] | None = None
    decodes: Annotated[int, msgspec.Meta(ge=0, le=MAX_WISHES + 1)] = 0
    capabilities: dict[str, Any] | None = None
    error: str = ""
    message: str = ""
    trace: str = ""

    @property
    def pictures(self) -> list[Picture]:
        """All whose bytes follow, in their order."""
        several = (self.picture, *(output.picture for output in self.outputs))
        return [picture for picture in several if picture]

    def answers(self, job: Job) -> bool:
        """Tell whether it has what a job asks for and nothing else, or says why not."""
        if self.error:
            return not self.pictures
        one = {"render": self.picture, "probe": self.header, "analyse": self.analysis}
        if job.verb in one:
            return one[job.verb] is not None and not self.outputs
        told = (self.analysis is not None, self.facts is not None)
        return (
            self.header is not None
            and self.picture is None
            and len(self.outputs) == len(job.wishes)
            and all(bool(output.picture) != bool(output.error) for output in self.outputs)
            and told == (job.analyse, job.facts != "none")
        )


_encode = msgspec.json.Encoder().encode
_decode_job = msgspec.json.Decoder(Job).decode
_decode_reply = msgspec.json.Decoder(Reply).decode


def send_job(channel: socket.socket, job: Job, descriptors: list[int]) -> None:
    """Send a job, its source and its other pictures. Raises OSError when the worker is gone."""
    body = _encode(job)
    message = _LENGTH.pack(len(body)) + body
    # A long one is not taken at once; the descriptors go with its beginning.
    sent = socket.send_fds(channel, [message], descriptors)
    channel.sendall(message[sent:])


def receive_job(channel: socket.socket) -> tuple[Job, list[int]] | None:
    """Wait for a job and its descriptors; None when the pool is gone."""
    head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, _MAX_DESCRIPTORS)
    if len(head) < _LENGTH.size or not descriptors:
        return None
    return _decode_job(receive_exactly(channel, _LENGTH.unpack(head)[0])), descriptors


def send_reply(channel: socket.socket, reply: Reply, pictures: Iterable[bytes] = ()) -> None:
    """Send a reply, and the pictures' bytes after it."""
    body = _encode(reply)
    channel.sendall(_LENGTH.pack(len(body)) + body)
    for data in pictures:
        channel.sendall(data)


def receive_reply(channel: socket.socket, deadline: float) -> tuple[Reply, list[bytes]]:
    """Wait for a reply, and its pictures' bytes, until ``deadline``, a ``time.monotonic()``.

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
    room = _MAX_PICTURES
    for picture in reply.pictures:
        if picture.mime not in _MIMES or not 0 < picture.size <= room:
            raise ValueError("a picture that cannot be")
        room -= picture.size
    sizes = [picture.size for picture in reply.pictures]
    return reply, [bytes(receive_exactly(channel, size, deadline)) for size in sizes]


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
