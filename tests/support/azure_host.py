"""What the host of Azure Functions does, as its documentation says: it cannot be run here.

The functions themselves run in Azure's own worker (tests/full/azure_worker.py), over a real
Azurite. Imitated are what a trigger watches, what is tried how often, the queue of poison, what
bindings write, and the address of a request as App Service hands it on.
"""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from safelight.storage import Store, open_store
from tests.stores.servers import TOOLS, Server
from tests.support.serving import clean_environment

ROOT = Path(__file__).resolve().parents[2]
POISON = "webjobs-blobtrigger-poison"
TRIES = 5
HOST = "https://images.example"


@dataclass(frozen=True)
class Answer:
    """What a function answered a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Ended:
    """How an invocation of a function ended; ``error`` is empty when it worked."""

    error: str
    returned: Any
    outputs: Mapping[str, Any]


@dataclass
class AzureHost:
    """A worker with an app, and the account that its triggers watch."""

    worker: subprocess.Popen[str]
    blobs: Server
    log: Path
    functions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # What lies in the queue of poison.
    poison: list[dict[str, str]] = field(default_factory=list)
    # How often a function was invoked, by its name.
    invoked: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def opened(blobs: Server, container: str) -> Store:
        """Open a container; its credentials are in the environment."""
        return open_store(blobs.url(container))

    def container(self, name: str) -> Store:
        return self.opened(self.blobs, name)

    def trigger(self, name: str) -> dict[str, Any]:
        """Describe the trigger of a function."""
        return next(one for one in self.functions[name] if one["type"].endswith("Trigger"))

    def of_type(self, kind: str) -> list[str]:
        """Name the functions with a trigger of a kind."""
        return [name for name in self.functions if self.trigger(name)["type"] == kind]

    def invoke(self, name: str, inputs: Mapping[str, Any], metadata: Mapping[str, Any]) -> Ended:
        assert self.worker.stdin
        assert self.worker.stdout
        self.invoked[name] = self.invoked.get(name, 0) + 1
        order = {"function": name, "inputs": inputs, "metadata": metadata}
        self.worker.stdin.write(f"{json.dumps(order)}\n")
        self.worker.stdin.flush()
        line = self.worker.stdout.readline()
        assert line, self.log.read_text()
        told = json.loads(line)
        return Ended("" if told["worked"] else told["error"], told["returned"], told["outputs"])

    def upload(self, container: str, key: str, data: bytes) -> list[Ended]:
        """Store a blob, and tell whoever watches it."""
        self.container(container).put(key, data, {})
        return self.tell(container, key)

    def tell(self, container: str, key: str) -> list[Ended]:
        """Trigger the functions that watch a blob, five times at most each."""
        ended = []
        for name in self.of_type("blobTrigger"):
            trigger = self.trigger(name)
            pattern = re.escape(trigger["path"]).replace(re.escape("{name}"), "(?P<name>.+)")
            found = re.fullmatch(pattern, f"{container}/{key}")
            if found:
                ended.append(self._tried(name, container, key, found["name"]))
        return ended

    def _tried(self, name: str, container: str, key: str, part: str) -> Ended:
        store = self.container(container)
        version, data = store.head(key).version, store.get(key).data
        metadata = {
            "BlobTrigger": f"{container}/{key}",
            "Uri": f"https://account.blob.core.windows.net/{container}/{quote(key)}",
            "Properties": {"json": {"ETag": version, "ContentLength": len(data)}},
            "Metadata": {"json": {}},
            "name": part,
        }
        blob = {"bytes": base64.b64encode(data).decode()}
        for _ in range(TRIES):
            ended = self.invoke(name, {self.trigger(name)["name"]: blob}, metadata)
            if not ended.error:
                self._bound(name, ended, part)
                return ended
        self.poison.append(
            {
                "FunctionId": f"images.Functions.{name}",
                "BlobType": "BlockBlob",
                "ContainerName": container,
                "BlobName": key,
                "ETag": version,
            }
        )
        return ended

    def _bound(self, name: str, ended: Ended, part: str) -> None:
        """Write what a function has given to its output bindings."""
        for binding in self.functions[name]:
            if binding["type"] == "blob" and binding["name"] in ended.outputs:
                path = binding["path"].replace("{name}", part)
                container, _, key = path.partition("/")
                data = base64.b64decode(ended.outputs[binding["name"]]["bytes"])
                self.container(container).put(key, data, {})

    def dequeue(self) -> Ended:
        """Hand the first message of poison to whoever takes it; it goes when that works."""
        (name,) = self.of_type("queueTrigger")
        trigger = self.trigger(name)
        assert trigger["queueName"] == POISON
        ended = self.invoke(
            name,
            {trigger["name"]: json.dumps(self.poison[0])},
            {"Id": "8a4c", "DequeueCount": "1", "PopReceipt": "AgAAAAMAAAA"},
        )
        if not ended.error:
            del self.poison[0]
        return ended

    def notify(self, event: Mapping[str, Any]) -> Ended:
        """Send an event of Event Grid to the function that takes them."""
        (name,) = self.of_type("eventGridTrigger")
        return self.invoke(name, {self.trigger(name)["name"]: {"json": event}}, {})

    def request(
        self,
        method: str,
        address: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        function: str = "serve",
    ) -> Answer:
        """Ask as through App Service: decoded, encoded anew, and as it was in two headers."""
        path, mark, query = address.partition("?")
        given = quote(unquote(path), safe="/~!$&'()*+,;=:@")
        request = {
            "method": method,
            "url": f"{HOST}{given}{mark}{query}",
            "headers": {
                "host": "images.example",
                "x-original-url": address,
                "x-waws-unencoded-url": address,
                **(headers or {}),
            },
            "query": dict(parse_qsl(query)),
            "params": {"path": unquote(path[1:])},
            "body": base64.b64encode(body).decode(),
        }
        ended = self.invoke(function, {self.trigger(function)["name"]: {"http": request}}, {})
        assert not ended.error, ended.error
        told = ended.returned
        return Answer(told["status"], told["headers"], base64.b64decode(told["body"]))


@contextmanager
def azure_host(folder: Path, blobs: Server, **environment: str) -> Iterator[AzureHost]:
    """Run the worker with the app in a folder; ``environment`` are its app settings."""
    programs = sorted(TOOLS.glob("azure-functions-runtime-*/bin/python"))
    assert programs, "there is no azure-functions-runtime: run tests/full/setup.sh"
    log = folder / "worker.log"
    with log.open("w") as errors:
        worker = subprocess.Popen(
            [programs[-1], str(ROOT / "tests" / "full" / "azure_worker.py"), str(folder)],
            cwd=folder,
            env={
                **clean_environment(),
                **blobs.environment,
                "PYTHONPATH": str(ROOT / "src"),
                "AzureWebJobsScriptRoot": str(folder),
                **environment,
            },
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert worker.stdin
    assert worker.stdout
    try:
        line = worker.stdout.readline()
        assert line, log.read_text()
        yield AzureHost(worker, blobs, log, json.loads(line))
    finally:
        worker.stdin.close()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        worker.stdout.close()
