"""``safelight purge`` and ``safelight check``."""

from __future__ import annotations

from pathlib import Path

import click

from safelight import config
from safelight.cli.command import CONFIG, plainly


@click.command()
@click.argument("key")
@CONFIG
@plainly
def purge(key: str, file: Path | None) -> None:
    """Remove all stored variants of the source KEY."""
    removed = len(config.build(config.load(file)).variants.purge(key))
    click.echo(f"{removed} variant{'' if removed == 1 else 's'} of {key} removed")


@click.command()
@CONFIG
@plainly
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
