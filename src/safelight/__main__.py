"""The command ``safelight``, also as ``python -m safelight``: it can be stopped from the start."""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Load the command, which takes most of its time, and run it."""
    # Who started it may have chosen to have it ignored.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        # Broken off by an exception, an import tells where it was, at length.
        signal.signal(signal.SIGINT, _end)
    from safelight import cli

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


def _end(_: int, __: FrameType | None) -> None:
    """End at once: nothing has begun that would have to be put right."""
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
