"""Pipelines out of settings, wired into what handles uploads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from safelight.config.reading import grammar
from safelight.config.settings import Settings
from safelight.config.wiring import Calls, naming, pool, sources, variants
from safelight.errors import SettingError
from safelight.pipelines import Pipelines
from safelight.pipelines.building import build
from safelight.pipelines.guards import check_state, check_variants
from safelight.pipelines.making import Maker
from safelight.pipelines.pipeline import Pipeline
from safelight.pipelines.places import Place, Places, Sources
from safelight.pipelines.reconcile import Parts
from safelight.pipelines.records import Records
from safelight.remote import is_remote
from safelight.storage import open_store
from safelight.storage.addresses import Address, parse
from safelight.storage.observed import observed_store
from safelight.variants import Variants
from safelight.workers import Renderer


def pipelines(
    settings: Settings,
    *,
    base: Path | None = None,
    renderer: Renderer | None = None,
    stored: Variants | None = None,
    counted: Calls = None,
) -> Pipelines | None:
    """Wire the pipelines of the settings; None where there are none.

    ``renderer`` and ``stored`` are a service's, where there is one; without a renderer they get a
    pool of processes of their own, which ``Pipelines.start`` starts. Raises SettingError.
    """
    if not settings.pipelines:
        return None
    token = settings.events.token
    if token != token.strip() or not token.isprintable():
        raise SettingError(
            "events.token: it has a space at an end, or a line break, which no header brings "
            '(example: token = "one-long-word")'
        )
    places = Places(lambda url: _place(url, settings, base, counted))
    homes = _homes(settings, places)
    built = build(
        settings.pipelines,
        grammar(settings),
        homes,
        places,
        settings.events,
        settings.limits,
    )
    with naming("variants.url"):
        shelf = _address(settings.variants.url, base)
    check_variants(built, homes, shelf, versioned=settings.variants.layout == "versioned")
    kept = stored or variants(settings, base=base, counted=counted)
    renderer = renderer or pool(settings)
    with naming("events.state"):
        remembering = places.at(settings.events.state) if settings.events.state else None
    if remembering is not None:
        check_state(built, homes, remembering.address)
    state = kept.store if remembering is None else remembering.store
    maker = Maker(
        homes,
        sources(settings, base=base, counted=counted),
        renderer,
        kept,
        settings.limits,
        variants_url=settings.variants.url,
    )
    parts = Parts(
        sources=homes,
        places=places,
        records=Records(state),
        variants=kept,
        maker=maker,
        events=settings.events,
        guarded=_guarded(built, homes),
    )
    return Pipelines(built, parts, state, renderer)


def _place(url: str, settings: Settings, base: Path | None, counted: Calls) -> Place:
    limits = settings.limits
    store = open_store(url, base=base, seconds=limits.seconds, most_bytes=limits.source_bytes)
    return Place(url, _address(url, base), observed_store(store, "pipelines", counted))


def _address(url: str, base: Path | None) -> Address:
    """Read the URL of a store; of a folder the prefix is its whole path."""
    address = parse(url)
    if address.kind != "file":
        return address
    return replace(address, prefix=str(((base or Path.cwd()) / address.prefix).resolve()))


def _homes(settings: Settings, places: Places) -> Sources:
    """Open the stores of the sources; another server is none that says what arrives there."""
    given = {"": settings.source.url, **{f"{n}/": url for n, url in settings.sources.items()}}
    found = {}
    for prefix, url in given.items():
        if is_remote(url):
            continue
        with naming(f"sources.{prefix[:-1]}" if prefix else "source.url"):
            found[prefix] = places.at(url)
    homes = Sources(found)
    for each in settings.pipelines:
        if not homes.below(each.on):
            raise SettingError(
                f"pipelines.{each.name}.on: the sources below {each.on!r} are on another server, "
                'which tells nobody of uploads (example of a store: url = "s3://photos")'
            )
    return homes


def _guarded(built: Sequence[Pipeline], homes: Sources) -> bool:
    """Tell whether an output may lie where sources do: one bucket may be reached in many ways."""
    goals = [goal for pipeline in built for goal in pipeline.goals()]
    return any(
        goal.place is None or _bucket(goal.place) == _bucket(home)
        for goal in goals
        for _, home in homes.below("")
    )


def _bucket(place: Place) -> tuple[str, str]:
    return place.address.kind, place.address.name
