"""A listing in pieces: the same ones whenever it is listed, and few others when it has changed."""

import itertools
import tracemalloc
from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.backfill import Chunk, Group, grouped
from safelight.storage import Entry

KEYS = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=300)
MANY = [f"uploads/{number:06}.jpg" for number in range(20_000)]


def entries(keys: Iterable[str], size: int = 7) -> Iterator[Entry]:
    return (Entry(key, size, 0.0) for key in keys)


def cut(keys: Iterable[str], size: int = 7) -> list[Group]:
    return list(grouped(entries(keys, size)))


def chunks(keys: Iterable[str], size: int = 7) -> list[Chunk]:
    return [chunk for group in cut(keys, size) for chunk in group.chunks]


@given(KEYS)
def test_every_key_is_in_one_chunk_in_the_order_of_the_listing(keys: list[str]) -> None:
    assert [key for chunk in chunks(keys) for key in chunk.keys] == keys


@given(KEYS)
def test_the_same_listing_is_cut_in_the_same_way(keys: list[str]) -> None:
    assert cut(keys) == cut(keys)


def test_chunks_and_groups_have_the_sizes_that_work_needs() -> None:
    sizes = [len(chunk.keys) for chunk in chunks(MANY)]
    assert max(sizes) <= 64
    assert 20 <= sum(sizes) / len(sizes) <= 40
    assert max(len(group.chunks) for group in cut(MANY)) <= 200
    assert 3 <= len(cut(MANY)) <= 20


@settings(max_examples=15)
@given(st.integers(0, len(MANY) - 1), st.booleans())
def test_a_source_that_came_or_went_changes_only_the_chunks_around_it(
    where: int, gone: bool
) -> None:
    changed = [*MANY[:where], *([] if gone else ["uploads/new.jpg"]), *MANY[where + gone :]]
    before, after = ({chunk.name for chunk in chunks(keys)} for keys in (MANY, changed))
    # One is cut anew, and perhaps those that follow until a key ends one again.
    assert len(after - before) <= 12
    groups_before, groups_after = ({group.name for group in cut(keys)} for keys in (MANY, changed))
    assert len(groups_after - groups_before) <= 3


def test_a_source_of_another_size_is_another_source() -> None:
    names = {chunk.name for chunk in chunks(MANY[:10])}
    assert names.isdisjoint(chunk.name for chunk in chunks(MANY[:10], size=8))


def test_keys_that_could_be_read_as_one_another_are_told_apart() -> None:
    assert chunks(["a", "b"])[0].name != chunks(["a7:1:b"])[0].name


def test_a_listing_without_end_is_held_a_group_at_a_time() -> None:
    endless = grouped(entries(f"{number}.jpg" for number in itertools.count()))
    next(endless)
    tracemalloc.start()
    for _ in itertools.islice(endless, 30):
        pass
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4_000_000
