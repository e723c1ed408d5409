"""Look-ups that are remembered: how long, by whom, and what happens while a store is down."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import Opened, Remembered, Stat
from safelight.storage import remembered as module
from safelight.storage.folder import FolderStore

SECONDS, MISSING = 10.0, 3.0


class Origin(FolderStore):
    """A store that counts its look-ups, and that can be down or slow."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.heads: list[str] = []
        self.down = False
        self.answers = threading.Event()
        self.answers.set()

    def head(self, key: str) -> Stat:
        self.heads.append(key)
        assert self.answers.wait(20)
        if self.down:
            raise StoreUnavailable("the store does not answer")
        return super().head(key)

    def open(self, key: str) -> Opened:
        if self.down:
            raise StoreUnavailable("the store does not answer")
        return super().open(key)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    origin = Origin(tmp_path)
    origin.put("cat.jpg", b"first", {})
    return origin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(origin: Origin, clock: Clock) -> Remembered:
    return Remembered(origin, seconds=SECONDS, missing_seconds=MISSING, clock=clock)


def test_a_version_is_believed_for_a_while(store: Remembered, origin: Origin, clock: Clock) -> None:
    first = store.head("cat.jpg")
    origin.put("cat.jpg", b"another", {})
    clock.now += SECONDS - 0.1
    assert store.head("cat.jpg") == first
    assert len(origin.heads) == 1
    clock.now += 0.2
    assert store.head("cat.jpg").size == 7
    assert len(origin.heads) == 2


def test_nothing_is_believed_for_no_time(origin: Origin) -> None:
    store = Remembered(origin, seconds=0, missing_seconds=0)
    for _ in range(3):
        store.head("cat.jpg")
        with pytest.raises(NotFound):
            store.head("dog.jpg")
    assert len(origin.heads) == 6


def test_that_there_is_nothing_is_believed_for_a_shorter_while(
    store: Remembered, origin: Origin, clock: Clock
) -> None:
    for _ in range(3):
        with pytest.raises(NotFound, match=r"there is no image 'dog.jpg'"):
            store.head("dog.jpg")
    assert len(origin.heads) == 1
    origin.put("dog.jpg", b"1", {})
    clock.now += MISSING + 0.1
    assert store.head("dog.jpg").size == 1


def test_what_was_removed_or_made_private_is_gone_when_its_time_is_over(
    store: Remembered, origin: Origin, clock: Clock
) -> None:
    store.head("cat.jpg")
    origin.delete("cat.jpg")
    clock.now += SECONDS
    with pytest.raises(NotFound):
        store.head("cat.jpg")
    origin.down = True
    clock.now += SECONDS
    with pytest.raises(StoreUnavailable):
        store.head("cat.jpg")


def test_opening_confirms_or_denies_what_is_remembered(
    store: Remembered, origin: Origin, clock: Clock
) -> None:
    store.head("cat.jpg")
    clock.now += SECONDS - 1
    store.open("cat.jpg").close()
    clock.now += SECONDS - 1
    assert store.head("cat.jpg").size == 5
    assert len(origin.heads) == 1
    origin.put("cat.jpg", b"another", {})
    store.open("cat.jpg").close()
    assert store.head("cat.jpg").size == 7
    origin.delete("cat.jpg")
    with pytest.raises(NotFound):
        store.open("cat.jpg")
    with pytest.raises(NotFound):
        store.head("cat.jpg")
    assert len(origin.heads) == 2


def test_what_was_opened_unseen_is_not_made_up(store: Remembered, origin: Origin) -> None:
    store.open("cat.jpg").close()
    assert store.head("cat.jpg") == origin.head("cat.jpg")


def test_a_body_of_another_size_than_its_version_had_is_not_believed(
    store: Remembered, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = store.head("cat.jpg")
    (origin.root / "short").write_bytes(b"fir")

    def short(key: str) -> Opened:
        return Opened(FolderStore.open(origin, "short").descriptor, version=found.version)

    monkeypatch.setattr(origin, "open", short)
    with pytest.raises(StoreUnavailable):
        store.open("cat.jpg")


def test_who_asks_at_the_same_time_asks_once(store: Remembered, origin: Origin) -> None:
    origin.answers.clear()
    with ThreadPoolExecutor(40) as executor:
        found = [executor.submit(store.head, "cat.jpg") for _ in range(20)]
        missing = [executor.submit(store.head, "dog.jpg") for _ in range(20)]
        while len(origin.heads) < 2:
            pass
        origin.answers.set()
        assert {future.result(20).size for future in found} == {5}
        errors = [future.exception(20) for future in missing]
    assert sorted(origin.heads) == ["cat.jpg", "dog.jpg"]
    assert all(isinstance(error, NotFound) for error in errors)
    # One that several threads raise would collect the traces of them all.
    assert len({id(error) for error in errors}) == len(errors)


def test_while_the_store_is_down_what_it_said_last_is_true(
    store: Remembered, origin: Origin, clock: Clock
) -> None:
    known = store.head("cat.jpg")
    origin.down = True
    clock.now += 10 * SECONDS
    for _ in range(5):
        assert store.head("cat.jpg") == known
    # Asked once, and then left alone for a moment: waiting in vain is dear.
    assert len(origin.heads) == 2
    clock.now += module._DOWN_SECONDS
    assert store.head("cat.jpg") == known
    assert len(origin.heads) == 3
    origin.down = False
    origin.put("cat.jpg", b"another", {})
    clock.now += module._DOWN_SECONDS
    assert store.head("cat.jpg").size == 7


def test_while_the_store_is_down_other_known_objects_are_not_waited_for(
    store: Remembered, origin: Origin, clock: Clock
) -> None:
    origin.put("bird.jpg", b"1", {})
    store.head("cat.jpg")
    store.head("bird.jpg")
    origin.down = True
    clock.now += SECONDS
    store.head("cat.jpg")
    origin.heads.clear()
    assert store.head("bird.jpg").size == 1
    assert origin.heads == []


def test_of_what_is_not_known_nothing_is_said_while_the_store_is_down(
    store: Remembered, origin: Origin
) -> None:
    origin.down = True
    for _ in range(2):
        for ask in (store.head, store.open):
            with pytest.raises(StoreUnavailable):
                ask("cat.jpg")
    origin.down = False
    assert store.head("cat.jpg").size == 5


def test_memory_is_bounded_and_what_is_missing_does_not_push_out_what_is_there(
    store: Remembered, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    for number in range(5):
        origin.put(f"{number}.jpg", b"1", {})
    for number in (0, 1, 2, 0, 3, 4):
        store.head(f"{number}.jpg")
    for number in range(100):
        with pytest.raises(NotFound):
            store.head(f"missing-{number}")
    origin.heads.clear()
    for number in (0, 3, 4):
        store.head(f"{number}.jpg")
    assert origin.heads == []
    assert (len(store._found), len(store._missing)) == (3, 3)


def test_of_several_servers_one_that_is_down_says_nothing_of_the_others(
    origin: Origin, clock: Clock
) -> None:
    store = Remembered(
        origin, seconds=SECONDS, missing_seconds=MISSING, server=lambda key: key[:1], clock=clock
    )
    origin.put("bird.jpg", b"1", {})
    known = store.head("cat.jpg")
    store.head("bird.jpg")
    clock.now += SECONDS
    origin.down = True
    assert store.head("cat.jpg") == known
    origin.down = False
    origin.put("cat.jpg", b"another", {})
    origin.put("bird.jpg", b"another", {})
    assert store.head("bird.jpg").size == 7
    assert store.head("cat.jpg") == known
    clock.now += module._DOWN_SECONDS
    assert store.head("cat.jpg").size == 7


def test_bytes_are_always_the_stores_own(store: Remembered, origin: Origin) -> None:
    for data in (b"first", b"another"):
        origin.put("cat.jpg", data, {})
        with store.open("cat.jpg") as opened:
            assert opened.read() == data
    assert [entry.key for entry in store.list()] == ["cat.jpg"]
    assert store.local
    store.check()
