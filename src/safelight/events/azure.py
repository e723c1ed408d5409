"""Azure Blob Storage: Event Grid's own schema, CloudEvents, and the queue of poison messages.

Keys are taken from the subject, where they are not encoded, as they are in the address.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlsplit

from safelight.errors import EventUnknown
from safelight.events.cloudevents import data_of
from safelight.events.event import Event, Notice
from safelight.events.shapes import (
    Shape,
    checked_bucket,
    checked_key,
    passed_over,
    seconds,
    sequencer_of,
    shaped,
    size_of,
    unquoted,
)

_SUBJECT = re.compile(r"/blobServices/[^/]+/containers/([^/]+)/blobs/(.+)", re.DOTALL)
_CODE = re.compile(r"[A-Za-z0-9._~=+/-]{1,512}")
# With a hierarchical namespace or by SFTP a file is there, empty, before it is written and closed.
_NOT_YET_WRITTEN = ("CreateFile", "SftpCreate")


class _Blob(Shape):
    api: str = ""
    e_tag: str | None = None
    content_length: int | str | None = None
    sequencer: str | None = None
    source_url: str | None = None


class _Validation(Shape):
    validation_code: str


def grid(value: dict[str, Any]) -> Notice | None:
    """Read an event in Event Grid's schema. Raises EventUnknown."""
    name = value.get("eventType")
    if not isinstance(name, str):
        return None
    return _event(name, value.get("subject"), value.get("data"), value.get("eventTime"))


def cloud_event(value: dict[str, Any]) -> Notice | None:
    """Read a CloudEvent of Azure. Raises EventUnknown."""
    name = value.get("type")
    if "specversion" not in value or not str(name).startswith("Microsoft."):
        return None
    return _event(str(name), value.get("subject"), data_of(value), value.get("time"))


def _event(name: str, subject: object, data: object, time: object) -> Notice:
    match name.removeprefix("Microsoft."):
        case "EventGrid.SubscriptionValidationEvent":
            return _handshake(data)
        case "EventGrid.SubscriptionDeletedEvent":
            return Notice(note="the subscription of Event Grid has been deleted")
        case "Storage.BlobCreated":
            blob = shaped(data, _Blob, "an event of Azure")
            if blob.api in _NOT_YET_WRITTEN:
                return Notice(note=f"{blob.api}: the file is not yet written")
            return Notice((_of_blob("created", subject, blob, time),))
        case "Storage.BlobDeleted":
            blob = shaped(data, _Blob, "an event of Azure")
            return Notice((_of_blob("removed", subject, blob, time),))
        case "Storage.BlobRenamed":
            return _renamed(subject, shaped(data, _Blob, "an event of Azure"), time)
        case "Storage.DirectoryRenamed" | "Storage.DirectoryDeleted":
            return Notice(note=f"{name}: its files are not told one by one, back-fill its prefix")
        case other if other.startswith("Storage."):
            return passed_over(name)
    raise EventUnknown(f"the event {name[:80]!r} of Azure is none of Blob Storage")


def _handshake(data: object) -> Notice:
    code = shaped(data, _Validation, "a validation of Event Grid").validation_code
    if not _CODE.fullmatch(code):
        raise EventUnknown("a validation of Event Grid has no code")
    return Notice(
        kind="handshake",
        note="Event Grid asked whether it may send here, and was told so",
        reply={"validationResponse": code},
    )


def _of_blob(
    kind: Literal["created", "removed"], subject: object, blob: _Blob, time: object
) -> Event:
    found = _SUBJECT.fullmatch(subject) if isinstance(subject, str) else None
    if found is None:
        raise EventUnknown("the subject of an event of Azure names no container and blob")
    return Event(
        kind,
        "azure",
        checked_bucket(found[1]),
        checked_key(found[2]),
        version=unquoted(blob.e_tag),
        size=size_of(blob.content_length),
        sequencer=sequencer_of(blob.sequencer),
        time=seconds(time) if isinstance(time, str) else None,
    )


def _renamed(subject: object, blob: _Blob, time: object) -> Notice:
    """Read a renaming as a blob that came and one that went, where its address says which."""
    came = _of_blob("created", subject, blob, time)
    try:
        path = unquote_to_bytes(urlsplit(blob.source_url or "").path).decode()
    except ValueError:
        raise EventUnknown("the address that a blob was renamed from is none") from None
    bucket, _, key = path.removeprefix("/").partition("/")
    if bucket != came.bucket or not key:
        return Notice((came,), note="a blob was renamed; where it was before is not said")
    went = Event("removed", "azure", bucket, checked_key(key), time=came.time)
    return Notice((went, came))


class _Poison(Shape, rename="pascal"):
    container_name: str
    blob_name: str
    function_id: str = ""


def poison(value: dict[str, Any]) -> Notice | None:
    """Read a message of the queue into which Azure Functions puts what failed five times."""
    if "BlobName" not in value or "ContainerName" not in value:
        return None
    message = shaped(value, _Poison, "a poison message")
    etag = value.get("ETag")
    event = Event(
        "created",
        "azure",
        checked_bucket(message.container_name),
        checked_key(message.blob_name),
        version=unquoted(etag if isinstance(etag, str) else ""),
    )
    note = f"the function {message.function_id[:100]!r} gave this blob up"
    return Notice((event,), "poison", note)
