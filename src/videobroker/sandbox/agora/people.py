"""Users of Agora channels who come and go, and everybody who is told."""

from videobroker.sandbox.agora import notices
from videobroker.sandbox.agora.channels import AgoraUser, Channel, KickingRule
from videobroker.sandbox.agora.notices import LeaveReason
from videobroker.sandbox.state import SandboxState


def enter(state: SandboxState, channel_name: str, user: AgoraUser) -> Channel:
    """Put a user into a channel; one who is there already with the same uid is pushed out."""
    channel = state.agora.channel(channel_name)
    if not channel.users:
        state.agora.tell(notices.channel_created(channel, state.now()))
    if (other := channel.user(user.uid)) is not None:
        channel = channel.without(other)
        _tell_left(state, channel, other, LeaveReason.OTHER_DEVICE)
    channel = channel.with_user(user)
    state.agora.keep(channel)
    state.agora.tell(notices.joined(channel, user, state.agora.next_sequence(state.now())))
    return channel


def leave(state: SandboxState, channel: Channel, user: AgoraUser, reason: int) -> Channel:
    """Take a user out of a channel; with the last one it is destroyed."""
    channel = channel.without(user)
    state.agora.keep(channel)
    _tell_left(state, channel, user, reason)
    if not channel.users:
        state.agora.tell(notices.channel_destroyed(channel, state.now(), user))
    return channel


def remove(state: SandboxState, rule: KickingRule) -> None:
    """Send out everybody whom a rule keeps out."""
    for channel in state.agora.channels():
        left = channel
        for user in channel.users:
            if rule.keeps_out(channel.name, user.uid, user.ip):
                left = leave(state, left, user, LeaveReason.REMOVED)


def _tell_left(state: SandboxState, channel: Channel, user: AgoraUser, reason: int) -> None:
    sequence = state.agora.next_sequence(state.now())
    state.agora.tell(notices.left(channel, user, sequence, state.now(), reason))
