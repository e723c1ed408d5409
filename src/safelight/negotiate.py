"""What the viewer accepts, already has, and wants a part of: pure functions over header values."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from safelight.errors import RangeInvalid
from safelight.formats import BY_NAME

# The best first. A wildcard in Accept says nothing about these: it is older than they are.
MODERN = ("avif", "webp")
_FALLBACK = "image/jpeg"
_MAX_HEADER = 4_096
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_RANGE = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_ENTITY_TAG = re.compile(r'[\s,]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
# Names of an HTTP date (RFC 9110 §5.6.7): of no locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_RANGE = re.compile(r"bytes=\s*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\s*")


def accepted(accept: str) -> dict[str, float]:
    """Read an Accept header into media ranges and weights (RFC 9110 §12.5.1).

    An element that does not follow the grammar is left out, as are media types with parameters of
    their own: no image type has any.
    """
    ranges: dict[str, float] = {}
    for element in accept[:_MAX_HEADER].split(","):
        head, *parameters = element.split(";")
        media = _MEDIA_RANGE.fullmatch(head)
        weight = _weight(parameters)
        if media and weight is not None:
            ranges[f"{media[1]}/{media[2]}".lower()] = weight
    return ranges


def _weight(parameters: list[str]) -> float | None:
    weight = 1.0
    for parameter in filter(str.strip, parameters):
        name, _, value = parameter.strip().partition("=")
        if name.lower() != "q" or not _WEIGHT.fullmatch(value):
            return None
        weight = float(value)
    return weight


@lru_cache(maxsize=512)
def viewer_class(accept: str, writable: tuple[str, ...] = MODERN) -> str:
    """Sort a viewer by its Accept header: auto-avif, auto-webp, or auto, as ``format`` knows them.

    ``writable``: the formats that can be had. A modern one counts only when it is named itself with
    a weight above zero, and is not wanted less than the older ones. What a picture really becomes
    depends on the picture, too: so the class is part of its name, and the header is not.
    """
    ranges = accepted(accept)
    older = next((ranges[r] for r in (_FALLBACK, "image/*", "*/*") if r in ranges), 0.0)
    weights = {name: ranges.get(BY_NAME[name].mime, 0.0) for name in MODERN if name in writable}
    best = max(weights, key=lambda name: weights[name], default=None)
    wanted = best is not None and weights[best] > 0 and weights[best] >= older
    return f"auto-{best}" if wanted else "auto"


def matches(if_none_match: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names a strong ``etag``, by the weak comparison."""
    if if_none_match.strip() == "*":
        return True
    position, header = 0, if_none_match[:_MAX_HEADER]
    while found := _ENTITY_TAG.match(header, position):
        if found[1] == etag:
            return True
        position = found.end()
    return False


def not_modified_since(if_modified_since: str, modified: float) -> bool:
    """Tell whether nothing has changed since an HTTP date; a malformed one is ignored.

    ``modified``: seconds since the epoch.
    """
    from email.utils import parsedate_to_datetime

    try:
        since = parsedate_to_datetime(if_modified_since)
    except (ValueError, OverflowError):
        return False
    return since.tzinfo is not None and int(modified) <= since.timestamp()


@lru_cache(maxsize=1_024)
def http_date(seconds: int) -> str:
    """Write seconds since the epoch as an HTTP date."""
    # The library's own loads, for this line, a fourteenth of what a function starts with.
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{_DAYS[at.weekday()]}, {at:%d} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S} GMT"


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Read a Range header for ``size`` bytes into (first, last + 1).

    None when the whole shall be sent: another unit, several ranges, or no valid grammar. Raises
    RangeInvalid when no byte of the range exists.
    """
    found = _RANGE.fullmatch(header)
    if not found:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeInvalid(f"the image has {size} bytes")
    return start, end
