"""What is already there, brought up to what the settings say: listed, made, and remembered.

``run`` is the whole of it: it knows nothing of pictures, and works on any executor.
"""

from __future__ import annotations

from safelight.backfill.chunks import Chunk, Group, grouped
from safelight.backfill.estimate import Estimate, estimate
from safelight.backfill.failures import FailuresFile
from safelight.backfill.manifest import Manifest, load, manifest_id
from safelight.backfill.running import Progress, run
from safelight.backfill.tally import Failure, Made, Tally
from safelight.backfill.work import Maker, Previewer, Work, bring_up, release

__all__ = [
    "Chunk",
    "Estimate",
    "Failure",
    "FailuresFile",
    "Group",
    "Made",
    "Maker",
    "Manifest",
    "Previewer",
    "Progress",
    "Tally",
    "Work",
    "bring_up",
    "estimate",
    "grouped",
    "load",
    "manifest_id",
    "release",
    "run",
]
