"""IPTC: what each policy keeps of it, read back by Pillow."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, IptcImagePlugin

from safelight.metadata.iptc import BY_LINE, NOTICE, kept, resource, texts
from tests.support.notes import CAPTIONS, CREDITS, IPTC, PLACE_NAMES, UTF_8, dataset, photoshop


def read(records: bytes) -> dict[tuple[int, int], bytes | list[bytes]]:
    """Read by Pillow, out of a JPEG."""
    plain = io.BytesIO()
    Image.new("L", (8, 8)).save(plain, "JPEG")
    segment = resource(records)
    head = b"\xff\xd8\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    with Image.open(io.BytesIO(head + plain.getvalue()[2:])) as picture:
        found = IptcImagePlugin.getiptcinfo(picture)
    assert found is not None
    return found


@pytest.mark.parametrize("data", [IPTC, photoshop(IPTC)])
def test_copyright_keeps_the_credits_and_how_they_are_encoded(data: bytes) -> None:
    made = kept(data, "copyright")
    assert made == UTF_8 + CREDITS
    assert read(made)[2, NOTICE] == "© Zoë".encode()


def test_all_keeps_captions_but_neither_places_nor_previews() -> None:
    assert kept(IPTC, "all") == UTF_8 + CAPTIONS + CREDITS
    made = kept(IPTC, "all-with-gps")
    assert made == UTF_8 + CAPTIONS + PLACE_NAMES + CREDITS
    assert read(made)[2, 25] == [b"hill", b"green"]


def test_records_are_wrapped_as_photoshop_does() -> None:
    for records in (CREDITS, CREDITS + b"x"):
        assert resource(records) == photoshop(records)


def test_texts_are_read() -> None:
    assert texts(photoshop(IPTC), BY_LINE) == ["Zoë"]
    assert texts(dataset(BY_LINE, b"Zo\xeb") + dataset(BY_LINE, b"Max "), BY_LINE) == ["Zoë", "Max"]
    assert texts(IPTC, 120) == []


def test_records_are_found_behind_other_resources() -> None:
    whole = photoshop(IPTC)
    heading = whole[:14]
    other = b"8BIM" + struct.pack(">H", 0x0425) + b"\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    assert kept(heading + other + whole[14:], "all") == UTF_8 + CAPTIONS + CREDITS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Photoshop 3.0\0",
        b"Photoshop 3.0\x008BIM\x04\x04\xff",
        resource(b""),
        UTF_8,
        PLACE_NAMES,
        dataset(BY_LINE, b"Zoe")[:-1],
        b"\x1c\x02P\xff\xffZoe",
        b"x" + CREDITS,
    ],
)
def test_what_holds_no_credits_is_none(data: bytes) -> None:
    assert kept(data, "all") is None


def test_what_is_kept_is_bounded() -> None:
    assert len(kept(CREDITS + dataset(25, b"x" * 1_000) * 900, "all") or b"") <= 32_000


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, junk: photoshop(IPTC)[:at] + junk + photoshop(IPTC)[at:],
            st.integers(0, 200),
            st.binary(max_size=6),
        ),
    ),
    st.sampled_from(["copyright", "all", "all-with-gps"]),
)
def test_any_bytes_give_records_that_stay_the_same_or_none(data: bytes, policy: str) -> None:
    made = kept(data, policy)
    assert made is None or kept(made, policy) == made
