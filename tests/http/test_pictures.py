"""Pictures over HTTP: every way to ask for one, and every way to ask for it wrongly."""

from pathlib import Path

import pytest

from tests.http.conftest import opened, size
from tests.support.serving import Server

MEADOW = "photo-1mp.jpg"  # 1280 x 1024
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
OLD_SAFARI = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
WEBP_ONLY = "image/webp,image/apng,image/*,*/*;q=0.8"


# Native addresses


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("300x200", (300, 200)),
        ("200x300", (200, 300)),
        ("320x", (320, 256)),
        ("x256", (320, 256)),
        ("w=320", (320, 256)),
        ("w=300,h=300,fit=inside", (300, 240)),
        ("w=300,h=300,fit=outside", (375, 300)),
        ("w=300,h=200,fit=contain", (300, 200)),
        ("w=300,h=100,fit=fill", (300, 100)),
        ("w=300,h=200,gravity=north", (300, 200)),
        ("w=160,dpr=2", (320, 256)),
        ("w=2000", (1280, 1024)),
        ("w=1500,enlarge", (1500, 1200)),
        ("crop=10:20:300:200", (300, 200)),
        ("rotate=90,w=256", (256, 320)),
        ("flip=h,w=64", (64, 51)),
        ("thumb", (100, 80)),
        ("thumb,w=50", (50, 40)),
        ("original", (1280, 1024)),
    ],
)
def test_a_native_address_gives_the_size_that_it_says(
    server: Server, transform: str, expected: tuple[int, int]
) -> None:
    assert size(server.get(f"/{transform}/{MEADOW}")) == expected


@pytest.mark.parametrize("sides", [(1, 1), (7, 3), (300, 300), (1280, 1024), (999, 17), (17, 999)])
def test_a_bare_size_is_exact(server: Server, sides: tuple[int, int]) -> None:
    assert size(server.get(f"/{sides[0]}x{sides[1]}/{MEADOW}")) == sides


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("photo-1mp.jpg", "image/jpeg"),
        ("cmyk.jpg", "image/jpeg"),
        ("alpha-graphic.png", "image/png"),
        ("anim-graphic.gif", "image/gif"),
        ("anim-graphic.webp", "image/webp"),
        ("check.svg", "image/png"),
    ],
)
def test_a_picture_keeps_its_own_format_where_browsers_show_it(
    server: Server, name: str, mime: str
) -> None:
    reply = server.get(f"/64x64/{name}")
    assert size(reply) == (64, 64)
    assert reply["content-type"] == mime


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif", "tiff"])
def test_a_picture_comes_in_the_format_that_is_asked_for(server: Server, format: str) -> None:
    reply = server.get(f"/w=64,format={format}/{MEADOW}")
    assert reply["content-type"] == f"image/{format}"
    assert opened(reply).format == format.upper()


def test_quality_changes_the_bytes(server: Server) -> None:
    low, high = (server.get(f"/w=200,quality={q}/{MEADOW}") for q in (20, 90))
    assert len(low.body) < len(high.body)
    assert low["etag"] != high["etag"]


def test_the_order_of_names_changes_nothing(server: Server) -> None:
    one, other = (server.get(f"/{t}/{MEADOW}") for t in ("w=90,q=50", "q=50,w=90"))
    assert one["etag"] == other["etag"]
    assert one.body == other.body


def test_a_sideways_photograph_stands_upright(server: Server) -> None:
    assert size(server.get("/w=100/exif-6.jpg")) == (100, 75)
    assert not opened(server.get("/w=100/exif-6.jpg")).getexif()


@pytest.mark.parametrize(
    "address",
    [
        "/64x64/sub/a%20cat%20%26%20n%C3%A4her%20100%25%2B%40%23%3F%7E.jpg",
        "/64x64/sub/a%20cat%20&%20n%c3%a4her%20100%25+@%23%3f~.jpg",
        "/64x64/linked.jpg",
        "/64x64/100/meadow.jpg",
        "/%364x64/photo%2D1mp.jpg",
        "/64x64/sub%2Fa%20cat%20%26%20n%C3%A4her%20100%25%2B%40%23%3F%7E.jpg",
    ],
)
def test_a_name_may_be_odd_and_written_in_several_ways(server: Server, address: str) -> None:
    assert size(server.get(address)) == (64, 64)


def test_a_name_that_was_typed_without_encoding_is_found(server: Server) -> None:
    path = "/64x64/sub/a%20cat%20&%20näher%20100%25+@%23%3F~.jpg".encode()
    reply = server.say(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert size(reply) == (64, 64)


# Choosing the format


@pytest.mark.parametrize(
    ("accept", "name", "mime"),
    [
        (CHROME, MEADOW, "image/avif"),
        (FIREFOX, MEADOW, "image/avif"),
        (WEBP_ONLY, MEADOW, "image/webp"),
        (OLD_SAFARI, MEADOW, "image/jpeg"),
        ("*/*", MEADOW, "image/jpeg"),
        ("", MEADOW, "image/jpeg"),
        ("image/avif;q=0, image/webp", MEADOW, "image/webp"),
        ("image/webp;q=0.1, image/jpeg", MEADOW, "image/jpeg"),
        ("text/html", MEADOW, "image/jpeg"),
        (";;;,,q=", MEADOW, "image/jpeg"),
        (OLD_SAFARI, "alpha-graphic.png", "image/png"),
        (WEBP_ONLY, "alpha-graphic.png", "image/webp"),
    ],
)
def test_auto_is_the_best_format_that_the_browser_names(
    server: Server, accept: str, name: str, mime: str
) -> None:
    reply = server.get(f"/w=48,format=auto/{name}", Accept=accept)
    assert reply["content-type"] == mime
    assert reply["vary"] == "Accept"
    assert opened(reply).width == 48


def test_accept_may_come_in_several_lines(server: Server) -> None:
    lines = b"Accept: image/webp\r\nAccept: image/png;q=0.1\r\n"
    head = b"GET /w=48,format=auto/photo-1mp.jpg HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n"
    assert server.say(head)["content-type"] == "image/webp"


def test_each_format_has_an_etag_of_its_own(server: Server) -> None:
    tags = {
        server.get(f"/w=48,format=auto/{MEADOW}", Accept=a)["etag"]
        for a in (CHROME, WEBP_ONLY, "*/*")
    }
    assert len(tags) == 3


def test_a_preset_may_choose_by_accept(server: Server) -> None:
    reply = server.get(f"/modern/{MEADOW}", Accept=WEBP_ONLY)
    assert (reply["content-type"], reply["vary"]) == ("image/webp", "Accept")


@pytest.mark.parametrize(
    "address",
    [f"/48x48/{MEADOW}", f"/w=48,format=webp/{MEADOW}", f"/pic/48/{MEADOW}", f"/thumb/{MEADOW}"],
)
def test_what_does_not_depend_on_accept_does_not_vary(server: Server, address: str) -> None:
    for accept in (CHROME, "*/*"):
        assert server.get(address, Accept=accept)["vary"] is None
    assert server.get(address, Accept=CHROME)["etag"] == server.get(address)["etag"]


# By the width of the screen


def test_pic_is_proportional_to_the_width(server: Server) -> None:
    assert size(server.get(f"/pic/320/{MEADOW}")) == (320, 256)
    assert size(server.get(f"/pic/5000/{MEADOW}")) == (1280, 1024)
    assert size(server.get("/pic/64/100/meadow.jpg")) == (64, 51)


def test_pic_without_a_width_is_the_original_and_smaller(server: Server, folder: Path) -> None:
    reply = server.get(f"/pic/{MEADOW}")
    assert size(reply) == (1280, 1024)
    assert len(reply.body) < (folder / MEADOW).stat().st_size


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"0/{MEADOW}", 400, "transform_invalid"),
        (f"70000/{MEADOW}", 400, "transform_invalid"),
        (f"9000/{MEADOW}", 400, "output_too_large"),
        (f"-1/{MEADOW}", 404, "not_found"),
        ("300/nothing.jpg", 404, "not_found"),
        ("300/", 404, "not_found"),
        ("", 404, "not_found"),
    ],
)
def test_a_wrong_pic_is_named(server: Server, path: str, status: int, code: str) -> None:
    reply = server.get(f"/pic/{path}")
    assert (reply.status, reply.code) == (status, code)


# Live from files


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (1280, 1024)),
        ("?scalex=320", (320, 256)),
        ("?scaley=256", (320, 256)),
        ("?scalex=320&scaley=320", (320, 256)),
        ("?scalex=1000&scaley=64", (80, 64)),
        ("?scalex=319.5", (320, 256)),
        ("?scalex=320.4&scaley=", (320, 256)),
        ("?scalex=9000", (1280, 1024)),
        ("?scalex=320&other=1&other=2", (320, 256)),
    ],
)
def test_picture_fits_inside_and_is_never_larger(
    server: Server, query: str, expected: tuple[int, int]
) -> None:
    if "9000" in query:
        assert server.get(f"/picture/{MEADOW}{query}").code == "output_too_large"
        query = query.replace("9000", "8000")
    assert size(server.get(f"/picture/{MEADOW}{query}")) == expected


@pytest.mark.parametrize(
    ("encoding", "mime"),
    [("jpg", "jpeg"), ("jpeg", "jpeg"), ("JPG", "jpeg"), ("png", "png"), ("webp", "webp")],
)
def test_picture_comes_in_the_encoding_that_is_asked_for(
    server: Server, encoding: str, mime: str
) -> None:
    reply = server.get(f"/picture/alpha-graphic.png?scalex=50&encoding={encoding}")
    assert reply["content-type"] == f"image/{mime}"


def test_picture_keeps_the_encoding_of_its_source(server: Server) -> None:
    assert server.get(f"/picture/{MEADOW}?scalex=9")["content-type"] == "image/jpeg"
    assert server.get("/picture/alpha-graphic.png?scalex=9")["content-type"] == "image/png"


def test_picture_is_stored_and_may_be_kept(server: Server) -> None:
    address = f"/picture/{MEADOW}?scalex=77"
    assert server.get(address)["cache-status"] == "Safelight; fwd=uri-miss; stored"
    again = server.get(address)
    assert again["cache-status"] == "Safelight; hit"
    assert again["cache-control"] == "public, max-age=600"


@pytest.mark.parametrize(
    "query",
    [
        "scalex=0", "scalex=-5", "scalex=wide", "scalex=1e3", "scalex=nan", "scalex=inf",
        "scaley=0.4", "scalex=70000", "scalex=12x", "scalex=%31%ff", "scalex=1&scalex=2",
        "encoding=bmp", "encoding=html", "encoding=..%2F..", "scalex=%",
    ],
)  # fmt: skip
def test_a_wrong_picture_is_refused(server: Server, query: str) -> None:
    reply = server.get(f"/picture/{MEADOW}?{query}")
    assert reply.status == 400
    assert reply.code in ("transform_invalid", "malformed")


# What is wrong with an address or an image


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/300x300/nothing.jpg", 404, "not_found"),
        ("/300x300/", 404, "not_found"),
        ("/300x300", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("//", 404, "not_found"),
        (f"//{MEADOW}", 404, "not_found"),
        (f"/300x300//{MEADOW}", 404, "not_found"),
        (f"/300x300/{MEADOW}/", 404, "not_found"),
        (f"/300x300/{MEADOW}/more", 404, "not_found"),
        ("/300x300/sub", 404, "not_found"),
        ("/300x300/folder.jpg", 404, "not_found"),
        ("/300x300/pipe.jpg", 404, "not_found"),
        ("/300x300/leak.jpg", 404, "not_found"),
        ("/300x300/outside/meadow.jpg", 404, "not_found"),
        ("/300x300/../outside/meadow.jpg", 404, "not_found"),
        ("/300x300/%2e%2e/outside/meadow.jpg", 404, "not_found"),
        ("/300x300/..%2foutside%2fmeadow.jpg", 404, "not_found"),
        ("/300x300/..%5coutside%5cmeadow.jpg", 404, "not_found"),
        ("/300x300/sub/../photo-1mp.jpg", 404, "not_found"),
        ("/300x300/%2fetc%2fpasswd", 404, "not_found"),
        ("/300x300//etc/passwd", 404, "not_found"),
        ("/300x300/.hidden.jpg", 404, "not_found"),
        ("/300x300/%2ehidden.jpg", 404, "not_found"),
        ("/300x300/.private/meadow.jpg", 404, "not_found"),
        ("/300x300/" + "x" * 2_000, 404, "not_found"),
        ("/300x300/" + "x" * 300 + ".jpg", 404, "not_found"),
        ("/300x300/a%00b.jpg", 400, "malformed"),
        ("/300x300/a%0d%0aX-Evil:%201.jpg", 400, "malformed"),
        ("/300x300/a%1bb.jpg", 400, "malformed"),
        ("/300x300/%c2%85.jpg", 400, "malformed"),
        ("/300x300/%ff.jpg", 400, "malformed"),
        ("/300x300/%ed%a0%80.jpg", 400, "malformed"),
        ("/300x300/%c0%ae%c0%ae/outside/meadow.jpg", 400, "malformed"),
        ("/300x300/%zz.jpg", 400, "malformed"),
        ("/300x300/100%", 400, "malformed"),
        (f"/0x300/{MEADOW}", 400, "transform_invalid"),
        (f"/300x300x3/{MEADOW}", 400, "transform_invalid"),
        (f"/w=much/{MEADOW}", 400, "transform_invalid"),
        (f"/w=100,w=200/{MEADOW}", 400, "transform_invalid"),
        (f"/size=5/{MEADOW}", 400, "transform_invalid"),
        (f"/quality=101/{MEADOW}", 400, "transform_invalid"),
        (f"/format=bmp/{MEADOW}", 400, "transform_invalid"),
        (f"/nopreset/{MEADOW}", 400, "transform_invalid"),
        (f"/9000x9000/{MEADOW}", 400, "output_too_large"),
        (f"/w=5000,dpr=4/{MEADOW}", 400, "output_too_large"),
        (f"/6000x6000,enlarge/{MEADOW}", 400, "output_too_large"),
        (f"/x8000,enlarge/{MEADOW}", 400, "output_too_large"),
        ("/300x300/large.jpg", 413, "too_large"),
        ("/" + "x" * 9_000, 414, "address_too_long"),
        (f"/300x300/{MEADOW}?" + "x" * 9_000, 414, "address_too_long"),
        ("/300x300/text.jpg", 415, "unsupported_format"),
        ("/300x300/page.svg", 415, "unsupported_format"),
        ("/300x300/cut.jpg", 422, "damaged"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_status_and_code(
    server: Server, address: str, status: int, code: str
) -> None:
    reply = server.get(address)
    assert (reply.status, reply.code) == (status, code)
    assert reply["cache-control"] == "no-store"
    assert reply["etag"] is None


def test_an_error_says_what_would_be_right(server: Server) -> None:
    assert "unknown name 'size'" in server.get(f"/size=5/{MEADOW}").json["detail"]
    assert "example: " in server.get(f"/w=much/{MEADOW}").json["detail"]
    assert "8192 px a side" in server.get(f"/9000x/{MEADOW}").json["detail"]
    assert "/800x600/cat.jpg" in server.get("/nothing").json["detail"]


def test_an_error_does_not_tell_where_files_lie(server: Server, folder: Path) -> None:
    for address in ("/9x9/nothing.jpg", "/9x9/leak.jpg", "/9x9/cut.jpg", "/9x9/text.jpg"):
        body = server.get(address).body.decode()
        assert str(folder) not in body
        assert "vips" not in body.lower()
