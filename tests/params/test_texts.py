import pytest

from safelight.params import Key, Text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        (" a, b:c=d%/é ", " a, b:c=d%/é "),
        ("two\nlines", "two\nlines"),
        ("e\u0301", "é"),
        ("日本語 🦊", "日本語 🦊"),
        ("x" * 200, "x" * 200),
        ("e\u0301" * 200, "é" * 200),
    ],
)
def test_a_text_is_kept_in_its_composed_form(text: str, value: str) -> None:
    assert Text().parse(text) == value
    assert Text().build(value) == value


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\t", "a\x00", "a\r\n", "\x1b[1m", "\ud800", "\x85", "x" * 201]
)
def test_nothing_to_see_and_control_characters_are_no_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a text of 1 to 200 letters$"):
        Text().parse(text)


@pytest.mark.parametrize("key", ["logo.png", "marks/lo go.png", "a/b/c/ü?#%&.jpg", "x" * 1_024])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert Key().parse(key) == key
    assert Key().build(key) == key


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a/.hidden"),
        *("a\\b", "a\x00", "\ud800", "a\nb", "x" * 1_025),
    ],
)
def test_a_key_that_leads_astray_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="the key of an image in the source store"):
        Key().parse(key)
