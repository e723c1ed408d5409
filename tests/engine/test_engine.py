"""A source, a transform, an answer: exact size and position, and the limits."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import pyvips
from msgspec.structs import replace
from PIL import Image, ImageOps

from safelight import engine
from safelight.errors import OutputTooLarge, SourceDamaged, SourceTooLarge
from safelight.limits import Limits
from safelight.operations import OPERATIONS
from safelight.operations.frame import Frame
from tests.support.pictures import encoded, lopsided, picture_of, pixels_of, plane, run

LANCZOS = Image.Resampling.LANCZOS
COMPASS = {
    "northwest": (0.0, 0.0), "north": (0.5, 0.0), "northeast": (1.0, 0.0),
    "west": (0.0, 0.5), "center": (0.5, 0.5), "east": (1.0, 0.5),
    "southwest": (0.0, 1.0), "south": (0.5, 1.0), "southeast": (1.0, 1.0),
}  # fmt: skip
WIDTH, HEIGHT = 240, 160


@pytest.fixture(scope="module")
def chart() -> bytes:
    """Every pixel says where it is: red its column, green its row."""
    return encoded(plane(WIDTH, HEIGHT), "PNG")


def assert_shows(
    picture: Image.Image, box: tuple[float, float, float, float], *, cut: bool = False
) -> None:
    """The picture is this part of the chart: left, top, right, bottom in px of the chart.

    Compared a few pixels inside of the corners, where Lanczos has no edge to overshoot at, to one
    level. What is ``cut`` after resizing is cut at whole pixels: half a pixel of the answer off.
    """
    left, top, right, bottom = box
    values = pixels_of(picture.convert("RGB"))
    across, down = (right - left) / picture.width, (bottom - top) / picture.height
    for x in {min(4, picture.width - 1), picture.width // 2, max(picture.width - 5, 0)}:
        for y in {min(4, picture.height - 1), picture.height // 2, max(picture.height - 5, 0)}:
            where = (left + (x + 0.5) * across - 0.5, top + (y + 0.5) * down - 0.5)
            off = 1.01 + (max(across, down) / 2 if cut else 0)
            assert values[y, x, :2] == pytest.approx(where, abs=off), (x, y)


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def part_of(box: tuple[int, int], gravity: tuple[float, float]) -> tuple[float, ...]:
    """The part of the chart that fills a box, at a gravity from 0 to 1."""
    scale = max(box[0] / WIDTH, box[1] / HEIGHT)
    wide, high = box[0] / scale, box[1] / scale
    left, top = (WIDTH - wide) * gravity[0], (HEIGHT - high) * gravity[1]
    return left, top, left + wide, top + high


BOXES = [(120, 80), (60, 60), (100, 20), (20, 100), (90, 81), (31, 17)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gravity", COMPASS)
def test_cover_fills_the_box_exactly_with_the_part_that_gravity_says(
    chart: bytes, box: tuple[int, int], gravity: str
) -> None:
    made = picture_of(chart, f"{box[0]}x{box[1]},gravity={gravity}")
    assert made.size == box
    left, top, right, bottom = part_of(box, COMPASS[gravity])
    assert_shows(made, (left, top, right, bottom), cut=True)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gravity", [*COMPASS, "smart", "entropy", "0.3x0.7"])
@pytest.mark.parametrize("fit", ["cover", "contain", "fill", "inside", "outside"])
def test_every_fit_and_gravity_has_the_size_that_pillow_says(
    chart: bytes, box: tuple[int, int], gravity: str, fit: str
) -> None:
    made = picture_of(chart, f"w={box[0]},h={box[1]},fit={fit},gravity={gravity}")
    source = plane(WIDTH, HEIGHT)
    expected = {
        "cover": box,
        "contain": box,
        "fill": box,
        "inside": ImageOps.contain(source, box).size,
        "outside": ImageOps.cover(source, box).size,
    }[fit]
    assert made.size == expected
    if fit in ("fill", "inside", "outside"):
        assert_shows(made, (0, 0, WIDTH, HEIGHT))


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gravity", COMPASS)
@pytest.mark.parametrize(("bg", "colour"), [("", (255, 255, 255)), (",bg=0000ff", (0, 0, 255))])
def test_contain_pads_where_gravity_says(
    chart: bytes, box: tuple[int, int], gravity: str, bg: str, colour: tuple[int, int, int]
) -> None:
    made = picture_of(chart, f"{box[0]}x{box[1]},fit=contain,gravity={gravity}{bg}").convert("RGB")
    assert made.size == box
    inner = ImageOps.contain(plane(WIDTH, HEIGHT), box).size
    across, down = COMPASS[gravity]
    left, top = half_up((box[0] - inner[0]) * across), half_up((box[1] - inner[1]) * down)
    assert_shows(made.crop((left, top, left + inner[0], top + inner[1])), (0, 0, WIDTH, HEIGHT))
    values = np.asarray(made).copy()
    values[top : top + inner[1], left : left + inner[0]] = colour
    assert (values == colour).all()


def test_contain_pads_transparent_pictures_transparently() -> None:
    see_through = encoded(Image.new("RGBA", (100, 50), (9, 9, 9, 128)), "PNG")
    made = picture_of(see_through, "50x50,fit=contain").convert("RGBA")
    # A palette has a colour for what is transparent, too: nobody sees which.
    assert made.getchannel("A").getpixel((25, 2)) == 0
    assert made.getpixel((25, 25)) == (9, 9, 9, 128)


@pytest.mark.parametrize("point", ["0x0", "0.3x0.7", "0.5x0.5", "1x1"])
def test_a_point_is_brought_to_the_middle_as_far_as_that_goes(chart: bytes, point: str) -> None:
    x = float(point.partition("x")[0])
    made = picture_of(chart, f"60x60,gravity={point}")
    scale = 60 / HEIGHT
    left = max(0.0, min(WIDTH * x - 30 / scale, WIDTH - 60 / scale))
    assert_shows(made, (left, 0, left + 60 / scale, HEIGHT), cut=True)


@pytest.mark.parametrize("gravity", ["smart", "entropy"])
def test_smart_gravity_finds_the_one_thing_that_there_is(gravity: str) -> None:
    for spot in (20, 190):
        plain = Image.new("RGB", (240, 60), (120, 120, 120))
        noise = np.random.default_rng(4).integers(0, 256, (30, 30, 3), dtype=np.uint8)
        noise[..., 0] = 255
        plain.paste(Image.fromarray(noise), (spot, 15))
        made = pixels_of(picture_of(encoded(plain, "PNG"), f"60x60,gravity={gravity}"))
        # The whole spot, and it is red.
        assert (made[..., 0] > 200).sum() > 0.9 * 30 * 30


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("w=480", (240, 160)),
        ("h=1000", (240, 160)),
        ("480x480", (160, 160)),
        ("480x320", (240, 160)),
        ("300x20", (240, 16)),
        ("480x480,fit=inside", (240, 160)),
        ("480x480,fit=outside", (240, 160)),
        ("480x480,fit=fill", (240, 160)),
        ("480x80,fit=fill", (240, 80)),
        ("480x480,fit=contain", (480, 480)),
        ("w=480,enlarge", (480, 320)),
        ("480x480,enlarge", (480, 480)),
        ("480x480,fit=inside,enlarge", (480, 320)),
        ("480x480,fit=outside,enlarge", (720, 480)),
        ("480x480,fit=fill,enlarge", (480, 480)),
        ("480x480,fit=contain,enlarge", (480, 480)),
        ("w=60,dpr=2", (120, 80)),
        ("w=61,dpr=1.5", (92, 61)),
        ("40x40,dpr=3", (120, 120)),
        ("w=200,dpr=2", (240, 160)),
        ("w=200,dpr=2,enlarge", (400, 267)),
        ("rotate=90", (160, 240)),
        ("rotate=90,w=80", (80, 120)),
        ("rotate=270,60x90", (60, 90)),
        ("rotate=180,flip=both", (240, 160)),
        ("w=1", (1, 1)),
        ("h=1", (2, 1)),
        ("1x160", (1, 160)),
        ("240x1", (240, 1)),
        ("1x1", (1, 1)),
        ("1x100,fit=fill", (1, 100)),
    ],
)
def test_sizes_follow_the_law(chart: bytes, text: str, size: tuple[int, int]) -> None:
    assert picture_of(chart, text).size == size


def test_without_enlarge_a_picture_is_never_resampled_up(chart: bytes) -> None:
    made = picture_of(chart, "480x480,fit=contain,bg=fff").convert("RGB")
    inner = made.crop((120, 160, 360, 320))
    assert np.array_equal(np.asarray(inner), np.asarray(plane(WIDTH, HEIGHT)))


def test_enlarging_shows_the_whole_picture(chart: bytes) -> None:
    assert_shows(picture_of(chart, "w=720,enlarge"), (0, 0, WIDTH, HEIGHT))


def test_no_change_is_no_change(chart: bytes) -> None:
    for text in ("", "w=240", "240x160", "w=4000", "crop=0:0:1.0:1.0", "rotate=0"):
        assert np.array_equal(np.asarray(picture_of(chart, text)), np.asarray(plane(WIDTH, HEIGHT)))


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        ("10:20:100:50", (10, 20, 110, 70)),
        ("0.25:0.5:0.5:0.25", (60, 80, 180, 120)),
        ("0:0:1.0:1.0", (0, 0, 240, 160)),
        ("200:100:100:100", (200, 100, 240, 160)),
        ("120:0.5:0.25:40", (120, 80, 180, 120)),
        ("239:159:1:1", (239, 159, 240, 160)),
        ("500:500:10:10", (239, 159, 240, 160)),
    ],
)
def test_a_crop_in_pixels_or_parts_is_exact(
    chart: bytes, crop: str, box: tuple[int, int, int, int]
) -> None:
    made = picture_of(chart, f"crop={crop}")
    assert np.array_equal(np.asarray(made), np.asarray(plane(WIDTH, HEIGHT).crop(box)))
    if made.width > 40:
        assert_shows(picture_of(chart, f"crop={crop},w=40"), box)


def test_a_crop_is_of_the_turned_picture(chart: bytes) -> None:
    made = picture_of(chart, "rotate=90,crop=10:20:100:50")
    turned = plane(WIDTH, HEIGHT).transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.asarray(made), np.asarray(turned.crop((10, 20, 110, 70))))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turning_is_clockwise(degrees: int) -> None:
    made = picture_of(encoded(lopsided(), "PNG"), f"rotate={degrees}")
    assert np.array_equal(np.asarray(made), np.asarray(lopsided().rotate(-degrees, expand=True)))


@pytest.mark.parametrize("flip", ["horizontal", "vertical", "both"])
@pytest.mark.parametrize("degrees", [0, 90])
def test_flipping_comes_after_turning(flip: str, degrees: int) -> None:
    made = picture_of(encoded(lopsided(), "PNG"), f"flip={flip},rotate={degrees}")
    expected = lopsided().rotate(-degrees, expand=True)
    if flip in ("horizontal", "both"):
        expected = ImageOps.mirror(expected)
    if flip in ("vertical", "both"):
        expected = ImageOps.flip(expected)
    assert np.array_equal(np.asarray(made), np.asarray(expected))


def test_the_answer_says_what_it_is(photos: Path) -> None:
    made = run((photos / "mountains-p3.jpg").read_bytes(), "w=100,format=webp")
    assert (made.width, made.height) == (100, 75)
    assert (made.source_width, made.source_height) == (2000, 1500)
    assert made.mime == "image/webp"
    assert made.decode_ms > 0
    assert made.encode_ms > 0


def test_a_header_says_what_a_source_is(photos: Path, data: Path) -> None:
    header = engine.probe((photos / "mountains-p3.jpg").read_bytes())
    assert (header.format, header.width, header.height) == ("jpeg", 1500, 2000)
    assert (header.orientation, header.shown) == (6, (2000, 1500))
    assert header.profile is not None
    assert "P3" in header.profile
    bug = engine.probe((data / "photos" / "alpha-bug.png").read_bytes())
    assert (bug.format, bug.alpha, bug.orientation) == ("png", True, 1)
    deep = engine.probe((data / "photos" / "photo-16bit.png").read_bytes())
    assert (deep.depth, deep.bands) == (2, 3)
    cmyk = engine.probe((data / "photos" / "cmyk.jpg").read_bytes())
    assert (cmyk.space, cmyk.bands, cmyk.alpha) == ("cmyk", 4, False)
    moving = engine.probe((data / "photos" / "anim-graphic.gif").read_bytes())
    assert moving.pages == 10
    with Image.open(data / "photos" / "anim-graphic.gif") as animation:
        assert moving.shown == animation.size
    flat = engine.probe(encoded(lopsided().quantize(8), "PNG"))
    assert flat.palette


@pytest.mark.parametrize("progressive", [True, False])
def test_a_progressive_jpeg_is_known_and_counted_apart(progressive: bool) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = encoded(Image.fromarray(noise), "JPEG", progressive=progressive)
    assert engine.probe(file).buffered is progressive
    assert engine.probe(file).scans == (file.count(b"\xff\xda") if progressive else 1)


def test_what_is_too_large_is_refused_before_it_is_decoded(chart: bytes) -> None:
    # The pixels of this one are missing: decoding would say that it is damaged.
    header_only = chart[:60]
    with pytest.raises(SourceTooLarge, match="240 x 160"):
        run(header_only, "w=10", Limits(source_pixels=240 * 160 - 1))
    assert run(chart, "w=10", Limits(source_pixels=240 * 160)).width == 10
    with pytest.raises(SourceTooLarge, match="bands"):
        run(chart, "w=10", Limits(bands=2))
    with pytest.raises(SourceTooLarge, match="memory"):
        run(chart, "w=10", Limits(memory=1000))
    with pytest.raises(OutputTooLarge, match="240 x 160"):
        run(chart, "", Limits(output_edge=239))
    with pytest.raises(OutputTooLarge):
        run(chart, "w=480,enlarge", Limits(output_pixels=480 * 320 - 1))


def test_an_svg_is_bounded_by_what_is_asked_not_by_its_own_size() -> None:
    wide = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="3"><rect width="4"/></svg>'
    assert picture_of(wide, "w=900,format=png").size == (900, 300)
    with pytest.raises(OutputTooLarge):
        run(wide, "w=9000")


def test_a_fault_of_an_operation_is_not_blamed_on_a_whole_source(
    chart: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(frame: Frame, **_: object) -> Frame:
        return frame.having(frame.image.crop(0, 0, 10_000, 10_000))

    broken = replace(OPERATIONS["flip"], apply=faulty)
    monkeypatch.setitem(OPERATIONS, "flip", broken)
    with pytest.raises(pyvips.Error, match="bad extract area"):
        run(chart, "flip=both")
    with pytest.raises(SourceDamaged):
        run(chart[:-200], "flip=both")


def test_only_the_listed_loaders_are_there() -> None:
    able = engine.capabilities()
    assert set(able["reads"]) >= {"jpeg", "png", "webp", "avif", "gif", "tiff", "svg"}
    assert set(able["writes"]) == {"jpeg", "png", "webp", "avif", "gif", "tiff"}
    assert tuple(map(int, able["libvips"].split("."))) >= (8, 18, 4)


def test_the_same_request_gives_the_same_bytes(photos: Path) -> None:
    file = (photos / "sunset.jpg").read_bytes()
    for format in ("jpeg", "png", "webp", "avif"):
        assert run(file, f"w=90,format={format}").data == run(file, f"w=90,format={format}").data
