"""A function as AWS runs one: events in their shapes, a Runtime API, and Amazon's own client of it.

The Runtime API is ours, since Amazon's is not to be had; what it does is in "Using the Lambda
runtime API" and "Lambda quotas" of Amazon's documentation. The function is a process that is frozen
between calls, if that is wanted.
"""

import base64
import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.support.serving import clean_environment

SHAPES = ("url", "http-2.0", "http-1.0", "rest", "balancer", "balancer-several")
# What an answer may have, as JSON; a load balancer takes less.
MOST_BYTES = 6 * 1024 * 1024 + 100
MOST_BALANCED_BYTES = 1024 * 1024
_START_SECONDS = 20.0
_ARN = "arn:aws:lambda:eu-west-1:123456789012"
_API = "/2018-06-01/runtime/"


def asking(
    shape: str,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    stage: str = "$default",
) -> dict[str, Any]:
    """Write a request as an event: who decodes what is as captures of the real services show."""
    path, _, query = target.partition("?")
    told = {"Host": "images.example.com", **(headers or {})}
    sent = {
        "body": base64.b64encode(body).decode() or None,
        "isBase64Encoded": bool(body),
    }
    if shape in ("url", "http-2.0"):
        return sent | _version_2(shape, method, path, query, told, stage)
    if shape in ("rest", "http-1.0"):
        return sent | _version_1(shape, method, path, query, told, stage)
    lower = {name.lower(): value for name, value in told.items()}
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    event = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}},
        "httpMethod": method,
        "path": path,
    }
    if shape == "balancer":
        event |= {"headers": lower, "queryStringParameters": dict(pairs)}
    else:
        event |= {
            "multiValueHeaders": {name: [value] for name, value in lower.items()},
            "multiValueQueryStringParameters": _gathered(pairs),
        }
    return sent | event


def _version_2(
    shape: str, method: str, path: str, query: str, headers: Mapping[str, str], stage: str
) -> dict[str, Any]:
    domain = "abc.lambda-url.eu-west-1.on.aws"
    if shape == "http-2.0":
        domain = "abc.execute-api.eu-west-1.amazonaws.com"
        path = ("" if stage == "$default" else f"/{stage}") + unquote(path)
    lower = {name.lower(): value for name, value in headers.items()}
    cookies = lower.pop("cookie", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": lower,
        "requestContext": {
            "domainName": domain,
            "stage": stage,
            "http": {"method": method, "path": path},
        },
    }
    return event | ({"cookies": cookies.split("; ")} if cookies else {})


def _version_1(
    shape: str, method: str, path: str, query: str, headers: Mapping[str, str], stage: str
) -> dict[str, Any]:
    pairs = parse_qsl(query, keep_blank_values=True)
    whole = ("" if stage == "$default" else f"/{stage}") + path
    event: dict[str, Any] = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": _gathered(pairs) or None,
        "requestContext": {"path": whole, "stage": stage},
        "pathParameters": {"proxy": unquote(path)[1:]},
    }
    if shape == "http-1.0":
        event |= {"version": "1.0", "path": unquote(whole)}
        event["requestContext"]["path"] = unquote(whole)
    return event


def _gathered(pairs: list[Any]) -> dict[str, list[str]]:
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return gathered


@dataclass(frozen=True)
class Answered:
    """What a viewer gets: names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def answered(shape: str, result: Any) -> Answered:
    """Read an answer as the service in front does, which is particular about its form."""
    assert isinstance(result["statusCode"], int)
    several = shape in ("rest", "http-1.0", "balancer-several")
    assert ("multiValueHeaders" in result) == several
    assert ("headers" in result) != several
    headers = result.get("headers") or {
        name: ", ".join(values) for name, values in result["multiValueHeaders"].items()
    }
    if shape.startswith("balancer"):
        assert str(result["statusDescription"]).startswith(f"{result['statusCode']} ")
        assert len(json.dumps(result)) <= MOST_BALANCED_BYTES
    body = result["body"]
    data = base64.b64decode(body, validate=True) if result["isBase64Encoded"] else body.encode()
    return Answered(result["statusCode"], {n.lower(): v for n, v in headers.items()}, data)


class FunctionFailed(Exception):
    """The function has raised; ``told`` is what it said: errorType, errorMessage, stackTrace."""

    def __init__(self, told: Any) -> None:
        super().__init__(told.get("errorMessage") if isinstance(told, dict) else told)
        self.told = told


@dataclass
class Lambda:
    """A function that runs, or has ended with an error at its start."""

    process: subprocess.Popen[bytes]
    log: Path
    events: queue.Queue[tuple[str, bytes, int]] = field(default_factory=queue.Queue)
    results: queue.Queue[tuple[str, int, bytes]] = field(default_factory=queue.Queue)
    waiting: threading.Event = field(default_factory=threading.Event)
    calls: int = 0

    @property
    def output(self) -> str:
        """What the function has logged."""
        return self.log.read_text()

    @property
    def lines(self) -> list[Any]:
        """What it has logged as JSON."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def invoke(self, event: Any, *, seconds: float = 30.0) -> Any:
        """Call the function, which has ``seconds``. Raises FunctionFailed."""
        self.calls += 1
        name = f"call-{self.calls}"
        self.events.put((name, json.dumps(event).encode(), int((time.time() + seconds) * 1e3)))
        answered, status, body = self.results.get(timeout=seconds + 5.0)
        assert answered == name
        if status == 413:
            raise FunctionFailed({"errorType": "Function.ResponseSizeTooLarge"})
        result = json.loads(body)
        if status != 200:
            raise FunctionFailed(result)
        return result

    def ask(self, shape: str, method: str, target: str, **more: Any) -> Answered:
        """Call it for a request."""
        seconds = more.pop("seconds", 30.0)
        return answered(shape, self.invoke(asking(shape, method, target, **more), seconds=seconds))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the process for the time of the block, as soon as it waits for the next call."""
        assert self.waiting.wait(_START_SECONDS)
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def function(
    folder: Path, environment: Mapping[str, str] | None = None, *, memory: int = 1_769
) -> Iterator[Lambda]:
    """Run ``safelight.functions.aws.handler`` with the settings of a folder."""
    log = folder / "function.log"
    with ThreadingHTTPServer(("127.0.0.1", 0), _RuntimeApi) as listener, log.open("wb") as output:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "safelight.functions.aws.handler"],
            env={
                **clean_environment(),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.server_port}",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
                "LAMBDA_TASK_ROOT": str(folder),
                **(environment or {}),
            },
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        running = Lambda(process, log)
        listener.function = running  # type: ignore[attr-defined]
        try:
            yield running
        finally:
            process.kill()
            process.wait()
            listener.shutdown()
            thread.join()


class _RuntimeApi(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    @property
    def function(self) -> Lambda:
        deadline = time.monotonic() + _START_SECONDS
        while not hasattr(self.server, "function"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        found: Lambda = self.server.function
        return found

    def do_GET(self) -> None:
        assert self.path == f"{_API}invocation/next"
        function = self.function
        function.waiting.set()
        name, event, deadline = function.events.get()
        function.waiting.clear()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": name,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": f"{_ARN}:function:x",
            "Content-Type": "application/json",
        }
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(200, event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == f"{_API}init/error":
            self._send(202, b"{}")
            self.function.results.put(("call-1", 500, body))
            return
        name, _, what = self.path.removeprefix(f"{_API}invocation/").partition("/")
        if what == "response" and len(body) > MOST_BYTES:
            # Amazon's client then says that the function failed; that is passed over here.
            self._send(413, b'{"errorType": "RequestEntityTooLarge"}')
            self.function.results.put((name, 413, b""))
            return
        self._send(202, b"{}")
        status = 200 if what == "response" else 500
        self.function.results.put((name, status, body))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        return
