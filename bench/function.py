"""Our function, called as AWS does: ``python -m bench.function EVENT [EVENTS…]``.

The first event is what a cold start answers. Each of the others is a warm call, of which a line of
output says how many milliseconds it took, and how many of them its stages.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from safelight.functions.aws import handler


class Context:
    """What AWS tells of a call."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Leave time enough."""
        return 60_000


def called(event: Any) -> Any:
    answer = handler(event, Context())
    assert answer is None or answer["statusCode"] == 200, answer
    return answer


def main(first: str, *others: str) -> None:
    """Answer all of them."""
    called(json.loads(Path(first).read_text("utf-8")))
    for file in others:
        event = json.loads(Path(file).read_text("utf-8"))
        started = time.perf_counter()
        answer = called(event)
        spent = (time.perf_counter() - started) * 1e3
        stages = answer["headers"]["server-timing"].split(", ")
        print(json.dumps([spent, sum(float(stage.partition("=")[2]) for stage in stages)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
