"""Attributes of objects, written so that every cloud keeps them.

A cloud keeps attributes as headers: names of lower-case letters and digits (Azure refuses ``-``,
Tencent ``_``), values of ASCII without spaces at their ends, 2,048 bytes in all (Amazon S3 User
Guide, "Working with object metadata"; Tencent alike). So values are percent-encoded as in RFC 3986.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

# Headers of their own, which say something to browsers and are never encoded.
_HEADERS = {
    name.lower(): name
    for name in (
        "Content-Type",
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Storage-Class",
    )
}
_NAME = re.compile(r"[a-z0-9]{1,64}")
_PLAIN = "!$&'()*+,/:;=@~"
# Of 2,048 bytes; somebody may count what is between a name and its value.
_MOST_BYTES = 1_900


def written(attributes: Mapping[str, str]) -> dict[str, str]:
    """Encode attributes for a cloud; the longest are left out when all are too many.

    Raises ValueError for a name that some cloud refuses.
    """
    headers: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in attributes.items():
        if name.lower() in _HEADERS:
            headers[_HEADERS[name.lower()]] = value
        elif _NAME.fullmatch(name):
            others[name] = quote(value, safe=_PLAIN)
        else:
            raise ValueError(f"{name!r} is no name of an attribute: use a-z and 0-9")
    while sum(len(name) + len(value) for name, value in others.items()) > _MOST_BYTES:
        del others[max(others, key=lambda name: len(others[name]))]
    return headers | others


def read(attributes: Mapping[str, str]) -> dict[str, str]:
    """Decode what was written; what somebody else wrote is taken as it is."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        header = _HEADERS.get(name.lower())
        found[header or name] = value if header else unquote(value)
    return found
