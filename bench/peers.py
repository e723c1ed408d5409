"""What outputs are compared with, and judged by: sharp, and SSIMULACRA 2."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import pyvips

_SHARP = Path(__file__).resolve().parent / "sharp"
_PACKAGES = Path(__file__).resolve().parent.parent / ".safelight" / "bench"


class Sharp:
    """sharp (https://sharp.pixelplumbing.com) in a process of its own, installed when missing."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("npm"):
            raise SystemExit("bench: npm is missing: install Node (on Debian: apt-get install npm)")
        if not (_SHARP / "node_modules" / "sharp").is_dir():
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(["npm", "install", "--prefix", str(_SHARP), *options], check=True)
        self._folder = folder
        self._process = subprocess.Popen(
            ["node", str(_SHARP / "encode.js")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Sharp:
        return self

    def __exit__(self, *exception: object) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait()

    def encode(self, png: bytes, format: str, times: int) -> tuple[bytes, float]:
        """Write a picture with sharp's defaults; gives the bytes and the least CPU time in ms."""
        source, target = self._folder / "source.png", self._folder / "target"
        source.write_bytes(png)
        job = {"source": str(source), "target": str(target), "format": format, "times": times}
        stdin, stdout = (
            cast("IO[str]", end) for end in (self._process.stdin, self._process.stdout)
        )
        print(json.dumps(job), file=stdin, flush=True)
        spent = float(stdout.readline())
        return target.read_bytes(), spent


def judge() -> Any:
    """Find the Python port of SSIMULACRA 2 (the package ssimulacra2), or install it.

    Raises SystemExit when it cannot be.
    """
    if str(_PACKAGES) not in sys.path:
        # Behind our own libraries: of them it shall use the same.
        sys.path.append(str(_PACKAGES))
    try:
        return importlib.import_module("ssimulacra2")
    except ImportError:
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(_PACKAGES)]
        subprocess.run([*command, "--no-deps", "scipy", "ssimulacra2"], check=True)
        importlib.invalidate_caches()
        return importlib.import_module("ssimulacra2")


def score(png: bytes, copy: bytes) -> float:
    """Say how like a picture its copy looks, by SSIMULACRA 2: 100 is equal, 70 high quality."""
    return float(judge().compute_ssimulacra2(BytesIO(png), BytesIO(_shown(copy))))


def _shown(data: bytes) -> bytes:
    """Decode to a PNG of 8 bits, rounding to the nearest."""
    image = pyvips.Image.new_from_buffer(data, "")
    if image.format == "ushort":
        # libheif gives ten bits in the upper part of sixteen.
        white = (1 << 16) - (1 << 16 - image.get("bits-per-sample"))
        image = (image * (255 / white)).rint().cast("uchar").copy(interpretation="srgb")
    return cast("bytes", image.pngsave_buffer(compression=1, keep="none"))
