"""Directories of a TIFF: what Pillow wrote, what is written by hand, and circles."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import tiff
from tests.support.pictures import encoded, exif, lopsided
from tests.support.raws import PANASONIC, STRIPS
from tests.support.raws import tiff as written


@pytest.mark.parametrize("magic", [b"II*\0", b"MM\0*", b"IIU\0"])
@pytest.mark.parametrize("big", [False, True])
def test_directories_come_in_order_those_below_last(magic: bytes, big: bool) -> None:
    if big:
        magic = magic.replace(b"*", b"+").replace(b"U", b"+")
    file = written({1: (10,)}, {1: (20,)}, below=({1: (30,)}, {1: (40,)}), magic=magic, big=big)
    found = list(tiff.directories(file))
    assert [directory[1] for directory in found] == [(10,), (20,), (30,), (40,)]
    assert found[0].keys() == {1, tiff.SUBDIRECTORIES}


def test_values_are_whole_numbers_wherever_they_stand() -> None:
    entries = [
        (1, 1, 3, b"\1\2\3\0"),
        (2, 3, 2, struct.pack("<HH", 300, 400)),
        (3, 4, 1, struct.pack("<I", 70_000)),
        (4, 3, 3, struct.pack("<I", 2 + 8 + 12 * 6 + 4)),
        (5, 2, 4, b"text"),
        (6, 5, 1, struct.pack("<I", 8)),
    ]
    file = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        file += struct.pack("<HHI4s", tag, kind, count, value)
    (found,) = tiff.directories(file + bytes(4) + struct.pack("<HHH", 7, 8, 9))
    assert found == {1: (1, 2, 3), 2: (300, 400), 3: (70_000,), 4: (7, 8, 9), 5: (), 6: ()}


def test_a_block_of_bytes_is_where_it_begins_and_how_long_it_is() -> None:
    file = written({PANASONIC: b"twelve bytes"})
    (found,) = tiff.directories(file)
    begin, length = found[PANASONIC[0]]
    assert file[begin : begin + length] == b"twelve bytes"


def test_what_pillow_wrote_is_read(data: Path) -> None:
    (found,) = tiff.directories(encoded(lopsided(30, 20), "TIFF", compression="tiff_lzw"))
    assert (found[256], found[257], found[tiff.COMPRESSION]) == ((30,), (20,), (5,))
    assert found[tiff.PHOTOMETRIC] == (2,)
    pages = (data / "robustness" / "valid" / "pillow__multipage.tiff").read_bytes()
    assert len(list(tiff.directories(pages))) == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_that_of_the_first(orientation: int) -> None:
    assert tiff.orientation(encoded(lopsided(), "TIFF", exif=exif(orientation))) == orientation
    assert tiff.orientation(written({1: (1,)}, {274: (orientation,)})) == 1


@pytest.mark.parametrize("value", [(), (0,), (9,), (2, 2)])
def test_an_orientation_that_is_none_is_1(value: tuple[int, ...]) -> None:
    assert tiff.orientation(written({274: value or (0,)})) == 1
    assert tiff.orientation(b"no TIFF, but long enough") == 1


def test_a_circle_is_walked_once() -> None:
    file = bytearray(written({1: (1,)}, {1: (2,)}))
    file[-4:] = file[4:8]
    assert [directory[1] for directory in tiff.directories(bytes(file))] == [(1,), (2,)]


def test_so_many_directories_and_no_more() -> None:
    following = [{1: (number,)} for number in range(1, 50)]
    file = written({1: (0,)}, *following)
    assert [directory[1] for directory in tiff.directories(file)] == [(n,) for n in range(32)]


def test_so_many_tags_and_values_and_no_more() -> None:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tag) for tag in range(1_000, 1_600))
    file = b"II*\0\x08\0\0\0" + struct.pack("<H", 600) + entries + bytes(4)
    (found,) = tiff.directories(file)
    assert len(found) == 500
    (found,) = tiff.directories(written({1: (5,) * 64, 2: (5,) * 65}))
    assert found == {1: (5,) * 64, 2: ()}


@pytest.mark.parametrize(
    "file",
    [b"", b"II*\0", b"II*\0\x08\0\0\0", b"II*\0" + b"\xff" * 40, b"PK" + bytes(40),
     b"II,\0\x08" + bytes(40), b"II*\0\0\0\0\0" + bytes(40)],
)  # fmt: skip
def test_what_is_no_tiff_has_no_directories(file: bytes) -> None:
    assert list(tiff.directories(file)) == []


def test_a_directory_that_is_cut_off_is_left_out() -> None:
    file = written({1: (1,), STRIPS: b"strip"}, {1: (2,), 3: (4,)})
    assert [d[1] for d in tiff.directories(file[:-9])] == [(1,)]


@given(st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"]), st.binary())
def test_any_bytes_have_some_directories_or_none(magic: bytes, data: bytes) -> None:
    for directory in tiff.directories(magic + data):
        assert all(number >= 0 for values in directory.values() for number in values)
