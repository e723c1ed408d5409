"""Where an output lies: a key with fields such as ``{stem}``, filled in from the source's key."""

from __future__ import annotations

import re

import msgspec

FIELDS = ("key", "name", "stem", "dir", "base", "ext", "hash")
# What tells one source from another.
_TELLING = {"key", "name", "stem", "base", "hash"}
_FIELD = re.compile(r"\{([^{}]*)\}")
# A segment that is empty or only dots, a backslash, a control character.
_NOT_PLAIN = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EXAMPLE = "thumbnails/{stem}.jpg"
# So that there is room for a source's name in the 1,024 bytes of a key.
_MOST_BYTES = 512


class Named(msgspec.Struct, frozen=True):
    """What a source's key is made of.

    ``name`` is what follows the prefix of its pipeline, ``stem`` that without its ``suffix``,
    ``folder`` its folders and ``base`` the last part of the stem.
    """

    key: str
    name: str
    stem: str
    folder: str
    base: str
    suffix: str


def named(key: str, on: str) -> Named:
    """Take apart the key of a source that a pipeline is for; ``on`` is the pipeline's prefix."""
    name = key.removeprefix(on).lstrip("/")
    folder, _, last = name.rpartition("/")
    base, dot, suffix = last.rpartition(".")
    if not dot or not base:
        base, suffix = last, ""
    stem = f"{folder}/{base}" if folder else base
    return Named(key, name, stem, folder, base, suffix)


class Template(msgspec.Struct, frozen=True):
    """A key with fields; raises ValueError where nothing could come of it.

    ``start`` and ``end`` are what stands before the first field and after the last.
    """

    text: str
    fields: frozenset[str] = frozenset()
    start: str = ""
    end: str = ""

    def __post_init__(self) -> None:
        """Check the fields, and that what they make is a key."""
        found = _FIELD.findall(self.text)
        unknown = [name for name in found if name not in FIELDS]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise ValueError(f"{{{unknown[0]}}} is no field: known are {known}")
        if not _TELLING.intersection(found):
            raise ValueError(
                f"every source would have the same key: say which it is (example: {_EXAMPLE})"
            )
        if len(self.text.encode()) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES} bytes (example: {_EXAMPLE})")
        filled = _FIELD.sub("x", self.text)
        if _NOT_PLAIN.search(filled) or "{" in filled or "}" in filled:
            raise ValueError(f"this is no key of an object (example: {_EXAMPLE})")
        parts = _FIELD.split(self.text)
        msgspec.structs.force_setattr(self, "fields", frozenset(found))
        msgspec.structs.force_setattr(self, "start", parts[0])
        msgspec.structs.force_setattr(self, "end", parts[-1])

    @property
    def literal_suffix(self) -> str:
        """The suffix that every key ends with, without its dot; empty when there is none."""
        _, dot, suffix = self.end.rpartition("/")[2].rpartition(".")
        return suffix if dot else ""

    def filled(self, source: Named, *, ext: str = "", hash: str = "") -> str:
        """Write the key for a source; ``ext`` and ``hash`` are those that it turned out to have."""
        values = {
            "key": source.key,
            "name": source.name,
            "stem": source.stem,
            "dir": source.folder,
            "base": source.base,
            "ext": ext,
            "hash": hash,
        }
        # Of a source in no folder the slash goes, too.
        text = self.text if source.folder else self.text.replace("{dir}/", "")
        return _FIELD.sub(lambda found: values[found[1]], text)
