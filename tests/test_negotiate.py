import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import RangeInvalid
from safelight.negotiate import (
    accepted,
    byte_range,
    http_date,
    matches,
    not_modified_since,
    viewer_class,
)
from safelight.operations import PARAMETERS

CHROME_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
CHROME_PAGE = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX_IMAGE = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
FIREFOX_OLD = "image/webp,*/*"
SAFARI_IMAGE = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,"
    "image/svg+xml,image/*;q=0.8,*/*;q=0.5"
)
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (CHROME_IMAGE, "auto-avif"),
        (CHROME_PAGE, "auto-avif"),
        (FIREFOX_IMAGE, "auto-avif"),
        (FIREFOX_OLD, "auto-webp"),
        (SAFARI_IMAGE, "auto-avif"),
        (SAFARI_13, "auto"),
        ("*/*", "auto"),
        ("", "auto"),
        ("image/*", "auto"),
        ("image/*;q=0.9, */*;q=0.1", "auto"),
        ("text/html", "auto"),
        ("image/webp", "auto-webp"),
        ("IMAGE/WebP", "auto-webp"),
        ("image/avif;q=0, image/webp", "auto-webp"),
        ("image/avif;q=0.000", "auto"),
        ("image/avif;q=0.5, image/webp;q=0.6", "auto-webp"),
        ("image/avif;q=0.5, image/webp;q=0.5", "auto-avif"),
        ("image/webp;q=1.000, image/avif;q=0.999", "auto-webp"),
        ("image/avif;q=0.5, image/jpeg", "auto"),
        ("image/avif;q=0.5, image/jpeg;q=0.5", "auto-avif"),
        ("image/avif;q=0.5, image/*;q=0.9", "auto"),
        ("image/avif;q=0.5, image/jpeg;q=0.1, */*", "auto-avif"),
        ("image/webp;q=0.2, */*;q=0.1", "auto-webp"),
        ("image/avifx, ximage/webp, image/webp2", "auto"),
    ],
)
def test_a_viewer_is_sorted_by_the_best_format_that_is_named_and_wanted(
    accept: str, wanted: str
) -> None:
    assert viewer_class(accept) == wanted
    assert wanted in PARAMETERS["format"].kind.schema()["enum"]


@pytest.mark.parametrize(
    ("writable", "wanted"),
    [
        (("jpeg", "png", "webp", "avif"), "auto-avif"),
        (("jpeg", "png", "webp"), "auto-webp"),
        (("jpeg", "png"), "auto"),
    ],
)
def test_what_cannot_be_written_counts_for_nothing(writable: tuple[str, ...], wanted: str) -> None:
    assert viewer_class(CHROME_IMAGE, writable) == wanted


@pytest.mark.parametrize(
    ("accept", "ranges"),
    [
        ("", {}),
        (" , ,", {}),
        ("image/webp", {"image/webp": 1.0}),
        ("\timage/webp ; q=0.5 , */* ", {"image/webp": 0.5, "*/*": 1.0}),
        ("image/webp;Q=0.5", {"image/webp": 0.5}),
        ("image/webp;q=1.000,image/avif;q=0.", {"image/webp": 1.0, "image/avif": 0.0}),
        # RFC 9110 §5.6.6: a parameter may be empty.
        ("image/webp;;q=0.5, image/avif;", {"image/webp": 0.5, "image/avif": 1.0}),
        ("image/webp;q=0.5, nonsense, image/avif", {"image/webp": 0.5, "image/avif": 1.0}),
        ("text/html;level=1, image/png", {"image/png": 1.0}),
    ],
)
def test_an_accept_header_is_read(accept: str, ranges: dict[str, float]) -> None:
    assert accepted(accept) == ranges


@pytest.mark.parametrize(
    "element",
    [
        "image", "image/", "/webp", "image/webp/x", "image /webp", "image/we bp", "image/webp;q",
        "image/webp;q=", "image/webp;q=2", "image/webp;q=1.1", "image/webp;q=-1",
        "image/webp;q=0.1234", "image/webp;q=.5", "image/webp;q= 0.5", "image/webp;q=nan",
        "image/webp;q=\u0660", "image/webp;v=1", "image/w\u00e9bp", '"image/webp"',
    ],
)  # fmt: skip
def test_an_element_without_grammar_is_left_out_and_the_others_stay(element: str) -> None:
    ranges = accepted(f"image/png;q=0.3, {element}, image/avif;q=0.4")
    assert "image/webp" not in ranges
    assert ranges["image/png"] == 0.3
    assert ranges["image/avif"] == 0.4


@given(st.text(max_size=200))
def test_any_accept_header_is_understood_as_far_as_it_goes(accept: str) -> None:
    ranges = accepted(accept)
    assert all(0 <= weight <= 1 for weight in ranges.values())
    assert viewer_class(accept) in ("auto-avif", "auto-webp", "auto")


@given(
    st.dictionaries(
        st.sampled_from(["image/avif", "image/webp", "image/jpeg", "image/png", "image/*", "*/*"]),
        st.integers(0, 1_000),
    ),
    st.randoms(use_true_random=False),
)
def test_weights_decide_and_not_the_order(weights: dict[str, int], chance: random.Random) -> None:
    elements = [f"{media};q={weight / 1000:.3f}" for media, weight in weights.items()]
    wanted = viewer_class(",".join(elements))
    chance.shuffle(elements)
    assert viewer_class(" , ".join(elements)) == wanted
    if wanted != "auto":
        chosen = wanted.removeprefix("auto-")
        assert weights[f"image/{chosen}"] == max(
            weights.get("image/avif", 0), weights.get("image/webp", 0)
        )
        assert weights[f"image/{chosen}"] >= max(1, weights.get("image/jpeg", 0))


def test_a_header_without_end_is_read_to_its_first_part() -> None:
    assert viewer_class("image/webp," + "x/y," * 100_000) == "auto-webp"
    assert viewer_class("x/y," * 100_000 + "image/webp") == "auto"


ETAG = '"0123abcd"'


@pytest.mark.parametrize(
    "header",
    [
        ETAG,
        f"W/{ETAG}",
        "*",
        " * ",
        f'"other", {ETAG}',
        f'W/"other",{ETAG} , "third"',
        f"  {ETAG}  ",
        f'"a,b", {ETAG}',
        f'"", {ETAG}',
        # RFC 9110 §5.6.1.2: a list may have empty elements.
        f',, "other",, W/{ETAG},',
        f'"\xe9", {ETAG}',
    ],
)
def test_a_picture_that_is_there_already_is_recognised(header: str) -> None:
    assert matches(header, ETAG)


@pytest.mark.parametrize(
    "header",
    [
        "",
        '"other"',
        "0123abcd",
        '"0123abcd',
        'w/"0123abcd"',
        '"0123ABCD"',
        '"0123abcd "',
        f'"*", "{ETAG}"',
        f"*, {ETAG}"[:1] + "x",
        f'"a" {ETAG}',
        f"garbage, {ETAG}",
        "," * 5_000 + ETAG,
    ],
)
def test_any_other_header_names_another_picture(header: str) -> None:
    assert not matches(header, ETAG)


@given(st.lists(st.from_regex(r'\A(W/)?"[!#-~]{0,8}"\Z'), max_size=6), st.booleans())
def test_a_list_names_what_is_in_it(tags: list[str], weak: bool) -> None:
    header = ", ".join(tags)
    assert matches(header, ETAG) == (ETAG in [tag.removeprefix("W/") for tag in tags])
    assert matches(", ".join([*tags, f"W/{ETAG}" if weak else ETAG]), ETAG)


@given(st.text(max_size=60))
def test_any_if_none_match_is_answered(header: str) -> None:
    assert matches(header, ETAG) in (True, False)


PARTS_OF_DATES = [
    *("Wed,", "Wednesday", "04", "4", "Mar", "2099", "05:06:07", "05.06", "GMT", "+9999", "-0000"),
    *"-:(),",
]
MADE = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


def after(seconds: int) -> str:
    return format_datetime((MADE + timedelta(seconds=seconds)).astimezone(UTC), usegmt=True)


def test_a_picture_is_unchanged_since_the_second_in_which_it_was_made() -> None:
    made = MADE.timestamp()
    assert not_modified_since(after(0), made)
    assert not_modified_since(after(1), made)
    assert not not_modified_since(after(-1), made)
    assert not_modified_since(http_date(int(made)), made), "what we said ourselves"
    assert not_modified_since("Wednesday, 04-Mar-26 05:06:07 GMT", made)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "yesterday",
        "0",
        "-1",
        "1772600767",
        "Wed, 04 Mar 2099",
        "Wed, 99 Mar 2099 05:06:07 GMT",
        "Wed, 04 Foo 2099 05:06:07 GMT",
        "Wed, 04 Mar 2099 25:06:07 GMT",
        "Wed, 04 Mar 99999999999999999999 05:06:07 GMT",
        "Wed, 04 Mar 2099 05:06:07 +99999999999999999999",
        "Wed, 04 Mar 2099 05:06:07 -0000",
        "Wed, 04 Mar " + "9" * 5_000 + " 05:06:07 GMT",
        "Wed, 04 Mar 0000 05:06:07 GMT",
        "Wed Mar  4 05:06:07 2099 (",
        '"0123abcd"',
    ],
)
def test_a_date_that_is_none_is_ignored(header: str) -> None:
    assert not not_modified_since(header, MADE.timestamp())


@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.one_of(
                st.sampled_from(PARTS_OF_DATES),
                st.integers().map(str),
            ),
            max_size=8,
        ).map(" ".join),
    )
)
def test_any_date_is_answered(header: str) -> None:
    assert not_modified_since(header, 1.5) in (True, False)


@given(st.integers(0, 253_402_300_799))
def test_a_date_is_written_as_http_wants_it(seconds: int) -> None:
    written = http_date(seconds)
    assert written.endswith(" GMT")
    assert len(written) == 29
    assert not_modified_since(written, seconds + 0.9)
    assert seconds == 0 or not not_modified_since(http_date(seconds - 1), seconds)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=0-99", (0, 100)),
        ("bytes=0-100", (0, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes= 10-19 ", (10, 20)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-999", (0, 100)),
        ("bytes=0-999999999999999999", (0, 100)),
        ("bytes=007-009", (7, 10)),
        # The whole is a right answer to what is not understood.
        ("bytes=19-10", None),
        ("bytes=200-100", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=--1", None),
        ("bytes=1.0-2", None),
        ("bytes=\u0661-", None),
        ("bytes=0-" + "9" * 5_000, None),
        ("items=0-1", None),
        ("0-1", None),
        ("", None),
    ],
)
def test_these_parts_of_a_hundred_bytes_are_sent(header: str, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == part


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("bytes=100-", 100),
        ("bytes=100-200", 100),
        ("bytes=-0", 100),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
    ],
)
def test_a_part_that_does_not_exist_is_refused_with_the_size(header: str, size: int) -> None:
    with pytest.raises(RangeInvalid, match=f"{size} bytes") as caught:
        byte_range(header, size)
    assert caught.value.status == 416


@given(
    st.one_of(
        st.text(max_size=20),
        st.builds(
            lambda first, last: f"bytes={first}-{last}",
            st.one_of(st.just(""), st.integers(0, 300)),
            st.one_of(st.just(""), st.integers(0, 300)),
        ),
    ),
    st.integers(0, 200),
)
def test_a_part_is_always_inside_and_never_empty(header: str, size: int) -> None:
    try:
        part = byte_range(header, size)
    except RangeInvalid:
        return
    if part is not None:
        assert 0 <= part[0] < part[1] <= size
