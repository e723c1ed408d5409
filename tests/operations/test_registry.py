import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

import safelight
from safelight import operations
from safelight.dialects import Grammar, native
from safelight.errors import TransformInvalid
from safelight.explain import lines
from safelight.limits import Limits
from safelight.operations import OPERATIONS, PARAMETERS, Stage, in_order
from safelight.operations.registry import operation
from safelight.params import Flag, Int
from safelight.plan import plan
from safelight.transform import Transform, parse

PACKAGE = Path(inspect.getfile(safelight)).parent

# A bare size is read as its two sides, and refused when it is too large: nobody else knows a name.
SIDES = {"w", "h"}
MAY_NAME = {
    "transform.py": SIDES,
    "limits.py": SIDES | {"dpr", "zoom", "max_w", "max_h"},
    "plan.py": set[str](),
    "dialects/__init__.py": set[str](),
    "dialects/grammar.py": set[str](),
    "dialects/native.py": set[str](),
    # Stored variants that others serve by their paths leave no choice of a format to a viewer.
    "config/reading.py": {"format"},
}


@pytest.fixture
def fresh_tables() -> Iterator[None]:
    """Put back what a test has registered."""
    tables: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (OPERATIONS, dict(OPERATIONS)),
        (PARAMETERS, dict(PARAMETERS)),
    ]
    yield
    for table, before in tables:
        table.clear()
        table.update(before)


def test_every_operation_is_described_in_a_module_of_operations() -> None:
    modules = {
        f"{operations.__name__}.{module.name}"
        for module in pkgutil.iter_modules(operations.__path__)
    }
    assert {op.apply.__module__ for op in OPERATIONS.values()} <= modules
    for module in modules:
        assert getattr(operations, module.rpartition(".")[2]) is importlib.import_module(module)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_line_of_documentation_a_cost_and_an_example(name: str) -> None:
    described = OPERATIONS[name]
    assert described.doc.endswith(".")
    assert 10 < len(described.doc) < 100
    assert described.cost >= 0
    example = parse(described.example)
    assert name in [step.name for step, _ in example.steps()]
    assert example.canonical == parse(example.canonical).canonical
    Limits().check_wish(example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_can_be_called_with_what_its_record_says(name: str) -> None:
    described = OPERATIONS[name]
    signature = inspect.signature(described.apply)
    assert list(signature.parameters)[1:] == [p.name for p in described.parameters]
    for parameter in described.parameters:
        assert PARAMETERS[parameter.name] is parameter
        assert parameter.operation == name
        assert signature.parameters[parameter.name].default == parameter.default


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_default_is_a_value_that_can_be_asked_for_or_says_that_nothing_is(name: str) -> None:
    parameter = PARAMETERS[name]
    if parameter.default not in (None, "", ()):
        written = parameter.kind.build(parameter.default)
        assert parameter.kind.parse(written) == parameter.default
        assert parse(f"{name}={written}") == Transform()


def test_every_name_in_an_address_means_one_thing() -> None:
    names = [*PARAMETERS, *(alias for p in PARAMETERS.values() for alias in p.kind.aliases)]
    assert len(names) == len(set(names))
    for name in names:
        assert name.isidentifier(), "it needs no escaping, and is no number"
        assert name.islower()


def test_operations_run_by_stage_whatever_their_order_in_the_text() -> None:
    names = list(OPERATIONS)
    assert in_order(names) == in_order(reversed(names)) == in_order([*names, *names])
    stages = [op.stage for op in in_order(names)]
    assert stages == sorted(stages)
    assert [op.name for op in in_order(["output", "resize", "crop", "rotate"])] == [
        "rotate",
        "crop",
        "resize",
        "output",
    ]


def test_operations_of_one_stage_run_in_the_order_of_their_declaration() -> None:
    oriented = [op.name for op in in_order(["flip", "rotate"])]
    assert oriented == ["rotate", "flip"]


def test_a_taken_name_is_refused_and_leaves_no_trace(fresh_tables: None) -> None:
    before = dict(OPERATIONS), dict(PARAMETERS)

    def crop(frame: Any) -> Any:
        """Do something else."""

    def shrink(frame: Any, *, w: Annotated[int | None, Int(1, 9)] = None) -> Any:
        """Do something else."""

    for function in (crop, shrink):
        with pytest.raises(TypeError, match="is taken"):
            operation(Stage.EFFECT, cost=1.0, example="w=1")(function)
    assert before == (OPERATIONS, PARAMETERS)


def test_a_new_operation_is_one_function(fresh_tables: None) -> None:
    @operation(Stage.EFFECT, cost=0.5, example="patina=50")
    def patina(
        frame: list[str],
        *,
        patina: Annotated[int | None, Int(0, 100)] = None,
        aged: Annotated[bool, Flag()] = False,
    ) -> list[str]:
        """Make it brown."""
        return [*frame, f"patina {patina} {aged}"]

    match = native.parse("800x600,aged,patina=50,f=png/cat.jpg", "", Grammar())
    assert match.transform == parse("format=png,aged=1,h=600,w=800,patina=50")
    assert native.parse(native.build("cat.jpg", match.transform)[1:], "", Grammar()) == match
    assert parse(match.transform.canonical) == match.transform
    assert [step.name for step, _ in match.transform.steps()] == ["resize", "patina", "output"]
    step, given = match.transform.steps()[1]
    assert step.apply([], **given) == ["patina 50 True"]
    assert "step 2     patina=50,aged=true" in list(lines(match.transform))
    assert plan(4_000, 3_000, match.transform).size == (800, 600)
    with pytest.raises(TransformInvalid, match=r"from 0 to 100 \(example: patina=50\)"):
        parse("patina=101")
    with pytest.raises(TransformInvalid, match="did you mean patina"):
        parse("patine")


@pytest.mark.parametrize("path", MAY_NAME)
def test_who_only_passes_arguments_on_names_none_of_them(path: str) -> None:
    tree = ast.parse((PACKAGE / path).read_text("utf-8"))
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    words |= {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        for keyword in node.keywords
        if keyword.arg and node.func.attr in ("of", "changed")
    }
    assert words & set(PARAMETERS) <= MAY_NAME[path]
