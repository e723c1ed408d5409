"""What the messages of all clouds have in common: shapes, keys, times, versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from safelight.errors import EventUnknown
from safelight.events.event import Notice

_Wanted = TypeVar("_Wanted")
_MOST_KEY_BYTES = 2_048
_MOST_NAME_CHARACTERS = 255


class Shape(msgspec.Struct, rename="camel"):
    """A shape in a message: what is named is read, all else is passed over."""


def shaped(value: object, shape: type[_Wanted], whose: str) -> _Wanted:
    """Read a part of a message as a shape; ``whose`` names the message in the error.

    Raises EventUnknown, which names what is missing.
    """
    try:
        return msgspec.convert(value, shape)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise EventUnknown(f"{whose} is not as it should be: {error}") from None


def passed_over(name: str) -> Notice:
    """Acknowledge an event that makes, changes and removes no picture."""
    return Notice(note=f"{name[:80]!r} changes no picture")


def form_decoded(written: str) -> str:
    """Decode a key as forms are: ``+`` is a space (S3, MinIO). Raises EventUnknown."""
    try:
        return unquote_to_bytes(written.replace("+", " ")).decode()
    except UnicodeError:
        raise EventUnknown("a key is no UTF-8 once it is decoded") from None


def as_it_is(written: str) -> str:
    """Take a key that is not encoded."""
    return written


def checked_key(key: str) -> str:
    """Let a key pass that an object may have. Raises EventUnknown."""
    if not key:
        raise EventUnknown("a key is empty")
    try:
        size = len(key.encode())
    except UnicodeError:
        raise EventUnknown("a key is no text") from None
    if size > _MOST_KEY_BYTES or "\0" in key:
        raise EventUnknown(f"a key has more than {_MOST_KEY_BYTES} bytes, or a zero byte")
    return key


def checked_bucket(name: str) -> str:
    """Let the name of a bucket or container pass. Raises EventUnknown."""
    if not name or len(name) > _MOST_NAME_CHARACTERS or not name.isascii() or "/" in name:
        raise EventUnknown("the name of a bucket is empty, too long, or no name")
    return name


def seconds(written: float | str | None) -> float | None:
    """Read a time, as ISO 8601 or in seconds of Unix; None where there is none."""
    if isinstance(written, str):
        try:
            moment = datetime.fromisoformat(written)
            written = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return float(written) if written is not None and 0 <= written < 1e11 else None


def size_of(written: int | str | None) -> int | None:
    """Read a number of bytes, also one that is written as text; None where there is none."""
    if isinstance(written, str):
        written = int(written) if _digits(written) else None
    return written if written is not None and 0 <= written < 1 << 63 else None


def numbered(generation: int | str | None) -> str:
    """Write a generation, a number that grows, as a sequencer: of one width."""
    text = str(generation)
    return text.zfill(20) if _digits(text) else ""


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def sequencer_of(written: str | None) -> str:
    """Take a sequencer that is ordered as it is written; empty where there is none."""
    text = written or ""
    return text.upper() if text.isascii() and text.isalnum() and len(text) <= 128 else ""


def unquoted(etag: str | None) -> str:
    """Take the quotes off an ETag."""
    return (etag or "").strip('"')
