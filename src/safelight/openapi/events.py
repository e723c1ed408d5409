"""The door for events, as OpenAPI describes it."""

from __future__ import annotations

from safelight.openapi import problems
from safelight.openapi.schemas import TEXT, Json

_DESCRIPTION = (
    "Takes what AWS, Azure, Google Cloud, MinIO, RustFS, Ceph and versitygw send, and"
    ' {"created": key} or {"removed": key}. It wants the token of the settings as a bearer or in'
    " the query, or X-Safelight-Signature: sha256= and the HMAC-SHA256 of the body. The answer"
    " comes when outputs are written."
)


def door() -> Json:
    """Describe what is done with ``/events``."""
    token: Json = {
        "name": "token", "in": "query", "schema": TEXT,
        "description": "For who can set no header.",
    }  # fmt: skip
    common: Json = {"parameters": [token]}
    refused = {**problems.answers(403, 404), "default": problems.ANY}
    return {
        "post": common
        | {
            "operationId": "events",
            "summary": "That objects were created or removed",
            "description": _DESCRIPTION,
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
            "responses": {
                "200": {
                    "description": "Everything is done, or there was nothing to do.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                **problems.answers(400, 403, 404, 405, 408, 413, 414, 500, 503, 504),
                "default": problems.ANY,
            },
        },
        "options": common
        | {
            "operationId": "eventsHandshake",
            "summary": "Whether a sender may send here, as CloudEvents asks",
            "responses": {"200": {"description": "It may."}, **refused},
        },
        "head": {
            "operationId": "eventsProbe",
            "summary": "Whether somebody hears of events here",
            "responses": {"200": {"description": "Somebody does."}, "default": {
                "description": "Nobody does."}},
        },
    }  # fmt: skip
