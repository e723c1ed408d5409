"""``safelight init``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from safelight.cli.command import plainly
from safelight.deploy.targets import TARGETS


@click.command(short_help="Write a folder to deploy Safelight from.")
@click.argument("target", type=click.Choice(list(TARGETS)))
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="safelight", help="What everything is named after [safelight].")
@click.option("--region", default="", help="Where the cloud runs it.")
@click.option("--bucket", default="", help="Name of the bucket of the originals.")
@plainly
def init(target: str, directory: Path, name: str, region: str, bucket: str) -> None:
    """Write into DIRECTORY what it takes to run Safelight somewhere else.

    Files that are there already are left as they are.
    """
    from safelight.deploy.folder import write

    made = write(target, directory, name=name, region=region, bucket=bucket)
    for path in made.written:
        click.echo(f"{path} written")
    for path in made.kept:
        click.echo(f"{path} is there already, and left as it is")
    click.echo("Next:")
    click.echo(f"  cd {shlex.quote(str(directory))}")
    for step in made.steps:
        click.echo(f"  {step}")
