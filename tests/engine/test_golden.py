"""Pictures that were looked at once, and must go on looking so."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.support.golden import FOLDER, PICTURES, rendered
from tests.support.perceptual import VISUALLY_LOSSLESS, colour_difference, dissimilarity
from tests.support.pictures import mean_difference, opened


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_did(name: str) -> None:
    golden = opened((FOLDER / f"{name}.png").read_bytes())
    made = opened(rendered(name))
    # The bytes may change with the encoder and its version, the picture may not.
    assert (made.size, made.mode) == (golden.size, golden.mode)
    if "A" in made.mode:
        assert mean_difference(made.getchannel("A"), golden.getchannel("A")) < 1
    for paper in ("white", "black"):
        now, then = on(paper, made), on(paper, golden)
        assert dissimilarity(now, then) < VISUALLY_LOSSLESS
        assert colour_difference(now, then) < 1


def on(paper: str, picture: Image.Image) -> Image.Image:
    over = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, paper), over).convert("RGB")


def test_every_golden_picture_is_compared_and_small() -> None:
    files = sorted(FOLDER.glob("*.png"))
    assert [file.stem for file in files] == sorted(PICTURES)
    assert all(file.stat().st_size < 50_000 for file in files)


def test_no_two_golden_pictures_could_be_taken_for_each_other() -> None:
    pictures = [opened((FOLDER / f"{name}.png").read_bytes()) for name in PICTURES]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert one.size != other.size or dissimilarity(on("white", one), on("white", other)) > 1
