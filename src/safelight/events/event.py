"""What every cloud's notification is read into: events, and what else a message says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A source was created (or written over), or removed, wherever it was said.

    It is a hint: what the source is now, its store knows. ``origin`` is who said so ("aws:s3",
    "azure", "gcs" …), ``bucket`` also a container, ``key`` is decoded. ``version`` is the version's
    id, else the ETag or generation, without quotes. ``sequencer`` is ordered by `newer`, for one
    key only. ``time`` is in seconds of Unix, ``receipt`` the id of the message or task that carried
    the event: what is reported when it failed. What is not told is empty.
    """

    kind: Literal["created", "removed"]
    origin: str
    bucket: str
    key: str
    version: str = ""
    size: int | None = None
    sequencer: str = ""
    time: float | None = None
    receipt: str = ""


class Notice(msgspec.Struct, frozen=True):
    """What a payload says.

    ``kind``: "events"; "test", "handshake" and "confirmation" have nothing to be done for them but
    the ``reply``; "poison" is what Azure Functions gave up on; "batch" is a call of S3 Batch
    Operations, whose ``reply`` wants a result for each task. ``note`` is for the log: what was
    passed over, and why. ``failed`` names messages of a batch that cannot be understood, each with
    the reason; its neighbours are read all the same.
    """

    events: tuple[Event, ...] = ()
    kind: Literal["events", "test", "handshake", "confirmation", "poison", "batch"] = "events"
    note: str = ""
    reply: Mapping[str, Any] | None = None
    failed: tuple[tuple[str, str], ...] = ()


def newer(one: str, other: str) -> bool:
    """Tell whether a sequencer is later than another one of the same key.

    As S3 orders them: the shorter one is filled with zeros at its right. What is not known is not
    later, and nothing is later than it.
    """
    if not one or not other:
        return False
    width = max(len(one), len(other))
    return one.ljust(width, "0") > other.ljust(width, "0")
