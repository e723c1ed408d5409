"""``safelight url``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from safelight import config
from safelight.cli.command import CONFIG, plainly
from safelight.dialects import Match, native
from safelight.dialects.grammar import read_key, write_key
from safelight.errors import NotFound, SourceError
from safelight.explain import lines
from safelight.picture import Header
from safelight.service import Service
from safelight.transform import parse


@click.command()
@click.argument("key")
@click.argument("transform")
@click.option("--explain", "explained", is_flag=True, help="Print what happens, step by step.")
@CONFIG
@plainly
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
