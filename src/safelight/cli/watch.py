"""``safelight watch``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from safelight import __version__, config
from safelight.cli.command import CONFIG, plainly
from safelight.cli.pipelines import Report, log_beside, on_terminal, ready, stopped_by_signal
from safelight.errors import SettingError
from safelight.pipelines import Pipelines

log = logging.getLogger("safelight")


@click.command(short_help="Watch a folder of images until Ctrl-C.")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--settle",
    type=click.FloatRange(0),
    default=0.5,
    metavar="SECONDS",
    help="Rest of a file before it is taken [0.5].",
)
@click.option(
    "--write",
    "writes",
    multiple=True,
    metavar="TRANSFORM=KEY",
    help="What to write instead: 300x=small/{name}.",
)
@click.option("--into", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to --write.")
@CONFIG
@plainly
def watch(
    directory: Path | None,
    settle: float,
    writes: tuple[str, ...],
    into: Path | None,
    file: Path | None,
) -> None:
    """Bring up the images of DIRECTORY, or of the folders in the settings, as they change.

    What changed while nobody watched is brought up first. What is written, and where, the pipelines
    in the settings say, or --write and --into.
    """
    if bool(writes) != bool(into):
        raise click.UsageError("--write and --into belong together")
    try:
        from safelight.entrances.watch import Watcher
    except ModuleNotFoundError as error:
        raise SettingError(
            f"watching needs a library that is not installed ({error.name}): "
            "pip install 'safelight[watch]'"
        ) from error

    overrides: dict[str, Any] = {}
    if directory:
        overrides["source"] = {"url": _url(directory)}
    if into:
        overrides["pipelines"] = [{"write": list(map(_write, writes)), "store": _url(into)}]
    settings = config.load(file, overrides=overrides)
    words = on_terminal()
    say: Callable[[str], None] = click.echo if words else log.info
    log_beside(settings.observe, words=words)
    with ready(settings) as (pipelines, threads):
        folders = _folders(pipelines)
        # Nobody has asked for those: each start and each removal brings some.
        report = Report(words=words, quiet=("current", "skipped", "missing"))
        watcher = Watcher(
            folders,
            lambda key: _home(pipelines, key) in folders.values() and bool(pipelines.matching(key)),
            pipelines.bring_up,
            at_once=threads,
            settle_seconds=settle,
            grace_seconds=settings.server.grace_seconds,
            on_outcome=report.tell,
        )
        stop = threading.Event()

        def caught_up() -> None:
            counts = f" ({report.summary()})" if report.counts else ""
            say(f"Everything is up to date{counts}.")

        where = ", ".join(map(str, folders.values()))
        say(f"Safelight {__version__} watches {where}. Ctrl-C stops.")
        if not directory and (unwatched := _unwatched(pipelines)):
            say(
                f"Not watched, but in a cloud: {', '.join(unwatched)}. Of their changes "
                "`safelight consume` and POST /events hear."
            )
        with stopped_by_signal(stop.set):
            watcher.run(stop, remembered=pipelines.remembered(), ready=caught_up)


def _url(folder: Path) -> str:
    return f"file:{quote(str(folder))}"


def _write(text: str) -> dict[str, str]:
    transform, equals, key = text.rpartition("=")
    if not equals:
        raise SettingError(f"--write {text}: expected TRANSFORM=KEY (example: 300x=small/{{name}})")
    return {"transform": transform, "to": key}


def _folders(pipelines: Pipelines) -> dict[str, Path]:
    """Find the folders among the places of the sources. Raises SettingError."""
    found = {
        prefix: Path(place.address.prefix)
        for prefix, place in pipelines.sources.below("")
        if place.address.kind == "file"
    }
    if not found:
        raise SettingError(
            "source.url: only a folder can be watched (example: safelight watch ./photos); a store "
            "in a cloud sends events, which `safelight consume` and POST /events take"
        )
    return found


def _unwatched(pipelines: Pipelines) -> list[str]:
    """Name the places in clouds whose sources some pipeline takes."""
    places = (place for one in pipelines.pipelines for _, place in pipelines.sources.below(one.on))
    return list(dict.fromkeys(str(place.address) for place in places if not place.store.local))


def _home(pipelines: Pipelines, key: str) -> Path | None:
    place = pipelines.sources.place(key)[0]
    return Path(place.address.prefix) if place.address.kind == "file" else None
