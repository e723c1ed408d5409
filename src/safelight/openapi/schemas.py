"""What a transform may hold, and what the service answers in JSON, as JSON Schema 2020-12."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from safelight.explain import default, further, values
from safelight.formats import FORMATS
from safelight.limits import Limits
from safelight.operations import OPERATIONS, Operation, Parameter, in_order
from safelight.picture import Analysis

Json: TypeAlias = dict[str, Any]

# Where the document keeps its schemas.
SCHEMAS = "#/components/schemas/"
PIXELS: Json = {"type": "integer", "minimum": 1}
TEXT: Json = {"type": "string"}
SWITCH: Json = {"type": "boolean"}


def within(schema: Json, most: float) -> Json:
    """Bound a number, where it is not bounded more narrowly."""
    return schema | {"maximum": min(schema["maximum"], most)}


def transform(limits: Limits) -> Json:
    """Describe a transform as an object: every parameter of every operation, by stage."""
    edge = limits.output_edge
    return {
        "type": "object",
        "description": "What is done to the image. The order of the names says nothing.",
        "properties": {
            parameter.name: _parameter_schema(operation, parameter, edge)
            for operation in in_order(OPERATIONS)
            for parameter in operation.parameters
        },
        "additionalProperties": False,
        "examples": [{"w": 800, "h": 600, "format": "webp"}],
    }


def _parameter_schema(operation: Operation, parameter: Parameter, edge: int) -> Json:
    schema = parameter.kind.schema()
    told = " ".join(filter(None, (operation.doc, further(operation))))
    if parameter.name in ("w", "h"):
        # No maximum: others among the parameters may make it less again.
        told = f"{told} At most {edge} px here, unless zoom or max_{parameter.name} make it less."
    described = schema | {
        "description": f"{parameter.name}: {values(parameter)}. {told}",
        "x-operation": operation.name,
        "x-stage": operation.stage.name.lower(),
        "x-cost": operation.cost,
        "x-full-pixels": operation.full,
    }
    if parameter.kind.aliases:
        described["x-aliases"] = list(parameter.kind.aliases)
    if (usual := default(parameter)) is not None:
        text = schema.get("type") == "string"
        described["default"] = usual if text else parameter.default
    return described


def info() -> Json:
    """Describe what is known of an image."""
    known: Json = {
        "key": TEXT,
        "width": PIXELS,
        "height": PIXELS,
        "format": {"type": "string", "enum": [format.name for format in FORMATS]},
        "type": TEXT,
        "bytes": {"type": "integer", "minimum": 1},
        "mode": TEXT,
        "bands": {"type": "integer", "minimum": 1},
        "depth": {"type": "integer", "enum": [8, 16, 32, 64]},
        "alpha": SWITCH,
        "palette": SWITCH,
        "progressive": SWITCH,
        "orientation": {"type": "integer", "minimum": 1, "maximum": 8},
        "pages": {"type": "integer", "minimum": 1},
        "profile": {"type": ["string", "null"]},
        "version": TEXT,
    }
    return {
        "type": "object",
        "description": "What is known of an image; width and height are as a viewer sees it.",
        "properties": known,
        "required": list(known),
        "anyOf": [{"$ref": f"{SCHEMAS}Analysis"}, {"not": {"required": ["blurhash"]}}],
    }


def analysis() -> Json:
    """Describe what a picture looks like, and the parts of that, by name."""
    _, described = msgspec.json.schema_components((Analysis,), ref_template=f"{SCHEMAS}{{name}}")
    # The end of a text has another name in the regular expressions of JSON Schema (ECMA-262).
    written = msgspec.json.encode(described).replace(rb"\\Z", b"$")
    schemas: Json = msgspec.json.decode(written)
    return schemas


def health() -> Json:
    """Describe what is told of the server's versions and formats."""
    names = {"type": "array", "items": TEXT}
    facts: Json = {
        "status": {"const": "alive"}, "safelight": TEXT, "python": TEXT, "libvips": TEXT,
        "reads": names, "writes": names,
    }  # fmt: skip
    return {"type": "object", "properties": facts, "required": ["status", "safelight", "python"]}


def ready() -> Json:
    """Describe whether requests can be served, and what stands against it."""
    return {
        "type": "object",
        "properties": {"ready": SWITCH},
        "required": ["ready"],
        "additionalProperties": TEXT,
    }
