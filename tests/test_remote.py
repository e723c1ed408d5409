import ipaddress
import re
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safelight.remote import MAX_LENGTH, Remote, is_remote, read, read_folder
from tests.support.strategies import remotes


@given(remotes())
def test_an_address_in_its_one_form_is_read_as_it_is(key: str) -> None:
    remote = read(key)
    assert remote.key == key
    assert is_remote(key)
    parts = urlsplit(key)
    assert (parts.scheme, parts.path, parts.query) == (remote.scheme, remote.path, remote.query)
    assert parts.hostname == remote.host
    assert parts.port in (remote.port, None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://images.example.com/a/cat.jpg", "https://images.example.com/a/cat.jpg"),
        ("http://images.example.com/cat.jpg", "http://images.example.com/cat.jpg"),
        ("HTTPS://Images.EXAMPLE.com/A/Cat.jpg", "https://images.example.com/A/Cat.jpg"),
        ("https:/images.example.com/cat.jpg", "https://images.example.com/cat.jpg"),
        ("https://images.example.com:443/cat.jpg", "https://images.example.com/cat.jpg"),
        ("http://images.example.com:80/cat.jpg", "http://images.example.com/cat.jpg"),
        ("http://images.example.com:443/cat.jpg", "http://images.example.com:443/cat.jpg"),
        ("https://images.example.com:8443/cat.jpg", "https://images.example.com:8443/cat.jpg"),
        ("https://a/cat.jpg", "https://a/cat.jpg"),
        ("https://my_bucket.example.com/cat.jpg", "https://my_bucket.example.com/cat.jpg"),
        ("https://xn--bcher-kva.example/cat.jpg", "https://xn--bcher-kva.example/cat.jpg"),
        ("https://192.0.2.1/cat.jpg", "https://192.0.2.1/cat.jpg"),
        ("https://[2001:DB8:0::1]/cat.jpg", "https://[2001:db8::1]/cat.jpg"),
        ("https://[::ffff:192.0.2.1]:8/cat.jpg", "https://[::ffff:c000:201]:8/cat.jpg"),
        # What is escaped and need not be, what has to be and is not, and what stays.
        ("https://a.example/%63at.jpg", "https://a.example/cat.jpg"),
        ("https://a.example/%7Ecat.jpg", "https://a.example/~cat.jpg"),
        ("https://a.example/a cat.jpg", "https://a.example/a%20cat.jpg"),
        ("https://a.example/a%20cat.jpg", "https://a.example/a%20cat.jpg"),
        ("https://a.example/a+cat.jpg", "https://a.example/a+cat.jpg"),
        ("https://a.example/Köln.jpg", "https://a.example/K%C3%B6ln.jpg"),
        ("https://a.example/K%c3%b6ln.jpg", "https://a.example/K%C3%B6ln.jpg"),
        ("https://a.example/100%.jpg", "https://a.example/100%25.jpg"),
        ("https://a.example/100%25.jpg", "https://a.example/100%25.jpg"),
        ("https://a.example/o/a%2fb.jpg?alt=media", "https://a.example/o/a%2Fb.jpg?alt=media"),
        ("https://a.example/a.jpg?", "https://a.example/a.jpg"),
        ("https://a.example/a.jpg?u=https://b/../c", "https://a.example/a.jpg?u=https://b/../c"),
        ("https://a.example/a.jpg?x[]=1|2", "https://a.example/a.jpg?x%5B%5D=1%7C2"),
        ("https://a.example/w_300,h_200/a;b=(1)/!$&'*.jpg",
         "https://a.example/w_300,h_200/a;b=(1)/!$&'*.jpg"),
        ("https://a.example/a..b/c...jpg", "https://a.example/a..b/c...jpg"),
    ],
)  # fmt: skip
def test_these_addresses_are_read(text: str, key: str) -> None:
    assert read(text).key == key
    assert read(key).key == key


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        # No server, or no picture of it.
        ("https://", "host"),
        ("https:///etc/passwd", "host"),
        ("https:/", "host"),
        ("https://?x", "host"),
        ("https://a.example", "no picture"),
        ("https://a.example?x=1", "no picture"),
        ("https://a.example/", "empty part"),
        ("https://a.example//cat.jpg", "empty part"),
        ("https://a.example/a//cat.jpg", "empty part"),
        ("https://a.example/a/", "empty part"),
        # Another scheme, or none.
        ("ftp://a.example/cat.jpg", "is not https"),
        ("file:///etc/passwd", "is not https"),
        ("//a.example/cat.jpg", "is not https"),
        ("gopher://a.example/cat.jpg", "is not https"),
        ("http\u017f://a.example/cat.jpg", "is not https"),
        ("https:a.example/cat.jpg", "is not https"),
        (" https://a.example/cat.jpg", "is not https"),
        ("https:\\\\a.example/cat.jpg", "backslash"),
        # Somebody's name and password, and what looks like a host before an @.
        ("https://user@a.example/cat.jpg", "credentials"),
        ("https://user:pass@a.example/cat.jpg", "credentials"),
        ("https://@a.example/cat.jpg", "credentials"),
        ("https://a.example:443@b.example/cat.jpg", "credentials"),
        ("https://a.example\\@b.example/cat.jpg", "backslash"),
        ("https://a.example%40b.example/cat.jpg", "no name"),
        ("https://a.example/cat.jpg#part", "fragment"),
        ("https://a.example#@b.example/cat.jpg", "fragment"),
        # Ports.
        ("https://a.example:/cat.jpg", "a host or a port"),
        ("https://a.example:0/cat.jpg", "a host or a port"),
        ("https://a.example:080/cat.jpg", "a host or a port"),
        ("https://a.example:65536/cat.jpg", "65535"),
        ("https://a.example:443:80/cat.jpg", "a host or a port"),
        ("https://a.example:x/cat.jpg", "a host or a port"),
        ("https://a.example:+80/cat.jpg", "a host or a port"),
        ("https://a.example:\uff18\uff10/cat.jpg", "xn--"),
        # Names.
        ("https://a..example/cat.jpg", "no name"),
        ("https://.a.example/cat.jpg", "no name"),
        ("https://a.example./cat.jpg", "no name"),
        ("https://-a.example/cat.jpg", "no name"),
        ("https://a b.example/cat.jpg", "no name"),
        ("https://a,b/cat.jpg", "no name"),
        ("https://*.example/cat.jpg", "no name"),
        ("https://%61.example/cat.jpg", "no name"),
        ("https://bücher.example/cat.jpg", "xn--"),
        ("https://\u212a.example/cat.jpg", "xn--"),
        ("https://a。example/cat.jpg", "xn--"),
        (f"https://{'a' * 64}.example/cat.jpg", "no name"),
        (f"https://{'a.' * 127}example/cat.jpg", "no name"),
        # Numbers that some resolver takes for an address.
        ("https://2130706433/cat.jpg", "number"),
        ("https://0x7f000001/cat.jpg", "number"),
        ("https://0X7F000001/cat.jpg", "number"),
        ("https://017700000001/cat.jpg", "number"),
        ("https://127.1/cat.jpg", "number"),
        ("https://127.0.1/cat.jpg", "number"),
        ("https://0177.0.0.1/cat.jpg", "number"),
        ("https://0x7f.0.0.1/cat.jpg", "number"),
        ("https://127.0.0.0x1/cat.jpg", "number"),
        ("https://127.0.0.01/cat.jpg", "number"),
        ("https://127.0.0.256/cat.jpg", "number"),
        ("https://127.0.0.1.1/cat.jpg", "number"),
        ("https://a.1/cat.jpg", "number"),
        ("https://a.0x/cat.jpg", "number"),
        ("https://①②⑦.⓪.⓪.①/cat.jpg", "xn--"),
        ("https://127。0。0。1/cat.jpg", "xn--"),
        ("https://[::1/cat.jpg", "a host or a port"),
        ("https://::1/cat.jpg", "a host or a port"),
        ("https://[::1]x/cat.jpg", "a host or a port"),
        ("https://[]/cat.jpg", "number"),
        ("https://[1.2.3.4]/cat.jpg", "number"),
        ("https://[fe80::1%eth0]/cat.jpg", "a host or a port"),
        ("https://[fe80::1%25eth0]/cat.jpg", "a host or a port"),
        ("https://[v1.fe80]/cat.jpg", "a host or a port"),
        # Paths that lead up or to what is hidden, for a server that undoes escapes once or more.
        ("https://a.example/../cat.jpg", "leads up"),
        ("https://a.example/a/../../cat.jpg", "leads up"),
        ("https://a.example/a/./cat.jpg", "leads up"),
        ("https://a.example/a/..", "leads up"),
        ("https://a.example/%2e%2e/cat.jpg", "leads up"),
        ("https://a.example/.%2E/cat.jpg", "leads up"),
        ("https://a.example/a%2F..%2Fcat.jpg", "leads up"),
        ("https://a.example/a%5C..%5Ccat.jpg", "leads up"),
        ("https://a.example/a%252F..%252Fcat.jpg", "leads up"),
        ("https://a.example/%25252e%25252e/cat.jpg", "leads up"),
        ("https://a.example/.git/config", "leads up"),
        ("https://a.example/%2egit/config", "leads up"),
        # What has no place in a line of HTTP.
        ("https://a.example/a\r\nHost: b", "control"),
        ("https://a.example/a\n", "control"),
        ("https://a.example\n/a", "control"),
        ("https://a.example/a\x00", "control"),
        ("https://a.example/a\x85", "control"),
        ("https://a.example/a\ud800", "control"),
        ("https://a.example/a%0d%0aHost:b", "control"),
        ("https://a.example/a%00", "control"),
        ("https://a.example/a?b%0a", "control"),
        ("https://a.example/a%7f", "control"),
        (f"https://a.example/{'a' * MAX_LENGTH}", "longer"),
        (f"https://a.example/{'é' * 600}", "longer"),
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_picture_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read(text)


PIECES = st.sampled_from(
    ["https:", "http:", "HTTPS:", "/", "//", "\\", "@", ":", "a", "a.example", "A.Example", "443",
     "80", "0", "127.0.0.1", "127.1", "0x7f", "[::1]", "[", "]", "%", "%2e", "%2E%2e", "%2f", "%5c",
     "%25", "%252e", "%00", "%41", "%ff", "é", "。", "①", " ", "?", "#", ".", "..", ".a", "&", "=",
     "+", "\t", "\x85", "\u017f", "*"]
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(st.one_of(PIECES, st.text(max_size=2)), max_size=9).map("".join),
    st.lists(PIECES, max_size=8).map(lambda pieces: "https://a.example/" + "".join(pieces)),
    st.lists(PIECES, max_size=5).map(lambda pieces: "https://" + "".join(pieces) + "/cat.jpg"),
)


@given(HOSTILE)
@example("https://a.example/%%32%65")
def test_any_text_is_an_address_in_one_form_or_refused(text: str) -> None:
    try:
        remote = read(text)
    except ValueError:
        return
    key = remote.key
    assert read(key) == remote
    assert re.fullmatch(r"https?://[a-z0-9_.\[\]:-]+(/[!-~]+)+", key)
    assert not set(key) & set(' "#<>@\\^`{|}') - {"@"}
    assert "@" not in remote.authority
    # Every reader of addresses sees the same server in it.
    assert urlsplit(key).hostname == remote.host
    with_escapes_undone = unquote(unquote(remote.path))
    assert not any(part.startswith(".") for part in re.split(r"[/\\]", with_escapes_undone))
    if re.search(r"\.[0-9]+\Z", remote.host):
        ipaddress.IPv4Address(remote.host)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\"), min_size=1))
def test_a_name_is_found_again_however_it_was_written(name: str) -> None:
    escaped = "https://a.example/x" + quote(name, safe="")
    try:
        once = read(escaped)
    except ValueError as fault:
        assert "leads up" in str(fault) or "longer" in str(fault)  # noqa: PT017 - two are fine
        return
    assert unquote(once.path) == f"/x{name}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://origin.example", "https://origin.example"),
        ("https://origin.example/", "https://origin.example"),
        ("https://origin.example/images", "https://origin.example/images"),
        ("https://origin.example:443/a b/c/", "https://origin.example/a%20b/c"),
        ("http://127.0.0.1:9000/photos", "http://127.0.0.1:9000/photos"),
    ],
)
def test_a_folder_has_one_form(text: str, place: str) -> None:
    assert read_folder(text).place == place
    assert read_folder(text).key == place


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("https://origin.example/images//", "empty part"),
        ("https://origin.example//images", "empty part"),
        ("https://origin.example/images?token=1", "query"),
        ("https://user:pass@origin.example/images", "credentials"),
        ("https://origin.example/../x", "leads up"),
        ("https:/", "is not https"),
        ("/images", "is not https"),
        ("", "is not https"),
    ],
)
def test_what_is_no_folder_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_folder(text)


def test_below_a_folder_a_key_is_a_name_and_no_address() -> None:
    folder = read_folder("https://origin.example/images/")
    assert folder.below("cats/tabby.jpg").key == "https://origin.example/images/cats/tabby.jpg"
    assert folder.below("a?b#c d.jpg").key == "https://origin.example/images/a%3Fb%23c%20d.jpg"
    assert folder.below("100%.jpg").key == "https://origin.example/images/100%25.jpg"
    assert folder.below("a%2Fb.jpg").key == "https://origin.example/images/a%252Fb.jpg"
    assert read_folder("https://origin.example").below("a.jpg").target == "/a.jpg"


@pytest.mark.parametrize(
    "key", ["../x.jpg", "a/../x.jpg", ".env", "%2e%2e/x.jpg", "a%2f..%2fx.jpg"]
)
def test_below_a_folder_nothing_leads_up(key: str) -> None:
    with pytest.raises(ValueError, match="leads up"):
        read_folder("https://origin.example/images").below(key)


def test_the_parts_of_an_address() -> None:
    remote = Remote("https", "2001:db8::1", 8443, "/a/b.jpg", "x=1")
    assert remote.authority == "[2001:db8::1]:8443"
    assert remote.target == "/a/b.jpg?x=1"
    assert remote.place == "https://[2001:db8::1]:8443/a/b.jpg"
    assert remote.key == "https://[2001:db8::1]:8443/a/b.jpg?x=1"
    assert remote.segments == ("a", "b.jpg")
    assert Remote("http", "a", 80, "").target == "/"


@pytest.mark.parametrize("key", ["https://a/b", "http:/a/b", "HTTPS://a", "https:/"])
def test_these_keys_are_remote(key: str) -> None:
    assert is_remote(key)


@pytest.mark.parametrize(
    "key", ["a.jpg", "https", "https:a", "a/https://b", "ftp://a", "", "http\u017f://a"]
)
def test_these_keys_are_not(key: str) -> None:
    assert not is_remote(key)
