"""Builds the document: FastAPI's, completed step by step."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.web.openapi import components, events, info, operations, schemas


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, built once per application."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    built = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info={"name": "MIT", "identifier": "MIT"},
        contact=info.CONTACT,
        servers=info.SERVERS,
    )
    schemas.add_models(built)
    events.add_union(built)
    schemas.rename(built)
    schemas.simplify(built)
    schemas.describe(built)
    schemas.add_examples(built)
    events.add_webhooks(built)
    events.describe_streams(built)
    operations.complete(built)
    components.share(built)
    components.remove_unused(built)
    _describe_scopes(built)
    return {key: built[key] for key in _ORDER if key in built}


_ORDER = ("openapi", "info", "servers", "tags", "paths", "webhooks", "components")


def _describe_scopes(built: dict[str, Any]) -> None:
    scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPE_DESCRIPTIONS.items())
    built["components"]["securitySchemes"]["apiKey"]["description"] += f"\n\nScopes:\n{scopes}"
