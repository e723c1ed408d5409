"""EXIF: what each policy keeps of it, read back by Pillow."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from safelight.metadata import exif
from safelight.metadata.exif import ARTIST, COPYRIGHT, kept, texts

CAMERA, POSITION = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
TELLING = {
    0x927C: b"Nikon\0\2\x10notes",
    0xA420: "0123456789abcdef",
    0xA430: "A. Owner",
    0xA431: "2041153",
    0xA435: "10073",
    0xA002: 4_000,
}
NOON = "2024:05:06 12:00:00"
TAKEN = {0x829D: IFDRational(28, 10), 0x9003: NOON, 0x8827: 400, 0xA434: "50mm f/1.4"}
PLACE = {1: "N", 2: (48.0, 8.0, 12.5), 3: "E", 4: (11.0, 34.0, 0.25), 29: "2024:05:06"}
ABOUT = {0x010F: "Nikon", 0x0132: NOON, ARTIST: "Zoë", COPYRIGHT: "© 2024 Zoë"}


def block(order: str = "<") -> bytes:
    made = Image.Exif()
    made.endian = order
    made[0x0112], made[0x013C], made[0xC62F] = 6, "zoes-laptop", "2041153"
    for tag, value in ABOUT.items():
        # Bytes: a str would be squeezed into ASCII.
        made[tag] = value.encode()
    made.get_ifd(CAMERA).update(TELLING | TAKEN)
    made.get_ifd(POSITION).update(PLACE)
    return made.tobytes()


def read(data: bytes | None) -> Image.Exif:
    assert data is not None
    assert data.startswith(b"Exif\0\0")
    opened = Image.Exif()
    opened.load(data)
    return opened


def text(value: str) -> str:
    """Pillow reads every text as Latin-1."""
    return value.encode().decode("latin-1")


@pytest.mark.parametrize("order", ["<", ">"])
def test_copyright_keeps_two_tags(order: str) -> None:
    made = read(kept(block(order), "copyright"))
    assert dict(made) == {ARTIST: text("Zoë"), COPYRIGHT: text("© 2024 Zoë")}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("policy", ["all", "all-with-gps"])
def test_all_keeps_what_says_how_the_picture_was_taken(order: str, policy: str) -> None:
    made = read(kept(block(order), policy))
    expected = {tag: text(value) for tag, value in ABOUT.items()}
    assert {tag: made[tag] for tag in ABOUT} == expected
    assert made.get_ifd(CAMERA) == TAKEN
    assert set(made) - {CAMERA, POSITION} == set(ABOUT)


def test_the_place_stays_only_when_that_is_said() -> None:
    assert read(kept(block(), "all")).get_ifd(POSITION) == {}
    assert read(kept(block(), "all-with-gps")).get_ifd(POSITION) == PLACE
    assert b"48" not in (kept(block(), "all") or b"")


@pytest.mark.parametrize("policy", ["copyright", "all", "all-with-gps"])
def test_no_policy_keeps_what_identifies_a_camera_or_its_owner(policy: str) -> None:
    made = kept(block(), policy) or b""
    for value in (b"Nikon\0\2", b"0123456789abcdef", b"A. Owner", b"2041153", b"10073", b"laptop"):
        assert value in block()
        assert value not in made


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


@given(st.binary(max_size=300), st.sampled_from(["copyright", "all", "all-with-gps"]))
def test_any_bytes_give_a_block_that_can_be_read_again_or_none(junk: bytes, policy: str) -> None:
    made = kept(b"II*\0" + junk, policy)
    assert made is None or kept(made, policy) == made


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8), st.sampled_from(["<", ">"]))
def test_a_block_with_a_fault_gives_a_clean_one_or_none(at: int, junk: bytes, order: str) -> None:
    whole = block(order)
    faulty = whole[:at] + junk + whole[at + len(junk) :]
    made = kept(faulty, "all")
    assert made is None or kept(made, "all") == made
    assert made is None or len(made) < 40_000
