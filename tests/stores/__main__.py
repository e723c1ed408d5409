"""Run a store until Ctrl-C, and say how it is reached: `python -m tests.stores versitygw`."""

import argparse
import contextlib
import shlex
import signal
import tempfile
import threading
from pathlib import Path

import click

from tests.stores.azurite import azurite
from tests.stores.fake_gcs import fake_gcs
from tests.stores.versitygw import versitygw

_STORES = {"versitygw": versitygw, "azurite": azurite, "fake-gcs-server": fake_gcs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=_STORES)
    parser.add_argument("buckets", nargs="*", default=["photos"], help="buckets to make [photos]")
    parser.add_argument("--port", type=int, help="port of 127.0.0.1 [any free one]")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _STORES[given.store](Path(folder) / "store", port=given.port) as server,
    ):
        for bucket in given.buckets:
            server.make(bucket)
            click.echo(server.url(bucket))
        for name, value in server.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo("Ctrl-C stops.")
        threading.Event().wait()


if __name__ == "__main__":
    # Ended by `kill` as by Ctrl-C, so that the server ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        main()
