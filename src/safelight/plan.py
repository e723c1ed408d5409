"""The sizes that a picture will have on its way, reckoned before a pixel is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from safelight.operations import Operation, Stage
from safelight.operations.reading import Reading
from safelight.transform import Transform

# A size in px, across and down.
Size: TypeAlias = tuple[int, int]

# A picture is made from one that is at least so many times as large each way: then nobody sees that
# it was not made from the source.
STEP = 2


class Plan(msgspec.Struct, frozen=True):
    """What a transform will do to a picture of a known size, in px.

    ``size`` is the result's. ``region`` is what is left of the source when it comes to be resized,
    ``scaled`` what that becomes, ``largest`` the most px that the picture has on its way.
    ``direct``: until then it is at most turned and mirrored, so that it may be made small before.
    ``full``: something needs the source's own pixels.
    """

    size: tuple[int, int]
    region: tuple[int, int]
    scaled: tuple[int, int]
    largest: int
    direct: bool
    full: bool

    @property
    def scale(self) -> float:
        """How large the source is needed, 1 for all of it."""
        if self.full:
            return 1.0
        return max(to / of for to, of in zip(self.scaled, self.region, strict=True))


def plan(width: int, height: int, transform: Transform, *, after: Stage = Stage.SOURCE) -> Plan:
    """Reckon what becomes of a picture of ``width`` x ``height`` px as shown.

    ``after``: the stage that is behind it already.
    """
    size = region = scaled = (width, height)
    largest, direct, full, resized = 0, True, False, False
    for operation, _ in transform.steps():
        if operation.stage <= after:
            continue
        sizes = sizes_of(operation, size, transform)
        if operation.stage == Stage.RESIZE:
            region, scaled, resized = size, sizes[0], True
            # What is only turned is made small before.
            largest = 0 if direct and not full else largest
        elif not resized:
            full = full or operation.full
            direct = direct and operation.stage <= Stage.ORIENT
        size = sizes[-1] if sizes else size
        largest = max(largest, *(across * down for across, down in sizes), 0)
    if not resized:
        region = scaled = size
    return Plan(size, region, scaled, largest, direct and not full, full)


def sizes_of(
    operation: Operation, size: tuple[int, int], transform: Transform
) -> list[tuple[int, int]]:
    """Reckon the sizes that an operation gives a picture, one after the other."""
    if operation.sizes is None:
        return []
    given = {name: value for name, value in transform.arguments if name in operation.sized_by}
    return operation.sizes(*size, **given)


def reading(transform: Transform) -> Reading:
    """Gather how a transform wants the source to be opened."""
    opened = Reading()
    for operation, arguments in transform.steps():
        if operation.stage == Stage.SOURCE:
            opened = operation.apply(opened, **arguments)
    return opened


def parent(size: Size, made: Iterable[Size]) -> Size | None:
    """Choose the smallest of the sizes already made that another may be made from.

    None where that is only the source.
    """
    enough = (one for one in made if one[0] >= STEP * size[0] and one[1] >= STEP * size[1])
    return min(enough, key=lambda one: one[0] * one[1], default=None)
