"""Operations on light, colour and detail, from file to file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageSequence

from safelight import icc
from safelight.operations import OPERATIONS, Stage
from tests.support.arrays import noisy
from tests.support.pictures import encoded, opened, picture_of, pixels_of, run

EXAMPLES = {
    name: operation.example.partition(",")[2]
    for name, operation in OPERATIONS.items()
    if operation.stage in (Stage.COLOUR, Stage.EFFECT)
}
DATA = Path(__file__).parents[1] / "data" / "photos"
PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
ODD = [
    PHOTOS / "web" / "friends-cutout.png",
    *(DATA / name for name in ("cmyk.jpg", "exif-8.jpg", "photo-16bit.png")),
]


@pytest.mark.parametrize("source", ODD, ids=lambda path: path.name)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_sort_of_source_can_be_asked_for(name: str, source: Path) -> None:
    file = source.read_bytes()
    plain = picture_of(file, "w=40,h=30,fit=fill,frames=1,format=png")
    changed = picture_of(file, f"w=40,h=30,fit=fill,frames=1,format=png,{EXAMPLES[name]}")
    assert changed.size == plain.size == (40, 30)
    assert changed.has_transparency_data == plain.has_transparency_data
    paper = [Image.new("RGBA", plain.size, "lime") for _ in range(2)]
    shown = [
        Image.alpha_composite(p, i.convert("RGBA"))
        for p, i in zip(paper, (plain, changed), strict=True)
    ]
    assert np.abs(pixels_of(shown[0]) - pixels_of(shown[1])).max() > 2, "it shows"


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_depends_on_how_the_source_is_read(name: str) -> None:
    """A JPEG that is not resized is a stream: no row can be read a second time."""
    file = encoded(Image.fromarray(noisy(300, 400)), "JPEG", quality=95)
    streamed = picture_of(file, f"format=png,{EXAMPLES[name]}")
    held = picture_of(encoded(opened(file), "PNG"), f"format=png,{EXAMPLES[name]}")
    # Pillow's and libvips's libjpeg may differ by a level, and thresholds make more of it.
    assert np.abs(pixels_of(streamed) - pixels_of(held)).mean() < 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_frame_of_an_animation_is_changed(name: str) -> None:
    file = (PHOTOS / "web" / "mountains-pan.gif").read_bytes()
    before, after = (
        Image.open(io.BytesIO(run(file, f"w=60,format=webp,lossless{more}").data))
        for more in ("", f",{EXAMPLES[name]}")
    )
    frames = [
        [pixels_of(frame.convert("RGBA")) for frame in ImageSequence.Iterator(animation)]
        for animation in (before, after)
    ]
    assert len(frames[0]) == len(frames[1]) > 2
    for plain, changed in zip(*frames, strict=True):
        assert np.abs(plain - changed).max() > 2


@pytest.mark.parametrize(
    ("format", "mode"), [("jpeg", "L"), ("png", "L"), ("tiff", "L"), ("webp", "RGB")]
)
def test_a_grey_answer_is_written_as_grey_where_the_format_can(format: str, mode: str) -> None:
    picture = picture_of((PHOTOS / "sunset.jpg").read_bytes(), f"w=60,grayscale,format={format}")
    assert picture.mode == mode


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "tiff"])
@pytest.mark.parametrize(
    "change", ["grayscale", "threshold", "duotone=000:fff", "sepia", "tint=red"]
)
def test_display_p3_is_said_of_what_is_in_display_p3(change: str, format: str) -> None:
    source = (PHOTOS / "mountains-p3.jpg").read_bytes()
    picture = opened(run(source, f"w=60,profile=p3,{change},format={format}").data)
    profile = picture.info.get("icc_profile")
    grey = change in ("grayscale", "threshold")
    assert (profile is None) if grey else (icc.space(profile or b"") == "p3")
    if grey:
        plain = picture_of(source, f"w=60,{change},format=png").convert("L")
        assert np.abs(pixels_of(picture.convert("L")) - pixels_of(plain)).mean() < 6


def test_sixteen_bits_are_kept_through_a_chain() -> None:
    source = (DATA / "photo-16bit.png").read_bytes()
    chain = "exposure=0.3,contrast=1.1,saturation=0.8,blur=1,sharpen"
    rendering = run(source, f"w=120,depth=16,format=tiff,{chain}")
    image = pyvips.Image.tiffload_buffer(rendering.data)
    assert (image.format, image.interpretation) == ("ushort", "rgb16")
    assert len(np.unique(image.numpy())) > 5_000
