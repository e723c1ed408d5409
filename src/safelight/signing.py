"""Signed addresses: who made an address, and how long it holds.

A signature is the first segment: ``/s-{mac}/w=800/cat.jpg``, with an expiry
``/s-{mac}.{seconds}/w=800/cat.jpg``. The MAC is HMAC-SHA256 (RFC 2104, FIPS 180-4) over the expiry
in seconds since the epoch (nothing when there is none), a line feed, and the rest of the address
exactly as it is sent, percent-encoding, query and all: ``/w=800/cat.jpg``. It is written in
base64url without padding (RFC 4648 §5).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import b2a_base64
from collections.abc import Sequence

import msgspec

from safelight.confidential import Confidential
from safelight.errors import Forbidden

# What every signature begins with, and no name of a preset may.
MARK = "s-"
# Shorter could be guessed by trying.
LEAST_KEY = 16
# Clocks differ: so long after its expiry an address is still good.
TOLERANCE_SECONDS = 60

_SEGMENT = re.compile(rf"/{MARK}([A-Za-z0-9_-]{{43}})(?:\.([0-9]{{1,12}}))?(?=/)")
# Also one that was cut off or written wrongly; not a folder that happens to begin like it.
_ANYWHERE = re.compile(rf"/{MARK}[A-Za-z0-9_-]{{16,}}(?:\.[0-9]+)?")
_TO_URL = bytes.maketrans(b"+/", b"-_")


class Signer(Confidential, frozen=True):
    """Somebody who may sign addresses. Raises ValueError for a key that could be guessed."""

    hidden = frozenset({"key"})

    key: str

    def __post_init__(self) -> None:
        """Refuse a short key."""
        if fault := fault_of(self.key):
            raise ValueError(f"a key {fault}")

    def sign(self, target: str, *, expires: int | None = None) -> str:
        """Put a signature before an address.

        ``target``: path and query as they will be sent, from the slash below which the service is
        mounted. ``expires``: seconds since the epoch, None for ever. Raises ValueError.
        """
        if not target.startswith("/") or not target.isascii():
            raise ValueError("an address to sign begins with / and is percent-encoded")
        if expires is not None and not 0 <= expires < 10**12:
            raise ValueError("an expiry is in seconds since the epoch")
        until = "" if expires is None else str(expires)
        return f"/{MARK}{_mac(target, self.key, until)}{until and f'.{until}'}{target}"


class Signed(msgspec.Struct, frozen=True):
    """An address that was signed, without its signature; ``until``: None for ever."""

    target: str
    until: int | None

    def seconds_left(self, now: float) -> float | None:
        """Tell how long the address still holds at ``now``; None for ever.

        Less than 0 while it does only because clocks differ. ``now``: seconds since the epoch.
        Raises Forbidden when it has expired.
        """
        if self.until is None:
            return None
        if now > self.until + TOLERANCE_SECONDS:
            raise Forbidden("the address has expired: ask for a new one where you got it")
        return self.until - now


def is_signed(target: str) -> bool:
    """Tell whether an address claims to be signed."""
    return target.startswith(f"/{MARK}")


def verify(target: str, keys: Sequence[str]) -> Signed:
    """Check the signature of an address, and take it off. Its time is yet to be checked.

    ``target``: path and query as they were sent. ``keys``: any of them may have signed. Raises
    Forbidden for a wrong signature.
    """
    if not keys:
        raise Forbidden("no signature is valid here: the server has no keys")
    found = _SEGMENT.match(target)
    if found is None:
        raise Forbidden("the signature is incomplete: sign the address again")
    mac, until = found[1], found[2] or ""
    rest = target[found.end() :]
    # Every key is tried, so that the time tells nothing about which one it was.
    good = [hmac.compare_digest(mac, _mac(rest, key, until)) for key in keys]
    if not any(good):
        raise Forbidden("the signature does not fit the address: sign it exactly as it is sent")
    return Signed(rest, int(until) if until else None)


def redacted(text: str) -> str:
    """Hide the signatures of the addresses in a text: whoever reads a log shall not use them."""
    return _ANYWHERE.sub(f"/{MARK}…", text)


def fault_of(key: str) -> str | None:
    """Say what is wrong with a key, without showing it; None when it is good."""
    if len(key) < LEAST_KEY:
        return f"has {len(key)} characters, and needs {LEAST_KEY} or more"
    if any("\ud800" <= letter <= "\udfff" for letter in key):
        return "is no text in UTF-8"
    return None


def _mac(target: str, key: str, until: str) -> str:
    digest = hmac.digest(key.encode(), f"{until}\n{target}".encode(), hashlib.sha256)
    return b2a_base64(digest, newline=False).translate(_TO_URL).rstrip(b"=").decode()
