"""HEIC: size, turns, depth, alpha and colours, against what was written and what Pillow shows."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from safelight import engine
from safelight.engine.decoders import heic as decoder
from safelight.errors import SafelightError, SourceDamaged, SourceTooLarge, UnsupportedFormat
from safelight.limits import Limits
from tests.support.perceptual import JUST_NOTICEABLE, colour_difference
from tests.support.pictures import (
    encoded,
    exif,
    lopsided,
    mean_difference,
    opened,
    picture_of,
    run,
)


def heic(picture: Image.Image, **options: Any) -> bytes:
    """Write the pixels as they are; an orientation in EXIF becomes one of the file's own, too."""
    buffer = io.BytesIO()
    written = pillow_heif.from_bytes(picture.mode, picture.size, picture.tobytes())
    written.save(buffer, **({"quality": 90, "chroma": 444} | options))
    return buffer.getvalue()


def load(file: bytes) -> Any:
    header = decoder.probe(file, page=1)
    return decoder.load(file, header, page=1, size=(header.width, header.height))


@pytest.mark.parametrize("change", ["", "w=60"])
def test_a_picture_is_what_was_written(change: str) -> None:
    made = picture_of(heic(lopsided()), f"{change},format=png")
    expected = lopsided().resize(made.size, Image.Resampling.LANCZOS)
    assert made.size == ((60, 40) if change else (240, 160))
    assert mean_difference(made, expected) < 2
    assert run(heic(lopsided())).mime == "image/jpeg"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once(orientation: int) -> None:
    file = heic(lopsided(), exif=exif(orientation).tobytes())
    assert (b"irot" in file or b"imir" in file) == (orientation > 1)
    expected = ImageOps.exif_transpose(opened(encoded(lopsided(), "PNG", exif=exif(orientation))))
    header = engine.probe(file)
    assert (header.orientation, header.shown) == (1, expected.size)
    made = picture_of(file, "format=png")
    assert made.size == expected.size
    assert mean_difference(made, expected.convert("RGB")) < 2
    assert mean_difference(picture_of(file, "orient=none,format=png"), made) == 0


def test_an_orientation_that_is_only_noted_turns_nothing() -> None:
    said = struct.Struct(">HHIH")
    file = heic(lopsided(), exif=exif(1).tobytes())
    noted = file.replace(said.pack(0x112, 3, 1, 1), said.pack(0x112, 3, 1, 6))
    assert noted != file
    assert engine.probe(noted).shown == (240, 160)
    same = picture_of(file, "format=png")
    assert mean_difference(picture_of(noted, "format=png"), same) == 0


@pytest.mark.parametrize("premultiplied", [False, True])
def test_alpha_is_alpha_last(premultiplied: bool) -> None:
    picture = lopsided(64, 64).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((64, 64)))
    buffer = io.BytesIO()
    written = pillow_heif.from_pillow(picture)
    written.premultiplied_alpha = premultiplied
    written.save(buffer, quality=-1, chroma=444)
    header, image = engine.probe(buffer.getvalue()), load(buffer.getvalue())
    assert (header.alpha, header.bands, image.bands, bool(image.hasalpha())) == (True, 4, 4, True)
    made = picture_of(buffer.getvalue(), "format=png")
    assert mean_difference(made.getchannel("A"), picture.getchannel("A")) < 1
    if premultiplied:
        # The numbers of the picture were those of light that has passed: without alpha, brighter.
        assert np.asarray(made)[32, 5].sum() > np.asarray(picture)[32, 5].sum()
    else:
        assert mean_difference(made, picture) < 3


def test_grey_is_grey() -> None:
    file = heic(lopsided().convert("L"))
    header = engine.probe(file)
    assert (header.bands, header.space) == (1, "b-w")
    assert picture_of(file, "format=png").mode == "L"


@pytest.mark.parametrize("twelve", [False, True])
def test_more_than_eight_bits_come_as_sixteen(twelve: bool) -> None:
    ramp = np.repeat(np.linspace(0, 65_535, 512).astype("<u2")[None, :, None], 64, 0).repeat(3, 2)
    written = pillow_heif.from_bytes("RGB;16", (512, 64), ramp.tobytes())
    buffer = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = twelve
    try:
        written.save(buffer, quality=-1, chroma=444)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    header, image = engine.probe(buffer.getvalue()), load(buffer.getvalue())
    assert (header.depth, header.space, image.format) == (2, "rgb16", "ushort")
    values = np.frombuffer(image.write_to_memory(), np.uint16).reshape(64, 512, 3)
    assert np.abs(values.astype(int) - ramp).max() < 300
    assert len(set(values[0, :, 1])) > 400
    eight = np.asarray(picture_of(buffer.getvalue(), "format=png"))
    assert np.abs(eight.astype(int) - (ramp >> 8)).max() <= 2


def test_colours_are_those_of_the_profile(photos: Path) -> None:
    profile = opened((photos / "mountains-p3.jpg").read_bytes()).info["icc_profile"]
    original = lopsided()
    file = heic(original, icc_profile=profile)
    assert "P3" in str(engine.probe(file).profile)
    assert load(file).get("icc-profile-data") == profile
    expected = ImageCms.profileToProfile(
        original,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert expected is not None
    made = picture_of(file, "format=png")
    assert colour_difference(made, expected) < JUST_NOTICEABLE / 2
    # The test can fail: taken for sRGB, the numbers are other colours.
    assert colour_difference(original, expected) > JUST_NOTICEABLE


def test_display_p3_may_be_said_by_numbers_alone(photos: Path) -> None:
    codes = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 1}
    file = heic(lopsided(), **codes, full_range_flag=1)
    assert engine.probe(file).profile is not None
    codes["color_primaries"] = 1
    assert engine.probe(heic(lopsided(), **codes, full_range_flag=1)).profile is None


def test_what_the_file_says_of_the_photograph_comes_along() -> None:
    noted = exif(1)
    noted[0x8298] = "the photographer"
    file = heic(lopsided(), exif=noted.tobytes(), xmp=b"<x:xmpmeta/>")
    image = load(file)
    assert image.get("exif-data") == noted.tobytes()
    assert image.get("xmp-data") == b"<x:xmpmeta/>"
    made = run(file, "metadata=copyright")
    assert opened(made.data).getexif()[0x8298] == "the photographer"
    assert 0x8298 not in opened(run(file).data).getexif()


def test_a_file_in_the_wild(data: Path) -> None:
    file = (data / "robustness" / "valid" / "pillow__hopper.heif").read_bytes()
    made = picture_of(file, "format=png")
    assert made.size == (128, 128)
    jpeg = opened((data / "robustness" / "valid" / "pillow__hopper_gray.jpg").read_bytes())
    assert mean_difference(made.convert("L"), jpeg.convert("L").resize(made.size)) < 25


@pytest.mark.parametrize(
    ("mode", "chroma", "bytes_a_pixel"),
    [("RGB", 420, 4.5), ("RGB", 422, 5), ("RGB", 444, 6), ("RGBA", 444, 8), ("L", 420, 2)],
)
def test_the_decoder_holds_its_planes_beside_the_picture(
    mode: str, chroma: int, bytes_a_pixel: float
) -> None:
    header = engine.probe(heic(lopsided().convert(mode), chroma=chroma))
    assert (header.buffered, header.coefficients) == (True, bytes_a_pixel)


def test_memory_is_reckoned_before_anything_is_decoded() -> None:
    file = heic(lopsided())
    assert run(file, "w=10", Limits(memory=6 * 240 * 160)).width == 10
    with pytest.raises(SourceTooLarge, match=r"this image .* memory: save it smaller$"):
        run(file, "w=10", Limits(memory=6 * 240 * 160 - 1))
    with pytest.raises(SourceTooLarge, match="megapixels"):
        run(file, "w=10", Limits(source_pixels=240 * 160 - 1))


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_damaged(part: float) -> None:
    file = heic(lopsided())
    with pytest.raises(SourceDamaged, match="damaged; upload it again"):
        run(file[: int(len(file) * part)], "w=10")


def test_another_codec_is_not_damage() -> None:
    file = heic(lopsided()).replace(b"hvc1", b"vvc1")
    with pytest.raises(UnsupportedFormat, match="codec"):
        run(file, "w=10")


def test_a_size_that_no_picture_has_is_refused() -> None:
    file = heic(lopsided())
    at = file.index(b"ispe") + 8
    with pytest.raises(SourceTooLarge):
        run(file[:at] + b"\x7f\xff\xff\xff" * 2 + file[at + 8 :], "w=10")
    with pytest.raises(SourceDamaged):
        run(file[:at] + bytes.fromhex("000000f1") + file[at + 4 :], "w=10")


MODEL = heic(lopsided(32, 24))


@settings(max_examples=200)
@given(st.data())
def test_no_change_of_a_byte_breaks_the_decoder(draw: st.DataObject) -> None:
    file = bytearray(MODEL)
    for _ in range(draw.draw(st.integers(1, 4))):
        file[draw.draw(st.integers(0, len(file) - 1))] = draw.draw(st.integers(0, 255))
    assert "libheif" not in refusal(b"\0\0\0\x18ftypheic" + bytes(file[12:])).lower()


def refusal(file: bytes) -> str:
    """Make a picture, or give the words of an error of ours; any other fails the test."""
    try:
        run(file, "w=10", Limits(source_pixels=1_000_000))
    except SafelightError as error:
        return error.detail
    return ""
