"""Which pictures are kept as golden ones; run as a module it makes them anew.

``python -m tests.support.golden`` writes tests/golden/*.png. Look at each before it is committed.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "golden"

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
}


def rendered(name: str) -> bytes:
    """Make a picture as it is made today."""
    from safelight import engine
    from safelight.limits import Limits
    from safelight.transform import parse

    source, transform = PICTURES[name]
    data = (ROOT / source).read_bytes()
    return engine.run(data, parse(f"{transform},format=png,effort=9"), Limits()).data


def main() -> None:
    from safelight import engine

    engine.prepare(threads=1)
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.png").write_bytes(rendered(name))


if __name__ == "__main__":
    main()
