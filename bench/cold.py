"""A function from the start of its process to its first picture, against Pillow and boto3."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from bench.photographs import TWELVE
from bench.report import Row, at_most, paired, ratio_at_most
from tests.support.lambdas import asking
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, Stored, small_s3

_ROOT = Path(__file__).resolve().parent.parent
_SHARE, _WARM_MS = 0.35, 2.0
_KEY = "photo.jpg"
_EVENT = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "sample"}, "object": {"key": _KEY, "sequencer": "01"}},
        }
    ]
}
_SETTINGS = """
[source]
url = "s3://sample?endpoint={endpoint}"

[variants]
url = "s3://sample-variants?endpoint={endpoint}"

[security]
unsigned = true

[[pipelines]]
failed = {{ to = "failed/{{key}}.json", store = "s3://sample-resized?endpoint={endpoint}" }}

[[pipelines.write]]
transform = "{transform}"
to = "{{key}}"
store = "s3://sample-resized?endpoint={endpoint}"
"""
# As Pillow writes a JPEG where nothing is said.
_LIKE_PILLOW = "quality=75,progressive=false,subsampling=420,effort=0"
_HALF, _SMALL = "zoom=0.5", "w=800"
# What the folders of `safelight init aws` set for the function; Pillow has a process as it comes.
_AS_DEPLOYED = {"MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# Byte code is kept, as in a function that was packed; and nobody says where certificates are.
_NOT_IN_A_FUNCTION = ("PYTHONDONTWRITEBYTECODE", "SSL_CERT_FILE", "SSL_CERT_DIR")

# Wall and CPU seconds of one process.
_Spent: TypeAlias = tuple[float, float]


class _Side(NamedTuple):
    """A process that is started again and again, and what it took each time."""

    program: str
    home: Path
    arguments: tuple[str, ...]
    taken: list[_Spent]


def measure(*, quick: bool) -> list[Row]:
    """Start both again and again, side by side; then call ours while it is warm."""
    rounds = 3 if quick else 15
    with _bucket() as (s3, folder):
        half, small = (
            _Side("tutorial", folder, (str(_written(folder, "event", _EVENT)), *width), [])
            for width in ((), ("800",))
        )
        compared = {
            what: (ours, theirs)
            for name, transform, theirs in (
                ("half of 12 MP", _HALF, half),
                ("12 MP at 800 px", _SMALL, small),
            )
            for what, ours in (
                (f"an event of S3, {name}", _told(s3, folder, f"{transform},{_LIKE_PILLOW}")),
                (f"an event of S3, {name}, with our defaults", _told(s3, folder, transform)),
                (f"a request, {name}", _asked(s3, folder, f"{transform},{_LIKE_PILLOW}")),
                (f"a request, {name}, with our defaults", _asked(s3, folder, transform)),
            )
        }
        sides = [half, small, *(ours for ours, _ in compared.values())]
        for number in range(rounds + 1):
            first = number % len(sides)
            for side in sides[first:] + sides[:first]:
                spent = _run(side, s3)
                # The first round compiles, and brings files into memory.
                if number:
                    side.taken.append(spent)
        warm = _warm(folder, s3, 10 if quick else 60)
    rows = [row for what, (ours, theirs) in compared.items() for row in _rows(what, ours, theirs)]
    return [
        *rows,
        at_most(
            "warm: a request beside its stages, with base64",
            f"{warm:.2f} ms",
            warm,
            _WARM_MS,
            " ms",
        ),
    ]


def _rows(what: str, ours: _Side, theirs: _Side) -> Iterator[Row]:
    """Compare what a clock shows, from a process's start until it has stored all, and the CPU."""
    for number, kind in enumerate(("from start to stored", "CPU")):
        mine, other = ([spent[number] for spent in side.taken] for side in (ours, theirs))
        ratio = paired(mine, other)
        figure = f"{_shown(mine)} / {_shown(other)} ms"
        name = f"cold: {what}: {kind}"
        # What our defaults add is better pictures, and no part of the bargain.
        promised = number == 0 and not what.endswith("defaults")
        yield ratio_at_most(name, figure, ratio, _SHARE) if promised else Row(name, figure, ratio)


def _shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.0f} (best {min(seconds) * 1e3:.0f})"


def _told(s3: SmallS3, folder: Path, transform: str) -> _Side:
    home = _home(s3, folder, transform)
    return _Side("function", home, (str(_written(home, "event", _EVENT)),), [])


def _asked(s3: SmallS3, folder: Path, transform: str) -> _Side:
    home = _home(s3, folder, transform)
    event = asking("url", "GET", f"/{transform}/{_KEY}")
    return _Side("function", home, (str(_written(home, "request", event)),), [])


@contextmanager
def _bucket() -> Iterator[tuple[SmallS3, Path]]:
    """Serve a bucket with the photograph, beside a folder with the settings of our function."""
    with small_s3() as s3, tempfile.TemporaryDirectory() as folder:
        s3.bucket("sample")[_KEY] = Stored(TWELVE.read_bytes(), {}, time.time())
        for bucket in ("sample-resized", "sample-variants"):
            s3.bucket(bucket)
        yield s3, _home(s3, Path(folder), _HALF)


def _home(s3: SmallS3, folder: Path, transform: str) -> Path:
    """Make a folder with settings by which uploads become what a transform says."""
    home = Path(tempfile.mkdtemp(dir=folder))
    text = _SETTINGS.format(endpoint=s3.endpoint, transform=transform)
    (home / "safelight.toml").write_text(text, encoding="utf-8")
    return home


def _written(home: Path, name: str, event: Any) -> Path:
    file = home / f"{name}.json"
    file.write_text(json.dumps(event), encoding="utf-8")
    return file


def _run(side: _Side, s3: SmallS3) -> _Spent:
    """Run one process; returns seconds: until it had stored all, and all of its CPU's."""
    stores = [s3.bucket("sample-resized"), s3.bucket("sample-variants")]
    for store in stores:
        store.clear()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.time()
    _call(side.home, s3, side.program, *side.arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    moments = [stored.modified for store in stores for stored in store.values()]
    if not moments:
        raise RuntimeError(f"bench.{side.program} has stored nothing")
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return max(moments) - started, user + system


def _warm(home: Path, s3: SmallS3, calls: int) -> float:
    """Tell how many milliseconds a warm call takes beside its stages: half hits, half misses."""
    first = _written(home, "first", asking("url", "GET", f"/w=99/{_KEY}"))
    others = [
        _written(home, f"warm-{number}", asking("url", "GET", f"/w={100 + number // 2}/{_KEY}"))
        for number in range(calls)
    ]
    output = _call(home, s3, "function", str(first), *map(str, others))
    taken: list[tuple[float, float]] = [json.loads(line) for line in output.splitlines()]
    return statistics.median(spent - stages for spent, stages in taken)


def _call(home: Path, s3: SmallS3, program: str, *arguments: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name not in _NOT_IN_A_FUNCTION
    } | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "ENDPOINT": s3.endpoint,
        "LAMBDA_TASK_ROOT": str(home),
    }
    if program == "function":
        environment |= _AS_DEPLOYED
    command = [sys.executable, "-m", f"bench.{program}", *arguments]
    ran = subprocess.run(
        command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return ran.stdout
