"""Read any payload: find out whose shape it has, and what it says."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from safelight.errors import EventUnknown
from safelight.events import letters, s3
from safelight.events.cloudevents import structured
from safelight.events.event import Notice

_NOTHING: Mapping[str, str] = MappingProxyType({})
# A batch of a queue for a function may have 6 MB, one message of it 1 MB.
_MOST_BYTES = 8 << 20
_MOST_EVENTS = 10_000
# A queue of a topic of a bucket is six deep: each a list, its items and what is written in them.
_MOST_DEPTH = 8
_MOST_NOTES = 5


def _shapes() -> Iterator[Callable[[dict[str, Any]], Notice | None]]:
    """Give what reads one shape each, and returns None for any other."""
    yield from (s3.record, s3.test_event, s3.bridged, s3.batch)
    # Not loaded for what S3 tells a function of: a cold start counts.
    from safelight.events import azure, google, own, tencent

    yield from (letters.subscription, azure.grid, azure.cloud_event, azure.poison)
    yield from (google.cloud_event, google.pushed, tencent.record, own.named)


def read(payload: object, headers: Mapping[str, str] = _NOTHING) -> Notice:
    """Read what a cloud said of its objects: JSON as bytes, as text, or decoded already.

    ``headers`` are those of the request that brought it, if one did. Raises EventUnknown.
    """
    notice = _read(structured(_parsed(payload), headers), 0)
    if len(notice.events) > _MOST_EVENTS:
        raise EventUnknown(f"the payload has more than {_MOST_EVENTS} events")
    return notice


def _parsed(payload: object) -> object:
    if not isinstance(payload, bytes | str):
        return payload
    if len(payload) > _MOST_BYTES:
        raise EventUnknown(f"the payload has more than {_MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        pass
    # Event Grid puts what it sends into a queue of Azure in base64.
    try:
        return msgspec.json.decode(base64.b64decode(payload, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise EventUnknown("the payload is no JSON") from None


def _read(value: object, depth: int) -> Notice:
    if depth > _MOST_DEPTH:
        raise EventUnknown(f"messages are put into one another more than {_MOST_DEPTH} times")
    if isinstance(value, list):
        return _together(value, depth)
    if not isinstance(value, dict):
        raise EventUnknown("the payload is no JSON object and no list of them")
    # MinIO writes into Redis what it sends elsewhere as Records.
    for name in ("Records", "Event"):
        if isinstance(value.get(name), list):
            return _together(value[name], depth)
    if letter := letters.letter(value):
        return _opened(letter, depth)
    for shape in _shapes():
        if notice := shape(value):
            return notice
    names = ", ".join(sorted(name[:40] for name in value if isinstance(name, str))[:8])
    raise EventUnknown(f"the payload has a shape that is not known, with {names or 'nothing'}")


def _opened(letter: letters.Letter, depth: int) -> Notice:
    """Read what a message carries: whatever is said about it then is said about the message."""
    try:
        notice = _read(_parsed(letter.body), depth + 1)
    except EventUnknown as error:
        return Notice(failed=((letter.receipt, error.detail),))
    return replace(
        notice,
        events=tuple(replace(event, receipt=letter.receipt) for event in notice.events),
        failed=tuple((letter.receipt, reason) for _, reason in notice.failed),
    )


def _together(values: list[Any], depth: int) -> Notice:
    """Read several: one that cannot be understood does not spoil its neighbours."""
    if len(values) > _MOST_EVENTS:
        raise EventUnknown(f"the payload has more than {_MOST_EVENTS} events")
    notices: list[Notice] = []
    for value in values:
        try:
            notices.append(_read(value, depth + 1))
        except EventUnknown as error:
            notices.append(Notice(failed=(("", error.detail),)))
    failed = tuple(failure for notice in notices for failure in notice.failed)
    if len(failed) == len(notices) > 0 and not any(receipt for receipt, _ in failed):
        raise EventUnknown(failed[0][1])
    events = tuple(event for notice in notices for event in notice.events)
    notes = dict.fromkeys(notice.note for notice in notices if notice.note)
    reply = next((notice.reply for notice in notices if notice.reply is not None), None)
    kinds = {notice.kind for notice in notices}
    # A test among events is no more than that; where all are one thing, so is the whole.
    kind = kinds.pop() if len(kinds) == 1 else "handshake" if reply is not None else "events"
    note = "; ".join([*notes][:_MOST_NOTES]) or ("" if notices else "there is nothing in it")
    return Notice(events, kind, note, reply, failed)
