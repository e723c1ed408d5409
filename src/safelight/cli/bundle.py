"""``safelight bundle``."""

from __future__ import annotations

from pathlib import Path

import click

from safelight.cli.command import plainly
from safelight.deploy.targets import CONFIG, FUNCTIONS, MACHINES
from safelight.errors import SettingError

_WHEEL = "wheel"
_ZIP = "safelight.zip"


@click.command(short_help="Pack Safelight for a function, or as a wheel.")
@click.argument("target", type=click.Choice([*FUNCTIONS, _WHEEL]))
@click.option(
    "--arch",
    type=click.Choice(list(MACHINES)),
    help="Processor [arm64 on aws, x86_64 on azure].",
)
@click.option("--python", metavar="X.Y", default="3.13", help="Version of Python there [3.13].")
@click.option(
    "--output", type=click.Path(path_type=Path), help="What to write [safelight.zip, or dist/]."
)
@click.option(
    "--config", "file", type=click.Path(path_type=Path), help="Settings file [safelight.toml]."
)
@plainly
def bundle(
    target: str, arch: str | None, python: str, output: Path | None, file: Path | None
) -> None:
    """Pack Safelight and what it needs as the zip of a function on aws or azure.

    Or as a wheel alone, which container images install.
    """
    from safelight.deploy.bundle import build
    from safelight.deploy.wheels import own_wheel

    if target == _WHEEL:
        click.echo(own_wheel(output or Path("dist")))
        return
    if file is None and Path(CONFIG).exists():
        file = Path(CONFIG)
    if not python.startswith("3.") or not python[2:].isdecimal():
        raise SettingError(f"--python: {python!r} is no version (example: --python 3.13)")
    oldest = FUNCTIONS[target].oldest_python
    if int(python[2:]) < oldest:
        raise SettingError(
            f"--python: with {python} the zip would not run on {target}; the first that does is "
            f"3.{oldest} (example: --python 3.13)"
        )
    arch = arch or FUNCTIONS[target].arch
    output = output or Path(_ZIP)
    if output.is_dir():
        output /= _ZIP
    made = build(target, output, arch=arch, python=python, config=file)
    click.echo(f"{made.path}: {made.packed / 1e6:.1f} MB, {made.unpacked / 1e6:.1f} MB unpacked")
    click.echo(f"  {made.libraries} shared objects, each for {arch}")
    if file is None:
        click.echo("  without settings: there is no safelight.toml here, and no --config")
    if not made.compiled:
        click.echo(
            f"  not compiled ahead, because python{python} is not on PATH: each cold start does it"
        )
