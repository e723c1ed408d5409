"""Shapes to cut a picture to, as drawings."""

from __future__ import annotations

import math

import msgspec

# The points of a pentagram: the inner ones lie on a circle so much smaller.
_PENTAGRAM = (3 - math.sqrt(5)) / 2
_CIRCLE = "M100 50A50 50 0 1 1 0 50A50 50 0 1 1 100 50Z"
_HEART = (
    "M50 92C20 68 2 50 2 30C2 14 14 4 27 4C37 4 46 9 50 18"
    "C54 9 63 4 73 4C86 4 98 14 98 30C98 50 80 68 50 92Z"
)
# Of the curve |x|^n + |y|^n = 1: between a circle (2) and a square.
_SQUIRCLE_POWER, _SQUIRCLE_POINTS = 4, 96


class Shape(msgspec.Struct, frozen=True):
    """A path of SVG and its bounds: left, top, width and height.

    ``stretched``: it fills a picture of any proportions, instead of keeping its own.
    """

    path: str
    bounds: tuple[float, float, float, float] = (0, 0, 100, 100)
    stretched: bool = False

    def svg(self, width: int, height: int) -> str:
        """Draw the shape in the middle, as large as fits into ``width`` x ``height`` px."""
        bounds = " ".join(f"{number:.3f}" for number in self.bounds)
        fit = "none" if self.stretched else "xMidYMid"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="{bounds}" preserveAspectRatio="{fit}"><path d="{self.path}"/></svg>'
        )


def _polygon(points: list[tuple[float, float]]) -> Shape:
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    path = "L".join(f"{x:.3f} {y:.3f}" for x, y in points)
    return Shape(f"M{path}Z", (left, top, right - left, bottom - top))


def _regular(corners: int, *, turn: float = 0, inner: float | None = None) -> Shape:
    """Draw a polygon with a corner at the top, turned by ``turn`` degrees, or a star."""
    radii = [50.0] if inner is None else [50.0, 50.0 * inner]
    count = corners * len(radii)
    points = []
    for number in range(count):
        angle = math.radians(turn + 360 * number / count)
        radius = radii[number % len(radii)]
        points.append((radius * math.sin(angle), -radius * math.cos(angle)))
    return _polygon(points)


def _squircle() -> Shape:
    def rounded(part: float) -> float:
        return 50 * math.copysign(abs(part) ** (2 / _SQUIRCLE_POWER), part)

    angles = [2 * math.pi * number / _SQUIRCLE_POINTS for number in range(_SQUIRCLE_POINTS)]
    return _polygon([(rounded(math.cos(angle)), rounded(math.sin(angle))) for angle in angles])


SHAPES: dict[str, Shape] = {
    "circle": Shape(_CIRCLE),
    "ellipse": Shape(_CIRCLE, stretched=True),
    "squircle": _squircle(),
    "triangle": _regular(3),
    "diamond": _regular(4),
    "pentagon": _regular(5),
    "hexagon": _regular(6),
    "octagon": _regular(8, turn=22.5),
    "star": _regular(5, inner=_PENTAGRAM),
    "heart": Shape(_HEART, (2, 4, 96, 88)),
}


def rounded(width: int, height: int, radius: float, side: int) -> str:
    """Draw the upper left ``side`` x ``side`` px of a picture with round corners."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}">'
        f'<rect width="{width}" height="{height}" rx="{radius:.3f}" ry="{radius:.3f}"/></svg>'
    )
