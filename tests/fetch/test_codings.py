import gzip
import itertools
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.fetch.codings import decoded

ALL = ["gzip", "x-gzip", "deflate"]
PICTURE = bytes(range(256)) * 40


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def compressed(data: bytes, coding: str) -> bytes:
    return zlib.compress(data) if coding == "deflate" else gzip.compress(data)


@given(st.binary(max_size=2_000), st.integers(1, 700), st.sampled_from(["", "identity", *ALL]))
def test_what_was_coded_is_decoded_however_it_is_cut(data: bytes, size: int, coding: str) -> None:
    sent = compressed(data, coding) if coding in ALL else data
    assert b"".join(decoded(pieces(sent, size), coding)) == data


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_several_members_are_one_file(size: int) -> None:
    sent = gzip.compress(PICTURE) + gzip.compress(b"") + gzip.compress(b"end")
    assert b"".join(decoded(pieces(sent, size), "gzip")) == PICTURE + b"end"


@pytest.mark.parametrize("coding", ALL)
def test_a_bomb_comes_out_in_pieces_that_can_be_counted(coding: str) -> None:
    sent = compressed(bytes(50_000_000), coding)
    assert len(sent) < 100_000
    largest = 0
    for piece in itertools.islice(decoded([sent], coding), 20):
        largest = max(largest, len(piece))
    assert largest == 262_144


@pytest.mark.parametrize("coding", ALL)
@pytest.mark.parametrize("left", [0, 1, 20, -1])
def test_what_is_cut_short_is_no_body(coding: str, left: int) -> None:
    sent = compressed(PICTURE, coding)
    with pytest.raises(EOFError):
        list(decoded([sent[:left]], coding))


@pytest.mark.parametrize("damage", [b"no gzip at all", gzip.compress(PICTURE) + b"rest"])
def test_what_is_broken_is_no_body(damage: bytes) -> None:
    with pytest.raises(zlib.error):
        list(decoded([damage], "gzip"))


def test_a_wrong_checksum_is_noticed() -> None:
    sent = bytearray(gzip.compress(PICTURE))
    sent[-6] ^= 1
    with pytest.raises(zlib.error):
        list(decoded([bytes(sent)], "gzip"))


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "aes128gcm", "GZIP"])
def test_a_coding_that_nobody_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(ValueError, match="nobody asked for"):
        list(decoded([b"x"], coding))
