import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.formats import BY_MIME, BY_NAME, FORMATS, WRITABLE, Format, by_suffix, sniff
from tests.support.raws import tiff

ROBUSTNESS = Path(__file__).parent / "data" / "robustness"
# Real images whose format has no row: they are no image here.
UNKNOWN = {".ppm", ".pbm", ".xpm"}


@cache
def real() -> dict[Path, Format | None]:
    """List the valid images of the manifest with the format that their name says."""
    manifest = json.loads((ROBUSTNESS / "manifest.json").read_text("utf-8"))
    paths = [ROBUSTNESS / row["file"] for row in manifest["files"] if row["class"] == "valid"]
    return {path: by_suffix(path.name) for path in paths}


VALID = sorted(real())


def content(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_a_real_image_is_recognised_by_its_first_bytes(path: Path) -> None:
    expected = real()[path]
    assert (expected is None) == (path.suffix in UNKNOWN)
    assert sniff(content(path)[:1_024]) is expected


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_64_bytes_are_enough_but_for_svg(path: Path) -> None:
    expected = real()[path]
    if expected is None or expected.name != "svg":
        assert sniff(content(path)[:64]) is expected


def test_the_photographs_are_recognised(photos: Path) -> None:
    paths = sorted(photos.glob("*.jpg"))
    assert paths
    for path in paths:
        assert sniff(content(path)[:64]) is BY_NAME["jpeg"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gen__trunc50_noise.jpg", "jpeg"),
        ("gen__trunc50_noise.png", "png"),
        ("gen__trunc50_noise.webp", "webp"),
        ("gen__trunc10_noise.gif", "gif"),
        ("gen__trunc50_noise.avif", "avif"),
        ("gen__riff_wrong_size.webp", "webp"),
    ],
)
def test_a_damaged_file_is_still_recognised(name: str, expected: str) -> None:
    whole = content(ROBUSTNESS / "corrupt" / name)
    format = sniff(whole[:1_024])
    assert format is not None
    assert format.name == expected


@pytest.mark.parametrize(
    "name", ["gen__text.jpg", "gen__elf.gif", "gen__eps_named.png", "gen__msl.png"]
)
def test_what_only_has_the_name_of_an_image_is_none(name: str) -> None:
    assert sniff(content(ROBUSTNESS / "corrupt" / name)[:1_024]) is None


@given(st.binary(max_size=200), st.sampled_from(FORMATS))
def test_any_bytes_can_be_asked_about(data: bytes, format: Format) -> None:
    assert format.matches(data) in (True, False)
    assert sniff(data) in (None, *FORMATS)


def test_raw_is_told_from_tiff_by_what_lies_far_behind_too() -> None:
    far = tiff({262: (2,), (273, 279): bytes(70_000)}, below=({262: (32803,)},))
    assert sniff(far) is BY_NAME["raw"]


def test_a_box_as_long_as_the_file_is_not_searched_for_brands() -> None:
    long = ftyp(b"isom", *[b"none"] * 2_000, b"avif")
    assert sniff(long) is None


@given(st.sampled_from([path for path, format in real().items() if format]), st.binary(max_size=20))
def test_what_follows_the_first_bytes_does_not_change_the_format(path: Path, junk: bytes) -> None:
    if real()[path] is not BY_NAME["svg"]:
        assert sniff(content(path)[:64] + junk) is real()[path]


def ftyp(major: bytes, *compatible: bytes, size: int | None = None) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4 if size is None else size).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
        (ftyp(b"mif1", b"mif1", b"avif"), "avif"),
        (ftyp(b"avis", b"msf1"), "avif"),
        (ftyp(b"heic", b"mif1"), "heic"),
        (ftyp(b"mif1", b"heic"), "heic"),
        (ftyp(b"msf1", b"hevc"), "heic"),
        (ftyp(b"isom", b"mp42"), None),
        # A brand counts inside its box only, and the version of the major brand is none.
        (ftyp(b"isom", b"mp42") + b"avif", None),
        (ftyp(b"isom")[:12] + b"avif", None),
        (ftyp(b"avif")[:10], None),
        (b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        ("<?xml version='1.0'?><!-- a --><svg/>".encode("utf-16"), "svg"),
        (b"  \n<x:svg xmlns:x='http://www.w3.org/2000/svg'/>", "svg"),
        (b"\x1f\x8b\x08", "svg"),
        (b"<html><body>no</body></html>", None),
        (b"text about <svg>", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"RIFF\x00\x00\x00\x00WEBP", "webp"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"\xff\xd8", None),
        (b"GIF88a", None),
        (b"MM\x00+", "tiff"),
        (b"%!PS-Adobe", None),
        (b"%PDF-1.7", "pdf"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "bmp"),
        (b"BM" + bytes(12) + b"\x0c\0\0\0", "bmp"),
        (b"BMW is a maker of cars", None),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw"),
        (b"IIU\0\x18\0\0\0", "raw"),
        (b"IIRO\x08\0\0\0", "raw"),
        (b"MMOR\0\0\0\x08", "raw"),
        (b"FUJIFILMCCD-RAW 0201", "raw"),
        (b"FOVb\0\0\2\0", "raw"),
        (b"\0MRM\0\0", "raw"),
        (b"II\x1a\0\0\0HEAPCCDR", "raw"),
        (ftyp(b"crx ", b"crx ", b"isom"), "raw"),
        (tiff({262: (2,)}), "tiff"),
        (tiff({262: (2,), 50706: (1, 4, 0, 0)}), "raw"),
        (tiff({262: (32803,)}, magic=b"MM\0*"), "raw"),
        (tiff({262: (2,)}, {262: (34892,)}), "raw"),
        (tiff({262: (2,)}, below=({262: (6,)}, {262: (32803,)})), "raw"),
        (tiff({262: (2,)}, below=({262: (32803,)},), magic=b"II+\0", big=True), "raw"),
        # The first directory alone, without what is below it.
        (tiff({262: (2,)}, below=({262: (32803,)},))[:40], "tiff"),
        (b"", None),
    ],
)
def test_these_first_bytes_are_this_format(head: bytes, name: str | None) -> None:
    found = sniff(head)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("cat.JPG", "jpeg"),
        ("jpg", "jpeg"),
        ("a.b/c.d.jfif", "jpeg"),
        ("x.tif", "tiff"),
        ("x.avifs", "avif"),
        ("a.png/x", None),
        ("x.png.", None),
        ("x.exe", None),
        ("", None),
    ],
)
def test_a_format_is_guessed_by_the_last_suffix(name: str, format: str | None) -> None:
    found = by_suffix(name)
    assert (found.name if found else None) == format


def test_no_two_formats_share_a_name_a_type_or_a_suffix() -> None:
    suffixes = [suffix for format in FORMATS for suffix in format.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len(BY_NAME) == len(BY_MIME) == len(FORMATS)
    for format in FORMATS:
        assert by_suffix(f"x.{format.suffixes[0]}") is format
        assert all(suffix == suffix.lower().strip(".") for suffix in format.suffixes)


@pytest.mark.parametrize("format", FORMATS, ids=lambda row: row.name)
def test_a_row_makes_sense(format: Format) -> None:
    assert format.saver is None or format.loader is not None, "what is written can be read back"
    assert format.quality is None or (format.saver is not None and 1 <= format.quality <= 100)
    assert not format.web or format in WRITABLE, "a source for browsers can stay what it is"
    assert format.mime.count("/") == 1
