"""The document at ``/openapi.json``: valid, whole, and true."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from safelight import errors
from safelight.dialects import DIALECTS, Grammar, native
from safelight.limits import Limits
from safelight.openapi import document
from safelight.openapi.schemas import transform
from safelight.operations import OPERATIONS, PARAMETERS, Parameter
from safelight.picture import Analysis, Header, Swatch
from safelight.service import Info
from safelight.transform import Transform, parse
from safelight.web.responses import described
from tests.support.strategies import transforms, values

DOCUMENT = document(Grammar({"thumb": parse("300x300")}), root="/images", purgeable=True)
SCHEMAS = DOCUMENT["components"]["schemas"]
INFO = Info(
    "cats/tabby.jpg", "v1", 1_000,
    Header(
        format="jpeg", width=1200, height=800, bands=3, depth=1, pages=1, orientation=6,
        alpha=False, palette=False, space="srgb", profile=None, buffered=False, coefficients=3,
        scans=1,
    ),
)  # fmt: skip
LOOKS = Analysis(
    "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "data:image/webp;base64,UklGRg==", "#1a2b3c", (Swatch("#1a2b3c", 1.0),), "f0e1d2c3b4a59687",
    transparent=False, drawn=False,
)  # fmt: skip


def faults(instance: Any, name: str) -> list[str]:
    """Say what is wrong with an instance of one of the document's schemas."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(instance)]


def as_json(parameter: Parameter, value: Any) -> Any:
    """Give a value as it stands in an object that is a transform."""
    number = isinstance(value, bool | int | float)
    return value if number and not is_text(parameter) else parameter.kind.build(value)


def is_text(parameter: Parameter) -> bool:
    return parameter.kind.schema().get("type") == "string"


def test_the_document_is_openapi() -> None:
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)
    validate(document(Grammar()), cls=OpenAPIV31SpecValidator)


def test_the_validator_finds_faults() -> None:
    broken = DOCUMENT | {"paths": {"/{key}": {"get": {"responses": {}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_the_document_says_where_it_is_mounted_and_which_presets_there_are() -> None:
    assert DOCUMENT["servers"] == [{"url": "/images"}]
    assert document(Grammar())["servers"] == [{"url": "/"}]
    told = DOCUMENT["paths"]["/{transform}/{key}"]["get"]["description"]
    assert "thumb (w=300,h=300)" in told


def test_every_address_is_there() -> None:
    first = {path.split("/")[1] for path in DOCUMENT["paths"]}
    assert first == {
        "{transform}",
        *DIALECTS,
        "resize",
        "events",
        "purge",
        "info",
        "healthz",
        "readyz",
        "metrics",
        "openapi.json",
    }


def test_who_removes_something_needs_the_admin_key() -> None:
    doors = [DOCUMENT["paths"][path]["delete"] for path in ("/purge", "/purge/{key}")]
    assert all(door["security"] == [{"adminKey": []}] for door in doors)
    assert DOCUMENT["components"]["securitySchemes"]["adminKey"]["scheme"] == "bearer"
    without = document(Grammar())
    assert not [path for path in without["paths"] if path.startswith("/purge")]
    assert "securitySchemes" not in without["components"]


def test_no_side_is_longer_than_the_limits_allow() -> None:
    paths = document(Grammar(), limits=Limits(output_edge=2_000, source_bytes=12_345))["paths"]
    resize = paths["/resize"]["post"]
    sides = {
        parameter["name"]: parameter["schema"]
        for item in paths.values()
        for operation in item.values()
        for parameter in operation.get("parameters", ())
    }
    for name in ("width", "height", "scalex", "scaley"):
        schema = sides[name]
        # In a query an empty value is as good as none.
        assert schema.get("anyOf", [schema])[0]["maximum"] == 2_000
    assert "12345 bytes" in resize["requestBody"]["description"]
    properties = transform(Limits(output_edge=2_000))["properties"]
    for name in ("w", "h"):
        assert "At most 2000 px" in properties[name]["description"]
        # With zoom=0.5 it is no more than that.
        assert properties[name]["maximum"] > 2_000


def test_every_name_in_braces_is_a_parameter_and_no_operation_has_two() -> None:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            named = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
            assert named == re.findall(r"{(\w+)}", path)
    ids = [o["operationId"] for item in DOCUMENT["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))


def test_every_parameter_of_every_operation_is_described() -> None:
    properties = SCHEMAS["Transform"]["properties"]
    assert sorted(properties) == sorted(PARAMETERS)
    for name, schema in properties.items():
        operation = OPERATIONS[PARAMETERS[name].operation]
        assert operation.doc in schema["description"]
        assert (schema["x-operation"], schema["x-cost"]) == (operation.name, operation.cost)
        assert schema.get("x-aliases", []) == list(PARAMETERS[name].kind.aliases)


@pytest.mark.parametrize("name", PARAMETERS)
@given(data=st.data())
def test_a_schema_takes_every_value_that_an_address_can_hold(
    name: str, data: st.DataObject
) -> None:
    parameter = PARAMETERS[name]
    value = data.draw(values(parameter.kind))
    schema = transform(Limits())["properties"][name]
    assert not list(Draft202012Validator(schema).iter_errors(as_json(parameter, value)))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_schema_takes_its_default_and_nothing_that_is_none(name: str) -> None:
    validator = Draft202012Validator(SCHEMAS["Transform"]["properties"][name])
    if "default" in validator.schema:
        assert validator.is_valid(validator.schema["default"])
    nothings: list[Any] = [None, [], {}, ""]
    assert not any(validator.is_valid(nothing) for nothing in nothings)


@given(transforms())
def test_a_transform_as_an_object_is_its_address(wanted: Transform) -> None:
    instance = {name: as_json(PARAMETERS[name], value) for name, value in wanted.arguments}
    assert faults(instance, "Transform") == []
    assert faults(instance | {"nonsense": 1}, "Transform")
    # RFC 6570's {transform*}, which is OpenAPI's style "simple", exploded.
    style = DOCUMENT["paths"]["/{transform}/{key}"]["get"]["parameters"][0]
    assert (style["style"], style["explode"]) == ("simple", True)
    found = native.parse(native.build("a.jpg", wanted)[1:], "", Grammar())
    assert found.transform == wanted


def test_every_code_is_in_the_answer_of_its_status() -> None:
    pending: list[type[errors.SafelightError]] = [errors.SafelightError]
    seen = set()
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        # A wrong setting stops the start: no request is answered with it.
        if kind is errors.SettingError:
            continue
        seen.add(kind.code)
        problem = {
            "type": "about:blank", "title": kind.title, "status": kind.status, "code": kind.code,
            "detail": "…", "retryable": kind.retryable, "request_id": "7f3a-1",
        }  # fmt: skip
        assert faults(problem, f"Problem{kind.status}") == []
        assert faults(problem | {"code": "nonsense"}, f"Problem{kind.status}")
        told = DOCUMENT["components"]["responses"][str(kind.status)]["description"]
        assert f"{kind.code}: {kind.title}" in told
    assert seen == set(SCHEMAS["Problem"]["properties"]["code"]["enum"])


def test_what_is_told_of_an_image_is_as_described() -> None:
    assert faults(described(INFO), "Info") == []
    facts = described(Info(INFO.key, INFO.version, INFO.size, INFO.header, LOOKS))
    facts["colors"] = list(facts["colors"])
    assert faults(facts, "Info") == []
    assert faults(facts | {"phash": 7}, "Info")
    assert faults({n: v for n, v in facts.items() if n != "width"}, "Info")
