"""Every code block of the documents does what it says.

``sh`` blocks run line by line in a folder with ``examples/photos``, a server of the same files
behind the address that the documents name; ``console`` blocks show what a command says, with … for
what differs between machines; ``toml`` blocks are loaded as settings; of ``html`` blocks every
address is asked for; ``python`` blocks are run, ``pycon`` blocks say what they show. ``bash``
blocks need an account somewhere, or a server that is set up for them: they are read as a shell
reads them. ``js`` blocks, and other people's frameworks, are tried in tests/full.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safelight import config
from safelight.config.settings import NAMED, REPEATED, sections
from tests.support.commands import run
from tests.support.origin import origin
from tests.test_layers import LAYERS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ADDRESS = "127.0.0.1:8000"
# Where the documents have a server of somebody else, with the same photographs.
ORIGIN = "127.0.0.1:9000"
# What starts a server is tried by the test of the server; here one runs already.
SERVING = re.compile(r"^(make serve|safelight (serve|watch|consume)\b.*)$")
# What changes or needs the machine: run by the tests of the build, in a fresh environment.
BUILDING = re.compile(r"^(make \S+.*|pip install .*|git clone .*|python (-m )?bench.*)$")
# What needs an account in a cloud, Docker, a cluster or an index: tests/full/test_deploy*.py run
# what can be run of it.
DEPLOYING = re.compile(
    r"^(aws|az|coscli|docker|gcloud|kubectl|npx osls|sam|terraform|safelight bundle (aws|azure)"
    r"|curl (-L )?https?://\S*(amazonaws\.com|azurewebsites\.net|run\.app|/card/cat\.jpg))\b"
)
VECTORS = json.loads((ROOT / "tests" / "data" / "signing-vectors.json").read_text("utf-8"))
KNOWN_LANGUAGES = {"sh", "bash", "console", "toml", "html", "python", "pycon", "js"}
WITH_FRAMEWORKS = "mount.md"


@dataclass(frozen=True)
class Block:
    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(document, line, match[1], match[2]))
    return found


def of(language: str) -> list[Block]:
    return [block for block in blocks() if block.language == language]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "photos").symlink_to("examples/photos")
    toml = next(block for block in of("toml") if "[presets]" in block.text)
    (folder / "safelight.toml").write_text(toml.text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with origin() as server:
        for photo in (ROOT / "examples" / "photos").glob("*.jpg"):
            server.put(f"/{photo.name}", photo.read_bytes(), etag=f'"{photo.name}"')
        yield f"127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def address(sandbox: Path, elsewhere: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "safelight", "serve", "examples/photos", "--port", str(port)]
    remote = {
        "SAFELIGHT_REMOTE_ALLOW": f"http://{elsewhere}/",
        "SAFELIGHT_REMOTE_NETWORKS": "127.0.0.0/8",
    }
    environment = os.environ | remote
    with subprocess.Popen(
        command, cwd=sandbox, env=environment, stdout=subprocess.DEVNULL
    ) as server:
        try:
            until = time.monotonic() + 30
            while not answers(f"http://127.0.0.1:{port}/readyz"):
                assert server.poll() is None, "the server did not start"
                assert time.monotonic() < until, "the server did not become ready"
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def test_every_block_says_what_it_is() -> None:
    unknown = [str(block) for block in blocks() if block.language not in KNOWN_LANGUAGES]
    assert not unknown


def here(command: str, address: str, elsewhere: str) -> str:
    """Put the servers of these tests in the place of those in the documents."""
    command = command.replace(ADDRESS, address).replace(ORIGIN, elsewhere)
    return command.replace(ORIGIN.replace(":", "%3A"), elsewhere.replace(":", "%3A"))


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_commands_do_what_they_say(
    block: Block, sandbox: Path, address: str, elsewhere: str
) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in block.text.splitlines():
        command = line.split("  #")[0].strip()
        if not command or command.startswith("#"):
            continue
        if any(kind.match(command) for kind in (SERVING, BUILDING, DEPLOYING)):
            continue
        ran = subprocess.run(
            ["bash", "-ec", here(command, address, elsewhere)],
            cwd=sandbox, env=environment, capture_output=True, timeout=50, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"{command}\n{ran.stderr.decode()}"


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_commands_for_elsewhere_can_be_read(block: Block) -> None:
    ran = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    # Documents in them, with what the shell puts in taken as it stands.
    for text in re.findall(r"'(\{\n.*?\n\})'", block.text, re.DOTALL):
        json.loads(re.sub(r"'\"\$\w+\"'", "value", text))


@pytest.mark.parametrize("block", of("console"), ids=str)
def test_commands_say_what_is_shown(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").symlink_to(ROOT / "examples" / "photos")
    monkeypatch.chdir(tmp_path)
    command, *shown = block.text.removeprefix("$ ").splitlines()
    program, *arguments = shlex.split(command)
    assert program == "safelight"
    said = run(*arguments).stdout
    assert re.fullmatch(re.escape("\n".join(shown)).replace("…", ".*"), said.rstrip("\n")), said


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_settings_are_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "safelight.toml"
    file.write_text(block.text, encoding="utf-8")
    config.load(file, environment={})


@pytest.mark.parametrize("block", of("html"), ids=str)
def test_addresses_in_pages_answer(block: Block, address: str) -> None:
    found = re.findall(r'(?:src|href)="(http://[^"]+)"', block.text.replace(ADDRESS, address))
    assert found
    assert [url for url in found if not answers(url)] == []


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_programs_run(block: Block) -> None:
    program = compile(block.text, str(block), "exec")
    if block.document.name != WITH_FRAMEWORKS:
        exec(program, {})


@pytest.mark.parametrize(
    "document", sorted({block.document for block in of("pycon")}), ids=lambda path: path.name
)
def test_what_is_typed_into_python_gives_what_is_shown(document: Path) -> None:
    typed = "\n".join(block.text for block in of("pycon") if block.document == document)
    examples = doctest.DocTestParser().get_doctest(typed, {}, document.name, str(document), 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    assert runner.run(examples, out=said.append).failed == 0, said


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["address"]))
def test_the_recipe_signs_as_the_server_does(vector: dict[str, Any]) -> None:
    recipe = next(block for block in of("python") if block.document.name == "security.md")
    names: dict[str, Any] = {}
    exec(recipe.text, names)
    assert names["signed"](vector["target"], vector["key"], vector["expires"]) == vector["address"]
    assert "tests/data/signing-vectors.json" in recipe.document.read_text(encoding="utf-8")


def test_the_layers_of_the_architecture_are_those_that_are_enforced() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-8]) \| ([^|]+) \|", text, re.MULTILINE)
    told = {name: int(level) for level, names in rows for name in re.findall(r"`(\w+)`", names)}
    package = ROOT / "src" / "safelight"
    there = {path.stem for path in package.iterdir() if not path.name.startswith("_")}
    assert told == {name: level for name, level in LAYERS.items() if name in there}


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    names = [
        name
        for section, kind in sections().items()
        if section not in NAMED and section != REPEATED
        for name in kind.__struct_fields__
    ]
    assert [name for name in names if not re.search(rf"^{name} = ", text, re.MULTILINE)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (document.parent / target).exists()] == []
