"""Safelight's own form, for whoever uploads by a program of theirs: the key of a source."""

from __future__ import annotations

from typing import Any, Literal

from safelight.errors import EventUnknown
from safelight.events.event import Event, Notice
from safelight.events.shapes import checked_key

_KINDS: tuple[Literal["created", "removed"], ...] = ("created", "removed")


def named(value: dict[str, Any]) -> Notice | None:
    """Read ``{"created": key}`` or ``{"removed": key}``. Raises EventUnknown."""
    for kind in _KINDS:
        if value.keys() == {kind}:
            if not isinstance(value[kind], str):
                raise EventUnknown(f'{kind}: expected a key (example: {{"{kind}": "cats/a.jpg"}})')
            return Notice((Event(kind, "local", "", checked_key(value[kind])),))
    return None
