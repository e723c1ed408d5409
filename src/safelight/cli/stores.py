"""``safelight purge`` and ``safelight check``."""

from __future__ import annotations

from pathlib import Path

import click

from safelight import config
from safelight.cli.command import CONFIG, plainly
from safelight.dialects.grammar import read_key, write_key


@click.command(short_help="Remove stored variants, and tell the CDN.")
@click.argument("key", required=False)
@click.option("--prefix", metavar="P", help="Of all sources whose keys begin so.")
@click.option("--preset", metavar="NAME", help="Of all sources, what this preset made.")
@click.option("--all", "everything", is_flag=True, help="Of all sources.")
@CONFIG
@plainly
def purge(
    key: str | None, prefix: str | None, preset: str | None, file: Path | None, *, everything: bool
) -> None:
    """Remove the stored variants of the source KEY, or of many, here and from the CDN."""
    if sum(map(bool, (key, prefix, preset, everything))) != 1:
        raise click.UsageError("say what to remove: KEY, --prefix, --preset or --all")
    settings = config.load(file)
    if preset and preset not in settings.presets:
        click.echo(
            f"safelight: there is no preset {preset} any more; looking for what it made", err=True
        )
    purger = config.purger(settings, config.variants(settings))
    if key:
        # The address of a picture on another server has one form, however it is written here.
        key = read_key(write_key(key))
        purged = purger.key(key)
    elif prefix:
        purged = purger.prefix(prefix)
    elif preset:
        purged = purger.preset(preset)
    else:
        purged = purger.all()
    of = f" of {key}" if key else ""
    click.echo(f"{len(purged.paths)} variant{'' if len(purged.paths) == 1 else 's'}{of} removed")
    if purged.cdn:
        click.echo(f"{purged.cdn} was told")


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
    pipelines = config.pipelines(settings, renderer=service.renderer, stored=service.variants)
    if pipelines is not None:
        click.echo(f"pipelines  fine ({', '.join(each.name for each in pipelines.pipelines)})")
        click.echo(f"outputs    fine ({', '.join(pipelines.check())})")
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
