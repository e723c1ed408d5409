"""The outcome of a source in a pipeline: what was written, or why nothing was."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

Status: TypeAlias = Literal["done", "current", "removed", "skipped", "missing", "failed"]

# Apart from the rest of the log: a command that tells outcomes itself has them told once.
OUTCOMES = logging.getLogger("safelight.outcomes")


class Written(msgspec.Struct, frozen=True):
    """An output: where it lies, what it is, and how it was made.

    ``store`` is the URL of its store, without options; ``compression_ratio`` how many bytes of the
    source there are for each of its own.
    """

    key: str
    store: str
    type: str
    format: str
    width: int
    height: int
    bytes: int
    transform: str
    preset: str
    compression_ratio: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of a source in a pipeline, and where that is not a success, why.

    "done": its outputs were written; "current": they were all there; "removed": they were removed,
    as the source was; "skipped": it is not for this pipeline; "missing": there is no such source,
    and nothing that was made of one; "failed": a dead letter says why.
    ``version`` is the source's, where it was looked at.
    """

    status: Status
    source: str
    pipeline: str = ""
    reason: str = ""
    outputs: tuple[Written, ...] = ()
    version: str = ""

    def message(self) -> dict[str, Any]:
        """Say it in plain values, the same of the same outcome: whoever hears it twice can tell."""
        return {
            "source": self.source,
            "version": self.version,
            "pipeline": self.pipeline,
            "status": self.status,
            "reason": self.reason,
            "outputs": msgspec.to_builtins(self.outputs),
        }


def in_vain(outcomes: Iterable[Outcome]) -> bool:
    """Tell whether a source was named that is not there, and had left nothing to be removed."""
    statuses = {outcome.status for outcome in outcomes}
    return "missing" in statuses and "removed" not in statuses
