"""The OpenAPI document: what FastAPI finds out by itself, with our errors in place of its own."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from geo_service.api.access import SESSION_COOKIE
from geo_service.api.operation_words import with_words
from geo_service.api.problems import MEDIA_TYPE
from geo_service.api.routing import GuardedRoute

_TEXT = {"type": "string"}
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem details; /problems/{code} explains each type.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {
            **_TEXT,
            "description": "Address of the type's description",
            "examples": ["/problems/invalid-input"],
        },
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "detail_zh": {**_TEXT, "description": "The same in Chinese, where a planner may meet it"},
        "instance": {**_TEXT, "description": "The occurrence: the request's id, as in X-Request-ID"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": _TEXT,
                    "message": _TEXT,
                    "message_zh": {
                        **_TEXT,
                        "description": "The same in Chinese, where a planner may meet it",
                    },
                    "row": {"type": "integer", "description": "1-based row or feature"},
                    "value": {},
                    "place": {
                        "type": "array",
                        "items": {"type": "number"},
                        "minItems": 2,
                        "maxItems": 2,
                        "description": "lon, lat in EPSG:4326 degrees",
                    },
                },
            },
        },
        "errors_left_out": {"type": "integer", "description": "How many more there are than listed"},
    },
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `gsk_...`"},
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key: `gsk_...`",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "From /sign-in"},
}
_WHEN = {
    "400": "Malformed: an unknown parameter, a value that does not fit, broken JSON",
    "401": "No key, or one that is not known",
    "403": "The key's role does not allow it",
    "404": "There is no such thing",
    "413": "The body is too large",
    "422": "The body is well-formed but wrong; every fault is listed",
    "429": "Too many unknown keys from this address",
    "default": "Any other error",
}


def install(app: FastAPI) -> None:
    """Have the application describe itself, built at the first call."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            app.openapi_schema = with_problems(with_access(with_words(document), app))
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # the documented way to extend it


def with_access(document: dict[str, Any], app: FastAPI) -> dict[str, Any]:
    """Say of each operation whether it wants credentials, and which roles it takes."""
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, GuardedRoute) or not route.include_in_schema or route.access.public:
            continue
        access = route.access
        for method in context.methods or ():
            operation = document["paths"][context.path_format][method.lower()]
            operation["security"] = [{name: []} for name in _SCHEMES]
            if access.readable:
                operation["security"].append({})  # where maps are open
            operation["x-roles"] = sorted(access.takes)
    return document


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Put our problem details in the place of FastAPI's validation errors, for each operation."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = _PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{code.capitalize()}": {"description": words, "content": content}
        for code, words in _WHEN.items()
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for code in _problems_of(path, operation):
                operation["responses"][code] = {"$ref": f"#/components/responses/Problem{code.capitalize()}"}
    return document


def _problems_of(path: str, operation: dict[str, Any]) -> list[str]:
    codes = ["400", "default"]
    if operation.get("security"):
        codes += ["401", "403", "429"]
    if "{" in path:
        codes.append("404")
    if "requestBody" in operation:
        codes += ["413", "422"]
    elif "422" in operation["responses"]:
        del operation["responses"]["422"]  # faults of parameters alone are 400
    return sorted(codes)
