"""A new operation is one new file, and everything else follows from its record.

In a copy of the project one file is written, and nothing else touched. A process of its own then
asks everything that knows operations about the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("src", "docs", "tests/support")

OPERATION = '''
"""Fewer shades."""

from __future__ import annotations

from typing import Annotated

from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.params import Int


@operation(Stage.EFFECT, cost=0.25, example="w=200,fewer=4")
def fewer(
    frame: Frame,
    *,
    fewer: Annotated[int | None, Int(2, 64, unit="shades", aliases=("few",))] = None,
) -> Frame:
    """Keep only so many shades of each colour.

    Transparency counts as a colour here.
    """
    if fewer is None:
        return frame
    step = 256 / fewer
    shades = (frame.image / step).floor() * (255 / (fewer - 1))
    return frame.having(shades.cast(frame.image.format))
'''

QUESTIONS = '''
import io
import json
import sys
import time
from pathlib import Path

from click.testing import CliRunner
from hypothesis import find
from PIL import Image

import safelight
from docs import generate, sheet
from safelight import cli, engine
from safelight.dialects import Grammar, native
from safelight.errors import TransformInvalid
from safelight.limits import Limits
from safelight.openapi import document
from safelight.operations import OPERATIONS
from safelight.storage import opened_bytes
from safelight.transform import parse
from safelight.workers.pool import Pool, Workers
from tests.support import golden, strategies


def main():
    told = {"from": safelight.__file__}
    match = native.parse("few=8,800x/a.jpg", "", Grammar())
    told["address"] = native.build("a.jpg", match.transform)
    try:
        parse("fewer=1")
    except TransformInvalid as refused:
        told["refusal"] = refused.detail
    explained = CliRunner().invoke(cli.main, ["url", "a.jpg", "fewer=8,800x", "--explain"])
    told["explained"] = explained.stdout
    described = document(Grammar())["components"]["schemas"]["Transform"]["properties"]
    told["described"] = described["fewer"]
    found = find(strategies.transforms(), lambda transform: "fewer" in transform)
    told["fuzzed"] = found.canonical
    engine.prepare(threads=1)
    told["page"] = generate.page().partition("## fewer")[2].partition("## ")[0]
    made = golden.pieces(parse(OPERATIONS["fewer"].example))
    without = golden.pieces(parse("w=200"))
    told["golden"] = [bool(golden.fault(*pair)) for pair in zip(made, without, strict=True)]
    told["sheet"] = [
        [type(made).__name__ for made in row.made] for row in sheet.rows(["fewer"])
    ]
    told["worker"] = worked()
    print(json.dumps(told))


def worked():
    """Render with a worker process, and count the shades of red that come out."""
    pool = Pool(Limits(), Workers(processes=1))
    pool.start()
    try:
        source = opened_bytes(Path(sys.argv[1]).read_bytes(), version="1")
        wanted = parse("w=200,fewer=4,format=png")
        made = pool.render(source, wanted, deadline=time.monotonic() + 30)
    finally:
        pool.close()
    return len(set(Image.open(io.BytesIO(made.data)).getchannel(0).tobytes()))


if __name__ == "__main__":
    main()
'''


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give what a copy of the project with one new file says of the new operation."""
    copy = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "examples").symlink_to(ROOT / "examples")
    before = files(copy)
    (copy / "src" / "safelight" / "operations" / "extra.py").write_text(OPERATION)
    assert len(files(copy) - before) == 1
    questions = copy / "questions.py"
    questions.write_text(QUESTIONS)
    asked = subprocess.run(
        [sys.executable, questions, ROOT / "tests" / "data" / "photos" / "photo-1mp.jpg"],
        env=os.environ | {"PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy}"},
        cwd=copy, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    told: dict[str, Any] = json.loads(asked.stdout)
    assert Path(told["from"]).is_relative_to(copy)
    return told


def files(folder: Path) -> set[tuple[str, bytes]]:
    return {(str(path), path.read_bytes()) for path in (folder / "src").rglob("*.py")}


def test_an_address_can_ask_for_it(answers: dict[str, Any]) -> None:
    assert answers["address"] == "/fewer=8,w=800/a.jpg"
    assert answers["refusal"] == (
        "fewer='1' is not valid: expected a whole number from 2 to 64 (example: w=200,fewer=4)"
    )


def test_it_is_explained(answers: dict[str, Any]) -> None:
    assert "step 2     fewer=8\n" in answers["explained"]
    assert "Keep only so many shades of each colour.\n" in answers["explained"]
    assert "effect stage, costs 0.25 times a resize\n" in answers["explained"]


def test_programs_are_told(answers: dict[str, Any]) -> None:
    described = answers["described"]
    assert (described["minimum"], described["maximum"]) == (2, 64)
    assert described["x-aliases"] == ["few"]
    assert (described["x-stage"], described["x-operation"]) == ("effect", "fewer")
    assert "Transparency counts as a colour here." in described["description"]


def test_the_documentation_has_it(answers: dict[str, Any]) -> None:
    page = answers["page"]
    assert "Keep only so many shades of each colour.\n\nTransparency counts" in page
    assert "| `fewer` `few` | a whole number from 2 to 64 (shades) |  |" in page
    assert "(operations/fewer.webp)" in page
    assert "http://127.0.0.1:8000/w=200,fewer=4/sunset.jpg" in page


def test_it_is_fuzzed(answers: dict[str, Any]) -> None:
    assert "fewer=2" in answers["fuzzed"]


def test_it_has_golden_pictures_and_a_place_on_the_sheet(answers: dict[str, Any]) -> None:
    assert answers["golden"] == [True] * 4
    assert answers["sheet"] == [["bytes"] * 3]


def test_a_worker_does_it(answers: dict[str, Any]) -> None:
    assert answers["worker"] == 4
