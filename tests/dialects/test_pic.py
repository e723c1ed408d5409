import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.dialects import Grammar, match, pic
from safelight.errors import NotFound, TransformInvalid
from safelight.transform import Transform, parse
from tests.support.strategies import keys, transforms

WHOLE = parse("quality=75")


def by_width(width: int) -> Transform:
    return Transform.of(w=width)


@pytest.mark.parametrize(
    ("path", "key", "transform"),
    [
        ("/pic/480/x.jpg", "x.jpg", by_width(480)),
        ("/pic/480/a/b/x.jpg", "a/b/x.jpg", by_width(480)),
        ("/pic/480/640/x.jpg", "640/x.jpg", by_width(480)),
        ("/pic/0480/x.jpg", "x.jpg", by_width(480)),
        ("/pic/x.jpg", "x.jpg", WHOLE),
        ("/pic/a/b/x.jpg", "a/b/x.jpg", WHOLE),
        ("/pic/480", "480", WHOLE),
        ("/pic/480px/x.jpg", "480px/x.jpg", WHOLE),
        ("/pic/%D9%A4/x.jpg", "٤/x.jpg", WHOLE),
    ],
)
def test_these_addresses_mean_this(path: str, key: str, transform: Transform) -> None:
    found = match(path, "", Grammar())
    assert (found.key, found.transform) == (key, transform)


@pytest.mark.parametrize("width", ["0", "65536", "99999999999", "9" * 5_000])
def test_a_width_that_no_picture_has_is_refused(width: str) -> None:
    with pytest.raises(TransformInvalid, match="from 1 to 65535") as caught:
        match(f"/pic/{width}/x.jpg", "", Grammar())
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize(
    "path", ["/pic", "/pic/", "/pic/480/", "/pic//x.jpg", "/pic/../x.jpg", "/pic/480/../x.jpg"]
)
def test_an_address_without_a_key_or_with_one_that_leads_astray_is_not_there(path: str) -> None:
    with pytest.raises(NotFound):
        match(path, "", Grammar())


@given(keys(), st.one_of(st.integers(1, 65_535).map(by_width), st.just(WHOLE), transforms()))
def test_what_can_be_built_is_read_again(key: str, transform: Transform) -> None:
    try:
        address = pic.build(key, transform)
    except ValueError:
        assert transform != by_width(transform["w"] or 1)
        return
    found = match(address, "", Grammar())
    assert (found.key, found.transform) == (key, transform)


@pytest.mark.parametrize("text", ["", "w=5,h=5", "w=5,format=png", "quality=74"])
def test_more_than_a_width_cannot_be_said(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be said"):
        pic.build("x.jpg", parse(text))


def test_a_folder_with_the_name_of_a_width_is_reached_by_a_width_only() -> None:
    with pytest.raises(ValueError, match="cannot be said"):
        pic.build("480/x.jpg", WHOLE)
    assert pic.build("480/x.jpg", by_width(5)) == "/pic/5/480/x.jpg"
