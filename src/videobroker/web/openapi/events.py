"""Events in the document: one union `Event` for the journal, the stream, and webhooks, with a schema for each type."""

import json
from typing import Any, Literal

from pydantic import BaseModel, Field

from videobroker.domain.events import EventType
from videobroker.web.http.schemas import Moment
from videobroker.web.openapi import schemas, walk
from videobroker.web.openapi.examples import example_of
from videobroker.web.openapi.walk import Json, pascal_case
from videobroker.web.v1.event_catalog import EVENT_MODELS
from videobroker.web.v1.events import EventOut
from videobroker.web.v1.visits import VisitOut

_EVENT = schemas.REF + "Event"
_DESCRIPTION = """\
An event of the journal. `type` determines the schema of `data`. New types can be added: clients must ignore events
whose type they do not know."""

HEADERS = {
    "webhook-id": ("The ID of the event: equal in every attempt.", "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20"),
    "webhook-timestamp": ("When the attempt was made, in seconds since 1970.", "1773324000"),
    "webhook-signature": (
        "Signatures of Standard Webhooks: `v1,` and Base64. Two, separated by a space, while a secret is rotated.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}
RESPONSES: Json = {
    "2XX": {"description": "The event was accepted. It is not sent again."},
    "410": {"description": "The endpoint is disabled, and receives no more events."},
    "4XX": {"description": "The event was not accepted. It is sent again, for more than a day."},
    "5XX": {
        "description": "The event was not accepted. It is sent again, for more than a day. `Retry-After` is honored."
    },
}
"""Of the receiver."""


class WebhookMessage(BaseModel):
    """The body of a webhook."""

    type: str = Field(description="The type of the event. Also in `data`.")
    timestamp: Moment = Field(description="When the event happened.")
    data: EventOut = Field(description="The event, as in `GET /v1/events`.")


class EventStreamItem(BaseModel):
    """A message of the stream of events, with the fields of server-sent events."""

    id: str = Field(description="The cursor of the event. Send it as `Last-Event-ID` to continue after this event.")
    event: EventType = Field(description="The type of the event.")
    data: EventOut = Field(description="The event, as JSON in one line.")


class VisitStreamItem(BaseModel):
    """A message of the stream of a visit, with the fields of server-sent events."""

    event: Literal["visit"] = Field(description="The only type of message.")
    data: VisitOut = Field(description="The visit, as JSON in one line.")


STREAMS: dict[str, type[BaseModel]] = {"streamEvents": EventStreamItem, "streamVisit": VisitStreamItem}
"""The messages of each stream, by operation ID."""


def add_union(document: Json) -> None:
    """Replace the schema of events of any type by a union of all types."""
    schemas.merge(document, [*EVENT_MODELS.values(), WebhookMessage, *STREAMS.values()])
    found = document["components"]["schemas"]
    listed = found[EventOut.__name__]
    found[EventOut.__name__] = {
        "description": _DESCRIPTION.replace("\n", " "),
        "oneOf": [{"$ref": schemas.REF + model.__name__} for model in EVENT_MODELS.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: schemas.REF + model.__name__ for name, model in EVENT_MODELS.items()},
        },
        "examples": listed["examples"],
    }


def add_webhooks(document: Json) -> None:
    """Describe the webhooks of the service, one for each type of event."""
    found = document["components"]["schemas"]
    for model in EVENT_MODELS.values():
        schema = found[model.__name__]
        schema["examples"] = [example_of(schema, found)]
    message = found[WebhookMessage.__name__]
    message["examples"] = [example_of(message, found)]
    document["webhooks"] = {name: {"post": _webhook(name, model, found)} for name, model in EVENT_MODELS.items()}
    parameters = document["components"].setdefault("parameters", {})
    for name, (description, example) in HEADERS.items():
        parameters[pascal_case(name)] = {
            "name": name,
            "in": "header",
            "required": True,
            "description": description,
            "schema": {"type": "string", "examples": [example]},
        }


def _webhook(name: str, model: type[BaseModel], found: Json) -> Json:
    event: dict[str, Any] = found[model.__name__]["examples"][0]
    return {
        "operationId": f"receive{model.__name__}",
        "summary": model.__doc__,
        "description": "Respond with any 2xx status within 15 seconds. To verify the signature, use a library for "
        "Standard Webhooks.",
        "tags": ["eventWebhooks"],
        "security": [],
        "parameters": [{"$ref": f"#/components/parameters/{pascal_case(header)}"} for header in HEADERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": schemas.REF + WebhookMessage.__name__},
                    "example": {"type": name, "timestamp": event["occurred_at"], "data": event},
                }
            },
        },
        "responses": RESPONSES,
    }


def describe_streams(document: Json) -> None:
    """Describe the messages of streams. OpenAPI 3.2 has `itemSchema` for this."""
    found = document["components"]["schemas"]
    for _, _, operation in walk.operations(document):
        if operation["operationId"] in STREAMS:
            name = STREAMS[operation["operationId"]].__name__
            example = example_of(found[name], found)
            found[name]["examples"] = [example]
            operation["responses"]["200"]["content"]["text/event-stream"] = {
                "schema": {
                    "type": "string",
                    "description": f"Server-sent events. Each message has the fields of `{name}`.",
                    "contentMediaType": "text/event-stream",
                    "contentSchema": {"$ref": schemas.REF + name},
                },
                "example": _as_server_sent_event(example),
            }


def _as_server_sent_event(item: Json) -> str:
    data = json.dumps(item["data"], separators=(",", ":"))
    return "".join(f"{field}: {data if field == 'data' else value}\n" for field, value in item.items()) + "\n"
