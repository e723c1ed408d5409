"""What a function loads before its first answer: a cold start is paid by whoever asks first."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lambdas import asking

# Of other faces, of other libraries' way of doing the same, and of what few calls need.
NEVER = (
    "asyncio", "starlette", "pydantic", "click", "rich", "granian", "h11", "http.server",
    "multiprocessing", "subprocess", "ssl", "socketserver", "urllib.request", "boto3",
    "botocore", "requests", "safelight.cli", "safelight.http", "safelight.workers.pool",
    "safelight.openapi", "safelight.svg", "safelight.placeholders", "safelight.engine.analysis",
    "safelight.fetch.gate", "safelight.entrances", "safelight.backfill", "safelight.deploy",
    "safelight.engine.gainmap", "safelight.metadata.xmp", "safelight.engine.quality",
    "safelight.engine.decoders.dib", "safelight.cdn.forgetting", "safelight.posting",
    "safelight.pipelines.building", "dataclasses", "email", "configparser", "xml",
    "statistics", "random", "secrets",
)  # fmt: skip
# Only where events come.
EVENTS = ("safelight.events", "safelight.pipelines.handling", "safelight.engine.developing")

PROGRAM = """
import json, sys, time
from safelight.functions import aws
started = sorted(sys.modules)

class Context:
    aws_request_id = "first"
    def get_remaining_time_in_millis(self):
        return 30_000

answer = aws.handler(json.loads(sys.stdin.read()), Context())
print(json.dumps([answer and answer.get("statusCode"), started, sorted(sys.modules)]))
"""


def loaded(home: Path, event: Any, **settings: str) -> list[Any]:
    """Start a function, call it, and list what was loaded at the start and in the end."""
    environment = {f"SAFELIGHT_{name.upper()}": value for name, value in settings.items()}
    # What the tests themselves are measured with shall not be found here.
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(event),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        | {"LAMBDA_TASK_ROOT": str(home)}
        | environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[Any] = json.loads(ran.stdout)
    return found


def among(modules: list[str], names: tuple[str, ...]) -> list[str]:
    return [one for one in modules if any(f"{one}.".startswith(f"{name}.") for name in names)]


def test_a_picture_is_made_with_what_it_needs_and_no_more(data: Path, tmp_path: Path) -> None:
    status, started, ended = loaded(
        tmp_path,
        asking("url", "GET", "/w=64/photo-1mp.jpg"),
        source_url=f"file:{data / 'photos'}",
        variants_url=f"file:{tmp_path / 'variants'}",
        security_unsigned="true",
    )
    assert status == 200
    assert among(started, NEVER + EVENTS) == []
    assert among(ended, NEVER + EVENTS) == []
    # The test would pass over nothing at all.
    assert {"safelight.engine", "safelight.functions.aws", "pyvips"} <= set(started)


@pytest.mark.parametrize("name", ["asyncio", "starlette", "pydantic", "granian", "http.server"])
def test_events_do_not_bring_a_server_along(data: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "safelight.toml").write_text(
        f"""
[source]
url = "file:{tmp_path / "photos"}"
[[pipelines]]
on = "uploads/"
write = [{{ transform = "w=20", to = "small/{{name}}" }}]
""",
        encoding="utf-8",
    )
    event = json.loads((data / "events" / "aws_s3_direct.json").read_text("utf-8"))
    (tmp_path / "photos").mkdir()
    _, _, ended = loaded(tmp_path, event)
    assert len(among(ended, EVENTS)) >= len(EVENTS) - 1
    assert among(ended, (name, "safelight.http", "safelight.cli")) == []


def told_where(**environment: str) -> str:
    script = "import os, safelight.functions; print(os.environ.get('SSL_CERT_FILE', ''))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_certificates_are_read_from_one_file_unless_somebody_says_where() -> None:
    file = told_where()
    assert file == "" or "BEGIN CERTIFICATE" in Path(file).read_text("utf-8")
    assert told_where(SSL_CERT_FILE="/mine.pem") == "/mine.pem"
    assert told_where(SSL_CERT_DIR="/mine") == ""
