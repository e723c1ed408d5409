"""The only place where an operation is described.

An operation is one function with annotated parameters. Its record gives the URL's syntax, the
validation, the JSON schema, the documentation and the fuzzing: to add one, write one function in
one of the modules here, or in a new one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from safelight.operations.registry import (
    OPERATIONS,
    PARAMETERS,
    Operation,
    Parameter,
    Stage,
    in_order,
)

__all__ = ["OPERATIONS", "PARAMETERS", "Operation", "Parameter", "Stage", "in_order"]

# By name, so that operations of one stage have one order everywhere.
for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
