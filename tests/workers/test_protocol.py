"""What a worker says is checked like any stranger's word: nonsense is an error, never a picture."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from safelight.formats import WRITABLE
from safelight.picture import MAX_WISHES, Analysis, Header, Swatch, Wish
from safelight.storage import opened_bytes
from safelight.transform import parse
from safelight.workers.protocol import (
    Job,
    Order,
    Output,
    Picture,
    Reply,
    receive_exactly,
    receive_job,
    receive_reply,
    send_job,
    send_reply,
)

HEADER = Header(
    format="jpeg", width=3, height=2, bands=3, depth=1, pages=1, orientation=1, alpha=False,
    palette=False, space="srgb", profile=None, buffered=False, coefficients=3.0, scans=1,
)  # fmt: skip
ANALYSIS = Analysis(
    blurhash="LrFY=UkCIVj[?wa}RjfkE5WBt6a}", thumbhash="HAgWJYRoh3h/h3h1eEeHh1dwcgZH",
    preview="data:image/webp;base64,UklGRpYAAABXRUJQ", dominant="#262018",
    colors=(Swatch("#262018", 0.75), Swatch("#ece7da", 0.25)), phash="224c17b3ec4651b9",
    transparent=False, drawn=True,
)  # fmt: skip


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give both ends of a channel."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def picture(size: int, mime: str = "image/jpeg") -> Picture:
    return Picture(
        mime=mime, width=3, height=2, source_width=3, source_height=2, decode_ms=1.5,
        encode_ms=2.5, size=size,
    )  # fmt: skip


def soon() -> float:
    return time.monotonic() + 10


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def reply_to(said: bytes) -> tuple[Reply, list[bytes]]:
    """Receive what a worker says that then leaves."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(said)
        return receive_reply(ours, soon())


def test_a_job_takes_its_source_along(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    job = Job("render", 7, "w=800,format=webp")
    with opened_bytes(b"picture", version="1") as source:
        send_job(ours, job, [source.descriptor])
    received = receive_job(theirs)
    assert received is not None
    assert received[0] == job
    (descriptor,) = received[1]
    assert os.pread(descriptor, 100, 0) == b"picture"
    os.close(descriptor)


def test_a_pool_that_is_gone_is_no_job(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.close()
    assert receive_job(theirs) is None


def test_a_job_without_a_source_is_no_job(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.sendall(framed(msgspec.json.encode(Job("render", 7))))
    assert receive_job(theirs) is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(memory=5, header=HEADER),
        Reply(memory=5, analysis=ANALYSIS),
        Reply(capabilities={"reads": ["jpeg"], "libvips": "8.18.4"}),
        Reply(memory=1, error="damaged", message="the jpeg cannot be decoded"),
        Reply(header=HEADER, outputs=(Output(error="output_too_large", message="too large"),)),
        Reply(header=HEADER, facts={"make": "Nikon", "iso": 400, "keywords": ("a", "b")}),
    ],
)
def test_a_reply_arrives_as_it_was_sent(
    ends: tuple[socket.socket, socket.socket], reply: Reply
) -> None:
    ours, theirs = ends
    send_reply(theirs, reply)
    assert receive_reply(ours, soon()) == (reply, [])


def test_a_large_picture_follows_its_reply_and_the_next_reply_follows_that(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    content = os.urandom(3_000_000)
    replies = [Reply(picture=picture(len(content))), Reply(header=HEADER)]

    def answer() -> None:
        send_reply(theirs, replies[0], [content])
        send_reply(theirs, replies[1])

    thread = threading.Thread(target=answer)
    thread.start()
    assert receive_reply(ours, soon()) == (replies[0], [content])
    assert receive_reply(ours, soon()) == (replies[1], [])
    thread.join()


@pytest.mark.parametrize("format", WRITABLE, ids=lambda each: each.name)
def test_every_format_that_is_written_may_come_back(format: Any) -> None:
    said = framed(msgspec.json.encode(Reply(picture=picture(1, format.mime)))) + b"x"
    assert reply_to(said)[1] == [b"x"]


@pytest.mark.parametrize(
    "mime", ["text/html", "image/svg+xml", "application/javascript", "", "image/jpeg\r\nx: y"]
)
def test_a_picture_of_a_type_that_is_never_written_is_refused(mime: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        reply_to(framed(msgspec.json.encode(Reply(picture=picture(1, mime)))) + b"<script>")


@pytest.mark.parametrize("size", [0, -1, 1 << 30, 1 << 62])
def test_a_picture_of_a_size_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        reply_to(framed(msgspec.json.encode(Reply(picture=picture(size)))))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blurhash", "LrFY=UkCIVj[?wa}RjfkE5WBt6a"),
        ("blurhash", "<img src=x onerror=alert(1)>"),
        ("thumbhash", "HAgWJYRoh3h/h3h1eEeHh1dwc'ZH"),
        ("thumbhash", "AAAA" * 10),
        ("preview", "javascript:alert(1)"),
        ("preview", "data:text/html;base64,UklGRpYAAABXRUJQ"),
        ("preview", "data:image/webp;base64,UklG)}body{"),
        ("preview", "data:image/webp;base64," + "A" * 500),
        ("preview", ANALYSIS.preview + "\n"),
        ("dominant", "red;"),
        ("phash", "0x4c17b3ec4651b9"),
        ("colors", (Swatch("#fff", 1.0),)),
        ("colors", (Swatch("#ffffff", 0.1),) * 7),
    ],
)
def test_an_analysis_that_would_be_no_safe_text_of_a_page_is_refused(name: str, said: Any) -> None:
    analysis = replace(ANALYSIS, **{name: said})
    with pytest.raises(ValueError, match="Expected"):
        reply_to(framed(msgspec.json.encode(Reply(analysis=analysis))))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b"<html>",
        b"\xff\xfe",
        b'{"picture": 1}',
        b'{"picture": {}}',
        b'{"picture": {"mime": "image/jpeg", "size": "1"}}',
        b'{"header": {"format": "jpeg"}}',
        b'{"memory": "much"}',
        b'{"error": 5}',
        b"[" * 100_000,
        b'{"capabilities": {"reads": ' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_wrong_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expected|missing|nested|truncated|utf-8"):
        reply_to(framed(body))


def test_a_message_without_end_is_refused_before_it_is_read() -> None:
    for length in ((1 << 20) + 1, (1 << 32) - 1):
        with pytest.raises(ValueError, match="without end"):
            reply_to(struct.pack(">I", length))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x00\x0a{}",
        framed(msgspec.json.encode(Reply(picture=picture(10)))) + b"123456789",
    ],
)
def test_a_worker_that_leaves_in_the_middle_is_noticed(said: bytes) -> None:
    with pytest.raises(EOFError):
        reply_to(said)


@given(st.binary(max_size=200))
def test_noise_is_an_error_or_a_reply_without_a_picture(noise: bytes) -> None:
    try:
        reply, data = reply_to(noise)
    except (ValueError, EOFError):
        return
    assert not reply.pictures
    assert not data


def test_silence_ends_at_the_deadline(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends
    with pytest.raises(TimeoutError):
        receive_reply(ours, time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        receive_reply(ours, time.monotonic() - 1)


def test_a_trickle_of_bytes_does_not_move_the_deadline(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    stop = threading.Event()

    def trickle() -> None:
        theirs.sendall(struct.pack(">I", 1_000))
        while not stop.wait(0.01):
            theirs.sendall(b" ")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        with pytest.raises(TimeoutError):
            receive_reply(ours, time.monotonic() + 0.3)
    finally:
        stop.set()
        thread.join()


def test_bytes_are_put_together_however_they_arrive(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    for byte in b"abc":
        theirs.sendall(bytes([byte]))
    assert receive_exactly(ours, 3) == b"abc"
    assert receive_exactly(ours, 0) == b""


# Several pictures


def test_a_long_job_arrives_whole_with_all_its_descriptors(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    orders = tuple(Order(f"w={number}," + "x" * 6_000, "upload") for number in range(MAX_WISHES))
    job = Job("develop", 7, pictures={f"{n}.png": 1 for n in range(2 * MAX_WISHES)}, wishes=orders)
    with opened_bytes(b"picture", version="1") as source:
        sender = threading.Thread(
            target=send_job, args=(ours, job, [source.descriptor] * (2 * MAX_WISHES + 1))
        )
        sender.start()
        received = receive_job(theirs)
        sender.join()
    assert received is not None
    assert received[0] == job
    assert len(received[1]) == 2 * MAX_WISHES + 1
    for descriptor in received[1]:
        os.close(descriptor)


def test_a_wish_is_the_same_on_the_other_side() -> None:
    wish = Wish(parse("w=80,text=a%2Cb,format=webp"), "upload")
    assert Order.of(wish).wish() == wish


def test_the_bytes_of_several_pictures_come_in_their_order(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    contents = [os.urandom(5), os.urandom(3), os.urandom(9)]
    outputs = tuple(Output(picture=picture(len(content))) for content in contents)
    reply = Reply(header=HEADER, outputs=(outputs[0], Output(error="busy"), *outputs[1:]))
    send_reply(theirs, reply, contents)
    assert receive_reply(ours, soon()) == (reply, contents)


@pytest.mark.parametrize(
    "outputs",
    [
        (Output(picture=picture(5, "text/html")),),
        (Output(picture=picture(0)),),
        tuple(Output(picture=picture(1 << 28)) for _ in range(3)),
        tuple(Output(picture=picture(1)) for _ in range(MAX_WISHES + 1)),
    ],
    ids=["type", "nothing", "together too large", "too many"],
)
def test_several_pictures_that_cannot_be_are_refused(outputs: tuple[Output, ...]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|length <= 64"):
        reply_to(framed(msgspec.json.encode(Reply(header=HEADER, outputs=outputs))))


@pytest.mark.parametrize("side", [0, -1, 1 << 40])
def test_a_side_that_cannot_be_is_refused(side: int) -> None:
    said = msgspec.json.encode(Reply(picture=picture(1))).replace(
        b'"width":3', b'"width":%d' % side
    )
    with pytest.raises(ValueError, match="Expected"):
        reply_to(framed(said) + b"x")


@pytest.mark.parametrize(
    "facts",
    [
        {"Make": "Nikon"}, {"a" * 33: 1}, {"<b>": 1}, {"make": "x" * 2_001}, {"iso": None},
        {"iso": 1e300}, {"iso": {}}, {"keywords": ["x"] * 65}, {"keywords": [1]},
        {f"n{number}": 1 for number in range(65)},
    ],
)  # fmt: skip
def test_facts_without_bounds_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        reply_to(framed(msgspec.json.encode({"facts": facts})))


DEVELOP = Job("develop", 7, wishes=(Order("w=1", "upload"), Order("w=2", "request")))
MADE, REFUSED = Output(picture=picture(1)), Output(error="output_too_large", message="too large")


@pytest.mark.parametrize(
    ("job", "reply", "answers"),
    [
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, REFUSED)), True),
        (DEVELOP, Reply(error="damaged"), True),
        (DEVELOP, Reply(error="damaged", outputs=(MADE, MADE)), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE,)), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, MADE, MADE)), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, Output())), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, Output(picture(1), "busy"))), False),
        (DEVELOP, Reply(outputs=(MADE, MADE)), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, MADE), picture=picture(1)), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, MADE), analysis=ANALYSIS), False),
        (DEVELOP, Reply(header=HEADER, outputs=(MADE, MADE), facts={}), False),
        (Job("develop", 7, analyse=True), Reply(header=HEADER, analysis=ANALYSIS), True),
        (Job("develop", 7, analyse=True), Reply(header=HEADER), False),
        (Job("develop", 7, facts="all"), Reply(header=HEADER, facts={}), True),
        (Job("render", 7), Reply(picture=picture(1)), True),
        (Job("render", 7), Reply(picture=picture(1), outputs=(MADE,)), False),
        (Job("render", 7), Reply(header=HEADER), False),
        (Job("probe", 7), Reply(header=HEADER), True),
        (Job("probe", 7), Reply(analysis=ANALYSIS), False),
        (Job("analyse", 7), Reply(analysis=ANALYSIS), True),
        (Job("analyse", 7), Reply(), False),
    ],
)
def test_a_reply_is_an_answer_only_if_it_is_one_to_the_job(
    job: Job, reply: Reply, answers: bool
) -> None:
    assert reply.answers(job) is answers
