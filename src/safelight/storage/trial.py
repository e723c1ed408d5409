"""A store tried out: written to, read back, tidied."""

from __future__ import annotations

import uuid

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage.store import Store

_ATTRIBUTES = {"Content-Type": "image/webp", "digest": "0", "source": "näher 猫.jpg"}


def read_back(store: Store, key: str) -> None:
    """Make sure that what is put under a key can be read, found and removed.

    Raises StoreUnavailable, whose reason says what is wrong in a sentence.
    """
    data = uuid.uuid4().bytes
    store.put(key, data, _ATTRIBUTES)
    try:
        found = store.get(key)
        kept = found.attributes if found.attributes is not None else store.attributes(key)
    except NotFound:
        raise StoreUnavailable("what is written to the store cannot be read back") from None
    finally:
        store.delete(key)
    if found.data != data:
        raise StoreUnavailable("the store gives back other bytes than were written to it")
    if any(kept.get(name) != value for name, value in _ATTRIBUTES.items()):
        raise StoreUnavailable("the store does not keep the attributes of objects")
