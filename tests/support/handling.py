"""Handle events in a process of its own, which may be killed at any moment: `python -m` this.

A line of JSON is an event, the line that answers it says "done" or "later", as a queue needs it.
"""

import sys
from pathlib import Path

import msgspec

from safelight import config
from safelight.errors import Unavailable
from safelight.events import Event
from safelight.workers.inprocess import InProcess


def main(base: Path) -> None:
    """Answer events until there are no more, with the settings in a folder."""
    settings = config.load(base / config.FILE, environment={})
    renderer = InProcess(settings.limits, threads=1)
    renderer.start()
    pipelines = config.pipelines(settings, base=base, renderer=renderer)
    assert pipelines is not None
    _say("ready")
    for line in sys.stdin:
        try:
            pipelines.handle(msgspec.json.decode(line, type=Event))
        except Unavailable as error:
            _say(f"later {error.detail}")
        else:
            _say("done")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
