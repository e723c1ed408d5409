"""What may go wrong, as OpenAPI describes it: read from the tree of errors."""

from __future__ import annotations

from collections.abc import Iterator

from safelight.errors import SafelightError, SettingError
from safelight.openapi.schemas import SWITCH, TEXT, Json

ANY: Json = {"$ref": "#/components/responses/Problem"}


def _errors(root: type[SafelightError] = SafelightError) -> Iterator[type[SafelightError]]:
    """Walk the tree of what a request may be answered with."""
    if root is not SettingError:
        yield root
        for kind in root.__subclasses__():
            yield from _errors(kind)


def _by_status() -> dict[int, list[type[SafelightError]]]:
    found: dict[int, list[type[SafelightError]]] = {}
    for error in _errors():
        found.setdefault(error.status, []).append(error)
    return dict(sorted(found.items()))


def answers(*statuses: int) -> Json:
    """Refer to the responses of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def schemas() -> Json:
    """Describe RFC 9457's problem details, and for each status the codes that it comes with."""
    facts: Json = {
        "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "code": _code(*_errors()),
        "detail": TEXT | {"description": "What is wrong and what to do."}, "retryable": SWITCH,
        "request_id": TEXT | {"description": "The X-Request-Id, under which the log has it."},
    }  # fmt: skip
    schemas: Json = {"Problem": {"type": "object", "properties": facts, "required": list(facts)}}
    for status, errors in _by_status().items():
        narrowed = {"status": {"const": status}, "code": _code(*errors)}
        schemas[f"Problem{status}"] = {
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": narrowed,
        }
    return schemas


def _code(*errors: type[SafelightError]) -> Json:
    return {"type": "string", "enum": [error.code for error in errors]}


def responses() -> Json:
    """Describe a response for each status, and one for any."""
    responses = {"Problem": _problem("Something else that is told in the same form.", "Problem")}
    for status, errors in _by_status().items():
        told = "; ".join(f"{error.code}: {error.title}" for error in errors)
        responses[str(status)] = _problem(f"{told}.", f"Problem{status}")
        if any(error.retry_after_seconds for error in errors):
            waiting = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
            responses[str(status)]["headers"] = waiting
    return responses


def _problem(description: str, schema: str) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}
