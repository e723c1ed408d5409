"""Write the page of all operations from their records: ``python -m docs.generate``.

Every sample is made by the real pipeline from one of the example photographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.samples import ROOT, Sample, fitted, photograph, rendered, samples
from safelight import engine
from safelight.dialects.grammar import write_key
from safelight.explain import cost, default, further, lines, values
from safelight.formats import BY_NAME
from safelight.operations import Operation, Parameter
from safelight.transform import Transform

PAGE = ROOT / "docs" / "operations.md"
PICTURES = ROOT / "docs" / "operations"

_TOP = """\
# Operations

Written by `make docs` from the records of the operations. Names may be given in any order, by
commas, and always run in the order of this page. `/openapi.json` tells the same to programs,
`safelight url --explain` tells it of one address.
"""


def page() -> str:
    """Write the whole page."""
    return "\n".join([_TOP, *_contents(), *(_section(sample) for sample in samples())])


def pictures() -> dict[str, tuple[str, Transform]]:
    """List the pictures of the page by their names below ``PICTURES``: of what, and how."""
    shown = samples()
    befores = {_before(sample.key): (sample.key, Transform()) for sample in shown}
    return befores | {_after(sample.operation): (sample.key, sample.transform) for sample in shown}


def picture(name: str) -> bytes:
    """Make one of them."""
    key, transform = pictures()[name]
    source = photograph(key)
    return fitted(rendered(source, transform).data if transform.arguments else source)


def _before(key: str) -> str:
    return f"before-{Path(key).stem}.webp"


def _after(operation: Operation) -> str:
    return f"{operation.name}.webp"


def _contents() -> Iterator[str]:
    yield "| stage | operations |\n|---|---|"
    for stage, group in groupby(samples(), key=lambda sample: sample.operation.stage):
        names = (sample.operation.name for sample in group)
        linked = " ".join(f"[`{name}`](#{name})" for name in names)
        yield f"| {stage.name.lower()} | {linked} |"
    yield ""


def _section(sample: Sample) -> str:
    operation = sample.operation
    told = (operation.doc, _one_line(further(operation)))
    costs = cost(operation)
    return "\n".join(
        [
            f"## {operation.name}",
            "",
            "\n\n".join(filter(None, told)),
            "",
            "| parameter | values | default |",
            "|---|---|---|",
            *(_row(parameter) for parameter in operation.parameters),
            "",
            f"Stage {operation.stage.name.lower()}; {costs}.",
            "",
            f"| `{sample.key}` | `{sample.text}` |",
            "|---|---|",
            f"| ![{sample.key}](operations/{_before(sample.key)}) "
            f"| ![{sample.text}](operations/{_after(operation)}) |",
            "",
            "```sh",
            _command(sample),
            "```",
            "",
            "<details><summary>Step by step</summary>",
            "",
            "```console",
            f"$ safelight url {write_key(sample.key)} '{sample.text}' --explain",
            *_explained(sample),
            "```",
            "",
            "</details>",
            "",
        ]
    )


def _one_line(text: str) -> str:
    """Undo the line breaks of a docstring inside its paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


def _row(parameter: Parameter) -> str:
    names = " ".join(f"`{name}`" for name in (parameter.name, *parameter.kind.aliases))
    usual = default(parameter)
    said = values(parameter).replace("|", "\\|")
    return f"| {names} | {said} | {'' if usual is None else f'`{usual}`'} |"


def _command(sample: Sample) -> str:
    asked = sample.transform["format"]
    format = BY_NAME[sample.header.format if asked in (None, "auto") else asked]
    name = f"{sample.operation.name}.{format.suffixes[0]}"
    return f"curl -fso {name} 'http://127.0.0.1:8000/{sample.text}/{write_key(sample.key)}'"


def _explained(sample: Sample) -> Iterator[str]:
    """Say what the command says; … stands for what is another on every machine."""
    wanted = sample.transform
    yield f"address    /{wanted.canonical}/{write_key(sample.key)}"
    yield f"canonical  {wanted.canonical}"
    yield from lines(wanted, sample.header)
    yield "version    …"
    yield f"variant    {sample.key}@/…"


def main() -> None:
    """Write the page and its pictures; pictures that no operation has any more are removed."""
    engine.prepare()
    PAGE.write_text(page(), encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    made = {name: picture(name) for name in pictures()}
    for file in PICTURES.iterdir():
        if file.name not in made:
            file.unlink()
    for name, data in made.items():
        (PICTURES / name).write_bytes(data)
    size = sum(map(len, made.values()))
    print(f"{PAGE.relative_to(ROOT)}: {len(samples())} operations, pictures of {size:,} bytes")


if __name__ == "__main__":
    main()
