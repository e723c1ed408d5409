"""Jinja: the filters ``image_url`` and ``srcset``, and ``picture``, a filter and a function.

``{{ key | image_url("800x600") }}``, ``{{ picture(key, "w=800", alt=title) }}``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from safelight import urls
from safelight.signing import Signer


def install(
    environment: Environment,
    *,
    base: str = "",
    signer: Signer | None = None,
    widths: Iterable[int] = urls.WIDTHS,
) -> None:
    """Give an environment the filters and functions; see ``safelight.urls`` for what they take."""
    steps = tuple(widths)
    address = partial(urls.url, base=base, signer=signer)
    srcset = partial(urls.srcset, base=base, signer=signer, widths=steps)

    def picture(key: str, transform: str = "", **options: Any) -> Markup:
        given = {"base": base, "signer": signer, "widths": steps} | options
        # Everything in it is escaped already.
        return Markup(urls.picture(key, transform, **given))  # noqa: S704

    named = {"image_url": address, "srcset": srcset, "picture": picture}
    environment.filters.update(named)
    environment.globals.update(named)
