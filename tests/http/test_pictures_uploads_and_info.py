"""Pictures that are sent along, and what is known of those that are there."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.http.conftest import MOST_BYTES, opened, size
from tests.support.serving import Reply, Server

MEADOW = "photo-1mp.jpg"  # 1280 x 1024

# POST /resize


def resize(server: Server, query: str, body: bytes) -> Reply:
    return server.ask("POST", f"/resize{query}", {"Content-Type": "image/jpeg"}, body)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (300, 240)),
        ("?width=100", (100, 80)),
        ("?height=80", (100, 80)),
        ("?width=100&height=10", (13, 10)),
        ("?width=&height=&quality=", (300, 240)),
        ("?width=5000&height=5000&other=1", (1280, 1024)),
    ],
)
def test_an_upload_comes_back_as_a_jpeg_that_fits_inside(
    server: Server, folder: Path, query: str, expected: tuple[int, int]
) -> None:
    reply = resize(server, query, (folder / MEADOW).read_bytes())
    assert size(reply) == expected
    width, height = expected
    assert reply["content-type"] == "image/jpeg"
    assert reply["content-disposition"] == f"inline; filename=resized_{width}x{height}.jpg"
    assert reply["x-original-size"] == "1280x1024"
    assert reply["x-resized-size"] == f"{width}x{height}"
    assert reply["cache-control"] == "no-store"
    assert reply["x-content-type-options"] == "nosniff"


def test_the_default_quality_of_an_upload_is_85(server: Server, folder: Path) -> None:
    meadow = (folder / MEADOW).read_bytes()
    plain, same, low = (resize(server, q, meadow) for q in ("", "?quality=85", "?quality=20"))
    assert plain.body == same.body
    assert len(low.body) < len(plain.body)


def test_an_upload_may_be_of_any_format_and_is_seen_upright_on_white(
    server: Server, folder: Path
) -> None:
    reply = resize(server, "", (folder / "exif-6.jpg").read_bytes())
    assert (reply["x-original-size"], reply["x-resized-size"]) == ("600x450", "300x225")
    for name in ("alpha-graphic.png", "anim-graphic.webp", "check.svg"):
        assert opened(resize(server, "", (folder / name).read_bytes())).mode in ("RGB", "L")


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", b"", 400, "empty_body"),
        ("?width=a", b"x", 400, "transform_invalid"),
        ("?height=1.5", b"x", 400, "transform_invalid"),
        ("?quality=0", b"x", 400, "transform_invalid"),
        ("?quality=101", b"x", 400, "transform_invalid"),
        ("?width=-1", b"x", 400, "transform_invalid"),
        ("?width=0", b"x", 400, "transform_invalid"),
        ("?width=5&width=6", b"x", 400, "malformed"),
        ("?width=9000", b"x", 400, "output_too_large"),
        ("", b"no image", 415, "unsupported_format"),
        ("", b"8BPS", 415, "unsupported_format"),
        ("", bytes(MOST_BYTES + 1), 413, "too_large"),
        ("", bytes(3 * MOST_BYTES), 413, "too_large"),
    ],
)
def test_a_wrong_upload_is_named(
    server: Server, query: str, body: bytes, status: int, code: str
) -> None:
    reply = resize(server, query, body)
    assert (reply.status, reply.code) == (status, code)


def test_a_truncated_upload_is_a_damaged_image(server: Server, folder: Path) -> None:
    reply = resize(server, "", (folder / "cut.jpg").read_bytes())
    assert (reply.status, reply.code) == (422, "damaged")


def test_an_upload_in_chunks_is_bounded_too(server: Server, folder: Path) -> None:
    head = b"POST /resize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    meadow = (folder / MEADOW).read_bytes()
    whole = head + b"%x\r\n" % len(meadow) + meadow + b"\r\n0\r\n\r\n"
    assert size(server.say(whole, method="POST")) == (300, 240)
    with server.connect() as connection:
        connection.sendall(head + b"%x\r\n" % (2 * MOST_BYTES))
        connection.sendall(bytes(MOST_BYTES + 65_536))
        assert connection.recv(12) == b"HTTP/1.1 413"


# GET /info


def test_info_tells_what_is_known_of_a_source(server: Server, folder: Path) -> None:
    reply = server.get("/info/exif-6.jpg")
    assert reply.status == 200
    assert reply["content-type"] == "application/json"
    known = reply.json
    assert (known["key"], known["format"], known["type"]) == ("exif-6.jpg", "jpeg", "image/jpeg")
    assert (known["width"], known["height"], known["orientation"]) == (600, 450, 6)
    assert known["bytes"] == (folder / "exif-6.jpg").stat().st_size
    assert (known["mode"], known["bands"], known["alpha"], known["pages"]) == ("srgb", 3, False, 1)
    assert known["version"]
    assert server.get("/info/exif-6.jpg").json == known


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("alpha-graphic.png", {"format": "png", "alpha": True, "bands": 4, "depth": 8}),
        ("photo-16bit.png", {"format": "png", "depth": 16}),
        ("cmyk.jpg", {"format": "jpeg", "mode": "cmyk", "bands": 4}),
        ("check.svg", {"format": "svg", "type": "image/svg+xml"}),
        ("sub/a%20cat%20&%20n%C3%A4her%20100%25+@%23%3F~.jpg", {"width": 1280, "height": 1024}),
    ],
)
def test_info_knows_every_format(server: Server, name: str, facts: dict[str, object]) -> None:
    assert server.get(f"/info/{name}").json.items() >= facts.items()


def test_info_counts_the_pages_of_an_animation(server: Server) -> None:
    for name in ("anim-graphic.gif", "anim-graphic.webp"):
        assert server.get(f"/info/{name}").json["pages"] > 1


@pytest.mark.parametrize("query", ["?analyse", "?analyse=1", "?v=2&analyse=yes"])
def test_info_analyses_when_it_is_asked_to(server: Server, query: str) -> None:
    plain = server.get("/info/exif-6.jpg").json
    reply = server.get(f"/info/exif-6.jpg{query}")
    assert (reply.status, reply["content-type"]) == (200, "application/json")
    looks = {name: value for name, value in reply.json.items() if name not in plain}
    assert reply.json.items() >= plain.items()
    assert {name: type(value) for name, value in looks.items()} == {
        "blurhash": str, "thumbhash": str, "preview": str, "dominant": str, "colors": list,
        "phash": str, "transparent": bool, "drawn": bool,
    }  # fmt: skip
    assert looks["dominant"] == looks["colors"][0]["color"]
    assert 0 < looks["colors"][0]["share"] <= 1
    preview = base64.b64decode(looks["preview"].removeprefix("data:image/webp;base64,"))
    assert Image.open(io.BytesIO(preview)).size == (32, 24)
    assert server.get("/info/exif-6.jpg").json == plain


@pytest.mark.parametrize("query", ["", "?analyses", "?x=analyse"])
def test_info_does_not_analyse_unasked(server: Server, query: str) -> None:
    assert "blurhash" not in server.get(f"/info/photo-1mp.jpg{query}").json


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/info/nothing.jpg", 404, "not_found"),
        ("/info/nothing.jpg?analyse", 404, "not_found"),
        ("/info/text.jpg?analyse", 415, "unsupported_format"),
        ("/info/cut.jpg?analyse", 422, "damaged"),
        ("/info/large.jpg?analyse", 413, "too_large"),
        ("/info/exif-6.jpg?analyse&analyse", 400, "malformed"),
        ("/info/", 404, "not_found"),
        ("/info/.hidden.jpg", 404, "not_found"),
        ("/info/leak.jpg", 404, "not_found"),
        ("/info/../outside/meadow.jpg", 404, "not_found"),
        ("/info/pipe.jpg", 404, "not_found"),
        ("/info/a%00b", 400, "malformed"),
        ("/info/text.jpg", 415, "unsupported_format"),
        ("/info/large.jpg", 413, "too_large"),
    ],
)
def test_a_wrong_info_is_named(server: Server, address: str, status: int, code: str) -> None:
    reply = server.get(address)
    assert (reply.status, reply.code) == (status, code)
