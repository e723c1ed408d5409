"""What every kind of parameter can do, and how lengths are rounded."""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeAlias

# A length in pixels (int), or as a part of a side (float, 0 to 1).
Part: TypeAlias = int | float

# Letters that have no place in a value: control characters, and halves of surrogate pairs.
UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


class Kind(Protocol):
    """What every kind of parameter can do."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names under which the parameter is accepted."""

    @property
    def bare(self) -> str | None:
        """What the bare name stands for, None when it needs a value."""

    def parse(self, text: str) -> Any:
        """Read a value. Raises ValueError with what was expected."""

    def build(self, value: Any) -> str:
        """Write the value in its one canonical form."""

    def schema(self) -> dict[str, Any]:
        """Describe the values as JSON Schema."""


def half_up(value: float) -> int:
    """Round to the nearest whole number, halves up, as a viewer would expect of 2.5 px.

    A half that floating point has made a hair less (25 x 0.58) still counts as one.
    """
    return math.floor(value + 0.5 + 1e-9)
