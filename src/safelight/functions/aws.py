"""The service as a function of AWS: ``safelight.functions.aws.handler``.

It is called for requests (a Function URL, an HTTP or REST API, a load balancer) and for events (S3,
also through SQS, SNS or EventBridge, and S3 Batch Operations). Settings are read from
``safelight.toml`` beside it and from the environment.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from safelight.functions import aws_requests
from safelight.functions.runtime import Runtime, shortened

# One core is what 1,769 MB of memory come with.
_MEGABYTES_A_CORE = 1_769


def _runtime() -> Runtime:
    memory = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _MEGABYTES_A_CORE))
    threads = max(1, min(round(memory / _MEGABYTES_A_CORE), os.cpu_count() or 1))
    return Runtime(folder=Path(os.environ.get("LAMBDA_TASK_ROOT", ".")), threads=threads)


# Read when the function starts: a wrong setting is told then, by its sentence.
RUNTIME = _runtime()


def handler(event: Any, context: Any) -> Any:
    """Answer a request, or do what an event asks for.

    Raises EventUnknown, SettingError and Unavailable where the platform shall call once more.
    """
    left = context.get_remaining_time_in_millis() / 1_000
    deadline = time.monotonic() + shortened(left)
    asked = aws_requests.read(event)
    if asked is None:
        # Not loaded by a function that only answers requests.
        from safelight.functions import aws_events

        return aws_events.handle(RUNTIME, event, name=context.aws_request_id, deadline=deadline)
    response = RUNTIME.answer(
        asked.incoming,
        asked.body,
        given=asked.header(b"x-request-id"),
        name=context.aws_request_id,
        deadline=deadline,
        most_bytes=asked.most_bytes(RUNTIME.settings.server.max_inline_bytes),
    )
    return asked.written(response)
