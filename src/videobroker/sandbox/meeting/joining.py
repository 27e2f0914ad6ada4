"""Turns the first message of a page into a participant."""

import secrets
import uuid

from videobroker.sandbox import admission
from videobroker.sandbox.agora import users
from videobroker.sandbox.agora.channels import AgoraUser
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.exchange import token_for_code
from videobroker.sandbox.json_body import JsonObject, optional_string, optional_whole_number, required_string
from videobroker.sandbox.meeting.channel import MeetingChannel
from videobroker.sandbox.meeting.hub import MeetingHub
from videobroker.sandbox.meeting.participants import MeetingParticipant
from videobroker.sandbox.meeting.room import MeetingRoom
from videobroker.sandbox.state import SandboxState

MAX_NAME_CHARACTERS = 100
WEB = 7
"""Agora's platform number of browsers."""
MAX_UID = 2**32 - 1


def join_meeting(state: SandboxState, hub: MeetingHub, first_message: JsonObject, ip: str | None) -> MeetingParticipant:
    """The participant for a room code or an Agora token. Raises `VendorError` if the person cannot join."""
    name = " ".join((optional_string(first_message, "name") or "").split())
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise VendorError(400, f"a name has 1 to {MAX_NAME_CHARACTERS} characters")
    participant = (
        _in_room(state, hub, first_message, name)
        if "code" in first_message
        else _in_channel(state, hub, first_message, name, ip)
    )
    participant.has_joined = True
    return participant


def _in_room(state: SandboxState, hub: MeetingHub, first_message: JsonObject, name: str) -> MeetingParticipant:
    admitted = admission.admit(state, f"Bearer {token_for_code(state, first_message)}")
    participant = MeetingParticipant(MeetingRoom(state, admitted.room.id), str(uuid.uuid4()), name)
    # Add the participant first: the others are notified only of people they can connect to.
    hub.take(participant)
    try:
        admission.join(state, admitted, name=name, peer_id=participant.person_id)
    except VendorError:
        hub.discard(participant)
        raise
    return participant


def _in_channel(
    state: SandboxState, hub: MeetingHub, first_message: JsonObject, name: str, ip: str | None
) -> MeetingParticipant:
    if optional_string(first_message, "app_id") != state.config.agora.app_id:
        raise VendorError(401, "Invalid App ID")
    channel, token = required_string(first_message, "channel"), required_string(first_message, "token")
    wanted = optional_whole_number(first_message, "uid", low=0, high=MAX_UID) or 0
    role, ends_at = users.verify_join_token(state, channel, wanted, token)
    uid = wanted or secrets.randbelow(2**31 - 1) + 1
    user = AgoraUser(uid, role, WEB, client_type=None, ip=ip, joined_at=state.now())
    users.require_not_banned(state, channel, user)
    participant = MeetingParticipant(MeetingChannel(state, channel), str(uid), name, ends_at)
    hub.take(participant)
    users.join(state, channel, user)
    return participant
