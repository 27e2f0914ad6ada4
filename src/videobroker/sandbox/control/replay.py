"""Selects events to replay."""

import uuid
from collections.abc import Iterable
from dataclasses import replace

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject, optional_string
from videobroker.sandbox.outbox import Outbox, Webhook, WebhookOrigin
from videobroker.sandbox.outbox.webhooks import OutboxEntry

_FIELDS = {"ids", "types", "room_id", "state", "new_ids"}


def selected_webhooks(outbox: Outbox, body: JsonObject) -> list[Webhook]:
    """Each event that matches `ids`, `types`, `room_id`, and `state`, once; `{}` selects all events.

    Raises `VendorError` (404) for an unknown ID. With `new_ids`, the replays have new IDs.
    """
    unknown = body.keys() - _FIELDS
    if unknown:
        raise VendorError(400, f"unknown field {min(unknown)}")
    ids, types = _strings(body, "ids"), _strings(body, "types")
    wanted = {"room_id": optional_string(body, "room_id"), "state": optional_string(body, "state")}
    known = _first_of_each_id(outbox.entries())
    if absent := (ids or set()) - known.keys():
        raise VendorError(404, f"no event {min(absent)}")
    chosen = [
        entry.webhook
        for entry in known.values()
        if (ids is None or entry.webhook.id in ids)
        # A duplicate with its own ID repeats an event: include it only if its ID is requested.
        and (ids is not None or entry.kind is WebhookOrigin.ORIGINAL)
        and (types is None or entry.webhook.type in types)
        and wanted["room_id"] in (None, entry.webhook.room_id)
        and wanted["state"] in (None, entry.state)
    ]
    return [replace(webhook, id=str(uuid.uuid4())) for webhook in chosen] if body.get("new_ids") else chosen


def _first_of_each_id(entries: Iterable[OutboxEntry]) -> dict[str, OutboxEntry]:
    first: dict[str, OutboxEntry] = {}
    for entry in entries:
        first.setdefault(entry.webhook.id, entry)
    return first


def _strings(body: JsonObject, field: str) -> set[str] | None:
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str | int) for each in value):
        raise VendorError(400, f"{field} must be a list")
    return {str(each) for each in value}
