"""The server: variants that are missing, against the engine alone; variants that are stored."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import load, server, wrk
from bench.alone import Alone
from bench.photographs import TWELVE, many_names
from bench.processes import cpu_seconds
from bench.report import (
    Row,
    at_least,
    at_most,
    paired,
    percentile,
    ratio_at_least,
    ratio_at_most,
)

WIDTH = 800
_CLIENTS = (4, 16, 64)
# The first pictures of a turn fill the queue; they are no steady state.
_RAMP_SECONDS = 0.5


def measure(*, quick: bool) -> list[Row]:
    """Measure both."""
    wrk.ensure()
    with tempfile.TemporaryDirectory(prefix="safelight-bench-") as folder:
        return [*_missing(Path(folder), quick=quick), *_stored(Path(folder), quick=quick)]


@dataclass
class _Turns:
    """What one contender did, turn by turn."""

    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def _missing(folder: Path, *, quick: bool) -> list[Row]:
    rounds, seconds = (2, 2.5) if quick else (8, 5.0)
    paths = (f"/{WIDTH}x/{name}" for name in many_names(TWELVE, folder / "many"))
    engine, served = _Turns(), {clients: _Turns() for clients in _CLIENTS}
    with (
        server.safelight(folder / "many", folder / "missing") as running,
        Alone(TWELVE, WIDTH) as alone,
    ):
        load.run(running.port, itertools.islice(paths, 8), clients=4)
        turns: list[Callable[[], None]] = [
            lambda: _turn_alone(alone, engine, seconds),
            *(
                lambda c=clients, t=turn: _turn_served(running, paths, c, t, seconds)
                for clients, turn in served.items()
            ),
        ]
        for number in range(rounds):
            # Whoever goes first in one round goes last in another: drift hits everyone alike.
            for offset in range(len(turns)):
                turns[(number + offset) % len(turns)]()
    return list(_missing_rows(engine, served))


def _turn_alone(alone: Alone, turns: _Turns, seconds: float) -> None:
    before = sum(cpu_seconds(pid) for pid in alone.pids)
    ready = alone.run(seconds)
    spent = sum(cpu_seconds(pid) for pid in alone.pids) - before
    turns.rates.append(_rate(ready))
    turns.cpu_ms.append(spent / len(ready) * 1e3)


def _turn_served(
    running: server.Running, paths: Iterator[str], clients: int, turns: _Turns, seconds: float
) -> None:
    before = cpu_seconds(running.pid)
    asked = load.run(running.port, paths, clients=clients, seconds=seconds)
    spent = cpu_seconds(running.pid) - before
    wrong = {done.status for done in asked.done} - {200}
    if wrong:
        raise RuntimeError(f"missing variants were answered with {wrong}")
    # What ends after the clients have begun to stop was made by fewer at once.
    until = max(done.at - done.seconds for done in asked.done)
    steady = [done for done in asked.done if done.at <= until]
    turns.rates.append(_rate([done.at for done in steady]))
    since = steady[0].at + _RAMP_SECONDS
    turns.latencies += [done.seconds for done in steady if done.at - done.seconds >= since]
    turns.cpu_ms.append(spent / len(asked.done) * 1e3)
    turns.asking.append(asked.cpu / len(asked.done) * 1e3)


def _rate(moments: Sequence[float]) -> float:
    """Reckon how many a second were ready after the ramp."""
    steady = [moment for moment in moments if moment >= moments[0] + _RAMP_SECONDS]
    return (len(steady) - 1) / (steady[-1] - steady[0])


def _missing_rows(engine: _Turns, served: dict[int, _Turns]) -> Iterator[Row]:
    cpu = statistics.median(engine.cpu_ms)
    yield Row("engine alone, a process per core", f"{engine.rate:.1f}/s, {cpu:.1f} ms cpu each")
    for clients, turns in served.items():
        what = f"missing variant, {clients} clients"
        figure = f"{turns.rate:.1f}/s"
        yield ratio_at_least(
            f"{what}, against the engine", figure, paired(turns.rates, engine.rates), 0.93
        )
        spent, asking = statistics.median(turns.cpu_ms), statistics.median(turns.asking)
        yield Row(
            f"{what}: cpu against the engine",
            f"{spent:.1f} ms each (+ {asking:.1f} ms for asking)",
            paired(turns.cpu_ms, engine.cpu_ms),
        )
        mean, p50, p99 = (
            value * 1e3
            for value in (
                statistics.fmean(turns.latencies),
                percentile(turns.latencies, 0.5),
                percentile(turns.latencies, 0.99),
            )
        )
        figure = f"p50 {p50:.0f}, mean {mean:.0f}, p99 {p99:.0f} ms"
        latency = f"{what}: p99 against the mean"
        if clients == 16:
            yield ratio_at_most(latency, figure, p99 / mean, 1.5)
        else:
            yield Row(latency, figure, p99 / mean)


@dataclass
class _Stored:
    """Turns of wrk on one contender: whole answers, and 304s."""

    whole: list[wrk.Result] = field(default_factory=list)
    fresh: list[wrk.Result] = field(default_factory=list)

    def turn(self, running: server.Running, path: str, etag: str, seconds: int) -> None:
        url = f"http://127.0.0.1:{running.port}{path}"
        self.whole.append(wrk.run(url, running.pid, seconds=seconds))
        self.fresh.append(wrk.run(url, running.pid, seconds=seconds, etag=etag))


def _stored(folder: Path, *, quick: bool) -> list[Row]:
    rounds, seconds = (2, 2) if quick else (6, 4)
    path = f"/{WIDTH}x/{TWELVE.name}"
    picture = folder / "picture.jpg"
    ours, least = _Stored(), _Stored()
    with server.safelight(TWELVE.parent, folder / "stored") as running:
        first = load.get(running.port, path)
        etag = first.header("etag")
        _check_stored(running.port, path, etag)
        picture.write_bytes(first.body)
        with server.baseline(picture, etag, folder / "baseline") as bare:
            for _ in range(rounds):
                ours.turn(running, path, etag, seconds)
                least.turn(bare, path, etag, seconds)
    size = f"{len(first.body) / 1e3:.0f} KB, {wrk.CONNECTIONS} connections"
    return [
        *_stored_rows(f"stored variant, {size}", ours.whole, least.whole, 8_000, 12_000, 5.0),
        *_stored_rows("stored variant, 304", ours.fresh, least.fresh, 15_000, 25_000),
    ]


def _check_stored(port: int, path: str, etag: str) -> None:
    """Make sure that it is the store, and 304, that will be measured. Raises RuntimeError."""
    hit, fresh = load.get(port, path), load.get(port, path, {"If-None-Match": etag})
    if "hit" not in hit.header("cache-status") or fresh.status != 304:
        raise RuntimeError(f"the picture is not served as stored: {hit.head!r}, {fresh.head!r}")


def _stored_rows(
    what: str,
    ours: list[wrk.Result],
    least: list[wrk.Result],
    bound: int,
    later: int,
    p99_bound: float | None = None,
) -> Iterator[Row]:
    rates, bare = [one.rate for one in ours], [one.rate for one in least]
    rate = statistics.median(rates)
    p99 = statistics.median(one.p99_ms for one in ours)
    yield at_least(what, f"{rate:,.0f}/s", rate, bound, "/s")
    yield at_least(f"{what}: rate, later", f"{rate:,.0f}/s", rate, later, "/s")
    if p99_bound is None:
        yield Row(f"{what}: p99", f"{p99:.1f} ms")
    else:
        yield at_most(f"{what}: p99, later", f"{p99:.1f} ms", p99, p99_bound, " ms")
    yield Row(
        f"{what}: rate against the same server with the bytes in memory",
        f"{rate:,.0f} / {statistics.median(bare):,.0f}/s",
        paired(rates, bare),
    )
    spent, bare_spent = [one.cpu_us for one in ours], [one.cpu_us for one in least]
    yield Row(
        f"{what}: cpu against the same",
        f"{statistics.median(spent):.0f} / {statistics.median(bare_spent):.0f} µs",
        paired(spent, bare_spent),
    )
