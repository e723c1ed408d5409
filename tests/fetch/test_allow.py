import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.fetch.allow import Rule
from safelight.remote import read
from tests.support.strategies import remotes


@pytest.mark.parametrize(
    ("rule", "permitted"),
    [
        ("https://images.example.com/a/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/a/b/c/cat.jpg?x=/../b"),
        ("https://images.example.com:443/a/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com:443/a/cat.jpg"),
        ("HTTPS://Images.Example.COM/a/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a/", "https:/IMAGES.example.com/a/cat.jpg"),
        ("https://images.example.com/%61/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/%61/cat.jpg"),
        ("https://images.example.com", "https://images.example.com/cat.jpg"),
        ("https://images.example.com/", "https://images.example.com/a/cat.jpg"),
        ("http://images.example.com:8080/", "http://images.example.com:8080/cat.jpg"),
        ("https://images.example.com/a/cat.jpg", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a b/", "https://images.example.com/a%20b/cat.jpg"),
        ("https://*.example.com/", "https://images.example.com/cat.jpg"),
        ("https://*.example.com:8443/a/", "https://images.example.com:8443/a/cat.jpg"),
        ("https://[2001:db8::1]/", "https://[2001:DB8:0:0::1]/cat.jpg"),
        ("https://192.0.2.1/", "https://192.0.2.1/cat.jpg"),
    ],
)
def test_what_lies_in_the_folder_is_permitted(rule: str, permitted: str) -> None:
    assert Rule.parse(rule).permits(read(permitted))


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        # The beginning of the text is the same, and means nothing.
        ("https://images.example.com/a/", "https://images.example.com/ab/cat.jpg"),
        ("https://images.example.com/a", "https://images.example.com/ab/cat.jpg"),
        ("https://images.example.com/a", "https://images.example.com/a.jpg"),
        ("https://images.example.com", "https://images.example.com.evil.example/cat.jpg"),
        ("https://images.example.com", "https://images.example.community/cat.jpg"),
        ("https://images.example.com:80", "https://images.example.com:8080/cat.jpg"),
        ("https://images.example.com:8", "https://images.example.com:80/cat.jpg"),
        ("https://192.0.2.1/", "https://192.0.2.11/cat.jpg"),
        # Another scheme, host or port.
        ("https://images.example.com/a/", "http://images.example.com/a/cat.jpg"),
        ("http://images.example.com/a/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/", "https://images.example.com:8443/cat.jpg"),
        ("https://images.example.com:443/", "http://images.example.com:443/cat.jpg"),
        ("https://images.example.com/", "https://example.com/cat.jpg"),
        ("https://example.com/", "https://images.example.com/cat.jpg"),
        ("https://images.example.com/", "https://evil.example/images.example.com/cat.jpg"),
        ("https://images.example.com/", "https://evil.example/a?https://images.example.com/"),
        # Another folder: letters count, an escaped slash does not divide, escapes are no others.
        ("https://images.example.com/a/", "https://images.example.com/A/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/b/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/a%2Fcat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/%2561/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/cat.jpg?/a/"),
        ("https://images.example.com/a/b/", "https://images.example.com/a/cat.jpg"),
        ("https://images.example.com/a/", "https://images.example.com/a;b/cat.jpg"),
        # One label for the asterisk, no more and no fewer.
        ("https://*.example.com/", "https://example.com/cat.jpg"),
        ("https://*.example.com/", "https://a.b.example.com/cat.jpg"),
        ("https://*.example.com/", "https://imagesexample.com/cat.jpg"),
        ("https://*.example.com/", "https://images.example.com.evil.example/cat.jpg"),
        ("https://*.example.com/", "https://evil.example/a.example.com"),
        ("https://*.example.com/a/", "https://images.example.com/b/cat.jpg"),
        ("https://*.example.com/", "http://images.example.com/cat.jpg"),
    ],
)
def test_what_only_looks_like_it_is_refused(rule: str, refused: str) -> None:
    assert not Rule.parse(rule).permits(read(refused))


@pytest.mark.parametrize(
    "address",
    [
        "https://images.example.com@evil.example/a/cat.jpg",
        "https://images.example.com:443@evil.example/a/cat.jpg",
        "https://images.example.com\\@evil.example/a/cat.jpg",
        "https://images.example.com\\.evil.example/a/cat.jpg",
        "https://evil.example\\images.example.com/a/cat.jpg",
        "https://images.example.com/a/../b/cat.jpg",
        "https://images.example.com/a/%2e%2e/b/cat.jpg",
        "https://images.example.com/a/x%2f..%2f..%2fb/cat.jpg",
        "https://images.example.com/a/%252e%252e/b/cat.jpg",
        "https://images.example.com/a/..%5cb/cat.jpg",
        "https://images.example.com#@evil.example/a/cat.jpg",
        "https:///images.example.com/a/cat.jpg",
        "https://images.example.com%2f@evil.example/a/cat.jpg",
        "https://images.example.com%00.evil.example/a/cat.jpg",
        "https://images.example.com\t.evil.example/a/cat.jpg",
        "https://images。example。com/a/cat.jpg",
        "https://images.example.com./a/cat.jpg",
    ],
)
def test_what_could_be_read_in_two_ways_does_not_come_as_far_as_a_rule(address: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(address)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*",
        "https://*/",
        "https://*.com/",
        "https://*.example.com.*/",
        "https://a.*.example.com/",
        "https://*a.example.com/",
        "https://**.example.com/",
        "https://*.[::1]/",
        "images.example.com",
        "//images.example.com/",
        "ftp://images.example.com/",
        "https://user:pass@images.example.com/",
        "https://images.example.com/a?b",
        "https://images.example.com/a/*",
        "https://images.example.com/../",
        "",
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Rule.parse(text)


@given(remotes(), remotes())
def test_a_rule_permits_its_own_folder_and_what_is_below_and_nothing_else(
    key: str, other: str
) -> None:
    picture, stranger = read(key), read(other)
    folder = picture.place.rpartition("/")[0]
    rule = Rule.parse(folder)
    assert rule.permits(picture)
    assert rule.permits(stranger) == f"{stranger.place}/".startswith(f"{folder}/")


@given(st.text(max_size=20).map(lambda text: "https://" + text))
def test_any_rule_is_understood_or_refused(text: str) -> None:
    try:
        rule = Rule.parse(text)
    except ValueError:
        return
    assert rule.folder.scheme == "https"
    assert not rule.permits(read("https://safelight.invalid/cat.jpg"))
