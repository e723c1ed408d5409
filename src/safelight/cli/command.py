"""What all commands share: how they end, and where their settings are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from safelight.errors import SafelightError, SettingError

INTERRUPTED = 130
_Command = TypeVar("_Command", bound=Callable[..., Any])
CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), help="Settings file [safelight.toml]."
)


def plainly(command: _Command) -> _Command:
    """End with one sentence and an exit code, 2 for a wrong setting or transform.

    Ctrl-C ends without a word, where the command itself has none for it.
    """

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except SafelightError as error:
            click.echo(f"safelight: {error.reason}", err=True)
            sys.exit(2 if isinstance(error, SettingError) or error.status == 400 else 1)
        except BrokenPipeError:
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    return cast("_Command", wrapped)


def reason(error: Exception) -> str:
    """Say what went wrong, in the words of whoever found it."""
    return error.reason if isinstance(error, SafelightError) else getattr(error, "strerror", "")
