"""How a stored picture reaches its viewer: from here, or from where it is stored."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from safelight.errors import SettingError
from safelight.storage import Store

# What stands in a path as it is (RFC 3986 §3.3), but for "+": Amazon S3 reads it as a space.
_PLAIN = "/~!$&'()*,;=:@"
_PUBLIC = re.compile(r"https?://[^\s/?#@\\]+(?:/[A-Za-z0-9._~/%+,=@-]*)?", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]*")


class Delivery(msgspec.Struct, frozen=True):
    """Whether pictures are sent or viewers sent to them, and where they find them.

    ``deliver``: "auto" sends what has at most ``max_inline_bytes`` (None: anything). ``public_url``
    is where the variant store is read by everybody; empty for addresses that the store signs, good
    for ``sign_seconds``.
    """

    deliver: Literal["inline", "redirect", "auto"] = "inline"
    public_url: str = ""
    sign_seconds: int = 3_600
    max_inline_bytes: int | None = None

    @property
    def always(self) -> bool:
        """Whether viewers are sent away without a look at the picture."""
        return self.deliver == "redirect"

    @property
    def most_seconds(self) -> int | None:
        """How long it may be remembered where a picture is; None where that does not change."""
        # Half of its life is left to whoever follows the address at the last moment.
        return None if self.public_url else self.sign_seconds // 2

    def redirects(self, size: int) -> bool:
        """Tell whether a picture of that many bytes is to be fetched elsewhere."""
        if self.deliver == "auto":
            return self.max_inline_bytes is not None and size > self.max_inline_bytes
        return self.always

    def location(self, store: Store, path: str, *, within: float | None = None) -> str:
        """Say where everybody can read a stored variant; empty when that is nowhere.

        ``within``: how many seconds an address that is signed for this may hold at most.
        """
        if self.public_url:
            return public_address(self.public_url, path)
        return self.signed(store, path, within=within)

    def signed(self, store: Store, path: str, *, within: float | None = None) -> str:
        """Have the store sign an address, though others may be public; see ``location``."""
        most = self.sign_seconds if within is None else min(self.sign_seconds, int(within))
        return store.sign(path, max(1, most)) or ""


INLINE = Delivery()


def public_address(public_url: str, path: str) -> str:
    """Say where a stored variant is read by everybody."""
    return f"{public_url.rstrip('/')}/{quote(path, safe=_PLAIN)}"


class VariantSettings(msgspec.Struct, frozen=True):
    """Where variants are stored, and how they reach their viewers.

    ``max_bytes``: what is kept of them; None for 10 GB in a folder, and all in a cloud. ``layout``
    "path" keeps them under what was asked for. ``deliver``, ``public_url`` and ``sign_seconds``:
    see Delivery; ``redirect_status`` is what a viewer is sent away with. ``cache_control`` is kept
    with each, ``cache_tags`` tells caches what it is made of.
    """

    url: str = "file:./.safelight/variants"
    max_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    layout: Literal["versioned", "path"] = "versioned"
    deliver: Literal["inline", "redirect", "auto"] = "inline"
    public_url: str = ""
    redirect_status: Literal[301, 302, 307, 308] = 302
    sign_seconds: Annotated[int, msgspec.Meta(ge=2, le=604_800)] = 3_600
    cache_control: str = "public, max-age=3600"
    cache_tags: bool = False

    def check(self) -> None:
        """Refuse what no viewer could follow. Raises SettingError."""
        if self.public_url and not _PUBLIC.fullmatch(self.public_url):
            raise SettingError(
                "variants.public_url: expected an address without a query "
                '(example: public_url = "https://images.example.com/")'
            )
        if not _PRINTABLE.fullmatch(self.cache_control):
            raise SettingError(
                "variants.cache_control: expected a header's value "
                '(example: cache_control = "public, max-age=3600")'
            )
