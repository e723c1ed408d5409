"""What is written beside variants, and read again by whoever wrote it or somebody else."""

from __future__ import annotations

import json
import re

_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def seconds_of(text: object) -> float | None:
    """Read a time; None when there is none."""
    return float(text) if isinstance(text, str) and _TIME.fullmatch(text) else None


def entry_of(path: str) -> bytes:
    """Write an entry of the index."""
    return json.dumps({"path": path}).encode()


def path_of(entry: bytes) -> str | None:
    """Read an entry of the index; None when it is damaged."""
    try:
        path = json.loads(entry)["path"]
    except (ValueError, KeyError, TypeError):
        return None
    return path if isinstance(path, str) else None
