"""A small S3 in memory: what `make test` has where the real servers need Go.

It keeps to the rules that clients stumble over: signatures (AWS Signature Version 4, in headers and
in addresses), keys of at most 1,024 bytes, metadata of at most 2,048, pages of a listing, errors in
XML, none in answers to HEAD. Buckets are named in the path or in the host; a request may come as to
a proxy, so that a server anywhere can be played. With ``x-cos-forbid-overwrite`` it is Tencent's.
"""

import calendar
import hashlib
import hmac
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY = "AKIDSAFELIGHT"
SECRET_KEY = "not-a-secret/only-for+tests"
_LIST = "s3:ListBucket"
_ACTIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
_KEPT = ("content-type", "cache-control")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,]+), ?SignedHeaders=(?P<signed>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]+)"
)


@dataclass
class Stored:
    data: bytes
    headers: dict[str, str]
    modified: float

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class SmallS3:
    """What is stored, by bucket and key, and the port it is served at.

    Who holds the ``lock`` keeps all requests waiting; ``asked`` counts them. ``allowed`` plays IAM:
    whether an action may be done to a bucket, or to a key in it.
    """

    port: int
    region: str
    buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: int = 0
    allowed: Callable[[str, str, str], bool] = lambda _action, _bucket, _key: True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store an object, as if by a client."""
        self.bucket(bucket)[key] = Stored(data, {}, time.time())

    def bucket(self, name: str) -> dict[str, Stored]:
        """Make a bucket, or give the one that is there."""
        return self.buckets.setdefault(name, {})


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code


@contextmanager
def small_s3(
    *, region: str = "us-east-1", domain: str = "", idle_seconds: float | None = None
) -> Iterator[SmallS3]:
    """Serve an empty store; below ``domain`` the first label of a host is the bucket.

    ``idle_seconds``: how long a connection may say nothing before it is closed.
    """

    class Handler(_Handler):
        timeout = idle_seconds

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        Handler.store = SmallS3(listener.server_port, region)
        Handler.domain = domain
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Handler.store
        finally:
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    """A server that is gone when it is closed: for those, too, who had a connection to it."""

    daemon_threads = True

    def __init__(self, *rest: Any) -> None:
        self._connections = list[socket.socket]()
        super().__init__(*rest)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    store: SmallS3
    domain: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Say at once that a body is welcome: some clients wait a second for it."""
        welcome = super().handle_expect_100()
        self.wfile.flush()
        return welcome

    def _answered(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = urlsplit(self.path)
        self.raw_path, self.query = target.path, target.query
        try:
            self._verify()
            self._serve()
        except Refused as refused:
            text = f"<Error><Code>{refused.code}</Code><Key>{escape(self.raw_path)}</Key></Error>"
            self._send(refused.status, {"Content-Type": "application/xml"}, text.encode())

    do_GET = do_HEAD = do_PUT = do_DELETE = _answered  # noqa: N815 - http.server's names

    def _serve(self) -> None:
        bucket, key = self._named()
        self.store.asked += 1
        with self.store.lock:
            if bucket not in self.store.buckets:
                raise Refused(404, "NoSuchBucket")
            objects = self.store.buckets[bucket]
            self._authorize(bucket, key)
            if not key:
                self._list(objects)
            elif len(key.encode()) > 1_024:
                raise Refused(400, "KeyTooLongError")
            elif self.command == "PUT":
                self._put(objects, key)
            elif self.command == "DELETE":
                objects.pop(key, None)
                self._send(204, {}, b"")
            else:
                self._get(objects, key)

    def _authorize(self, bucket: str, key: str) -> None:
        """Let pass what may be done; whoever may not list is told nothing of what is missing."""
        action = _ACTIONS[self.command] if key else _LIST
        missing = action == "s3:GetObject" and key not in self.store.buckets[bucket]
        if not self.store.allowed(action, bucket, key) or (
            missing and not self.store.allowed(_LIST, bucket, "")
        ):
            raise Refused(403, "AccessDenied")

    def _named(self) -> tuple[str, str]:
        host = self.headers["Host"].partition(":")[0]
        if self.domain and host.endswith(f".{self.domain}"):
            return host.removesuffix(f".{self.domain}"), unquote(self.raw_path[1:])
        bucket, _, key = self.raw_path[1:].partition("/")
        return bucket, unquote(key)

    def _put(self, objects: dict[str, Stored], key: str) -> None:
        create_only = "If-None-Match" in self.headers
        forbidden = self.headers.get("x-cos-forbid-overwrite") == "true"
        if key in objects and (create_only or forbidden):
            raise Refused(*((412, "PreconditionFailed") if create_only else (409, "Conflict")))
        headers = {
            name.lower(): value
            for name, value in self.headers.items()
            if name.lower() in _KEPT or name.lower().startswith("x-amz-meta-")
        }
        if sum(len(n) + len(v) - 11 for n, v in headers.items() if n not in _KEPT) > 2_048:
            raise Refused(400, "MetadataTooLarge")
        objects[key] = Stored(self.body, headers, time.time())
        self._send(200, {"ETag": objects[key].etag}, b"")

    def _get(self, objects: dict[str, Stored], key: str) -> None:
        if key not in objects:
            raise Refused(404, "NoSuchKey")
        stored = objects[key]
        headers = {
            "content-type": "binary/octet-stream",
            **stored.headers,
            "ETag": stored.etag,
            "Last-Modified": formatdate(stored.modified, usegmt=True),
        }
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", self.headers.get("Range", ""))
        if not asked:
            self._send(200, headers, stored.data)
            return
        first, last = int(asked[1]), int(asked[2] or len(stored.data) - 1)
        part = stored.data[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(stored.data)}"
        self._send(206, headers, part)

    def _list(self, objects: dict[str, Stored]) -> None:
        query = dict(parse_qsl(self.query))
        after = query.get("continuation-token", "")
        most = min(int(query.get("max-keys", 1_000)), 1_000)
        keys = [k for k in sorted(objects) if k.startswith(query.get("prefix", "")) and k > after]
        page = keys[:most]
        more = len(keys) > most
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(objects[key].data)}</Size>"
            f"<LastModified>{_timestamp(objects[key].modified)}</LastModified>"
            f"<ETag>{escape(objects[key].etag)}</ETag></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}"
            "</ListBucketResult>"
        )
        self._send(200, {"Content-Type": "application/xml"}, text.encode())

    def _verify(self) -> None:
        query = dict(parse_qsl(self.query, keep_blank_values=True))
        header = self.headers.get("Authorization")
        if header:
            given = _AUTHORIZATION.fullmatch(header)
            if given is None:
                raise Refused(400, "AuthorizationHeaderMalformed")
            credential, signed, signature = given["credential"], given["signed"], given["signature"]
            date, payload = self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
            if payload != hashlib.sha256(self.body).hexdigest():
                raise Refused(400, "XAmzContentSHA256Mismatch")
        elif "X-Amz-Signature" in query:
            credential, signed = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
            signature, date, payload = (
                query.pop("X-Amz-Signature"), query["X-Amz-Date"], "UNSIGNED-PAYLOAD",
            )  # fmt: skip
            asked = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
            if time.time() > asked + int(query["X-Amz-Expires"]):
                raise Refused(403, "AccessDenied")
        else:
            raise Refused(403, "AccessDenied")
        name, _, scope = credential.partition("/")
        if name != ACCESS_KEY:
            raise Refused(403, "InvalidAccessKeyId")
        if scope.split("/")[1] != self.store.region:
            raise Refused(400, "AuthorizationHeaderMalformed")
        canonical = "\n".join(
            (
                self.command,
                self.raw_path,
                "&".join(f"{_quoted(n)}={_quoted(v)}" for n, v in sorted(query.items())),
                *(f"{name}:{self.headers[name].strip()}" for name in signed.split(";")),
                "",
                signed,
                payload,
            )
        )
        if not hmac.compare_digest(signature, _signature(canonical, date, scope)):
            raise Refused(403, "SignatureDoesNotMatch")

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _signature(canonical: str, date: str, scope: str) -> str:
    """Sign as Amazon does: "Signature Version 4" in the reference of its API."""
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return quote(text, safe="~")


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
