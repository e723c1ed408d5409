"""Settings, wired into a service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from safelight.config.settings import Settings
from safelight.delivery import Delivery
from safelight.errors import SettingError
from safelight.fetch import allowed_servers, fixed_origin, server_of
from safelight.limits import Limits
from safelight.observe import Histogram, Metrics
from safelight.purging import Purger
from safelight.remote import is_remote
from safelight.service import Service
from safelight.storage import Mount, Mounted, Remembered, Source, Store, open_store
from safelight.storage.observed import observed_source, observed_store
from safelight.variants import Variants
from safelight.workers import Renderer

_KEPT_BYTES = 10_000_000_000

Calls: TypeAlias = Histogram | None


def build(
    settings: Settings, *, base: Path | None = None, renderer: Renderer | None = None
) -> Service:
    """Wire a service out of settings; it still has to be started.

    ``base``: where relative paths start. ``renderer``: by default a pool of processes. Raises
    SettingError.
    """
    renderer = renderer or pool(settings)
    kept = settings.variants
    metrics = Metrics()
    stored = variants(settings, base=base, counted=metrics.store_calls)
    delivery = Delivery(
        kept.deliver, kept.public_url, kept.sign_seconds, settings.server.max_inline_bytes
    )
    return Service(
        sources(settings, base=base, counted=metrics.store_calls),
        stored,
        renderer,
        settings.limits,
        queue=settings.server.queue,
        delivery=delivery,
        removed=purger(settings, stored).outdated,
        metrics=metrics,
    )


def pool(settings: Settings) -> Renderer:
    """Make a pool of processes that render."""
    # Not loaded where there is another renderer: a cold start counts.
    from safelight.workers.pool import Pool

    return Pool(settings.limits, settings.workers)


def variants(settings: Settings, *, base: Path | None = None, counted: Calls = None) -> Variants:
    """Open the variant store. Raises SettingError."""
    kept = settings.variants
    store = _store("variants.url", kept.url, base, settings.limits)
    store = observed_store(store, "variants", counted)
    return Variants(
        store,
        max_bytes=kept.max_bytes or (_KEPT_BYTES if store.local else None),
        by_path=kept.layout == "path",
        cache_control=kept.cache_control,
    )


def purger(settings: Settings, stored: Variants) -> Purger:
    """Wire what removes variants, here and from a CDN. Raises SettingError."""
    if not settings.cdn.kind:
        return Purger(stored, None)
    from safelight.cdn.forgetting import Cdn

    return Purger(stored, Cdn(settings.cdn, settings.variants.public_url))


def sources(settings: Settings, *, base: Path | None = None, counted: Calls = None) -> Source:
    """Open the places of the originals as one. Raises SettingError."""
    default = _source("source.url", settings.source.url, settings, base, counted)
    mounts = []
    for name, url in settings.sources.items():
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", name):
            raise SettingError(
                f"sources.{name}: a name has only a-z, 0-9, _ and - (example: archive)"
            )
        mounts.append(Mount(f"{name}/", _source(f"sources.{name}", url, settings, base, counted)))
    remote = settings.remote
    if remote.allow:
        everywhere = Remembered(
            observed_source(allowed_servers(remote, settings.limits), "remote", counted),
            seconds=remote.remember_seconds,
            missing_seconds=remote.missing_seconds,
            server=server_of,
        )
        mounts += [Mount(f"{scheme}://", everywhere, whole=True) for scheme in ("https", "http")]
    return Mounted(default, mounts) if mounts else default


def _source(name: str, url: str, settings: Settings, base: Path | None, counted: Calls) -> Source:
    limits = settings.limits
    source: Source
    if is_remote(url):
        with naming(name):
            source = fixed_origin(url, settings.remote, limits)
    else:
        source = _store(name, url, base, limits, most_bytes=limits.source_bytes)
    if source.local:
        return source
    remember = settings.source.remember_seconds
    source = observed_source(source, name.removesuffix(".url"), counted)
    return Remembered(source, seconds=remember, missing_seconds=settings.source.missing_seconds)


def _store(
    name: str, url: str, base: Path | None, limits: Limits, *, most_bytes: int | None = None
) -> Store:
    with naming(name):
        return open_store(url, base=base, seconds=limits.seconds, most_bytes=most_bytes)


@contextmanager
def naming(setting: str) -> Iterator[None]:
    """Say which setting a fault is in."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{setting}: {error.detail}") from error
