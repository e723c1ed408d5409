"""Camera RAW: the largest preview, upright, whichever camera has put it wherever."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from safelight import engine
from safelight.engine.decoders import raw as decoder
from safelight.errors import SourceDamaged, UnsupportedFormat
from safelight.formats import BY_NAME, sniff
from tests.support.pictures import (
    encoded,
    exif,
    lopsided,
    mean_difference,
    opened,
    picture_of,
    run,
)
from tests.support.raws import PANASONIC, PREVIEW, STRIPS, cr3, raf, tiff

RAW = BY_NAME["raw"]
SENSOR = {262: (32803,)}
SMALL, LARGE = (encoded(lopsided(*size), "JPEG", quality=95) for size in ((30, 20), (240, 160)))
# A lossless JPEG, as sensors' data is stored: the largest of all, and not to be shown.
LOSSLESS = LARGE[:2] + bytes.fromhex("ffc3 000b 08 4000 4000 01 01 11 00")


def camera(preview: bytes, *, orientation: int = 1) -> bytes:
    return tiff({274: (orientation,), STRIPS: SMALL}, {PREVIEW: preview}, below=(SENSOR,))


FILES = {
    "a picture of a DNG": tiff({50706: (1, 4, 0, 0), **SENSOR}, below=({STRIPS: LARGE},)),
    "the first picture of a CR2": tiff(
        {STRIPS: LARGE}, {PREVIEW: SMALL}, {STRIPS: LOSSLESS}, SENSOR
    ),
    "below the first of a NEF": tiff(
        {STRIPS: b"\0" * 60}, below=({PREVIEW: LARGE}, SENSOR), magic=b"MM\0*"
    ),
    "the first of an ARW": tiff({PREVIEW: LARGE}, {PREVIEW: SMALL}, below=(SENSOR,)),
    "the third of a PEF": tiff(SENSOR, {PREVIEW: SMALL}, {PREVIEW: LARGE}),
    "the tag of an RW2": tiff({PANASONIC: LARGE}, magic=b"IIU\0"),
    "the header of a RAF": raf(LARGE),
    "the track of a CR3": cr3(SMALL, LARGE, orientation=1),
    "the other box of a CR3": cr3(LARGE, LOSSLESS, orientation=1),
    "a long box of a CR3": cr3(SMALL, LARGE, orientation=1, large=True),
}


@pytest.mark.parametrize("where", FILES)
def test_the_largest_preview_is_found(where: str) -> None:
    preview = decoder.unwrap(FILES[where])
    assert opened(preview).size == (240, 160)
    # All but the note of the orientation is what the camera wrote.
    assert preview.endswith(LARGE[2:])


@pytest.mark.parametrize("where", FILES)
def test_such_a_file_is_known_by_what_it_holds(where: str) -> None:
    assert sniff(FILES[where]) is RAW
    assert engine.probe(FILES[where]).format == "raw"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("change", ["", "w=60"])
def test_a_preview_is_turned_as_the_raw_says(orientation: int, change: str) -> None:
    upright = ImageOps.exif_transpose(
        opened(encoded(lopsided(), "JPEG", quality=95, exif=exif(orientation)))
    )
    for file in (
        tiff({274: (orientation,), PREVIEW: LARGE}, SENSOR),
        tiff({274: (orientation,), PREVIEW: LARGE}, SENSOR, magic=b"MM\0*"),
        cr3(SMALL, LARGE, orientation=orientation),
    ):
        header = engine.probe(file)
        assert (header.shown, header.orientation) == (upright.size, orientation)
        made = picture_of(file, f"{change},format=png")
        expected = upright.resize(made.size, Image.Resampling.LANCZOS)
        assert made.width == (60 if change else upright.width)
        assert mean_difference(made, expected) < 2


def test_what_a_preview_says_of_itself_counts_more() -> None:
    own = encoded(lopsided(), "JPEG", quality=95, exif=exif(6))
    for file in (raf(own), tiff({274: (3,), PREVIEW: own}, SENSOR)):
        assert decoder.unwrap(file) == own
        assert engine.probe(file).orientation == 6


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    assert engine.probe(camera(LARGE, orientation=orientation)).orientation == 1


def test_a_preview_is_shrunk_while_it_is_decoded_as_any_jpeg() -> None:
    photo = encoded(lopsided(1600, 1200), "JPEG", quality=90)
    file = camera(photo)
    same = picture_of(photo, "w=150,format=png")
    assert mean_difference(picture_of(file, "w=150,format=png"), same) == 0
    made = run(file, "w=150")
    assert (made.mime, made.source_width, made.width) == ("image/jpeg", 1600, 150)


@pytest.mark.parametrize(
    "file",
    [
        tiff(SENSOR),
        tiff({STRIPS: LOSSLESS}, SENSOR),
        tiff({STRIPS: b"\0" * 99}, SENSOR),
        tiff({PREVIEW: LARGE[:20]}, SENSOR),
        tiff({513: (10_000_000,), 514: (100,)}, SENSOR),
        tiff({513: (8,)}, SENSOR),
        raf(b""),
        raf(LARGE)[:80],
        cr3(b"", LOSSLESS, orientation=1),
        b"IIRO" + bytes(60),
    ],
)
def test_a_raw_without_a_preview_is_said_to_be_one(file: bytes) -> None:
    assert sniff(file) is RAW
    with pytest.raises(UnsupportedFormat, match=r"raw is recognised, but .* no preview"):
        engine.probe(file)


def test_a_preview_that_is_cut_off_is_damaged() -> None:
    with pytest.raises(SourceDamaged):
        run(raf(LARGE)[:-2000], "format=png")


MODELS = [FILES[where] for where in list(FILES)[2:8]]


@given(st.sampled_from(MODELS), st.data())
def test_no_change_of_a_byte_breaks_the_search(model: bytes, draw: st.DataObject) -> None:
    file = bytearray(model)
    places = st.one_of(st.integers(4, 120), st.integers(len(file) - 120, len(file) - 1))
    for _ in range(draw.draw(st.integers(1, 4))):
        file[draw.draw(places)] = draw.draw(st.sampled_from([0, 1, 127, 255]))
    answered(bytes(file[: draw.draw(st.integers(8, len(file)))]))


@given(st.sampled_from([b"II*\0", b"MM\0*", b"IIU\0", b"FUJIFILMCCD-RAW", b"\0\0\0\x10ftypcrx "]),
       st.binary(max_size=300))  # fmt: skip
def test_no_bytes_break_the_search(start: bytes, data: bytes) -> None:
    answered(start + data)


def answered(file: bytes) -> None:
    """Look for a preview; only that there is none may be raised."""
    with contextlib.suppress(UnsupportedFormat):
        assert decoder.unwrap(file).startswith(b"\xff\xd8")
