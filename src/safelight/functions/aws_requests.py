"""Requests as AWS brings them to a function, and answers as it takes them.

Four shapes: Function URL and HTTP API (payload 2.0), HTTP API with payload 1.0, REST API, and a
load balancer, which has headers of one value or of several.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from safelight.dialects.grammar import write_key
from safelight.web.exchange import Headers, Incoming, Response

# A function may answer with 6 MB of JSON, in which four characters stand for three bytes; a load
# balancer takes 1 MB. The rest is for headers.
_MOST_BYTES = 4_400_000
_MOST_BALANCED_BYTES = 700_000
# A path that is encoded has nothing else.
_ENCODED = "/~!$&'()*+,;=:@%"
# How many segments there may be before what is ours.
_MOST_MOUNTED = 8
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_TEXTS = ("text/", "application/json", "application/problem+json")


class Asked(msgspec.Struct, frozen=True):
    """A request, and how its answer is written: with several values for a header, as a balancer's.

    ``path`` and ``query`` are percent-encoded; ``root`` is where the function is mounted.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    body: bytes
    root: str = ""
    several: bool = False
    balanced: bool = False

    def incoming(self) -> Incoming:
        """Read the request. Raises AddressTooLong."""
        return Incoming.of(self.method, self.path, self.query, self.root, self.headers)

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when it was not sent."""
        return next((value.decode("latin-1") for n, value in self.headers if n == name), "")

    def most_bytes(self, wanted: int | None) -> int:
        """Tell what an answer's body may have; ``wanted``: what the settings say."""
        most = _MOST_BALANCED_BYTES if self.balanced else _MOST_BYTES
        return most if wanted is None else min(wanted, most)

    def written(self, response: Response) -> dict[str, Any]:
        """Write a response as the one who asked takes it."""
        values: dict[str, list[str]] = {}
        for name, value in response.headers:
            values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        body = b"" if self.method == "HEAD" else response.body
        result: dict[str, Any] = {"statusCode": response.status, **_body(values, body)}
        if self.several:
            result["multiValueHeaders"] = values
        else:
            result["headers"] = {name: ", ".join(each) for name, each in values.items()}
        if self.balanced:
            from http import HTTPStatus

            result["statusDescription"] = f"{response.status} {HTTPStatus(response.status).phrase}"
        return result


def read(event: Any) -> Asked | None:
    """Read a request; None when an event is none."""
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    if not isinstance(context, Mapping):
        return None
    if "elb" in context:
        return _from_balancer(event)
    if "http" in context:
        return _from_url(event, context)
    return _from_rest(event, context) if "httpMethod" in event else None


def _from_url(event: Mapping[str, Any], context: Mapping[str, Any]) -> Asked:
    """Read payload 2.0, of a Function URL or an HTTP API."""
    path, domain = event["rawPath"], context.get("domainName", "")
    # A Function URL gives the path as it was sent, an HTTP API has decoded it.
    raw = _encoded(path) if ".lambda-url." in domain else write_key(path)
    stage = context.get("stage", "$default") if ".execute-api." in domain else "$default"
    root = "" if stage == "$default" else f"/{stage}"
    headers = list((event.get("headers") or {}).items())
    if event.get("cookies"):
        headers.append(("cookie", "; ".join(event["cookies"])))
    asked = _headers(headers)
    return Asked(
        context["http"]["method"],
        raw.encode(),
        _encoded(event.get("rawQueryString", ""), "?").encode(),
        asked,
        _sent(event),
        _root(raw, event, asked) or root,
    )


def _from_rest(event: Mapping[str, Any], context: Mapping[str, Any]) -> Asked:
    """Read payload 1.0, of a REST API, or of an HTTP API, which has decoded the path."""
    # Only an HTTP API names a version: a "%" that is left there was written "%25".
    encoded = write_key if event.get("version") == "1.0" else _encoded
    path = encoded(event["path"])
    # The stage is in the one and not in the other, unless a domain of the user's is asked.
    whole = encoded(context.get("path", ""))
    root = whole.removesuffix(path) if whole.endswith(path) else ""
    asked = _headers(_several(event, "headers", "multiValueHeaders"))
    query = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in _query(event)]
    return Asked(
        event["httpMethod"],
        (root + path).encode(),
        "&".join(query).encode(),
        asked,
        _sent(event),
        _root(root + path, event, asked) or root,
        several=True,
    )


def _from_balancer(event: Mapping[str, Any]) -> Asked:
    """Read what a load balancer sends: it decodes nothing."""
    path = _encoded(event["path"])
    asked = _headers(_several(event, "headers", "multiValueHeaders"))
    query = [f"{name}={value}" for name, value in _query(event)]
    return Asked(
        event["httpMethod"],
        path.encode(),
        _encoded("&".join(query), "?").encode(),
        asked,
        _sent(event),
        _root(path, event, asked),
        several="multiValueHeaders" in event,
        balanced=True,
    )


def _encoded(text: str, also: str = "") -> str:
    """Encode only what cannot be in something that is encoded."""
    return quote(_BARE_PERCENT.sub("%25", text), safe=_ENCODED + also)


def _root(path: str, event: Mapping[str, Any], headers: Headers) -> str:
    """Find where the function is mounted: before what a route calls its proxy, or as a proxy says.

    Empty when neither tells.
    """
    rest = unquote((event.get("pathParameters") or {}).get("proxy") or "")
    place = -1
    for _ in range(_MOST_MOUNTED if rest else 0):
        place = path.find("/", place + 1)
        if place >= 0 and unquote(path[place + 1 :]) == rest:
            return path[:place]
    forwarded = next((value for name, value in headers if name == b"x-forwarded-prefix"), b"")
    prefix = forwarded.decode("latin-1").rstrip("/")
    return prefix if path.startswith(f"{prefix}/") else ""


def _several(event: Mapping[str, Any], one: str, many: str) -> list[tuple[str, str]]:
    """Read names with one value or with several, whichever is there."""
    if event.get(many):
        return [(name, value) for name, values in event[many].items() for value in values]
    return list((event.get(one) or {}).items())


def _query(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    return _several(event, "queryStringParameters", "multiValueQueryStringParameters")


def _headers(given: Sequence[tuple[str, str]]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in given]


def _sent(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _body(headers: Mapping[str, Sequence[str]], body: bytes) -> dict[str, Any]:
    if not body or headers.get("content-type", ("",))[0].startswith(_TEXTS):
        return {"body": body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode("ascii"), "isBase64Encoded": True}
