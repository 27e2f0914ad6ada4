"""The target of Agora's notifications."""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.control.routes import route
from videobroker.sandbox.json_body import optional_string, read_object, required_url
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import NotificationTarget

PATH = "/agora/notifications"


def notification_routes(state: SandboxState) -> list[Route]:
    """Routes that set and remove the target. The outbox shows its notifications."""

    def shown() -> Response:
        target = state.targets.notifications
        return JSONResponse({"url": target.url if target else None})

    async def show(_: Request) -> Response:
        return shown()

    async def set_target(request: Request) -> Response:
        body = await read_object(request)
        secret = optional_string(body, "secret") or state.config.agora.notifications_secret
        target = NotificationTarget(required_url(body, "url"), secret)
        state.set_targets(replace(state.targets, notifications=target))
        return shown()

    async def remove_target(_: Request) -> Response:
        state.set_targets(replace(state.targets, notifications=None))
        return shown()

    return [route("PUT", PATH, set_target), route("DELETE", PATH, remove_target), route("GET", PATH, show)]
