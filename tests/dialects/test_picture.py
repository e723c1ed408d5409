import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.dialects import Grammar, Match, match, picture
from safelight.errors import NotFound, RequestError, TransformInvalid
from safelight.params import half_up
from safelight.transform import Transform, parse
from tests.support.strategies import keys, transforms


def meaning(query: str) -> str:
    found = match("/picture/cats/tabby.png", query, Grammar())
    assert found.key == "cats/tabby.png"
    return found.transform.canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("scalex=640&scaley=480", "w=640,h=480,fit=inside"),
        ("scaley=480&scalex=640", "w=640,h=480,fit=inside"),
        ("scalex=640", "w=640"),
        ("scaley=480", "h=480"),
        ("scalex=&scaley=480&encoding=", "h=480"),
        ("scalex=640.4&scaley=480.5", "w=640,h=481,fit=inside"),
        ("scalex=640.&scaley=.5", "w=640,h=1,fit=inside"),
        ("scalex=0.5", "w=1"),
        ("scalex=65535", "w=65535"),
        ("encoding=jpg", "format=jpeg"),
        ("encoding=jpeg", "format=jpeg"),
        ("encoding=JPG", "format=jpeg"),
        ("encoding=webp&scalex=5", "w=5,format=webp"),
        ("encoding=auto", "format=auto"),
        ("encoding=tif", "format=tiff"),
        ("width=5&quality=1&encoding=png", "format=png"),
    ],
)
def test_these_queries_mean_this(query: str, canonical: str) -> None:
    assert meaning(query) == canonical


@pytest.mark.parametrize("name", ["scalex", "scaley"])
@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "NaN",
        "inf",
        "-inf",
        "infinity",
        "1e9",
        "1e2",
        "0",
        "0.0",
        "0.4999",
        "-1",
        "-0.5",
        "65535.5",
        "65536",
        "999999",
        "1000000",
        "640px",
        "0x10",
        ".",
        "1.2.3",
        "1,5",
        "1_000",
        "%2B5",
        "%D9%A3",
        "ten",
        "5%0B6",
    ],
)
def test_what_is_no_length_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(RequestError) as caught:
        meaning(f"{name}={value}")
    assert caught.value.status == 400
    if isinstance(caught.value, TransformInvalid):
        assert caught.value.detail.startswith(f"{name}=")
        assert "640.5" in caught.value.detail
    else:
        assert value == "5%0B6", "only a control character is refused before it is read"


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    with pytest.raises(TransformInvalid) as caught:
        meaning("scalex=" + "9" * 7_000)
    assert len(caught.value.detail) < 150


@pytest.mark.parametrize("value", ["bmp", "heic", "jp", "image/png", "svg"])
def test_an_encoding_that_cannot_be_written_is_refused_with_those_that_can(value: str) -> None:
    with pytest.raises(TransformInvalid, match=r"expected one of auto, .*jpeg, png, webp, avif"):
        meaning(f"encoding={value}")


@pytest.mark.parametrize("query", ["scalex=5&scalex=6", "scalex=&scalex=6", "encoding=%zz"])
def test_a_query_that_contradicts_itself_is_malformed(query: str) -> None:
    with pytest.raises(RequestError):
        meaning(query)


@given(st.floats(0.5, 65_535, allow_nan=False))
def test_any_length_is_rounded(length: float) -> None:
    text = f"{length:.10f}"
    assert meaning(f"scalex={text}") == f"w={half_up(float(text))}"


@given(st.floats())
def test_any_number_is_a_length_or_refused(number: float) -> None:
    try:
        canonical = meaning(f"scaley={number}")
    except TransformInvalid:
        assert not 0.5 <= number <= 65_535 or "e" in str(number) or len(str(number)) > 15
        return
    assert canonical == f"h={half_up(number)}"


@given(st.text(max_size=40))
def test_any_query_is_understood_or_refused(query: str) -> None:
    for text in (query, f"scalex={query}", f"encoding={query}&scaley={query}"):
        try:
            found = match("/picture/x.jpg", text.encode("utf-8", "replace").decode(), Grammar())
        except RequestError:
            continue
        assert found.transform == parse(found.transform.canonical)


@pytest.mark.parametrize("path", ["/picture", "/picture/", "/picture/../x.jpg", "/picture//x.jpg"])
def test_a_path_that_leads_nowhere_is_not_there(path: str) -> None:
    with pytest.raises(NotFound):
        match(path, "scalex=5", Grammar())


LENGTHS = st.one_of(st.none(), st.integers(1, 65_535))
SAYABLE = st.builds(
    lambda w, h, encoding: Transform.of(w=w, h=h, fit="inside", format=encoding),
    LENGTHS,
    LENGTHS,
    st.sampled_from([None, "auto", "jpeg", "png", "webp", "avif", "gif", "tiff"]),
)


@given(keys(), SAYABLE)
def test_what_is_built_is_read_again(key: str, transform: Transform) -> None:
    path, _, query = picture.build(key, transform).partition("?")
    assert match(path, query, Grammar()) == Match(key, transform)


@given(keys(), transforms())
def test_what_can_be_built_of_any_transform_is_read_again(key: str, transform: Transform) -> None:
    try:
        path, _, query = picture.build(key, transform).partition("?")
    except ValueError:
        return
    assert match(path, query, Grammar()) == Match(key, transform)


@pytest.mark.parametrize("text", ["800x600", "w=5,quality=5", "bg=red", "80x60,fit=inside,dpr=2"])
def test_more_than_this_dialect_knows_cannot_be_said(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be said"):
        picture.build("x.jpg", parse(text))
