"""Qualities that are found: as good as others, small enough, no larger than the source."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safelight.engine.quality import LIKENESS
from safelight.engine.similarity import Original
from safelight.errors import OutputTooLarge
from tests.support.perceptual import dissimilarity
from tests.support.pictures import encoded, lopsided, opened, picture_of, run

PHOTOS = ("dragonfly.jpg", "forest.jpg", "friends.jpg", "mountains.jpg", "sunset.jpg")
LOSSY = ("jpeg", "webp", "avif")


@pytest.fixture(scope="module")
def sources(photos: Path) -> dict[str, bytes]:
    """Photographs without a fault, as PNGs of 400 px."""
    wish = "w=400,format=png,effort=0"
    return {name: run((photos / name).read_bytes(), wish).data for name in PHOTOS}


def noise(width: int = 300, height: int = 200) -> bytes:
    values = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(values), "PNG")


# As good as others


@pytest.mark.parametrize("format", LOSSY)
def test_auto_is_near_what_is_aimed_at_for_every_photograph(
    sources: dict[str, bytes], format: str
) -> None:
    for name, source in sources.items():
        exact, made = (
            pyvips.Image.new_from_buffer(run(source, f"w=400,{wish}").data, "")
            for wish in ("format=png", f"format={format},q=auto")
        )
        assert Original(exact).likeness(made) == pytest.approx(LIKENESS, abs=2), name


def unlike(source: bytes, wish: str) -> float:
    """How different a picture looks, by a measure that has no part in the search."""
    exact, made = (picture_of(source, f"w=400,{each}") for each in ("format=png", wish))
    return dissimilarity(made.convert("RGB"), exact)


@pytest.mark.parametrize("format", LOSSY)
def test_auto_looks_good(sources: dict[str, bytes], format: str) -> None:
    for name, source in sources.items():
        assert 0.05 < unlike(source, f"format={format},q=auto") < 0.22, name


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_with_auto_photographs_look_more_alike_than_with_one_quality(
    sources: dict[str, bytes], format: str
) -> None:
    auto, fixed = (
        [unlike(source, f"format={format}{quality}") for source in sources.values()]
        for quality in (",q=auto", "")
    )
    assert max(auto) / min(auto) < 0.9 * max(fixed) / min(fixed)


def test_auto_takes_few_bytes_for_what_is_easy_and_many_for_what_is_hard(
    sources: dict[str, bytes],
) -> None:
    def more(name: str) -> float:
        auto, fixed = (
            len(run(sources[name], f"w=400,format=webp,q={q}").data) for q in ("auto", "79")
        )
        return auto / fixed

    assert more("sunset.jpg") > 1.02
    assert more("dragonfly.jpg") < 0.98


def test_auto_is_one_of_the_qualities_that_can_be_asked_for(sources: dict[str, bytes]) -> None:
    made = run(sources["forest.jpg"], "w=300,format=webp,q=auto").data
    assert made in [
        run(sources["forest.jpg"], f"w=300,format=webp,q={q}").data for q in range(60, 95)
    ]


def test_trellis_quantisation_looks_as_good(sources: dict[str, bytes]) -> None:
    source = sources["mountains.jpg"]
    exact = pyvips.Image.new_from_buffer(run(source, "w=300,format=png").data, "")
    plain, trellis = (
        Original(exact).likeness(
            pyvips.Image.new_from_buffer(run(source, f"w=300,q=auto,effort={effort}").data, "")
        )
        for effort in (0, 9)
    )
    assert plain == pytest.approx(trellis, abs=1.5)


@pytest.mark.parametrize("format", LOSSY)
def test_auto_does_not_fail_on_odd_pictures(data: Path, format: str) -> None:
    cut_out = (data / "photos" / "alpha-bug.png").read_bytes()
    for source in (
        encoded(Image.new("RGB", (200, 100), (9, 90, 200)), "PNG"),
        encoded(Image.new("RGB", (3, 500)), "PNG"),
        encoded(lopsided(2_000, 70), "PNG"),
        encoded(lopsided().convert("L"), "PNG"),
        noise(),
        cut_out,
    ):
        made = run(source, f"format={format},q=auto")
        assert opened(made.data).size == (made.width, made.height)


def test_a_large_picture_is_judged_by_its_middle() -> None:
    """Of 2.6 megapixels the outer ones are noise, for which no quality is high enough."""
    values = np.asarray(opened(noise(2_000, 1_300))).copy()
    smooth = opened(encoded(lopsided(1_754, 1_140), "PNG"))
    values[80:1_220, 123:1_877] = np.asarray(smooth)
    framed = encoded(Image.fromarray(values), "PNG")
    made, best = (len(run(framed, f"format=jpeg,q={q},effort=0").data) for q in ("auto", "95"))
    assert made < best / 2


@pytest.mark.parametrize("format", ["png", "gif", "tiff", "webp,lossless"])
def test_auto_means_nothing_where_nothing_is_lost_by_it(format: str) -> None:
    source = encoded(lopsided(), "PNG")
    assert run(source, f"format={format},q=auto").data == run(source, f"format={format}").data


def test_an_animation_is_judged_by_its_first_frame(data: Path) -> None:
    source = (data / "photos" / "anim-graphic.gif").read_bytes()
    with Image.open(io.BytesIO(run(source, "format=webp,q=auto").data)) as made:
        assert made.n_frames == Image.open(io.BytesIO(source)).n_frames  # type: ignore[attr-defined]


# Small enough


@pytest.mark.parametrize("format", [*LOSSY, "png", "gif"])
@pytest.mark.parametrize("most", [3_000, 6_000, 20_000])
def test_an_answer_has_no_more_bytes_than_it_may(
    sources: dict[str, bytes], format: str, most: int
) -> None:
    made = run(sources["mountains.jpg"], f"w=160,format={format},max_bytes={most}").data
    assert len(made) <= most
    assert opened(made).size == (160, 120)


@given(
    st.sampled_from([*LOSSY, "png", "gif", "tiff", "auto", "auto-webp", "auto-avif"]),
    st.integers(100, 12_000),
    st.sampled_from(["", ",q=auto", ",q=95", ",effort=0", ",lossless", ",colors=16"]),
)
@settings(max_examples=60)
def test_the_promise_holds_or_is_refused(format: str, most: int, wish: str) -> None:
    source = encoded(lopsided(120, 80).effect_spread(9), "PNG")
    transform = f"format={format},max_bytes={most}{wish}"
    with contextlib.suppress(OutputTooLarge):
        assert len(run(source, transform).data) <= most
        return
    with pytest.raises(OutputTooLarge, match=f"{most} bytes .*: ask for a smaller size"):
        run(source, transform)


@pytest.mark.parametrize("format", LOSSY)
def test_no_more_is_given_up_than_is_needed(sources: dict[str, bytes], format: str) -> None:
    source = sources["forest.jpg"]
    sizes = {q: len(run(source, f"w=200,format={format},q={q}").data) for q in range(30, 61)}
    for most in (sizes[35], sizes[50] + 3):
        made = len(run(source, f"w=200,format={format},max_bytes={most}").data)
        assert 0.9 * most <= made <= most


def test_what_fits_is_left_as_it_is(sources: dict[str, bytes]) -> None:
    source = sources["sunset.jpg"]
    for wish in ("format=jpeg", "format=webp,q=90", "format=png", "format=gif"):
        plain = run(source, f"w=100,{wish}").data
        assert run(source, f"w=100,{wish},max_bytes={len(plain)}").data == plain
        assert run(source, f"w=100,{wish},max_bytes={len(plain) - 1}").data != plain


def test_a_png_gives_up_colours_and_no_more_than_it_must(sources: dict[str, bytes]) -> None:
    source = sources["sunset.jpg"]
    exact = opened(run(source, "w=200,format=png").data)
    differences = [
        dissimilarity(
            picture_of(source, f"w=200,format=png,max_bytes={most}").convert("RGB"), exact
        )
        for most in (60_000, 22_000, 12_000, 5_000)
    ]
    assert differences == sorted(differences)
    assert len(set(differences)) == 4


@pytest.mark.parametrize("wish", ["tiff", "webp,lossless", "avif,lossless"])
def test_what_may_lose_nothing_is_refused_when_it_is_too_large(wish: str) -> None:
    with pytest.raises(OutputTooLarge, match="ask for a smaller size, or another format"):
        run(noise(), f"format={wish},max_bytes=50kb")


def test_a_limit_of_nothing_is_refused(sources: dict[str, bytes]) -> None:
    for format in (*LOSSY, "png", "gif"):
        with pytest.raises(OutputTooLarge, match="200 bytes"):
            run(sources["forest.jpg"], f"format={format},max_bytes=200")


def test_a_quality_that_is_asked_for_is_an_upper_bound(sources: dict[str, bytes]) -> None:
    source = sources["forest.jpg"]
    low = run(source, "w=200,q=30").data
    assert run(source, "w=200,q=30,max_bytes=90kb").data == low
    assert len(run(source, "w=200,q=90,max_bytes=9kb").data) <= 9_000


# No larger than the source


def poor(photos: Path, format: str, quality: int) -> bytes:
    picture = picture_of((photos / "forest.jpg").read_bytes(), "w=300,format=png")
    return encoded(picture.convert("RGB"), format, quality=quality)


@pytest.mark.parametrize("format", LOSSY)
@pytest.mark.parametrize("wish", ["", "q=auto", "rotate=90", "w=900", "flip=horizontal,q=auto"])
def test_what_is_its_source_again_has_no_more_bytes(photos: Path, format: str, wish: str) -> None:
    source = poor(photos, "JPEG", 35)
    made = run(source, f"format={format},{wish}").data
    assert len(made) <= len(source)


def test_what_is_more_than_its_source_again_may_have_more_bytes(photos: Path) -> None:
    source = poor(photos, "JPEG", 35)
    for wish in ("q=80", "sharpen=3", "w=400,enlarge", "text=Hello"):
        assert len(run(source, wish).data) > len(source), wish


def test_a_source_that_is_large_enough_bounds_nothing(photos: Path) -> None:
    source = poor(photos, "JPEG", 97)
    quality = 80 if len(run(source, "effort=0,q=80").data) < len(source) else 0
    assert run(source, "effort=0").data == run(source, f"effort=0,q={quality}").data


def test_the_metadata_goes_whatever_the_size(photos: Path) -> None:
    picture = opened(poor(photos, "JPEG", 35))
    laden = encoded(picture, "JPEG", quality=35, comment=b"a comment that goes")
    made = run(laden).data
    assert len(made) <= len(laden)
    assert b"a comment" not in made


def test_a_png_is_written_with_more_effort_when_its_source_is_smaller() -> None:
    source = encoded(lopsided(1_000, 600).effect_spread(2), "PNG", optimize=True)
    for wish, effort in (("", 9), ("crop=1000:599", None)):
        usual, thorough = (run(source, f"{wish},format=png{e}").data for e in ("", ",effort=9"))
        assert (usual == thorough) is (effort == 9)
