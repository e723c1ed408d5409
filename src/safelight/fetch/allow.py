"""Which servers may be asked for pictures, compared part by part."""

from __future__ import annotations

import re

import msgspec

from safelight.remote import Remote, read_folder

# One label stands for *, as in a certificate, and a domain of at least two follows.
_SUBDOMAINS = re.compile(r"(https?://)\*\.(?=[^/:.]+\.[^/:])")


class Rule(msgspec.Struct, frozen=True):
    """A folder of a server, or the same folder of every server directly below a domain."""

    folder: Remote
    subdomains: bool = False

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read "https://images.example.com/a/" or "https://*.example.com". Raises ValueError."""
        found = _SUBDOMAINS.match(text)
        plain = found[1] + text[found.end() :] if found else text
        if "*" in plain:
            raise ValueError("has an asterisk that is no subdomain, as in https://*.example.com/")
        return cls(read_folder(plain), subdomains=found is not None)

    def permits(self, remote: Remote) -> bool:
        """Tell whether a picture lies in this folder: scheme, host, port and whole segments."""
        folder = self.folder
        host = remote.host.partition(".")[2] if self.subdomains else remote.host
        return (
            remote.scheme == folder.scheme
            and host == folder.host
            and remote.port == folder.port
            and remote.segments[: len(folder.segments)] == folder.segments
        )
