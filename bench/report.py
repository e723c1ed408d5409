"""What was measured, as a Markdown table, as JSON, and inside a page of the documentation."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_PARTS = ("pyvips", "pyvips-binary", "pillow", "granian", "obstore")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing.

    ``figure`` is what was measured, with its unit; ``ratio`` is against a baseline of the same
    run. ``reached`` is None where nothing has to be reached.
    """

    what: str
    figure: str
    ratio: float | None = None
    target: str = ""
    reached: bool | None = None


def at_most(what: str, figure: str, value: float, bound: float, unit: str = "") -> Row:
    """Report a figure that shall not be larger than a bound."""
    return Row(what, figure, None, f"≤ {bound:g}{unit}", value <= bound)


def at_least(what: str, figure: str, value: float, bound: float, unit: str = "") -> Row:
    """Report a figure that shall not be smaller than a bound."""
    return Row(what, figure, None, f"≥ {bound:,g}{unit}", value >= bound)


def ratio_at_most(what: str, figure: str, ratio: float, bound: float) -> Row:
    """Report a ratio that shall not be larger than a bound."""
    return Row(what, figure, ratio, f"≤ {bound:g}", ratio <= bound)


def ratio_at_least(what: str, figure: str, ratio: float, bound: float) -> Row:
    """Report a ratio that shall not be smaller than a bound."""
    return Row(what, figure, ratio, f"≥ {bound:g}", ratio >= bound)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def paired(ours: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured side by side, round by round."""
    return statistics.median(a / b for a, b in zip(ours, baseline, strict=True))


def machine() -> str:
    """Say in a line what was measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(": ")[2] if named else model
    parts = ", ".join(f"{part} {version(part)}" for part in _PARTS)
    today = dt.datetime.now(tz=dt.UTC).date()
    return (
        f"Measured on {today}: {len(os.sched_getaffinity(0))} cores of {model}, "
        f"Python {platform.python_version()}, {parts}; "
        f"load average {os.getloadavg()[0]:.1f} before the run."
    )


def table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = ["| what | figure | ratio | target | reached |", "|---|---:|---:|---:|:-:|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        reached = "" if row.reached is None else "yes" if row.reached else "**no**"
        lines.append(f"| {row.what} | {row.figure} | {ratio} | {row.target} | {reached} |")
    return "\n".join(lines)


def page(title: str, sections: dict[str, list[Row]]) -> str:
    """Write all sections, each with its table."""
    parts = [title]
    for name, rows in sections.items():
        parts.append(f"### {name}\n\n{table(rows)}")
    return "\n\n".join(parts)


def write_json(file: Path, title: str, sections: dict[str, list[Row]]) -> None:
    """Write everything for programs."""
    found = {name: [asdict(row) for row in rows] for name, rows in sections.items()}
    text = json.dumps({"about": title, "sections": found}, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def write_between(file: Path, text: str) -> None:
    """Replace what stands between the two markers of a page. Raises ValueError without them."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no {BEGIN} followed by {END}")
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
