"""Addresses of pictures on other servers: read strictly, and written in one form.

What is allowed is decided on this form, and this form is what is asked for: there is no second
reading that could see another server or another path in it.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote

import msgspec

MAX_LENGTH = 2_048

# One slash after the scheme: proxies make one of two in a path.
_REMOTE = re.compile(r"https?:/", re.IGNORECASE | re.ASCII)
# Compiled where an address is read: most pictures are not on another server.
_PARTS = (
    r"(?ia)(?P<scheme>https?):/{1,2}(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_AUTHORITY = r"(?P<host>\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(?::(?P<port>[1-9][0-9]{0,4}))?"
_NAME = (
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
# What some part of a system takes for an IPv4 address: 127.1, 0x7f.0.0.1, 2130706433.
_NUMBER = r"(?:[0-9]+|0x[0-9a-f]*)"
_FORBIDDEN = r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]"
_ESCAPE = r"%([0-9A-Fa-f]{2})"
_ESCAPED_CONTROL = r"%(?:[01][0-9A-F]|7F)"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What stands in a path as it is (RFC 3986 §3.3); in a query the question mark too (§3.4).
_PATH = "/!$&'()*+,;=:@"
_QUERY = _PATH + "?"
_PORTS = {"http": 80, "https": 443}


class Remote(msgspec.Struct, frozen=True):
    """A picture or a folder on another server.

    ``host`` is a name in lower case or an address without brackets; ``path`` and ``query`` are
    percent-encoded, the path of a folder without its last slash.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own: the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What a request asks for: path and query."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def place(self) -> str:
        """The address without its query."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def key(self) -> str:
        """The whole address, in its one form."""
        return self.place + (f"?{self.query}" if self.query else "")

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, percent-encoded."""
        return tuple(self.path.split("/")[1:])

    def below(self, key: str) -> Remote:
        """Name what lies below this folder; in its key a percent sign is a letter.

        Raises ValueError for a path that leads up or to what is hidden.
        """
        path = f"{self.path}/{quote(key, safe=_PATH)}"
        _refuse_astray(path)
        return Remote(self.scheme, self.host, self.port, path)


def is_remote(key: str) -> bool:
    """Tell whether a key names another server."""
    return _REMOTE.match(key) is not None


def read(text: str) -> Remote:
    """Read the address of a picture.

    Letters that have no place in an address are escaped, and needless escapes undone. Raises
    ValueError for what is no address of a picture on a server that has one: with a user or
    password, a fragment, a backslash, a number for a host, a path that leads up or to what is
    hidden.
    """
    remote = _read(text)
    if not remote.path:
        raise ValueError("names no picture of its server")
    if not all(remote.segments):
        raise ValueError("has an empty part in its path")
    return remote


def read_folder(text: str) -> Remote:
    """Read the address of a folder, with or without its last slash. Raises ValueError."""
    remote = _read(text.removesuffix("/"))
    if remote.query:
        raise ValueError("has a query, which no folder has")
    if not all(remote.segments):
        raise ValueError("has an empty part in its path")
    return remote


def _read(text: str) -> Remote:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH:,} letters")
    if re.search(_FORBIDDEN, text):
        raise ValueError("holds a backslash or a control character")
    parts = re.fullmatch(_PARTS, text)
    if parts is None:
        raise ValueError("is not https://server/path, or has a fragment")
    scheme = parts["scheme"].lower()
    host, port = _server(parts["authority"], scheme)
    path = _canonical(parts["path"] or "", _PATH)
    query = _canonical(parts["query"] or "", _QUERY)
    if re.search(_ESCAPED_CONTROL, path + query):
        raise ValueError("holds a control character")
    _refuse_astray(path)
    remote = Remote(scheme, host, port, path, query)
    if len(remote.key) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH:,} letters")
    return remote


def _server(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("names a user, and credentials are not sent")
    if not authority.isascii():
        raise ValueError("has a host beyond ASCII: write it as xn--…")
    parts = re.fullmatch(_AUTHORITY, authority)
    if parts is None:
        raise ValueError("has a host or a port that is none")
    port = int(parts["port"] or _PORTS[scheme])
    if port > 65_535:
        raise ValueError("has a port beyond 65535")
    return _host(parts["host"].lower()), port


def _host(host: str) -> str:
    """Read a name, or an address in its usual form."""
    try:
        if host.startswith("["):
            return str(ipaddress.IPv6Address(host[1:-1]))
        if re.fullmatch(_NUMBER, host.rpartition(".")[2]):
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError("has a number for a host that is no address, such as 192.0.2.1") from None
    if not re.fullmatch(_NAME, host):
        raise ValueError("has a host that is no name of letters, digits and hyphens")
    return host


def _canonical(text: str, safe: str) -> str:
    """Escape what has to be, undo the escapes of letters and digits, leave all others."""
    # Between two escapes is what was written plainly; there a % alone is a percent sign.
    parts = re.split(_ESCAPE, text)
    parts[::2] = [quote(plain, safe=safe) for plain in parts[::2]]
    parts[1::2] = [_escape(chr(int(escaped, 16))) for escaped in parts[1::2]]
    return "".join(parts)


def _escape(letter: str) -> str:
    return letter if letter in _UNRESERVED else f"%{ord(letter):02X}"


def _refuse_astray(path: str) -> None:
    """Refuse a path that leads up or to what is hidden, however often its server undoes escapes."""
    while True:
        if any(part.startswith(".") for part in re.split(r"[/\\]", path)):
            raise ValueError("leads up, or to what is hidden")
        plain = unquote(path)
        if plain == path:
            return
        path = plain
