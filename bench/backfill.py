"""A back-fill of photographs, against the engine alone on all cores; and its memory.

Run as ``python -m bench.backfill LIST``: the engine alone, for each line of input the share that
this process has of the photographs in the file LIST; every line of output says how many were made.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from bench.photographs import EIGHT
from bench.processes import memory
from bench.report import Row, ratio_at_least, ratio_at_most
from safelight import engine
from safelight.limits import Limits
from safelight.transform import parse

_ROOT = Path(__file__).resolve().parent.parent
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "VIPS_CONCURRENCY": "1", "PYTHONPATH": str(_ROOT)}
_THUMB = "w=300,h=300,fit=inside,format=jpeg"
# Most photographs on a website are of its widest size; some are as a camera made them.
_SITE, _LARGE_EVERY = "w=1600,format=jpeg,quality=88", 10
_SETTINGS = {
    "a preset": "",
    "a pipeline": """
[[pipelines]]
on = ""
suffix = [".jpg"]
write = [{ preset = "thumb" }]
""",
}
_ENOUGH = 0.9
_MANY = 1_000_000


def measure(*, quick: bool) -> list[Row]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="safelight-bench-") as folder:
        rows = list(_against_the_engine(Path(folder), 200 if quick else 2_000))
    return [*rows, *_many(_MANY // 10 if quick else _MANY)]


@dataclass(frozen=True, slots=True)
class Spent:
    """What some photographs took: by the clock, and of all cores, in seconds."""

    seconds: float
    cpu: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.cpu + other.cpu)


def _against_the_engine(folder: Path, count: int) -> Iterator[Row]:
    """Run each back-fill between two runs of the engine over half of the photographs."""
    _lay_out(folder / "kept", folder / "photos", count)
    paths = sorted((folder / "photos").iterdir())[: count // 2]
    (folder / "list.json").write_text(json.dumps([str(path) for path in paths]))
    with _Alone(folder / "list.json") as engines:
        before = engines.run()
        for name, pipelines in _SETTINGS.items():
            ours, (early, late) = _backfill(folder, name, pipelines)
            after = engines.run()
            alone, before = before + after, after
            what = f"{count:,} photographs to {name}"
            yield ratio_at_least(
                f"{what}, against the engine alone",
                f"{count / ours.seconds:.1f} a second, the engine {count / alone.seconds:.1f}",
                alone.seconds / ours.seconds,
                _ENOUGH,
            )
            yield Row(
                f"{what}, the same in CPU time",
                f"{ours.cpu / count * 1e3:.1f} ms each, the engine {alone.cpu / count * 1e3:.1f}",
                alone.cpu / ours.cpu,
            )
            yield ratio_at_most(
                f"{what}: memory of the command at the end, against that at 10 %",
                f"{early / 1e6:.0f} and {late / 1e6:.0f} MB Rss",
                late / early,
                1.1,
            )


def _lay_out(kept: Path, folder: Path, count: int) -> None:
    """Link photographs under many names: nine of a website's size for one of a camera's."""
    kept.mkdir(exist_ok=True)
    small = []
    for number, photo in enumerate(EIGHT.values()):
        small.append(kept / f"{number}.jpg")
        if not small[-1].exists():
            small[-1].write_bytes(engine.run(photo.read_bytes(), parse(_SITE), Limits()).data)
    large = kept / "camera.jpg"
    if not large.exists():
        large.write_bytes(EIGHT["12 MP"].read_bytes())
    folder.mkdir(parents=True)
    for number in range(count):
        photo = large if number % _LARGE_EVERY == 0 else small[number % len(small)]
        os.link(photo, folder / f"{number:05}.jpg")


def _backfill(folder: Path, name: str, pipelines: str) -> tuple[Spent, tuple[int, int]]:
    """Run the command over all photographs; also tell its own memory early and late."""
    home = folder / name.replace(" ", "-")
    home.mkdir(exist_ok=True)
    preset = f'[presets]\nthumb = "{_THUMB}"\n'
    source = f'[source]\nurl = "file:{folder}/photos"\n'
    (home / "safelight.toml").write_text(preset + source + pipelines)
    only = [] if pipelines else ["--only", "thumb"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "backfill", *only],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    samples: list[tuple[float, int]] = []
    while process.poll() is None:
        samples.append((time.monotonic() - started, _own_rss(process.pid)))
        time.sleep(0.05)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"the back-fill ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    early = next(held for when, held in samples if when > seconds / 10)
    late = next(held for _, held in reversed(samples) if held)
    return Spent(seconds, cpu), (early, late)


def _own_rss(pid: int) -> int:
    """Read the memory of one process without those that it started, in bytes; 0 when it is gone."""
    with contextlib.suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


class _Alone:
    """A process for every core, each with its share of the photographs in memory."""

    def __init__(self, photographs: Path) -> None:
        cores = len(os.sched_getaffinity(0))
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.backfill", str(photographs), f"{core}", f"{cores}"],
                env=os.environ | _ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for core in range(cores)
        ]

    def __enter__(self) -> _Alone:
        for process in self._processes:
            cast("IO[bytes]", process.stdout).readline()
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            cast("IO[bytes]", process.stdin).close()
            process.wait()

    def run(self) -> Spent:
        """Make all of them once."""
        started = time.monotonic()
        for process in self._processes:
            stdin = cast("IO[bytes]", process.stdin)
            stdin.write(b"\n")
            stdin.flush()
        cpu = sum(
            float(cast("IO[bytes]", process.stdout).readline()) for process in self._processes
        )
        return Spent(time.monotonic() - started, cpu)


def _many(count: int) -> Iterator[Row]:
    """Run through a listing of very many sources that need nothing, in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.backfill", "many", f"{count}"],
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    early, late, seconds = json.loads(told.stdout)
    what = f"{count:,} sources that need nothing: memory at the end, against that at 10 %"
    figure = f"{early / 1e6:.1f} and {late / 1e6:.1f} MB Rss, {seconds / count * 1e6:.0f} µs each"
    yield ratio_at_most(what, figure, late / early, 1.1)


def _run_through(count: int) -> None:
    from safelight.backfill import Made, Manifest, Progress, bring_up, run
    from safelight.storage import Entry

    class Nothing:
        def bring_up(self, key: str) -> Made:  # noqa: ARG002 - whatever it is
            return Made("current")

        def close(self) -> None: ...

    held: list[int] = []

    def told(progress: Progress) -> None:
        if not held and progress.tally.sources >= count // 10:
            held.append(memory(os.getpid()).rss)

    listing = (Entry(f"uploads/{number:09}.jpg", 1, 0.0) for number in range(count))
    started = time.monotonic()
    with ThreadPoolExecutor(4) as executor:
        run(
            executor,
            partial(bring_up, Nothing()),
            listing,
            Manifest(),
            parallel=lambda: 8,
            save=lambda _: None,
            on_progress=told,
        )
    seconds = time.monotonic() - started
    print(json.dumps([*held, memory(os.getpid()).rss, seconds]))


def _make(photographs: Path, core: int, cores: int) -> None:
    """Make every share of the photographs whenever a line says so; tell the CPU time."""
    engine.prepare(threads=1)
    files = json.loads(photographs.read_text())[core::cores]
    kept: dict[int, bytes] = {}
    inodes = []
    for file in map(Path, files):
        inodes.append(file.stat().st_ino)
        kept.setdefault(inodes[-1], file.read_bytes())
    transform, limits = parse(_THUMB), Limits()
    engine.run(kept[inodes[0]], transform, limits)
    print("ready", flush=True)
    for _ in sys.stdin:
        before = time.process_time()
        for inode in inodes:
            engine.run(kept[inode], transform, limits)
        print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "many":
        _run_through(int(sys.argv[2]))
    else:
        _make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
