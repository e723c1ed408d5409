"""The worker that Azure runs functions with, and what its host would tell it, over two pipes.

It is run by a Python that has `azure-functions-runtime`, which is what Azure itself installs: it
finds the functions of an app, checks their bindings, converts what comes and goes, and calls them.
A line of JSON on its input is an invocation, a line on its output is what came of it. See
test_azure_runtime.py for what is left to be imitated.
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from azure.functions.decorators.core import BindingDirection, DataType
from azure_functions_runtime import handle_event, start_threadpool_executor
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.native_invocation import invocation_request_native


class _BindingInfo(SimpleNamespace):
    out, inout = BindingDirection.OUT.value, BindingDirection.INOUT.value
    undefined = DataType.UNDEFINED.value


# The messages that the host and the worker know each other by, as far as indexing makes them.
_MESSAGES = SimpleNamespace(
    BindingInfo=_BindingInfo, RpcFunctionMetadata=SimpleNamespace, RpcRetryOptions=SimpleNamespace
)


def index(folder: Path) -> dict[str, Any]:
    """Find the functions of an app; returns each by its name."""
    sys.path.insert(0, str(folder))
    handle_event.protos = _MESSAGES
    load_binding_registry()
    start_threadpool_executor()
    handle_event.load_function_metadata(str(folder), "worker_init_request")
    return {function.name: function for function in handle_event._metadata_result}


def received(value: Any) -> Datum:
    """Give a value the form in which the host sends it: text, {"bytes"}, {"json"} or {"http"}."""
    if isinstance(value, str):
        return Datum(value, "string")
    if "bytes" in value:
        return Datum(base64.b64decode(value["bytes"]), "bytes")
    if "json" in value:
        return Datum(json.dumps(value["json"]), "json")
    request = value["http"]
    return Datum(
        {
            "method": Datum(request["method"], "string"),
            "url": Datum(request["url"], "string"),
            "headers": _texts(request["headers"]),
            "query": _texts(request["query"]),
            "params": _texts(request["params"]),
            "body": Datum(base64.b64decode(request["body"]), "bytes"),
        },
        "http",
    )


def _texts(values: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def sent(datum: Datum | None) -> Any:
    """Read what a function gave, in the same forms."""
    if datum is None or datum.type is None:
        return None
    if datum.type == "bytes":
        return {"bytes": base64.b64encode(datum.value).decode()}
    if datum.type == "http":
        answer = datum.value
        return {
            "status": int(answer["status_code"].value),
            "headers": {name: value.value for name, value in answer["headers"].items()},
            "body": base64.b64encode(answer["body"].value).decode(),
        }
    return datum.value


async def invoke(functions: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    """Run one function."""
    worked, returned, outputs, error, traceback = await invocation_request_native(
        str(uuid4()),
        functions[order["function"]].function_id,
        [(name, received(value)) for name, value in order["inputs"].items()],
        {name: received(value) for name, value in order["metadata"].items()},
    )
    return {
        "worked": worked,
        "returned": sent(returned),
        "outputs": {name: sent(datum) for name, datum in outputs},
        "error": error,
        "traceback": traceback,
    }


async def main() -> None:
    """Tell which functions there are, then run them as they are ordered."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What an app prints is for the log.
    os.dup2(2, 1)
    functions = index(Path(sys.argv[1]))
    found = {
        name: [json.loads(binding) for binding in function.raw_bindings]
        for name, function in functions.items()
    }
    answers.write(f"{json.dumps(found)}\n")
    while line := await asyncio.to_thread(sys.stdin.readline):
        answers.write(f"{json.dumps(await invoke(functions, json.loads(line)))}\n")


asyncio.run(main())
