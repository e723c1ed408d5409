"""What is written when a source arrives: outputs, metadata, dead letters.

Read ``reconcile.Work`` from top to bottom: this is what happens to a source in a pipeline.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safelight.pipelines.handling import Pipelines
    from safelight.pipelines.outcomes import Outcome, Written
    from safelight.pipelines.pipeline import Hooks, Pipeline

__all__ = ["Hooks", "Outcome", "Pipeline", "Pipelines", "Written"]

_WHERE = {
    "Pipelines": "handling",
    "Outcome": "outcomes",
    "Written": "outcomes",
    "Hooks": "pipeline",
    "Pipeline": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Load each part where it is asked for: settings are read where there are no pipelines."""
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
