"""What the pipelines write, for sources that were there before them."""

from __future__ import annotations

from collections.abc import Sequence

from safelight.backfill.previewing import preview
from safelight.backfill.tally import Made, Status
from safelight.errors import NotFound
from safelight.pipelines import Pipeline, Pipelines

# What a source comes to that several pipelines are for: the first that one of them came to.
_FIRST: tuple[Status, ...] = ("failed", "done", "current", "removed", "skipped")


class Uploads:
    """Bring sources up as an event would."""

    def __init__(self, pipelines: Pipelines, *, only: str = "", again: bool = False) -> None:
        """``only``: the name of a pipeline or preset. ``again``: try what has failed before.

        The pipelines are started here. Raises WorkerLost.
        """
        self._pipelines = pipelines
        self._only = only
        self._again = again
        pipelines.start()

    def bring_up(self, key: str) -> Made:
        """Make the outputs of a source. Raises Unavailable."""
        if not self._is_there(key):
            return Made("skipped", reason="it is not there any more")
        only = (self._only,) if self._only else ()
        outcomes = self._pipelines.bring_up(key, only=only, again=self._again)
        return _together(
            [
                Made(
                    "skipped" if outcome.status == "missing" else outcome.status,
                    sum(output.bytes for output in outcome.outputs),
                    outcome.reason,
                )
                for outcome in outcomes
            ]
        )

    def preview(self, key: str) -> Made:
        """Make the outputs of a source, and write none of them. Raises Unavailable."""
        return _together(
            [
                preview(self._pipelines.parts, pipeline, key, again=self._again)
                for pipeline in self._pipelines.matching(key)
                if is_called(pipeline, self._only)
            ]
        )

    def _is_there(self, key: str) -> bool:
        """Tell whether a source in a folder is there.

        What is gone has its outputs removed; but another machine may have another folder there.
        """
        sources = self._pipelines.sources
        if not sources.place(key)[0].store.local:
            return True
        try:
            sources.head(key)
        except NotFound:
            return False
        return True

    def close(self) -> None:
        """End the pipelines."""
        self._pipelines.close()


def is_called(pipeline: Pipeline, only: str) -> bool:
    """Tell whether a pipeline is meant, by its name or that of a preset that it writes."""
    return not only or only == pipeline.name or only in pipeline.presets


def _together(all: Sequence[Made]) -> Made:
    """Say of a source what became of it in all pipelines that it is for."""
    status = next(status for status in _FIRST if any(made.status == status for made in all))
    reasons = dict.fromkeys(made.reason for made in all if made.status == status and made.reason)
    return Made(status, sum(made.written for made in all), "; ".join(reasons))
