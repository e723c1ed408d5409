"""Which pictures are kept as golden ones; run as a module it makes them anew.

``python -m tests.support.golden`` writes tests/golden; names pick some of them. Look at
each before it is committed.

There are two sorts. ``PICTURES`` are chosen by hand, for what sources can be. Every operation has a
strip besides: its own example, made at most 96 px large of a photograph, of a picture with
transparency and of an animation (its first and last frame), side by side.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageSequence

from docs.samples import rendered as rendered_by
from safelight import engine
from safelight.errors import TransformInvalid
from safelight.operations import OPERATIONS, Operation
from safelight.transform import Transform, parse
from tests.support.perceptual import VISUALLY_LOSSLESS, colour_difference, dissimilarity
from tests.support.pictures import mean_difference

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "golden"
STRIPS = FOLDER / "operations"
SIDE = 96
# How different a picture may look from its golden one. Encoders and their versions change a few
# values by one or two, and nobody sees that. What is visually lossless is measured in
# ``perceptual``; a shift by one pixel is ten times as much. The mean difference in colour (CIE
# 1976) is less than half of what is just noticeable, that of transparency is one level of 255.
MOST_DISSIMILAR = VISUALLY_LOSSLESS
MOST_COLOUR = 1.0
MOST_ALPHA = 1.0
_GAP = 4
# What stands in a strip for a source of which the example cannot be made.
_REFUSED = Image.new("RGBA", (8, 8), "magenta")

# Name of the golden picture: source below the repository, transform. All are written as PNG.
PICTURES: dict[str, tuple[str, str]] = {
    "sunset-cover": ("examples/photos/sunset.jpg", "120x80"),
    "friends-northwest": ("examples/photos/friends.jpg", "90x90,gravity=northwest"),
    "dragonfly-smart": ("examples/photos/dragonfly.jpg", "90x90,gravity=smart"),
    "display-p3-turned": ("examples/photos/mountains-p3.jpg", "w=120"),
    "forest-webp-crop": ("examples/photos/web/forest.webp", "crop=0.2:0.3:0.5:0.5,w=120"),
    "forest-avif-rotated": ("examples/photos/web/forest.avif", "rotate=90,flip=horizontal,h=120"),
    "cmyk": ("tests/data/photos/cmyk.jpg", "w=120"),
    "exif-8": ("tests/data/photos/exif-8.jpg", "h=120"),
    "sixteen-bits": ("tests/data/photos/photo-16bit.png", "w=120"),
    "bug-alpha": ("tests/data/photos/alpha-bug.png", "w=120"),
    "bug-on-orange": ("tests/data/photos/alpha-bug.png", "120x80,fit=contain,bg=ff8000"),
    "arcs-alpha": ("tests/data/photos/alpha-graphic.png", "w=120"),
    "first-frame": ("tests/data/photos/anim-graphic.gif", "w=120"),
    "blobs-svg": ("tests/data/photos/blobs.svg", "w=120"),
    "check-svg-large": ("tests/data/photos/check.svg", "w=200"),
    "text-leftwards": (
        "examples/photos/forest.jpg",
        "150x100,text=%D7%A9%D7%9C%D7%95%D7%9D%0A%3Cb%3E%26%3C%2Fb%3E,text_size=0.2,text_outline=800",
    ),
    "watermark-tiled": (
        "examples/photos/sunset.jpg",
        "150x90,watermark=marks%2Flogo.svg,watermark_tile,watermark_scale=0.15,"
        "watermark_opacity=0.6,watermark_padding=0.1,watermark_blend=soft-light",
    ),
    "gradient-corner": (
        "examples/photos/mountains.jpg",
        "140x90,gradient=8000ff,gradient_side=northwest,gradient_to=1,gradient_length=0.9",
    ),
    "text-on-gradient-cut-round": (
        "tests/data/photos/photo-16bit.png",
        "130x90,gradient,text=A%20caption,text_position=south,text_size=0.12,round=max",
    ),
    "redacted-twice": (
        "examples/photos/friends.jpg",
        "w=100,redact=0.28:0.22:0.25:0.18;0.45:0.42:0.3:0.2,redact_mode=pixelate",
    ),
}
# What every operation is tried on.
SOURCES = {
    "photograph": "examples/photos/mountains-p3.jpg",
    "transparency": "examples/photos/web/friends-cutout.png",
    "animation": "examples/photos/web/mountains-pan.gif",
}


def rendered(name: str) -> bytes:
    """Make one of ``PICTURES`` as it is made today."""
    source, transform = PICTURES[name]
    return made(source, parse(f"{transform},format=png,effort=9"))


def made(source: str, transform: Transform) -> bytes:
    """Make a picture of a file below the repository."""
    return rendered_by((ROOT / source).read_bytes(), transform).data


def small(transform: Transform) -> Transform:
    """Bound a transform by the size of a strip; without loss, unless it asks for a format."""
    bounded = transform.changed(max_w=SIDE, max_h=SIDE)
    return bounded if bounded["format"] else bounded.changed(format="webp", lossless=True)


def pieces(transform: Transform) -> list[Image.Image]:
    """Make the pieces of a strip as they are made today."""
    return [piece for source in SOURCES.values() for piece in _frames(source, small(transform))]


def _frames(source: str, transform: Transform) -> Iterator[Image.Image]:
    try:
        picture = Image.open(io.BytesIO(made(source, transform)))
    except TransformInvalid:
        yield _REFUSED
        return
    moving = picture.format in ("GIF", "WEBP")
    frames = [frame.convert("RGBA") for frame in ImageSequence.Iterator(picture)]
    yield frames[0]
    if moving and len(frames) > 1:
        yield frames[-1]


def strip(pieces: list[Image.Image]) -> Image.Image:
    """Put pieces side by side."""
    width = sum(piece.width + _GAP for piece in pieces) - _GAP
    joined = Image.new("RGBA", (width, max(piece.height for piece in pieces)))
    for piece, left in zip(pieces, _lefts(pieces), strict=True):
        joined.paste(piece, (left, 0))
    return joined


def cut(joined: Image.Image, pieces: list[Image.Image]) -> list[Image.Image]:
    """Cut a strip where pieces of these sizes lie."""
    return [
        joined.crop((left, 0, left + piece.width, piece.height))
        for piece, left in zip(pieces, _lefts(pieces), strict=True)
    ]


def _lefts(pieces: list[Image.Image]) -> Iterator[int]:
    left = 0
    for piece in pieces:
        yield left
        left += piece.width + _GAP


def golden_strip(operation: Operation) -> Path:
    """Name the file of an operation's strip."""
    return STRIPS / f"{operation.name}.webp"


def fault(now: Image.Image, then: Image.Image) -> str | None:
    """Say what anybody would see that is different, None for nothing."""
    if now.size != then.size:
        return f"size {now.size} instead of {then.size}"
    now, then = now.convert("RGBA"), then.convert("RGBA")
    if (by := mean_difference(now.getchannel("A"), then.getchannel("A"))) >= MOST_ALPHA:
        return f"transparency differs by {by:.1f}"
    opaque = now.getchannel("A").getextrema()[0] == then.getchannel("A").getextrema()[0] == 255
    for paper in ("white",) if opaque else ("white", "black"):
        one, other = on(paper, now), on(paper, then)
        if (by := dissimilarity(one, other)) >= MOST_DISSIMILAR:
            return f"dissimilarity of {by:.4f} on {paper}"
        if (by := colour_difference(one, other)) >= MOST_COLOUR:
            return f"colours differ by {by:.2f} on {paper}"
    return None


def on(paper: str, picture: Image.Image) -> Image.Image:
    """Lay a picture on a plain ground."""
    over = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, paper), over).convert("RGB")


def main(names: list[str]) -> None:
    engine.prepare(threads=1)
    STRIPS.mkdir(parents=True, exist_ok=True)
    for name in names or PICTURES:
        if name in PICTURES:
            (FOLDER / f"{name}.png").write_bytes(rendered(name))
    for name in names or OPERATIONS:
        if name in OPERATIONS:
            joined = strip(pieces(parse(OPERATIONS[name].example)))
            joined.save(golden_strip(OPERATIONS[name]), lossless=True, method=6)
    for file in STRIPS.iterdir():
        if file.stem not in OPERATIONS:
            file.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
