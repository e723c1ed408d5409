"""Every operation on one page to look over: ``python -m docs.sheet [NAME...]``.

Writes build/sheet/index.html, where animations move, and build/sheet/sheet.png: the example of each
operation over a photograph, a picture with transparency (on a checkerboard) and an animation (its
first and last frame). Named operations only, when some are named.
"""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageSequence

from docs.samples import ROOT, Sample, photograph, rendered, samples
from safelight import engine
from safelight.errors import TransformInvalid

FOLDER = ROOT / "build" / "sheet"
SOURCES = ("web/friends-cutout.png", "web/mountains-pan.gif")
_WIDE, _HIGH, _LABEL, _GAP = 176, 132, 18, 10
_COLUMNS = 3
_PAPER, _INK = (250, 250, 248), (40, 44, 52)


@dataclass(frozen=True, slots=True)
class Row:
    """An operation, and its example over each of the sources: bytes, or why there is none."""

    sample: Sample
    made: tuple[bytes | str, ...]


def rows(names: list[str]) -> Iterator[Row]:
    """Make every picture of the sheet."""
    for sample in samples():
        if not names or sample.operation.name in names:
            still = sample.key if sample.key.endswith(".jpg") else "sunset.jpg"
            yield Row(sample, tuple(_made(sample, key) for key in (still, *SOURCES)))


def _made(sample: Sample, key: str) -> bytes | str:
    bounded = sample.transform.changed(max_w=2 * _WIDE, max_h=2 * _HIGH)
    # A browser shows all of these; TIFF it would not.
    if bounded["format"] in (None, "tiff"):
        bounded = bounded.changed(format="webp", quality=90)
    try:
        return rendered(photograph(key), bounded).data
    except TransformInvalid as refused:
        return refused.detail


def sheet(rows: list[Row]) -> Image.Image:
    """Draw all rows on one sheet."""
    cells = [_cell(row) for row in rows]
    width, height = cells[0].size
    lines = -(-len(cells) // _COLUMNS)
    drawn = Image.new("RGB", (_COLUMNS * width, lines * height), _PAPER)
    for number, cell in enumerate(cells):
        drawn.paste(cell, (number // lines * width, number % lines * height))
    return drawn


def _cell(row: Row) -> Image.Image:
    tiles = [tile for made in row.made for tile in _tiles(made)]
    cell = Image.new("RGB", (4 * (_WIDE + _GAP) + _GAP, _HIGH + _LABEL + _GAP), _PAPER)
    draw = ImageDraw.Draw(cell)
    label = f"{row.sample.operation.name}:  {row.sample.text}"
    draw.text((_GAP, 2), label, _INK, ImageFont.load_default(12))
    for number, tile in enumerate(tiles):
        cell.paste(tile, (_GAP + number * (_WIDE + _GAP), _LABEL))
    return cell


def _tiles(made: bytes | str) -> Iterator[Image.Image]:
    """Show the first frame, and the last one of an animation."""
    if isinstance(made, str):
        tile = Image.new("RGB", (_WIDE, _HIGH), _PAPER)
        ImageDraw.Draw(tile).text((4, 4), made, _INK, ImageFont.load_default(10))
        yield tile
        return
    picture = Image.open(io.BytesIO(made))
    moving = picture.format in ("GIF", "WEBP")
    frames = [frame.convert("RGBA") for frame in ImageSequence.Iterator(picture)]
    yield _on_checkerboard(frames[0])
    if moving and len(frames) > 1:
        yield _on_checkerboard(frames[-1])


def _on_checkerboard(frame: Image.Image) -> Image.Image:
    frame.thumbnail((_WIDE, _HIGH))
    board = Image.new("RGBA", frame.size, "white")
    draw = ImageDraw.Draw(board)
    for x in range(0, frame.width, 8):
        for y in range(x // 8 % 2 * 8, frame.height, 16):
            draw.rectangle((x, y, x + 7, y + 7), (205, 205, 205))
    return Image.alpha_composite(board, frame).convert("RGB")


def page(rows: list[Row], folder: Path) -> str:
    """Write the page; its pictures go beside it."""
    parts = [_HEAD]
    for row in rows:
        name = row.sample.operation.name
        asked, doc = html.escape(row.sample.text), html.escape(row.sample.operation.doc)
        parts.append(f"<h2><b>{name}</b> <code>{asked}</code> {doc}</h2><p>")
        for number, made in enumerate(row.made):
            if isinstance(made, str):
                parts.append(f"<i>{html.escape(made)}</i>")
                continue
            (folder / f"{name}-{number}").write_bytes(made)
            parts.append(f'<img src="{name}-{number}" alt="">')
        parts.append("</p>")
    return "\n".join(parts)


_HEAD = """\
<!doctype html><meta charset="utf-8"><title>Every operation</title>
<style>
body { font: 14px sans-serif; background: #fafaf8; columns: 2 800px }
h2 { font: inherit; margin: 12px 0 4px } p { margin: 0; break-inside: avoid }
img { max-height: 132px; background: #dde }
</style>"""


def main(names: list[str]) -> None:
    """Write both forms."""
    engine.prepare()
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = list(rows(names))
    (FOLDER / "index.html").write_text(page(made, FOLDER), encoding="utf-8")
    sheet(made).save(FOLDER / "sheet.png")
    print(f"{len(made)} operations: {FOLDER / 'index.html'} and {FOLDER / 'sheet.png'}")


if __name__ == "__main__":
    main(sys.argv[1:])
