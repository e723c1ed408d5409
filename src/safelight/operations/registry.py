"""The record that an operation leaves behind, and the tables of all records."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from safelight.params import Kind


class Stage(IntEnum):
    """When an operation runs. The order of names in a URL never changes the result."""

    ORIENT = 0
    TRIM = 1
    CROP = 2
    RESIZE = 3
    COLOUR = 4
    EFFECT = 5
    OVERLAY = 6
    PAD = 7
    OUTPUT = 8


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation; its name is unique over all operations."""

    name: str
    operation: str
    kind: Kind
    default: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """What is known of an operation.

    ``cost`` is its work per output pixel, relative to a Lanczos resize. ``doc`` is one line,
    ``example`` a transform that shows it.
    """

    name: str
    stage: Stage
    apply: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    cost: float
    doc: str
    example: str


OPERATIONS: dict[str, Operation] = {}
PARAMETERS: dict[str, Parameter] = {}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def operation(stage: Stage, *, cost: float, example: str) -> Callable[[_Function], _Function]:
    """Record a function as an operation.

    Every keyword argument is annotated ``Annotated[type, kind]`` and has a default; the first line
    of the docstring is the documentation. Raises TypeError when a name is taken.
    """

    def record(function: _Function) -> _Function:
        name = function.__name__.rstrip("_")
        hints = typing.get_type_hints(function, include_extras=True)
        parameters = tuple(
            Parameter(
                argument.name.rstrip("_"), name, _kind(hints[argument.name]), argument.default
            )
            for argument in inspect.signature(function).parameters.values()
            if argument.kind is inspect.Parameter.KEYWORD_ONLY
        )
        doc = (function.__doc__ or "").strip().splitlines()[0]
        taken = {p.name for p in parameters} & set(PARAMETERS)
        if name in OPERATIONS or taken:
            raise TypeError(f"operation {name}: the name or {sorted(taken)} is taken")
        OPERATIONS[name] = Operation(name, stage, function, parameters, cost, doc, example)
        PARAMETERS.update({parameter.name: parameter for parameter in parameters})
        return function

    return record


def _kind(hint: Any) -> Kind:
    return typing.cast("Kind", hint.__metadata__[0])


def in_order(names: Iterable[str]) -> list[Operation]:
    """Sort operations by stage, and inside a stage by the order of their declaration."""
    declared = list(OPERATIONS)
    return sorted(
        (OPERATIONS[name] for name in set(names)),
        key=lambda operation: (operation.stage, declared.index(operation.name)),
    )
