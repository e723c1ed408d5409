"""The command ``safelight``."""

from __future__ import annotations

import glob
import ipaddress
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import click

from safelight import __version__, config
from safelight.dialects import Match, native
from safelight.dialects.grammar import read_key, write_key
from safelight.errors import NotFound, SafelightError, SettingError, SourceError
from safelight.explain import lines
from safelight.formats import BY_MIME, WRITABLE, by_suffix
from safelight.http.pictures import described
from safelight.picture import Header, Rendering
from safelight.service import Info, Service
from safelight.storage import Opened, opened_bytes
from safelight.transform import Transform, parse

_Command = TypeVar("_Command", bound=Callable[..., Any])
_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), help="Settings file [safelight.toml]."
)


def _plainly(command: _Command) -> _Command:
    """End with one sentence and an exit code, 2 for a wrong setting or transform."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except SafelightError as error:
            click.echo(f"safelight: {error.detail}", err=True)
            sys.exit(2 if isinstance(error, SettingError) or error.status == 400 else 1)
        except BrokenPipeError:
            sys.exit(1)

    return cast("_Command", wrapped)


# \b keeps the lines of a paragraph apart.
_HELP = """Resize images on request, on upload, or from the command line.

\b
safelight serve ./photos             serve a folder at http://127.0.0.1:8000/
safelight render a.jpg 800x600 b.webp
safelight url cats/tabby.jpg w=800,format=auto

Settings come from safelight.toml in the working directory, then from SAFELIGHT_… variables
(SAFELIGHT_SERVER_PORT=9000), then from options. A transform is a size (800x600, 800x, x600),
name=value pairs, or a preset, separated by commas: 800x600,format=webp,quality=70.
"""


@click.group(
    help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 90}
)
@click.version_option(__version__, prog_name="safelight")
def main() -> None:
    """Run the command line."""


@main.command(short_help="Serve a folder of images until Ctrl-C.")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on [127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for any free one [8000].")
@click.option("--workers", type=int, help="Rendering processes, 0 for one per core [0].")
@click.option("--unsigned", is_flag=True, help="Let anyone who reaches the server use it.")
@_CONFIG
@_plainly
def serve(
    directory: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    file: Path | None,
    *,
    unsigned: bool,
) -> None:
    """Serve the images of DIRECTORY, or of the source in the settings, until Ctrl-C.

    Variants are made on the first request and kept in .safelight/variants.
    """
    from safelight.http import Application
    from safelight.http.pages import examples
    from safelight.http.server import free_port
    from safelight.http.server import serve as run

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    overrides: dict[str, dict[str, Any]] = {
        "source": _given(url=f"file:{quote(str(directory))}" if directory else None),
        "server": _given(host=host, port=port),
        "workers": _given(processes=workers),
        "security": _given(unsigned=unsigned or None),
    }
    settings = config.load(file, overrides=overrides)
    listening = settings.server
    local = _is_loopback(listening.host)
    if not local and not settings.security.unsigned:
        raise SettingError(
            f"server.host: {listening.host} can be reached by others, and requests are not signed: "
            "add --unsigned (security.unsigned = true) if that is what you want"
        )
    service = config.build(settings)
    service.sources.check()
    chosen = free_port(listening.host, listening.port)
    index = listening.index == "on" or (listening.index == "local" and local)
    address = (
        f"http://{f'[{listening.host}]' if ':' in listening.host else listening.host}:{chosen}"
    )

    def ready() -> None:
        click.echo(f"Safelight {__version__} serves {settings.source.url} at {address}/")
        for url, meaning in examples(service.samples(24))[:3]:
            click.echo(f"  {address}{url}   {meaning}")
        click.echo(f"Variants are kept in {settings.variants.url}. Ctrl-C stops.")
        for line in _off_by_default(settings, index=index):
            click.echo(f"  off: {line}")

    run(
        Application(service, settings, index=index),
        host=listening.host,
        port=chosen,
        idle_seconds=listening.idle_seconds,
        grace_seconds=listening.grace_seconds,
        ready=ready,
    )


def _off_by_default(settings: config.Settings, *, index: bool) -> Iterator[str]:
    if not settings.security.unsigned:
        yield "other machines (--host 0.0.0.0 --unsigned)"
    if not index:
        yield 'the list of images at / (server.index = "on")'
    yield "enlarging beyond the source (enlarge in the address, or request.defaults)"
    yield "animation: the first frame is shown"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@main.command()
@click.argument("sources", metavar="IN...", nargs=-1, required=True)
@click.argument("transform", metavar="TRANSFORM")
@click.argument("target", metavar="OUT")
@_CONFIG
@_plainly
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
            return path, _reason(error)

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


@main.command()
@click.argument("key")
@click.argument("transform")
@click.option("--explain", "explained", is_flag=True, help="Print what happens, step by step.")
@_CONFIG
@_plainly
def url(key: str, transform: str, file: Path | None, *, explained: bool) -> None:
    """Print the address of the picture that TRANSFORM makes of KEY."""
    settings = config.load(file)
    rules = config.grammar(settings)
    wanted = parse(transform, rules.presets, rules.defaults)
    settings.limits.check_wish(wanted)
    address = native.build(read_key(write_key(key)), wanted)
    if not explained:
        click.echo(address)
        return
    service = config.build(settings)
    click.echo(f"address    {address}")
    click.echo(f"canonical  {wanted.canonical or '(nothing is changed)'}")
    try:
        located = service.locate(Match(key, wanted), accept="")
        header = _header(service, key)
    except (NotFound, SourceError) as error:
        for line in lines(wanted):
            click.echo(line)
        click.echo(f"variant    ({error.detail})")
        return
    for line in lines(wanted, header):
        click.echo(line)
    click.echo(f"version    {located.version}")
    click.echo(f"variant    {located.variant.path}")


def _header(service: Service, key: str) -> Header:
    from safelight.workers.inprocess import InProcess

    engine = InProcess(service.limits)
    engine.start()
    with service.sources.open(key) as source:
        return engine.probe(source, deadline=time.monotonic() + 60)


@main.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--analyse", is_flag=True, help="Add placeholders, colours and a perceptual hash.")
@_CONFIG
@_plainly
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
            click.echo(f"safelight: {path}: {_reason(error)}", err=True)
            failed += 1
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("key")
@_CONFIG
@_plainly
def purge(key: str, file: Path | None) -> None:
    """Remove all stored variants of the source KEY."""
    removed = config.build(config.load(file)).variants.purge(key)
    click.echo(f"{removed} variant{'' if removed == 1 else 's'} of {key} removed")


@main.command()
@_CONFIG
@_plainly
def check(file: Path | None) -> None:
    """Check the settings, the stores and the rendering processes."""
    settings = config.load(file)
    service = config.build(settings)
    click.echo(f"settings   fine ({len(settings.presets)} presets)")
    service.sources.check()
    click.echo(f"source     fine ({settings.source.url})")
    service.variants.check()
    click.echo(f"variants   fine ({settings.variants.url})")
    try:
        service.start()
        found = service.capabilities
    finally:
        service.close()
    click.echo(f"workers    fine ({service.renderer.slots} processes, libvips {found['libvips']})")
    click.echo(f"reads      {', '.join(found['reads'])}")
    for name, reason in found["lacks"].items():
        click.echo(f"lacks      {name}: {reason}")
    click.echo(f"writes     {', '.join(found['writes'])}")


def _reason(error: Exception) -> str:
    return error.detail if isinstance(error, SafelightError) else getattr(error, "strerror", "")


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
