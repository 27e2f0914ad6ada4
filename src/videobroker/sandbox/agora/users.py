"""Users who join and leave Agora channels, with notifications."""

from datetime import datetime

from videobroker.sandbox.agora import channel_events
from videobroker.sandbox.agora.channel_events import LeaveReason
from videobroker.sandbox.agora.channels import AgoraUser, Channel, KickingRule, UserRole
from videobroker.sandbox.agora.tokens import PUBLISH_AUDIO, InvalidAgoraToken, check_token, join_expiry
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.state import SandboxState


def verify_join_token(state: SandboxState, channel_name: str, uid: int, token: str) -> tuple[UserRole, datetime]:
    """The role that a token grants, and its expiry. Raises `VendorError` (401) if the token is invalid."""
    project = state.config.agora
    try:
        grant = check_token(token, project.app_id, project.app_certificate, channel_name, uid, state.now())
    except InvalidAgoraToken as refused:
        raise VendorError(401, str(refused)) from None
    role = UserRole.HOST if PUBLISH_AUDIO in grant.privileges else UserRole.AUDIENCE
    return role, join_expiry(token, grant)


def require_not_banned(state: SandboxState, channel_name: str, user: AgoraUser) -> None:
    """Raise `VendorError` (403) if a kicking rule blocks the user."""
    if any(rule.blocks(channel_name, user.uid, user.ip) for rule in state.agora.rules(state.now())):
        raise VendorError(403, "banned by a kicking rule")


def join(state: SandboxState, channel_name: str, user: AgoraUser) -> Channel:
    """Add a user to a channel. A user with the same uid is removed from it."""
    channel = state.agora.channel(channel_name)
    if not channel.users:
        state.agora.emit(channel_events.channel_created(channel, state.now()))
    if (other := channel.user(user.uid)) is not None:
        channel = channel.without(other)
        _send_left(state, channel, other, LeaveReason.OTHER_DEVICE)
    channel = channel.with_user(user)
    state.agora.store_channel(channel)
    state.agora.emit(channel_events.joined(channel, user, state.agora.next_sequence(state.now())))
    return channel


def leave(state: SandboxState, channel: Channel, user: AgoraUser, reason: int) -> Channel:
    """Remove a user from a channel; the last one destroys it."""
    channel = channel.without(user)
    state.agora.store_channel(channel)
    _send_left(state, channel, user, reason)
    if not channel.users:
        state.agora.emit(channel_events.channel_destroyed(channel, state.now(), user))
    return channel


def remove_blocked_users(state: SandboxState, rule: KickingRule) -> None:
    """Disconnect every user whom a rule blocks."""
    for channel in state.agora.channels():
        left = channel
        for user in channel.users:
            if rule.blocks(channel.name, user.uid, user.ip):
                left = leave(state, left, user, LeaveReason.REMOVED)


def _send_left(state: SandboxState, channel: Channel, user: AgoraUser, reason: int) -> None:
    sequence = state.agora.next_sequence(state.now())
    state.agora.emit(channel_events.left(channel, user, sequence, state.now(), reason))
