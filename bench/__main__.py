"""Measure, and print what was reached: ``python -m bench [engine|bytes|…|all]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import backfill, cold, engine, memory, operations, report, serve, upload
from bench import bytes as outputs

_SECTIONS: dict[str, tuple[str, Callable[..., list[report.Row]]]] = {
    "engine": ("Engine", engine.measure),
    "bytes": ("Outputs", outputs.measure),
    "operations": ("Operations", operations.measure),
    "upload": ("Upload", upload.measure),
    "serve": ("Server", serve.measure),
    "backfill": ("Back-fill", backfill.measure),
    "memory": ("Memory", memory.measure),
    "cold": ("Functions", cold.measure),
}


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=[*_SECTIONS, "all"])
    parser.add_argument("--quick", action="store_true", help="few repetitions: a first idea only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help=f"replace what follows {report.BEGIN} in a page"
    )
    options = parser.parse_args()
    title = report.machine()
    wanted = list(_SECTIONS) if options.what == "all" else [options.what]
    sections = {}
    for name in wanted:
        heading, measure = _SECTIONS[name]
        sections[heading] = measure(quick=options.quick)
    page = report.page(title, sections)
    print(page)
    if options.json:
        report.write_json(options.json, title, sections)
    if options.write:
        report.write_between(options.write, page)


if __name__ == "__main__":
    main()
