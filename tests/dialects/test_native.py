import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.dialects import Grammar, match, native
from safelight.errors import NotFound, RequestError, TransformInvalid
from safelight.transform import Transform, parse, parse_preset
from tests.support.strategies import keys, remotes, transforms

GRAMMAR = Grammar(
    {"thumb": parse_preset("w=300,h=300,fit=inside,format=jpeg")}, parse_preset("format=auto")
)


def meaning(path: str, grammar: Grammar) -> tuple[str, Transform]:
    found = match(path, "", grammar)
    return found.key, found.transform


@given(st.one_of(keys(), remotes()), transforms())
def test_what_is_built_is_read_again(key: str, transform: Transform) -> None:
    address = native.build(key, transform)
    assert meaning(address, Grammar()) == (key, transform)
    assert native.build(key, transform) == address
    assert address.isascii()
    assert not set(address) & set('?# "<>')


@pytest.mark.parametrize(
    ("path", "key", "text"),
    [
        ("/800x600/cats/tabby.jpg", "cats/tabby.jpg", "w=800,h=600,format=auto"),
        ("/800x/cat.jpg", "cat.jpg", "w=800,format=auto"),
        ("/x600/cat.jpg", "cat.jpg", "h=600,format=auto"),
        ("/800x600,fit=inside,f=webp,q=75/a b.jpg", "a b.jpg", "800x600,fit=inside,f=webp,q=75"),
        ("/thumb/cat.jpg", "cat.jpg", "w=300,h=300,fit=inside,format=jpeg"),
        ("/thumb,format=avif/cat.jpg", "cat.jpg", "w=300,h=300,fit=inside,format=avif"),
        ("/original/cat.jpg", "cat.jpg", "format=auto"),
        ("/original/original", "original", "format=auto"),
        ("/800x600/800x600", "800x600", "w=800,h=600,format=auto"),
        ("/800x600/thumb/pic/cat.jpg", "thumb/pic/cat.jpg", "w=800,h=600,format=auto"),
        ("/bg=%23fff,f=png/cat.jpg", "cat.jpg", "bg=ffffff,format=png"),
    ],
)
def test_these_addresses_mean_this(path: str, key: str, text: str) -> None:
    assert meaning(path, GRAMMAR) == (key, parse(text))


def test_an_escaped_sign_of_the_grammar_is_a_letter_of_a_name() -> None:
    for path in ("/w%3D800/cat.jpg", "/800x600%2Cenlarge/cat.jpg", "/800x600%2Fcat.jpg/x"):
        with pytest.raises(TransformInvalid):
            match(path, "", GRAMMAR)


def test_a_query_says_nothing() -> None:
    assert match("/80x/cat.jpg", "w=5&x=%zz", GRAMMAR) == match("/80x/cat.jpg", "", GRAMMAR)


@pytest.mark.parametrize("path", ["/", "", "/800x600", "/favicon.ico", "/thumb", "/800x600/"])
def test_an_address_without_a_key_is_not_there(path: str) -> None:
    with pytest.raises(NotFound):
        match(path, "", GRAMMAR)


def test_the_answer_to_half_an_address_says_what_a_whole_one_is() -> None:
    with pytest.raises(NotFound, match=r"/800x600/cat\.jpg"):
        match("/cat.jpg", "", GRAMMAR)


@pytest.mark.parametrize("path", ["/huge/cat.jpg", "/w=0/cat.jpg", "/cats/tabby.jpg", "/%ff/a.jpg"])
def test_a_wrong_transform_is_said_to_be_one(path: str) -> None:
    with pytest.raises(TransformInvalid):
        match(path, "", GRAMMAR)


@pytest.mark.parametrize("key", ["../a.jpg", "%2e%2e/a.jpg", ".env", "a//b.jpg", "a%2F..%2Fb.jpg"])
def test_a_key_that_leads_astray_is_not_there_whatever_the_transform(key: str) -> None:
    for text in ("800x600", "thumb", "original", "", "huge"):
        with pytest.raises(RequestError) as caught:
            match(f"/{text}/{key}", "", GRAMMAR)
        assert caught.value.status == 404


def test_defaults_that_need_a_size_count_when_there_is_one() -> None:
    grammar = Grammar(defaults=parse_preset("fit=fill"))
    assert match("/80x60/a.jpg", "", grammar).transform.canonical == "w=80,h=60,fit=fill"
    assert match("/original/a.jpg", "", grammar).transform == Transform()
    assert match("/80x60,fit=cover/a.jpg", "", grammar).transform.canonical == "w=80,h=60"
