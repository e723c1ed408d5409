"""Connections that are used again, and those that must not be."""

import threading

import pytest

from safelight.errors import StoreUnavailable
from safelight.fetch import wire as wires
from safelight.fetch.origin import Origin
from tests.support.origin import HangUp, ScriptedOrigin, chunked, head
from tests.support.serving import wait_for


def whole(source: Origin, key: str) -> bytes:
    source.head(key)
    with source.open(key) as opened:
        return opened.read()


def test_a_connection_whose_answer_was_read_is_used_again(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    for name in "abc":
        server.put(f"/images/{name}.jpg", name.encode() * 70_000, etag=f'"{name}"')
        assert whole(pictures, f"{name}.jpg") == name.encode() * 70_000
    assert pictures.head("a.jpg").size == 70_000
    assert server.connections == 1
    assert len(server.asked) == 4


def test_one_that_was_closed_meanwhile_is_replaced(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", head(200, {"content-length": "1"}), b"a", HangUp())
    for _ in range(3):
        assert pictures.head("a.jpg").size == 1
    assert server.connections == 3


def test_one_that_dies_of_the_next_request_is_replaced(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"a")
    pictures.head("a.jpg")
    server.scripts["/images/b.jpg"] = lambda _: (
        [HangUp(reset=True)]
        if server.connections == 1
        else [head(200, {"content-length": "1"}), b"b"]
    )
    assert whole(pictures, "b.jpg") == b"b"
    assert server.connections == 2


def test_a_fresh_one_that_dies_is_not_tried_again(server: ScriptedOrigin, pictures: Origin) -> None:
    server.says("/images/a.jpg", HangUp(reset=True))
    with pytest.raises(StoreUnavailable):
        pictures.head("a.jpg")
    assert server.connections == 1


def test_what_was_not_asked_for_is_no_answer_to_the_next_question(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    # An answer behind the answer: it would be taken for that to the next request.
    smuggled = head(200, {"content-length": "4"}) + b"evil"
    server.says("/images/a.jpg", head(200, {"content-length": "1"}) + b"a" + smuggled)
    server.put("/images/b.jpg", b"good")
    with pytest.raises(StoreUnavailable):
        pictures.head("a.jpg")
    assert whole(pictures, "b.jpg") == b"good"


def test_what_comes_later_than_the_answer_ends_the_connection(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    later = threading.Event()
    smuggled = head(200, {"content-length": "4"}) + b"evil"
    server.says("/images/a.jpg", head(200, {"content-length": "1"}) + b"a", later, smuggled)
    server.put("/images/b.jpg", b"good")
    pictures.head("a.jpg")
    [resting] = pictures._wires._idle
    assert resting.quiet
    later.set()
    wait_for(lambda: not resting.quiet)
    assert whole(pictures, "b.jpg") == b"good"
    assert server.connections == 2


def test_a_body_that_nobody_reads_does_not_hold_up_others(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.put("/images/a.jpg", b"a" * 900_000, etag='"a"')
    server.put("/images/b.jpg", b"b", etag='"b"')
    pictures.head("a.jpg")
    assert whole(pictures, "b.jpg") == b"b"
    assert server.connections == 2


def test_few_connections_rest_and_not_for_long(
    server: ScriptedOrigin, pictures: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("/images/a.jpg", b"a")
    pictures.head("a.jpg")
    monkeypatch.setattr(wires, "_IDLE_SECONDS", -1.0)
    pictures.head("a.jpg")
    pictures.head("a.jpg")
    assert server.connections == 3


def test_an_answer_that_announces_itself_first_is_waited_for(
    server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says(
        "/images/a.jpg",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 3,
        head(200, {"transfer-encoding": "chunked"}) + chunked(b"abc", b"def"),
    )
    assert whole(pictures, "a.jpg") == b"abcdef"
    assert pictures.head("a.jpg").size == 6
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_is_no_picture(
    answer: bytes, server: ScriptedOrigin, pictures: Origin
) -> None:
    server.says("/images/a.jpg", answer, HangUp())
    with pytest.raises(StoreUnavailable) as caught:
        whole(pictures, "a.jpg")
    assert "server of the picture" in caught.value.detail
