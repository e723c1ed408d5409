"""Count what became of sources, and keep the failures of a chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

# As of an outcome of a pipeline; ``delayed`` is what nobody could do at the moment.
Status: TypeAlias = Literal["done", "current", "removed", "skipped", "failed", "delayed"]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one source; ``written`` is in bytes, ``reason`` says why nothing was made."""

    status: Status
    written: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source of which something could not be made, and why; ``again`` says it may be yet."""

    key: str
    reason: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """How many sources came to what, and the bytes that were written for them."""

    done: int = 0
    current: int = 0
    removed: int = 0
    skipped: int = 0
    failed: int = 0
    delayed: int = 0
    written: int = 0
    failures: tuple[Failure, ...] = ()
    # Whoever was at work was told to stop: some sources of the chunk were not looked at.
    cut: bool = False

    @property
    def sources(self) -> int:
        """How many sources there were."""
        return self.done + self.current + self.removed + self.skipped + self.failed + self.delayed

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be tried again."""
        return not self.delayed and not self.cut

    def plus(self, key: str, made: Made) -> Tally:
        """Count one source more."""
        failures = self.failures
        if made.status in ("failed", "delayed"):
            failures = (*failures, Failure(key, made.reason, made.status == "delayed"))
        counts = {made.status: getattr(self, made.status) + 1}
        return replace(self, **counts, written=self.written + made.written, failures=failures)

    def __add__(self, other: Tally) -> Tally:
        """Add up the numbers; the failures are not kept, there may be many."""
        return Tally(
            self.done + other.done,
            self.current + other.current,
            self.removed + other.removed,
            self.skipped + other.skipped,
            self.failed + other.failed,
            self.delayed + other.delayed,
            self.written + other.written,
        )
