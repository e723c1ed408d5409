"""How a stored picture reaches its viewer: from here, or from where it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from safelight.storage import Store

# What stands in a path as it is (RFC 3986 §3.3).
_PLAIN = "/~!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Delivery:
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

    def location(self, store: Store, path: str) -> str:
        """Say where everybody can read a stored variant; empty when that is nowhere."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/{quote(path, safe=_PLAIN)}"
        return store.sign(path, self.sign_seconds) or ""


INLINE = Delivery()
