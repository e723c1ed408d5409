"""Commands as users give them, in this process and in one of their own."""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image

from safelight import cli
from tests.support.serving import clean_environment

COMMANDS = ("serve", "render", "url", "info", "purge", "check", "init", "bundle", "backfill",
            "process", "watch", "consume")  # fmt: skip
MEADOW = "photos/photo-1mp.jpg"  # 1280 x 1024


def run(*arguments: str, given: bytes | None = None) -> Result:
    """Run a command in this process; any exception but an exit is a fault of the command."""
    result = CliRunner().invoke(cli.main, arguments, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def command(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "safelight", *arguments],
        input=given,
        env=clean_environment(),
        capture_output=True,
        timeout=50,
        check=False,
    )


def refused(result: Result, *said: str) -> None:
    """Check for one sentence on standard error and exit code 2."""
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("safelight: ")
    assert result.stderr.count("\n") == 1
    for words in said:
        assert words in result.stderr


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
