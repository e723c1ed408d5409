"""Handle what a platform tells of uploads, all of it before the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from safelight.errors import SafelightError
from safelight.events import read
from safelight.functions.runtime import Runtime

if TYPE_CHECKING:
    from safelight.pipelines import Outcome

_NOTHING: Mapping[str, str] = MappingProxyType({})


def handle(
    runtime: Runtime,
    payload: object,
    headers: Mapping[str, str] = _NOTHING,
    *,
    name: str = "",
    deadline: float | None = None,
) -> Mapping[str, Any]:
    """Do what a notice asks for; returns what its sender is answered.

    ``headers`` are those it came with; ``name`` and ``deadline``: see Runtime, but there is never
    more time than pipelines may take. Whatever happens to one event, the others are
    handled. Raises EventUnknown, SettingError, and Unavailable where all shall come once more.
    """
    until = time.monotonic() + runtime.settings.events.seconds
    until = until if deadline is None else min(until, deadline)
    notice = read(payload, headers)
    outcomes: list[dict[str, Any]] = []
    faults: list[SafelightError] = []
    for _, ended in runtime.each(notice, name=name, deadline=until):
        if isinstance(ended, SafelightError):
            faults.append(ended)
        else:
            outcomes += map(_summary, ended)
    for fault in faults:
        raise fault
    return {"outcomes": outcomes} if notice.reply is None else notice.reply


def _summary(outcome: Outcome) -> dict[str, Any]:
    summary = {
        "status": outcome.status,
        "source": outcome.source,
        "pipeline": outcome.pipeline,
        "reason": outcome.reason,
        "written": [written.key for written in outcome.outputs],
    }
    return {name: value for name, value in summary.items() if value}
