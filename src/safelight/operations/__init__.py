"""The only place where an operation is described.

An operation is one function with annotated parameters. Its record gives the URL's syntax, the
validation, the JSON schema, the documentation and the fuzzing: to add one, write one function in
one of the modules here.
"""

from __future__ import annotations

from safelight.operations import colour, geometry, output
from safelight.operations.registry import (
    OPERATIONS,
    PARAMETERS,
    Operation,
    Parameter,
    Stage,
    in_order,
)

__all__ = [
    "OPERATIONS",
    "PARAMETERS",
    "Operation",
    "Parameter",
    "Stage",
    "colour",
    "geometry",
    "in_order",
    "output",
]
