"""Watermarks, text and masks over HTTP: their addresses, and what is not let through."""

from urllib.parse import quote, unquote

import numpy as np
import pytest
from PIL import Image

from tests.http.conftest import opened, size
from tests.support.pictures import pixels_of
from tests.support.serving import Reply, Server

MEADOW = "photo-1mp.jpg"  # 1280 x 1024
LOGO = "alpha-graphic.png"
ODD = "sub/a cat & näher 100%+@#?~.jpg"


def plain(reply: Reply) -> Image.Image:
    return opened(reply).convert("RGB")


def differs(server: Server, transform: str) -> bool:
    """Tell whether a transform makes another picture than the same without its overlay."""
    bare = server.get(f"/w=200,format=png/{MEADOW}")
    made = server.get(f"/w=200,format=png,{transform}/{MEADOW}")
    assert size(made)[0] == 200, made
    return bool((pixels_of(plain(made)) != pixels_of(plain(bare))).any())


@pytest.mark.parametrize(
    "transform",
    [
        f"watermark={LOGO}",
        f"watermark={quote(ODD, safe='')}",
        f"watermark={LOGO},watermark_tile,watermark_blend=difference",
        "watermark=check.svg",
        "text=Safelight",
        f"text={quote('© Größe 漢字 😀 שלום', safe='')}",
        "text=two%0Alines,text_outline",
        f"text={quote('<b>&amp;,=/%+', safe='')}",
        "gradient",
        "round",
        "mask=heart",
        f"mask_image={LOGO}",
        "redact=0.1:0.1:0.5:0.5",
        "redact=10:10:50:50;0.5:0.5:0.2:0.2,redact_mode=pixelate",
    ],
)
def test_an_overlay_is_asked_for_in_the_address(server: Server, transform: str) -> None:
    assert differs(server, transform)


def test_a_plus_is_a_plus_and_no_space(server: Server) -> None:
    plus = server.get(f"/w=200,format=png,text=a+b/{MEADOW}").body
    assert plus == server.get(f"/w=200,format=png,text=a%2Bb/{MEADOW}").body
    assert plus != server.get(f"/w=200,format=png,text=a%20b/{MEADOW}").body


def test_what_is_written_is_what_was_typed(server: Server) -> None:
    """Markup would make both pictures the same."""
    bold = server.get(f"/w=400,format=png,text=%3Cb%3Ex%3C%2Fb%3E/{MEADOW}")
    assert bold.body != server.get(f"/w=400,format=png,text=x/{MEADOW}").body


def test_a_picture_with_a_watermark_has_a_tag_of_its_own(server: Server) -> None:
    address = f"/w=90,watermark={LOGO}/{MEADOW}"
    first, again = server.get(address), server.get(address)
    assert again["cache-status"] is not None
    assert "hit" in again["cache-status"]
    assert first["etag"] == again["etag"] != server.get(f"/w=90/{MEADOW}")["etag"]
    assert server.get(address, If_None_Match=str(first["etag"])).status == 304


@pytest.mark.parametrize("name", ["watermark", "mask_image"])
@pytest.mark.parametrize(
    "key",
    [
        "..%2Foutside%2Fmeadow.jpg",
        "sub%2F..%2F..%2Foutside%2Fmeadow.jpg",
        "%2Fetc%2Fpasswd",
        ".hidden.jpg",
        ".private%2Fmeadow.jpg",
        "sub%2F.%2Fx.jpg",
        "..%5Coutside%5Cmeadow.jpg",
        "a%00.jpg",
        "%2F",
        "sub%2F%2Fx.jpg",
    ],
)
def test_a_key_that_leads_astray_is_no_key(server: Server, name: str, key: str) -> None:
    reply = server.get(f"/w=50,{name}={key}/{MEADOW}")
    assert (reply.status, reply.code) == (400, "transform_invalid")


@pytest.mark.parametrize(
    "key",
    ["gone.png", "leak.jpg", "outside%2Fmeadow.jpg", "folder.jpg", "pipe.jpg", "%252e%252e%252fx"],
)
def test_a_watermark_that_is_no_source_is_not_found(server: Server, key: str) -> None:
    reply = server.get(f"/w=50,watermark={key}/{MEADOW}")
    assert (reply.status, reply.code) == (404, "not_found")
    assert unquote(key) in reply.json["detail"]


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("cut.jpg", 422, "damaged"),
        ("text.jpg", 415, "unsupported_format"),
        ("page.svg", 415, "unsupported_format"),
        ("large.jpg", 413, "too_large"),
    ],
)
def test_a_watermark_that_cannot_be_used_is_named(
    server: Server, key: str, status: int, code: str
) -> None:
    reply = server.get(f"/w=50,watermark={key}/{MEADOW}")
    assert (reply.status, reply.code) == (status, code)
    assert reply.json["detail"].startswith(f"{key}: ")


@pytest.mark.parametrize(
    "wrong",
    [
        "text=%0A", "text=", f"text={'x' * 201}", "text=a%0D", "text=a,text_size=0",
        "text=a,text_size=1.5", "text=a,text_position=smart", "text=a,text_color=pink",
        "watermark=a.png,watermark_scale=2", "watermark=a.png,watermark_blend=over",
        "gradient=1", "mask=banana", "round=-1", "redact=1:2:3", "redact_mode=none",
        f"redact={';'.join(['1:1:1:1'] * 21)}",
    ],
)  # fmt: skip
def test_what_is_wrong_is_answered_with_what_is_right(server: Server, wrong: str) -> None:
    reply = server.get(f"/w=50,{wrong}/{MEADOW}")
    if wrong == "text=":
        assert reply.status == 200, "an empty value takes a preset's away"
        return
    assert (reply.status, reply.code) == (400, "transform_invalid")
    assert "expected" in reply.json["detail"]


def test_corners_are_see_through_where_the_format_can_be(server: Server) -> None:
    png = pixels_of(opened(server.get(f"/100x100,round=max,format=png/{MEADOW}")))
    assert png[0, 0, 3] == 0
    assert png[50, 50, 3] == 255
    jpeg = pixels_of(opened(server.get(f"/100x100,round=max,bg=ff0000/{MEADOW}")))
    assert np.abs(jpeg[0, 0] - (255, 0, 0)).max() < 16
