"""Many outputs of one source: each as good as if it had been made by itself, from few decodes."""

from __future__ import annotations

import io
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from safelight import engine
from safelight.costs import PROFILES, UPLOAD
from safelight.errors import (
    OutputTooLarge,
    SafelightError,
    SourceDamaged,
    SourceTooLarge,
    TransformInvalid,
    UnsupportedFormat,
)
from safelight.limits import Limits
from safelight.picture import MAX_WISHES, Developed, Rendering, Wish
from safelight.placeholders import PHASH_SIDE
from safelight.transform import parse
from tests.support.charts import chart, displacement
from tests.support.perceptual import VISUALLY_LOSSLESS, dissimilarity
from tests.support.pictures import encoded, exif, lopsided, opened

PHOTOS = Path(__file__).resolve().parent.parent / "data" / "photos"
EXAMPLES = PHOTOS.parent.parent.parent / "examples" / "photos"
# Of outputs by the ladder and by themselves: values from 0 to 255.
LIKE = 38.0


def wishes(*texts: str, profile: str = "upload") -> list[Wish]:
    return [Wish(parse(text), profile) for text in texts]


def developed(
    data: bytes, *texts: str, profile: str = "upload", analyse: bool = False
) -> Developed:
    return engine.develop(data, wishes(*texts, profile=profile), Limits(), analyse=analyse)


def alone(data: bytes, text: str, profile: str = "upload") -> Rendering:
    return engine.run(data, parse(text), Limits(), profile=PROFILES[profile])


def whole(made: Rendering | SafelightError) -> Rendering:
    assert isinstance(made, Rendering), made
    return made


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Peak signal to noise ratio in dB, of what a viewer sees on white."""
    planes = []
    for picture in (a, b):
        ground = Image.new("RGBA", picture.size, "white")
        shown = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
        planes.append(np.asarray(shown, dtype=np.float64))
    error = float(((planes[0] - planes[1]) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def check_alike(data: bytes, made: Developed, *texts: str, least: float = LIKE) -> None:
    """Compare with what each transform makes by itself."""
    for text, one in zip(texts, made.renderings, strict=True):
        ours, theirs = whole(one), alone(data, text)
        assert (ours.width, ours.height, ours.mime) == (theirs.width, theirs.height, theirs.mime)
        assert (ours.source_width, ours.source_height) == (
            theirs.source_width,
            theirs.source_height,
        )
        left, right = opened(ours.data), opened(theirs.data)
        assert left.size == right.size == (ours.width, ours.height)
        assert left.mode == right.mode
        assert psnr(left, right) >= least, (text, psnr(left, right))


@cache
def source(name: str) -> bytes:
    folder = PHOTOS if (PHOTOS / name).exists() else EXAMPLES
    return (folder / name).read_bytes()


@cache
def meadow() -> bytes:
    """Give half a megapixel, written in one pass."""
    photo = opened(source("photo-1mp.jpg")).resize((800, 640))
    return encoded(photo, "JPEG", quality=93)


THUMBS = ("w=600,format=png", "w=300,format=png", "w=150,format=png")


def test_thumbnails_of_a_large_photograph_are_made_one_from_the_other_and_nobody_sees() -> None:
    texts = ("w=1920,format=png,effort=0", *THUMBS)
    made = developed(source("dragonfly.jpg"), *texts)
    assert made.decodes == 1
    for text, one in zip(texts, made.renderings, strict=True):
        ours, theirs = opened(whole(one).data), opened(alone(source("dragonfly.jpg"), text).data)
        box = (0, 0, min(600, ours.width), min(400, ours.height))
        assert dissimilarity(ours.crop(box), theirs.crop(box)) < VISUALLY_LOSSLESS


def test_the_six_outputs_of_a_tutorial_come_from_one_decode() -> None:
    mark = "text=%C2%A9,text_size=0.05,text_min=20,text_opacity=0.5,text_padding=20"
    made = developed(
        source("photo-1mp.jpg"), "w=150,h=150,fit=inside,format=jpeg",
        "w=300,h=300,fit=inside,format=jpeg", "w=600,h=600,fit=inside,format=jpeg",
        "w=1920,h=1920,fit=inside,format=jpeg,quality=85", f"{mark},format=jpeg,quality=90",
        analyse=True,
    )  # fmt: skip
    sizes = [(whole(one).width, whole(one).height) for one in made.renderings]
    assert sizes == [(150, 120), (300, 240), (600, 480), (1280, 1024), (1280, 1024)]
    assert made.decodes == 1
    assert made.analysis is not None
    assert made.header.shown == (1280, 1024)


# Whatever a transform does before or after it is made small; beside it two plain sizes are wanted.
TRANSFORMS = (
    "w=280", "h=150", "w=120,h=120", "w=200,h=90,fit=fill", "w=200,h=90,fit=contain,bg=red",
    "w=300,h=300,fit=outside", "w=200,rotate=90", "w=200,rotate=270,flip=both", "w=200,rotate=30",
    "rotate=12.5,bg=white", "flip=vertical,w=200", "crop=0.25:0.25:0.5:0.5,w=150",
    "crop=100:50:400:300", "crop=0.1:0.1:0.2:0.2", "aspect=16:9,w=240", "redact=0.2:0.3:0.2:0.2",
    "redact=0.2:0.3:0.2:0.2,w=200", "trim,w=200", "w=200,blur=4", "w=200,sharpen", "blur=3",
    "w=200,grayscale", "w=200,brightness=1.2,saturation=1.3", "w=200,round=20",
    "w=200,pad=10,bg=00f", "w=240,text=hello", "gradient,w=240", "w=240,pixelate=12", "zoom=0.5",
    "w=100,dpr=2", "w=400,enlarge", "w=900,enlarge", "w=820,h=200,fit=fill,enlarge",
    "min_w=300,w=200", "w=200,duotone=102030:ffeedd", "w=200,orient=none", "original", "w=1",
)  # fmt: skip


@pytest.mark.parametrize("text", TRANSFORMS)
def test_whatever_is_wanted_is_as_good_as_by_itself(text: str) -> None:
    texts = (f"{text},format=png,effort=0", "w=320,format=png,effort=0", "w=150,format=png")
    made = developed(meadow(), *texts)
    check_alike(meadow(), made, *texts, least=34.0)
    # A reading that differs has a decode of its own.
    assert made.decodes == (2 if "orient" in text else 1)


@pytest.mark.parametrize("gravity", ["smart", "entropy", "0.2x0.7", "southeast"])
@pytest.mark.parametrize("cut", ["w=150,h=90", "crop=0.3:0.3,w=100", "aspect=1:1,w=120"])
def test_a_crop_is_where_it_would_be(gravity: str, cut: str) -> None:
    text = f"{cut},gravity={gravity},format=png"
    texts = (text, "w=640,format=png,effort=0", "w=300,format=png,effort=0")
    made = developed(meadow(), *texts)
    check_alike(meadow(), made, *texts, least=33.0)
    # A single px that differs may move the place of the highest entropy.
    assert made.decodes == (2 if gravity == "entropy" else 1)


def test_a_crop_of_a_size_is_not_made_of_one_that_is_just_as_large() -> None:
    # Half of the picture at 160 px needs all of it at 320 px, and more to be sharp.
    texts = ("crop=0.5:0.5,w=160,format=png", "w=320,format=png")
    made = developed(meadow(), *texts)
    cut, expected = opened(whole(made.renderings[0]).data), opened(alone(meadow(), texts[0]).data)
    assert dissimilarity(cut, expected) < VISUALLY_LOSSLESS


@pytest.mark.parametrize(
    ("name", "decodes"),
    [
        ("exif-6.jpg", 1), ("exif-8.jpg", 1), ("cmyk.jpg", 1), ("photo-16bit.png", 1),
        ("alpha-bug.png", 1), ("alpha-graphic.png", 1), ("ultra-hdr.jpg", 1), ("blobs.svg", 3),
        ("anim-graphic.gif", 1), ("anim-graphic.webp", 1),
    ],
)  # fmt: skip
def test_every_kind_of_source_works(name: str, decodes: int) -> None:
    data, texts = (
        source(name),
        ("w=200,format=png", "w=90,format=png", "h=200,format=png,rotate=90"),
    )
    made = developed(data, *texts)
    check_alike(data, made, *texts, least=32.0)
    assert made.decodes == decodes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_each_size_lies_where_it_should(orientation: int, kind: str) -> None:
    how = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }.get(orientation)  # fmt: skip
    shown = chart(1_001, 701)
    stored = shown if how is None else shown.transpose(how)
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    data = encoded(stored, kind, exif=exif(orientation), **options)
    texts = ("w=440,format=png", "w=200,format=png", "w=97,format=png")
    made = developed(data, *texts)
    assert made.decodes == 1
    for one in made.renderings:
        picture = opened(whole(one).data).convert("RGB")
        expected = shown.resize(picture.size, Image.Resampling.LANCZOS).convert("RGB")
        assert displacement(picture, expected) < 0.14


def test_deep_and_wide_colours_stay_what_they_are() -> None:
    texts = ("w=600,depth=16,format=png", "w=300,depth=16,format=png", "w=150,format=png")
    made = developed(source("photo-16bit.png"), *texts)
    assert made.decodes == 2, "one for each depth that has several outputs, or a single one"
    check_alike(source("photo-16bit.png"), made, *texts)
    assert [opened(whole(one).data).mode for one in made.renderings] == ["RGB"] * 3
    bits = [whole(one).data[24] for one in made.renderings]
    assert bits == [16, 16, 8]


def test_a_profile_is_followed_whether_all_pixels_are_needed_or_few() -> None:
    data = source("cmyk.jpg")
    for texts in (("w=200,format=png", "w=90,format=png"), ("blur=2,format=png", *THUMBS[1:])):
        made = developed(data, *texts)
        assert made.decodes == 1
        check_alike(data, made, *texts, least=34.0)


def test_a_gain_map_follows_its_picture() -> None:
    texts = ("w=200,hdr=keep,format=jpeg", "w=100,hdr=keep,format=jpeg", "w=60,format=jpeg")
    made = developed(source("ultra-hdr.jpg"), *texts)
    assert made.decodes == 1
    kept = [b"hdr-gain-map" in whole(one).data for one in made.renderings]
    assert kept == [True, True, False]
    check_alike(source("ultra-hdr.jpg"), made, *texts, least=33.0)


def test_metadata_goes_by_the_policy_of_each_output_and_costs_no_decode() -> None:
    block = Image.Exif()
    block[0x8298], block[0x010F] = "somebody", "Camera"
    data = encoded(lopsided(), "JPEG", exif=block, quality=95)
    made = developed(
        data, "w=100,metadata=copyright", "w=90,metadata=all", "w=80", "metadata=all,blur=1"
    )
    assert made.decodes == 1
    held = [dict(opened(whole(one).data).getexif()) for one in made.renderings]
    assert [0x8298 in tags for tags in held] == [True, True, False, True]
    assert [0x010F in tags for tags in held] == [False, True, False, True]


def test_an_animation_is_decoded_by_itself_and_its_stills_together() -> None:
    data = source("anim-graphic.gif")
    made = developed(data, "w=100", "w=60,format=png", "w=120,format=png")
    moving = opened(whole(made.renderings[0]).data)
    assert getattr(moving, "n_frames", 1) > 1
    assert made.decodes == 2
    check_alike(data, made, "w=100", "w=60,format=png", "w=120,format=png", least=30.0)


def test_pages_are_decoded_each_by_itself() -> None:
    pages = [lopsided(200, 100), lopsided(200, 100).rotate(180), lopsided(200, 100).convert("L")]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    texts = ("w=80,format=png", "page=2,w=80,format=png", "page=2,w=40,format=png")
    made = developed(buffer.getvalue(), *texts)
    assert made.decodes == 2
    check_alike(buffer.getvalue(), made, *texts)


def test_a_drawing_is_drawn_at_each_size() -> None:
    made = developed(source("check.svg"), "w=900,format=png", "w=30,format=png")
    assert made.decodes == 2
    for text, one in zip(("w=900,format=png", "w=30,format=png"), made.renderings, strict=True):
        assert whole(one).data == alone(source("check.svg"), text).data


def test_one_output_costs_what_it_costs_by_itself() -> None:
    (made,) = developed(source("photo-1mp.jpg"), "w=200").renderings
    assert whole(made).data == alone(source("photo-1mp.jpg"), "w=200").data


def test_what_a_request_would_get_is_that_very_picture() -> None:
    data = source("photo-1mp.jpg")
    texts = (
        "w=600", "w=300", "w=150", "w=300,format=webp", "crop=0.5:0.5,w=100", "blur=3,w=90",
        "w=120,text=hello", "w=200,format=avif", "w=200,quality=auto",
    )  # fmt: skip
    plain = developed(data, *texts, profile="request")
    mixed = engine.develop(
        data, [*wishes(*texts, profile="request"), *wishes("w=500", "w=250")], Limits()
    )
    for number, text in enumerate(texts):
        theirs = alone(data, text, profile="request").data
        assert whole(plain.renderings[number]).data == theirs
        assert whole(mixed.renderings[number]).data == theirs


def test_one_picture_in_several_formats_is_decoded_once_for_a_request_too() -> None:
    texts = ("w=200,format=webp", "w=200,format=jpeg", "w=200,format=jpeg,quality=50")
    made = developed(source("photo-1mp.jpg"), *texts, profile="request")
    assert made.decodes == 1
    for text, one in zip(texts, made.renderings, strict=True):
        assert whole(one).data == alone(source("photo-1mp.jpg"), text, profile="request").data


def test_what_is_wished_twice_is_made_once() -> None:
    made = developed(source("photo-1mp.jpg"), "w=100", "w=50", "w=100")
    assert made.renderings[0] is made.renderings[2]


def test_other_pictures_serve_several_outputs() -> None:
    logo = encoded(lopsided(60, 40), "PNG")
    texts = ("w=400,watermark=logo.png,format=png", "w=200,watermark=logo.png,format=png")
    data = source("photo-1mp.jpg")
    made = engine.develop(data, wishes(*texts), Limits(), pictures={"logo.png": logo})
    assert made.decodes == 1
    for text, one in zip(texts, made.renderings, strict=True):
        theirs = engine.run(
            data, parse(text), Limits(), pictures={"logo.png": logo}, profile=UPLOAD
        )
        assert psnr(opened(whole(one).data), opened(theirs.data)) > LIKE


# What goes wrong


def test_an_output_that_would_be_too_large_stands_in_its_place() -> None:
    made = developed(
        source("photo-1mp.jpg"), "w=100", "w=9000,h=9000,fit=fill,enlarge", "w=80,page=3",
        "w=70,max_bytes=100", "w=50",
    )  # fmt: skip
    kinds = [type(one) for one in made.renderings]
    assert kinds == [Rendering, OutputTooLarge, TransformInvalid, OutputTooLarge, Rendering]


def test_a_trim_that_leaves_too_much_is_the_fault_of_its_output() -> None:
    limits = replace(Limits(), output_edge=300)
    texts = ("trim", "w=100", "w=40")
    made = engine.develop(source("photo-1mp.jpg"), wishes(*texts), limits)
    assert [type(one) for one in made.renderings] == [OutputTooLarge, Rendering, Rendering]


def test_another_picture_that_is_damaged_is_the_fault_of_its_output() -> None:
    data = source("photo-1mp.jpg")
    for others in (wishes("w=50"), wishes("w=50", profile="request"), []):
        made = engine.develop(
            data,
            [*wishes("w=100,watermark=logo.png"), *others],
            Limits(),
            pictures={"logo.png": encoded(lopsided(), "PNG")[:500]},
        )
        assert isinstance(made.renderings[0], SourceDamaged)
        assert made.renderings[0].picture == "logo.png"
        assert all(isinstance(one, Rendering) for one in made.renderings[1:])


@pytest.mark.parametrize("profile", ["upload", "request"])
def test_a_fault_of_the_source_is_raised(profile: str) -> None:
    whole_file = source("photo-1mp.jpg")
    for data, error in (
        (b"no picture", UnsupportedFormat),
        (whole_file[: len(whole_file) // 2], SourceDamaged),
        (whole_file[:300], SourceDamaged),
    ):
        with pytest.raises(error):
            developed(data, "w=100", "w=40", profile=profile)
        with pytest.raises(error):
            developed(data, "blur=2", "w=40", profile=profile)


def test_the_limits_hold_for_all() -> None:
    with pytest.raises(SourceTooLarge):
        engine.develop(source("photo-1mp.jpg"), [], replace(Limits(), source_pixels=1_000_000))
    with pytest.raises(TransformInvalid, match="at most 64"):
        developed(source("photo-1mp.jpg"), *[f"w={n + 1}" for n in range(MAX_WISHES + 1)])
    frames = replace(Limits(), frames=2)
    made = engine.develop(source("anim-graphic.gif"), wishes("w=50", "w=50,format=png"), frames)
    assert [type(one) for one in made.renderings] == [SourceTooLarge, Rendering]


def test_a_source_that_would_be_held_in_too_much_memory_is_decoded_for_each() -> None:
    data, texts = encoded(lopsided(400, 3_000), "JPEG"), ("blur=1,format=png", "w=200,format=png")
    made = engine.develop(data, wishes(*texts), replace(Limits(), memory=2_000_000))
    assert made.decodes == 2
    for text, one in zip(texts, made.renderings, strict=True):
        assert whole(one).data == alone(data, text).data


# Analysis


def hamming(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.mark.parametrize("name", ["photo-1mp.jpg", "exif-6.jpg", "alpha-bug.png", "cmyk.jpg"])
def test_what_a_picture_looks_like_is_told_from_the_same_decode(name: str) -> None:
    made = developed(source(name), "w=300", "w=150", analyse=True)
    assert made.decodes == 1
    ours, theirs = made.analysis, engine.analyse(source(name), Limits())
    assert ours is not None
    assert hamming(ours.phash, theirs.phash) <= PHASH_SIDE // 16
    assert (ours.transparent, ours.drawn) == (theirs.transparent, theirs.drawn)
    assert len(ours.blurhash) == len(theirs.blurhash)


def test_what_a_picture_looks_like_needs_no_output() -> None:
    for name in ("photo-1mp.jpg", "blobs.svg", "anim-graphic.gif"):
        made = developed(source(name), analyse=True)
        assert (made.analysis, made.decodes) == (engine.analyse(source(name), Limits()), 1)
    assert developed(source("photo-1mp.jpg")).decodes == 0


def test_an_output_in_other_colours_leaves_the_analysis_its_own() -> None:
    made = developed(source("photo-1mp.jpg"), "w=300,profile=p3", "w=150,profile=p3", analyse=True)
    assert made.decodes == 2
    assert made.analysis == engine.analyse(source("photo-1mp.jpg"), Limits())


# Whatever sizes


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.lists(
        st.tuples(st.integers(1, 120), st.integers(1, 120), st.sampled_from(["cover", "inside"])),
        min_size=2, max_size=5,
    ),
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.integers(1, 8),
)  # fmt: skip
def test_any_sizes_of_any_picture_are_those_that_are_asked_for(
    size: tuple[int, int], boxes: list[tuple[int, int, str]], kind: str, orientation: int
) -> None:
    data = encoded(lopsided(100, 100).resize(size), kind, exif=exif(orientation))
    texts = [f"w={w},h={h},fit={fit},format=png" for w, h, fit in boxes]
    made = developed(data, *texts)
    for text, one in zip(texts, made.renderings, strict=True):
        theirs = alone(data, text)
        assert (whole(one).width, whole(one).height) == (theirs.width, theirs.height)
        assert opened(whole(one).data).size == (theirs.width, theirs.height)
