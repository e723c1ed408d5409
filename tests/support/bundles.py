"""Zips of functions, made by the command with wheels of the index: two at a time, each once."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stores.servers import tool

HERE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
THERE = {"x86_64": "arm64", "arm64": "x86_64"}[HERE]


def python() -> Path:
    """Find a Python of the version that the zips are for."""
    return Path(tool("ministack")).with_name("python3.13")


@dataclass(frozen=True)
class Made:
    """A zip in the folder that ``safelight init`` has written, and what was said of it."""

    path: Path
    said: str


@contextmanager
def bundling(home: Path) -> Iterator[dict[str, Future[Made]]]:
    """Begin all of them, in a folder; that of AWS for the machine here is made twice."""
    pool = ThreadPoolExecutor(2)
    wanted = {
        "here": ("aws", "--arch", HERE),
        "there": ("aws", "--arch", THERE),
        "azure": ("azure", "--arch", HERE),
        "again": ("aws", "--arch", HERE),
    }
    try:
        yield {name: pool.submit(_made, home / name, *options) for name, options in wanted.items()}
    finally:
        pool.shutdown(cancel_futures=True)


def _made(folder: Path, target: str, *options: str) -> Made:
    path = [Path(sys.executable).parent, python().parent, os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(map(str, path))}
    folder.mkdir()
    said = ""
    for command in (["init", target, "."], ["bundle", target, *options]):
        ran = subprocess.run(
            ["safelight", *command], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=150, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        said = ran.stdout
    return Made(folder / "safelight.zip", said)
