"""What a store was asked is counted, and its answers go through unchanged."""

import inspect
from typing import Any

import pytest

from safelight.errors import NotFound, StoreUnavailable
from safelight.observe import Histogram
from safelight.storage import Store, open_store
from safelight.storage.observed import ObservedStore
from safelight.storage.store import Store as StoreProtocol


@pytest.fixture
def counted() -> Histogram:
    """Count here."""
    return Histogram("seconds", "", ("store", "call", "outcome"))


@pytest.fixture
def inner() -> Store:
    """Give an empty store."""
    return open_store("memory:")


@pytest.fixture
def store(inner: Store, counted: Histogram) -> Store:
    """Give the same, observed."""
    return ObservedStore(inner, "variants", counted)


def calls(counted: Histogram) -> dict[Any, int]:
    return {labels[1:]: series.counts[-1] for labels, series in counted.read().items()}


def test_each_call_is_counted_once_and_answered_by_the_store(
    store: Store, inner: Store, counted: Histogram
) -> None:
    store.check()
    store.put("a/b.jpg", b"abc", {"Content-Type": "image/jpeg"})
    assert store.head("a/b.jpg") == inner.head("a/b.jpg")
    assert store.get("a/b.jpg") == inner.get("a/b.jpg")
    assert store.attributes("a/b.jpg") == inner.attributes("a/b.jpg")
    with store.open("a/b.jpg") as opened:
        assert opened.read() == b"abc"
    assert [entry.key for entry in store.list("a")] == ["a/b.jpg"]
    assert list(store.list("nothing")) == []
    assert (store.create("lease", b"1"), store.create("lease", b"2")) == (True, False)
    store.delete("a/b.jpg")
    assert store.tidy(0.0) == 0
    assert store.local == inner.local
    assert store.sign("a/b.jpg", 60) == inner.sign("a/b.jpg", 60)
    assert calls(counted) == {
        ("check", "ok"): 1, ("put", "ok"): 1, ("head", "ok"): 1, ("get", "ok"): 1,
        ("attributes", "ok"): 1, ("open", "ok"): 1, ("list", "ok"): 2, ("create", "ok"): 2,
        ("delete", "ok"): 1, ("tidy", "ok"): 1,
    }  # fmt: skip
    assert {labels[0] for labels in counted.read()} == {"variants"}


def test_what_is_missing_is_no_error(store: Store, counted: Histogram) -> None:
    for ask in (store.head, store.get, store.open):
        with pytest.raises(NotFound):
            ask("gone.jpg")
    assert calls(counted) == {(call, "missing"): 1 for call in ("head", "get", "open")}


def test_a_store_that_is_down_is_an_error(
    store: Store, inner: Store, counted: Histogram, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*arguments: Any) -> Any:
        raise StoreUnavailable("it does not answer")

    monkeypatch.setattr(inner, "head", down)
    monkeypatch.setattr(inner, "list", down)
    with pytest.raises(StoreUnavailable):
        store.head("a.jpg")
    with pytest.raises(StoreUnavailable):
        list(store.list())
    assert calls(counted) == {("head", "error"): 1, ("list", "error"): 1}


def test_a_store_has_no_call_that_is_not_observed() -> None:
    wanted = {name for name, _ in inspect.getmembers(StoreProtocol) if not name.startswith("_")}
    assert wanted <= set(dir(ObservedStore))
