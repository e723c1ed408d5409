"""Pictures that were looked at once, and must go on looking so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageEnhance

from safelight.operations import OPERATIONS, Operation, Stage
from safelight.transform import parse
from tests.support.golden import (
    FOLDER,
    PICTURES,
    STRIPS,
    cut,
    fault,
    golden_strip,
    on,
    pieces,
    rendered,
    strip,
)
from tests.support.perceptual import dissimilarity
from tests.support.pictures import opened

MEASURED = OPERATIONS["resize"]
MOST_BYTES = 3_000_000


def kept(operation: Operation) -> Image.Image:
    return opened(golden_strip(operation).read_bytes()).convert("RGBA")


def faults(operation: Operation, now: list[Image.Image]) -> list[str]:
    """Compare what is made now with an operation's strip, piece by piece."""
    then = kept(operation)
    if strip(now).size != then.size:
        return [f"the strip is {strip(now).size}, and was {then.size}"]
    found = (fault(piece, golden) for piece, golden in zip(now, cut(then, now), strict=True))
    return [f"piece {number}: {said}" for number, said in enumerate(found, start=1) if said]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_did(name: str) -> None:
    golden = opened((FOLDER / f"{name}.png").read_bytes())
    made = opened(rendered(name))
    # The bytes may change with the encoder and its version, the picture may not.
    assert made.mode == golden.mode
    assert fault(made, golden) is None


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_does_to_every_sort_of_source_what_it_did(name: str) -> None:
    operation = OPERATIONS[name]
    assert faults(operation, pieces(parse(operation.example))) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_strip_shows_what_its_operation_does(name: str) -> None:
    """Without the operation the pictures are others: its strip would tell if it did nothing."""
    operation = OPERATIONS[name]
    if operation.stage in (Stage.SOURCE, Stage.OUTPUT):
        # Much of what is read or written otherwise is not to be seen.
        return
    names = {parameter.name: None for parameter in operation.parameters}
    assert faults(operation, pieces(parse(operation.example).changed(**names)))


FAULTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "shifted by one pixel": lambda picture: ImageChops.offset(picture, 1, 0),
    "a little lighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.06),
    "a little less colourful": lambda picture: ImageEnhance.Color(picture).enhance(0.8),
    "red and blue exchanged": lambda picture: Image.merge(
        "RGBA", [picture.getchannel(band) for band in "BGRA"]
    ),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "softer": lambda picture: picture.resize((80, 60)).resize(picture.size),
    "a pixel narrower": lambda picture: picture.crop((1, 0, *picture.size)),
    "more transparent": lambda picture: Image.merge(
        "RGBA", [*picture.split()[:3], picture.getchannel("A").point(lambda a: a * 0.98)]
    ),
    "with one row missing": lambda picture: ImageChops.subtract(picture, _row(picture)),
}


def _row(picture: Image.Image) -> Image.Image:
    row = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    row.paste((255, 255, 255, 0), (0, 30, picture.width, 31))
    return row


@pytest.mark.parametrize("name", FAULTS)
def test_a_deliberate_fault_is_seen_in_each_piece(name: str) -> None:
    now = pieces(parse(MEASURED.example))
    assert faults(MEASURED, now) == []
    for number, piece in enumerate(now):
        spoilt = [*now[:number], FAULTS[name](piece), *now[number + 1 :]]
        assert faults(MEASURED, spoilt), f"piece {number + 1}"


def test_frames_that_are_lost_or_exchanged_are_seen() -> None:
    *others, first, last = pieces(parse(MEASURED.example))
    assert faults(MEASURED, [*others, first])
    assert faults(MEASURED, [*others, last, first])
    assert faults(MEASURED, [*others, first, first])


def test_what_nobody_sees_is_no_fault() -> None:
    chance = np.random.default_rng(1)
    for piece in pieces(parse(MEASURED.example)):
        values = np.asarray(piece, dtype=np.int16)
        noise = chance.integers(-1, 2, values.shape)
        noisy = np.clip(values + noise, 0, 255).astype(np.uint8)
        assert fault(Image.fromarray(noisy), piece) is None


def test_every_golden_picture_is_compared_and_small() -> None:
    files = sorted(FOLDER.glob("*.png"))
    assert [file.stem for file in files] == sorted(PICTURES)
    assert all(file.stat().st_size < 50_000 for file in files)
    strips = sorted(STRIPS.iterdir())
    assert [file.stem for file in strips] == sorted(OPERATIONS)
    assert sum(file.stat().st_size for file in strips) < MOST_BYTES


def test_no_two_golden_pictures_could_be_taken_for_each_other() -> None:
    pictures = [opened((FOLDER / f"{name}.png").read_bytes()) for name in PICTURES]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert one.size != other.size or dissimilarity(on("white", one), on("white", other)) > 1
