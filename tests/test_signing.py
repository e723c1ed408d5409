import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import Forbidden
from safelight.signing import TOLERANCE_SECONDS, Signed, Signer, redacted, verify

KEY = "correct horse battery staple"
OTHER = "another key of enough letters"
TARGET = "/w=800,format=auto/cats/tabby%20cat.jpg?v=1"
VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "signing-vectors.json").read_text("utf-8")
)

targets = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(
    lambda text: f"/{text}"
)
expiries = st.none() | st.integers(0, 10**12 - 1)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["target"]))
def test_a_signature_is_what_the_vectors_say(vector: dict[str, Any]) -> None:
    signer = Signer(vector["key"])
    assert signer.sign(vector["target"], expires=vector["expires"]) == vector["address"]
    found = verify(vector["address"], [vector["key"]])
    assert found == Signed(vector["target"], vector["expires"])


@given(targets, expiries)
def test_what_was_signed_is_found_again(target: str, expires: int | None) -> None:
    assert verify(Signer(KEY).sign(target, expires=expires), [KEY]) == Signed(target, expires)


@given(st.sampled_from([None, 1_900_000_000]), st.data())
def test_any_byte_that_is_changed_is_noticed(expires: int | None, data: st.DataObject) -> None:
    good = Signer(KEY).sign(TARGET, expires=expires)
    place = data.draw(st.integers(len("/s-"), len(good) - 1))
    letter = data.draw(st.characters(max_codepoint=255))
    change = data.draw(st.sampled_from(["replace", "insert", "remove"]))
    before, after = good[:place], good[place:]
    changed = {
        "replace": before + letter + after[1:],
        "insert": before + letter + after,
        "remove": before + after[1:],
    }[change]
    if changed == good:
        return
    with pytest.raises(Forbidden):
        verify(changed, [KEY])


def test_the_bits_to_spare_of_the_last_letter_are_none() -> None:
    good = Signer(KEY).sign(TARGET)
    end = len("/s-") + 43
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    passed = []
    for letter in letters:
        try:
            verify(good[: end - 1] + letter + good[end:], [KEY])
        except Forbidden:
            continue
        passed.append(letter)
    assert passed == [good[end - 1]]


def test_an_expiry_cannot_be_put_off_nor_taken_away_nor_written_otherwise() -> None:
    mac = Signer(KEY).sign(TARGET, expires=1_900_000_000)[3:46]
    assert verify(f"/s-{mac}.1900000000{TARGET}", [KEY]).until == 1_900_000_000
    for until in ("", ".", ".1900000001", ".01900000000", ".1900000000.", ".-1", ".1e12"):
        with pytest.raises(Forbidden):
            verify(f"/s-{mac}{until}{TARGET}", [KEY])


def test_the_parts_of_what_is_signed_cannot_be_shifted() -> None:
    mac = Signer(KEY).sign("/5/x.jpg", expires=1)[3:46]
    with pytest.raises(Forbidden):
        verify(f"/s-{mac}.1/5\n/x.jpg", [KEY])


def test_keys_are_changed_one_after_the_other() -> None:
    old, new = Signer(OTHER).sign(TARGET), Signer(KEY).sign(TARGET)
    assert old != new
    for address in (old, new):
        assert verify(address, [KEY, OTHER]).target == TARGET
    with pytest.raises(Forbidden, match="does not fit"):
        verify(old, [KEY])
    with pytest.raises(Forbidden, match="no keys"):
        verify(old, [])


def test_every_key_is_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("safelight.signing.hmac.compare_digest", compare)
    verify(Signer(KEY).sign(TARGET), [KEY, OTHER, "a third key of some length"])
    assert compared == [(43, 43)] * 3


def test_clocks_may_differ_by_a_minute() -> None:
    signed = Signed(TARGET, 1_000)
    assert signed.seconds_left(400.5) == 599.5
    assert signed.seconds_left(1_000) == 0
    assert signed.seconds_left(1_000 + TOLERANCE_SECONDS) == -TOLERANCE_SECONDS
    with pytest.raises(Forbidden, match="expired"):
        signed.seconds_left(1_000.1 + TOLERANCE_SECONDS)
    assert Signed(TARGET, None).seconds_left(time.time()) is None


@pytest.mark.parametrize("target", ["", "w=800/cat.jpg", "/w=800/café.jpg", "//host/ö"])
def test_what_is_not_written_as_it_is_sent_is_not_signed(target: str) -> None:
    with pytest.raises(ValueError, match="begins with /"):
        Signer(KEY).sign(target)


@pytest.mark.parametrize("expires", [-1, 10**12])
def test_a_time_that_is_none_is_not_signed(expires: int) -> None:
    with pytest.raises(ValueError, match="seconds since the epoch"):
        Signer(KEY).sign(TARGET, expires=expires)


@pytest.mark.parametrize(("key", "said"), [("x" * 15, "15 characters"), ("\udcff" * 16, "UTF-8")])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        Signer(key)
    assert key not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert KEY not in repr(Signer(KEY))


def test_signatures_are_hidden_in_logs() -> None:
    address = Signer(KEY).sign("/w=8/s-class/cat.jpg", expires=1_900_000_000)
    line = f'GET "https://img.example.com{address}" 200'
    assert redacted(line) == 'GET "https://img.example.com/s-…/w=8/s-class/cat.jpg" 200'
    assert redacted(address[:40]) == "/s-…"
