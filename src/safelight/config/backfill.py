"""Settings, wired for a back-fill: here, and in the processes of other machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from safelight.backfill import Previewer, manifest_id
from safelight.backfill.uploads import Uploads, is_called
from safelight.backfill.warming import Warming, is_picture
from safelight.confidential import Confidential
from safelight.config.reading import grammar, load
from safelight.config.settings import Settings
from safelight.config.uploads import pipelines
from safelight.config.wiring import build, sources, variants
from safelight.errors import SettingError
from safelight.pipelines import Pipelines
from safelight.remote import is_remote
from safelight.storage import Entry, Source, Store, open_store
from safelight.workers.pool import Pool

_FOLDER = "@pipelines/backfill"

_Any = TypeVar("_Any")


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is to be made of what, and where it is noted how far that is.

    ``about`` says what decides the result, and ``manifest`` is the key of what is noted in
    ``state``. ``local``: nothing waits for a network.
    """

    prefixes: tuple[str, ...]
    listed: Callable[[str], Iterator[Entry]]
    takes: Callable[[str], bool]
    state: Store
    about: dict[str, str]
    manifest: str
    local: bool

    def entries(self) -> Iterator[Entry]:
        """List the sources. Raises StoreUnavailable."""
        for prefix in self.prefixes:
            for entry in self.listed(prefix):
                if self.takes(entry.key):
                    yield entry


def backfill(
    settings: Settings, *, base: Path | None = None, only: str = "", prefix: str = ""
) -> Backfill:
    """Wire the side that lists and notes. Raises SettingError, StoreUnavailable."""
    found = _pipelines(settings, base=base, only=only)
    if found is None:
        return _of_preset(settings, base, only, prefix)
    chosen = [each for each in found.pipelines if is_called(each, only)]
    starts = {max(prefix, each.on, key=len) for each in chosen if _meet(prefix, each.on)}
    for start in starts:
        for _, place in found.sources.below(start):
            place.store.check()
    names = {each.name for each in chosen}
    rules = [repr(each) for each in settings.pipelines if each.name in names]
    return _noted(
        settings,
        base,
        tuple(sorted(s for s in starts if not any(s != t and s.startswith(t) for t in starts))),
        found.sources.list,
        lambda key: any(is_called(each, only) for each in found.matching(key)),
        {
            "prefix": prefix,
            "pipelines": ", ".join(each.name for each in chosen),
            "rules": manifest_id(*rules, *(each.plan for each in chosen)),
        },
        local=all(place.store.local for _, place in found.sources.below("")),
    )


def _of_preset(settings: Settings, base: Path | None, preset: str, prefix: str) -> Backfill:
    """Wire it for what requests for a preset would make."""
    _refuse_unlisted(settings, prefix)
    everything = sources(settings, base=base)
    everything.check()
    return _noted(
        settings,
        base,
        (prefix,),
        lambda prefix: _beginning(everything, prefix),
        is_picture,
        {
            "prefix": prefix,
            "preset": preset,
            "rules": grammar(settings).presets[preset].canonical,
            "variants": settings.variants.url,
        },
        local=everything.local,
    )


def _noted(
    settings: Settings,
    base: Path | None,
    prefixes: tuple[str, ...],
    listed: Callable[[str], Iterator[Entry]],
    takes: Callable[[str], bool],
    about: dict[str, str],
    *,
    local: bool,
) -> Backfill:
    url = settings.events.state
    state = open_store(url, base=base) if url else variants(settings, base=base).store
    places = [settings.source.url, *settings.sources.values()]
    about = {"sources": ", ".join(places), **about}
    name = manifest_id(str(base or Path.cwd()), *about.values())
    manifest = f"{_FOLDER}/{name}.json"
    return Backfill(prefixes, listed, takes, state, about, manifest, local and state.local)


def maker(
    settings: Settings,
    processes: int,
    *,
    base: Path | None = None,
    only: str = "",
    again: bool = False,
) -> Previewer:
    """Wire the side that makes, with as many rendering processes (0: one per core), and start it.

    ``again``: what has failed before is tried once more. Raises SettingError, WorkerLost.
    """
    settings = replace(settings, workers=replace(settings.workers, processes=processes))
    found = _pipelines(settings, base=base, only=only)
    if found is not None:
        return Uploads(found, only=only, again=again)
    pool = Pool(settings.limits, settings.workers)
    service = build(settings, base=base, renderer=pool)
    return Warming(service, only, grammar(settings), seconds=settings.events.seconds)


def distant_maker(
    settings: Settings,
    base: Path,
    only: str,
    again: bool,
    processes: int,
) -> Previewer:
    """Do as ``maker`` where settings have been sent to. Raises SettingError, WorkerLost."""
    here = with_secrets(settings, os.environ)
    return maker(here, processes, base=base, only=only, again=again)


def _pipelines(settings: Settings, *, base: Path | None, only: str) -> Pipelines | None:
    """Wire the pipelines; None where a preset is to be made that none of them writes.

    Raises SettingError.
    """
    found = pipelines(settings, base=base)
    if found is not None and any(is_called(each, only) for each in found.pipelines):
        return found
    if only in settings.presets:
        return None
    if not only:
        raise SettingError(
            "pipelines: there is nothing to be made: add [[pipelines]], or name a preset "
            "(example: safelight backfill --only thumb)"
        )
    named = found.pipelines if found is not None else ()
    known = ", ".join([*(each.name for each in named), *settings.presets]) or "none"
    raise SettingError(f"--only {only}: no pipeline and no preset is called so: known are {known}")


def _meet(prefix: str, on: str) -> bool:
    return prefix.startswith(on) or on.startswith(prefix)


def _beginning(everything: Source, prefix: str) -> Iterator[Entry]:
    """List what begins with any text: a store lists whole segments."""
    for entry in everything.list(prefix.rpartition("/")[0]):
        if entry.key.startswith(prefix):
            yield entry


def without_secrets(settings: Settings) -> Settings:
    """Take the secrets out of settings, so that they can be sent: what no ``repr`` shows.

    Raises SettingError where whoever gets them could not find them in their environment.
    """
    if _stripped(settings.pipelines) != settings.pipelines:
        raise SettingError(
            "pipelines.hooks: the addresses and secrets of hooks are not sent to other machines: "
            "back-fill without --dask, or with a settings file without these hooks (--config)"
        )
    return _stripped(settings)


def _stripped(value: _Any) -> _Any:
    found: Any = value
    if isinstance(value, tuple):
        found = tuple(map(_stripped, value))
    elif isinstance(value, msgspec.Struct):
        kept = {name: _stripped(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, Confidential):
            kept |= {name: getattr(type(value)(), name) for name in value.hidden}
        found = replace(value, **kept)
    return found  # type: ignore[no-any-return]  # of the type that was given


def with_secrets(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Put the secrets of an environment into settings that came without. Raises SettingError."""
    here = load(Path(os.devnull), environment=environment)
    changed: dict[str, Any] = {}
    for section in settings.__struct_fields__:
        sent, found = getattr(settings, section), getattr(here, section)
        if isinstance(sent, Confidential):
            secrets = {name: getattr(found, name) for name in sent.hidden}
            changed[section] = replace(sent, **secrets)
    return replace(settings, **changed)


def _refuse_unlisted(settings: Settings, prefix: str) -> None:
    """Refuse what nobody can list: the pictures of a web server."""
    name = prefix.partition("/")[0] if "/" in prefix else ""
    named = name in settings.sources
    url = settings.sources[name] if named else settings.source.url
    if is_remote(url):
        setting = f"sources.{name}" if named else "source.url"
        raise SettingError(
            f"{setting}: {url} is a web server, and nobody can list what it has: fill up from a "
            "store or a folder"
        )
