"""Signed and unsigned addresses at every door, and what may be cached of them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safelight.access import Security
from safelight.dialects import Grammar, Match
from safelight.errors import Forbidden, RequestError
from safelight.http.addresses import Addresses
from safelight.http.exchange import Incoming
from safelight.signing import TOLERANCE_SECONDS, Signer
from safelight.transform import Transform, parse_preset
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
GRAMMAR = Grammar({"thumb": parse_preset("w=100")})


async def nothing() -> Any:
    raise AssertionError("nobody asks for the body")


def incoming(target: str, **scope: Any) -> Incoming:
    path, _, query = target.partition("?")
    whole = {"method": "GET", "path": "", "raw_path": path.encode(), "headers": []}
    return Incoming.of(whole | {"query_string": query.encode()} | scope, nothing)


def read(found: Addresses, target: str) -> Match:
    return found.match(found.opened(incoming(target)))


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
    assert signing_server.get("/").code == "not_found"


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


# By themselves


@given(st.sampled_from(DOORS[:5]), st.data())
def test_any_byte_of_a_signed_address_that_is_changed_is_forbidden(
    door: str, data: st.DataObject
) -> None:
    found = Addresses(GRAMMAR, Security(keys=(KEY,)))
    good = Signer(KEY).sign(door, expires=data.draw(st.sampled_from([None, 4_000_000_000])))
    read(found, good)
    place = data.draw(st.integers(1, len(good) - 1))
    changed = good[:place] + chr(data.draw(st.integers(33, 126))) + good[place + 1 :]
    # A question mark at the end is no query, and the same address.
    assume(changed != good and not changed.endswith("?"))
    with pytest.raises(Forbidden):
        read(found, changed)


def test_a_signature_allows_everything() -> None:
    for security in (
        Security(keys=(KEY,), presets_only=True),
        Security(keys=(KEY,), unsigned=True, operations=("w",), widths=(5,)),
    ):
        found = Addresses(GRAMMAR, security)
        with pytest.raises(Forbidden):
            read(found, "/7x7/a.jpg")
        assert read(found, Signer(KEY).sign("/7x7/a.jpg")) == Match("a.jpg", Transform.of(w=7, h=7))
        with pytest.raises(Forbidden):
            read(found, "/7x7/a.jpg")


def test_what_was_allowed_is_remembered_with_its_signature_only() -> None:
    found = Addresses(GRAMMAR, Security(keys=(KEY,), presets_only=True))
    assert read(found, "/thumb/a.jpg") == read(found, "/thumb/a.jpg")
    assert found._read.cache_info().hits == 1
    read(found, Signer(KEY).sign("/thumb/a.jpg"))
    assert found._read.cache_info().hits == 1


def test_an_address_expires_though_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Addresses(GRAMMAR, Security(keys=(KEY,)))
    now = 1_000_000.0
    monkeypatch.setattr("safelight.http.addresses.time.time", lambda: now)
    address = Signer(KEY).sign("/thumb/a.jpg", expires=1_000_010)
    assert found.opened(incoming(address)).seconds_left == 10
    now += 5
    assert found.opened(incoming(address)).seconds_left == 5
    assert found._verify.cache_info().hits == 1
    now += 6 + TOLERANCE_SECONDS
    with pytest.raises(Forbidden, match="expired"):
        found.opened(incoming(address))


def test_a_signature_is_for_what_follows_the_mount() -> None:
    found = Addresses(GRAMMAR, Security(keys=(KEY,)))
    address = "/images" + Signer(KEY).sign("/thumb/a.jpg")
    assert found.opened(incoming(address, root_path="/images")).path == "/thumb/a.jpg"
    with pytest.raises(RequestError):
        read(found, address)


@pytest.mark.parametrize("security", [Security(), Security(unsigned=True)])
def test_without_keys_no_signature_is_valid(security: Security) -> None:
    with pytest.raises(Forbidden, match="no keys"):
        read(Addresses(GRAMMAR, security), Signer(KEY).sign("/thumb/a.jpg"))
