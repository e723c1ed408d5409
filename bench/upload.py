"""One upload becomes five outputs and its metadata: the engine against Pillow, as tutorials do it.

Run as ``python -m bench.upload ours|pillow PHOTO TRANSFORMS…``: every line of input is a set to
make, every line of output a JSON list of its CPU seconds and the bytes of the outputs.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from PIL import Image, ImageDraw, ImageFont

from bench.photographs import EIGHT
from bench.report import Row, at_most, ratio_at_most
from safelight import engine
from safelight.limits import Limits
from safelight.picture import Rendering, Wish
from safelight.storage import Opened
from safelight.transform import parse
from safelight.workers.pool import Pool, Workers

_ROOT = Path(__file__).resolve().parent.parent
# What a worker runs with. Pillow has a process as it comes: with large pages it needs longer.
_WORKERS = {
    "MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "VIPS_CONCURRENCY": "1",
}  # fmt: skip
_FONT = _ROOT / "src" / "safelight" / "fonts" / "DejaVuSansCondensed.ttf"

_TEXT = "© Safelight"
_THUMBNAILS, _LONGEST = (150, 300, 600), 1_920
_MARK = (
    "text=%C2%A9%20Safelight,text_size=0.05,text_min=20,text_opacity=0.5,text_padding=20,"
    "text_shadow=none,format=jpeg,quality=90"
)
_DEFAULTS = (
    *(f"w={side},h={side},fit=inside,format=jpeg" for side in _THUMBNAILS),
    f"w={_LONGEST},h={_LONGEST},fit=inside,format=jpeg,quality=85",
    _MARK,
)
# As Pillow writes them: of quality 75 unless said, baseline, colours at half the resolution, and
# without the search for cheaper coefficients that small pictures get here.
_LIKE_PILLOW = (
    *(f"{thumbnail},quality=75,progressive=false,effort=0" for thumbnail in _DEFAULTS[:3]),
    f"{_DEFAULTS[3]},progressive=false",
    f"{_MARK},progressive=false,subsampling=420",
)
_PHOTOS = ("12 MP", "20 MP", "24 MP", "12 MP progressive")
_TARGET = "12 MP"
_SHARE, _PEAK_BYTES = 0.35, 150


def measure(*, quick: bool) -> list[Row]:
    """Measure some photographs: the CPU time of both side by side, and what either holds."""
    return [row for photo in _PHOTOS for row in _measured(photo, rounds=3 if quick else 15)]


def _measured(photo: str, *, rounds: int) -> Iterator[Row]:
    path = EIGHT[photo]
    with (
        _Side("pillow", path, ()) as pillow,
        _Side("ours", path, _LIKE_PILLOW) as ours,
        _Side("ours", path, _DEFAULTS) as defaults,
    ):
        sides = (pillow, ours, defaults)
        for number in range(rounds):
            for side in sides[number % 3 :] + sides[: number % 3]:
                side.make()
    spent = f"{ours.milliseconds:.0f} / {pillow.milliseconds:.0f} ms"
    what = f"{photo}: five outputs and metadata, written as Pillow writes, against Pillow: CPU"
    ratio = ours.milliseconds / pillow.milliseconds
    bound = photo == _TARGET
    yield ratio_at_most(what, spent, ratio, _SHARE) if bound else Row(what, spent, ratio)
    what = f"{photo}: the same with the defaults for an upload: CPU"
    spent = f"{defaults.milliseconds:.0f} / {pillow.milliseconds:.0f} ms"
    yield Row(what, spent, defaults.milliseconds / pillow.milliseconds)
    for side, name in ((ours, "written as Pillow writes"), (defaults, "with the defaults")):
        sizes = f"{sum(side.sizes) / 1e3:,.0f} / {sum(pillow.sizes) / 1e3:,.0f} KB"
        share = sum(side.sizes) / sum(pillow.sizes)
        yield Row(f"{photo}: {name}, against Pillow: bytes", sizes, share)
    peak = _worker_peak(path) / 1e6
    yield (
        at_most(
            f"{photo}: peak of the worker process, Rss", f"{peak:.0f} MB", peak, _PEAK_BYTES, " MB"
        )
        if bound
        else Row(f"{photo}: peak of the worker process, Rss", f"{peak:.0f} MB")
    )
    yield Row(f"{photo}: peak of Pillow's process, Rss", f"{pillow.peak / 1e6:.0f} MB")


class _Side:
    """A process that makes the set whenever it is told to; only its best time counts."""

    def __init__(self, name: str, photo: Path, transforms: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.upload", name, str(photo), *transforms],
            env=os.environ | {"PYTHONPATH": str(_ROOT)} | (_WORKERS if name == "ours" else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._times: list[float] = []
        self.sizes: list[int] = []
        self.peak = 0

    def __enter__(self) -> _Side:
        # Also the warm-up: what is imported late is not counted, and the peak is that of one set.
        self.make()
        self._times.clear()
        self.peak = peak(self._process.pid)
        return self

    def __exit__(self, *exception: object) -> None:
        cast("IO[bytes]", self._process.stdin).close()
        self._process.wait()

    def make(self) -> None:
        stdin = cast("IO[bytes]", self._process.stdin)
        stdin.write(b"\n")
        stdin.flush()
        seconds, self.sizes = json.loads(cast("IO[bytes]", self._process.stdout).readline())
        self._times.append(seconds)

    @property
    def milliseconds(self) -> float:
        return min(self._times) * 1e3


def peak(pid: int) -> int:
    """Read the most resident bytes that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the peak of a process")


def _worker_peak(photo: Path) -> int:
    """Have the set made by a worker of a pool, as the service does, and read its peak."""
    pool = Pool(Limits(), Workers(processes=1))
    pool.start()
    try:
        with Opened(os.open(photo, os.O_RDONLY)) as source:
            wishes = [Wish(parse(text), "upload") for text in _DEFAULTS]
            made = pool.develop(source, wishes, deadline=time.monotonic() + 60, facts="all")
        if made.decodes != 1:
            raise RuntimeError(f"the source was decoded {made.decodes} times")
        return peak(pool.pids()[0])
    finally:
        pool.close()


def _ours(data: bytes, transforms: list[str]) -> list[int]:
    wishes = [Wish(parse(text), "upload") for text in transforms]
    made = engine.develop(data, wishes, Limits(), facts="all")
    outputs = [one for one in made.renderings if isinstance(one, Rendering)]
    told = {
        "metadata": dict(made.facts or {}),
        "outputs": [[one.width, one.height, len(one.data)] for one in outputs],
    }
    json.dumps(told)
    return [len(one.data) for one in outputs]


def _pillow(data: bytes, transforms: list[str]) -> list[int]:  # noqa: ARG001 - it knows what to do
    """Do as tutorials do: one picture is opened, and each output made of it by itself."""
    picture = Image.open(io.BytesIO(data))
    outputs = []
    for side in _THUMBNAILS:
        thumbnail = picture.copy()
        thumbnail.thumbnail((side, side), Image.Resampling.LANCZOS)
        outputs.append(_saved(thumbnail))
    optimised = picture.convert("RGB")
    optimised.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    outputs.append(_saved(optimised, quality=85, optimize=True))
    outputs.append(_saved(_watermarked(picture), quality=90))
    told = {
        "original_size": picture.size,
        "format": picture.format,
        "mode": picture.mode,
        "file_size_bytes": len(data),
        "exif": {str(tag): str(value) for tag, value in picture.getexif().items()},
        "outputs": [len(output) for output in outputs],
    }
    json.dumps(told)
    return [len(output) for output in outputs]


def _watermarked(picture: Image.Image) -> Image.Image:
    base = picture.convert("RGBA")
    layer = Image.new("RGBA", base.size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(layer)
    font = ImageFont.truetype(str(_FONT), max(20, base.width // 20))
    left, top, right, bottom = draw.textbbox((0, 0), _TEXT, font=font)
    place = (base.width - (right - left) - 20, base.height - (bottom - top) - 20)
    draw.text(place, _TEXT, font=font, fill=(255, 255, 255, 128))
    return Image.alpha_composite(base, layer).convert("RGB")


def _saved(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


_SIDES: dict[str, Callable[[bytes, list[str]], list[int]]] = {"ours": _ours, "pillow": _pillow}


def main(name: str, photo: Path, transforms: list[str]) -> None:
    """Make the set whenever a line says so."""
    engine.prepare(threads=1)
    data = photo.read_bytes()
    for _ in sys.stdin:
        started = time.process_time()
        sizes = _SIDES[name](data, transforms)
        print(json.dumps([time.process_time() - started, sizes]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
