"""Metadata through the engine: what each policy leaves in each container, and nothing else."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import pytest
import pyvips
from PIL import Image, IptcImagePlugin

from safelight.engine.metadata import chosen, written
from safelight.errors import SafelightError
from tests.support.containers import iso_boxes, jpeg_segments, leftovers, png_chunks, riff_chunks
from tests.support.notes import (
    ABOUT,
    ARTIST,
    CAMERA,
    CREDITS,
    IPTC,
    NEVER,
    PLACE,
    PLACES,
    POSITION,
    TAKEN,
    UTF_8,
    WHO,
    XMP,
    XMP_ABOUT,
    XMP_COPYRIGHT,
    XMP_PLACE,
    as_latin_1,
    dataset,
    exif_block,
    noted,
    properties,
    texts,
)
from tests.support.pictures import encoded, lopsided, opened, run

KINDS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]
OUTPUTS = ["jpeg", "png", "webp", "avif", "tiff"]
# Written afresh by whoever writes EXIF: orientation, resolution, where the colour samples are.
TECHNICAL = {0x0112, 0x011A, 0x011B, 0x0128, 0x0213, CAMERA, POSITION}


def source(kind: str, *, orientation: int = 1) -> bytes:
    """Make a file that says all that its container can, of 120 x 80 px or turned by a quarter."""
    picture = lopsided(120, 80)
    if kind == "AVIF":
        # It has no tag for that, and to change one Pillow would squeeze all texts into ASCII.
        picture = picture.rotate(270, expand=True) if orientation == 6 else picture
        orientation = 0
    return noted(picture, kind, exif=exif_block(orientation=orientation), xmp=XMP, iptc=IPTC)


def exif_of(data: bytes) -> Image.Exif:
    return opened(data).getexif()


def xmp_of(data: bytes) -> bytes | None:
    """Find the XMP by the container's own parts."""
    if data.startswith(b"\xff\xd8"):
        mark = b"http://ns.adobe.com/xap/1.0/\0"
        found = [body[len(mark) :] for _, body in jpeg_segments(data) if body.startswith(mark)]
    elif data.startswith(b"\x89PNG"):
        mark = b"XML:com.adobe.xmp\0\0"
        texts = [body for kind, body in png_chunks(data) if kind == b"zTXt"]
        found = [zlib.decompress(body[len(mark) :]) for body in texts if body.startswith(mark)]
    elif data.startswith(b"RIFF"):
        found = [body for kind, body in riff_chunks(data) if kind == b"XMP "]
    else:
        packet = opened(data).info.get("xmp")
        found = [packet] if packet else []
    assert len(found) <= 1
    return found[0] if found else None


def iptc_of(data: bytes) -> dict[tuple[int, int], bytes | list[bytes]]:
    return IptcImagePlugin.getiptcinfo(opened(data)) or {}  # type: ignore[arg-type]


def all_of(data: bytes) -> bytes:
    """Give all bytes of a file in which something may be told, what is packed unpacked."""
    return data + (xmp_of(data) or b"")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_by_default_nothing_is_kept(kind: str, output: str) -> None:
    assert leftovers(run(source(kind), f"w=60,format={output}").data) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_copyright_keeps_who_made_the_picture(kind: str, output: str) -> None:
    made = run(source(kind), f"metadata=copyright,w=60,format={output}").data
    if output != "tiff":
        assert {tag: exif_of(made)[tag] for tag in WHO} == {
            tag: as_latin_1(value) for tag, value in WHO.items()
        }
        assert set(exif_of(made)) <= set(WHO) | TECHNICAL
        assert exif_of(made).get_ifd(POSITION) == {}
    assert set(properties(xmp_of(made))) == XMP_COPYRIGHT
    assert texts(properties(xmp_of(made))["dc:creator"]) == ["Zoë & Max"]
    if kind in ("JPEG", "TIFF") and output == "jpeg":
        assert iptc_of(made) == {
            (1, 90): b"\x1b%G", (2, 80): "Zoë".encode(), (2, 116): "© Zoë".encode(),
        }  # fmt: skip
    for told in (*NEVER, *(place.encode() for place in PLACES), b"hill", b"Darkroom", b"Nikon"):
        assert told not in all_of(made)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("output", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("policy", ["all", "all-with-gps"])
def test_all_keeps_what_describes_the_picture(kind: str, output: str, policy: str) -> None:
    made = run(source(kind, orientation=6), f"metadata={policy},w=60,format={output}").data
    assert opened(made).size == (60, 90)
    exif = exif_of(made)
    assert {tag: exif[tag] for tag in ABOUT} == {tag: as_latin_1(v) for tag, v in ABOUT.items()}
    assert set(exif) <= set(ABOUT) | TECHNICAL
    taken = exif.get_ifd(CAMERA)
    assert {tag: taken[tag] for tag in TAKEN} == TAKEN
    # The picture has been turned and made smaller, and the tags know.
    assert exif[0x0112] == 1
    assert (exif[0x011A], exif[0x011B], exif[0x0128]) == (72, 72, 2)
    assert (taken[0xA002], taken[0xA003]) == (60, 90)
    place = PLACE if policy == "all-with-gps" else {}
    assert {tag: exif.get_ifd(POSITION)[tag] for tag in place} == place
    assert (POSITION in exif) == (policy == "all-with-gps")
    expected = XMP_ABOUT | (XMP_PLACE if place else set())
    assert set(properties(xmp_of(made))) == expected
    assert not any(told in all_of(made) for told in NEVER)
    assert any(told.encode() in all_of(made) for told in PLACES) == bool(place)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_iptc_stays_in_a_jpeg(kind: str) -> None:
    made = iptc_of(run(source(kind), "metadata=all,w=60,format=jpeg").data)
    assert made[2, 25] == [b"hill", b"green"]
    assert made[2, 116] == "© Zoë".encode()
    assert not {(2, 90), (2, 101), (2, 202)} & set(made)
    whole = iptc_of(run(source(kind), "metadata=all-with-gps,w=60,format=jpeg").data)
    assert whole[2, 90] == "Köln".encode()
    assert (2, 202) not in whole


def test_a_tiff_as_source_says_in_its_own_tags_who_made_it() -> None:
    file = noted(lopsided(), "TIFF", exif=exif_block(orientation=1))
    made = exif_of(run(file, "metadata=all,format=jpeg").data)
    assert {tag: made[tag] for tag in ABOUT} == {tag: as_latin_1(v) for tag, v in ABOUT.items()}
    assert b"laptop" not in run(file, "metadata=all,format=jpeg").data


@pytest.mark.parametrize("policy", ["copyright", "all"])
def test_who_made_the_picture_is_told_in_xmp_where_nothing_else_can_tell_it(policy: str) -> None:
    by_exif = noted(lopsided(), "JPEG", exif=exif_block(orientation=1))
    told = properties(xmp_of(run(by_exif, f"metadata={policy},format=tiff").data))
    assert texts(told["dc:creator"]) == ["Zoë"]
    assert texts(told["dc:rights"]) == ["© 2024 Zoë"]
    by_iptc = noted(lopsided(), "JPEG", iptc=UTF_8 + CREDITS)
    for output in ("png", "webp", "avif", "tiff"):
        told = properties(xmp_of(run(by_iptc, f"metadata={policy},format={output}").data))
        assert texts(told["dc:creator"]) == ["Zoë"]
        assert texts(told["dc:rights"]) == ["© Zoë"]
    assert xmp_of(run(by_exif, f"metadata={policy},format=png").data) is None
    assert xmp_of(run(by_iptc, f"metadata={policy},format=jpeg").data) is None


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_picture_that_says_nothing_still_says_nothing(output: str) -> None:
    file = encoded(lopsided(), "PNG")
    made = run(file, f"metadata=all-with-gps,w=60,format={output}").data
    assert made == run(file, f"w=60,format={output}").data


def test_an_animation_says_it_once() -> None:
    frames = [lopsided().rotate(angle) for angle in (0, 90, 180)]
    exif = exif_block(orientation=0)
    file = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], exif=exif, xmp=XMP)
    made = run(file, "metadata=copyright,w=60").data
    assert opened(made).n_frames == 3  # type: ignore[attr-defined]
    assert [kind for kind, _ in riff_chunks(made)].count(b"EXIF") == 1
    assert exif_of(made)[ARTIST] == as_latin_1("Zoë")
    assert set(properties(xmp_of(made))) == XMP_COPYRIGHT


def test_a_gif_keeps_nothing() -> None:
    assert leftovers(run(source("PNG"), "metadata=all,w=60,format=gif").data) == []


@pytest.mark.parametrize("policy", ["none", "all"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_picture_left_as_it_is_stored_is_not_turned_by_viewers_either(
    policy: str, output: str
) -> None:
    made = run(source("JPEG", orientation=6), f"orient=none,metadata={policy},format={output}").data
    assert opened(made).size == (120, 80)
    assert exif_of(made).get(0x0112, 1) == 1
    if output == "avif":
        assert not {b"irot", b"imir"} & {kind for kind, _ in iso_boxes(made)}


@pytest.mark.parametrize("output", ["jpeg", "webp", "avif", "png"])
def test_a_profile_and_metadata_go_together(photos: Path, output: str) -> None:
    picture = opened((photos / "mountains-p3.jpg").read_bytes())
    buffer = io.BytesIO()
    picture.resize((90, 60)).save(
        buffer, "JPEG", icc_profile=picture.info["icc_profile"], exif=exif_block()
    )
    made = run(buffer.getvalue(), f"profile=p3,metadata=copyright,format={output}").data
    assert len(opened(made).info["icc_profile"]) == 480
    assert exif_of(made)[ARTIST] == as_latin_1("Zoë")


def test_real_photographs_of_cameras_keep_what_is_asked_and_lose_the_rest(data: Path) -> None:
    file = (data / "robustness" / "valid" / "pillow__flower.jpg").read_bytes()
    exif = opened(file).info["exif"]
    assert b"\xff\xd8\xff" in exif, "a thumbnail"
    made = run(file, "metadata=all,w=100").data
    assert exif_of(made)[0x010F] == "Canon"
    assert exif_of(made).get_ifd(CAMERA)[0x829D] == opened(file).getexif().get_ifd(CAMERA)[0x829D]
    assert 0x927C not in exif_of(made).get_ifd(CAMERA)
    assert made.count(b"\xff\xd8\xff") == 1
    assert len(opened(made).info["exif"]) < 2_000


def test_what_another_picture_says_does_not_come_in_with_its_pixels() -> None:
    """As when one is laid over the other: libvips joins what both say."""
    base = pyvips.Image.new_from_buffer(noted(lopsided(), "JPEG", iptc=UTF_8 + CREDITS), "")
    other = pyvips.Image.new_from_buffer(source("JPEG"), "").resize(2)
    for policy in ("none", "all"):
        joined = chosen(base, policy).composite2(other, "over").cast("uchar")
        joined = joined.extract_band(0, n=3)
        assert joined.get_typeof("exif-ifd0-Artist"), "it is there, and only has to be left out"
        for output in OUTPUTS:
            image, keep = written(joined, output)
            save = {"avif": "heif"}.get(output, output)
            made = getattr(image, f"{save}save_buffer")(
                keep=keep, **({"compression": "av1", "bitdepth": 8} if save == "heif" else {})
            )
            assert b"Nikon" not in all_of(made)
            assert b"Darkroom" not in all_of(made)
            assert b"2024" not in all_of(made)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(kind: bytes, body: bytes) -> bytes:
    plain = encoded(lopsided(), "PNG")
    return plain[:33] + chunk(kind, body) + plain[33:]


HUGE = b"x" * 3_000_000


@pytest.mark.parametrize(
    "file",
    [
        png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.replace(b"hill", HUGE)),
        png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<a>" * 300_000),
        png_with(b"eXIf", exif_block(orientation=1)[6:] + HUGE),
        noted(lopsided(), "JPEG", exif=exif_block(orientation=1)[:200]),
        noted(lopsided(), "JPEG", xmp=XMP[:700]),
        noted(lopsided(), "JPEG", xmp=b"<!DOCTYPE a [<!ENTITY a 'b'>]>" + XMP),
        noted(lopsided(), "JPEG", iptc=dataset(25, b"y" * 30_000) + IPTC[:-20]),
        noted(lopsided(), "WEBP", exif=b"Exif\0\0" + HUGE, xmp=HUGE),
        noted(lopsided(), "AVIF", exif=exif_block(orientation=1) + HUGE, xmp=HUGE),
    ],
    ids=range(9),
)
@pytest.mark.parametrize("policy", ["copyright", "all-with-gps"])
def test_hostile_metadata_does_no_harm_and_is_not_passed_on(file: bytes, policy: str) -> None:
    for output in OUTPUTS:
        made = run(file, f"metadata={policy},w=60,format={output}").data
        plain = run(file, f"w=60,format={output}").data
        assert opened(made).size == opened(plain).size
        assert len(made) - len(plain) < 70_000


@pytest.mark.parametrize("output", ["png", "jpeg", "avif"])
def test_all_that_can_be_asked_of_a_source_is_safe_with_any_file(data: Path, output: str) -> None:
    answered = 0
    for path in sorted((data / "robustness").glob("*/*")):
        asked = f"metadata=all-with-gps,profile=p3,depth=16,hdr=keep,w=32,format={output}"
        with contextlib.suppress(SafelightError):
            made = run(path.read_bytes(), asked)
            assert opened(made.data).size == (made.width, made.height)
            answered += 1
    assert answered > 70
