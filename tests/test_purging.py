"""What a purge removes from the store, and what it tells the CDN."""

from typing import Any, cast

import pytest

from safelight.cdn import CdnSettings, Stale
from safelight.cdn.forgetting import Cdn
from safelight.errors import Unavailable
from safelight.purging import Purged, Purger
from safelight.storage import open_store
from safelight.variants import Variants, folder_tags, preset_tag, source_tag
from tests.support.stored import PICTURE, stored

KEY = "cats/tabby.jpg"


class Told:
    """A CDN that notes what it is told, or does not answer."""

    kind = "fastly"

    def __init__(self, *, answers: bool = True, precise: bool = True) -> None:
        self.answers = answers
        self.precise = precise
        self.heard: list[Stale] = []

    def forget(self, stale: Stale) -> None:
        self.heard.append(stale)
        if not self.answers:
            raise Unavailable("the CDN did not answer")


@pytest.fixture
def variants() -> Variants:
    """Give a store with one variant."""
    variants = Variants(open_store("memory:"), max_bytes=None)
    key = variants.key(KEY, "v", "w=1", presets=("thumb",))
    variants.publish(key, PICTURE, "image/jpeg", source=KEY, canonical="w=1")
    return variants


def purger(variants: Variants, told: Told | None) -> Purger:
    return Purger(variants, cast("Any", told))


@pytest.mark.parametrize(
    ("how", "what", "tags"),
    [
        ("key", (KEY,), (source_tag(KEY),)),
        ("prefix", ("cats/",), tuple(folder_tags(KEY))),
        # A CDN forgets the folder; what is in it is named nowhere else.
        ("prefix", ("cats/tab",), tuple(folder_tags(KEY))),
        ("prefix", ("ca",), ()),
        ("preset", ("thumb",), (preset_tag("thumb"),)),
        ("all", (), ()),
    ],
)
def test_a_purge_removes_and_tells(
    variants: Variants, how: str, what: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    told = Told()
    (path,) = stored(variants.store)
    assert getattr(purger(variants, told), how)(*what) == Purged([path], "fastly")
    assert told.heard == [Stale(tags, (path,), everything=not tags)]
    assert stored(variants.store) == []


def test_without_a_cdn_nobody_is_told(variants: Variants) -> None:
    assert purger(variants, None).key(KEY).cdn == ""
    purger(variants, None).outdated(KEY, [])


def test_a_cdn_that_does_not_answer_is_said_and_the_variants_are_gone(variants: Variants) -> None:
    with pytest.raises(Unavailable):
        purger(variants, Told(answers=False)).key(KEY)
    assert stored(variants.store) == []


def test_a_cdn_is_told_of_what_is_nowhere_stored(variants: Variants) -> None:
    told = Told()
    assert purger(variants, told).key("dog.jpg").paths == []
    assert told.heard == [Stale((source_tag("dog.jpg"),))]


def test_of_an_outdated_source_a_cdn_is_told_and_may_fail(
    variants: Variants, caplog: pytest.LogCaptureFixture
) -> None:
    for told in (Told(), Told(answers=False)):
        purger(variants, told).outdated(KEY, ["x"])
        assert told.heard == [Stale((source_tag(KEY),), ("x",))]
    assert f"keeps old variants of {KEY}" in caplog.text


def test_for_one_outdated_source_nobody_forgets_everything(variants: Variants) -> None:
    told = Told(precise=False)
    purger(variants, told).outdated(KEY, ["x"])
    assert told.heard == []
    aws = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    settings = CdnSettings("cloudfront", "E2EXAMPLE")
    assert not Cdn(settings, environment=aws).precise
    assert Cdn(settings, "https://cdn.example.com/", environment=aws).precise
