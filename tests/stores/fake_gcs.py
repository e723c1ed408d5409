"""fake-gcs-server: Google's storage, behind a small translator of uploads.

obstore uploads by the XML API, of which fake-gcs-server (1.55) has only the reading half: such a
PUT is passed on as an upload of the JSON API, whose preconditions are kept. Signatures are not
checked by it.
"""

import http.client
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

from tests.stores.servers import Server, free_port, running, tool

_META = "x-goog-meta-"
_BOUNDARY = "safelight-part"
_MULTIPART = f"multipart/related; boundary={_BOUNDARY}"
_CONFLICT = 409
_OF_CONNECTION = frozenset(("connection", "transfer-encoding", "date", "server"))


@contextmanager
def fake_gcs(folder: Path, *, port: int | None = None) -> Iterator[Server]:
    """Serve buckets from memory."""
    inner = free_port()
    folder.mkdir(parents=True, exist_ok=True)

    class Handler(_Translator):
        upstream = inner

    with ThreadingHTTPServer(("127.0.0.1", port or 0), Handler) as front:
        Handler.host = f"127.0.0.1:{front.server_port}"
        endpoint = f"http://{Handler.host}"
        command = [
            tool("fake-gcs-server"), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
            "-port", str(inner), "-public-host", Handler.host,
            "-external-url", endpoint, "-log-level", "error",
        ]  # fmt: skip
        front.daemon_threads = True
        thread = threading.Thread(target=front.serve_forever, args=(0.05,))
        thread.start()

        def make(bucket: str) -> None:
            request = urllib.request.Request(
                f"{endpoint}/storage/v1/b",
                data=json.dumps({"name": bucket}).encode(),
                headers={"Content-Type": "application/json"},
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                opener.open(request, timeout=10).close()
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != _CONFLICT:
                    raise

        try:
            with running(command, folder / "log", f"http://127.0.0.1:{inner}/"):
                yield Server(
                    "gs",
                    front.server_port,
                    f"endpoint={endpoint}",
                    {"GOOGLE_SERVICE_ACCOUNT_KEY": service_account(endpoint)},
                    make,
                )
        finally:
            front.shutdown()
            thread.join()


def service_account(endpoint: str, *, private_key: str = "", oauth: bool = False) -> str:
    """Write the key of a service account, with the address of a store in it."""
    return json.dumps(
        {
            "gcs_base_url": endpoint,
            "disable_oauth": not oauth,
            "client_email": "safelight@example.com",
            "private_key": private_key,
            "private_key_id": "1",
        }
    )


def private_key() -> str:
    """Make a throw-away RSA key."""
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


class _Translator(BaseHTTPRequestHandler):
    upstream: int
    host: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("connection", "host")}
        self._send(*self._ask(self.command, self.path, headers, body))

    do_GET = do_HEAD = do_POST = do_DELETE = _relay  # noqa: N815 - http.server's names

    def do_PUT(self) -> None:
        """Upload by the JSON API: "Objects: insert", uploadType=multipart, in its reference."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        bucket, _, name = self.path[1:].partition("?")[0].partition("/")
        kind = self.headers.get("Content-Type", "application/octet-stream")
        resource = {
            "name": unquote(name),
            "contentType": kind,
            "cacheControl": self.headers.get("Cache-Control", ""),
            "metadata": {
                header.lower().removeprefix(_META): value
                for header, value in self.headers.items()
                if header.lower().startswith(_META)
            },
        }
        parts = (
            f"--{_BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{json.dumps(resource)}\r\n"
            f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\n\r\n"
        ).encode()
        target = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={quote(unquote(name))}"
        generation = self.headers.get("x-goog-if-generation-match")
        if generation is not None:
            target += f"&ifGenerationMatch={generation}"
        status, headers, answer = self._ask(
            "POST",
            target,
            {"Content-Type": _MULTIPART},
            parts + body + f"\r\n--{_BOUNDARY}--\r\n".encode(),
        )
        if status != http.HTTPStatus.OK:
            self._send(status, [], answer)
            return
        made = json.loads(answer)
        headers = [("ETag", f'"{made["etag"]}"'), ("x-goog-generation", str(made["generation"]))]
        self._send(200, headers, b"")

    def _ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)
        # Under another name, such as that of a proxy, it would not be a request for storage.
        headers["Host"] = self.host
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in _OF_CONNECTION]
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
