"""Depths: 16 bits become 8, or stay when they are asked for and the output has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from safelight import icc
from tests.support.containers import iso_boxes, png_chunks
from tests.support.perceptual import JUST_NOTICEABLE, colour_difference
from tests.support.pictures import (
    encoded,
    lopsided,
    mean_difference,
    opened,
    picture_of,
    pixels_of,
    run,
)

LANCZOS = Image.Resampling.LANCZOS


def test_sixteen_bits_become_eight(data: Path, photos: Path) -> None:
    deep = picture_of((data / "photos" / "photo-16bit.png").read_bytes(), "w=300,format=png")
    plain = picture_of((photos / "forest.jpg").read_bytes(), "w=300,format=png")
    assert deep.mode == "RGB"
    assert colour_difference(deep, plain.resize(deep.size, LANCZOS)) < JUST_NOTICEABLE


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("change", ["", "w=100,"])
def test_sixteen_bit_grey_becomes_eight_bit_grey(kind: str, change: str) -> None:
    ramp = np.linspace(0, 65535, 200, dtype=np.uint16)[None, :].repeat(50, axis=0)
    made = picture_of(encoded(Image.fromarray(ramp), kind), f"{change}format=png")
    assert made.mode == "L"
    expected = np.linspace(0, 255, made.width)[None, :].repeat(made.height, axis=0)
    assert np.abs(pixels_of(made) - expected).max() < 2.5


def test_sixteen_bit_transparency_is_weighted_rightly(data: Path) -> None:
    for name in ("pillow__mode_16bit.png", "sharp__bggn4a16.png"):
        file = (data / "robustness" / "valid" / name).read_bytes()
        made = picture_of(file, "w=16,format=png").convert("RGBA")
        whole = picture_of(file, "format=png").convert("RGBA").resize(made.size, LANCZOS)
        assert np.abs(pixels_of(made)[..., 3] - pixels_of(whole)[..., 3]).mean() < 3


@pytest.fixture(scope="module")
def p3(photos: Path) -> bytes:
    """Give a compact profile of Display P3."""
    profile: bytes = opened((photos / "mountains-p3.jpg").read_bytes()).info["icc_profile"]
    return profile


def gradient(bands: int = 3) -> bytes:
    """Make a PNG of 16 bits that runs over all of them from left to right."""
    ramp = np.linspace(0, 65_535, 2_000).astype(np.uint16)[None, :, None].repeat(20, axis=0)
    image = pyvips.Image.new_from_array(ramp.repeat(bands, axis=2).copy())
    space = "rgb16" if bands > 2 else "grey16"
    made: bytes = image.copy(interpretation=space).pngsave_buffer()
    return made


def levels(data: bytes) -> int:
    values = pyvips.Image.new_from_buffer(data, "").numpy()
    return len(np.unique(values.reshape(values.shape[0], values.shape[1], -1)[..., 0]))


def png_depth(data: bytes) -> int:
    return next(body for kind, body in png_chunks(data) if kind == b"IHDR")[8]


@pytest.mark.parametrize("format", ["png", "tiff"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [10, 12, 16])
def test_16_bits_stay_16_bits_when_asked(format: str, bands: int, depth: int) -> None:
    made = run(gradient(bands), f"w=1500,depth={depth},format={format}").data
    assert levels(made) > 1_400
    if format == "png":
        assert png_depth(made) == 16
    assert levels(run(gradient(bands), f"w=1500,format={format}").data) <= 256


@pytest.mark.parametrize("space", ["lab", "labs", "xyz", "scrgb"])
def test_spaces_that_are_finer_than_8_bits_become_16(space: str) -> None:
    fine = pyvips.Image.new_from_buffer(gradient(), "").colourspace(space)
    file = fine.tiffsave_buffer()
    assert levels(run(file, "depth=16,format=png").data) > 1_400
    assert levels(run(file, "format=png").data) <= 256


def test_deep_alpha_that_says_nothing_is_dropped() -> None:
    opaque = pyvips.Image.new_from_buffer(gradient(), "").addalpha().pngsave_buffer()
    made = pyvips.Image.new_from_buffer(run(opaque, "depth=16,format=png").data, "")
    assert made.bands == 3


@pytest.mark.parametrize(("depth", "bits"), [(10, 10), (12, 12), (16, 12)])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_an_avif_has_10_or_12_bits_when_asked(depth: int, bits: int, bands: int) -> None:
    made = run(gradient(bands), f"w=1500,depth={depth},format=avif,q=95").data
    boxes = list(iso_boxes(made))
    # AV1 in ISOBMFF §2.3.3: of high bit depth and, of those, twelve. HEIF §6.5.6: bits a channel.
    flags = [body[2] for kind, body in boxes if kind == b"av1C"]
    assert [flag & 0x60 for flag in flags] == [0x60 if bits == 12 else 0x40] * len(flags)
    listed = [set(body[5 : 5 + body[4]]) for kind, body in boxes if kind == b"pixi"]
    assert listed == [{bits}] * len(listed)
    assert flags
    assert listed
    assert pyvips.Image.new_from_buffer(made, "").get("bits-per-sample") == bits
    assert levels(made) > 700
    # And it is the same picture.
    plain = picture_of(gradient(bands), "w=1500,format=png").convert("RGBA")
    assert mean_difference(picture_of(made, "format=png").convert("RGBA"), plain) < 2


@pytest.mark.parametrize("format", ["jpeg", "webp", "gif"])
def test_formats_of_8_bits_have_8_bits_and_the_same_picture(format: str) -> None:
    deep = picture_of(gradient(), f"w=200,depth=16,format={format},q=95").convert("RGB")
    plain = picture_of(gradient(), f"w=200,format={format},q=95").convert("RGB")
    assert mean_difference(deep, plain) < 1


@pytest.mark.parametrize("format", ["png", "avif", "tiff"])
def test_8_bits_are_not_blown_up(format: str) -> None:
    file = encoded(lopsided(), "PNG")
    assert (
        run(file, f"depth=16,w=90,format={format}").data == run(file, f"w=90,format={format}").data
    )


def test_deep_pictures_lie_on_their_background() -> None:
    red = pyvips.Image.new_from_buffer(
        run(gradient(4), "depth=16,bg=ff0000,format=png").data, ""
    ).numpy()
    ramp = np.linspace(0, 1, 2_000)
    for band, ground in ((0, 1.0), (1, 0.0), (2, 0.0)):
        expected = (ramp * ramp + (1 - ramp) * ground) * 65_535
        assert np.abs(red[0, :, band] - expected).max() < 40
    assert red.shape[2] == 3
    assert len(np.unique(red[0, :, 1])) > 1_000


def test_a_deep_picture_on_a_translucent_background_stays_deep() -> None:
    made = pyvips.Image.new_from_buffer(
        run(gradient(4), "depth=16,bg=ff000080,format=png").data, ""
    )
    assert (made.format, made.bands) == ("ushort", 4)
    assert abs(made(0, 0)[3] / 65_535 - 128 / 255) < 0.01
    assert made(0, 0)[0] > 65_000


def test_depth_and_display_p3_go_together(p3: bytes) -> None:
    image = pyvips.Image.new_from_buffer(gradient(), "").copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", p3)
    made = run(image.pngsave_buffer(), "profile=p3,depth=16,w=1500,format=png").data
    assert icc.space(opened(made).info["icc_profile"]) == "p3"
    assert levels(made) > 1_400
    converted = run(image.pngsave_buffer(), "depth=16,w=1500,format=png").data
    assert "icc_profile" not in opened(converted).info
    assert levels(converted) > 1_400
