"""How much memory processes occupy."""

from __future__ import annotations

import resource
from pathlib import Path

_PAGE = resource.getpagesize()


def resident_bytes(pid: int) -> int | None:
    """Tell the resident bytes of a process; None when it is gone, or the system has no ``/proc``.

    See proc_pid_statm(5).
    """
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return None
