"""EXIF: what each policy keeps of it, read back by Pillow."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight.metadata import exif
from safelight.metadata.exif import ARTIST, COPYRIGHT, kept, pointers, texts
from tests.support.notes import (
    ABOUT,
    CAMERA,
    NEVER,
    PLACE,
    POSITION,
    TAKEN,
    WHO,
    as_latin_1,
    exif_block,
)


def read(data: bytes | None) -> Image.Exif:
    assert data is not None
    assert data.startswith(b"Exif\0\0")
    opened = Image.Exif()
    opened.load(data)
    return opened


@pytest.mark.parametrize("order", ["<", ">"])
def test_copyright_keeps_two_tags(order: str) -> None:
    made = read(kept(exif_block(order), "copyright"))
    assert dict(made) == {tag: as_latin_1(value) for tag, value in WHO.items()}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("policy", ["all", "all-with-gps"])
def test_all_keeps_what_says_how_the_picture_was_taken(order: str, policy: str) -> None:
    made = read(kept(exif_block(order), policy))
    expected = {tag: as_latin_1(value) for tag, value in ABOUT.items()}
    assert {tag: made[tag] for tag in ABOUT} == expected
    assert made.get_ifd(CAMERA) == TAKEN
    assert set(made) - {CAMERA, POSITION} == set(ABOUT)


def test_the_place_stays_only_when_that_is_said() -> None:
    assert read(kept(exif_block(), "all")).get_ifd(POSITION) == {}
    assert read(kept(exif_block(), "all-with-gps")).get_ifd(POSITION) == PLACE
    assert b"48" not in (kept(exif_block(), "all") or b"")


@pytest.mark.parametrize("policy", ["copyright", "all", "all-with-gps"])
def test_no_policy_keeps_what_identifies_a_camera_or_its_owner(policy: str) -> None:
    made = kept(exif_block(), policy) or b""
    assert sum(value in exif_block() for value in NEVER) >= 6
    assert not any(value in made for value in NEVER)


def test_a_thumbnail_is_never_kept(data: Path) -> None:
    with Image.open(data / "robustness" / "valid" / "pillow__flower.jpg") as picture:
        whole = picture.info["exif"]
    assert b"\xff\xd8\xff" in whole, "there is a thumbnail to be dropped"
    made = kept(whole, "all-with-gps") or b""
    assert read(made)[0x010F] == "Canon"
    assert b"\xff\xd8\xff" not in made


def test_a_photograph_of_a_telephone_keeps_its_exposure(data: Path) -> None:
    with Image.open(data / "robustness" / "valid" / "libavif__paris_exif_xmp_icc.jpg") as picture:
        before, made = picture.getexif(), read(kept(picture.info["exif"], "all"))
    for tag in (0x829A, 0x829D, 0x8827, 0x9003, 0x920A, 0xA405, 0xA434):
        assert made.get_ifd(CAMERA)[tag] == before.get_ifd(CAMERA)[tag]


def test_a_tiff_file_is_a_block_of_exif_itself() -> None:
    tags = Image.Exif()
    tags[COPYRIGHT] = "2024 Zoe"
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "TIFF", exif=tags)
    assert dict(read(kept(buffer.getvalue(), "copyright"))) == {COPYRIGHT: "2024 Zoe"}
    assert set(read(kept(buffer.getvalue(), "all"))) == {COPYRIGHT}


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value


def directory(*entries: bytes, behind: bytes = b"") -> bytes:
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return b"Exif\0\0" + head + b"".join(entries) + bytes(4) + behind


def test_both_parts_of_a_copyright_are_read_and_kept() -> None:
    value = b"Zoe, photographer\0Max, editor\0"
    made = directory(entry(COPYRIGHT, 2, len(value), struct.pack("<I", 26)), behind=value)
    assert texts(made, COPYRIGHT) == ["Zoe, photographer", "Max, editor"]
    assert value in (kept(made, "copyright") or b"")


@pytest.mark.parametrize(("raw", "expected"), [("Zoë".encode(), "Zoë"), (b"Zo\xeb", "Zoë")])
def test_texts_are_read_in_the_encodings_that_cameras_use(raw: bytes, expected: str) -> None:
    made = directory(entry(ARTIST, 2, 5, struct.pack("<I", 26)), behind=raw.ljust(5, b"\0"))
    assert texts(made, ARTIST) == [expected]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0XX*\0\x08\0\0\0",
        b"II+\0\x08\0\0\0" + bytes(20),
        directory(),
        directory(entry(ARTIST, 2, 3_000_000_000, struct.pack("<I", 26)), behind=b"x"),
        directory(entry(ARTIST, 2, 8, struct.pack("<I", 0xFFFFFFFF))),
        directory(entry(ARTIST, 99, 4, b"abcd")),
        directory(entry(ARTIST, 2, 0, b"abcd")),
        directory(entry(CAMERA, 4, 1, struct.pack("<I", 0xFFFFFFF0))),
        # A directory that is its own child.
        directory(entry(CAMERA, 4, 1, struct.pack("<I", 8))),
        directory(entry(CAMERA, 2, 5, struct.pack("<I", 8))),
        directory()[:-3],
    ],
)
def test_a_block_that_says_nothing_is_none(data: bytes) -> None:
    assert kept(data, "all-with-gps") is None
    assert texts(data, ARTIST) == []


def test_a_long_text_is_left_out_and_many_are_bounded() -> None:
    long = directory(
        entry(ARTIST, 2, 50_000, struct.pack("<I", 38)),
        entry(COPYRIGHT, 2, 4, b"Zoe\0"),
        behind=b"x" * 50_000,
    )
    assert len(long) > 50_000
    assert dict(read(kept(long, "all"))) == {COPYRIGHT: "Zoe"}
    tags = sorted(exif._ABOUT)
    behind = b"y" * 3_999
    values = struct.pack("<I", 8 + 2 + 12 * len(tags) + 4)
    many = directory(*(entry(tag, 2, 3_999, values) for tag in tags), behind=behind)
    assert 10_000 < len(kept(many, "all") or b"") < 20_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_references_to_further_directories_are_counted(order: str) -> None:
    assert pointers(exif_block(order), most=20) == 2
    assert pointers(exif_block(order)[6:], most=20) == 2
    assert pointers(b"", most=20) == pointers(b"Exif\0\0II*\0\xff\xff\xff\xff", most=20) == 0


def test_references_are_counted_wherever_they_lead() -> None:
    itself = entry(CAMERA, 4, 1, struct.pack("<I", 8))
    assert pointers(directory(itself), most=20) == 1
    assert pointers(directory(*[itself] * 500), most=20) > 20
    # The directory behind the first one, and one that is referred to.
    many = struct.pack("<H", 30) + itself * 30
    for first in (
        directory()[:-4] + struct.pack("<I", 14) + many,
        directory(entry(POSITION, 4, 1, struct.pack("<I", 26)), behind=many),
    ):
        assert pointers(first, most=20) > 20


@given(st.binary(max_size=300))
def test_of_any_bytes_references_can_be_counted(junk: bytes) -> None:
    assert 0 <= pointers(b"II*\0" + junk, most=20) <= 20 + 25


@given(st.binary(max_size=300), st.sampled_from(["copyright", "all", "all-with-gps"]))
def test_any_bytes_give_a_block_that_can_be_read_again_or_none(junk: bytes, policy: str) -> None:
    made = kept(b"II*\0" + junk, policy)
    assert made is None or kept(made, policy) == made


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8), st.sampled_from(["<", ">"]))
def test_a_block_with_a_fault_gives_a_clean_one_or_none(at: int, junk: bytes, order: str) -> None:
    whole = exif_block(order)
    faulty = whole[:at] + junk + whole[at + len(junk) :]
    made = kept(faulty, "all")
    assert made is None or kept(made, "all") == made
    assert made is None or len(made) < 40_000
