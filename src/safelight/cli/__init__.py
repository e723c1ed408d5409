"""The command ``safelight``."""

from __future__ import annotations

import click

from safelight import __version__
from safelight.cli import (
    addresses,
    backfill,
    bundle,
    consume,
    files,
    init,
    process,
    serving,
    stores,
    watch,
)

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


for _command in (
    serving.serve, files.render, addresses.url, files.info, stores.purge, stores.check,
    init.init, bundle.bundle, backfill.backfill, process.process, watch.watch, consume.consume,
):  # fmt: skip
    main.add_command(_command)
