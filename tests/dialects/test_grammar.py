from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.dialects.grammar import decode, read_key, read_query, write_key
from safelight.errors import NotFound, RequestError
from safelight.remote import is_remote
from tests.support.strategies import keys, remotes


@given(keys())
def test_a_key_that_is_written_is_read(key: str) -> None:
    written = write_key(key)
    assert read_key(written) == key
    assert written.isascii()
    assert not set(written) & set('?#%"<>\\^`{|} ') - {"%"}


@given(remotes())
def test_the_address_of_a_picture_elsewhere_is_read_however_it_is_escaped(key: str) -> None:
    written = write_key(key)
    assert read_key(written) == key
    assert read_key(quote(key, safe="")) == key
    assert read_key(written.replace("://", ":/", 1)) == key
    assert not set(written) & set('?#"<>\\^`{|} ')


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_percent_encoding_is_undone_exactly_once(text: str) -> None:
    assert decode(quote(text, safe="")) == text
    assert decode(quote(quote(text, safe=""), safe="")) == quote(text, safe="")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("cat.jpg", "cat.jpg"),
        ("cats/tabby.jpg", "cats/tabby.jpg"),
        ("cats%2Ftabby.jpg", "cats/tabby.jpg"),
        ("a+b%20c.jpg", "a+b c.jpg"),
        ("%C3%A9t%c3%a9.jpg", "été.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("a%252e%252e%252fb.jpg", "a%2e%2e%2fb.jpg"),
        ("a..b/c...jpg", "a..b/c...jpg"),
        ("a%3Fb%23c.jpg", "a?b#c.jpg"),
        # Not a separator in any store: one strange name, which no folder has.
        ("a%5C..%5Cb.jpg", "a\\..\\b.jpg"),
    ],
)
def test_these_keys_are_read(text: str, key: str) -> None:
    assert read_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/cat.jpg",
        "cat.jpg/",
        "a//b.jpg",
        "a%2F%2Fb.jpg",
        "%2Fetc%2Fpasswd",
        "..",
        "../cat.jpg",
        "a/../b.jpg",
        "a/..",
        "./cat.jpg",
        "a/./b.jpg",
        "%2e%2e/cat.jpg",
        "%2E%2E%2Fcat.jpg",
        ".%2e/cat.jpg",
        "a%2F..%2Fb.jpg",
        "a/%2e%2e/b.jpg",
        "..%5C..%5Ccat.jpg",
        "..\\cat.jpg",
        ".../cat.jpg",
        ".env",
        "a/.git/config",
        "a/%2egit/config",
        ".safelight/variants/x",
    ],
)
def test_what_leads_astray_is_not_there(text: str) -> None:
    with pytest.raises(NotFound):
        read_key(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a%.jpg", "two hexadecimal digits"),
        ("a%2", "two hexadecimal digits"),
        ("a%zz.jpg", "two hexadecimal digits"),
        ("%%32", "two hexadecimal digits"),
        ("a%ff.jpg", "UTF-8"),
        ("%c0%ae%c0%ae/cat.jpg", "UTF-8"),
        ("%ed%a0%80.jpg", "UTF-8"),
        ("%e2%82.jpg", "UTF-8"),
        ("a%00.jpg", "control"),
        ("a%0d%0aSet-Cookie:x", "control"),
        ("a%7f.jpg", "control"),
        ("a%c2%85.jpg", "control"),
        ("a\n.jpg", "control"),
        ("a\x00.jpg", "control"),
    ],
)
def test_what_is_no_text_is_malformed(text: str, fault: str) -> None:
    for read in (decode, read_key):
        with pytest.raises(RequestError, match=fault) as caught:
            read(text)
        assert caught.value.status == 400


hostile = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "/",
                "//",
                ".",
                "..",
                "%2e",
                "%2E%2e",
                "%2f",
                "%2F..",
                "%5c",
                "\\",
                "%00",
                "%0a",
                "%",
                "%zz",
                "%25",
                "%252e",
                "%ff",
                "%c0%ae",
                "a",
                ".a",
                "~",
                "é",
                "https:/",
                "HTTP://a/",
            ]
        ),
        st.text(max_size=4),
        st.binary(max_size=4).map(lambda raw: raw.decode("latin-1")),
    ),
    max_size=8,
).map("".join)


@given(hostile)
def test_any_text_is_a_key_that_stays_below_or_an_error(text: str) -> None:
    try:
        key = read_key(text)
    except UnicodeEncodeError:
        # A lone surrogate is no letter of any address: bytes cannot make one.
        assert any("\ud800" <= letter <= "\udfff" for letter in text)
        return
    except RequestError:
        return
    if not is_remote(key):
        assert not key.startswith("/")
        assert all(part and not part.startswith(".") for part in key.split("/"))
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in key)
    assert read_key(write_key(key)) == key


NAMES = ("scalex", "scaley")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {}),
        ("&&", {}),
        ("scalex=640", {"scalex": "640"}),
        ("scalex=640&scaley=480", {"scalex": "640", "scaley": "480"}),
        ("utm_source=a&utm_source=b&scalex=1", {"scalex": "1"}),
        ("scalex", {"scalex": ""}),
        ("scalex=", {"scalex": ""}),
        ("scalex=a=b", {"scalex": "a=b"}),
        ("scalex=%20+6%2B4+", {"scalex": "6+4"}),
        ("other=%zz&other=%ff", {}),
        ("SCALEX=1", {}),
    ],
)
def test_the_named_values_of_a_query_are_found(query: str, found: dict[str, str]) -> None:
    assert read_query(query, NAMES) == found


@pytest.mark.parametrize(
    "query", ["scalex=1&scalex=1", "scalex=&scalex=1", "scalex=%zz", "scalex=%ff", "scalex=%00"]
)
def test_a_value_given_twice_or_that_is_no_text_is_malformed(query: str) -> None:
    with pytest.raises(RequestError):
        read_query(query, NAMES)
