"""Django: the tags ``image_url``, ``srcset`` and ``picture``.

They are loaded as a library of templates, and configured by ``SAFELIGHT`` in Django's settings:
``base``, ``key`` (to sign with) and ``widths``, all of them optional.
``{% load safelight %}{% picture photo.key "w=800" alt=photo.title %}``.
"""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.template import Library
from django.utils.safestring import mark_safe

from safelight import urls
from safelight.signing import Signer


def image_url(key: str, transform: str = "", **options: Any) -> str:
    """Write the address of a picture."""
    return urls.url(key, transform, **_site() | options)


def srcset(key: str, transform: str = "", **options: Any) -> str:
    """Write the srcset of a picture."""
    return urls.srcset(key, transform, **_site() | _steps() | options)


def picture(key: str, transform: str = "", **options: Any) -> str:
    """Write a ``<picture>``."""
    html = urls.picture(key, transform, **_site() | _steps() | options)
    # Everything in it is escaped already.
    return cast("str", mark_safe(html))  # noqa: S308


def _site() -> dict[str, Any]:
    given = getattr(settings, "SAFELIGHT", {})
    key = given.get("key")
    return {"base": given.get("base", ""), "signer": Signer(key) if key else None}


def _steps() -> dict[str, Any]:
    return {"widths": getattr(settings, "SAFELIGHT", {}).get("widths", urls.WIDTHS)}


# As calls, not as decorators: Django has no types.
register = Library()
for _tag in (image_url, srcset, picture):
    register.simple_tag(_tag)
