"""All connected pages, with their notifications and removals."""

from collections import OrderedDict, deque
from dataclasses import asdict
from datetime import datetime

from videobroker.sandbox import events
from videobroker.sandbox.agora.channel_events import LEFT, ChannelEvent, LeaveReason
from videobroker.sandbox.events import RoomEvent
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.meeting.channel import MeetingChannel
from videobroker.sandbox.meeting.meeting import Meeting, PresentPerson
from videobroker.sandbox.meeting.participants import MeetingParticipant, SentMedia
from videobroker.sandbox.meeting.room import MeetingRoom
from videobroker.sandbox.messages import SentMessage
from videobroker.sandbox.state import SandboxState

MAX_FINAL_MESSAGES = 1000
MAX_CHAT_MESSAGES = 500
"""Of one meeting. Older ones are dropped."""
_ROOM_CAUSES = {events.KICKED: "removed", events.CLIENT_REQUEST: "left"}
_CHANNEL_CAUSES = {
    LeaveReason.NORMAL: "left",
    LeaveReason.REMOVED: "removed",
    LeaveReason.OTHER_DEVICE: "replaced",
    LeaveReason.TOKEN: "expired",
}
DISCONNECTED = "lost"


class MeetingHub:
    """The participants of all meetings of one sandbox. Receives the events of both vendors."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._participants_by_key: dict[tuple[str, str], MeetingParticipant] = {}
        self._final_messages: OrderedDict[str, JsonObject] = OrderedDict()
        self._chats: dict[str, deque[JsonObject]] = {}
        """The messages of each running meeting, for people who join later or reload the page."""
        self._raised_hands = 0

    def now(self) -> datetime:
        """The sandbox's time."""
        return self._state.now()

    # Participants

    def take(self, participant: MeetingParticipant) -> None:
        """Add a participant; one with the same ID in this meeting is removed."""
        if (other := self._participants_by_key.pop(_key(participant), None)) is not None:
            self._dismiss(other, "replaced")
        self._participants_by_key[_key(participant)] = participant

    def discard(self, participant: MeetingParticipant) -> None:
        if self.contains(participant):
            del self._participants_by_key[_key(participant)]

    def contains(self, participant: MeetingParticipant) -> bool:
        return self._participants_by_key.get(_key(participant)) is participant

    def by_resume_token(self, resume_token: str) -> MeetingParticipant | None:
        return next(
            (
                participant
                for participant in self._participants_by_key.values()
                if participant.resume_token == resume_token
            ),
            None,
        )

    def pop_final_message(self, resume_token: str) -> JsonObject | None:
        """The message for a page whose participant was removed while it was not connected."""
        return self._final_messages.pop(resume_token, None)

    def leave(self, participant: MeetingParticipant, *, lost: bool = False) -> None:
        """A person leaves: the vendor and the others are notified."""
        if self.contains(participant):
            self.discard(participant)
            participant.meeting.leave(participant.person_id, lost=lost)

    def close(self) -> None:
        """Remove all participants, because the sandbox stops."""
        for participant in tuple(self._participants_by_key.values()):
            self.leave(participant, lost=True)

    # Messages to pages

    def joined_message(self, participant: MeetingParticipant, *, resumed: bool) -> JsonObject:
        """The first message to a page: the meeting, the person, and the others."""
        people = {each.id: each for each in participant.meeting.people()}
        # A person with the role of the recorder is not among the people, but has a page.
        me = people.pop(participant.person_id, None) or PresentPerson(participant.person_id, participant.name, role="")
        return {
            "type": "entered",
            "resumed": resumed,
            "seat": participant.resume_token,
            "title": participant.meeting.title,
            "you": self._person_json(participant.meeting, me),
            "may": asdict(participant.meeting.permissions(me)),
            "people": [self._person_json(participant.meeting, each) for each in people.values()],
            "recorded": participant.meeting.is_recorded(),
            "messages": [] if resumed else list(self._chats.get(participant.meeting.key, ())),
        }

    def set_media(self, participant: MeetingParticipant, media: SentMedia) -> None:
        """A person changes their media."""
        participant.media = media
        self._announce_change(participant.meeting, participant.person_id)

    def chat(self, participant: MeetingParticipant, text: str) -> None:
        """A person sends a chat message to everyone, including themselves."""
        message = self._chat_message(participant.person_id, participant.name, text)
        self._store_message(participant.meeting, message)
        for each in self._participants_in(participant.meeting):
            each.send(message)

    def set_hand(self, participant: MeetingParticipant, *, is_raised: bool) -> None:
        """A person raises or lowers their hand. Raised hands have the order in which they were raised."""
        if is_raised == bool(participant.hand):
            return
        self._raised_hands += is_raised
        participant.hand = self._raised_hands if is_raised else 0
        participant.send({"type": "hand", "hand": participant.hand})
        self._announce_change(participant.meeting, participant.person_id)

    def forward_signal(self, participant: MeetingParticipant, to: str, data: JsonObject) -> None:
        """Forward a signaling message from one browser to another."""
        other = self._participants_by_key.get((participant.meeting.key, to))
        if other is not None and other.has_joined:
            other.send({"type": "signal", "from": participant.person_id, "data": data})

    # Events of the vendors

    def on_room_event(self, event: RoomEvent) -> None:
        """Handle an event of a 100ms room."""
        meeting, person_id = MeetingRoom(self._state, event.room.id), str(event.data.get("peer_id", ""))
        match event.type:
            case "peer.join.success":
                self._announce_join(meeting, person_id)
            case "peer.leave.success":
                cause = _ROOM_CAUSES.get(event.data["reason"], DISCONNECTED)
                self._announce_leave(meeting, person_id, cause, event.data["message"])
            case "role.change.success":
                self._role_changed(meeting, person_id)
            case "room.end.success":
                for participant in self._participants_in(meeting):
                    self.discard(participant)
                    self._dismiss(participant, "ended", event.data["reason"])
                self._chats.pop(meeting.key, None)

    def on_channel_event(self, event: ChannelEvent) -> None:
        """Handle an event of an Agora channel."""
        if "uid" not in event.payload:
            return
        meeting, person_id = MeetingChannel(self._state, event.channel), str(event.payload["uid"])
        if event.event_type in LEFT:
            self._announce_leave(meeting, person_id, _CHANNEL_CAUSES.get(event.payload["reason"], DISCONNECTED))
        else:
            self._announce_join(meeting, person_id)

    def on_message(self, sent: SentMessage) -> None:
        """The REST API sends a message to a room. The vendor's pages show it when its type is `chat`."""
        if sent.type != "chat":
            return
        meeting, message = MeetingRoom(self._state, sent.room_id), self._chat_message("", "", sent.message)
        if sent.broadcast:
            self._store_message(meeting, message)
        for participant in self._participants_in(meeting):
            if participant.person_id in sent.recipients:
                participant.send(message)

    def _chat_message(self, person_id: str, name: str, text: str) -> JsonObject:
        sent_at = int(self.now().timestamp() * 1000)
        return {"type": "chat", "from": person_id, "name": name, "text": text, "at": sent_at}

    def _store_message(self, meeting: Meeting, message: JsonObject) -> None:
        self._chats.setdefault(meeting.key, deque(maxlen=MAX_CHAT_MESSAGES)).append(message)

    def _announce_join(self, meeting: Meeting, person_id: str) -> None:
        self._notify_others(meeting, person_id, {"type": "recorded", "recorded": meeting.is_recorded()})
        person = self._person(meeting, person_id)
        if person is not None:
            self._notify_others(meeting, person_id, {"type": "came", "person": self._person_json(meeting, person)})

    def _announce_leave(self, meeting: Meeting, person_id: str, cause: str, message: str = "") -> None:
        participant = self._participants_by_key.get((meeting.key, person_id))
        # A participant who has not joined yet belongs to the next stay of this user, not to the one that has ended.
        if participant is not None and participant.has_joined:
            self.discard(participant)
            self._dismiss(participant, cause, message)
        self._notify_others(meeting, person_id, {"type": "recorded", "recorded": meeting.is_recorded()})
        self._notify_others(meeting, person_id, {"type": "went", "id": person_id, "cause": cause})
        if not any(True for _ in meeting.people()):
            self._chats.pop(meeting.key, None)

    def _role_changed(self, meeting: Meeting, person_id: str) -> None:
        participant, person = self._participants_by_key.get((meeting.key, person_id)), self._person(meeting, person_id)
        if participant is not None and person is not None:
            participant.send({"type": "may", "may": asdict(meeting.permissions(person)), "role": person.role})
        self._announce_change(meeting, person_id)

    def _announce_change(self, meeting: Meeting, person_id: str) -> None:
        person = self._person(meeting, person_id)
        if person is not None:
            self._notify_others(meeting, person_id, {"type": "changed", "person": self._person_json(meeting, person)})

    def _dismiss(self, participant: MeetingParticipant, cause: str, message: str = "") -> None:
        out = {"type": "out", "cause": cause, "message": message}
        participant.send(out)
        # A person whose connection was lost may reconnect; a person who was removed must be notified.
        if participant.disconnected_at is not None and cause != DISCONNECTED:
            self._final_messages[participant.resume_token] = out
            while len(self._final_messages) > MAX_FINAL_MESSAGES:
                self._final_messages.popitem(last=False)

    def _notify_others(self, meeting: Meeting, person_id: str, message: JsonObject) -> None:
        for participant in self._participants_in(meeting):
            if participant.person_id != person_id:
                participant.send(message)

    def _participants_in(self, meeting: Meeting) -> tuple[MeetingParticipant, ...]:
        return tuple(
            participant
            for (key, _), participant in self._participants_by_key.items()
            if key == meeting.key and participant.has_joined
        )

    def _person_json(self, meeting: Meeting, person: PresentPerson) -> JsonObject:
        participant = self._participants_by_key.get((meeting.key, person.id))
        media = participant.media if participant else SentMedia()
        return {
            "id": person.id,
            "name": (participant.name if participant else "") or person.name,
            "role": person.role,
            # A person whom a test added has no browser to connect to.
            "connects": participant is not None,
            "media": media.as_json(),
            "hand": participant.hand if participant else 0,
        }

    @staticmethod
    def _person(meeting: Meeting, person_id: str) -> PresentPerson | None:
        return next((each for each in meeting.people() if each.id == person_id), None)


def _key(participant: MeetingParticipant) -> tuple[str, str]:
    return participant.meeting.key, participant.person_id
