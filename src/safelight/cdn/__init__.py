"""A CDN in front: what can be set of it, and what it shall forget. ``forgetting`` tells it."""

from typing import Literal

import msgspec

from safelight.confidential import Confidential


class CdnSettings(Confidential, frozen=True):
    """A CDN in front of the service or of the variant store.

    ``id`` is Cloudflare's zone, Fastly's service or CloudFront's distribution. ``url`` is where a
    webhook listens; of the others another address of their API. ``token`` is Cloudflare's or
    Fastly's, or what signs for a webhook; CloudFront takes AWS's variables instead.
    """

    hidden = frozenset({"token"})

    kind: Literal["", "cloudflare", "fastly", "cloudfront", "webhook"] = ""
    id: str = ""
    url: str = ""
    token: str = ""


class Stale(msgspec.Struct, frozen=True):
    """What shall be forgotten: by tags, or by the paths of stored variants; or everything."""

    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    everything: bool = False
