"""Geometry as sharp has it: every fit, gravity and orientation, in size and in place."""

from __future__ import annotations

import json
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from safelight.params import COMPASS
from tests.support.charts import chart, displacement
from tests.support.pictures import encoded, exif, mean_difference, opened, run

pytestmark = pytest.mark.full

SCRIPT = Path(__file__).parent / "sharp" / "resize.js"
FITS = ("cover", "contain", "fill", "inside", "outside")
BOXES = ((120, 84), (131, 60), (60, 111))
# Of a JPEG whose sides are no multiples of eight, sharp reckons with those of the shrunk one.
SIZES = {"png": (1_001, 701), "jpeg": (1_008, 704)}
OPTIONS = {"png": {"compress_level": 1}, "jpeg": {"quality": 100, "subsampling": 0}}
# Both cut between whole px.
MOST_OFF = 1.1


def source(folder: Path, format: str, orientation: int) -> Path:
    file = folder / f"{orientation}.{format}"
    if not file.exists():
        stored = chart(*SIZES[format])
        file.write_bytes(encoded(stored, format, exif=exif(orientation), **OPTIONS[format]))
    return file


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Have sharp do everything at once: to start Node takes longer than a picture."""
    folder = tmp_path_factory.mktemp("sharp")
    combinations = product(SIZES, range(1, 9), FITS, COMPASS)
    listed = [
        {
            "source": str(source(folder, format, orientation)),
            "target": str(folder / f"made-{number}.png"),
            "width": BOXES[number % 3][0],
            "height": BOXES[number % 3][1],
            "fit": fit,
            "position": word,
            "orientation": orientation,
            "format": format,
        }
        for number, (format, orientation, fit, word) in enumerate(combinations)
    ]
    for width, height, fit, enlarge in ((1_500, 1_500, f, e) for f in FITS for e in (True, False)):
        made = folder / f"large-{fit}-{enlarge}.png"
        listed.append(
            {
                "source": str(source(folder, "png", 1)), "target": str(made), "width": width,
                "height": height, "fit": fit, "position": "center", "orientation": 1,
                "format": "png", "enlarge": enlarge,
            }
        )  # fmt: skip
    subprocess.run(["node", str(SCRIPT)], input=json.dumps(listed).encode(), check=True)
    return listed


def ours(job: dict[str, Any]) -> Image.Image:
    text = f"w={job['width']},h={job['height']},fit={job['fit']},gravity={job['position']}"
    text += ",enlarge,format=png" if job.get("enlarge") else ",format=png"
    return opened(run(Path(job["source"]).read_bytes(), text).data).convert("RGB")


def theirs(job: dict[str, Any]) -> Image.Image:
    return opened(Path(job["target"]).read_bytes()).convert("RGB")


def content(picture: Image.Image) -> Image.Image:
    """Cut off what is white."""
    inner = ImageOps.invert(picture).point(lambda level: 255 if level > 20 else 0).getbbox()
    assert inner is not None
    return picture.crop(inner)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", SIZES)
def test_every_gravity_of_every_orientation_is_sharp_s(
    jobs: list[dict[str, Any]], format: str, orientation: int, fit: str
) -> None:
    wanted = {"format": format, "orientation": orientation, "fit": fit}
    chosen = [job for job in jobs if wanted.items() <= job.items() and "enlarge" not in job]
    assert len(chosen) == len(COMPASS)
    for job in chosen:
        found, expected = ours(job), theirs(job)
        assert found.size == expected.size, job
        if fit == "contain":
            found, expected = content(found), content(expected)
            assert found.size == expected.size, job
        assert mean_difference(found, expected) < 6, job
        assert displacement(found, expected) < MOST_OFF, job


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("enlarge", [True, False])
def test_what_would_be_enlarged_has_sharp_s_size(
    jobs: list[dict[str, Any]], fit: str, enlarge: bool
) -> None:
    (job,) = (j for j in jobs if j["fit"] == fit and j.get("enlarge") is enlarge)
    found, expected = ours(job), theirs(job)
    if not enlarge and fit in ("cover", "fill"):
        # sharp gives up on the box then; it is kept here as far as the picture goes.
        whole = SIZES["png"]
        assert expected.size == whole
        assert found.size == ((701, 701) if fit == "cover" else whole)
        return
    assert found.size == expected.size
