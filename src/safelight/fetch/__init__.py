"""Pictures on other servers, fetched through a gate that every connection has to pass.

The layers of it, from the outside to the inside: ``origin`` is the source that the service sees,
``answers`` follows redirects and reads bodies, ``wire`` speaks HTTP, ``gate`` dials, ``addresses``
judges. What is only needed to fetch is imported when something is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from safelight.errors import SettingError
from safelight.fetch.addresses import Guard
from safelight.fetch.allow import Rule
from safelight.limits import Limits
from safelight.remote import Remote, read, read_folder
from safelight.storage.store import is_plain_key

if TYPE_CHECKING:
    from safelight.fetch.origin import Origin

__all__ = ["Remotes", "allowed_servers", "fixed_origin", "server_of"]

_CHECK = "safelight-check"


class Remotes(msgspec.Struct, frozen=True):
    """Which other servers may be asked for pictures, and how long what they say is believed.

    ``allow``: folders such as "https://images.example.com/a/"; without any, only a source that is
    an origin. ``networks``: those that are not public and may be asked all the same, such as
    "10.0.0.0/8". ``remember_seconds`` is how long a version is believed, ``missing_seconds`` how
    long that there is no picture.
    """

    allow: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    remember_seconds: float = 60.0
    missing_seconds: float = 10.0

    def check_settings(self) -> None:
        """Refuse what means nothing. Raises SettingError."""
        _rules(self)
        _guard(self)


def fixed_origin(url: str, remotes: Remotes, limits: Limits) -> Origin:
    """Read the pictures below one address, such as "https://origin.example/images".

    Redirects may lead below it, and to where ``remotes`` allows. Raises SettingError.
    """
    try:
        folder = read_folder(url)
    except ValueError as fault:
        raise SettingError(
            f"the address {fault} (example: https://origin.example/images)"
        ) from None

    def find(key: str) -> Remote:
        if not is_plain_key(key):
            raise ValueError("is no name of a picture")
        return folder.below(key)

    return _origin(find, [Rule(folder), *_rules(remotes)], remotes, limits, folder.below(_CHECK))


def allowed_servers(remotes: Remotes, limits: Limits) -> Origin:
    """Read pictures of all servers that are allowed; a key is an address. Raises SettingError."""
    return _origin(read, _rules(remotes), remotes, limits, None)


def server_of(key: str) -> str:
    """Name the server of a key that is an address."""
    return key.split("/", 3)[2]


def _origin(
    find: Callable[[str], Remote],
    rules: Sequence[Rule],
    remotes: Remotes,
    limits: Limits,
    checked: Remote | None,
) -> Origin:
    # Imported where it is used: it brings TLS and an HTTP library.
    from safelight.fetch.gate import Gate
    from safelight.fetch.origin import Origin

    return Origin(find, rules, Gate(_guard(remotes)), limits, checked=checked)


def _rules(remotes: Remotes) -> list[Rule]:
    rules = []
    for number, text in enumerate(remotes.allow, 1):
        try:
            rules.append(Rule.parse(text))
        except ValueError as fault:
            # Not shown: somebody may have put a password there.
            raise SettingError(
                f"remote.allow: entry {number} {fault} "
                '(example: allow = ["https://images.example.com/a/"])'
            ) from None
    return rules


def _guard(remotes: Remotes) -> Guard:
    try:
        return Guard(remotes.networks)
    except ValueError as fault:
        raise SettingError(f"remote.networks: {fault}") from None
