"""Odd, damaged and hostile files through the real worker pool: each class answers as it should."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps

from safelight.errors import SafelightError, UnsupportedFormat
from safelight.limits import Limits
from safelight.picture import Rendering
from safelight.storage import Opened
from safelight.transform import parse
from safelight.workers.pool import Pool, Workers
from tests.support.containers import leftovers
from tests.support.documents import pages, stream
from tests.support.perceptual import JUST_NOTICEABLE, colour_difference
from tests.support.pictures import opened

FOLDER = Path(__file__).resolve().parent.parent / "data" / "robustness"
ENTRIES: list[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())["files"]
TRANSFORMS = ("w=64", "w=64,format=png")
SECONDS = 10.0

# Classed as corrupt, but libvips and Pillow read the same picture, and it looks whole.
WHOLE_ALL_THE_SAME = {
    "corrupt/image__clusterfuzz-testcase-minimized-fuzzer_script_tiff-5026894169374720.tif",
}
# Its bomb is in the second frame, which is never decoded: the first is 100 x 100 px.
FIRST_FRAME_IS_HARMLESS = {"bomb/pillow__decompression_bomb_extents.gif"}
# What the manifest's header lacks: libvips does not recognise these by itself. By Pillow.
MEASURED_ELSEWHERE: dict[str, dict[str, Any]] = {
    "valid/image__png_rgb8.ico": {"w": 32, "h": 32, "orientation": None},
    "valid/pillow__hopper_rle8.bmp": {"w": 128, "h": 128, "orientation": None},
    "valid/pillow__star.avifs": {"w": 159, "h": 159, "orientation": None},
}
# What is not read at all, whatever is installed.
UNREADABLE = {".jxl", ".jp2", ".j2k", ".psd", ".ppm", ".pbm", ".xpm"}
pillow_heif.register_heif_opener()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(Limits(), Workers(processes=1, recycle_jobs=10_000))
    pool.start()
    yield pool
    pool.close()


def answer(pool: Pool, file: str, transform: str) -> Rendering | SafelightError:
    """Render in a worker, which survives whatever comes out."""
    replaced = pool.replaced
    with Opened(os.open(FOLDER / file, os.O_RDONLY)) as source:
        made = picture_or_refusal(pool, source, transform)
    assert pool.replaced == replaced, "the worker died"
    if isinstance(made, SafelightError):
        assert 400 <= made.status < 500, made.detail
        assert made.code != "decoder_crashed"
        for word in ("vips", "unable to", "foreign", "libpng", "heif:", "glib", "\n"):
            assert word not in made.detail.lower()
        return made
    assert 0 < made.width <= 64
    assert opened(made.data).size == (made.width, made.height)
    assert leftovers(made.data) == []
    return made


def picture_or_refusal(pool: Pool, source: Opened, transform: str) -> Rendering | SafelightError:
    try:
        return pool.render(source, parse(transform), deadline=time.monotonic() + SECONDS)
    except SafelightError as error:
        return error


def files(kind: str) -> list[str]:
    return [entry["file"] for entry in ENTRIES if entry["class"] == kind]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("file", files("valid"))
def test_a_valid_file_becomes_a_picture_or_is_of_an_unsupported_format(
    pool: Pool, file: str, transform: str
) -> None:
    made = answer(pool, file, transform)
    (entry,) = (entry for entry in ENTRIES if entry["file"] == file)
    if isinstance(made, SafelightError):
        assert isinstance(made, UnsupportedFormat)
        assert Path(file).suffix in UNREADABLE
        return
    assert (made.source_width, made.source_height) == shown(entry)
    width = min(64, made.source_width)
    assert (made.width, made.height) == (
        width,
        max(1, int(made.source_height * width / made.source_width + 0.5)),
    )


def shown(entry: dict[str, Any]) -> tuple[int, int]:
    """The size that libvips's header and orientation give; an SVG's in px of CSS."""
    header = entry["libvips_8_18"].get("vips") or MEASURED_ELSEWHERE[entry["file"]]
    width, height = int(header["w"]), int(header["h"])
    return (height, width) if (header["orientation"] or 1) >= 5 else (width, height)


# Pillow cannot open SVG and floating-point colour, clips 16 bits, has its own idea of CMYK without
# a profile, and obeys orientations that stand in XMP or in a text of ImageMagick's, not in EXIF.
NOT_AS_PILLOW = (
    ".svg",
    "rgb32f_color.tiff",
    "16bit.deflate.tif",
    "12in16bit.tif",
    "pil_sample_cmyk.jpg",
    "CMYK_color_no_profile.jpg",
    "xmp_tags_orientation.png",
    "exif_imagemagick_orientation.png",
)
# Pure noise, where every way to make it smaller is another; a colour chart with a palette of 256,
# written with a palette again though it has a thousand colours by then.
LESS_LIKE_PILLOW = {"valid/sharp__random.jpg": 8.0, "valid/thumbor__256_color_palette.png": 5.0}


@pytest.mark.parametrize("file", [f for f in files("valid") if not f.endswith(NOT_AS_PILLOW)])
def test_a_valid_file_looks_as_pillow_shows_it(pool: Pool, file: str) -> None:
    made = answer(pool, file, "w=64,format=png,bg=fff")
    if isinstance(made, SafelightError):
        assert isinstance(made, UnsupportedFormat)
        return
    expected = reference((FOLDER / file).read_bytes(), (made.width, made.height))
    most = LESS_LIKE_PILLOW.get(file, JUST_NOTICEABLE)
    assert colour_difference(opened(made.data).convert("RGB"), expected) < most


def reference(data: bytes, size: tuple[int, int]) -> Image.Image:
    """By Pillow: upright, in sRGB, on white, at a size."""
    picture = ImageOps.exif_transpose(opened(data))
    profile = picture.info.get("icc_profile")
    over = picture.convert("RGBA")
    if profile and picture.mode in ("L", "P", "RGB", "RGBA"):
        colours = picture if picture.mode == "L" else picture.convert("RGB")
        made = ImageCms.profileToProfile(
            colours,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
        assert made is not None
        over = Image.merge("RGBA", (*made.split(), over.getchannel("A")))
    white = Image.new("RGBA", over.size, "white")
    shown = Image.alpha_composite(white, over).convert("RGB")
    return shown.resize(size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("file", files("corrupt"))
def test_a_corrupt_file_is_refused(pool: Pool, file: str, transform: str) -> None:
    made = answer(pool, file, transform)
    assert isinstance(made, SafelightError) or file in WHOLE_ALL_THE_SAME


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("file", files("bomb"))
def test_a_bomb_is_refused(pool: Pool, file: str, transform: str) -> None:
    made = answer(pool, file, transform)
    assert isinstance(made, SafelightError) or file in FIRST_FRAME_IS_HARMLESS


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("file", files("tolerate"))
def test_a_doubtful_file_becomes_a_picture_or_is_refused(
    pool: Pool, file: str, transform: str
) -> None:
    answer(pool, file, transform)


def test_a_bomb_takes_little_memory() -> None:
    """The worker's address space is bounded below what any of these would need to unfold."""
    tight = Pool(Limits(worker_memory=600_000_000), Workers(processes=1))
    tight.start()
    try:
        for file in files("bomb"):
            answer(tight, file, "w=64")
    finally:
        tight.close()


def test_a_document_that_is_drawn_without_end_costs_its_worker_and_no_more(tmp_path: Path) -> None:
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X 6 0 R>>>>"
    endless = tmp_path / "endless.pdf"
    resources = b"/Resources <</XObject <</X 6 0 R>>>>"
    endless.write_bytes(pages(b"/X Do", about=resources, more=[stream(b"/X Do /X Do", about=form)]))
    tight = Pool(Limits(worker_memory=400_000_000), Workers(processes=1))
    tight.start()
    try:
        with Opened(os.open(endless, os.O_RDONLY)) as source, pytest.raises(SafelightError) as died:
            tight.render(source, parse("w=9"), deadline=time.monotonic() + SECONDS)
        assert died.value.code in ("decoder_crashed", "deadline_exceeded")
        assert tight.replaced == 1
        answer(tight, "valid/pillow__hopper_rle8.bmp", "w=9")
    finally:
        tight.close()


@pytest.mark.parametrize("file", sorted(WHOLE_ALL_THE_SAME))
def test_what_is_whole_all_the_same_is_what_pillow_shows(pool: Pool, file: str) -> None:
    made = answer(pool, file, "w=64,format=png,bg=fff")
    assert isinstance(made, Rendering)
    expected = reference((FOLDER / file).read_bytes(), (made.width, made.height))
    assert colour_difference(opened(made.data).convert("RGB"), expected) < JUST_NOTICEABLE
