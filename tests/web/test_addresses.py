"""Addresses by themselves: what a signature allows, and for how long."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safelight.access import Security
from safelight.dialects import Grammar, Match
from safelight.errors import Forbidden, RequestError
from safelight.signing import TOLERANCE_SECONDS, Signer
from safelight.transform import Transform, parse_preset
from safelight.web.addresses import Addresses
from safelight.web.exchange import Incoming

KEY = "correct horse battery staple"
DOORS = ["/64x64/a.jpg", "/thumb/a.jpg", "/pic/a.jpg", "/pic/64/a.jpg", "/picture/a.jpg?scalex=64"]
GRAMMAR = Grammar({"thumb": parse_preset("w=100")})


def incoming(target: str, root: str = "") -> Incoming:
    path, _, query = target.partition("?")
    return Incoming.of("GET", path.encode(), query.encode(), root, [])


def read(found: Addresses, target: str) -> Match:
    return found.match(found.opened(incoming(target)))


@given(st.sampled_from(DOORS), st.data())
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
        allowed = read(found, Signer(KEY).sign("/7x7/a.jpg"))
        assert (allowed.key, allowed.transform) == ("a.jpg", Transform.of(w=7, h=7))
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
    monkeypatch.setattr("safelight.web.addresses.time.time", lambda: now)
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
    assert found.opened(incoming(address, root="/images")).path == "/thumb/a.jpg"
    with pytest.raises(RequestError):
        read(found, address)


@pytest.mark.parametrize("security", [Security(), Security(unsigned=True)])
def test_without_keys_no_signature_is_valid(security: Security) -> None:
    with pytest.raises(Forbidden, match="no keys"):
        read(Addresses(GRAMMAR, security), Signer(KEY).sign("/thumb/a.jpg"))
