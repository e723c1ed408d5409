"""What comes out of each odd, damaged or hostile file, and what it costs a fresh worker.

``python bench/robustness.py [--all]`` prints Markdown: what misbehaves, the bombs, the totals.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from safelight.errors import SafelightError
from safelight.limits import Limits
from safelight.storage import Opened
from safelight.transform import parse
from safelight.workers.pool import Pool, Workers

FILES = Path(__file__).resolve().parent.parent / "tests" / "data" / "robustness"
TRANSFORMS = ("w=64", "w=64,format=png")
SECONDS = 10.0
BOMB_CPU_MS, BOMB_MB = 100.0, 50.0
_TICK_MS = 1e3 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One render: size or refusal, and its cost above that of a worker that has just started."""

    file: str
    kind: str
    transform: str
    answer: str
    status: int
    code: str
    detail: str
    cpu_ms: float
    grown_mb: float

    @property
    def as_its_class_says(self) -> bool:
        refused = 400 <= self.status < 500 and self.code != "decoder_crashed"
        return {
            "valid": self.status in (200, 415),
            "corrupt": refused,
            "bomb": refused,
            "tolerate": refused or self.status == 200,
        }[self.kind]


def measured(file: str, kind: str, transform: str) -> Outcome:
    pool = Pool(Limits(), Workers(processes=1))
    pool.start()
    try:
        (pid,) = pool.pids()
        # From here on, the highest memory counts anew.
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        cpu, memory = _cpu_ms(pid), _peak_mb(pid)
        status, code, detail = 200, "", ""
        source = Opened(os.open(FILES / file, os.O_RDONLY))
        try:
            made = pool.render(source, parse(transform), deadline=time.monotonic() + SECONDS)
            answer = f"{made.width}x{made.height} {made.mime}"
        except SafelightError as error:
            status, code, detail = error.status, error.code, error.detail
            answer = f"{status} {code}"
        finally:
            source.close()
        if pid in pool.pids():
            cpu, memory = _cpu_ms(pid) - cpu, _peak_mb(pid) - memory
        else:
            cpu = memory = float("nan")
    finally:
        pool.close()
    return Outcome(file, kind, transform, answer, status, code, detail, cpu, memory)


def _cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def table(title: str, outcomes: list[Outcome]) -> str:
    rows = [
        f"| {o.file} | {o.kind} | {o.transform} | {o.answer} | {o.cpu_ms:.0f} | {o.grown_mb:.1f} |"
        for o in outcomes
    ]
    head = ["| file | class | transform | what came out | cpu ms | grown MB |", "|---" * 6 + "|"]
    return "\n".join((f"## {title}\n", *head, *rows, ""))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", action="store_true", help="list every file")
    listed = json.loads((FILES / "manifest.json").read_text())["files"]
    outcomes = [
        measured(entry["file"], entry["class"], transform)
        for entry in listed
        for transform in TRANSFORMS
    ]
    if arguments.parse_args().all:
        print(table("Everything", outcomes))
    print(table("Not as its class says", [o for o in outcomes if not o.as_its_class_says]))
    bombs = [o for o in outcomes if o.kind == "bomb"]
    print(table("Bombs", bombs))
    dear = [o for o in bombs if not (o.cpu_ms < BOMB_CPU_MS and o.grown_mb < BOMB_MB)]
    print(table(f"Bombs over {BOMB_CPU_MS:g} ms or {BOMB_MB:g} MB", dear))
    answers = Counter((o.kind, o.status, o.code) for o in outcomes)
    print("## Totals\n\n| class | answer | files x transforms |\n|---|---|---|")
    for (kind, status, code), count in sorted(answers.items()):
        print(f"| {kind} | {status} {code} | {count} |")


if __name__ == "__main__":
    main()
