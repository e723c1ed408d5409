"""Headers in, headers out: validators, ranges, HEAD, and the guard on every answer."""

import email.utils
import re
import time

import pytest

from tests.support.serving import Reply, Server

MEADOW = "/200x150/photo-1mp.jpg"
AUTO = "/w=40,format=auto/photo-1mp.jpg"
EVERYTHING = (
    MEADOW,
    "/info/photo-1mp.jpg",
    "/healthz",
    "/readyz",
    "/static/safelight.js",
    "/",
    "/nothing",
    "/300x300/nothing.jpg",
    "/300x300/cut.jpg",
    "/300x300/text.jpg",
    "/300x300/large.jpg",
    "/w=much/photo-1mp.jpg",
    "/" + "x" * 9_000,
)


@pytest.fixture
def whole(server: Server) -> Reply:
    """Give the picture as a plain request gets it."""
    reply = server.get(MEADOW)
    assert reply.status == 200
    return reply


# Good answers


def test_a_good_answer_can_be_kept_and_checked(server: Server, whole: Reply) -> None:
    tag = whole["etag"] or ""
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    assert whole["cache-control"] == "public, max-age=600"
    assert whole["accept-ranges"] == "bytes"
    assert whole["content-length"] == str(len(whole.body))
    modified = email.utils.parsedate_to_datetime(whole["last-modified"] or "")
    assert abs(modified.timestamp() - time.time()) < 600


def test_the_first_answer_is_made_and_the_next_one_comes_from_the_store(server: Server) -> None:
    address = "/201x151/photo-1mp.jpg"
    first, again = server.get(address), server.get(address)
    assert first["cache-status"] == "Safelight; fwd=uri-miss; stored"
    assert again["cache-status"] == "Safelight; hit"
    assert first.body == again.body
    for name in ("etag", "last-modified", "content-type", "cache-control"):
        assert first[name] == again[name]


def test_the_stages_of_the_work_are_timed(server: Server) -> None:
    address = "/202x152/photo-1mp.jpg"

    def stages(reply: Reply) -> list[str]:
        parts = (reply["server-timing"] or "").split(", ")
        assert all(re.fullmatch(r"[a-z]+;dur=[0-9]+\.[0-9]", part) for part in parts)
        return [part.partition(";")[0] for part in parts]

    assert stages(server.get(address)) == ["lookup", "fetch", "decode", "encode", "store"]
    assert stages(server.get(address)) == ["lookup"]


@pytest.mark.parametrize("address", EVERYTHING, ids=lambda address: address[:30])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_every_answer_is_guarded(server: Server, address: str, method: str) -> None:
    reply = server.ask(method, address)
    assert reply["x-content-type-options"] == "nosniff"
    policy = reply["content-security-policy"] or ""
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy
    assert reply["cache-control"]


def test_a_picture_may_be_shown_on_other_sites_and_runs_nothing(whole: Reply) -> None:
    assert "sandbox" in (whole["content-security-policy"] or "")
    assert whole["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("address", EVERYTHING, ids=lambda address: address[:30])
def test_head_is_get_without_the_body(server: Server, address: str) -> None:
    head, get = server.ask("HEAD", address), server.get(address)
    assert head.status == get.status
    assert head.body == b""
    changing = {"date", "server-timing", "cache-status", "x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in changing} == {
        n: v for n, v in get.headers.items() if n not in changing
    }


def test_head_makes_the_picture_that_get_then_finds(server: Server) -> None:
    address = "/203x153/photo-1mp.jpg"
    assert server.ask("HEAD", address)["cache-status"] == "Safelight; fwd=uri-miss; stored"
    assert server.get(address)["cache-status"] == "Safelight; hit"


# Conditional requests


@pytest.mark.parametrize(
    "form", ["{}", "W/{}", '"other", {}', '{}, "other"', 'W/"x",W/{}', " {} ", '"a,b", {}', "*"]
)
def test_what_the_viewer_has_is_not_sent_again(server: Server, whole: Reply, form: str) -> None:
    tag = whole["etag"] or ""
    for method in ("GET", "HEAD"):
        reply = server.ask(method, MEADOW, {"If-None-Match": form.format(tag)})
        assert (reply.status, reply.body) == (304, b"")
        assert reply["etag"] == tag
        assert reply["cache-control"] == whole["cache-control"]
        assert reply["content-type"] is None
        assert reply["content-length"] is None
        assert reply["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("form", ['"other"', "", "{}x", "x{}", '"', "W/", "é"])
def test_what_the_viewer_does_not_have_is_sent(server: Server, whole: Reply, form: str) -> None:
    bare = (whole["etag"] or "").strip('"')
    reply = server.get(MEADOW, If_None_Match=form.format(bare))
    assert (reply.status, reply.body) == (200, whole.body)


def test_the_tag_of_one_format_is_not_that_of_another(server: Server) -> None:
    webp = server.get(AUTO, Accept="image/webp")["etag"] or ""
    same = server.get(AUTO, Accept="image/webp", If_None_Match=webp)
    assert (same.status, same["vary"]) == (304, "Accept")
    assert server.get(AUTO, Accept="image/avif", If_None_Match=webp).status == 200


def test_a_date_asks_whether_anything_changed_since(server: Server, whole: Reply) -> None:
    made = whole["last-modified"] or ""
    reply = server.get(MEADOW, If_Modified_Since=made)
    assert (reply.status, reply.body, reply["etag"]) == (304, b"", whole["etag"])
    before = email.utils.formatdate(time.time() - 86_400, usegmt=True)
    assert server.get(MEADOW, If_Modified_Since=before).status == 200


@pytest.mark.parametrize("date", ["", "yesterday", "0", "Mon, 99 Foo 2020 00:00:00 GMT", "-1"])
def test_a_date_that_is_none_is_ignored(server: Server, date: str) -> None:
    assert server.get(MEADOW, If_Modified_Since=date).status == 200


def test_a_tag_counts_more_than_a_date(server: Server, whole: Reply) -> None:
    made = whole["last-modified"] or ""
    assert server.get(MEADOW, If_None_Match='"x"', If_Modified_Since=made).status == 200


def test_a_missing_picture_is_missing_whatever_the_viewer_has(server: Server) -> None:
    assert server.get("/9x9/nothing.jpg", If_None_Match="*").status == 404


# Parts


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, None),
        ("bytes=-100", -100, None),
        ("bytes=-999999", 0, None),
        ("bytes=5-999999", 5, None),
    ],
)
def test_a_part_is_sent_when_asked_for(
    server: Server, whole: Reply, asked: str, first: int, last: int | None
) -> None:
    total = len(whole.body)
    expected = whole.body[first:] if last is None else whole.body[first : last + 1]
    start = first % total
    reply = server.get(MEADOW, Range=asked)
    assert reply.status == 206
    assert reply.body == expected
    assert reply["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{total}"
    assert reply["content-length"] == str(len(expected))
    assert reply["etag"] == whole["etag"]
    assert reply["x-content-type-options"] == "nosniff"
    head = server.ask("HEAD", MEADOW, {"Range": asked})
    assert head.body == b""


def test_two_halves_make_a_whole(server: Server, whole: Reply) -> None:
    first, second = (server.get(MEADOW, Range=r).body for r in ("bytes=0-999", "bytes=1000-"))
    assert first + second == whole.body


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=999999-9999999", "bytes=-0"])
def test_a_part_that_does_not_exist_is_named_with_the_size(
    server: Server, whole: Reply, asked: str
) -> None:
    reply = server.get(MEADOW, Range=asked)
    assert (reply.status, reply.code) == (416, "range_invalid")
    assert reply["content-range"] == f"bytes */{len(whole.body)}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-9", "bytes=0-0,-1", "pages=1-2", "bytes=9-5", "bytes=a-b", "bytes=", "0-5", "-"],
)
def test_several_parts_or_nonsense_get_the_whole(server: Server, whole: Reply, asked: str) -> None:
    reply = server.get(MEADOW, Range=asked)
    assert (reply.status, reply.body) == (200, whole.body)
    assert reply["content-range"] is None


def test_a_part_of_another_version_is_not_sent(server: Server, whole: Reply) -> None:
    tag = whole["etag"] or ""
    assert server.get(MEADOW, Range="bytes=0-9", If_Range=tag).status == 206
    for condition in ('"other"', f"W/{tag}", whole["last-modified"] or "", "x"):
        reply = server.get(MEADOW, Range="bytes=0-9", If_Range=condition)
        assert (reply.status, reply.body) == (200, whole.body)


def test_a_part_of_what_the_viewer_has_is_not_sent(server: Server, whole: Reply) -> None:
    tag = whole["etag"] or ""
    assert server.get(MEADOW, Range="bytes=0-9", If_None_Match=tag).status == 304


# Methods


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("address", [MEADOW, "/", "/healthz", "/info/photo-1mp.jpg", "/nothing"])
def test_a_wrong_method_is_told_the_right_ones(server: Server, method: str, address: str) -> None:
    reply = server.ask(method, address)
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply["allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_resize_takes_only_a_post(server: Server, method: str) -> None:
    reply = server.ask(method, "/resize")
    assert (reply.status, reply.code, reply["allow"]) == (405, "method_not_allowed", "POST")
    assert server.ask("HEAD", "/resize").status == 405
