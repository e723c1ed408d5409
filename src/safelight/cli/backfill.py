"""``safelight backfill``."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click

from safelight import config
from safelight.backfill import (
    Estimate,
    FailuresFile,
    Made,
    Manifest,
    Progress,
    Tally,
    bring_up,
    estimate,
    load,
    run,
)
from safelight.backfill.dask import cluster
from safelight.backfill.running import Workforce
from safelight.cli.command import CONFIG, INTERRUPTED, plainly, reason
from safelight.cli.pipelines import log_beside, threads_for
from safelight.cli.progress import Total, counting, duration, kinds, pace, shown, size
from safelight.config.backfill import Backfill, distant_maker, maker, without_secrets
from safelight.config.backfill import backfill as wired
from safelight.errors import SafelightError, SettingError, StoreUnavailable
from safelight.observe import Observe

log = logging.getLogger("safelight")

# Chunks for each thread, so that none waits for the next one.
_AHEAD = 2
_EXAMPLES = 5


@click.command(short_help="Make what is missing of the images that are already there.")
@click.option("--prefix", default="", metavar="P", help="Only of sources whose keys begin so.")
@click.option("--only", default="", metavar="NAME", help="Only what this pipeline or preset makes.")
@click.option("--dry-run", is_flag=True, help="Tell how much it would be; write nothing.")
@click.option("--again", is_flag=True, help="Begin anew, and try what has failed before.")
@click.option("--workers", type=int, help="Rendering processes, 0 for one per core [0].")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler, such as tcp://127.0.0.1:8786.")
@click.option(
    "--failures",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("backfill-failures.jsonl"),
    help="Where failures are written [backfill-failures.jsonl].",
)
@CONFIG
@plainly
def backfill(
    prefix: str,
    only: str,
    workers: int | None,
    dask: str | None,
    report: Path,
    file: Path | None,
    *,
    dry_run: bool,
    again: bool,
) -> None:
    """Bring the sources up to what the settings say: what the pipelines write, or one preset.

    What is there is left as it is. When this is interrupted, the same command goes on from there.
    """
    if dask and (dry_run or workers is not None):
        raise click.UsageError("--dry-run and --workers are of this machine: leave out --dask")
    overrides = {"workers": {"processes": workers}} if workers is not None else {}
    settings = config.load(file, overrides=overrides)
    wanted = wired(settings, only=only, prefix=prefix)
    if dry_run:
        _tell(_estimated(settings, wanted, only, again=again))
        return
    manifest = _begun(wanted, again=again)
    try:
        failures = FailuresFile(report, manifest.failures)
    except OSError as error:
        raise SettingError(f"--failures {report}: {reason(error)}") from error
    hire = partial(_elsewhere, dask) if dask else partial(_here, wanted)
    progress = _run(
        wanted, manifest, failures, partial(hire, settings, only, again), settings.observe
    )
    _summarise(progress, report)
    sys.exit(1 if manifest.tally.failed or progress.again else 0)


def _begun(wanted: Backfill, *, again: bool) -> Manifest:
    """Read how far an earlier run came, if it was interrupted."""
    found = None if again else load(wanted.state, wanted.manifest)
    if found is None or found.complete:
        return Manifest(wanted.about)
    click.echo(
        f"{found.tally.sources:,} sources are finished: going on from there (--again begins anew)",
        err=True,
    )
    return found


# Told what became of each source.
_Each: TypeAlias = Callable[[Made], object]
_Hire: TypeAlias = Callable[[_Each], AbstractContextManager[Workforce]]


def _run(
    wanted: Backfill, manifest: Manifest, failures: FailuresFile, hire: _Hire, observe: Observe
) -> Progress:
    def save(manifest: Manifest) -> None:
        manifest.failures = failures.known
        try:
            manifest.save(wanted.state, wanted.manifest)
        except StoreUnavailable as error:
            log.warning("how far this is was not written down: %s", error.reason)

    try:
        with ExitStack() as stack:
            total = Total(wanted.entries)
            stack.enter_context(counting(total))
            display = shown(total, stack)
            # Now, so that what is said goes above a bar.
            log_beside(observe, words=True)
            workforce = stack.enter_context(hire(display.tick))
            return run(
                workforce.executor,
                workforce.work,
                wanted.entries(),
                manifest,
                parallel=workforce.parallel,
                save=save,
                on_progress=display.show,
                on_failures=failures.add,
            )
    except KeyboardInterrupt:
        click.echo(f"safelight: interrupted: {_on(manifest)}", err=True)
        sys.exit(INTERRUPTED)
    except SafelightError:
        if manifest.tally.sources:
            click.echo(f"safelight: this is not the end: {_on(manifest)}", err=True)
        raise


def _on(manifest: Manifest) -> str:
    return (
        f"{manifest.tally.sources:,} sources are finished; the same command goes on from there "
        "(--again begins anew)"
    )


@contextmanager
def _here(
    wanted: Backfill, settings: config.Settings, only: str, again: bool, each: _Each
) -> Iterator[Workforce]:
    """Work in threads of this process, which feed the processes that render."""
    stop = threading.Event()
    threads = _threads(settings, wanted)
    with closing(maker(settings, settings.workers.processes, only=only, again=again)) as made:
        executor = ThreadPoolExecutor(threads, thread_name_prefix="safelight-backfill")
        try:
            work = partial(bring_up, made, stop=stop, each=each)
            yield Workforce(executor, work, lambda: _AHEAD * threads, threads)
        finally:
            # What is being made is made to its end, and nothing after it.
            stop.set()
            executor.shutdown(cancel_futures=True)


def _threads(settings: config.Settings, wanted: Backfill) -> int:
    return threads_for(settings.workers.processes or os.cpu_count() or 1, local=wanted.local)


@contextmanager
def _elsewhere(
    address: str,
    settings: config.Settings,
    only: str,
    again: bool,
    each: _Each,  # noqa: ARG001 - what is done elsewhere is told by the chunk
) -> Iterator[Workforce]:
    """Work in the workers of a cluster; secrets are those that they have in their environment."""
    build = partial(distant_maker, without_secrets(settings), Path.cwd(), only, again)
    with cluster(address, build, secrets.token_hex(8)) as found:
        click.echo(f"{found.threads} threads of {address} work", err=True)
        yield found


def _summarise(progress: Progress, report: Path) -> None:
    tally = progress.tally
    if not progress.listed:
        click.echo("there is nothing to do: no source that would be taken was listed")
        return
    rate = pace(tally.sources / progress.seconds)
    click.echo(
        f"{tally.sources:,} sources in {duration(progress.seconds)} ({rate}): {kinds(tally)}; "
        f"{size(tally.written)} written"
    )
    if progress.before:
        click.echo(f"{progress.before:,} were finished in earlier runs")
    if report.exists():
        click.echo(f"what failed, and why: {report}")
    if progress.again:
        click.echo("what was delayed is tried again by the same command")


def _estimated(settings: config.Settings, wanted: Backfill, only: str, *, again: bool) -> Estimate:
    with (
        closing(maker(settings, settings.workers.processes, only=only, again=again)) as made,
        ThreadPoolExecutor(_threads(settings, wanted)) as executor,
    ):
        return estimate(made, wanted.entries(), executor)


def _tell(found: Estimate) -> None:
    click.echo(f"{found.sources:,} sources, {size(found.size)}")
    if not found.sources:
        return
    tried = Tally()
    for key, made in found.tried:
        tried = tried.plus(key, made)
    click.echo(f"of {len(found.tried)} that were tried: {kinds(tried)}; nothing was written")
    new = [(key, made) for key, made in found.tried if made.status == "done"]
    for key, made in new[:_EXAMPLES]:
        click.echo(f"  {key}: {size(made.written)}")
    for failure in tried.failures[:_EXAMPLES]:
        click.echo(f"  {failure.key}: {failure.reason}")
    click.echo(
        f"all of them: about {duration(found.seconds)} on this machine, "
        f"{size(found.written)} to be written"
    )
