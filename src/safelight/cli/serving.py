"""``safelight serve``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from safelight import __version__, config
from safelight.cli.command import CONFIG, plainly
from safelight.errors import SettingError


@click.command(short_help="Serve a folder of images until Ctrl-C.")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on [127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for any free one [8000].")
@click.option("--workers", type=int, help="Rendering processes, 0 for one per core [0].")
@click.option("--unsigned", is_flag=True, help="Let anyone who reaches the server use it.")
@CONFIG
@plainly
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
    from safelight.http.observing import tracer_of
    from safelight.http.server import free_port
    from safelight.http.server import serve as run
    from safelight.web import logs
    from safelight.web.pages import examples

    overrides: dict[str, dict[str, Any]] = {
        "source": _given(url=f"file:{quote(str(directory))}" if directory else None),
        "server": _given(host=host, port=port),
        "workers": _given(processes=workers),
        "security": _given(unsigned=unsigned or None),
    }
    settings = config.load(file, overrides=overrides)
    logs.set_up(settings.observe)
    listening = settings.server
    local = _is_loopback(listening.host)
    security = settings.security
    if not local and not security.exposable:
        raise SettingError(
            f"server.host: {listening.host} can be reached by others, and anyone may ask for "
            "anything: set security.keys, so that only signed addresses are answered, or "
            "security.presets_only, or add --unsigned (security.unsigned = true) if that is what "
            "you want"
        )
    service = config.build(settings)
    service.sources.check()
    pipelines = config.pipelines(
        settings,
        renderer=service.renderer,
        stored=service.variants,
        counted=service.metrics.store_calls,
    )
    chosen = free_port(listening.host, listening.port)
    index = security.unrestricted and (
        listening.index == "on" or (listening.index == "local" and local)
    )
    told = settings.observe.metrics
    metrics = told == "on" or (told == "local" and local)
    tracer = tracer_of(settings.observe, export=True)
    address = (
        f"http://{f'[{listening.host}]' if ':' in listening.host else listening.host}:{chosen}"
    )

    def ready() -> None:
        click.echo(f"Safelight {__version__} serves {settings.source.url} at {address}/")
        if security.unrestricted:
            for url, meaning in examples(service.samples(24))[:3]:
                click.echo(f"  {address}{url}   {meaning}")
        click.echo(f"Variants are kept in {settings.variants.url}. Ctrl-C stops.")
        for line in _off_by_default(settings, index=index, metrics=metrics):
            click.echo(f"  off: {line}")

    run(
        Application(
            service, settings, index=index, metrics=metrics, tracer=tracer, pipelines=pipelines
        ),
        host=listening.host,
        port=chosen,
        idle_seconds=listening.idle_seconds,
        grace_seconds=listening.grace_seconds,
        ready=ready,
    )


def _off_by_default(settings: config.Settings, *, index: bool, metrics: bool) -> Iterator[str]:
    security = settings.security
    if not security.exposable:
        yield "other machines (--host 0.0.0.0 --unsigned)"
    if not security.unrestricted:
        yield "what is not allowed without a signature (safelight url KEY TRANSFORM --sign)"
    elif not index:
        yield 'the list of images at / (server.index = "on")'
    if not metrics:
        yield 'counts at /metrics (observe.metrics = "on")'
    yield "enlarging beyond the source (enlarge in the address, or request.defaults)"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
