"""Attributes as clouds keep them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.storage.attributes import read, written

names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)
# Half a surrogate pair is no text that could be sent.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.dictionaries(names, texts, max_size=3))
def test_any_text_comes_back(attributes: dict[str, str]) -> None:
    sent = written(attributes)
    assert read(sent) == attributes
    for value in sent.values():
        # RFC 9110 §5.5, and nothing at the ends that a server would cut off.
        assert value.isascii()
        assert value.isprintable()
        assert " " not in value


def test_what_browsers_read_is_not_encoded() -> None:
    sent = {"Content-Type": "image/svg+xml; charset=utf-8", "cache-control": "max-age=3, public"}
    assert written(sent) == {
        "Content-Type": "image/svg+xml; charset=utf-8",
        "Cache-Control": "max-age=3, public",
    }
    assert read({"content-type": "a%20b"}) == {"Content-Type": "a%20b"}


def test_what_people_read_stays_readable() -> None:
    plain = "w=300,fit=inside/cats/tabby@2x.jpg~1:2"
    assert written({"transform": plain}) == {"transform": plain}
    assert written({"source": "näh 1%"}) == {"source": "n%C3%A4h%201%25"}


def test_the_longest_are_left_out_until_the_rest_fits() -> None:
    attributes = {
        "digest": "0" * 64,
        "source": "ü" * 200,
        "transform": "x" * 900,
        "text": "y" * 901,
    }
    assert set(written(attributes)) == {"digest", "transform", "text"}
    assert set(written(attributes | {"more": "z" * 800})) == {"digest", "transform", "more"}
    assert written({"one": "x" * 1_898}) == {}
    assert written({"one": "x" * 1_897}) != {}


@pytest.mark.parametrize("name", ["made-at", "made_at", "Made", "", "näh", "a b", "x" * 65])
def test_a_name_that_some_cloud_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of an attribute"):
        written({name: ""})
