"""What operations and transforms mean, in words: read from the records, and from nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from safelight.operations import Operation, Parameter, Stage
from safelight.params import Enum, Flag
from safelight.picture import Header
from safelight.plan import plan, reading, sizes_of
from safelight.transform import Transform

# No kind of parameter takes it, so each says what it would have taken.
_NO_VALUE = "\0"


def further(operation: Operation) -> str:
    """Give what the docstring says beyond its first line, with single quotes for code."""
    text = inspect.getdoc(operation.apply) or ""
    return text.partition("\n")[2].strip().replace("``", "`")


def values(parameter: Parameter) -> str:
    """Say in words which values a parameter takes."""
    kind = parameter.kind
    try:
        kind.parse(_NO_VALUE)
    except ValueError as expected:
        said = str(expected)
    unit = getattr(kind, "unit", "")
    if unit:
        said += f" ({unit})"
    if isinstance(kind, Enum) and kind.synonyms:
        said += "; also " + ", ".join(f"{word} for {meant}" for word, meant in kind.synonyms)
    if kind.bare is not None and not isinstance(kind, Flag):
        said += f"; the name alone means {kind.bare}"
    return said


def default(parameter: Parameter) -> str | None:
    """Write the default as in an address; None when it is that nothing is set."""
    if parameter.default is None:
        return None
    return parameter.kind.build(parameter.default) or None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a transform.

    ``arguments`` are written as in an address. ``sizes`` are those in px that the picture goes
    through; none when it keeps its size, or when no source is known.
    """

    operation: Operation
    arguments: str
    sizes: tuple[tuple[int, int], ...] = ()


def steps(transform: Transform, shown: tuple[int, int] | None = None) -> list[Step]:
    """List what a transform does, in the order in which it is done.

    ``shown``: the size in px of the source as it is shown, if there is one.
    """
    found, size = [], shown
    for operation, arguments in transform.steps():
        sizes = sizes_of(operation, size, transform) if size else []
        distinct = tuple(dict.fromkeys(after for after in sizes if after != size))
        found.append(Step(operation, Transform(tuple(arguments.items())).canonical, distinct))
        size = sizes[-1] if sizes else size
    return found


def lines(transform: Transform, header: Header | None = None) -> Iterator[str]:
    """Describe a transform, and what becomes of a source if there is one, line by line."""
    shown = None
    if header is not None:
        shown = header.shown if reading(transform).orient else (header.width, header.height)
        # What is drawn has any size without loss.
        transform = transform.changed(enlarge=True) if header.vector else transform
        pages = f", {header.pages} pages or frames" if header.pages > 1 else ""
        yield f"source     {_px(shown)}, {header.format}{pages}"
    for number, step in enumerate(steps(transform, shown), start=1):
        yield f"{f'step {number}':10} {step.arguments}"
        yield f"{'':10} {step.operation.doc}"
        made = f", makes {', then '.join(map(_px, step.sizes))}" if step.sizes else ""
        yield f"{'':10} {step.operation.stage.name.lower()} stage, {cost(step.operation)}{made}"
    if shown is not None:
        yield from _outcome(transform, shown)


def cost(operation: Operation) -> str:
    """Say what an operation costs."""
    if operation.cost == 0:
        said = "costs nothing by itself"
    elif operation.cost == 1:
        said = "costs as much as a resize"
    else:
        said = f"costs {operation.cost:g} times a resize"
    return f"{said}, needs the source's own pixels" if operation.full else said


def _outcome(transform: Transform, shown: tuple[int, int]) -> Iterator[str]:
    planned = plan(*shown, transform)
    if planned.full:
        needing = [operation.name for operation, _ in transform.steps() if operation.full]
        yield f"decoding   every pixel, for {' and '.join(needing)}"
    elif planned.scale < 1:
        yield f"decoding   {planned.scale:.0%} of the width and height will do"
    # What is cut off by what it shows is known only then.
    cutting = [step.name for step, _ in transform.steps() if step.stage == Stage.TRIM]
    unless = f", unless {' and '.join(cutting)} cuts something off" if cutting else ""
    yield f"answer     {_px(planned.size)}{unless}"


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"
