"""What a back-fill would do, told from a few sources; nothing is written."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from safelight.backfill.tally import Made
from safelight.backfill.work import Previewer
from safelight.errors import Unavailable
from safelight.storage import Entry

_SAMPLE = 24


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many sources there are, and what the whole would come to if all were as the sample.

    ``tried`` is what would become of the sources of the sample. ``seconds`` is on this machine,
    ``written`` in bytes.
    """

    sources: int
    size: int
    tried: tuple[tuple[str, Made], ...]
    seconds: float
    written: int


def estimate(previewer: Previewer, entries: Iterable[Entry], executor: Executor) -> Estimate:
    """List everything, and try a sample of it on an executor. Raises StoreUnavailable."""
    sources = size = 0
    # Each source of a listing is as likely to be in it as any other, however long it is.
    sample: list[str] = []
    chance = random.Random(0)  # noqa: S311 - no secret: the same sample each time
    for entry in entries:
        sources += 1
        size += entry.size
        if len(sample) < _SAMPLE:
            sample.append(entry.key)
        elif (place := chance.randrange(sources)) < _SAMPLE:
            sample[place] = entry.key
    if not sample:
        return Estimate(0, 0, (), 0.0, 0)
    # Processes start with the first one, which would be counted for each source.
    _previewed(previewer, sample[0])
    began = time.monotonic()
    tried = tuple(
        zip(sample, executor.map(lambda key: _previewed(previewer, key), sample), strict=True)
    )
    seconds = time.monotonic() - began
    written = sum(made.written for _, made in tried)
    return Estimate(
        sources,
        size,
        tried,
        seconds / len(sample) * sources,
        round(written / len(sample) * sources),
    )


def _previewed(previewer: Previewer, key: str) -> Made:
    try:
        return previewer.preview(key)
    except Unavailable as error:
        return Made("delayed", reason=error.reason)
