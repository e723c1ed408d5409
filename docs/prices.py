"""What a million pictures cost in each cloud: `python -m docs.prices` writes docs/deploy/README.md.

The time of a processor is the one that docs/performance.md has, the calls to stores were counted at
/metrics over an S3, what a call takes is assumed, and the prices are lists' prices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "deploy" / "README.md"
MEASURED = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- prices:begin -->\n", "<!-- prices:end -->"

MILLION = 1_000_000
# Seconds that a function waits for a store in its region, at each call.
CALL_SECONDS = 0.02
# What a function needs beside rendering and waiting, at most.
OVERHEAD_SECONDS = 0.002
# Calls of a missing picture: one source is looked up and opened, the variant looked for twice, a
# lease made and removed, the picture written. Of the layout by paths an index is kept, too.
READS, WRITES, REMOVALS = 4, 2, 1
READS_BY_PATH, WRITES_BY_PATH = 6, 3
STORED_BYTES = 38_000


@dataclass(frozen=True)
class Prices:
    """What a cloud asks, in US dollars.

    ``second``: for a second of the function as `safelight init` sizes it. ``step``: what its time
    is rounded up to, and ``least``: what a call is billed at least, in seconds. ``call``, ``read``
    and ``write`` are for a million, ``stored`` is for a gigabyte in a month.
    """

    size: str
    second: float
    step: float
    call: float
    read: float
    write: float
    stored: float
    by_path: bool = False
    least: float = 0.0


PRICES = {
    "AWS, North Virginia": Prices(
        "arm64, 1,769 MB", 1769 / 1024 * 0.0000133334, 0.001, 0.20, 0.40, 5.00, 0.023, by_path=True
    ),
    "Azure, East US": Prices(
        "Flex, 2,048 MB", 2 * 0.000026, 0.1, 0.40, 0.40, 5.00, 0.018, least=1.0
    ),
    "Google, tier 1": Prices(
        "2 vCPU, 1 GiB", 2 * 0.000024 + 0.0000025, 0.1, 0.40, 0.40, 5.00, 0.020
    ),
}


def processor_seconds() -> float:
    """Read what a picture costs a processor, beside the whole server, from the last measurement."""
    text = MEASURED.read_text(encoding="utf-8")
    found = re.search(r"missing variant, 16 clients: cpu[^|]*\| ([0-9.]+) ms each", text)
    assert found is not None, "docs/performance.md has no such row any more"
    return float(found[1]) / 1000


def calls(prices: Prices) -> tuple[int, int]:
    """Tell how often a picture that is made is read for, and written for."""
    return (READS_BY_PATH, WRITES_BY_PATH) if prices.by_path else (READS, WRITES)


def making_seconds(prices: Prices) -> float:
    """Tell how many seconds of one picture are billed."""
    waits = (sum(calls(prices)) + REMOVALS) * CALL_SECONDS
    return billed(processor_seconds() + waits + OVERHEAD_SECONDS, prices)


def made(prices: Prices) -> tuple[float, float, float]:
    """Reckon a million pictures that are made: the function's time, its calls, the store's."""
    reads, writes = calls(prices)
    return (
        making_seconds(prices) * prices.second * MILLION,
        prices.call,
        reads * prices.read + writes * prices.write,
    )


def sent(prices: Prices) -> float:
    """Reckon a million stored pictures that the function sends: one is read, one looked up."""
    seconds = billed(2 * CALL_SECONDS + OVERHEAD_SECONDS, prices)
    return seconds * prices.second * MILLION + prices.call + 2 * prices.read


def billed(seconds: float, prices: Prices) -> float:
    """Round up, as it is billed."""
    return max(prices.least, -(-round(seconds, 6) // prices.step) * prices.step)


def table() -> str:
    """Write the table in Markdown."""
    rows = [
        "| | function | a second of it | one picture | its time | its calls "
        "| calls of the store | **made** | **sent again** | kept for a month |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cloud, prices in PRICES.items():
        figures = made(prices)
        kept = STORED_BYTES * MILLION / 1e9 * prices.stored
        rows.append(
            f"| {cloud} | {prices.size} "
            f"| ${prices.second:.7f} | {making_seconds(prices):.3f} s | "
            + " | ".join(f"${figure:.2f}" for figure in figures)
            + f" | **${sum(figures):.2f}** | **${sent(prices):.2f}** | ${kept:.2f} |"
        )
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
