import pkgutil
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safelight import dialects
from safelight.config import RESERVED
from safelight.dialects import DIALECTS, Grammar, Match, match, native
from safelight.errors import NotFound, RequestError
from safelight.operations import PARAMETERS
from safelight.remote import is_remote, read
from safelight.transform import parse, parse_preset

GRAMMAR = Grammar({"thumb": parse_preset("w=300,h=300,fit=inside")}, parse_preset("fit=fill"))

# What a client may send, as a server hands it on: bytes as Latin-1 letters.
PIECES = [
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
    "%1f",
    "%7f",
    "%",
    "%zz",
    "%2",
    "%25",
    "%252e%252e%252f",
    "%ff",
    "%c0%ae",
    "?",
    "#",
    "+",
    "~",
    ":",
    ",",
    "=",
    "800x600",
    "thumb",
    "original",
    "pic",
    "picture",
    "480",
    "x",
    "w=5",
    "crop=0:0:1:1",
    "bg=%23fff",
    "a",
    ".a",
    "a.jpg",
    "Ã©",
    "ÿ",
    "https:",
    "http://a.example/",
    "https%3A%2F%2Fa.example%2F",
]
ADDRESS = st.one_of(
    st.lists(
        st.one_of(
            st.sampled_from(PIECES), st.binary(max_size=4).map(lambda raw: raw.decode("latin-1"))
        ),
        max_size=10,
    ).map(lambda pieces: "/" + "".join(pieces)),
    st.builds(
        lambda first, rest: f"/{first}/" + "/".join(rest),
        st.sampled_from([*DIALECTS, "800x600", "thumb", "original", "", "info"]),
        st.lists(st.sampled_from(PIECES), max_size=5),
    ),
    st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")),
)
QUERY = st.one_of(
    st.just(""),
    st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    st.builds(
        lambda name, value: f"{name}={value}",
        st.sampled_from(["scalex", "scaley", "encoding", "w"]),
        st.sampled_from(["5", "0", "1e9", "jpg", "%zz", "%ff", "+", "\xff"]),
    ),
)


def test_every_module_but_the_shared_grammar_is_a_dialect_with_two_functions() -> None:
    modules = {module.name for module in pkgutil.iter_modules(dialects.__path__)} - {"grammar"}
    assert {
        dialect.__name__.rpartition(".")[2] for dialect in [*DIALECTS.values(), native]
    } == modules
    for dialect in (*DIALECTS.values(), native):
        assert callable(dialect.parse)
        assert callable(dialect.build)
        assert (dialect.__doc__ or "").strip()


def test_the_first_word_of_a_dialect_can_be_no_transform() -> None:
    for word in DIALECTS:
        assert word in RESERVED
        assert word not in PARAMETERS
        with pytest.raises(RequestError):
            parse(word)


@given(ADDRESS, QUERY)
@example("", "")
@example("//", "")
@example("/pic/%ff", "")
def test_any_address_means_a_picture_or_is_refused(path: str, query: str) -> None:
    try:
        found = match(path, query, GRAMMAR)
    except RequestError as error:
        # The one reason for which other statuses exist is not the address.
        assert error.status in (400, 404)  # noqa: PT017 - what is raised is one of many
        return
    assert isinstance(found, Match)
    assert parse(found.transform.canonical) == found.transform
    if is_remote(found.key):
        assert read(found.key).key == found.key
        return
    assert not found.key.startswith("/")
    assert all(part and not part.startswith(".") for part in found.key.split("/"))
    # Escapes are undone once and not twice.
    assert unquote(path).endswith(found.key) or unquote(path, "latin-1").endswith(found.key)


@given(st.binary(min_size=1, max_size=6))
def test_any_bytes_of_a_name_are_that_name_or_refused(raw: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in raw)
    try:
        key = match(f"/800x600/a{escaped}", "", GRAMMAR).key
    except RequestError:
        return
    assert key.encode() == b"a" + raw


@pytest.mark.parametrize("door", ["800x600", "thumb", "original", "pic", "pic/480", "picture"])
@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../x.jpg",
        "../../../etc/passwd",
        "a/../x.jpg",
        "%2e%2e/x.jpg",
        "%2E%2E%2Fx.jpg",
        "a%2F..%2Fx.jpg",
        "a/.%2E/x.jpg",
        "..%5Cx.jpg",
        "..\\x.jpg",
        ".env",
        ".git/config",
        "a/.hidden.jpg",
        "a//x.jpg",
        "/etc/passwd",
        "%2Fetc/passwd",
        "a/",
        "",
    ],
)
def test_no_door_leads_out_of_the_store_or_to_what_is_hidden(door: str, path: str) -> None:
    with pytest.raises(NotFound):
        match(f"/{door}/{path}", "", GRAMMAR)


@pytest.mark.parametrize("door", ["800x600", "thumb", "original", "pic", "pic/480", "picture"])
@pytest.mark.parametrize(
    "name", ["x%00.jpg", "x%0d%0a.jpg", "x%", "x%f", "x%ff.jpg", "%c0%ae%c0%ae"]
)
def test_no_door_takes_what_is_no_text(door: str, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        match(f"/{door}/{name}", "", GRAMMAR)
    assert caught.value.status == 400


@pytest.mark.parametrize("door", ["800x600", "thumb", "original", "pic", "pic/480", "picture"])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("%252e%252e%252fx.jpg", "%2e%2e%2fx.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
        ("a%255Cb.jpg", "a%5Cb.jpg"),
        ("a+b.jpg", "a+b.jpg"),
        ("caf%C3%A9/%F0%9F%90%88.jpg", "café/🐈.jpg"),
    ],
)
def test_every_door_undoes_escapes_once(door: str, name: str, key: str) -> None:
    assert match(f"/{door}/{name}", "", GRAMMAR).key == key


@pytest.mark.parametrize("door", ["800x600", "thumb", "original", "pic", "pic/480", "picture"])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("https://a.example/cat.jpg", "https://a.example/cat.jpg"),
        ("https:/a.example/cat.jpg", "https://a.example/cat.jpg"),
        ("https%3A%2F%2Fa.example%2Fcat.jpg", "https://a.example/cat.jpg"),
        ("HTTP://A.example:80/cat.jpg", "http://a.example/cat.jpg"),
        ("https://a.example/caf%C3%A9%20au%20lait.jpg", "https://a.example/caf%C3%A9%20au%20lait.jpg"),
        ("https%3A%2F%2Fa.example%2Fa%2520b.jpg", "https://a.example/a%20b.jpg"),
        ("https://a.example/cat.jpg%3Fv=1", "https://a.example/cat.jpg?v=1"),
    ],
)  # fmt: skip
def test_every_door_takes_the_address_of_a_picture_elsewhere(
    door: str, name: str, key: str
) -> None:
    assert match(f"/{door}/{name}", "", GRAMMAR).key == key


@pytest.mark.parametrize("door", ["800x600", "thumb", "original", "pic", "pic/480", "picture"])
@pytest.mark.parametrize(
    "name",
    [
        "https://user:pass@a.example/cat.jpg",
        "https://a.example/../cat.jpg",
        "https:///etc/passwd",
        "https://a.example\\@b.example/cat.jpg",
        "https://127.1/cat.jpg",
        "https://a.example/%252e%252e/cat.jpg",
    ],
)
def test_no_door_takes_an_address_that_could_be_read_in_two_ways(door: str, name: str) -> None:
    with pytest.raises(RequestError, match="the address of the picture") as caught:
        match(f"/{door}/{name}", "", GRAMMAR)
    assert caught.value.status == 400
