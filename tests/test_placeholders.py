"""Placeholders, perceptual hashes and palettes of pictures that are pixels already."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from safelight.picture import Swatch
from safelight.placeholders import blurhash, distance, palette, phash, thumbhash
from tests.support.perceptual import lab
from tests.support.pictures import lopsided
from tests.support.placeholders import blurhash_shown, light_of, srgb_of, thumbhash_shown

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "placeholders" / "vectors.json").read_text()
)
SHOWN = [vector for vector in VECTORS if "blurhash_shown" in vector]

Rgba: TypeAlias = tuple[bytes, int, int]
Colour: TypeAlias = tuple[int, int, int]


def named(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def without_alpha(rgba: bytes) -> bytes:
    return bytes(value for place, value in enumerate(rgba) if place % 4 != 3)


def flat(colour: Colour, width: int, height: int, alpha: int = 255) -> bytes:
    return bytes((*colour, alpha)) * (width * height)


sides = st.integers(1, 100)
colours = st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def pictures(draw: st.DrawFn) -> Rgba:
    """Any size, any pixels: noise, opaque or not, or few colours."""
    width, height = draw(sides), draw(sides)
    noise = random.Random(draw(st.integers())).randbytes(4 * width * height)
    steps = 255 // (draw(st.sampled_from((2, 6, 256))) - 1)
    values = bytearray(noise.translate(bytes(level // steps * steps for level in range(256))))
    if draw(st.booleans()):
        values[3::4] = bytes([draw(st.integers(0, 255))]) * (width * height)
    return bytes(values), width, height


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_hashes_are_those_of_other_implementations(vector: dict[str, Any]) -> None:
    rgba = base64.b64decode(vector["rgba"])
    size = vector["width"], vector["height"]
    waves = {"across": vector["across"], "down": vector["down"]}
    assert blurhash(without_alpha(rgba), *size, **waves) == vector["blurhash"]
    assert thumbhash(rgba, *size).hex() == vector["thumbhash"]


@pytest.mark.parametrize("vector", SHOWN, ids=named)
def test_the_decoders_of_these_tests_are_right(vector: dict[str, Any]) -> None:
    shown = vector["blurhash_shown"]
    ours = blurhash_shown(vector["blurhash"], shown["width"], shown["height"])
    assert ours.tobytes() == without_alpha(base64.b64decode(shown["rgba"]))
    shown = vector["thumbhash_shown"]
    drawn = thumbhash_shown(bytes.fromhex(vector["thumbhash"]), shown["width"], shown["height"])
    theirs = np.frombuffer(base64.b64decode(shown["rgba"]), dtype=np.uint8).reshape(drawn.shape)
    assert np.abs(drawn.astype(int) - theirs).max() <= 1


@given(pictures(), st.integers(1, 9), st.integers(1, 9))
def test_a_blurhash_can_always_be_drawn_and_has_the_mean(
    picture: Rgba, across: int, down: int
) -> None:
    rgba, width, height = picture
    rgb = without_alpha(rgba)
    text = blurhash(rgb, width, height, across=across, down=down)
    assert len(text) == 4 + 2 * across * down
    blurhash_shown(text, 20, 15)
    mean = blurhash_shown(blurhash(rgb, width, height, across=1, down=1), 1, 1)[0, 0]
    light = light_of(np.frombuffer(rgb, dtype=np.uint8).reshape(-1, 3)).mean(axis=0)
    assert np.abs(mean.astype(int) - srgb_of(light)).max() <= 1


@given(pictures())
def test_a_thumbhash_can_always_be_drawn_and_has_mean_and_shape(picture: Rgba) -> None:
    rgba, width, height = picture
    hashed = thumbhash(rgba, width, height)
    assert 17 <= len(hashed) <= 25
    shown = thumbhash_shown(hashed, width, height)
    values = np.frombuffer(rgba, dtype=np.uint8).reshape(-1, 4).astype(float)
    opaque = values[:, 3].min() == 255
    assert bool(hashed[2] >> 7) is not opaque
    assert bool(hashed[4] >> 7) is (width > height)
    assert (shown[..., 3] == 255).all() or not opaque
    # The mean is in the first three bytes, in steps of 1/63 for its light.
    mean = (
        values[:, :3].mean()
        if opaque
        else np.average(
            values[:, :3].mean(axis=1), weights=values[:, 3] if values[:, 3].any() else None
        )
    )
    if values[:, 3].any():
        assert (hashed[0] & 63) / 63 * 255 == pytest.approx(mean, abs=0.51 * 255 / 63)


@given(colours, st.integers(7, 100), st.integers(7, 100))
def test_one_colour_stays_one_colour(colour: Colour, width: int, height: int) -> None:
    rgba = flat(colour, width, height)
    hashed = thumbhash(rgba, width, height)
    # No wave of any channel: not by chance, either.
    assert set(hashed[5:]) == {0}
    shown = thumbhash_shown(hashed, 8, 8)[..., :3]
    # Light in 63 steps, yellow-blue and red-green in 63 steps of twice the range.
    assert np.abs(shown.astype(int) - colour).max() <= 10
    text = blurhash(without_alpha(rgba), width, height, across=1, down=1)
    assert tuple(blurhash_shown(text, 1, 1)[0, 0]) == colour


def test_placeholders_look_like_their_picture() -> None:
    picture = lopsided(60, 40)
    rgba = picture.convert("RGBA").tobytes()
    blurred = np.asarray(picture.resize((6, 4), Image.Resampling.BOX).resize((60, 40)))
    text = blurhash(picture.tobytes(), 60, 40, across=6, down=5)
    for shown in (blurhash_shown(text, 60, 40), thumbhash_shown(thumbhash(rgba, 60, 40), 60, 40)):
        near = np.abs(shown[..., :3].astype(int) - blurred).mean()
        turned = np.abs(shown[::-1, ::-1, :3].astype(int) - blurred).mean()
        assert near < 20
        assert turned > 1.5 * near


def test_what_is_transparent_is_transparent_in_a_thumbhash_and_its_colour_is_not_seen() -> None:
    values = np.zeros((30, 40, 4), dtype=np.uint8)
    values[:, :20] = (200, 40, 40, 255)
    values[:, 20:] = (0, 255, 0, 0)
    shown = thumbhash_shown(thumbhash(values.tobytes(), 40, 30), 40, 30).astype(int)
    assert shown[:, 5:15, 3].min() > 200
    assert shown[:, 25:35, 3].max() < 55
    assert np.abs(shown[:, 5:15, :3] - (200, 40, 40)).max() < 20
    values[:, 20:] = (0, 0, 255, 0)
    hidden = values.copy()
    hidden[:, 20:, :3] = 7
    assert thumbhash(hidden.tobytes(), 40, 30) == thumbhash(values.tobytes(), 40, 30)


def test_nothing_at_all_has_a_thumbhash() -> None:
    assert thumbhash(flat((9, 8, 7), 3, 2, alpha=0), 3, 2)[5] == 0


@pytest.mark.parametrize("size", [(3, 3), (4, 2), (0, 0), (-3, -3)])
def test_bytes_that_are_not_the_pixels_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="px of 3 bands"):
        blurhash(bytes(18), *size, across=1, down=1)
    with pytest.raises(ValueError, match="px of 4 bands"):
        thumbhash(bytes(24), *size)
    with pytest.raises(ValueError, match="px of 1 bands"):
        phash(bytes(1023))


def luma(picture: Image.Image) -> bytes:
    return picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS).tobytes()


def photo(photos: Path, name: str) -> Image.Image:
    with Image.open(photos / f"{name}.jpg") as opened:
        opened.draft("RGB", (400, 400))
        return opened.convert("RGB")


PHOTOS = ("dragonfly", "forest", "friends", "mountains", "sunset")


@pytest.mark.parametrize("name", PHOTOS)
def test_a_perceptual_hash_is_the_signs_of_a_cosine_transform_around_their_median(
    photos: Path, name: str
) -> None:
    values = np.frombuffer(luma(photo(photos, name)), dtype=np.uint8).reshape(32, 32)
    basis = np.cos(np.pi / 64 * np.outer(np.arange(1, 9), 2 * np.arange(32) + 1))
    waves = (basis @ values @ basis.T).ravel() / 32**2
    # What is too near to the median to be told from it is no bit.
    bits = "".join("1" if wave > 0.03 else "0" for wave in waves - np.median(waves))
    assert f"{phash(luma(photo(photos, name))):064b}" == bits


@pytest.mark.parametrize("name", PHOTOS)
def test_a_perceptual_hash_survives_what_people_do_to_pictures(photos: Path, name: str) -> None:
    picture = photo(photos, name)
    original = phash(luma(picture))
    for changed in (
        picture.resize((120, 90)),
        ImageEnhance.Brightness(picture).enhance(0.8),
        ImageEnhance.Contrast(picture).enhance(1.2),
        ImageEnhance.Color(picture).enhance(0),
        picture.quantize(32).convert("RGB"),
    ):
        assert distance(original, phash(luma(changed))) <= 6
    # A mirror is another picture.
    assert distance(original, phash(luma(picture.transpose(Image.Transpose.ROTATE_180)))) >= 16
    for other in PHOTOS:
        assert other == name or distance(original, phash(luma(photo(photos, other)))) >= 16


@given(st.integers(0, 255), st.randoms(use_true_random=False))
def test_a_picture_of_nothing_has_next_to_no_bits_even_with_noise(
    level: int, chance: random.Random
) -> None:
    noisy = bytes(max(0, min(255, level + chance.randrange(-1, 2))) for _ in range(1024))
    assert distance(phash(noisy), 0) <= 6
    assert phash(bytes([level]) * 1024) == 0


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63)))
def test_the_distance_counts_the_bits_that_differ(hashed: int, flipped: set[int]) -> None:
    other = hashed
    for bit in flipped:
        other ^= 1 << bit
    assert distance(hashed, other) == distance(other, hashed) == len(flipped)


@given(colours, sides, sides, st.integers(1, 255))
def test_the_palette_of_one_colour_is_that_colour(
    colour: Colour, width: int, height: int, alpha: int
) -> None:
    found = palette(flat(colour, width, height, alpha))
    assert found == (Swatch(f"#{bytes(colour).hex()}", 1.0),)


def test_a_palette_has_the_colours_with_their_shares_the_commonest_first() -> None:
    parts = {(255, 0, 0): 50, (0, 0, 255): 30, (255, 255, 255): 15, (0, 128, 0): 5}
    rgba = b"".join(flat(colour, count, 1) for colour, count in reversed(parts.items()))
    assert palette(rgba) == (
        Swatch("#ff0000", 0.5),
        Swatch("#0000ff", 0.3),
        Swatch("#ffffff", 0.15),
        Swatch("#008000", 0.05),
    )
    assert [swatch.share for swatch in palette(rgba, most=2)] == [0.7, 0.3]
    assert [swatch.share for swatch in palette(rgba, most=1)] == [1.0]


def test_a_palette_does_not_see_what_is_transparent() -> None:
    rgba = flat((255, 0, 0), 9, 9, alpha=0) + flat((0, 0, 255), 1, 1) + flat((9, 99, 9), 1, 1, 85)
    assert palette(rgba) == (Swatch("#0000ff", 0.75), Swatch("#096309", 0.25))
    assert palette(flat((255, 0, 0), 5, 5, alpha=0)) == ()


def test_shades_are_one_colour_and_a_speck_is_none() -> None:
    shades = b"".join(flat((level,) * 3, 50, 1) for level in range(100, 120))
    assert [swatch.share for swatch in palette(shades)] == [1.0]
    assert [swatch.share for swatch in palette(shades + flat((255, 255, 0), 4, 1))] == [0.996]


def test_a_colour_goes_to_the_nearest_of_the_palette_not_to_where_the_search_began() -> None:
    # The search begins at black and light grey. Dark grey is nearer to that than to black, until
    # white has drawn it away.
    greys = {0: 48, 80: 2, 200: 30, 255: 20}
    rgba = b"".join(flat((level,) * 3, count, 1) for level, count in greys.items())
    assert [swatch.share for swatch in palette(rgba, most=2)] == [0.5, 0.5]


@given(pictures(), st.integers(1, 6))
def test_a_palette_is_small_and_of_the_whole(picture: Rgba, most: int) -> None:
    found = palette(picture[0], most)
    assert len(found) <= most
    shares = [swatch.share for swatch in found]
    assert shares == sorted(shares, reverse=True)
    assert all(swatch.share >= 0.005 for swatch in found)
    assert sum(shares) <= 1.01
    if any(picture[0][3::4]):
        assert sum(shares) >= 0.95
        assert found == palette(picture[0], most)
        # Where the pixels are does not matter.
        pixels = [picture[0][start : start + 4] for start in range(0, len(picture[0]), 4)]
        assert found == palette(b"".join(sorted(pixels)), most)


@pytest.mark.parametrize("name", PHOTOS)
def test_every_pixel_of_a_photograph_is_near_to_a_colour_of_its_palette(
    photos: Path, name: str
) -> None:
    picture = photo(photos, name).resize((64, 48))
    found = palette(picture.convert("RGBA").tobytes())
    swatches = Image.frombytes(
        "RGB", (len(found), 1), bytes.fromhex("".join(swatch.color[1:] for swatch in found))
    )
    gaps = np.linalg.norm(lab(picture)[:, :, None] - lab(swatches)[0], axis=-1).min(axis=-1)
    assert gaps.mean() < 12
