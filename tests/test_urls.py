"""Addresses for pages: each is read back as what it was made of, and HTML is HTML."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import urls
from safelight.dialects import Grammar, match
from safelight.errors import TransformInvalid
from safelight.operations import PARAMETERS
from safelight.signing import Signer, verify
from safelight.transform import Transform, parse, parse_preset
from safelight.urls import WIDTHS, picture, srcset, url
from tests.support.strategies import arguments, keys, spellings, transforms

KEY = "correct horse battery staple"
GRAMMAR = Grammar(
    {"thumb": parse_preset("w=300,h=200,fit=inside"), "grey": parse_preset("grayscale")}
)
SCRIPT = Path(urls.__file__).parent / "web" / "browser" / "safelight.js"


class Page(HTMLParser):
    """The elements of a page with their attributes, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def candidates(text: str) -> list[tuple[str, int]]:
    """Take a srcset apart as a browser does (HTML, 4.8.4.2.1: parsing a srcset attribute)."""
    found = []
    rest = text
    while rest := rest.lstrip(" \t\n\f\r,"):
        address, *after = rest.split(maxsplit=1)
        assert not address.endswith(","), "the comma ends the candidate"
        descriptor, _, rest = after[0].partition(",")
        assert descriptor.endswith("w")
        found.append((address, int(descriptor[:-1])))
    return found


def read(address: str) -> tuple[str, Transform]:
    path, _, query = address.partition("?")
    found = match(path, query, GRAMMAR)
    return found.key, found.transform


# What is made is read back


@given(keys(), transforms())
def test_an_address_is_read_back_as_its_key_and_transform(key: str, transform: Transform) -> None:
    address = url(key, transform)
    assert address.isascii()
    assert not re.search(r"[\s\"<>?#\\^`{}]", address)
    assert read(address) == (key, transform)


@given(keys(), arguments(), st.data())
def test_a_text_means_the_same_as_in_an_address(
    key: str, given_: dict[str, Any], data: st.DataObject
) -> None:
    text = data.draw(spellings(given_))
    assert read(url(key, text)) == (key, parse(text))


@given(keys(), st.sampled_from([None, 4_000_000_000]))
def test_a_signed_address_is_read_back_too(key: str, expires: int | None) -> None:
    address = url(key, "w=8", base="https://x.example", signer=Signer(KEY), expires=expires)
    signed = verify(address.removeprefix("https://x.example"), [KEY])
    assert (read(signed.target), signed.until) == ((key, Transform.of(w=8)), expires)


@given(
    keys(),
    transforms().filter(lambda transform: "w" in transform or "h" not in transform),
    st.lists(st.integers(1, 4_000), min_size=1, max_size=4),
)
def test_a_srcset_is_read_back_as_the_transform_at_each_width(
    key: str, transform: Transform, widths: list[int]
) -> None:
    listed = candidates(srcset(key, transform, widths=widths))
    assert [width for _, width in listed] == sorted(set(widths))
    for address, width in listed:
        found_key, found = read(address)
        assert (found_key, found["w"]) == (key, width)
        kept = {name: value for name, value in transform.arguments if name not in ("w", "h")}
        h = transform["h"] and max(1, int(width * transform["h"] / transform["w"] + 0.5))
        assert found == Transform.of(**kept, w=width, h=h)


@given(keys(), st.text(max_size=40), st.text(max_size=40), st.integers(1, 9_999))
def test_any_text_in_a_picture_is_text(key: str, alt: str, sizes: str, height: int) -> None:
    html = picture(key, "thumb", alt=alt, sizes=sizes, title=alt, height=height, widths=(5, 7))
    page = Page(html)
    assert [tag for tag, _ in page.elements] == ["picture", "source", "source", "img"]
    assert page.text == ""
    image = page.elements[-1][1]
    # HTML reads a carriage return as a line feed, and has no letter 0.
    same = str.maketrans({"\r": "\n", "\0": "\ufffd"})
    assert [str(image[name]).translate(same) for name in ("alt", "title", "sizes")] == [
        text.translate(same) for text in (alt, alt, sizes)
    ]
    assert image["height"] == str(height)
    for _, attributes in page.elements[1:]:
        for address, width in candidates(str(attributes["srcset"])):
            found = read(address)
            assert (found[0], found[1]["w"]) == (key, width)


# By examples


@pytest.mark.parametrize(
    ("transform", "address"),
    [
        ("", "/original/a.jpg"),
        ("800x600", "/800x600/a.jpg"),
        ("thumb", "/thumb/a.jpg"),
        ("thumb,fit=cover,f=webp", "/thumb,fit=cover,f=webp/a.jpg"),
        (",w=5,,", "/w=5/a.jpg"),
        ("text=a/b? #ü%zz", "/text=a%2Fb%3F%20%23%C3%BC%25zz/a.jpg"),
        ("text=a%2Cb", "/text=a%2Cb/a.jpg"),
    ],
)
def test_a_transform_is_written_as_it_is_said(transform: str, address: str) -> None:
    assert url("a.jpg", transform) == address


def test_a_key_is_encoded_once() -> None:
    assert url("a b/ü%20,c,.jpg", "w=5") == "/w=5/a%20b/%C3%BC%2520%2Cc%2C.jpg"
    assert url("https://x.example/a?b=1", "w=5") == "/w=5/https://x.example/a%3Fb=1"


@pytest.mark.parametrize("base", ["https://img.example.com", "https://img.example.com/"])
def test_a_base_stands_before_it(base: str) -> None:
    signer = Signer(KEY)
    assert url("a.jpg", "w=5", base=base) == "https://img.example.com/w=5/a.jpg"
    signed = url("a.jpg", "w=5", base=base, signer=signer)
    assert signed == "https://img.example.com" + signer.sign("/w=5/a.jpg")


def test_an_expiry_is_a_number_or_a_time_with_its_zone() -> None:
    signer = Signer(KEY)
    expected = signer.sign("/w=5/a.jpg", expires=1_900_000_000)
    at = datetime.fromtimestamp(1_900_000_000, UTC)
    assert url("a.jpg", "w=5", signer=signer, expires=1_900_000_000) == expected
    assert url("a.jpg", "w=5", signer=signer, expires=at) == expected
    with pytest.raises(ValueError, match="zone"):
        url("a.jpg", "w=5", signer=signer, expires=at.replace(tzinfo=None))
    with pytest.raises(ValueError, match="give a signer"):
        url("a.jpg", "w=5", expires=1_900_000_000)


@pytest.mark.parametrize(
    "transform", ["w=wide", "widht=5", "5\u00d75", "Thumb", "w=5,w=6", "q=101"]
)
def test_a_transform_that_is_none_is_refused(transform: str) -> None:
    for function in (url, srcset, picture):
        with pytest.raises(TransformInvalid):
            function("a.jpg", transform)


def test_the_widths_are_steps_of_the_script() -> None:
    [steps] = re.findall(r'steps \|\| "([0-9 ]+)"', SCRIPT.read_text("utf-8"))
    assert set(WIDTHS) <= set(map(int, steps.split()))
    assert [width for _, width in candidates(srcset("a.jpg"))] == list(WIDTHS)


@pytest.mark.parametrize(
    ("transform", "at"),
    [
        ("", "w=320"),
        ("fit=cover,800x600,q=5", "fit=cover,q=5,w=320,h=240"),
        ("w=800,height=601", "w=320,h=240"),
        ("1000x1", "w=320,h=1"),
        ("width=800,q=5", "q=5,w=320"),
        ("%77=800", "w=320"),
        ("thumb", "thumb,w=320"),
    ],
)
def test_a_width_takes_the_place_of_another(transform: str, at: str) -> None:
    assert srcset("a.jpg", transform, widths=[320]) == f"/{at}/a.jpg 320w"


@pytest.mark.parametrize("transform", ["x600", "h=600"])
def test_several_widths_have_no_one_height(transform: str) -> None:
    with pytest.raises(ValueError, match="one height"):
        srcset("a.jpg", transform)


@pytest.mark.parametrize(
    ("widths", "width", "listed"),
    [
        ((640, 320, 640), None, [320, 640]),
        ((320, 640, 960), 700, [320, 640, 700]),
        ((320, 640), 640, [320, 640]),
        ((320, 640), 100, [100]),
        ((), 100, [100]),
    ],
)
def test_nothing_is_listed_that_is_wider_than_the_largest(
    widths: tuple[int, ...], width: int | None, listed: list[int]
) -> None:
    found = srcset("a.jpg", widths=widths, width=width)
    assert [step for _, step in candidates(found)] == listed


@pytest.mark.parametrize("widths", [(), (0,), (-5, 320)])
def test_widths_that_are_none_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="widths"):
        srcset("a.jpg", widths=widths)


def test_a_picture_offers_formats_and_falls_back() -> None:
    html = picture(
        "a b.jpg", "800x600,format=png", alt='"A" & <b>', sizes="(min-width: 60em) 50vw, 100vw",
        widths=[400, 800], width=800, height=600, class_="wide", data_id=5, hidden=True, id=None,
        loading="eager",
    )  # fmt: skip
    assert html == (
        '<picture><source type="image/avif" srcset="/format=avif,w=400,h=300/a%20b.jpg 400w, '
        '/format=avif,w=800,h=600/a%20b.jpg 800w" sizes="(min-width: 60em) 50vw, 100vw">'
        '<source type="image/webp" srcset="/format=webp,w=400,h=300/a%20b.jpg 400w, '
        '/format=webp,w=800,h=600/a%20b.jpg 800w" sizes="(min-width: 60em) 50vw, 100vw">'
        '<img src="/format=png,w=800,h=600/a%20b.jpg" srcset="/format=png,w=400,h=300/a%20b.jpg '
        '400w, /format=png,w=800,h=600/a%20b.jpg 800w" sizes="(min-width: 60em) 50vw, 100vw" '
        'alt="&quot;A&quot; &amp; &lt;b&gt;" width="800" height="600" loading="eager" '
        'decoding="async" class="wide" data-id="5" hidden></picture>'
    )


def test_a_picture_has_an_alt_and_no_size_that_is_not_known() -> None:
    [*_, (_, image)] = Page(picture("a.jpg", formats=())).elements
    assert image["alt"] == ""
    assert {"width", "height"}.isdisjoint(image)


def test_every_address_of_a_picture_is_signed() -> None:
    base = "https://img.example.com"
    page = Page(picture("a.jpg", "thumb", base=base, signer=Signer(KEY), expires=1_900_000_000))
    found = [str(page.elements[-1][1]["src"])]
    for _, attributes in page.elements[1:]:
        found += [address for address, _ in candidates(str(attributes["srcset"]))]
    assert len(found) == 1 + 3 * len(WIDTHS)
    for address in found:
        assert verify(address.removeprefix(base), [KEY]).until == 1_900_000_000


@pytest.mark.parametrize("name", ["a b", "x>", "1x", 'a"', ""])
def test_a_name_that_is_none_of_an_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an attribute"):
        picture("a.jpg", **{name: "x"})  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["svg", "auto", "jpg2"])
def test_a_format_that_is_not_written_is_refused(format: str) -> None:
    with pytest.raises(ValueError, match="avif"):
        picture("a.jpg", formats=[format])


def test_every_name_of_a_parameter_is_known() -> None:
    for parameter in PARAMETERS.values():
        assert {parameter.name, *parameter.kind.aliases} <= set(urls._NAMES)


def test_nothing_heavy_is_loaded_for_it() -> None:
    heavy = ["pyvips", "obstore", "granian", "asyncio", "click", "safelight.engine"]
    program = f"import sys, safelight.urls; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"[]\n"
