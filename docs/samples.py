"""What the real pipeline makes of the operations' own examples.

Nothing here knows an operation but the table of photographs, which says where another than the
usual one shows more: a new operation needs no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safelight import engine
from safelight.limits import Limits
from safelight.operations import OPERATIONS, Operation, in_order
from safelight.picture import Header, Rendering
from safelight.transform import Transform, parse

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT / "examples" / "photos"
# The longest side in px of a picture on the page.
SIDE = 300

_USUAL = "sunset.jpg"
_SHOWN_BY = {
    "aspect": "dragonfly.jpg",
    "bg": "friends.jpg",
    "clahe": "forest.jpg",
    "crop": "dragonfly.jpg",
    "denoise": "forest.jpg",
    "frames": "web/mountains-pan.gif",
    "gravity": "mountains.jpg",
    "hdr": "mountains.jpg",
    "hue": "dragonfly.jpg",
    "median": "forest.jpg",
    "orient": "mountains-p3.jpg",
    "page": "web/mountains-pan.gif",
    "profile": "mountains-p3.jpg",
    "redact": "friends.jpg",
    "saturation": "dragonfly.jpg",
    "sharpen": "forest.jpg",
    "trim": "web/friends-cutout.png",
    "unsharp": "forest.jpg",
}
_SIZED_BY = ("w", "h", "max_w", "max_h")


@dataclass(frozen=True, slots=True)
class Sample:
    """An operation's example, as it is asked for of one of the photographs."""

    operation: Operation
    key: str
    text: str

    @property
    def transform(self) -> Transform:
        """The example, with a size if it has none."""
        return parse(self.text)

    @property
    def header(self) -> Header:
        """What the photograph's header says."""
        return engine.probe(photograph(self.key))


def samples() -> list[Sample]:
    """Give an example for every operation, in the order in which they run."""
    return [sample(operation) for operation in in_order(OPERATIONS)]


def sample(operation: Operation) -> Sample:
    """Give the example of one operation."""
    asked = parse(operation.example)
    sized = any(name in asked for name in _SIZED_BY)
    text = operation.example if sized else f"w={SIDE},{operation.example}"
    return Sample(operation, _SHOWN_BY.get(operation.name, _USUAL), text)


def photograph(key: str) -> bytes:
    """Read one of the example photographs."""
    return (PHOTOS / key).read_bytes()


def rendered(source: bytes, transform: Transform) -> Rendering:
    """Make a picture, with what it needs of other pictures from the example photographs."""
    pictures = {key: photograph(key) for key in transform.pictures()}
    return engine.run(source, transform, Limits(), pictures=pictures)


def fitted(picture: bytes) -> bytes:
    """Make a picture as large as the page has room for, and small in bytes."""
    small = parse(f"w={SIDE},h={SIDE},fit=inside,format=webp,quality=75,effort=9")
    return rendered(picture, small).data
