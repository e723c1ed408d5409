"""``safelight process``."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import click

from safelight import config
from safelight.cli.command import CONFIG, INTERRUPTED, plainly
from safelight.cli.pipelines import Report, amount, log_beside, on_terminal, ready
from safelight.entrances.rehearsal import Rehearsal, rehearse
from safelight.errors import NotFound, SettingError, Unavailable
from safelight.events import Event, Notice, read
from safelight.pipelines import Outcome, Pipelines
from safelight.pipelines.outcomes import in_vain
from safelight.pipelines.places import Place

log = logging.getLogger("safelight")

_Unit = TypeVar("_Unit")
# Before the second and the third try of what was unavailable.
_PAUSES = (1.0, 3.0)
_AHEAD = 4


@click.command(short_help="Make what the pipelines write, for some sources, now.")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--prefix", metavar="P", help='All sources whose keys begin so, "" for all.')
@click.option(
    "--event",
    metavar="FILE",
    type=click.File("rb"),
    help="What a cloud said, as a file, or - for standard input.",
)
@click.option(
    "--header",
    "headers",
    metavar="NAME:VALUE",
    multiple=True,
    help="A header that came with it.",
)
@click.option("--only", metavar="NAME", multiple=True, help="Only these pipelines or presets.")
@click.option("--again", is_flag=True, help="Try once more what has failed before.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why not.")
@CONFIG
@plainly
def process(
    keys: tuple[str, ...],
    prefix: str | None,
    event: BinaryIO | None,
    headers: tuple[str, ...],
    only: tuple[str, ...],
    file: Path | None,
    *,
    again: bool,
    dry_run: bool,
) -> None:
    """Bring up the sources KEY..., all below a prefix, or those that an event speaks of.

    Ends with 1 when one of them failed, when one that was named is not there and had no outputs to
    be removed, or when not all could be listed. On a terminal it speaks in words, elsewhere each
    line is an object of JSON.
    """
    if sum((bool(keys), prefix is not None, event is not None)) != 1:
        raise click.UsageError("say what to process: KEY..., --prefix or --event")
    if headers and event is None:
        raise click.UsageError("--header belongs to --event")
    if event is not None and (only or again):
        raise click.UsageError("--only and --again are for keys: an event is handled as it is")
    settings = config.load(file)
    words = on_terminal()
    log_beside(settings.observe, words=True)
    with ready(settings, start=not dry_run) as (pipelines, threads):
        _check_names(pipelines, only)
        units: Iterable[str | Event]
        unlisted: list[Place] = []
        unread = False
        if event is not None:
            notice = _read(event.read(), headers)
            units, unread = notice.events, bool(notice.failed)
        elif prefix is not None:
            units = _below(pipelines, prefix, unlisted)
        else:
            units = dict.fromkeys(keys)
        if dry_run:
            vain = _rehearse(pipelines, units, only)
            sys.exit(1 if unlisted or unread or (vain and prefix is None) else 0)
        report = Report(words=words)
        vain = False
        work = partial(_brought_up, pipelines, only=only, again=again)
        started = time.monotonic()
        try:
            with ThreadPoolExecutor(threads) as executor:
                for outcomes in _each(executor, work, units, _AHEAD * threads):
                    # Nobody named what a listing found: it may go while others are brought up.
                    vain = vain or (prefix is None and in_vain(outcomes))
                    for outcome in outcomes:
                        report.tell(outcome)
        except KeyboardInterrupt:
            click.echo(
                f"safelight: interrupted: {report.summary() or 'nothing was told yet'}; "
                "what is there is left as it is by the same command",
                err=True,
            )
            sys.exit(INTERRUPTED)
    said = report.summary() or "nothing to process"
    if unlisted:
        said += f" (not listed: {', '.join(str(place.address) for place in unlisted)})"
    click.echo(f"{said}, in {time.monotonic() - started:.1f} s", err=True)
    sys.exit(1 if report.counts["failed"] or vain or unlisted or unread else 0)


def _check_names(pipelines: Pipelines, only: Sequence[str]) -> None:
    """Refuse names of nothing. Raises SettingError."""
    known = {name for one in pipelines.pipelines for name in (one.name, *one.presets)}
    for name in only:
        if name not in known:
            raise SettingError(
                f"--only {name}: no pipeline has the name or writes the preset; "
                f"known are {', '.join(sorted(known))}"
            )


def _read(payload: bytes, headers: Sequence[str]) -> Notice:
    """Read an event, and say what it is beside its events. Raises EventUnknown."""
    pairs = (header.partition(":") for header in headers)
    notice = read(payload, {name.strip().lower(): value.strip() for name, _, value in pairs})
    for receipt, reason in notice.failed:
        click.echo(f"message {receipt} cannot be understood: {reason}", err=True)
    if notice.note:
        click.echo(notice.note, err=True)
    if not notice.events:
        click.echo(f"there is nothing to do for a message of the kind {notice.kind}", err=True)
    return notice


def _below(pipelines: Pipelines, prefix: str, unlisted: list[Place]) -> Iterator[str]:
    """List the keys that pipelines take; ``unlisted`` gets the places that are out of reach."""
    for place, entries in pipelines.sources.listings(prefix):
        try:
            for entry in entries:
                if pipelines.matching(entry.key):
                    yield entry.key
        except Unavailable as error:
            log.error("%s cannot be listed: %s", place.address, error.reason)
            unlisted.append(place)


def _brought_up(
    pipelines: Pipelines, unit: str | Event, *, only: Sequence[str], again: bool
) -> list[Outcome]:
    """Bring up a source, three times if it was unavailable."""
    for pause in (*_PAUSES, None):
        try:
            if isinstance(unit, Event):
                return pipelines.handle(unit)
            outcomes = pipelines.bring_up(unit, only=only, again=again)
            # Where no pipeline wants a key, nobody has looked whether there is such a source.
            if any(outcome.pipeline for outcome in outcomes) or _is_there(pipelines, unit):
                return outcomes
            return [Outcome("missing", unit, reason="there is no such source")]
        except Unavailable as error:
            if pause is None:
                key = unit.key if isinstance(unit, Event) else unit
                log.warning("%s: failed: %s", key, error.reason)
                return [Outcome("failed", key, reason=error.reason)]
            time.sleep(pause)
    return []


def _each(
    executor: ThreadPoolExecutor,
    work: Callable[[_Unit], list[Outcome]],
    units: Iterable[_Unit],
    most: int,
) -> Iterator[list[Outcome]]:
    """Do the work for all, of which ``most`` wait at a time."""
    running: set[Future[list[Outcome]]] = set()
    try:
        for unit in units:
            running.add(executor.submit(work, unit))
            if len(running) >= most:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        # When it is interrupted, what was begun is finished, and nothing after it is.
        for future in running:
            future.cancel()


def _is_there(pipelines: Pipelines, key: str) -> bool:
    """Tell whether there is such a source. Raises StoreUnavailable."""
    try:
        pipelines.sources.head(key)
    except NotFound:
        return False
    return True


def _rehearse(pipelines: Pipelines, units: Iterable[str | Event], only: Sequence[str]) -> bool:
    """Say what would be done; tell whether a source was named that would be "missing"."""
    vain = False
    for unit in units:
        keys: Sequence[str] = [unit] if isinstance(unit, str) else pipelines.sources.keys(unit)
        if isinstance(unit, Event):
            click.echo(f"{unit.kind} {unit.key} in {unit.bucket or 'a folder'} ({unit.origin})")
            if not keys:
                click.echo(f"  missing: no source is in {unit.bucket} there ({unit.origin})")
                vain = True
        for key in keys:
            rehearsals = list(rehearse(pipelines, key, only=only))
            _show(rehearsals)
            removed = isinstance(unit, Event) and unit.kind == "removed"
            had_outputs = any(one.gone and not one.unknown for one in rehearsals)
            if removed or had_outputs or _is_there(pipelines, key):
                continue
            vain = True
            if not any(one.unknown for one in rehearsals):
                click.echo(f"{key}  missing: there is no such source")
    return vain


def _show(rehearsals: Sequence[Rehearsal]) -> None:
    for one in rehearsals:
        if one.gone:
            outputs = "its outputs, if there are any," if one.unknown else "its outputs"
            click.echo(f"{one.source}  {one.pipeline}: {outputs} would be removed: {one.reason}")
        elif one.reason:
            click.echo(f"{one.source}  {one.pipeline}: skipped: {one.reason}")
        else:
            click.echo(f"{one.source}  {one.pipeline}: {amount(len(one.lines), 'output')}")
        for line in one.lines:
            click.echo(f"  {line.what:<16} {line.key}  in {line.store}")
