"""Where a stored picture is fetched: here, at a public address, or at one that is signed."""

from pathlib import Path
from typing import Any, cast

import pytest

from safelight.delivery import INLINE, Delivery, VariantSettings, public_address
from safelight.errors import SettingError
from safelight.storage import Store, open_store


class Signing:
    """A store that signs, or that cannot."""

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.asked: list[tuple[str, int]] = []

    def sign(self, key: str, seconds: int) -> str | None:
        self.asked.append((key, seconds))
        return self.address


def signing(address: str | None) -> Any:
    return cast("Store", Signing(address))


@pytest.mark.parametrize(
    ("delivery", "sizes"),
    [
        (INLINE, []),
        (Delivery("redirect"), [0, 10, 11]),
        (Delivery("auto"), []),
        (Delivery("auto", max_inline_bytes=10), [11]),
        (Delivery("inline", max_inline_bytes=10), []),
    ],
)
def test_what_is_fetched_elsewhere(delivery: Delivery, sizes: list[int]) -> None:
    assert [size for size in (0, 10, 11) if delivery.redirects(size)] == sizes


@pytest.mark.parametrize("base", ["https://cdn.example.com/pics", "https://cdn.example.com/pics/"])
def test_a_public_address_is_percent_encoded_once(base: str) -> None:
    assert public_address(base, "w=1,q=2/a b/é%2Bü+?#.jpg@/v-1") == (
        "https://cdn.example.com/pics/w=1,q=2/a%20b/%C3%A9%252B%C3%BC%2B%3F%23.jpg@/v-1"
    )


def test_a_public_address_goes_before_a_signed_one() -> None:
    store = signing("https://signed.example.com/x")
    public = Delivery("redirect", "https://cdn.example.com/")
    assert public.location(store, "a") == "https://cdn.example.com/a"
    assert public.most_seconds is None
    assert store.asked == []


def test_a_signed_address_may_be_remembered_for_half_its_life() -> None:
    store = signing("https://signed.example.com/x")
    signed = Delivery("redirect", sign_seconds=60)
    assert signed.location(store, "a") == "https://signed.example.com/x"
    assert store.asked == [("a", 60)]
    assert signed.most_seconds == 30


@pytest.mark.parametrize(("within", "seconds"), [(None, 60), (61.5, 60), (30.9, 30), (0.2, 1)])
def test_a_signed_address_holds_no_longer_than_what_led_to_it(
    within: float | None, seconds: int
) -> None:
    store = signing("https://signed.example.com/x")
    Delivery("redirect", sign_seconds=60).location(store, "a", within=within)
    assert store.asked == [("a", seconds)]


def test_a_store_that_signs_nothing_sends_nobody_away(tmp_path: Path) -> None:
    for store in (signing(None), open_store("file:.", base=tmp_path), open_store("memory:")):
        assert Delivery("redirect").location(store, "a") == ""


@pytest.mark.parametrize(
    "url",
    ["cdn.example.com", "ftp://cdn.example.com/", "https://", "https://a b/", "https://a/?x=",
     "https://a/#", "https://user@a/", "https://a/\r\nX: y", "javascript:alert(1)", "//a/"],
)  # fmt: skip
def test_an_address_that_nobody_could_follow_stops_the_start(url: str) -> None:
    with pytest.raises(SettingError, match=r"variants\.public_url"):
        VariantSettings(public_url=url).check()


@pytest.mark.parametrize(
    "url", ["", "https://a", "http://127.0.0.1:8080/bucket/", "https://a.example/b-c_d/~e%20f"]
)
def test_an_address_that_can_be_followed_is_fine(url: str) -> None:
    VariantSettings(public_url=url).check()


@pytest.mark.parametrize("value", ["a\r\nX: y", "é"])
def test_a_header_that_is_none_stops_the_start(value: str) -> None:
    with pytest.raises(SettingError, match=r"variants\.cache_control"):
        VariantSettings(cache_control=value).check()
