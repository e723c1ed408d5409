"""Draw the picture of the README with the real pipeline: ``python docs/images/variants.py``."""

from __future__ import annotations

from pathlib import Path

import pyvips

from safelight import engine
from safelight.limits import Limits
from safelight.transform import parse

HERE = Path(__file__).parent
PHOTOS = HERE.parent.parent / "examples" / "photos"
TRANSFORMS = (
    "480x320",
    "320x320,gravity=0.57x0.5",
    "200x320,gravity=east",
    "w=480,h=240,fit=contain,bg=20242c",
    "crop=0.4:0.25:0.4:0.4,320x240",
    "200x240,flip=horizontal",
)
ROWS = (TRANSFORMS[:3], TRANSFORMS[3:])
GAP, LABEL, PAPER, INK = 16, 26, (250, 250, 248), (60, 64, 72)


def tile(transform: str) -> pyvips.Image:
    """Render one transform with its text below."""
    source = (PHOTOS / "dragonfly.jpg").read_bytes()
    made = engine.run(source, parse(f"{transform},quality=95"), Limits())
    picture = pyvips.Image.new_from_buffer(made.data, "")
    text = pyvips.Image.text(transform, font="sans 9", dpi=96)
    label = text.new_from_image(INK) * (text / 255) + text.new_from_image(PAPER) * (1 - text / 255)
    label = label.cast("uchar").copy(interpretation="srgb")
    label = label.embed(0, 7, picture.width, LABEL, extend="background", background=PAPER)
    return picture.join(label, "vertical", background=PAPER)


def main() -> None:
    """Write variants.jpg."""
    engine.prepare()
    rows = [_side_by_side([tile(transform) for transform in row]) for row in ROWS]
    width = max(row.width for row in rows)
    sheet = rows[0].embed(0, 0, width, rows[0].height, extend="background", background=PAPER)
    for row in rows[1:]:
        sheet = sheet.join(row, "vertical", expand=True, shim=GAP, background=PAPER)
    sheet = sheet.embed(
        GAP, GAP, sheet.width + 2 * GAP, sheet.height + GAP, extend="background", background=PAPER
    )
    sheet.jpegsave(str(HERE / "variants.jpg"), Q=85, interlace=True, keep="none")


def _side_by_side(tiles: list[pyvips.Image]) -> pyvips.Image:
    row = tiles[0]
    for next_tile in tiles[1:]:
        row = row.join(next_tile, "horizontal", expand=True, shim=GAP, background=PAPER)
    return row


if __name__ == "__main__":
    main()
