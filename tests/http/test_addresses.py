"""Signed and unsigned addresses at every door, and what may be cached of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.signing import TOLERANCE_SECONDS, Signer
from tests.http.conftest import size
from tests.support.serving import Server, serving

KEY = "correct horse battery staple"
OLD_KEY = "another key of enough letters"
MEADOW = "photo-1mp.jpg"
DOORS = [
    f"/64x64/{MEADOW}",
    f"/thumb/{MEADOW}",
    f"/pic/{MEADOW}",
    f"/pic/64/{MEADOW}",
    f"/picture/{MEADOW}?scalex=64",
    f"/info/{MEADOW}",
    f"/info/{MEADOW}?analyse",
]
SETTINGS = f"""
[presets]
thumb = "w=100"
[security]
keys = ["{KEY}", "{OLD_KEY}"]
[server]
max_age = 600
"""


@pytest.fixture(scope="module")
def signing_server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("signing")
    with serving(folder, home, "--workers", "1", settings=SETTINGS) as server:
        yield server
    assert "Traceback" not in server.output, server.output
    for secret in (KEY, OLD_KEY, "/s-"):
        assert secret not in server.output


# At the doors of a running server


@pytest.mark.parametrize("door", DOORS)
def test_every_door_wants_a_signature(signing_server: Server, door: str) -> None:
    assert signing_server.get(door).code == "forbidden"
    for key in (KEY, OLD_KEY):
        assert signing_server.get(Signer(key).sign(door)).status == 200
    wrong = signing_server.get(Signer("x" * 20).sign(door))
    assert (wrong.status, wrong.code) == (403, "forbidden")
    assert wrong["cache-control"] == "no-store"


def test_an_upload_wants_a_signature_of_its_address(signing_server: Server, folder: Path) -> None:
    body = (folder / MEADOW).read_bytes()
    door = "/resize?width=64&height=64"
    assert signing_server.ask("POST", door, body=body).code == "forbidden"
    signed = Signer(KEY).sign(door)
    assert size(signing_server.ask("POST", signed, body=body)) == (64, 51)
    other = signed.replace("width=64", "width=65")
    assert signing_server.ask("POST", other, body=body).code == "forbidden"


@pytest.mark.parametrize("page", ["/static/safelight.js", "/healthz", "/readyz", "/openapi.json"])
def test_what_is_no_picture_wants_none(signing_server: Server, page: str) -> None:
    assert signing_server.get(page).status == 200


def test_a_refusal_does_not_tell_whether_a_picture_is_there(signing_server: Server) -> None:
    said = [
        {
            name: value
            for name, value in signing_server.get(path).json.items()
            if name != "request_id"
        }
        for path in (f"/5x/{MEADOW}", "/5x/gone.jpg", "/huh=5/gone.jpg")
    ]
    assert said == said[:1] * 3
    assert signing_server.get(Signer(KEY).sign("/5x/gone.jpg")).code == "not_found"


def test_the_page_at_the_root_is_off_when_its_pictures_could_not_be_asked_for(
    signing_server: Server,
) -> None:
    assert signing_server.get("/").code == "no_page"


def test_an_answer_is_not_kept_longer_than_its_address_holds(signing_server: Server) -> None:
    door = f"/64x64/{MEADOW}"
    soon = signing_server.get(Signer(KEY).sign(door, expires=int(time.time()) + 100))
    later = signing_server.get(Signer(KEY).sign(door, expires=int(time.time()) + 10_000))
    over = signing_server.get(Signer(KEY).sign(door, expires=int(time.time()) - 1))
    gone = signing_server.get(
        Signer(KEY).sign(door, expires=int(time.time()) - TOLERANCE_SECONDS - 2)
    )
    assert over["cache-control"] == "public, max-age=0"
    assert later["cache-control"] == "public, max-age=600"
    assert gone.code == "forbidden"
    head, _, age = str(soon["cache-control"]).rpartition("=")
    assert head == "public, max-age"
    assert 60 < int(age) <= 100
    assert soon["etag"] == later["etag"] == over["etag"]


def test_a_name_that_was_typed_without_encoding_is_signed_as_it_is_encoded(
    signing_server: Server,
) -> None:
    typed = "/64x64/sub/a%20cat%20&%20näher%20100%25+@%23%3F~.jpg"
    encoded = Signer(KEY).sign(typed.replace("ä", "%C3%A4"))
    raw = encoded.replace("%C3%A4", "ä").encode()
    assert size(signing_server.say(b"GET " + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n")) == (64, 64)
