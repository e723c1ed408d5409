"""What S3 tells a function of its objects, and what the one who told it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safelight.errors import SafelightError
from safelight.events import Notice, read
from safelight.functions.runtime import Runtime
from safelight.pipelines.outcomes import Outcome, in_vain

# What S3 Batch Operations writes into its report of a task.
_MOST_SAID = 1_000


def handle(runtime: Runtime, payload: Any, *, name: str, deadline: float) -> Any:
    """Do what an event asks for; ``name`` and ``deadline``: see Runtime.

    SQS is told which messages to bring again, S3 Batch Operations how each task ended. For all
    others what is to be brought again is raised: EventUnknown, SettingError, Unavailable.
    """
    notice = read(payload)
    if notice.kind == "batch":
        return _batch(runtime, notice, name, deadline)
    if _from_queue(payload):
        return _queue(runtime, notice, name, deadline)
    runtime.treat(notice, name=name, deadline=deadline)
    return notice.reply


def _queue(runtime: Runtime, notice: Notice, name: str, deadline: float) -> dict[str, Any]:
    """Tell SQS which messages to bring again; in the end it puts them where dead letters are."""
    failed = dict.fromkeys(receipt for receipt, _ in notice.failed)
    for event, ended in runtime.each(notice, name=name, deadline=deadline):
        if isinstance(ended, SafelightError):
            failed[event.receipt] = None
    return {"batchItemFailures": [{"itemIdentifier": receipt} for receipt in failed]}


def _batch(runtime: Runtime, notice: Notice, name: str, deadline: float) -> dict[str, Any]:
    """Tell S3 Batch Operations how each task ended."""
    results = [_result(receipt, "PermanentFailure", reason) for receipt, reason in notice.failed]
    for event, ended in runtime.each(notice, name=name, deadline=deadline):
        if isinstance(ended, SafelightError):
            code, said = "TemporaryFailure", ended.detail
        else:
            # What no pipeline is for did not fail: a job over a mixed bucket would be stopped then.
            failed = in_vain(ended) or any(outcome.status == "failed" for outcome in ended)
            code = "PermanentFailure" if failed else "Succeeded"
            said = "; ".join(map(_said, ended))
        results.append(_result(event.receipt, code, said))
    return {**(notice.reply or {}), "results": results}


def _said(outcome: Outcome) -> str:
    of = f" by {outcome.pipeline}" if outcome.pipeline else ""
    because = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.status}{of}{because}"


def _result(task: str, code: str, said: str) -> dict[str, str]:
    return {"taskId": task, "resultCode": code, "resultString": said[:_MOST_SAID]}


def _from_queue(payload: Any) -> bool:
    """Tell whether the messages of a queue were brought."""
    records = payload.get("Records") if isinstance(payload, Mapping) else None
    return isinstance(records, list) and any(
        isinstance(one, Mapping) and one.get("eventSource") == "aws:sqs" for one in records
    )
