"""What is remembered of a back-fill."""

import msgspec
import pytest

from safelight.backfill import Failure, Group, Made, Manifest, Tally, grouped, load, manifest_id
from safelight.storage import Entry, Store, open_store

KEY = "@pipelines/backfill/0123456789abcdef.json"


@pytest.fixture
def store() -> Store:
    return open_store("memory:")


@pytest.fixture
def groups() -> list[Group]:
    return list(grouped(Entry(f"{number}.jpg", 1, 0.0) for number in range(9_000)))


def again(manifest: Manifest, store: Store) -> Manifest:
    manifest.save(store, KEY)
    found = load(store, KEY)
    assert found is not None
    return found


def test_nothing_is_known_at_first(store: Store) -> None:
    assert load(store, KEY) is None


def test_what_is_finished_is_not_left(store: Store, groups: list[Group]) -> None:
    manifest = Manifest({"source": "memory:"})
    first, second, *_ = groups[0].chunks
    manifest.finish(groups[0], second, Tally(done=2, written=30))
    found = again(manifest, store)
    assert list(found.left(groups[0])) == [first, *groups[0].chunks[2:]]
    assert list(found.left(groups[1])) == list(groups[1].chunks)
    assert found.tally == Tally(done=2, written=30)
    assert found.about == {"source": "memory:"}


def test_a_finished_group_is_one_name(store: Store, groups: list[Group]) -> None:
    manifest = Manifest()
    for chunk in reversed(groups[0].chunks):
        manifest.finish(groups[0], chunk, Tally(done=1))
    found = again(manifest, store)
    assert not found.left(groups[0])
    assert found.tally.done == len(groups[0].chunks)
    assert len(store.get(KEY).data) < 400


def test_of_one_that_is_complete_only_the_end_is_kept(store: Store, groups: list[Group]) -> None:
    manifest = Manifest(complete=True, seconds=2.5, failures=("f.jsonl", 40))
    manifest.finish(groups[0], groups[0].chunks[0], Tally(current=1))
    found = again(manifest, store)
    assert found.complete
    assert (found.seconds, found.failures) == (2.5, ("f.jsonl", 40))
    assert list(found.left(groups[0])) == list(groups[0].chunks)


@pytest.mark.parametrize("form", [b"", b"{", b"[]", b'{"form": 1}'])
def test_what_is_no_manifest_is_none(store: Store, form: bytes) -> None:
    store.put(KEY, form, {})
    assert load(store, KEY) is None


def test_a_manifest_of_another_form_is_none(store: Store) -> None:
    Manifest().save(store, KEY)
    stored = msgspec.json.decode(store.get(KEY).data) | {"form": 2}
    store.put(KEY, msgspec.json.encode(stored), {})
    assert load(store, KEY) is None


def test_each_thing_that_decides_what_is_made_is_in_the_name() -> None:
    named = [manifest_id("s3://a", ""), manifest_id("s3://b", ""), manifest_id("s3://a", "x")]
    named += [manifest_id("s3://a\n''"), manifest_id("s3://a", "", "")]
    assert len(set(named)) == len(named)
    assert manifest_id("s3://a", "") == named[0]


def test_a_tally_counts_what_became_of_sources() -> None:
    tally = Tally().plus("a", Made("done", 10)).plus("b", Made("failed", reason="broken"))
    tally = tally.plus("c", Made("delayed", reason="busy")).plus("d", Made("current"))
    assert (tally.sources, tally.written) == (4, 10)
    assert tally.failures == (Failure("b", "broken"), Failure("c", "busy", again=True))
    assert not tally.complete
    both = tally + tally
    assert (both.done, both.failed, both.delayed, both.current, both.written) == (2, 2, 2, 2, 20)
    assert both.failures == ()
