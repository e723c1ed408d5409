"""Have a CDN forget pictures: Cloudflare, Fastly, CloudFront, or whoever listens to a webhook.

After the references of Cloudflare (zones/{zone}/purge_cache), Fastly (service/{id}/purge) and
CloudFront (CreateInvalidation of 2020-05-31). No message holds a token, or what a CDN answered.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from safelight.cdn import CdnSettings, Stale
from safelight.delivery import public_address
from safelight.errors import SettingError, Unavailable
from safelight.posting import Post, post
from safelight.sigv4 import Credentials, sign

# Of tags in one request: what Cloudflare takes, which is less than Fastly does.
_MOST_TAGS = 30
# CloudFront takes 3,000 at a time, and each is paid for.
_MOST_PATHS = 1_000
_API = {
    "cloudflare": "https://api.cloudflare.com/client/v4",
    "fastly": "https://api.fastly.com",
    "cloudfront": "https://cloudfront.amazonaws.com",
}
_NAMED = {"cloudflare": "the zone", "fastly": "the service", "cloudfront": "the distribution"}
_IN_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ID = re.compile(r"[A-Za-z0-9]{1,64}")


class Cdn:
    """One CDN, as the settings describe it."""

    def __init__(
        self,
        settings: CdnSettings,
        public_url: str = "",
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """``public_url``: where the CDN has the variant store. Raises SettingError."""
        self.kind = settings.kind
        self._settings = settings
        self._public = public_url
        self._api = (settings.url or _API.get(settings.kind, "")).rstrip("/")
        self._credentials = Credentials(
            environment.get("AWS_ACCESS_KEY_ID", ""),
            environment.get("AWS_SECRET_ACCESS_KEY", ""),
            environment.get("AWS_SESSION_TOKEN", ""),
        )
        self._check()

    def _check(self) -> None:
        kind, given = self.kind, self._settings
        if urlsplit(self._api).scheme not in ("http", "https"):
            raise SettingError(
                'cdn.url: expected an address (example: url = "https://example.com/purge")'
            )
        if kind in _NAMED and not _ID.fullmatch(given.id):
            raise SettingError(f'cdn.id: expected {_NAMED[kind]} (example: id = "E2EXAMPLE")')
        if kind == "cloudfront" and not self._credentials.secret_key:
            raise SettingError("cdn.kind: cloudfront needs AWS_ACCESS_KEY_ID and its secret")
        if kind != "cloudfront" and not given.token:
            raise SettingError("cdn.token: there is none; set it by SAFELIGHT_CDN_TOKEN")
        if not all(" " <= letter <= "~" for letter in given.token):
            raise SettingError("cdn.token: expected printable ASCII")

    @property
    def precise(self) -> bool:
        """Whether it can forget one source without all others."""
        return self.kind != "cloudfront" or bool(self._public)

    def forget(self, stale: Stale) -> None:
        """Have pictures forgotten, by several requests where they are many. Raises Unavailable."""
        for request in self._requests(stale):
            if fault := post(request):
                raise Unavailable(f"the variants are removed, but the CDN {fault}: purge again")

    def _requests(self, stale: Stale) -> Iterator[Post]:
        match self.kind:
            case "cloudflare":
                yield from self._cloudflare(stale)
            case "fastly":
                yield from self._fastly(stale)
            case "cloudfront":
                yield from self._cloudfront(stale)
            case _:
                yield self._webhook(stale)

    def _cloudflare(self, stale: Stale) -> Iterator[Post]:
        url = f"{self._api}/zones/{self._settings.id}/purge_cache"
        headers = {"Authorization": f"Bearer {self._settings.token}"}
        if stale.everything:
            yield _json(url, headers, {"purge_everything": True})
            return
        for tags in _by(_MOST_TAGS, stale.tags):
            yield _json(url, headers, {"tags": tags})

    def _fastly(self, stale: Stale) -> Iterator[Post]:
        service = f"{self._api}/service/{self._settings.id}"
        headers = {"Fastly-Key": self._settings.token, "Accept": "application/json"}
        if stale.everything:
            yield Post(f"{service}/purge_all", headers)
            return
        for tags in _by(_MOST_TAGS, stale.tags):
            yield Post(f"{service}/purge", headers | {"Surrogate-Key": " ".join(tags)})

    def _cloudfront(self, stale: Stale) -> Iterator[Post]:
        paths = self._public_paths(stale)
        if not paths:
            return
        safe = (path.translate(_IN_XML) for path in paths)
        items = "".join(f"<Path>{path}</Path>" for path in safe)
        reference = hashlib.sha256(f"{time.time_ns()}{items}".encode()).hexdigest()[:32]
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
            f"<Paths><Quantity>{len(paths)}</Quantity><Items>{items}</Items></Paths>"
            f"<CallerReference>{reference}</CallerReference></InvalidationBatch>"
        ).encode()
        url = f"{self._api}/2020-05-31/distribution/{self._settings.id}/invalidation"
        headers = sign(
            "POST",
            url,
            {"Content-Type": "application/xml"},
            body,
            credentials=self._credentials,
            region="us-east-1",
            service="cloudfront",
            now=datetime.now(UTC),
        )
        yield Post(url, headers, body)

    def _public_paths(self, stale: Stale) -> list[str]:
        """Name what is stale as the CDN sees it; in front of the service it cannot be told."""
        if stale.everything or not self._public or len(stale.paths) > _MOST_PATHS:
            return ["/*"]
        return [urlsplit(public_address(self._public, path)).path for path in stale.paths]

    def _webhook(self, stale: Stale) -> Post:
        now = int(time.time())
        value = {
            "tags": stale.tags, "paths": stale.paths, "everything": stale.everything, "time": now,
        }  # fmt: skip
        body = json.dumps(value).encode()
        signature = hmac.new(self._settings.token.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Safelight-Signature": f"sha256={signature}"}
        return Post(self._api, headers, body)


def _json(url: str, headers: Mapping[str, str], value: object) -> Post:
    typed = {**headers, "Content-Type": "application/json"}
    return Post(url, typed, json.dumps(value).encode())


def _by(most: int, tags: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(tags), most):
        yield tags[start : start + most]
