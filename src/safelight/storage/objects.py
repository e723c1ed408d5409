"""Any store that obstore knows."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from safelight.errors import NotFound, SourceTooLarge, StoreUnavailable
from safelight.storage import attributes as encoding
from safelight.storage.addresses import Address
from safelight.storage.clients import Client
from safelight.storage.faults import Fault, fault_of
from safelight.storage.store import (
    Entry,
    Object,
    Opened,
    Stat,
    anonymous_file,
    is_plain_key,
    missing,
)

log = logging.getLogger("safelight")

# Amazon S3 and Google count bytes; Azure's and Tencent's bounds are not lower.
_MOST_KEY_BYTES = 1_024
_CHUNK = 1 << 20
_PAGE = 1_000
# A store that is down is one line in the log now and then, not one for each request.
_SAID_AGAIN_SECONDS = 30.0
# obstore signs for Azure what is percent-encoded, where Azure wants what it stands for.
_SIGNED_FOR_AZURE = re.compile(r"[A-Za-z0-9!$&'()*+,;=:@._~/-]+")


class ObjectStore:
    """Any store of obstore's, through its synchronous calls."""

    def __init__(self, client: Client, address: Address, *, most_bytes: int | None = None) -> None:
        """Speak to the store of an address; an object of more than ``most_bytes`` is not read."""
        # Held whole: it is shared only as long as somebody holds it.
        self._shared = client
        self._client = client.store
        self._creating = client.creating
        self._address = address
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    @property
    def local(self) -> bool:
        """Whether the store is in this process."""
        return self._address.kind == "memory"

    def check(self) -> None:
        """Ask for an object that need not be there: only its absence is fine."""
        path = f"{self._prefix}safelight-check"
        try:
            obstore.get(self._client, path)
        except (FileNotFoundError, BaseError) as error:
            fault = fault_of(error, path)
            denied = fault.status in (401, 403)
            if not fault.object_missing or (denied and not self._address.flag("anonymous")):
                raise self._unavailable(fault) from None
            if not denied and not fault.code:
                # Something is missing, and nothing says what.
                self._look_into()

    def _look_into(self) -> None:
        try:
            next(iter(obstore.list(self._client, self._prefix or None, chunk_size=1)), None)
        except BaseError as error:
            raise self._unavailable(fault_of(error, "")) from None

    def head(self, key: str) -> Stat:
        """Ask for an object's head."""
        meta = self._read(key, obstore.head)
        return Stat(_version(meta), meta["size"], meta["last_modified"].timestamp())

    def open(self, key: str) -> Opened:
        """Fetch an object into anonymous memory, chunk by chunk."""
        found = self._read(key, obstore.get)
        self._refuse_large(found.meta["size"])
        descriptor = anonymous_file()
        try:
            self._copy(found, key, descriptor)
            return Opened(descriptor, version=_version(found.meta))
        except BaseException:
            os.close(descriptor)
            raise

    def _copy(self, found: Any, key: str, descriptor: int) -> None:
        size = 0
        for chunk in self._chunks(found, key, _CHUNK):
            size += len(chunk)
            # What was announced may be a lie.
            self._refuse_large(size)
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
        self._refuse_part(size, found)

    def _chunks(self, found: Any, key: str, size: int) -> Iterator[bytes]:
        try:
            yield from found.stream(min_chunk_size=size)
        except BaseError as error:
            raise self._unreadable(fault_of(error, self._prefix + key), key) from None

    def get(self, key: str) -> Object:
        """Fetch an object with its attributes."""
        found = self._read(key, obstore.get)
        size = found.meta["size"]
        self._refuse_large(size)
        # All of it as one chunk is copied least.
        data = b"".join(self._chunks(found, key, max(1, size)))
        self._refuse_part(len(data), found)
        return Object(data, _version(found.meta), encoding.read(found.attributes))

    def attributes(self, key: str) -> Mapping[str, str]:
        """Ask for an object's head, and take the attributes in it."""
        found = self._read(key, obstore.get, options={"head": True})
        return encoding.read(found.attributes)

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object with its attributes."""
        if not self._write(key, self._client, data, attributes=encoding.written(attributes)):
            raise self._unavailable(Fault(409, "", ""))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object by a create-only put."""
        if self._creating is None:
            created = self._write(key, self._client, data, mode="create")
        else:
            created = self._write(key, self._creating, data)
        return created or self._is_there(key, data)

    def _is_there(self, key: str, data: bytes) -> bool:
        """Tell whether an earlier try, whose answer got lost, has written these very bytes."""
        try:
            return self.get(key).data == data
        except NotFound:
            return False

    def delete(self, key: str) -> None:
        """Remove an object."""
        path = self._prefix + key
        if not _can_be(path):
            return
        try:
            obstore.delete(self._client, path)
        except FileNotFoundError as error:
            fault = fault_of(error, path)
            if fault.code and not fault.object_missing:
                raise self._unavailable(fault) from None
        except BaseError as error:
            raise self._unavailable(fault_of(error, path)) from None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List objects; their last use is when they were written."""
        if prefix and not is_plain_key(prefix):
            return
        below = f"{self._prefix}{prefix}" or None
        try:
            for batch in obstore.list(self._client, below, chunk_size=_PAGE):
                for meta in batch:
                    key = meta["path"][len(self._prefix) :]
                    yield Entry(key, meta["size"], meta["last_modified"].timestamp())
        except BaseError as error:
            raise self._unavailable(fault_of(error, "")) from None

    def sign(self, key: str, seconds: int) -> str | None:
        """Sign a GET with the credentials of the store."""
        path = self._prefix + key
        if self.local or self._address.flag("anonymous") or not _can_be(path):
            return None
        if self._address.kind == "az" and not _SIGNED_FOR_AZURE.fullmatch(path):
            return None
        try:
            return str(obstore.sign(self._client, "GET", path, timedelta(seconds=seconds)))
        except BaseError as error:
            # No reason to fail: what cannot be pointed at can be sent.
            reason = fault_of(error, path).sentence(self._address.kind)
            self._say(f"addresses cannot be signed: {reason}")
            return None

    def tidy(self, before: float) -> int:  # noqa: ARG002 - a put that never ended leaves nothing
        """Remove nothing."""
        return 0

    def _read(self, key: str, verb: Any, **options: Any) -> Any:
        path = self._path(key)
        try:
            return verb(self._client, path, **options)
        except (FileNotFoundError, BaseError) as error:
            raise self._unreadable(self._explained(fault_of(error, path), path), key) from None

    def _explained(self, fault: Fault, path: str) -> Fault:
        """Ask by GET what an answer to HEAD does not say: whether this or everything is refused."""
        if not fault.silent:
            return fault
        try:
            obstore.get(self._client, path)
        except (FileNotFoundError, BaseError) as error:
            return fault_of(error, path)
        return fault

    def _unreadable(self, fault: Fault, key: str) -> NotFound | StoreUnavailable:
        """Tell a private object as one that is not there."""
        return missing(key) if fault.object_missing else self._unavailable(fault)

    def _write(self, key: str, client: Any, data: bytes, **options: Any) -> bool:
        """Write in one piece: parts of what was never finished would stay, and be paid for."""
        path = self._path(key)
        try:
            obstore.put(client, path, data, use_multipart=False, **options)
        except AlreadyExistsError:
            return False
        except (FileNotFoundError, BaseError) as error:
            raise self._unavailable(fault_of(error, path)) from None
        return True

    def _path(self, key: str) -> str:
        path = self._prefix + key
        if not _can_be(path) or not is_plain_key(key):
            raise missing(key)
        return path

    def _refuse_large(self, size: int) -> None:
        if self._most_bytes is not None and size > self._most_bytes:
            raise SourceTooLarge(
                f"the image has {size:,} bytes: at most {self._most_bytes:,} are allowed"
            )

    def _refuse_part(self, size: int, found: Any) -> None:
        if size != found.meta["size"]:
            raise self._unavailable(Fault(None, "", "cut off"))

    def _unavailable(self, fault: Fault) -> StoreUnavailable:
        """Make the error, whose reason is for the log and not for clients."""
        reason = fault.sentence(self._address.kind)
        self._say(reason)
        return StoreUnavailable("the store does not answer", f"{self._address}: {reason}")

    def _say(self, sentence: str) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._said.get(sentence, 0.0):
                return
            self._said[sentence] = now + _SAID_AGAIN_SECONDS
        log.warning("%s: %s", self._address, sentence)


def _can_be(path: str) -> bool:
    return is_plain_key(path) and len(path.encode()) <= _MOST_KEY_BYTES


def _version(meta: Any) -> str:
    return str(meta.get("version") or meta.get("e_tag") or meta["last_modified"].isoformat())
