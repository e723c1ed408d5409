import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from safelight.icc import profile_name, space


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


SRGB = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)]
P3 = [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)]
ADOBE = [(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)]


def encoded_at(x: float) -> float:
    """The curve of sRGB: IEC 61966-2-1 §5.2."""
    return x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4


def table(points: int) -> bytes:
    values = [round(65_535 * encoded_at(i / (points - 1))) for i in range(points)]
    return b"curv" + bytes(4) + struct.pack(f">I{points}H", points, *values)


def power(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65_536) for number in numbers))


PARAMETRIC = (
    b"para" + bytes(4) + b"\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
)
# The same with two offsets more, as telephones write it.
SHIFTED = PARAMETRIC[:8] + b"\0\4" + PARAMETRIC[10:]
LINEAR = b"curv" + bytes(8)


def matrix_profile(
    primaries: list[tuple[float, float, float]], curve: bytes, *, extra: bytes | None = None
) -> bytes:
    """Build a profile of three primaries and one curve."""
    tags = {
        name: b"XYZ " + bytes(4) + fixed(*primary)
        for name, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    } | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    if extra:
        tags[extra] = b"mft2"
    directory, body, start = b"", b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        directory += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag
    head = bytes(12) + b"mntrRGB XYZ " + bytes(104)
    return head + struct.pack(">I", len(tags)) + directory + body


@pytest.mark.parametrize("curve", [PARAMETRIC, SHIFTED + fixed(0, 0), table(1_024), table(64)])
@pytest.mark.parametrize(("primaries", "name"), [(SRGB, "srgb"), (P3, "p3"), (ADOBE, None)])
def test_a_space_is_known_by_its_primaries_and_its_curve(
    primaries: list[tuple[float, float, float]], curve: bytes, name: str | None
) -> None:
    assert space(matrix_profile(primaries, curve)) == name


@pytest.mark.parametrize(
    "curve",
    [LINEAR, power(2.2), power(1.8), PARAMETRIC[:12], b"", table(2), SHIFTED + fixed(0.01, 0)],
)
def test_the_primaries_of_srgb_with_another_curve_are_another_space(curve: bytes) -> None:
    assert space(matrix_profile(SRGB, curve)) is None


def test_a_profile_that_says_more_than_a_matrix_is_another_space() -> None:
    assert space(matrix_profile(SRGB, PARAMETRIC, extra=b"A2B0")) is None
    assert space(matrix_profile([SRGB[1], SRGB[0], SRGB[2]], PARAMETRIC)) is None
    grey = matrix_profile(SRGB, PARAMETRIC).replace(b"RGB ", b"GRAY")
    assert space(grey) is None


def test_real_profiles_are_recognised(data: Path, photos: Path) -> None:
    folder = data / "robustness" / "valid"
    for path, expected in (
        (photos / "mountains-p3.jpg", "p3"),
        (folder / "sharp__p3.png", "p3"),
        (folder / "sharp__prophoto.png", None),
        (folder / "pillow__icc_profile.png", "srgb"),
        (folder / "libavif__paris_exif_xmp_icc.jpg", "srgb"),
        (folder / "thumbor__grayscale-icc.jpg", None),
        (data / "photos" / "cmyk.jpg", None),
    ):
        with Image.open(path) as image:
            assert space(image.info["icc_profile"]) == expected, path.name
    assert space(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()) == "srgb"


@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda position, junk: (
                whole := matrix_profile(SRGB, PARAMETRIC),
                whole[:position] + junk + whole[position + len(junk) :],
            )[1],
            st.integers(0, 400),
            st.binary(max_size=12),
        ),
    )
)
def test_any_bytes_are_a_known_space_or_none(data: bytes) -> None:
    assert space(data) in {"srgb", "p3", None}
