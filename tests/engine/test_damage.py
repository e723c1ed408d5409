"""Damaged and unknown files are refused with our own words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight import engine
from safelight.errors import (
    SafelightError,
    SourceDamaged,
    SourceError,
    SourceTooLarge,
    UnsupportedFormat,
)
from tests.support.pictures import (
    encoded,
    lopsided,
    run,
)


def damaged(kind: str, part: float) -> bytes:
    noise = np.random.default_rng(3).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    return whole[: int(len(whole) * part)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("change", ["", "w=8", "format=png"])
def test_a_truncated_file_is_damaged(kind: str, part: float, change: str) -> None:
    with pytest.raises(SourceDamaged) as raised:
        run(damaged(kind, part), change)
    assert_speaks_for_itself(raised.value)


@given(st.binary(max_size=200))
def test_unknown_bytes_are_an_unsupported_format(data: bytes) -> None:
    with pytest.raises(SourceError) as raised:
        run(data, "w=10")
    assert isinstance(raised.value, (UnsupportedFormat, SourceDamaged, SourceTooLarge))
    assert_speaks_for_itself(raised.value)


@pytest.mark.parametrize("data", [b"", b"\0", b"hello, world", b"GIF", b"%!PS-Adobe", b"BM" * 50])
def test_what_is_no_image_is_an_unsupported_format(data: bytes) -> None:
    for use in (engine.probe, lambda data: run(data, "w=10")):
        with pytest.raises(UnsupportedFormat):
            use(data)


def _sample(kind: str) -> bytes:
    return encoded(lopsided(48, 32), kind)


@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    st.floats(0.02, 1),
)
def test_no_damage_raises_anything_else_than_our_errors(
    kind: str, flips: list[tuple[float, int]], part: float
) -> None:
    file = bytearray(_sample(kind))
    for where, value in flips:
        file[int(where * len(file))] = value
    error = refusal(bytes(file[: int(part * len(file)) + 1]), "w=16")
    if error is not None:
        assert 400 <= error.status < 500
        assert_speaks_for_itself(error)


def refusal(data: bytes, transform: str) -> SafelightError | None:
    try:
        run(data, transform)
    except SafelightError as error:
        return error
    return None


def assert_speaks_for_itself(error: SafelightError) -> None:
    """A message is ours: nothing of libvips's error text is in it."""
    text = error.detail.lower()
    assert text
    for word in ("vips", "unable to", "foreign", "libpng", "spng", "heif:", "glib", "buffer\n"):
        assert word not in text
    assert "\n" not in text
