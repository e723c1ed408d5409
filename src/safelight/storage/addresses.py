"""The URL of a store, read: which kind, which bucket, below which prefix, with which options.

Credentials are no part of it, and what is refused is never shown: somebody may have put them there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from safelight.errors import SettingError
from safelight.storage.store import is_plain_key

_EXAMPLES = {
    "s3": "s3://photos/prefix?region=eu-west-1",
    "az": "az://photos/prefix?account=example",
    "gs": "gs://photos/prefix",
    "cos": "cos://photos-1250000000/prefix?region=ap-guangzhou",
}
# A bucket, or a container of Azure. Their rules differ; each cloud tells its own.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
# Tencent's bucket names end with the number of the account.
_COS_NAME = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9]+")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_ENDPOINT = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?", re.ASCII
)


class Address(msgspec.Struct, frozen=True):
    """What the URL of a store says.

    ``kind`` is its scheme, ``name`` the bucket or container, ``prefix`` what all keys begin with
    (of a folder: its path), without slashes around it.
    """

    kind: str
    name: str = ""
    prefix: str = ""
    options: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __str__(self) -> str:
        """Name the store, without its options."""
        return f"{self.kind}://{self.name}" + (f"/{self.prefix}" if self.prefix else "")

    def flag(self, option: str) -> bool:
        """Tell whether an option is set."""
        return self.options.get(option) == "true"


def parse(url: str) -> Address:
    """Read the URL of a store. Raises SettingError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_store(url) from None
    if parts.scheme == "memory":
        return Address("memory")
    if parts.scheme == "file" and not parts.netloc:
        return Address("file", prefix=unquote(parts.path))
    if parts.scheme not in _EXAMPLES:
        raise _no_store(url)
    if "@" in parts.netloc:
        raise SettingError(
            f"credentials do not belong into the URL of a store: they come from the environment "
            f"(example: {_EXAMPLES[parts.scheme]})"
        )
    prefix = unquote(parts.path).strip("/")
    well_named = _COS_NAME if parts.scheme == "cos" else _NAME
    if not well_named.fullmatch(parts.netloc) or (prefix and not is_plain_key(prefix)):
        raise SettingError(f"this names no bucket or prefix (example: {_EXAMPLES[parts.scheme]})")
    if parts.fragment:
        raise SettingError("the URL of a store has no fragment: write # as %23")
    options = _options(parts.scheme, parts.query)
    return Address(parts.scheme, parts.netloc, prefix, options)


def _no_store(url: str) -> SettingError:
    shown = "this" if re.search("[@?]", url) else repr(url)
    known = ", ".join(_EXAMPLES.values())
    return SettingError(f"{shown} names no store: use file:./folder, memory:, {known}")


def _options(kind: str, query: str) -> dict[str, str]:
    known = _OPTIONS[kind]
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise SettingError(
                f"a store of {kind}:// has no such option: known are {', '.join(known)}; "
                "credentials come from the environment"
            )
        if name in options or not known[name].valid(value):
            raise SettingError(f"{name}: expected {known[name].expected}, once")
        options[name] = value
    if kind == "cos" and "region" not in options:
        raise SettingError(f"cos:// needs a region (example: {_EXAMPLES[kind]})")
    return options


class _Option(msgspec.Struct, frozen=True):
    valid: Callable[[str], object]
    expected: str


_BOOLEAN = _Option({"true", "false"}.__contains__, "true or false")
_SERVER = _Option(_ENDPOINT.fullmatch, "an address such as https://storage.example.com")
_PLACE = _Option(_REGION.fullmatch, "a region such as eu-west-1")
_OPTIONS = {
    "s3": {
        "endpoint": _SERVER,
        "region": _PLACE,
        "style": _Option({"path", "virtual"}.__contains__, "path or virtual"),
        "anonymous": _BOOLEAN,
    },
    "az": {
        "account": _Option(_ACCOUNT.fullmatch, "3 to 24 lower-case letters and digits"),
        "endpoint": _SERVER,
        "emulator": _BOOLEAN,
        "anonymous": _BOOLEAN,
    },
    "gs": {"endpoint": _SERVER, "anonymous": _BOOLEAN},
    "cos": {"region": _PLACE, "endpoint": _SERVER, "anonymous": _BOOLEAN},
}


def in_host(endpoint: str, bucket: str) -> str:
    """Put a bucket into the host of an endpoint, unless it is there: virtual-hosted style."""
    scheme, _, host = endpoint.partition("://")
    return endpoint if host.startswith(f"{bucket}.") else f"{scheme}://{bucket}.{host}"
