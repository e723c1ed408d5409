"""The door through which variants are removed, as OpenAPI describes it."""

from __future__ import annotations

from safelight.openapi import problems
from safelight.openapi.schemas import TEXT, Json

# Its name among the security schemes.
_KEY = "adminKey"


def doors(key: Json) -> Json:
    """Describe what is done with ``/purge``; ``key`` is the parameter that names an image."""
    only = " Nothing else may be asked with it."
    chosen: list[Json] = [
        _in_query("prefix", TEXT | {"minLength": 1}, f"Of all whose keys begin so.{only}"),
        _in_query("preset", TEXT | {"minLength": 1}, f"What a preset has made.{only}"),
        _in_query("all", {"const": "1"}, f"All of them.{only}"),
    ]
    return {
        "/purge": {
            "delete": {
                "operationId": "purge",
                "summary": "Remove stored variants by prefix, by preset, or all",
                "parameters": chosen,
                **_answered(),
            }
        },
        "/purge/{key}": {
            "delete": {
                "operationId": "purgeKey",
                "summary": "Remove the stored variants of an image",
                "parameters": [key],
                **_answered(),
            }
        },
    }


def schemes() -> Json:
    """Describe what it asks for."""
    told = "The admin key of the settings."
    return {_KEY: {"type": "http", "scheme": "bearer", "description": told}}


def _answered() -> Json:
    facts: Json = {"removed": {"type": "integer", "minimum": 0}, "cdn": TEXT}
    schema: Json = {"type": "object", "properties": facts, "required": list(facts)}
    return {
        "security": [{_KEY: []}],
        "responses": {
            "200": {
                "description": "They are gone, and the CDN that is named was told.",
                "content": {"application/json": {"schema": schema}},
            },
            **problems.answers(400, 403, 404, 405, 414, 500, 503),
            "default": problems.ANY,
        },
    }


def _in_query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}
