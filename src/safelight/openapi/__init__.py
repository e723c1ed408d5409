"""The service as OpenAPI 3.1 describes it; its schemas are JSON Schema 2020-12.

What a transform may hold is read from the records of the operations, which formats there are from
their table, what may go wrong from the tree of errors: nothing of that is written here again.
"""

from __future__ import annotations

from safelight import __version__
from safelight.dialects import Grammar
from safelight.formats import BY_NAME, WRITABLE
from safelight.limits import Limits
from safelight.openapi import events, problems, purging, schemas
from safelight.openapi.schemas import TEXT, Json, within
from safelight.operations import PARAMETERS


def document(
    grammar: Grammar, *, root: str = "", limits: Limits | None = None, purgeable: bool = False
) -> Json:
    """Describe the service with its presets and ``limits``; ``root`` is where it is mounted.

    ``purgeable``: whether variants may be removed, for which there is an admin key.
    """
    limits = limits or Limits()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Safelight",
            "version": __version__,
            "summary": "Variants of images, by their address",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root or "/"}],
        "paths": _paths(grammar, limits) | (purging.doors(_key("key")) if purgeable else {}),
        "components": {
            "schemas": {
                "Transform": schemas.transform(limits),
                "Info": schemas.info(),
                **schemas.analysis(),
                **problems.schemas(),
            },
            "responses": problems.responses(),
            "headers": _headers(),
            **({"securitySchemes": purging.schemes()} if purgeable else {}),
        },
    }


# Addresses.


def _paths(grammar: Grammar, limits: Limits) -> Json:
    edge = limits.output_edge
    return {
        "/{transform}/{key}": _pictures(
            "variant",
            "The variant that a transform makes of an image",
            "Instead of w and h a bare size may be given (800x600, 800x, x600), instead of a switch"
            " its bare name, instead of what a preset sets its name: /800x600,thumb/cat.jpg. "
            + _presets(grammar),
            [_transform_parameter(), _key("key")],
        ),
        "/pic/{width}/{name}": _pictures(
            "picWidth",
            "An image by the width of the screen",
            "Proportional, never larger than the image is.",
            [_in_path("width", _pixels("w", edge), "Pixels."), _key("name")],
        ),
        "/pic/{name}": _pictures(
            "pic", "An image as it is, in fewer bytes", "Encoded anew.", [_key("name")]
        ),
        "/picture/{path}": _pictures(
            "picture",
            "An image fitted into a box",
            "Never enlarged, never cropped.",
            [
                _key("path"),
                _in_query("scalex", _side(edge), "The width of the box in pixels."),
                _in_query("scaley", _side(edge), "The height of the box in pixels."),
                _in_query("encoding", PARAMETERS["format"].kind.schema(), "The format."),
            ],
        ),
        "/resize": {"post": _resize(limits)},
        "/events": events.door(),
        "/info/{key}": _read(_info()),
        "/healthz": _read(
            {
                "operationId": "health",
                "summary": "That the server is alive, with versions and formats",
                "responses": {"200": _json("Alive.", schemas.health()), "default": problems.ANY},
            }
        ),
        "/readyz": _read(
            {
                "operationId": "ready",
                "summary": "Whether requests can be served",
                "responses": {
                    "200": _json("Ready.", schemas.ready()),
                    "503": _json("Not ready, with the faults by part.", schemas.ready()),
                    "default": problems.ANY,
                },
            }
        ),
        "/metrics": _read(
            {
                "operationId": "metrics",
                "summary": "What is counted, for Prometheus, where it is on",
                "responses": {
                    "200": {"description": "Its text format.", "content": {"text/plain": {}}},
                    **problems.answers(404),
                    "default": problems.ANY,
                },
            }
        ),
        "/openapi.json": _read(
            {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {
                    "200": _json("OpenAPI 3.1.", {"type": "object"}),
                    "default": problems.ANY,
                },
            }
        ),
    }


def _presets(grammar: Grammar) -> str:
    if not grammar.presets:
        return "There are no presets here."
    told = "; ".join(f"{name} ({preset.canonical})" for name, preset in grammar.presets.items())
    return f"The presets here: {told}."


def _pictures(operation_id: str, summary: str, description: str, parameters: list[Json]) -> Json:
    return _read(
        {
            "operationId": operation_id,
            "summary": summary,
            "description": description,
            "parameters": parameters,
            "responses": {
                "200": {"description": "The picture.", "headers": _picture_headers(), **_image()},
                "206": {"description": "The part of it that was asked for.", **_image()},
                "304": {"description": "The viewer has it.", "headers": _picture_headers()},
                **problems.answers(400, 403, 404, 405, 413, 414, 415, 416, 422, 500, 503, 504),
                "default": problems.ANY,
            },
        }
    )


def _resize(limits: Limits) -> Json:
    width, height = (_pixels(name, limits.output_edge) for name in ("w", "h"))
    quality = PARAMETERS["quality"].kind.schema()
    return {
        "operationId": "resize",
        "summary": "The image of the body as a JPEG fitted into a box",
        "description": "Never enlarged, never cropped. Nothing is stored.",
        "parameters": [
            _in_query("width", width | {"default": 300}, "The width of the box in pixels."),
            _in_query("height", height | {"default": 300}, "The height of the box in pixels."),
            _in_query("quality", quality | {"default": 85}, "1 to 100."),
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {limits.source_bytes} bytes and {limits.source_pixels} px.",
            "content": {"image/*": {}},
        },
        "responses": {
            "200": {
                "description": "The picture.",
                "content": {BY_NAME["jpeg"].mime: {}},
                "headers": {
                    "X-Original-Size": _header("Width x height of the body's image in px."),
                    "X-Resized-Size": _header("Width x height of the answer in px."),
                },
            },
            **problems.answers(400, 403, 405, 408, 413, 414, 415, 422, 500, 503, 504),
            "default": problems.ANY,
        },
    }


def _info() -> Json:
    return {
        "operationId": "info",
        "summary": "What is known of an image, without decoding it",
        "parameters": [
            _key("key"),
            _in_query(
                "analyse",
                TEXT,
                "Given with any value or none: also placeholders, colours and a perceptual hash.",
            ),
        ],
        "responses": {
            "200": _json("What is known.", {"$ref": "#/components/schemas/Info"}),
            **problems.answers(400, 403, 404, 405, 413, 414, 415, 422, 500, 503, 504),
            "default": problems.ANY,
        },
    }


def _read(operation: Json) -> Json:
    """Describe GET, and HEAD, which is the same without the body."""
    head = operation | {
        "operationId": f"{operation['operationId']}Head",
        "responses": {
            status: {name: part for name, part in response.items() if name != "content"}
            if "$ref" not in response
            else {"description": "As GET answers, without the body."}
            for status, response in operation["responses"].items()
        },
    }
    return {"get": operation, "head": head}


def _in_path(name: str, schema: Json, description: str) -> Json:
    return {
        "name": name, "in": "path", "required": True, "schema": schema, "description": description,
    }  # fmt: skip


def _in_query(name: str, schema: Json, description: str) -> Json:
    """Describe a value of the query; an empty one is as good as none."""
    asked = {"anyOf": [schema, {"const": ""}]}
    return {"name": name, "in": "query", "schema": asked, "description": description}


def _key(name: str) -> Json:
    schema = {"type": "string", "minLength": 1, "examples": ["cats/tabby.jpg"]}
    return _in_path(name, schema, "The key of the image; its slashes may stand as they are.")


def _transform_parameter() -> Json:
    return {
        **_in_path(
            "transform",
            {"$ref": "#/components/schemas/Transform"},
            "name=value pairs, separated by commas; `original` changes nothing.",
        ),
        # An object so written is exactly what the address holds: w=800,h=600,format=webp.
        "style": "simple",
        "explode": True,
        "example": {"w": 800, "h": 600, "format": "webp"},
    }


def _side(edge: int) -> Json:
    return within({"type": "number", "minimum": 0.5, "maximum": 65_535}, edge)


def _pixels(name: str, edge: int) -> Json:
    return within(PARAMETERS[name].kind.schema(), edge)


# Answers.


def _image() -> Json:
    return {"content": {format.mime: {} for format in WRITABLE}}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _header(description: str, schema: Json = TEXT) -> Json:
    return {"description": description, "schema": schema}


def _headers() -> Json:
    return {
        "ETag": _header("Strong: names the variant of this version of the image."),
        "Cache-Control": _header("How long it may be kept."),
        "Vary": _header("Present when the format was negotiated."),
        "Retry-After": _header("Seconds to wait.", {"type": "integer", "minimum": 1}),
    }


def _picture_headers() -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("ETag", "Cache-Control")}
