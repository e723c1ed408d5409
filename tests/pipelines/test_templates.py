"""Keys of outputs, filled in from the keys of sources."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.pipelines.templates import FIELDS, Template, named
from safelight.storage.store import is_plain_key

WORDS = st.text(string.ascii_letters + string.digits + "é-_ ", min_size=1, max_size=8)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("text", "key", "filled"),
    [
        ("{key}", "uploads/a/x.JPG", "uploads/a/x.JPG"),
        ("thumbnails/{name}", "uploads/a/x.JPG", "thumbnails/a/x.JPG"),
        ("thumbnails/{stem}.webp", "uploads/a/x.JPG", "thumbnails/a/x.webp"),
        ("{dir}/small/{base}.{ext}", "uploads/a/x.JPG", "a/small/x.EXT"),
        ("t/{dir}/{base}-{hash}.{ext}", "uploads/x.JPG", "t/x-HASH.EXT"),
        ("t/{stem}.jpg", "uploads/a.b/x", "t/a.b/x.jpg"),
        ("t/{stem}.jpg", "uploads/.x/archive.tar.gz", "t/.x/archive.tar.jpg"),
        ("t/{base}.jpg", "uploads/.hidden", "t/.hidden.jpg"),
    ],
)
def test_fields_are_filled_in(text: str, key: str, filled: str) -> None:
    assert Template(text).filled(named(key, "uploads/"), ext="EXT", hash="HASH") == filled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("out.jpg", "every source would have the same key"),
        ("{dir}/{ext}", "every source would have the same key"),
        ("{nmae}", "known are {key}, {name}"),
        ("", "every source"),
        ("/{name}", "no key"),
        ("a//{name}", "no key"),
        ("../{name}", "no key"),
        ("{name}/", "no key"),
        ("{name}}", "no key"),
        ("{{name}", "no key"),
        ("a\\{name}", "no key"),
        ("a" * 600 + "{name}", "more than 512 bytes"),
    ],
)
def test_what_is_no_template_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace("{", r"\{")):
        Template(text)


@given(NAMES, NAMES, st.sampled_from(["jpg", "", "tar.gz"]))
def test_a_name_is_put_together_again_from_its_parts(on: str, name: str, suffix: str) -> None:
    key = f"{on}/{name}.{suffix}" if suffix else f"{on}/{name}"
    found = named(key, f"{on}/")
    again = f"{found.stem}.{found.suffix}" if found.suffix else found.stem
    assert again == found.name == key.removeprefix(f"{on}/")
    assert found.stem == "/".join(filter(None, (found.folder, found.base)))


@given(NAMES, NAMES)
def test_two_sources_never_have_one_key_where_it_holds_their_names(one: str, other: str) -> None:
    for text in ("t/{key}", "t/{name}", "t/{name}.json", "{dir}/t/{base}.{ext}"):
        template = Template(text)
        keys = [template.filled(named(f"up/{n}", "up/"), ext="jpg") for n in (one, other)]
        # Without a suffix of their own they are told apart by what is left.
        assert (keys[0] == keys[1]) == (one == other)


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = Template(text)
    except ValueError:
        return
    filled = template.filled(named("uploads/a/x.jpg", "uploads/"), ext="jpg", hash="0" * 16)
    assert is_plain_key(filled)
    assert filled.startswith(template.start)
    assert filled.endswith(template.end)
    assert template.fields <= set(FIELDS)


@pytest.mark.parametrize(
    ("text", "suffix"), [("{stem}.jpg", "jpg"), ("{name}.json", "json"), ("{stem}.{ext}", ""),
                         ("{name}", ""), ("a.b/{name}", ""), ("{name}/x.png", "png")]
)  # fmt: skip
def test_a_suffix_that_every_key_has_is_known(text: str, suffix: str) -> None:
    assert Template(text).literal_suffix == suffix
