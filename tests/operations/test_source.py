"""How a source is opened, as a transform says it."""

from __future__ import annotations

import pytest

from safelight.errors import TransformInvalid
from safelight.operations.reading import Reading
from safelight.plan import reading
from safelight.transform import parse


def opened(text: str) -> Reading:
    return reading(parse(text))


def test_without_a_word_a_source_is_opened_upright_in_srgb_with_8_bits_and_nothing_else() -> None:
    assert opened("w=300") == Reading()
    assert Reading() == Reading(
        page=1, frames=None, orient=True, profile="srgb", depth=8, hdr=False, metadata="none"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("page=3", Reading(page=3)),
        ("frames=1", Reading(frames=1)),
        ("orient=none", Reading(orient=False)),
        ("profile=p3", Reading(profile="p3")),
        ("profile=Display-P3", Reading(profile="p3")),
        ("depth=10", Reading(depth=10)),
        ("depth=16", Reading(depth=16)),
        ("hdr=keep", Reading(hdr=True)),
        ("hdr", Reading(hdr=True)),
        ("metadata=copyright", Reading(metadata="copyright")),
        ("metadata=all-with-gps", Reading(metadata="all-with-gps")),
        ("metadata=all,depth=12,hdr,w=9", Reading(metadata="all", depth=12, hdr=True)),
    ],
)
def test_each_word_has_its_meaning(text: str, expected: Reading) -> None:
    assert opened(text) == expected
    assert opened(parse(text).canonical) == expected


@pytest.mark.parametrize("text", ["profile=srgb", "depth=8", "hdr=none", "metadata=none", "page=1"])
def test_what_is_so_anyhow_is_not_in_the_text(text: str) -> None:
    assert parse(text).canonical == ""


@pytest.mark.parametrize(
    "text",
    ["profile=adobe", "depth=9", "depth", "hdr=please", "metadata", "metadata=gps", "page=0",
     "frames=0", "orient=left"],
)  # fmt: skip
def test_other_words_are_refused_with_those_that_count(text: str) -> None:
    with pytest.raises(TransformInvalid, match=text.partition("=")[0]):
        parse(text)
