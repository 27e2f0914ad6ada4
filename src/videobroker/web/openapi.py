"""The OpenAPI document: what FastAPI generates from the routes, completed."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.web.http.problems import Problem, described

DESCRIPTION = """\
Create bookings and groups, check who can join, and get join credentials for 100ms and Agora.

Authenticate with an API key of the app. Errors are problem documents (RFC 9457) with a stable `code`. Times are in the
format of RFC 3339; responses use UTC. Lists have the form `{"data": [...], "next": cursor}`.

Request bodies are JSON in UTF-8: send `Content-Type: application/json`, another `application/*+json`, or no content
type. Compressed bodies are not supported. `HEAD` works for every `GET` operation, and `OPTIONS` returns the methods of
a path.

Every operation can also return the errors `malformed_request` (400: not valid HTTP, or not exactly one `Host`),
`method_not_allowed` (405), `request_timeout` (408: the head of the request took longer than 20 seconds, or its body
longer than 30), `request_head_too_large` (431: more than 64 KiB or 100 headers) and `internal_error` (500).
"""

TAGS = [
    {"name": "bookings", "description": "Sessions with a schedule and a status."},
    {"name": "groups", "description": "Sessions without a schedule, open while their video is on."},
    {"name": "visits", "description": "A session from the view of the person who opened a join link."},
    {"name": "calls", "description": "The actual meetings of a session, past and running."},
    {"name": "events", "description": "The journal: a log of everything that happened."},
    {"name": "webhookEndpoints", "description": "Webhook endpoints that receive events, and their deliveries."},
    {"name": "incomingWebhooks", "description": "Endpoints for the webhooks of the providers."},
    {"name": "legacyTutoring", "description": "Endpoints for existing clients of tutoring products."},
    {"name": "legacyGroups", "description": "Endpoints for existing clients of group chats."},
    {"name": "legacyAppointments", "description": "Endpoints for existing clients of appointment systems."},
    {"name": "legacyTherapy", "description": "Endpoints for existing clients of therapy products."},
    {"name": "operations", "description": "Health checks, metrics, and diagnostics for operators."},
]


def document(app: FastAPI) -> dict[str, Any]:
    """The document, generated once per application."""
    if app.openapi_schema is None:
        app.openapi_schema = _complete(
            get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                webhooks=app.webhooks.routes,
                tags=app.openapi_tags,
                license_info={"name": "MIT", "identifier": "MIT"},
                servers=[{"url": "/", "description": "This deployment"}],
            )
        )
    return app.openapi_schema


_RECEIVER_RESPONSES = {
    "2XX": {"description": "The event was accepted. It is not sent again."},
    "410": {"description": "The endpoint is disabled, and receives no more events."},
    "default": {
        "description": "The event was not accepted. It is sent again, for more than a day. `Retry-After` is honored."
    },
}


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    for webhook in document["webhooks"].values():
        # The responses of the receiver, instead of those that FastAPI generates.
        webhook["post"]["responses"] = _RECEIVER_RESPONSES
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, schema in Problem.model_json_schema(ref_template="#/components/schemas/{model}")["$defs"].items():
        schemas.setdefault(name, schema)
    schemas["Problem"] = {
        key: value
        for key, value in Problem.model_json_schema(ref_template="#/components/schemas/{model}").items()
        if key != "$defs"
    }
    # FastAPI drops nulls, also those that an example needs to match its schema.
    for shape in _shapes(BaseModel):
        if shape.__name__ in schemas and (extra := shape.model_config.get("json_schema_extra")):
            schemas[shape.__name__].update(extra)
    for schema in schemas.values():
        if "data" in schema.get("properties", ()) and "$ref" in schema["properties"]["data"].get("items", ()):
            item = schemas[schema["properties"]["data"]["items"]["$ref"].rpartition("/")[2]]
            cursor = {"next": None} if "next" in schema["properties"] else {}
            schema["examples"] = [{"data": item["examples"], **cursor}]
    for schema in _answers(document):
        if schema.get("type") == "array" and "$ref" in schema["items"]:
            schema["examples"] = [schemas[schema["items"]["$ref"].rpartition("/")[2]]["examples"]]
    _add_body_problems(document)
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for requirement in operation.get("security", ()):
            # Only API keys have scopes. What a user token may do depends on its user.
            requirement |= {name: [] for name in requirement if name == "userToken"}
    scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPE_DESCRIPTIONS.items())
    document["components"]["securitySchemes"]["apiKey"]["description"] += f"\n\nScopes:\n{scopes}"
    return document


def _add_body_problems(document: dict[str, Any]) -> None:
    problems = described("unsupported_media_type", "unsupported_content_encoding")
    for operation in (each for path in document["paths"].values() for each in path.values()):
        if "requestBody" in operation:
            operation["responses"] |= {str(status): answer for status, answer in problems.items()}


def _answers(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                yield content.get("schema", {})


def _shapes(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for shape in root.__subclasses__():
        if shape.__module__.startswith("videobroker.web"):
            yield shape
        yield from _shapes(shape)
