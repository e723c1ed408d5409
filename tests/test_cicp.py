"""Colour spaces by number are read from PNG and AVIF."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.cicp import space
from tests.support.pictures import encoded, lopsided

PNG = encoded(lopsided(), "PNG")
AVIF = encoded(lopsided(), "AVIF")


def png(*codes: int) -> bytes:
    body = b"cICP" + bytes([*codes, 0, 1])
    return PNG[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + PNG[33:]


def avif(*codes: int) -> bytes:
    at = AVIF.index(b"colrnclx") + 8
    return AVIF[:at] + struct.pack(">HH", *codes) + AVIF[at + 4 :]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((12, 13), "p3"), ((1, 13), None), ((9, 16), None), ((12, 16), None), ((12, 2), None)],
)
def test_display_p3_is_known_by_its_codes(codes: tuple[int, int], expected: str | None) -> None:
    assert space(png(*codes), "png") == expected
    assert space(avif(*codes), "avif") == expected


def test_what_declares_nothing_is_none() -> None:
    assert space(PNG, "png") is None
    assert space(AVIF.replace(b"colrnclx", b"colrprof"), "avif") is None
    assert space(png(12, 13), "jpeg") is None
    # Behind the pixels it counts for nothing.
    assert space(PNG + png(12, 13)[33:49], "png") is None


@given(st.integers(0, 400), st.binary(max_size=8))
def test_any_bytes_have_a_space_or_none(at: int, junk: bytes) -> None:
    for file, format in ((png(12, 13), "png"), (avif(12, 13), "avif")):
        assert space(file[:at] + junk + file[at + len(junk) :], format) in {"p3", None}
        assert space(file[:at], format) in {"p3", None}
