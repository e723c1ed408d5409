"""The door through which stored variants are removed: ``DELETE /purge``."""

from __future__ import annotations

import hmac

from safelight.config import Settings, purger
from safelight.dialects.grammar import read_key, read_query
from safelight.errors import Forbidden, RequestError
from safelight.purging import Purged
from safelight.service import Service
from safelight.web.exchange import Incoming, Response, document

_KINDS = ("prefix", "preset", "all")


class Purging:
    """Remove variants for whoever has the admin key."""

    def __init__(self, service: Service, settings: Settings) -> None:
        """Check requests against ``security.admin_key``, which has to be set."""
        self._purger = purger(settings, service.variants)
        self._expected = f"bearer {settings.security.admin_key}".encode()

    def check(self, incoming: Incoming) -> None:
        """Make sure that a request may remove something. Raises Forbidden."""
        scheme, _, key = incoming.headers.get(b"authorization", b"").partition(b" ")
        given = scheme.lower() + b" " + key.strip()
        if not hmac.compare_digest(given, self._expected):
            raise Forbidden("this takes the header Authorization: Bearer and the admin key")

    def answer(self, incoming: Incoming) -> Response:
        """Answer ``/purge/{key}``, ``/purge?prefix=``, ``?preset=`` or ``?all=1``, once checked.

        Raises RequestError, StoreUnavailable.
        """
        purged = self._purge(incoming)
        return document({"removed": len(purged.paths), "cdn": purged.cdn})

    def _purge(self, incoming: Incoming) -> Purged:
        text = incoming.path.removeprefix("/purge").removeprefix("/")
        if text:
            return self._purger.key(read_key(text))
        given = read_query(incoming.query, _KINDS)
        match given:
            case {"prefix": prefix} if prefix and len(given) == 1:
                return self._purger.prefix(prefix)
            case {"preset": preset} if preset and len(given) == 1:
                return self._purger.preset(preset)
            case {"all": "1"} if len(given) == 1:
                return self._purger.all()
        raise RequestError(
            "say what to remove: /purge/{key}, /purge?prefix=cats/, /purge?preset=thumb or "
            "/purge?all=1"
        )
