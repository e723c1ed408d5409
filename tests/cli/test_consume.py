"""`safelight consume`: what it refuses. What it does is tried on real brokers, in tests/full."""

from pathlib import Path

import pytest

from tests.support.commands import refused, run

PIPELINES = """
[workers]
processes = 1
[[pipelines]]
on = "uploads/"
write = [{ transform = "w=60", to = "small/{name}" }]
"""


def test_a_queue_is_named_by_its_url(home: Path) -> None:
    (home / "safelight.toml").write_text(PIPELINES)
    refused(run("consume", "kafka://broker/uploads"), "this names no queue", "nats://", "sqs://")


def test_a_password_is_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "safelight.toml").write_text(PIPELINES)
    monkeypatch.setenv("QUEUE_URL", "nats://ann:not-a-secret@broker:none/uploads")
    result = run("consume")
    refused(result, "this names no queue")
    assert "secret" not in result.stderr


def test_without_pipelines_there_is_nothing_to_do() -> None:
    refused(run("consume", "nats://127.0.0.1/uploads"), "pipelines: nothing is to be done")


@pytest.mark.parametrize("seconds", ["4", "43201", "1.5"])
def test_patience_has_bounds(seconds: str) -> None:
    result = run("consume", "nats://127.0.0.1/uploads", "--patience", seconds)
    assert result.exit_code == 2
    assert "--patience" in result.stderr


def test_a_queue_has_to_be_named() -> None:
    result = run("consume")
    assert result.exit_code == 2
    assert "Missing argument 'URL'" in result.stderr
