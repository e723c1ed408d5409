"""Requests in each of the shapes that AWS has for them, and answers as each takes them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safelight.dialects import Grammar, match
from safelight.dialects.grammar import write_key
from safelight.functions.aws_requests import Asked, read
from safelight.web.exchange import Incoming, Response
from tests.support.lambdas import SHAPES, answered, asking

SAMPLES = Path(__file__).parents[1] / "data" / "lambda"
# Those that give a path as it was sent.
HONEST = ("url", "rest", "balancer", "balancer-several")
KEYS = ("a.jpg", "a b.jpg", "a+b.jpg", "näh/é.jpg", "100%.jpg", "50%41.jpg", "a&b=c;d@e~(1)'!.jpg")


def of(event: Any) -> Asked:
    asked = read(event)
    assert asked is not None
    return asked


def incoming(event: Any) -> Incoming:
    return of(event).incoming()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_is_what_was_sent(shape: str) -> None:
    headers = {"X-Some": "thing", "Cookie": "a=1; b=2"}
    event = asking(shape, "POST", "/resize?width=50&height=60", headers, b"\xff\0")
    asked = of(event)
    found = asked.incoming()
    assert (found.method, found.path, found.query) == ("POST", "/resize", "width=50&height=60")
    assert (found.header(b"x-some"), found.header(b"cookie")) == ("thing", "a=1; b=2")
    assert asked.body == b"\xff\0"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_may_be_text_or_nothing(shape: str) -> None:
    event = asking(shape, "POST", "/events")
    assert of(event).body == b""
    assert of(event | {"body": "é", "isBase64Encoded": False}).body == "é".encode()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_survives(shape: str, key: str) -> None:
    found = incoming(asking(shape, "GET", f"/w=50/{write_key(key)}"))
    assert match(found.path, found.query, Grammar()).key == key


@given(st.sampled_from(HONEST), st.text(max_size=40))
def test_a_path_is_the_one_that_was_sent(shape: str, text: str) -> None:
    assume(text.isprintable())
    path = f"/w=5,text=a%2Fb%25/{write_key(text)}"
    assert incoming(asking(shape, "GET", path)).path == path


@given(st.text(max_size=40))
def test_what_an_http_api_has_decoded_is_encoded_again(text: str) -> None:
    # What follows a question mark it leaves out, and of two slashes one may have been encoded.
    assume(text.isprintable() and "?" not in text)
    path = f"/w=5/{write_key(text)}"
    assert incoming(asking("http-2.0", "GET", path)).path == path


@pytest.mark.parametrize("shape", ["http-2.0", "http-1.0"])
def test_an_encoded_slash_is_lost_behind_an_http_api(shape: str) -> None:
    assert incoming(asking(shape, "GET", "/w=5/a%2Fb.jpg")).path == "/w=5/a/b.jpg"


@given(st.sampled_from(SHAPES), st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), st.text()))
def test_any_query_arrives(shape: str, query: dict[str, str]) -> None:
    from urllib.parse import parse_qsl, urlencode

    found = incoming(asking(shape, "GET", f"/picture/a.jpg?{urlencode(query)}"))
    assert dict(parse_qsl(found.query, keep_blank_values=True)) == query
    assert found.query.isascii()


@pytest.mark.parametrize("shape", SHAPES)
def test_several_values_of_a_query_all_arrive(shape: str) -> None:
    if shape == "balancer":
        # A balancer that has one value for each name gives the last one.
        return
    assert incoming(asking(shape, "GET", "/a?b=1&b=2&c=")).query == "b=1&b=2&c="


# Where the function is mounted


@pytest.mark.parametrize("shape", ["http-2.0", "http-1.0", "rest"])
def test_a_stage_is_no_part_of_an_address(shape: str) -> None:
    found = incoming(asking(shape, "GET", "/w=5/a%20b.jpg", stage="dev"))
    assert (found.path, found.root) == ("/w=5/a%20b.jpg", "/dev")
    assert incoming(asking(shape, "GET", "/w=5/a.jpg")).root == ""


def test_what_a_domain_maps_is_no_part_of_an_address() -> None:
    event = asking("rest", "GET", "/images/w=5/a%20b.jpg")
    event |= {"pathParameters": {"proxy": "w=5/a b.jpg"}}
    found = incoming(event)
    assert (found.path, found.root) == ("/w=5/a%20b.jpg", "/images")


@pytest.mark.parametrize("shape", ["url", "balancer", "balancer-several"])
def test_a_proxy_says_what_it_has_put_before(shape: str) -> None:
    headers = {"X-Forwarded-Prefix": "/images/"}
    found = incoming(asking(shape, "GET", "/images/w=5/a.jpg", headers))
    assert (found.path, found.root) == ("/w=5/a.jpg", "/images")
    assert incoming(asking(shape, "GET", "/w=5/a.jpg", headers)).root == ""


def test_many_segments_before_a_proxy_are_not_looked_for_without_end() -> None:
    event = asking("rest", "GET", "/" * 8_000)
    event |= {"pathParameters": {"proxy": "x"}}
    assert incoming(event).root == ""


# As Amazon's own tools have them


@pytest.mark.parametrize(
    ("sample", "method", "path", "query"),
    [
        ("function_url_v2", "GET", "/", ""),
        ("apigw_http_v2", "GET", "/my/path",
         "parameter1=value1&parameter1=value2&parameter2=value"),
        ("apigw_rest_v1", "GET", "/my/path",
         "parameter1=value1&parameter1=value2&parameter2=value"),
        ("alb", "GET", "/lambda", "query=1234ABCD"),
        ("alb_multi", "GET", "/todos", ""),
    ],
)  # fmt: skip
def test_samples_are_understood(sample: str, method: str, path: str, query: str) -> None:
    event = json.loads((SAMPLES / f"{sample}.json").read_text("utf-8"))
    found = incoming(event)
    assert (found.method, found.path, found.query) == (method, path, query)
    assert found.headers


@pytest.mark.parametrize(
    "event", [None, 5, "x", [], {}, {"Records": []}, {"requestContext": 5}, {"requestContext": {}}]
)
def test_what_is_no_request_is_none(event: Any) -> None:
    assert read(event) is None


# Answers


PICTURE = Response(
    200, [(b"content-type", b"image/jpeg"), (b"vary", b"Accept"), (b"vary", b"Origin")], b"\xff\0"
)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_is_the_one_that_was_made(shape: str) -> None:
    asked = of(asking(shape, "GET", "/a"))
    answer = answered(shape, json.loads(json.dumps(asked.written(PICTURE))))
    assert (answer.status, answer.body) == (200, b"\xff\0")
    assert answer.headers == {"content-type": "image/jpeg", "vary": "Accept, Origin"}


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json", "text/html; x"])
def test_text_is_sent_as_text(kind: str) -> None:
    # An API that was not told which types are binary would show the viewer base64.
    response = Response(404, [(b"content-type", kind.encode())], "é".encode())
    for shape in SHAPES:
        written = of(asking(shape, "GET", "/a")).written(response)
        assert (written["body"], written["isBase64Encoded"]) == ("é", False)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_head_has_no_body(shape: str) -> None:
    answer = answered(shape, of(asking(shape, "HEAD", "/a")).written(PICTURE))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("shape", SHAPES)
def test_what_can_be_carried_can_be_carried(shape: str) -> None:
    asked = of(asking(shape, "GET", "/a"))
    most = asked.most_bytes(None)
    response = Response(200, [(b"content-type", b"image/jpeg"), (b"x", b"y" * 8_000)], bytes(most))
    # Six megabytes, of which a load balancer takes one.
    limit = 1 << 20 if shape.startswith("balancer") else 6 << 20
    assert len(json.dumps(asked.written(response))) < limit
    assert asked.most_bytes(10**9) == most
    assert asked.most_bytes(1_000) == 1_000
