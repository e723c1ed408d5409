"""Where a variant lies, and what its name says.

Two layouts. ``versioned``: ``{source key}@/{version}-{variant}``, followed by a tag of each preset
that was named. All variants of a source share a prefix, and those of one of its versions the
beginning of a name, so that either can be told and purged. ``path``: what was asked for, as it was
asked for, so that a web server on the store finds it. An entry
``@index/{source key}@/{path}-{version}`` then says where it is.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import quote

import msgspec

from safelight.storage.store import is_plain_key

# Part of every variant key: raise it when the same transform shall give other pixels.
EPOCH = 2

# No key of a source has an @ that is not percent-encoded.
MARK = "@"
# Beside the sources, not below a folder that would be made and removed with each lease.
LEASE = "@lease-"
INDEX = "@index"
# Sources with keys too long for a store or a file system, by a digest.
LONG = "@long"

_MAX_SEGMENT = 180
_MAX_PATH = 900
# What is beside a file in a folder, and what is only for us.
_RESERVED = re.compile(r"(?:^|/)[@.]|\.attributes(?:/|$)")
# That many presets which do not contradict each other are in nobody's address.
_MOST_TAGS = 8
# Below that many a cache does not tell folders apart.
_MOST_FOLDERS = 8
_TAGS = re.compile(r"-(p[0-9a-f]{12})")


class VariantKey(msgspec.Struct, frozen=True):
    """Where a variant lies, and the name that says which picture it is.

    ``index`` is where an entry tells of it, empty where its own place does.
    """

    path: str
    name: str
    index: str = ""

    @property
    def etag(self) -> str:
        """The strong ETag of the picture."""
        return f'"{self.name}"'


@lru_cache(maxsize=4_096)
def variant_key(
    epoch: int,
    source: str,
    version: str,
    others: tuple[str, ...],
    canonical: str,
    presets: tuple[str, ...],
    path: str,
) -> VariantKey:
    """Name a variant; ``others`` are the versions of the other pictures in it.

    ``path``: where it shall lie, empty for where its version belongs.
    """
    versions = "\n".join((version, *others))
    name = _digest(f"{epoch}\n{source}\n{versions}\n{canonical}", 16)
    tags = "".join(f"-{preset_tag(preset)}" for preset in sorted(set(presets))[:_MOST_TAGS])
    state = version_mark(epoch, version)
    if path and can_be_path(path):
        index = f"{INDEX}/{prefix(source)}/{path_mark(path)}-{state}{tags}"
        return VariantKey(path, name, index)
    return VariantKey(f"{prefix(source)}/{state}-{name}{tags}", name)


def can_be_path(path: str) -> bool:
    """Tell whether a variant may lie under what was asked for: plain, short, not reserved."""
    short = all(len(part.encode()) <= _MAX_SEGMENT for part in path.split("/"))
    fits = len(path.encode()) <= _MAX_PATH
    return is_plain_key(path) and short and fits and not _RESERVED.search(path)


def prefix(source: str) -> str:
    """Name the prefix of all variants of a source, safe in every store and file system."""
    path = "/".join(map(segment, source.split("/")))
    if len(path) > _MAX_PATH:
        path = f"{LONG}/~{_digest(source, 16)}"
    return f"{path}{MARK}"


def segment(part: str) -> str:
    """Write a segment of a source's key as that of a variant's."""
    encoded = quote(part, safe="").replace("~", "%7E")
    if len(encoded) > _MAX_SEGMENT:
        return f"~{_digest(part, 16)}"
    # Nothing is between the two slashes in the address of a picture on another server.
    return encoded or "%2F"


def version_mark(epoch: int, version: str) -> str:
    """Abbreviate the version of a source."""
    return _digest(f"{epoch}\n{version}", 8)


def path_mark(path: str) -> str:
    """Abbreviate the path of a variant."""
    return _digest(path, 12)


def source_tag(source: str) -> str:
    """Abbreviate a source for caches."""
    return f"s{_digest(source, 8)}"


def folder_tags(source: str) -> list[str]:
    """Abbreviate the folders that a source is in, the outermost first, for caches."""
    parts = source.split("/")[:-1][:_MOST_FOLDERS]
    return [f"d{_digest('/'.join(parts[:depth]), 8)}" for depth in range(1, len(parts) + 1)]


def cache_tags(source: str, presets: tuple[str, ...]) -> list[str]:
    """Name all by which caches may be told to forget a variant."""
    return [source_tag(source), *folder_tags(source), *map(preset_tag, presets)]


def preset_tag(preset: str) -> str:
    """Abbreviate a preset, for caches and in names of variants."""
    return f"p{_digest(preset, 6)}"


def tags_of(path: str) -> list[str]:
    """Read the tags of presets off the place of a variant, or of an entry that tells of it."""
    return _TAGS.findall(path.rpartition("/")[2])


def content_digest(data: bytes) -> str:
    """Fingerprint bytes, to notice when a stored object is not what was written."""
    return hashlib.sha256(data).hexdigest()


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
