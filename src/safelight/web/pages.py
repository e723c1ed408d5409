"""The page at ``/``, the script, and what monitoring asks for."""

from __future__ import annotations

import html
import sys
from string import Template

from safelight import __version__
from safelight.dialects.grammar import write_key
from safelight.errors import NoPage
from safelight.service import Service
from safelight.web.exchange import NO_STORE, Headers, Response, document

_MOST_SAMPLES = 24
_STATIC = {"safelight.js": b"text/javascript; charset=utf-8"}
_PAGE_GUARD: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
        b"script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
]


def examples(keys: list[str]) -> list[tuple[str, str]]:
    """Make addresses that work for a store with these keys, each with what it shows."""
    if not keys:
        return []
    first, last = write_key(keys[0]), write_key(keys[-1])
    return [
        (f"/800x600/{first}", "exactly 800x600, cropped to fill"),
        (f"/w=800,format=auto/{last}", "800 px wide, in the best format your browser reads"),
        (f"/picture/{first}?scalex=400&encoding=webp", "fitted into 400 px, as WebP"),
        (f"/info/{first}", "what is known of the original"),
    ]


def index(service: Service, root: str) -> Response:
    """Show the first photographs with addresses to try."""
    keys = service.samples(_MOST_SAMPLES)
    page = _text("index.html")
    before, _, rest = page.partition("<!-- card:begin -->")
    card, _, after = rest.partition("<!-- card:end -->")
    root = html.escape(root)
    cards = "".join(
        Template(card).safe_substitute(
            root=root,
            key=html.escape(key),
            name=html.escape(key),
            href=html.escape(write_key(key)),
        )
        for key in keys
    )
    listed = "".join(
        f'<li><a href="{root}{html.escape(url)}"><code>{html.escape(url)}</code></a> '
        f"{html.escape(meaning)}</li>"
        for url, meaning in examples(keys)
    )
    around = {
        "root": root,
        "version": __version__,
        "count": str(len(keys)),
        "examples": listed,
        "empty": "" if keys else "There are no photographs here yet: put some into the folder.",
    }
    body = (
        Template(before).safe_substitute(around) + cards + Template(after).safe_substitute(around)
    )
    headers = [(b"content-type", b"text/html; charset=utf-8"), NO_STORE]
    return Response(200, headers, body.encode(), guard=_PAGE_GUARD)


def static(name: str) -> Response:
    """Send a file of the browser side. Raises NoPage."""
    if name not in _STATIC:
        raise NoPage("there is no such file")
    headers = [
        (b"content-type", _STATIC[name]),
        (b"cache-control", b"public, max-age=3600"),
    ]
    return Response(200, headers, _text(name).encode())


def health(service: Service) -> Response:
    """Tell that the server is alive, with versions and the formats that it can really do."""
    return document(
        {
            "status": "alive",
            "safelight": __version__,
            "python": "{}.{}.{}".format(*sys.version_info),
            **service.capabilities,
        }
    )


def ready(service: Service) -> Response:
    """Tell whether requests can be served: the source store answers, workers run."""
    faults = service.check()
    return document({"ready": not faults, **faults}, 503 if faults else 200)


def _text(name: str) -> str:
    from importlib.resources import files

    return (files("safelight") / "web" / "browser" / name).read_text(encoding="utf-8")
