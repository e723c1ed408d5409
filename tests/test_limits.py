import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from safelight.errors import OutputTooLarge, SourceTooLarge
from safelight.limits import Limits, decode_memory
from safelight.picture import Header
from safelight.plan import plan
from safelight.transform import Transform, parse
from tests.support.strategies import transforms

PHOTO = Header(
    format="jpeg", width=4_000, height=3_000, bands=3, depth=1, pages=1, orientation=1, alpha=False,
    palette=False, space="srgb", profile=None, buffered=False, coefficients=3.0, scans=1,
)  # fmt: skip
LIMITS = Limits()


def refused(header: Header, limits: Limits = LIMITS, *, frames: int = 1) -> str:
    with pytest.raises(SourceTooLarge) as caught:
        limits.check_header(header, frames=frames)
    assert caught.value.status == 413
    return caught.value.detail


def check(width: int, height: int, transform: Transform, *, frames: int = 1) -> tuple[int, int]:
    """Check what becomes of a picture, and give its size."""
    planned = plan(width, height, transform)
    LIMITS.check_plan(planned, frames=frames)
    return planned.size


def test_a_file_may_have_exactly_so_many_bytes() -> None:
    LIMITS.check_bytes(64_000_000)
    with pytest.raises(SourceTooLarge, match=r"64,000,001 bytes: at most 64,000,000"):
        LIMITS.check_bytes(64_000_001)


def test_a_picture_may_have_exactly_so_many_pixels() -> None:
    LIMITS.check_header(replace(PHOTO, width=10_000, height=5_000))
    assert "10000 x 5001 px: at most 50 megapixels" in refused(
        replace(PHOTO, width=10_000, height=5_001)
    )


def test_only_frames_that_would_be_decoded_count() -> None:
    animation = replace(PHOTO, pages=1_000)
    LIMITS.check_header(animation)
    four = replace(LIMITS, frames=4)
    four.check_header(animation, frames=4)
    detail = refused(animation, four, frames=5)
    assert "5 frames: at most 4 are allowed (frames=1 takes the first)" in detail
    detail = refused(animation, replace(four, frames=5), frames=5)
    assert "4000 x 3000 px in 5 frames: at most 50 megapixels" in detail
    assert "(frames=1 takes the first)" in detail


def test_a_picture_may_have_exactly_so_many_bands() -> None:
    LIMITS.check_header(replace(PHOTO, bands=5))
    assert "6 bands: at most 5" in refused(replace(PHOTO, bands=6))


def test_a_progressive_jpeg_may_have_exactly_so_many_scans() -> None:
    progressive = replace(PHOTO, buffered=True, scans=200)
    LIMITS.check_header(progressive)
    assert "201 scans: at most 200" in refused(replace(progressive, scans=201))


def test_a_progressive_jpeg_costs_all_of_its_coefficients() -> None:
    progressive = replace(PHOTO, width=8_000, height=6_000, buffered=True, scans=10)
    assert decode_memory(progressive) == 8_000 * 6_000 * 3
    assert decode_memory(replace(progressive, coefficients=6.0)) == 8_000 * 6_000 * 6
    LIMITS.check_header(progressive)
    detail = refused(replace(progressive, coefficients=6.0))
    assert "progressive or interlaced" in detail
    assert "save it smaller, or not progressive" in detail


def test_what_is_streamed_costs_some_rows() -> None:
    assert decode_memory(PHOTO) == 4_000 * 1_024 * 3
    assert decode_memory(replace(PHOTO, height=10)) == 4_000 * 10 * 3
    assert decode_memory(replace(PHOTO, depth=2)) == 2 * decode_memory(PHOTO)
    assert decode_memory(replace(PHOTO, bands=5)) * 3 == decode_memory(PHOTO) * 5


def test_a_very_wide_picture_is_refused_for_its_memory_only() -> None:
    wide = replace(PHOTO, width=40_000, height=1_100, bands=4, depth=2)
    assert "too much memory" in refused(wide)
    LIMITS.check_header(replace(wide, depth=1))


@given(
    st.integers(1, 70_000), st.integers(1, 70_000), st.integers(1, 6), st.sampled_from([1, 2, 4])
)
def test_decoding_by_rows_never_costs_more_than_holding_everything(
    width: int, height: int, bands: int, depth: int
) -> None:
    header = replace(PHOTO, width=width, height=height, bands=bands, depth=depth)
    whole = replace(header, buffered=True, coefficients=bands * depth)
    assert 0 < decode_memory(header) <= decode_memory(whole) == width * height * bands * depth


# What comes out.


@pytest.mark.parametrize(
    "text", ["8192x3000,enlarge", "8192x,enlarge,fit=fill", "5000x5000,enlarge", "x4000,enlarge"]
)
def test_an_answer_may_be_exactly_so_large(text: str) -> None:
    width, height = (8_192, 3_000) if "8192" in text else (5_000, 4_000)
    check(width, height, parse(text))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8193x1,enlarge,fit=fill", "8193 x 1"),
        ("1x8193,enlarge,fit=fill", "1 x 8193"),
        ("5001x5000,enlarge", "5001 x 5000"),
        ("4000x,dpr=2.1,enlarge", "8400 x 6300"),
        ("7000x,enlarge", "7000 x 5250"),
        ("zoom=2.05,enlarge", "8200 x 6150"),
    ],
)
def test_a_larger_answer_is_refused_with_its_size(text: str, size: str) -> None:
    with pytest.raises(OutputTooLarge) as caught:
        check(4_000, 3_000, parse(text))
    assert caught.value.status == 400
    assert f"{size} px: at most 8192 px a side and 25 megapixels" in caught.value.detail


def test_a_whole_source_that_is_larger_than_an_answer_may_be_is_refused() -> None:
    with pytest.raises(OutputTooLarge):
        check(9_000, 100, Transform())
    with pytest.raises(OutputTooLarge):
        check(6_000, 5_000, Transform())
    assert check(9_000, 100, parse("w=8192")) == (8_192, 91)


@pytest.mark.parametrize(
    ("full", "text"),
    [
        ((100, 5_000), "8000x10,enlarge"),
        ((5_000, 100), "10x8000,enlarge,g=smart"),
        ((1, 8_000), "8000x1,enlarge"),
        ((10, 60_000), "w=8000,h=10,enlarge,g=entropy"),
    ],
)
def test_a_small_answer_cut_from_something_huge_is_refused(
    full: tuple[int, int], text: str
) -> None:
    with pytest.raises(OutputTooLarge, match=r"enlarged to .* megapixels on its way"):
        check(*full, parse(text))
    assert check(*full, parse(text.replace("enlarge", "enlarge=0")))


@given(st.integers(1, 9_000), st.integers(1, 5_000), transforms())
def test_nothing_gets_past_that_is_larger_than_allowed_at_any_step(
    width: int, height: int, transform: Transform
) -> None:
    try:
        across, down = check(width, height, transform)
    except OutputTooLarge:
        return
    assert 1 <= across <= LIMITS.output_edge
    assert 1 <= down <= LIMITS.output_edge
    assert across * down <= LIMITS.output_pixels
    assert plan(width, height, transform).largest <= LIMITS.source_pixels


def test_every_frame_of_an_animation_counts() -> None:
    enlarged = parse("2000x2000,enlarge")
    assert check(100, 100, enlarged, frames=12) == (2_000, 2_000)
    with pytest.raises(OutputTooLarge, match=r"enlarged to 4.0 megapixels in 13 frames on its way"):
        check(100, 100, enlarged, frames=13)


@given(st.integers(1, 9_000), st.integers(1, 5_000), transforms())
def test_a_source_that_is_allowed_is_never_refused_for_being_shrunk(
    width: int, height: int, transform: Transform
) -> None:
    size = {
        name: value for name, value in transform.arguments if name in ("crop", "fit", "gravity")
    }
    assert check(width, height, Transform.of(**size, w=400, h=300))


@pytest.mark.parametrize(
    "text",
    ["", "8192x3051", "8192x", "x8192", "5000x5000", "1024x,dpr=8", "q=5", "9000x,max_w=8000"],
)
def test_a_wish_that_can_be_fulfilled_is_let_pass(text: str) -> None:
    LIMITS.check_wish(parse(text))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("8193x", "8193 px"),
        ("x8193", "8193 px"),
        ("2000x,dpr=4.5", "9000 px"),
        ("2000x,zoom=4.5", "9000 px"),
        ("9000x,max_w=4500,dpr=2", "9000 px"),
        ("9000x,max_h=10", "9000 px"),
        ("65535x65535,fit=contain", "65535 x 65535 px"),
    ],
)
def test_a_wish_that_is_too_large_is_refused_before_the_source_is_looked_for(
    text: str, asked: str
) -> None:
    with pytest.raises(OutputTooLarge) as caught:
        LIMITS.check_wish(parse(text))
    assert caught.value.detail.startswith(f"{asked} is asked for: at most 8192 px")


@given(transforms(), st.integers(1, 9_000), st.integers(1, 5_000))
def test_a_box_that_is_enlarged_to_is_refused_as_a_wish_too(
    transform: Transform, width: int, height: int
) -> None:
    bounds = dict.fromkeys(("max_w", "max_h", "min_w", "min_h"))
    padded = transform.changed(w=9_000, h=10, fit="contain", dpr=1.0, zoom=1.0, **bounds)
    with pytest.raises(OutputTooLarge):
        LIMITS.check_wish(padded)
    with pytest.raises(OutputTooLarge):
        check(width, height, padded)


def test_limits_can_be_set() -> None:
    tight = Limits(source_bytes=10, source_pixels=100, output_edge=5, output_pixels=20)
    with pytest.raises(SourceTooLarge):
        tight.check_bytes(11)
    assert refused(replace(PHOTO, width=101, height=1), tight)
    tight.check_plan(plan(10, 10, parse("5x4")))
    with pytest.raises(OutputTooLarge):
        tight.check_plan(plan(10, 10, parse("5x5")))
    with pytest.raises(OutputTooLarge):
        tight.check_wish(parse("6x"))
    tight.check_wish(parse("5x5,fit=inside"))
