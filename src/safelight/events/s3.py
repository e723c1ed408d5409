"""Notifications of S3, and of the servers that speak as it does.

AWS, MinIO and RustFS write keys as forms do; Ceph and versitygw write them as they are. EventBridge
does so too, for the same buckets. S3 Batch Operations names objects to work on.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from safelight.errors import EventUnknown
from safelight.events.event import Event, Notice
from safelight.events.shapes import (
    Shape,
    as_it_is,
    checked_bucket,
    checked_key,
    form_decoded,
    passed_over,
    seconds,
    sequencer_of,
    shaped,
    size_of,
    unquoted,
)

_CREATED = ("ObjectCreated:", "ObjectSynced:Create")
_REMOVED = (
    "ObjectRemoved:",
    "LifecycleExpiration:",
    "ObjectLifecycle:Expiration:",
    "ObjectSynced:Delete",
)
# Named as if they were either, and the bytes stay what they are (MinIO, RustFS, Ceph).
_NEITHER = (
    ":PutRetention",
    ":PutLegalHold",
    ":PutTagging",
    ":DeleteTagging",
    ":CreateMultipartUpload",
    ":AbortMultipartUpload",
)


class _Bucket(Shape):
    name: str
    arn: str | None = None


class _Object(Shape):
    key: str
    size: int | str | None = None
    e_tag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _S3(Shape):
    bucket: _Bucket
    object: _Object


class _Record(Shape):
    event_source: str
    event_name: str
    s3: _S3
    event_time: float | str | None = None


def _ceph_sequencer(written: str | None, time: float | None) -> str:
    """Order what Ceph writes: the seconds and nanoseconds of now as they lie in its memory.

    That is least byte first on nearly every machine; the time of the event tells.
    """
    try:
        memory = bytes.fromhex(written or "")
    except ValueError:
        return ""
    if len(memory) != 8:
        return ""
    little, big = (
        [int.from_bytes(half, order) for half in (memory[:4], memory[4:])]
        for order in ("little", "big")
    )  # fmt: skip
    if time is not None and abs(big[0] - time) < abs(little[0] - time):
        little = big
    return "{:08X}{:08X}".format(*little)


class _Origin(msgspec.Struct, frozen=True):
    """How one server writes keys, and sequencers (which may need the time of the event)."""

    key: Callable[[str], str]
    sequencer: Callable[[str | None, float | None], str] = lambda text, _: sequencer_of(text)


ORIGINS: Mapping[str, _Origin] = {
    "aws:s3": _Origin(form_decoded),
    "minio:s3": _Origin(form_decoded),
    "rustfs:s3": _Origin(form_decoded),
    "ceph:s3": _Origin(as_it_is, _ceph_sequencer),
    # It calls itself aws:s3, and counts from one again whenever it starts.
    "versitygw:s3": _Origin(as_it_is, lambda *_: ""),
}


def _origin_of(record: _Record) -> str:
    """Name who wrote a record. AWS gives no bucket a slash; versitygw gives each one."""
    if record.event_source == "aws:s3" and (record.s3.bucket.arn or "").startswith(
        "arn:aws:s3:::/"
    ):
        return "versitygw:s3"
    if record.event_source not in ORIGINS:
        raise EventUnknown(
            f"the event source {record.event_source[:40]!r} is not known: {', '.join(ORIGINS)} are"
        )
    return record.event_source


def _kind_of(name: str) -> Literal["created", "removed", ""]:
    """Sort the name of an event; empty when the picture stays what it is."""
    name = name.removeprefix("s3:")
    if name.endswith(_NEITHER):
        return ""
    if name.startswith(_CREATED):
        return "created"
    return "removed" if name.startswith(_REMOVED) else ""


def record(value: dict[str, Any]) -> Notice | None:
    """Read an entry of ``Records`` that is S3's. Raises EventUnknown."""
    if "s3" not in value:
        return None
    record = shaped(value, _Record, "a record of S3")
    name = _origin_of(record)
    origin, item = ORIGINS[name], record.s3.object
    kind = _kind_of(record.event_name)
    if not kind:
        return passed_over(record.event_name)
    time = seconds(record.event_time)
    version = item.version_id if item.version_id != "null" else ""
    event = Event(
        kind,
        name,
        checked_bucket(record.s3.bucket.name),
        checked_key(origin.key(item.key)),
        version=version or unquoted(item.e_tag),
        # versitygw says 0 of a copy.
        size=size_of(item.size) or None,
        sequencer=origin.sequencer(item.sequencer, time),
        time=time,
    )
    return Notice((event,))


def test_event(value: dict[str, Any]) -> Notice | None:
    """Read what is sent when a notification is set up."""
    if value.get("Event") != "s3:TestEvent":
        return None
    return Notice(kind="test", note="a test event: the bucket's notifications arrive")


class _BridgedObject(Shape, rename="kebab"):
    key: str
    size: int | str | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _Bridged(Shape):
    bucket: _Bucket
    object: _BridgedObject


_BRIDGED: Mapping[str, Literal["created", "removed"]] = {
    "Object Created": "created",
    "Object Deleted": "removed",
}


def bridged(value: dict[str, Any]) -> Notice | None:
    """Read what EventBridge says of a bucket: keys are not encoded. Raises EventUnknown."""
    name = value.get("detail-type")
    if not isinstance(name, str) or "detail" not in value:
        return None
    if value.get("source") != "aws.s3" or not name.startswith("Object "):
        raise EventUnknown(f"the event {name[:80]!r} of EventBridge is none of a bucket's objects")
    if name not in _BRIDGED:
        return passed_over(name)
    detail = shaped(value["detail"], _Bridged, "an event of EventBridge")
    time = value.get("time")
    event = Event(
        _BRIDGED[name],
        "aws:s3",
        checked_bucket(detail.bucket.name),
        checked_key(detail.object.key),
        version=detail.object.version_id or unquoted(detail.object.etag),
        size=size_of(detail.object.size),
        sequencer=sequencer_of(detail.object.sequencer),
        time=seconds(time) if isinstance(time, str) else None,
    )
    return Notice((event,))


class _Task(Shape):
    s3_key: str
    s3_version_id: str | None = None
    s3_bucket: str | None = None
    s3_bucket_arn: str | None = None


class _Job(Shape):
    invocation_schema_version: str
    invocation_id: str
    tasks: list[dict[str, Any]]


def batch(value: dict[str, Any]) -> Notice | None:
    """Read a call of S3 Batch Operations, of schema 1.0 and 2.0. Raises EventUnknown."""
    if "invocationSchemaVersion" not in value:
        return None
    job = shaped(value, _Job, "a call of S3 Batch Operations")
    events, failed = [], []
    for given in job.tasks:
        receipt = given.get("taskId")
        if not isinstance(receipt, str) or not receipt:
            raise EventUnknown("a task of S3 Batch Operations has no taskId")
        try:
            events.append(_task(given, receipt))
        except EventUnknown as error:
            failed.append((receipt, error.detail))
    frame = {
        "invocationSchemaVersion": job.invocation_schema_version,
        # What nobody answered for is tried again.
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": job.invocation_id,
        "results": [],
    }
    return Notice(tuple(events), "batch", reply=frame, failed=tuple(failed))


def _task(value: dict[str, Any], receipt: str) -> Event:
    task = shaped(value, _Task, "a task of S3 Batch Operations")
    arn = (task.s3_bucket_arn or "").rpartition(":")[2].removeprefix("bucket/")
    return Event(
        "created",
        "aws:s3",
        checked_bucket(task.s3_bucket or arn),
        checked_key(form_decoded(task.s3_key)),
        version=task.s3_version_id or "",
        receipt=receipt,
    )
