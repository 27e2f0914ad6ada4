"""Adds and removes users of Agora channels."""

import secrets

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.agora import users
from videobroker.sandbox.agora.channel_events import LeaveReason
from videobroker.sandbox.agora.channels import AgoraUser, Channel, Profile, UserRole
from videobroker.sandbox.control.routes import route
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import (
    JsonObject,
    optional_string,
    optional_whole_number,
    read_object,
    read_optional_object,
    required_string,
)
from videobroker.sandbox.state import SandboxState

MAX_UID = 2**32 - 1
WEB = 7
_MAX_CLIENT_TYPE = 999


def agora_routes(state: SandboxState) -> list[Route]:
    """Routes for users and channel profiles."""

    async def join(request: Request) -> Response:
        return JSONResponse(_joined(state, request.path_params["channel"], await read_object(request)))

    async def leave(request: Request) -> Response:
        channel = state.agora.channel(request.path_params["channel"])
        user = channel.user(request.path_params["uid"])
        if user is None:
            raise VendorError(404, "user not found")
        reason = await _reason(request)
        after = users.leave(state, channel, user, LeaveReason.NORMAL if reason is None else reason)
        return JSONResponse(_channel_as_json(after))

    async def show(request: Request) -> Response:
        return JSONResponse(_channel_as_json(state.agora.channel(request.path_params["channel"])))

    async def set_profile(request: Request) -> Response:
        channel, profile = state.agora.channel(request.path_params["channel"]), _profile(await read_object(request))
        if channel.users:
            raise VendorError(409, "the channel is not empty: all users of a channel have the same profile")
        changed = Channel(channel.name, profile)
        state.agora.store_channel(changed)
        return JSONResponse(_channel_as_json(changed))

    return [
        route("POST", "/agora/{channel}/users", join),
        route("DELETE", "/agora/{channel}/users/{uid:int}", leave),
        route("PUT", "/agora/{channel}/profile", set_profile),
        route("GET", "/agora/{channel}", show),
    ]


def _joined(state: SandboxState, name: str, body: JsonObject) -> JsonObject:
    wanted = optional_whole_number(body, "uid", low=0, high=MAX_UID) or 0
    default, _ = users.verify_join_token(state, name, wanted, required_string(body, "token"))
    platform = optional_whole_number(body, "platform", low=0, high=8)
    user = AgoraUser(
        # Assign a uid to a user without one.
        uid=wanted or secrets.randbelow(2**31 - 1) + 1,
        role=_role(body, default),
        platform=WEB if platform is None else platform,
        client_type=optional_whole_number(body, "client_type", low=0, high=_MAX_CLIENT_TYPE),
        ip=optional_string(body, "ip"),
        joined_at=state.now(),
    )
    users.require_not_banned(state, name, user)
    channel = users.join(state, name, user)
    return {"user": _user_as_json(user), "channel": _channel_as_json(channel)}


async def _reason(request: Request) -> int | None:
    # In the query, because some clients send no body with DELETE.
    text = request.query_params.get("reason", "")
    body = {"reason": int(text)} if text.isdecimal() else await read_optional_object(request)
    return optional_whole_number(body, "reason", low=0, high=_MAX_CLIENT_TYPE)


def _role(body: JsonObject, default: UserRole) -> UserRole:
    try:
        return UserRole(optional_string(body, "role") or default)
    except ValueError:
        raise VendorError(400, f"role must be one of {', '.join(UserRole)}") from None


def _profile(body: JsonObject) -> Profile:
    try:
        return Profile(required_string(body, "profile"))
    except ValueError:
        raise VendorError(400, f"profile must be one of {', '.join(Profile)}") from None


def _channel_as_json(channel: Channel) -> JsonObject:
    return {
        "channel": channel.name,
        "exists": bool(channel.users),
        "profile": channel.profile,
        "users": [_user_as_json(user) for user in channel.users],
    }


def _user_as_json(user: AgoraUser) -> JsonObject:
    return {
        "uid": user.uid,
        "role": user.role,
        "platform": user.platform,
        "client_type": user.client_type,
        "ip": user.ip,
        "joined": int(user.joined_at.timestamp()),
    }
