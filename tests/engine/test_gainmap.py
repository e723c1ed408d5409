"""Gain maps on their way: what comes out is read by libvips's own decoder of Ultra HDR."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from msgspec.structs import replace
from PIL import Image

from safelight.errors import SourceTooLarge
from safelight.gainmap import Channel, GainMap, attach, find
from safelight.limits import Limits
from tests.support.containers import leftovers
from tests.support.pictures import encoded, exif, lopsided, opened, run

Change = Callable[[pyvips.Image], pyvips.Image]


@pytest.fixture(scope="module")
def ultra(data: Path) -> bytes:
    return (data / "photos" / "ultra-hdr.jpg").read_bytes()


def bright(data: bytes) -> pyvips.Image:
    """Give the bright picture, linear, 1 for white of the standard range."""
    # Blocked in the engine: that reads such files by itself.
    pyvips.operation_block_set("VipsForeignLoadUhdr", state=False)
    try:
        picture = pyvips.Image.uhdrload_buffer(data).uhdr2scRGB().copy_memory()
    finally:
        pyvips.operation_block_set("VipsForeignLoadUhdr", state=True)
    return picture.copy(interpretation="scrgb")


def scaled(width: int, height: int) -> Change:
    return lambda picture: picture.resize(width / picture.width, vscale=height / picture.height)


# A transform, and the same with libvips on the whole bright picture of 427 x 285 px.
CHANGES: dict[str, Change] = {
    "": lambda picture: picture,
    "w=200": scaled(200, 133),
    "w=100,h=100,fit=fill": scaled(100, 100),
    "crop=100:50:200:150": lambda picture: picture.crop(100, 50, 200, 150),
    "crop=0.25:0.25:0.5:0.5,w=100": lambda p: scaled(100, 67)(p.crop(107, 71, 214, 143)),
    "rotate=90": lambda picture: picture.rot90(),
    "rotate=270,w=142": lambda picture: scaled(142, 213)(picture.rot270()),
    "flip=horizontal": lambda picture: picture.fliphor(),
    "100x100": lambda picture: scaled(100, 100)(picture.crop(71, 0, 285, 285)),
    "100x100,g=west": lambda picture: scaled(100, 100)(picture.crop(0, 0, 285, 285)),
}


def difference(made: pyvips.Image, expected: pyvips.Image) -> float:
    """Mean difference of two bright pictures, as a part of the expected one's mean."""
    assert (made.width, made.height) == (expected.width, expected.height)
    return float((made - expected).abs().avg() / expected.avg())


@pytest.mark.parametrize("change", CHANGES)
def test_the_bright_picture_changes_with_the_standard_one(ultra: bytes, change: str) -> None:
    made = run(ultra, f"hdr=keep,profile=p3,q=95,{change}")
    expected = CHANGES[change](bright(ultra))
    assert difference(bright(made.data), expected) < 0.04
    # The test can fail: the standard picture is far from it.
    standard = pyvips.Image.new_from_buffer(run(ultra, f"profile=p3,q=95,{change}").data, "")
    assert difference(standard.colourspace("scrgb"), expected) > 0.2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_has_its_map_turned_too(ultra: bytes, orientation: int) -> None:
    found = find(ultra)
    assert found is not None
    upright = opened(ultra)
    base = encoded(upright, "JPEG", quality=95, icc_profile=upright.info["icc_profile"],
                   exif=exif(orientation))  # fmt: skip
    made = run(attach(base, found), "hdr=keep,profile=p3,q=95,w=150")
    turned = bright(ultra)
    turned.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    turned = turned.autorot()
    assert difference(bright(made.data), scaled(made.width, made.height)(turned)) < 0.05


def test_what_is_interesting_is_cut_out_of_both(ultra: bytes) -> None:
    made = run(ultra, "hdr=keep,profile=p3,q=95,120x120,g=smart")
    standard = opened(run(ultra, "profile=p3,q=95,120x120,g=smart").data)
    assert opened(made.data).tobytes() == standard.tobytes()
    whole = scaled(180, 120)(bright(ultra))
    expected = [difference(bright(made.data), whole.crop(x, 0, 120, 120)) for x in range(61)]
    assert min(expected) < 0.04


def test_the_map_stays_as_much_smaller_as_it_was(ultra: bytes) -> None:
    for change, size in (("", (213, 142)), ("w=200", (100, 66)), ("crop=0:0:40:30", (20, 15))):
        found = find(run(ultra, f"hdr=keep,{change}").data)
        assert found is not None
        assert opened(found.picture).size == size
        assert leftovers(found.picture)[0].startswith("segment E1")


def test_the_standard_picture_is_the_same_with_and_without(ultra: bytes) -> None:
    made = run(ultra, "hdr=keep,w=200")
    plain = run(ultra, "w=200")
    assert opened(made.data).tobytes() == opened(plain.data).tobytes()
    assert len(made.data) - len(plain.data) < 3_000
    assert find(plain.data) is None
    assert leftovers(plain.data) == []


@pytest.mark.parametrize(
    "change",
    ["w=300,h=300,fit=contain", "rotate=10", "format=webp", "format=png", "format=avif,w=50"],
)
def test_where_it_would_not_be_right_there_is_none(ultra: bytes, change: str) -> None:
    made = run(ultra, f"hdr=keep,{change}")
    assert made.data == run(ultra, change).data
    assert find(made.data) is None


def coloured(profile: bytes | None, *, own_space: bool = True) -> bytes:
    """Make a picture whose gains differ by colour."""
    gains = encoded(lopsided(60, 40), "JPEG")
    channel = Channel(0, 2, 1, 0, 0)
    return attach(
        encoded(lopsided(), "JPEG", quality=95, icc_profile=profile),
        GainMap(gains, (channel, channel, replace(channel, high=1.0)), 0, 2, own_space),
    )


def test_gains_of_single_colours_stay_only_in_their_own_space(photos: Path) -> None:
    p3 = opened((photos / "mountains-p3.jpg").read_bytes()).info["icc_profile"]
    assert find(run(coloured(None), "hdr=keep,w=90").data) is not None
    assert find(run(coloured(p3), "hdr=keep,w=90,profile=p3").data) is not None
    assert find(run(coloured(p3), "hdr=keep,w=90").data) is None
    assert find(run(coloured(None, own_space=False), "hdr=keep,w=90").data) is None


def test_one_gain_for_all_colours_stays_in_any_space(ultra: bytes) -> None:
    """The space of the picture is another, and its brightness the same."""
    srgb = bright(run(ultra, "hdr=keep,q=95").data)
    p3 = bright(run(ultra, "hdr=keep,q=95,profile=p3").data)
    # Display P3 and sRGB have the same white: of grey nothing changes.
    assert srgb.avg() == pytest.approx(p3.avg(), rel=0.05)


def test_a_map_that_is_damaged_or_no_map_of_this_picture_is_left_out(ultra: bytes) -> None:
    found = find(ultra)
    assert found is not None
    base = encoded(lopsided(430, 290), "JPEG")
    for picture in (
        found.picture[:-1_500],
        encoded(lopsided(431, 60), "JPEG"),
        encoded(lopsided(30, 20).convert("CMYK"), "JPEG"),
        b"\xff\xd8\xff\xd9",
    ):
        made = run(attach(base, replace(found, picture=picture)), "hdr=keep,w=40")
        assert find(made.data) is None
        assert made.data == run(base, "w=40").data


def test_a_map_is_held_to_the_limits(ultra: bytes) -> None:
    found = find(ultra)
    assert found is not None
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(buffer, "JPEG", progressive=True)
    file = attach(encoded(lopsided(400, 400), "JPEG"), replace(found, picture=buffer.getvalue()))
    assert find(run(file, "hdr=keep,w=90").data) is not None
    with pytest.raises(SourceTooLarge):
        run(file, "hdr=keep,w=90", Limits(scans=2))
    assert find(run(file, "w=90", Limits(scans=2)).data) is None


def test_the_map_itself_has_the_gains_of_its_source(ultra: bytes) -> None:
    before, after = find(ultra), find(run(ultra, "hdr=keep").data)
    assert before is not None
    assert after is not None
    assert after.channels[0].high == pytest.approx(before.channels[0].high, abs=1e-5)
    a, b = (np.asarray(opened(each.picture), dtype=float) for each in (before, after))
    assert np.abs(a - b).mean() < 2
