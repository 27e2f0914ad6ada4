"""The webhook target, and the outbox with its switches."""

from collections.abc import Iterator
from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.control.replay import selected_webhooks
from videobroker.sandbox.control.routes import route
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import (
    JsonObject,
    optional_seconds,
    optional_string,
    read_object,
    read_optional_object,
    required_url,
)
from videobroker.sandbox.outbox import Outbox, read_behavior
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import WebhookTarget


def outbox_routes(state: SandboxState, outbox: Outbox) -> list[Route]:
    """Routes for the target of 100ms webhooks, and for the outbox of both vendors."""
    return [
        *_target_routes(state, outbox),
        *_behavior_routes(outbox),
        *_sending_routes(outbox),
    ]


def _target_routes(state: SandboxState, outbox: Outbox) -> list[Route]:
    async def set_target(request: Request) -> Response:
        target = _target(await read_object(request))
        state.set_targets(replace(state.targets, webhook=target))
        return JSONResponse({"url": target.url})

    async def remove_target(_: Request) -> Response:
        state.set_targets(replace(state.targets, webhook=None))
        return JSONResponse({"url": None})

    async def show(request: Request) -> Response:
        target = state.targets.webhook
        shown = {"url": target.url if target else None, "delayed": outbox.pending}
        return JSONResponse(shown | {"events": list(_shown(outbox, request))})

    return [
        route("PUT", "/webhooks", set_target),
        route("DELETE", "/webhooks", remove_target),
        route("GET", "/webhooks", show),
    ]


def _behavior_routes(outbox: Outbox) -> list[Route]:
    async def show(_: Request) -> Response:
        return JSONResponse(outbox.behavior.as_json())

    async def set_behavior(request: Request) -> Response:
        outbox.set_behavior(read_behavior(await read_object(request), outbox.default_behavior))
        return await show(request)

    async def reset(request: Request) -> Response:
        outbox.set_behavior(outbox.default_behavior)
        return await show(request)

    return [
        route("PUT", "/webhooks/behaviour", set_behavior),
        route("DELETE", "/webhooks/behaviour", reset),
        route("GET", "/webhooks/behaviour", show),
    ]


def _sending_routes(outbox: Outbox) -> list[Route]:
    async def flush(request: Request) -> Response:
        timeout = optional_seconds(await read_optional_object(request), "timeout_seconds", 10)
        outbox.release()
        if not await outbox.settle(timeout):
            raise VendorError(504, "events are still pending")
        return JSONResponse({"pending": 0})

    async def replay(request: Request) -> Response:
        entries = outbox.resend(selected_webhooks(outbox, await read_object(request)))
        return JSONResponse({"events": [entry.as_json() for entry in entries]})

    async def clear_outbox(_: Request) -> Response:
        await outbox.clear()
        return JSONResponse({"events": []})

    return [
        route("POST", "/webhooks/flush", flush),
        route("POST", "/webhooks/replay", replay),
        route("DELETE", "/webhooks/outbox", clear_outbox),
    ]


def _shown(outbox: Outbox, request: Request) -> Iterator[JsonObject]:
    wanted = request.query_params
    for entry in outbox.entries():
        shown = entry.as_json()
        if all(wanted.get(field, shown[field]) == shown[field] for field in ("id", "type", "room_id", "state")):
            yield shown


def _target(body: JsonObject) -> WebhookTarget:
    headers = {} if body.get("headers") is None else body["headers"]
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise VendorError(400, "Invalid body param", "Invalid body param: headers must be an object of strings")
    return WebhookTarget(
        url=required_url(body, "url"), headers=headers, signing_secret=optional_string(body, "signing_secret")
    )
