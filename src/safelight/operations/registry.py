"""The record that an operation leaves behind, and the tables of all records."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from functools import partial
from typing import Any, TypeAlias, TypeVar

import msgspec

from safelight.params import Kind


class Stage(IntEnum):
    """When an operation runs. The order of names in a URL never changes the result.

    ``SOURCE`` says how the source is opened: its operations take and give a ``Reading``, all others
    a ``Frame``. ``CANVAS`` says what the others lay and place things by.
    """

    SOURCE = 0
    CANVAS = 1
    ORIENT = 2
    REDACT = 3
    TRIM = 4
    CROP = 5
    RESIZE = 6
    COLOUR = 7
    EFFECT = 8
    OVERLAY = 9
    MASK = 10
    PAD = 11
    OUTPUT = 12


class Parameter(msgspec.Struct, frozen=True):
    """One argument of an operation; its name is unique over all operations."""

    name: str
    operation: str
    kind: Kind
    default: Any


# (width, height, **arguments) -> the sizes after each step of an operation, the last is its result.
# The arguments are those that it names, whosever they are, or the operation's own.
Sizes: TypeAlias = Callable[..., list[tuple[int, int]]]
Idle: TypeAlias = Callable[[Mapping[str, Any]], Iterable[str]]


class Operation(msgspec.Struct, frozen=True):
    """What is known of an operation.

    ``cost`` is its work per output pixel, relative to a Lanczos resize; ``full`` says that it needs
    the source's own pixels, so that a loader may not shrink them. ``doc`` is one line, ``example``
    a transform that shows it. ``sizes`` reckons the sizes in px through which a picture goes, by
    the arguments named in ``sized_by``.
    ``idle`` names the parameters without effect beside the arguments that are set.
    """

    name: str
    stage: Stage
    apply: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    cost: float
    full: bool
    doc: str
    example: str
    sizes: Sizes | None
    sized_by: tuple[str, ...]
    idle: Idle


OPERATIONS: dict[str, Operation] = {}
PARAMETERS: dict[str, Parameter] = {}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def operation(
    stage: Stage,
    *,
    cost: float,
    example: str,
    full: bool = False,
    needs: tuple[str, ...] = (),
    sizes: Sizes | None = None,
    idle: Idle | None = None,
) -> Callable[[_Function], _Function]:
    """Record a function as an operation.

    Every keyword argument is annotated ``Annotated[type, kind]`` and has a default; the first line
    of the docstring is the documentation. ``needs``: unless one of these parameters is set, the
    operation's others have no effect. Raises TypeError when a name is taken.
    """

    def record(function: _Function) -> _Function:
        name = function.__name__.rstrip("_")
        hints, defaults = _hints(function), function.__kwdefaults__ or {}
        parameters = tuple(
            Parameter(argument.rstrip("_"), name, _kind(hints[argument]), default)
            for argument, default in defaults.items()
        )
        doc = (function.__doc__ or "").strip().splitlines()[0]
        names = tuple(parameter.name for parameter in parameters)
        taken = set(names) & set(PARAMETERS)
        if name in OPERATIONS or taken:
            raise TypeError(f"operation {name}: the name or {sorted(taken)} is taken")
        OPERATIONS[name] = Operation(
            name, stage, function, parameters, cost, full, doc, example, sizes,
            (sizes and _named(sizes)) or names,
            idle or partial(_unless_needed, needs, names),
        )  # fmt: skip
        PARAMETERS.update({parameter.name: parameter for parameter in parameters})
        return function

    return record


def _unless_needed(
    needs: tuple[str, ...], names: tuple[str, ...], given: Mapping[str, Any]
) -> Iterable[str]:
    return () if not needs or any(need in given for need in needs) else names


def _named(law: Sizes) -> tuple[str, ...]:
    code = law.__code__
    return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Read annotations; only where they were put off they are text, and take time to read."""
    hints = function.__annotations__
    if any(isinstance(hint, str) for hint in hints.values()):
        return typing.get_type_hints(function, include_extras=True)
    return hints


def _kind(hint: Any) -> Kind:
    return typing.cast("Kind", hint.__metadata__[0])


def in_order(names: Iterable[str]) -> list[Operation]:
    """Sort operations by stage, and inside a stage by the order of their declaration."""
    declared = list(OPERATIONS)
    return sorted(
        (OPERATIONS[name] for name in set(names)),
        key=lambda operation: (operation.stage, declared.index(operation.name)),
    )
