"""``safelight render`` and ``safelight info``: files, without a server."""

from __future__ import annotations

import glob
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from safelight import config
from safelight.cli.command import CONFIG, plainly, reason
from safelight.errors import NotFound, SafelightError, SettingError
from safelight.formats import BY_MIME, WRITABLE, by_suffix
from safelight.picture import Rendering
from safelight.service import Info
from safelight.storage import Opened, opened_bytes
from safelight.transform import Transform, parse
from safelight.web.responses import described


@click.command()
@click.argument("sources", metavar="IN...", nargs=-1, required=True)
@click.argument("transform", metavar="TRANSFORM")
@click.argument("target", metavar="OUT")
@CONFIG
@plainly
def render(sources: tuple[str, ...], transform: str, target: str, file: Path | None) -> None:
    """Render images: files, "globs", or - for standard input.

    OUT is a file, a folder (when there are several images, or it ends with /), or - for standard
    output. The format is OUT's, unless the transform says another.
    """
    settings = config.load(file)
    rules = config.grammar(settings)
    wanted = parse(transform, rules.presets, rules.defaults)
    settings.limits.check_wish(wanted)
    paths = _expanded(sources)
    from safelight.workers.inprocess import InProcess

    engine = InProcess(settings.limits, threads=1 if len(paths) > 1 else None)
    engine.start()
    folder = len(paths) > 1 or target.endswith("/") or Path(target).is_dir()
    if len(paths) > 1 and (target == "-" or (by_suffix(target) and not Path(target).is_dir())):
        raise SettingError(f"{target}: several images need a folder, such as out/")
    written: dict[Path, str] = {}
    others = _others(settings, wanted)
    if target != "-" and not folder and Path(target).suffix and not wanted["format"]:
        wanted = wanted.changed(format=_format_of(target))

    def one(path: str) -> tuple[str, str | None]:
        try:
            with _opened(path) as source:
                deadline = time.monotonic() + 3_600
                made = engine.render(source, wanted, deadline=deadline, pictures=others)
            _write(made, _file(path, target, made, written) if folder else target)
            return path, None
        except (SafelightError, OSError) as error:
            return path, reason(error)

    failed = 0
    for path, fault in _progress(one, paths):
        if fault is not None:
            click.echo(f"safelight: {path}: {fault}", err=True)
            failed += 1
    sys.exit(1 if failed else 0)


def _others(settings: config.Settings, wanted: Transform) -> dict[str, Opened]:
    """Open the other pictures of a transform: their keys are those of the settings' source."""
    if not wanted.pictures():
        return {}
    store = config.sources(settings)
    try:
        return {key: store.open(key) for key in wanted.pictures()}
    except NotFound as error:
        raise NotFound(f"{error.detail} in {settings.source.url}") from None


def _format_of(target: str) -> str:
    """Tell the format from a file's name. Raises SettingError."""
    format = by_suffix(target)
    if format is None or format.saver is None:
        known = ", ".join(f".{suffix}" for format in WRITABLE for suffix in format.suffixes[:1])
        raise SettingError(f"{target}: its name ends in none of {known}; add format= or rename it")
    return format.name


def _progress(one: Callable[[str], Any], paths: list[str]) -> Iterator[Any]:
    """Run over all cores, in order, with a bar on a terminal when there are many."""
    if len(paths) == 1:
        yield one(paths[0])
        return
    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        results = executor.map(one, paths)
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import track

            console = Console(stderr=True)
            results = iter(track(results, "Rendering", total=len(paths), console=console))
        yield from results


def _expanded(sources: tuple[str, ...]) -> list[str]:
    paths: list[str] = []
    for source in sources:
        if not glob.has_magic(source) or Path(source).exists():
            paths.append(source)
        elif found := [path for path in _matching(source) if not Path(path).is_dir()]:
            paths.extend(found)
        else:
            raise SettingError(f"{source}: no file matches")
    return list(dict.fromkeys(paths))


def _matching(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - may be absolute


def _opened(path: str) -> Opened:
    if path == "-":
        return opened_bytes(sys.stdin.buffer.read(), version="stdin")
    return Opened(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _file(path: str, folder: str, made: Rendering, written: dict[Path, str]) -> str:
    """Name the file for a source in a folder. Raises SettingError when another has the name."""
    suffix = BY_MIME[made.mime].suffixes[0]
    file = Path(folder) / f"{Path(path).stem if path != '-' else 'stdin'}.{suffix}"
    first = written.setdefault(file, path)
    if first != path:
        raise SettingError(f"{file} is already the picture of {first}: choose another folder")
    return str(file)


def _write(made: Rendering, target: str) -> None:
    if target == "-":
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
        return
    file = Path(target)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(made.data)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--analyse", is_flag=True, help="Add placeholders, colours and a perceptual hash.")
@CONFIG
@plainly
def info(files: tuple[str, ...], file: Path | None, *, analyse: bool) -> None:
    """Print what is known of images, as JSON."""
    settings = config.load(file)
    from safelight.workers.inprocess import InProcess

    engine = InProcess(settings.limits)
    engine.start()
    failed = 0
    for path in _expanded(files):
        try:
            with _opened(path) as source:
                deadline = time.monotonic() + 60
                header = engine.probe(source, deadline=deadline)
                looks = engine.analyse(source, deadline=deadline) if analyse else None
                facts = Info(path, source.version, source.size, header, looks)
            click.echo(json.dumps(described(facts), indent=2, ensure_ascii=False))
        except (SafelightError, OSError) as error:
            click.echo(f"safelight: {path}: {reason(error)}", err=True)
            failed += 1
    sys.exit(1 if failed else 0)
