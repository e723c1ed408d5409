"""Hostile and damaged files, as sources and as bodies: each is answered, and nothing breaks."""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.load import Outcome, ask, renderers, running, shown, told
from tests.support.serving import Server, serving

# A build may lack a loader: then a good file is 415.
ALLOWED = {
    "valid": ("200", "415 unsupported_format"),
    "tolerate": ("200", "400", "413", "415", "422"),
    "corrupt": ("400 output_too_large", "413", "415", "422"),
    "bomb": ("413", "415", "422"),
}
# Answered with a good picture, rightly: every decoder reads the first, and of the second only the
# frame that nobody asks for is a bomb.
HARMLESS = (
    "corrupt/image__clusterfuzz-testcase-minimized-fuzzer_script_tiff-5026894169374720.tif",
    "bomb/pillow__decompression_bomb_extents.gif",
)


@pytest.fixture
def classes(data: Path) -> dict[str, str]:
    """Give each file's class, from the manifest."""
    manifest = json.loads((data / "robustness" / "manifest.json").read_text())
    found = {entry["file"]: entry["class"] for entry in manifest["files"]}
    return found | dict.fromkeys(HARMLESS, "tolerate")


def test_each_file_of_the_corpus_as_a_source_is_answered_as_its_class_says(
    data: Path, home: Path, classes: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(data / "robustness", home, "--workers", "2") as server:
        workers = renderers(server)
        wrong = []
        found: Counter[str] = Counter()
        for file, kind in classes.items():
            for path in (f"/w=64,format=jpeg/{quote(file)}", f"/info/{quote(file)}"):
                outcome = ask(server.port, path)
                if path.startswith("/w="):
                    found[f"{kind}: {outcome.kind}"] += 1
                wrong += fault(outcome, kind)
        told(capsys, "\n  ".join(f"{count:4} {kind}" for kind, count in sorted(found.items())))
        assert wrong == []
        alive(server, workers)


def test_each_file_of_the_corpus_as_a_body_is_answered_and_nothing_breaks(
    data: Path, home: Path, photos: Path, classes: dict[str, str]
) -> None:
    with serving(photos, home, "--workers", "2") as server:
        workers = renderers(server)
        wrong = []
        for file, kind in classes.items():
            body = (data / "robustness" / file).read_bytes()
            reply = server.ask("POST", "/resize?width=64&height=64", body=body)
            if body:
                wrong += fault(Outcome(file, reply), kind)
            else:
                assert reply.code == "empty_body"
        assert wrong == []
        alive(server, workers)


def fault(outcome: Outcome, kind: str) -> list[str]:
    """Tell what is wrong with an answer, if anything."""
    reply = outcome.reply
    if reply is None or reply.status >= 500:
        return [f"{outcome.path}: {outcome.kind}"]
    # A header can be fine where the pixels are not: what /info says of a file is its own matter.
    if outcome.path.startswith("/info/"):
        return []
    if reply.status == 200:
        shown(reply)
    if not outcome.kind.startswith(ALLOWED[kind]):
        return [f"{outcome.path}: {kind}, and the answer is {outcome.kind}"]
    return []


def alive(server: Server, workers: list[int]) -> None:
    """Check that the server and its workers outlived everything."""
    assert server.get("/healthz").status == 200
    assert [pid for pid in workers if not running(pid)] == []
    assert "Traceback" not in server.output
