"""Tencent COS: the key has the bucket in front, and is not encoded."""

from __future__ import annotations

from typing import Any

from safelight.errors import EventUnknown
from safelight.events.event import Event, Notice
from safelight.events.shapes import (
    Shape,
    checked_bucket,
    checked_key,
    passed_over,
    seconds,
    shaped,
    size_of,
)


class _Object(Shape):
    key: str
    size: int | str | None = None
    vid: str | None = None


class _Bucket(Shape):
    name: str
    appid: str


class _Cos(Shape):
    cos_object: _Object
    cos_bucket: _Bucket


class _Event(Shape):
    event_name: str
    event_time: float | str | None = None


class _Record(Shape):
    cos: _Cos
    event: _Event


def record(value: dict[str, Any]) -> Notice | None:
    """Read an entry of ``Records`` that is COS's. Raises EventUnknown."""
    if "cos" not in value:
        return None
    record = shaped(value, _Record, "a record of COS")
    name, item, bucket = record.event.event_name, record.cos.cos_object, record.cos.cos_bucket
    if not name.startswith(("cos:ObjectCreated:", "cos:ObjectRemove:")):
        return passed_over(name)
    before = f"/{bucket.appid}/{bucket.name}/"
    if not item.key.startswith(before):
        raise EventUnknown("a key of COS does not begin with its bucket")
    event = Event(
        "created" if name.startswith("cos:ObjectCreated:") else "removed",
        "cos",
        checked_bucket(f"{bucket.name}-{bucket.appid}"),
        checked_key(item.key.removeprefix(before)),
        version=item.vid or "",
        size=size_of(item.size),
        time=seconds(record.event.event_time),
    )
    return Notice((event,))
