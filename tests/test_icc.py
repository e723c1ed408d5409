import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from safelight.icc import profile_name


def profile(tag: bytes, *, before: int = 0, offset: int | None = None) -> bytes:
    """Build a profile of nothing but a description, after ``before`` other tags."""
    table = [struct.pack(">4sII", b"wtpt", 0, 0)] * before
    start = 128 + 4 + 12 * (before + 1)
    table.append(struct.pack(">4sII", b"desc", start if offset is None else offset, len(tag)))
    return bytes(128) + struct.pack(">I", before + 1) + b"".join(table) + tag


def version_2(name: str) -> bytes:
    text = name.encode("latin-1") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)


def version_4(name: str) -> bytes:
    text = name.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text


@pytest.mark.parametrize("build", [version_2, version_4])
@pytest.mark.parametrize("name", ["sRGB IEC61966-2.1", "Display P3", "Größe", "x"])
@pytest.mark.parametrize("before", [0, 3])
def test_the_name_of_both_versions_is_read(
    build: Callable[[str], bytes], name: str, before: int
) -> None:
    assert profile_name(profile(build(name), before=before)) == name


def test_a_name_beyond_latin_letters_is_read() -> None:
    assert profile_name(profile(version_4("日本の色 🎨"))) == "日本の色 🎨"


def test_what_cannot_be_shown_is_left_out_of_the_name() -> None:
    assert profile_name(profile(version_2("a\x00b\x1b[31m\r\nc"))) == "ab[31mc"
    assert profile_name(profile(version_4("\u202ea\u200bb "))) == "ab"


def test_a_name_without_end_is_cut() -> None:
    assert len(profile_name(profile(version_4("a" * 100_000))) or "") == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(127),
        bytes(132),
        bytes(128) + b"\xff\xff\xff\xff",
        bytes(128) + b"\xff\xff\xff\xff" + bytes(12 * 300),
        profile(b""),
        profile(b"desc"),
        profile(version_2("")),
        profile(version_4("")),
        profile(version_4("x")[:20]),
        profile(version_2("x"), offset=1 << 31),
        profile(version_4("x"), before=250),
    ],
)
def test_a_profile_without_a_readable_name_has_none(data: bytes) -> None:
    assert profile_name(data) is None


@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda tag, position, junk: profile(tag)[:position] + junk + profile(tag)[position:],
            st.sampled_from([version_2("sRGB"), version_4("sRGB")]),
            st.integers(0, 200),
            st.binary(max_size=8),
        ),
    )
)
def test_any_bytes_have_a_printable_name_or_none(data: bytes) -> None:
    name = profile_name(data)
    assert name is None or (name.isprintable() and 0 < len(name) <= 200)


def test_real_profiles_have_the_name_that_littlecms_gives_them(data: Path, photos: Path) -> None:
    checked = 0
    for path in sorted([*(data / "robustness" / "valid").glob("*.[jpaw]*"), *photos.glob("*.jpg")]):
        if path.suffix.lower() not in (".jpg", ".png", ".avif", ".webp"):
            continue
        with Image.open(path) as image:
            embedded = image.info.get("icc_profile")
        if embedded:
            opened = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
            assert profile_name(embedded) == ImageCms.getProfileDescription(opened).strip()
            checked += 1
    assert checked >= 5
