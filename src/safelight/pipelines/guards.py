"""Configurations that would run in circles, or write over what they have written: refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safelight.errors import SettingError
from safelight.pipelines.pipeline import Goal, Pipeline, hidden
from safelight.pipelines.places import Place, Sources, full, overlap
from safelight.storage.addresses import Address


def check(pipelines: Sequence[Pipeline], sources: Sources, *, hops: int) -> None:
    """Refuse outputs that are sources of too many pipelines, or of their own; and shared keys.

    Raises SettingError, which names both.
    """
    _refuse_shared(pipelines)
    for pipeline in pipelines:
        _refuse_alike(pipeline)
        _follow([pipeline], pipelines, sources, hops)


def check_variants(
    pipelines: Sequence[Pipeline], sources: Sources, variants: Address, *, versioned: bool
) -> None:
    """Refuse variants among the sources of a pipeline: each would have variants of its own.

    ``versioned``: variants lie below the keys of their sources, and have no suffix. Raises
    SettingError, which names the pipeline.
    """
    for pipeline in pipelines:
        if versioned and pipeline.suffixes:
            continue
        if _among(pipeline, sources, variants, versioned=versioned):
            raise SettingError(
                f"pipelines: variants.url is among the sources of {pipeline.name} "
                f"(on = {pipeline.on!r}), and variants would have variants: keep them "
                'elsewhere, or bound it by another prefix (example: on = "uploads/")'
            )


def check_state(pipelines: Sequence[Pipeline], sources: Sources, state: Address) -> None:
    """Refuse the memory of what was done among the sources of a pipeline.

    Each event would leave something there that is told as another one. Raises SettingError.
    """
    for pipeline in pipelines:
        # Nothing in it has the suffix of a picture.
        if not pipeline.suffixes and _among(pipeline, sources, state, versioned=False):
            raise SettingError(
                f"pipelines: events.state is among the sources of {pipeline.name} "
                f"(on = {pipeline.on!r}), which would hear of itself: keep it elsewhere, or bound "
                'the pipeline by another prefix (example: on = "uploads/")'
            )


def _among(pipeline: Pipeline, sources: Sources, kept: Address, *, versioned: bool) -> bool:
    """Tell whether what is kept in a store may be seen as sources of a pipeline."""
    return any(
        _holds(home, pipeline.on.removeprefix(prefix), kept, versioned=versioned)
        for prefix, home in sources.below(pipeline.on)
    )


def _holds(home: Place, on: str, variants: Address, *, versioned: bool) -> bool:
    """Tell whether variants may be seen as sources whose keys begin with ``on``."""
    if not overlap(variants, home.address):
        return False
    root, below = full(home.address, ""), full(variants, "")
    if root == below:
        return versioned or not on
    return below.startswith(full(home.address, on)) and not hidden(f"{below.removeprefix(root)}x")


def _follow(
    chain: list[Pipeline], pipelines: Sequence[Pipeline], sources: Sources, hops: int
) -> None:
    """Follow outputs to the pipelines that they are sources of, as far as may be."""
    last = chain[-1]
    for other in pipelines:
        goal = _caught(last, other, sources)
        if goal is None:
            continue
        if other in chain or len(chain) >= hops:
            raise SettingError(
                f"pipelines: {last.name} writes {goal.template.text}, which is a source of "
                f"{other.name} (on = {other.on!r}): write elsewhere, or bound it by another "
                'prefix or suffix (example: on = "uploads/", to = "thumbnails/{name}")'
            )
        _follow([*chain, other], pipelines, sources, hops)


def _caught(pipeline: Pipeline, other: Pipeline, sources: Sources) -> Goal | None:
    """Find what one pipeline writes that may be a source of another one."""
    for goal in pipeline.goals():
        if _may_take(other, goal.template.literal_suffix):
            for place in _places(goal, pipeline, sources):
                for prefix, home in sources.below(other.on):
                    start = _start(goal, pipeline)
                    if _meet(place, start, home, other.on.removeprefix(prefix)):
                        return goal
    return None


def _may_take(pipeline: Pipeline, suffix: str) -> bool:
    """Tell whether a pipeline may take a key that is known to have a suffix, or of any (empty)."""
    return not suffix or not pipeline.refuses(f"{pipeline.on}x.{suffix}")


def _places(goal: Goal, pipeline: Pipeline, sources: Sources) -> Iterator[Place]:
    if goal.place is not None:
        yield goal.place
        return
    for _, home in sources.below(pipeline.on):
        yield home


def _start(goal: Goal, pipeline: Pipeline) -> str:
    """Give what every key begins with that is made by a template."""
    text = goal.template.text
    rest = text.removeprefix(goal.template.start)
    return goal.template.start + (pipeline.on if rest.startswith("{key}") else "")


def _meet(place: Place, start: str, home: Place, on: str) -> bool:
    """Tell whether a key that begins somehow may be one that a pipeline is for."""
    if place.store is not home.store and not overlap(place.address, home.address):
        return False
    written, taken = full(place.address, start), full(home.address, on)
    return written.startswith(taken) or taken.startswith(written)


def _refuse_shared(pipelines: Sequence[Pipeline]) -> None:
    """Refuse two outputs of one key, of a pipeline or of two that may have the same source."""
    seen: list[tuple[Pipeline, Goal]] = []
    for pipeline in pipelines:
        for goal in pipeline.goals():
            for other, before in seen:
                alike = goal.template.text == before.template.text
                related = pipeline.on.startswith(other.on) or other.on.startswith(pipeline.on)
                if alike and related and _same_place(goal, before):
                    raise SettingError(
                        f"pipelines: {goal.template.text} is written twice, by {other.name} and "
                        f"{pipeline.name}: give each its own key "
                        '(example: to = "large/{name}")'
                    )
            seen.append((pipeline, goal))


def _refuse_alike(pipeline: Pipeline) -> None:
    """Refuse outputs that some source would have under one key, though each is written its way."""
    formats = {id(step.goal): step.format() for step in pipeline.steps}
    for suffix in pipeline.suffixes or ("jpg",):
        source = pipeline.named(f"{pipeline.on}folder/name.{suffix}")
        seen: list[tuple[Goal, str]] = []
        for goal in pipeline.goals():
            format = formats.get(id(goal))
            ext = format.suffixes[0] if format else suffix
            key = goal.template.filled(source, ext=ext, hash="0" * 16)
            for other, before in seen:
                if key == before and _same_place(goal, other):
                    raise SettingError(
                        f"pipelines: {other.template.text} and {goal.template.text} of "
                        f"{pipeline.name} would be one key for {source.key}: give each its own, or "
                        'take no such sources (example: to = "large/{name}", suffix = [".png"])'
                    )
            seen.append((goal, key))


def _same_place(goal: Goal, other: Goal) -> bool:
    if goal.place is None or other.place is None:
        return goal.place is other.place
    return goal.place.store is other.place.store or (
        str(goal.place.address) == str(other.place.address)
        and goal.place.address.options == other.place.address.options
    )
