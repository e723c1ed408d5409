"""``safelight consume``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from safelight import __version__, config
from safelight.cli.command import CONFIG, plainly
from safelight.cli.pipelines import Report, log_beside, on_terminal, ready

# \b keeps the lines of a paragraph apart.
_HELP = """Bring up the sources that the messages of a queue speak of, until Ctrl-C or SIGTERM.

\b
nats://127.0.0.1:4222/SUBJECT     JetStream
redis://127.0.0.1:6379/STREAM
amqp://127.0.0.1:5672/QUEUE       RabbitMQ
sqs://QUEUE?region=eu-west-1      or the https:// URL of the queue

A message is acknowledged when its effect is there. The URL, which may hold a password, can also
come from the variable QUEUE_URL.
"""


@click.command(help=_HELP, short_help="Take events from a queue until Ctrl-C.")
@click.argument("url", envvar="QUEUE_URL")
@click.option(
    "--at-once",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Messages at the same time [by cores].",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="For what was begun, at the end [10].",
)
@click.option(
    "--patience",
    type=click.IntRange(5, 43_200),
    metavar="SECONDS",
    help="How long a consumer may be silent [30].",
)
@CONFIG
@plainly
def consume(
    url: str,
    at_once: int | None,
    grace: float | None,
    patience: int | None,
    file: Path | None,
) -> None:
    """Take events from a queue."""
    import asyncio

    from safelight.entrances.consumer import Consumer
    from safelight.entrances.queues import queue

    settings = config.load(file)
    words = on_terminal()
    log_beside(settings.observe, words=words)
    with ready(settings) as (pipelines, threads):
        source = queue(url, at_once=at_once or threads, patience_seconds=patience)
        consumer = Consumer(
            source,
            pipelines.handle,
            at_once=at_once or threads,
            grace_seconds=settings.server.grace_seconds if grace is None else grace,
            on_outcome=Report(words=words).tell,
        )

        async def run() -> None:
            stop, hurry = asyncio.Event(), asyncio.Event()

            def interrupted() -> None:
                (hurry if stop.is_set() else stop).set()

            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, interrupted)
            await consumer.run(stop, hurry)

        if words:
            click.echo(f"Safelight {__version__} takes events from {source}. Ctrl-C stops.")
        asyncio.run(run())
