"""The query endpoints of Agora's REST API."""

from videobroker.sandbox.agora.channels import AgoraUser, Channel, Profile, UserRole
from videobroker.sandbox.agora.requests import AgoraError, AgoraRequest
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.state import SandboxState

MAX_LISTED_AUDIENCE = 10_000
COMMUNICATION_MODE, LIVE_MODE = 1, 2
COMMUNICATION_USER, HOST, AUDIENCE = 1, 2, 3


def channels(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """The channels with users, paginated."""
    number = request.number("page_no", 0, low=0, high=1_000_000)
    size = request.number("page_size", 100, low=1, high=500)
    everything = state.agora.channels()
    shown = everything[number * size : (number + 1) * size]
    listed = [{"channel_name": channel.name, "user_count": len(channel.users)} for channel in shown]
    return _success({"channels": listed, "total_size": len(everything)})


def users(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """The people in a channel."""
    if "hosts_only" in request.query:
        return hosts(state, request)
    channel = state.agora.channel(request.path["channel"])
    uids = [user.uid for user in channel.users]
    if not uids:
        return _success({"channel_exist": False})
    if channel.profile is Profile.COMMUNICATION:
        data = {"channel_exist": True, "mode": COMMUNICATION_MODE, "total": len(uids), "users": uids}
        return _success(data)
    audience = _of_role(channel, UserRole.AUDIENCE)
    return _success(
        {
            "channel_exist": True,
            "mode": LIVE_MODE,
            "broadcasters": _of_role(channel, UserRole.HOST),
            "audience": audience[:MAX_LISTED_AUDIENCE],
            "audience_total": len(audience),
        }
    )


def hosts(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """The hosts in a live channel."""
    channel = state.agora.channel(request.path["channel"])
    if not channel.users:
        return _success({"channel_exist": False})
    if channel.profile is Profile.COMMUNICATION:
        return _success({"channel_exist": True, "mode": COMMUNICATION_MODE})
    data = {"channel_exist": True, "mode": LIVE_MODE, "broadcasters": _of_role(channel, UserRole.HOST)}
    return _success(data)


def user(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """Whether a user is in a channel, and in which role."""
    uid = request.path["uid"]
    if not uid.isascii() or not uid.isdigit():
        raise AgoraError(400, "invalid uid")
    channel = state.agora.channel(request.path["channel"])
    found = channel.user(int(uid))
    if found is None:
        return _success({"in_channel": False})
    data = {
        "in_channel": True,
        "uid": found.uid,
        "join": int(found.joined_at.timestamp()),
        "role": _role_number(channel, found),
        "platform": found.platform,
    }
    return _success(data)


def _success(data: JsonObject) -> JsonObject:
    return {"success": True, "data": data}


def _of_role(channel: Channel, role: UserRole) -> list[int]:
    return [user.uid for user in channel.users if user.role is role]


def _role_number(channel: Channel, user: AgoraUser) -> int:
    if channel.profile is Profile.COMMUNICATION:
        return COMMUNICATION_USER
    return HOST if user.role is UserRole.HOST else AUDIENCE
