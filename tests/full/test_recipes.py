"""The recipe in JavaScript, run by Node."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TRY = """
import { readFileSync } from "node:fs";
const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(vectors.map((v) => signed(v.target, v.key, v.expires))));
"""


@pytest.mark.full
def test_the_recipe_in_javascript_signs_as_the_server_does(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    [recipe] = re.findall(r"^```js\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    program = tmp_path / "recipe.mjs"
    program.write_text(recipe + TRY)
    vectors = ROOT / "tests" / "data" / "signing-vectors.json"
    ran = subprocess.run(["node", program, vectors], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    expected = [vector["address"] for vector in json.loads(vectors.read_text("utf-8"))]
    assert json.loads(ran.stdout) == expected
