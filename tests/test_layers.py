"""The layers of the architecture: a module imports from its own layer and from those below it.

The check reads the source, so an import inside a function or under ``TYPE_CHECKING`` counts too.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "safelight"
MOST_LINES = 400

# A module or a package directly under safelight, and its layer.
LAYERS = {
    name: level
    for level, names in enumerate(
        (
            "errors tiff jpeg formats params observe",
            "operations transform picture plan limits icc cicp metadata gainmap signing sigv4"
            " confidential access urls remote costs negotiate svg dialects explain openapi"
            " placeholders events",
            "engine storage fetch integrations",
            "workers variants flights delivery cdn posting hooks",
            "service locating answers purging pipelines backfill",
            "config deploy",
            "web",
            "http functions entrances",
            "cli __main__",
        )
    )
    for name in names.split()
}

# Faces of one service: what two of them need belongs below them.
STRANGERS = {
    frozenset({"http", "functions"}),
    frozenset({"http", "entrances"}),
    frozenset({"functions", "entrances"}),
}

# Third-party libraries that live in one place, so that they can be changed in one place.
ONLY_IN = {
    "pyvips": {"engine"},
    "obstore": {"storage"},
    "h11": {"fetch"},
    "granian": {"http", "cli"},
    "pillow_heif": {"engine"},
    "pypdfium2": {"engine"},
    "opentelemetry": {"http"},
    "distributed": {"backfill"},
    "nats": {"entrances"},
    "redis": {"entrances"},
    "aio_pika": {"entrances"},
    "botocore": {"entrances"},
    "watchfiles": {"entrances"},
    "click": {"cli"},
    "rich": {"cli"},
    "jinja2": {"integrations"},
    "markupsafe": {"integrations"},
    "django": {"integrations"},
    "azure": {"functions"},
    "werkzeug": {"functions"},
}

# Layers 0 and 1 compute. What they may use beyond the standard library, and what not even of that.
PURE_LAYERS = (0, 1)
PURE_THIRD_PARTY = frozenset({"msgspec"})
INPUT_OUTPUT = (
    "asyncio",
    "concurrent",
    "ctypes",
    "ftplib",
    "glob",
    "http.client",
    "http.server",
    "mmap",
    "multiprocessing",
    "os",
    "pathlib.Path",
    "select",
    "selectors",
    "shutil",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "urllib.request",
)


@dataclass(frozen=True)
class Import:
    """One imported name, in full: ``safelight.errors.NotFound``, ``pyvips``, ``os.path``."""

    name: str
    line: int
    eager: bool  # done when the module is loaded, not when something in it is called

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


def imports_of(source: str, module: str, *, is_package: bool) -> Iterator[Import]:
    """List what a module imports; `module` is its full name, to resolve relative imports."""
    package = module.split(".") if is_package else module.split(".")[:-1]

    def walk(node: ast.AST, eager: bool) -> Iterator[Import]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, node.lineno, eager)
            case ast.ImportFrom(module=base, names=names, level=level):
                parts = package[: len(package) + 1 - level] if level else []
                parts = parts + (base.split(".") if base else [])
                for alias in names:
                    yield Import(".".join([*parts, alias.name]), node.lineno, eager)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield Import(name, node.lineno, eager)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                eager = False
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for statement in node.body:
                    yield from walk(statement, eager=False)
                for statement in node.orelse:
                    yield from walk(statement, eager)
                return
            case _:
                pass
        for child in ast.iter_child_nodes(node):
            yield from walk(child, eager)

    return walk(ast.parse(source), eager=True)


def unit_of(module: str) -> str:
    """Name the row of the table: ``safelight.engine.load`` -> ``engine``, the front -> ``""``."""
    return module.split(".")[1] if "." in module else ""


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Say, import by import, what a module may not do."""
    unit = unit_of(module)
    if unit and unit not in LAYERS:
        return [f"{module}: not in the table; give {unit!r} a layer in LAYERS of {__file__}"]
    found = [
        f"{module}:{item.line}: {fault}"
        for item in imports_of(source, module, is_package=is_package)
        if (fault := fault_of(item, unit))
    ]
    if LAYERS.get(unit) in PURE_LAYERS:
        found += [
            f"{module}:{node.lineno}: open() in layer {LAYERS[unit]}, which does no I/O"
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "open"
        ]
    return found


def fault_of(item: Import, unit: str) -> str | None:
    """Say what is wrong with one import in a module of `unit` ("" for the package's front)."""
    if item.top == "safelight":
        return fault_within(item, unit)
    if unit not in ONLY_IN.get(item.top, {unit}):
        return f"{item.top} may be imported only in {' and '.join(sorted(ONLY_IN[item.top]))}"
    if not unit:
        if item.eager and item.top not in sys.stdlib_module_names:
            return f"the front of the package must not load {item.top}"
        return None
    level = LAYERS[unit]
    if level in PURE_LAYERS:
        if item.top not in sys.stdlib_module_names | PURE_THIRD_PARTY:
            return f"layer {level} must not import {item.top}"
        if any(f"{item.name}.".startswith(f"{name}.") for name in INPUT_OUTPUT):
            return f"layer {level} does no I/O: {item.name}"
    return None


def fault_within(item: Import, unit: str) -> str | None:
    """Say what is wrong with an import of one part of Safelight in another."""
    target = unit_of(item.name)
    if target == unit:
        return None
    if target not in LAYERS:
        # `import safelight` and `from safelight import __version__` say nothing about layers.
        if not target or target.startswith("__"):
            return None
        return f"import {target!r} from its module (or give it a layer in LAYERS)"
    if not unit:
        if item.eager and LAYERS[target] not in PURE_LAYERS:
            return f"the front of the package must load {target} only when asked for it"
        return None
    if LAYERS[target] > LAYERS[unit]:
        return f"{unit} (layer {LAYERS[unit]}) imports {target} (layer {LAYERS[target]})"
    if frozenset({unit, target}) in STRANGERS:
        return f"{unit} and {target} must not know of each other"
    return None


def name_of(path: Path) -> str:
    parts = ("safelight", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = sorted(PACKAGE.rglob("*.py"))


def test_there_is_something_to_check() -> None:
    assert SOURCES, f"no source files under {PACKAGE}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    found = violations(
        path.read_text("utf-8"), name_of(path), is_package=path.name == "__init__.py"
    )
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines < MOST_LINES, f"{lines} lines: does it still hold one concern?"


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("service", "from safelight.config import load", "layer 4) imports config (layer 5)"),
        ("service", "def f():\n    import safelight.http", "imports http"),
        ("engine.load", "from safelight import workers", "imports workers"),
        ("engine.load", "from ..workers import Pool", "imports workers"),
        ("transform", "from . import engine", "imports engine"),
        (
            "params",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from safelight.operations import Operation",
            "imports operations",
        ),
        ("http", "from safelight.functions.aws import handler", "must not know"),
        ("functions.aws", "import safelight.http", "must not know"),
        ("workers", "import pyvips", "only in engine"),
        ("cli", "import importlib\nimportlib.import_module('pyvips')", "only in engine"),
        ("variants", "from obstore.store import LocalStore", "only in storage"),
        ("errors", "import attrs", "layer 0 must not import attrs"),
        ("dialects.native", "import starlette", "layer 1 must not import starlette"),
        ("svg", "import socket", "does no I/O"),
        ("limits", "from os import path", "does no I/O"),
        ("signing", "from pathlib import Path", "does no I/O"),
        ("signing", "def f(p):\n    return open(p).read()", "open() in layer 1"),
        ("service", "from safelight import render", "import 'render' from its module"),
        ("newcomer", "", "give 'newcomer' a layer in LAYERS"),
    ],
)
def test_the_check_finds(module: str, source: str, fault: str) -> None:
    found = violations(source, f"safelight.{module}")
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("config", "from safelight.service import ServiceSettings"),
        ("pipelines", "from safelight.service import render"),
        ("dialects.native", "from safelight.dialects import Dialect\nimport urllib.parse"),
        ("engine.load", "import pyvips\nfrom .probe import probe"),
        ("signing", "from pathlib import PurePosixPath\nfrom http import HTTPStatus"),
        ("http", "from safelight import __version__\nimport granian"),
        ("transform", "import msgspec"),
    ],
)
def test_the_check_lets_pass(module: str, source: str) -> None:
    assert violations(source, f"safelight.{module}") == []


def test_relative_imports_of_a_package_are_its_own() -> None:
    assert violations("from .native import NATIVE", "safelight.dialects", is_package=True) == []
    assert violations("from ..engine import run", "safelight.dialects", is_package=True)


def test_the_front_of_the_package_loads_what_is_light_and_only_that() -> None:
    def front(source: str) -> list[str]:
        return violations(source, "safelight", is_package=True)

    lazy = "def __getattr__(name):\n    from safelight.service import render\n    return render"
    assert front(lazy) == []
    assert front("from safelight.errors import SafelightError") == []
    assert front("from safelight.service import render")
    assert front("import msgspec")
