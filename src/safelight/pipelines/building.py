"""Pipelines out of their settings: each template, transform and store checked at the start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from safelight import formats
from safelight.dialects import Grammar
from safelight.errors import SafelightError, SettingError
from safelight.hooks import Hook
from safelight.limits import Limits, check_wishes
from safelight.picture import Wish
from safelight.pipelines import guards
from safelight.pipelines.outcomes import Outcome
from safelight.pipelines.pipeline import FACTS, Goal, Hooks, Pipeline, Step
from safelight.pipelines.places import Places, Sources
from safelight.pipelines.settings import (
    EventSettings,
    PipelineSettings,
    Target,
    WriteSettings,
    named,
)
from safelight.pipelines.templates import Template
from safelight.transform import Transform, parse

_SUFFIX = re.compile(r"\.?[^\W_][\w-]*|")
# The classes of viewers that a request with format=auto may come from.
_CLASSES = ("auto-avif", "auto-webp", "auto")


def build(
    settings: Sequence[PipelineSettings],
    rules: Grammar,
    sources: Sources,
    places: Places,
    events: EventSettings,
    limits: Limits,
) -> list[Pipeline]:
    """Check the pipelines, and make them ready. Raises SettingError."""
    given = named(settings)
    names = frozenset(each.name for each in given)
    built = [
        _Builder(each, rules, places, limits).built(names - {each.name}, alone=_alone(each, given))
        for each in given
    ]
    guards.check(built, sources, hops=events.hops)
    return built


def _alone(one: PipelineSettings, all: Sequence[PipelineSettings]) -> bool:
    """Tell whether no other pipeline may have the same sources."""
    return not any(
        other is not one and (other.on.startswith(one.on) or one.on.startswith(other.on))
        for other in all
    )


class _Builder:
    def __init__(
        self, settings: PipelineSettings, rules: Grammar, places: Places, limits: Limits
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._places = places
        self._limits = limits

    def built(self, others: frozenset[str], *, alone: bool) -> Pipeline:
        settings = self._settings
        self._check()
        # Each pipeline has dead letters of its own, or one would remove another's.
        below = "failed" if alone else f"failed/{settings.name}"
        steps = tuple(
            step
            for number, write in enumerate(settings.write, 1)
            for step in self._steps(write, f"write {number}")
        )
        with self._naming("write"):
            check_wishes([step.wish for step in steps])
        return Pipeline(
            name=settings.name,
            on=settings.on,
            steps=steps,
            letters=self._document("failed", settings.failed or f"{below}/{{key}}.json"),
            metadata=self._document("metadata", settings.metadata) if settings.metadata else None,
            suffixes=frozenset(suffix.lower().lstrip(".") for suffix in settings.suffix),
            types=frozenset(settings.types),
            min_bytes=settings.min_bytes,
            max_bytes=settings.max_bytes,
            include=frozenset(settings.include),
            facts=settings.facts,
            keeps=settings.removed == "keep",
            hooks=self._hooks(),
            others=others,
        )

    def _check(self) -> None:
        settings = self._settings
        if not settings.write and not settings.metadata:
            raise self._fault(
                "write", 'nothing is written (example: write = [{ preset = "thumb" }])'
            )
        if settings.on.startswith(("/", ".")) or "//" in settings.on or "/." in settings.on:
            raise self._fault("on", 'keys do not begin so (example: on = "uploads/")')
        for suffix in settings.suffix:
            if not _SUFFIX.fullmatch(suffix):
                raise self._fault("suffix", f'{suffix!r} is none (example: suffix = [".jpg"])')
        for type in settings.types:
            if type not in formats.BY_NAME:
                known = ", ".join(formats.BY_NAME)
                raise self._fault("types", f"{type!r} is no format: known are {known}")
        if settings.max_bytes is not None and settings.max_bytes < settings.min_bytes:
            raise self._fault("max_bytes", "it is less than min_bytes")
        if settings.include and not settings.metadata:
            raise self._fault(
                "include", 'this is for the metadata (example: metadata = "metadata/{name}.json")'
            )
        if settings.facts != PipelineSettings().facts and not FACTS.intersection(settings.include):
            raise self._fault("facts", 'none are wanted (example: include = ["exif"])')

    def _hooks(self) -> Hooks | None:
        with self._naming("hooks"):
            hooks = [Hook(each) for each in self._settings.hooks]

        def told(outcome: Outcome) -> list[str]:
            message, success = outcome.message(), outcome.status == "done"
            return [fault for hook in hooks if (fault := hook.tell(message, success=success))]

        return told if hooks else None

    def _steps(self, write: WriteSettings, setting: str) -> Iterator[Step]:
        text = ",".join(filter(None, (write.preset, write.transform)))
        if not text:
            raise self._fault(setting, 'name a preset or a transform (example: preset = "thumb")')
        if write.preset and write.preset not in self._rules.presets:
            known = ", ".join(self._rules.presets) or "none"
            raise self._fault(setting, f"there is no preset {write.preset!r}: known are {known}")
        if not write.to:
            if write.store:
                raise self._fault(
                    setting, 'a store needs a key in it (example: to = "thumbnails/{name}")'
                )
            yield from self._as_requested(text, write.preset, setting)
            return
        with self._naming(setting):
            # What a request leaves open is no concern of an upload.
            transform = parse(text, self._rules.presets)
            self._limits.check_wish(transform)
        goal = self._goal(setting, write.to, write.store)
        transform = self._in_format(transform, goal.template, setting)
        yield Step(Wish(transform, "upload"), goal, write.preset)

    def _as_requested(self, text: str, preset: str, setting: str) -> Iterator[Step]:
        """Make the very variants that requests would: one for each class of viewers."""
        with self._naming(setting):
            transform = parse(text, self._rules.presets, self._rules.defaults)
            self._limits.check_wish(transform)
        if transform["format"] != "auto":
            yield Step(Wish(transform), None, preset, path=text)
            return
        for viewers in _CLASSES:
            yield Step(Wish(transform.changed(format=viewers)), None, preset)

    def _in_format(self, transform: Transform, template: Template, setting: str) -> Transform:
        """Take the format from the suffix of the key, where nothing else says it."""
        suffix = template.literal_suffix
        meant = formats.by_suffix(suffix) if suffix else None
        if meant is None:
            return transform
        if meant.saver is None:
            raise self._fault(
                setting, f"{meant.name} cannot be written (example: {{stem}}.jpg, {{stem}}.{{ext}})"
            )
        wanted = transform["format"]
        if wanted is None:
            return transform.changed(format=meant.name)
        if wanted != meant.name:
            raise self._fault(
                setting,
                f"format={wanted} does not fit a key that ends with .{suffix} "
                "(example: {stem}.{ext})",
            )
        return transform

    def _document(self, setting: str, target: str | Target) -> Goal:
        where = Target(target) if isinstance(target, str) else target
        goal = self._goal(setting, where.to, where.store)
        if "ext" in goal.template.fields:
            raise self._fault(setting, "{ext} is for pictures: write its own suffix")
        if setting == "failed" and "hash" in goal.template.fields:
            raise self._fault(setting, "{hash} is not known of what cannot be read: use {key}")
        return goal

    def _goal(self, setting: str, text: str, store: str) -> Goal:
        try:
            template = Template(text)
        except ValueError as fault:
            raise self._fault(setting, f"{text!r}: {fault}") from None
        url = store or self._settings.store
        with self._naming(setting):
            return Goal(template, self._places.at(url) if url else None)

    def _fault(self, setting: str, fault: str) -> SettingError:
        return SettingError(f"pipelines.{self._settings.name}.{setting}: {fault}")

    @contextmanager
    def _naming(self, setting: str) -> Iterator[None]:
        try:
            yield
        except SafelightError as error:
            raise self._fault(setting, error.detail) from error
