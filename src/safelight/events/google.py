"""Google Cloud Storage: CloudEvents of Eventarc, and what Pub/Sub pushes. Keys are not encoded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from safelight.errors import EventUnknown
from safelight.events.cloudevents import data_of
from safelight.events.event import Event, Notice
from safelight.events.shapes import (
    Shape,
    checked_bucket,
    checked_key,
    numbered,
    passed_over,
    seconds,
    shaped,
    size_of,
)

_STORAGE = "google.cloud.storage.object.v1."
_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
_KINDS: Mapping[str, Literal["created", "removed"]] = {
    "finalized": "created",
    "deleted": "removed",
    "archived": "removed",
    "OBJECT_FINALIZE": "created",
    "OBJECT_DELETE": "removed",
    "OBJECT_ARCHIVE": "removed",
}


class _Object(Shape):
    bucket: str
    name: str
    generation: int | str | None = None
    size: int | str | None = None


class _Attributes(Shape):
    event_type: str
    bucket_id: str
    object_id: str
    object_generation: str | None = None
    event_time: str | None = None
    overwritten_by_generation: str | None = None


class _Message(Shape):
    attributes: _Attributes
    data: str | None = None
    message_id: str | None = None


class _Pushed(Shape):
    message: _Message


class _Sized(Shape):
    size: int | str | None = None


def cloud_event(value: dict[str, Any]) -> Notice | None:
    """Read a CloudEvent of Google's. Raises EventUnknown."""
    name = value.get("type")
    if "specversion" not in value or not isinstance(name, str):
        return None
    if name == _PUBLISHED:
        return _message(data_of(value))
    if not name.startswith(_STORAGE):
        return None
    kind = _KINDS.get(name.removeprefix(_STORAGE))
    if kind is None:
        return passed_over(name)
    item = shaped(data_of(value), _Object, "an event of Cloud Storage")
    generation, time = str(item.generation or ""), value.get("time")
    event = Event(
        kind,
        "gcs",
        checked_bucket(item.bucket),
        checked_key(item.name),
        version=generation,
        size=size_of(item.size),
        sequencer=numbered(generation),
        time=seconds(time) if isinstance(time, str) else None,
    )
    return Notice((event,))


def pushed(value: dict[str, Any]) -> Notice | None:
    """Read a message that Pub/Sub pushes. Raises EventUnknown."""
    message = value.get("message")
    if not isinstance(message, dict) or not {"attributes", "data", "messageId"} & message.keys():
        return None
    return _message(value)


def _message(value: object) -> Notice:
    message = shaped(value, _Pushed, "a message of Pub/Sub about an object").message
    attributes = message.attributes
    kind = _KINDS.get(attributes.event_type)
    if kind is None:
        return passed_over(attributes.event_type)
    if kind == "removed" and attributes.overwritten_by_generation:
        return Notice(note="an object was written over; the message about the new one says more")
    generation = attributes.object_generation or ""
    event = Event(
        kind,
        "gcs",
        checked_bucket(attributes.bucket_id),
        checked_key(attributes.object_id),
        version=generation,
        size=_size_in(message.data),
        sequencer=numbered(generation),
        time=seconds(attributes.event_time),
        receipt=message.message_id or "",
    )
    return Notice((event,))


def _size_in(data: str | None) -> int | None:
    """Look the size up in the object's description, where the notification carries one."""
    if not data:
        return None
    try:
        described = msgspec.json.decode(base64.b64decode(data, validate=True), type=_Sized)
    except (ValueError, binascii.Error, RecursionError):
        raise EventUnknown("the data of a message of Pub/Sub is no JSON in base64") from None
    return size_of(described.size)
