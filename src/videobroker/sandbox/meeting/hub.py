"""All connected pages, with their notifications and removals."""

from collections import OrderedDict
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
_ROOM_CAUSES = {events.KICKED: "removed", events.CLIENT_REQUEST: "left"}
_CHANNEL_CAUSES = {
    LeaveReason.NORMAL: "left",
    LeaveReason.REMOVED: "removed",
    LeaveReason.OTHER_DEVICE: "replaced",
    LeaveReason.TOKEN: "expired",
}
DISCONNECTED = "lost"


class MeetingHub:
    """The seats of one sandbox. Receives the events of both vendors."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._seats: dict[tuple[str, str], MeetingParticipant] = {}
        self._farewells: OrderedDict[str, JsonObject] = OrderedDict()

    def now(self) -> datetime:
        """The sandbox's time."""
        return self._state.now()

    # Seats

    def take(self, seat: MeetingParticipant) -> None:
        """Add a seat; one with the same ID in this place is removed."""
        if (other := self._seats.pop(_key(seat), None)) is not None:
            self._remove_seat(other, "replaced")
        self._seats[_key(seat)] = seat

    def give_up(self, seat: MeetingParticipant) -> None:
        if self.holds(seat):
            del self._seats[_key(seat)]

    def holds(self, seat: MeetingParticipant) -> bool:
        return self._seats.get(_key(seat)) is seat

    def by_secret(self, secret: str) -> MeetingParticipant | None:
        return next((seat for seat in self._seats.values() if seat.secret == secret), None)

    def farewell(self, secret: str) -> JsonObject | None:
        """The message for a page whose seat was removed while it was not connected."""
        return self._farewells.pop(secret, None)

    def leave(self, seat: MeetingParticipant, *, lost: bool = False) -> None:
        """A person leaves: the vendor and the others are notified."""
        if self.holds(seat):
            self.give_up(seat)
            seat.place.leave(seat.person_id, lost=lost)

    def close(self) -> None:
        """Remove all seats, because the sandbox stops."""
        for seat in tuple(self._seats.values()):
            self.leave(seat, lost=True)

    # Messages to pages

    def welcome(self, seat: MeetingParticipant, *, resumed: bool) -> JsonObject:
        """The first message to a page: the place, the person, and the others."""
        people = {each.id: each for each in seat.place.people()}
        # A person with the role of the recorder is not among the people, but has a page.
        me = people.pop(seat.person_id, None) or PresentPerson(seat.person_id, seat.name, role="")
        return {
            "type": "entered",
            "resumed": resumed,
            "seat": seat.secret,
            "title": seat.place.title,
            "you": self._card(seat.place, me),
            "may": asdict(seat.place.powers(me)),
            "people": [self._card(seat.place, each) for each in people.values()],
            "recorded": seat.place.recorded(),
        }

    def shows(self, seat: MeetingParticipant, media: SentMedia) -> None:
        """A person changes their media."""
        seat.media = media
        self._announce_change(seat.place, seat.person_id)

    def chat(self, seat: MeetingParticipant, text: str) -> None:
        """A person sends a chat message to everyone, including themselves."""
        for each in self._seats_in(seat.place):
            each.tell({"type": "chat", "from": seat.person_id, "name": seat.name, "text": text})

    def pass_on(self, seat: MeetingParticipant, to: str, data: JsonObject) -> None:
        """Forward a signaling message from one browser to another."""
        other = self._seats.get((seat.place.key, to))
        if other is not None and other.entered:
            other.tell({"type": "signal", "from": seat.person_id, "data": data})

    # Events of the vendors

    def on_event(self, event: RoomEvent) -> None:
        """Handle an event of a 100ms room."""
        place, person_id = MeetingRoom(self._state, event.room.id), str(event.data.get("peer_id", ""))
        match event.type:
            case "peer.join.success":
                self._announce_join(place, person_id)
            case "peer.leave.success":
                cause = _ROOM_CAUSES.get(event.data["reason"], DISCONNECTED)
                self._announce_leave(place, person_id, cause, event.data["message"])
            case "role.change.success":
                self._role_changed(place, person_id)
            case "room.end.success":
                for seat in self._seats_in(place):
                    self.give_up(seat)
                    self._remove_seat(seat, "ended", event.data["reason"])

    def noticed(self, notice: ChannelEvent) -> None:
        """Handle an event of an Agora channel."""
        if "uid" not in notice.payload:
            return
        place, person_id = MeetingChannel(self._state, notice.channel), str(notice.payload["uid"])
        if notice.event_type in LEFT:
            self._announce_leave(place, person_id, _CHANNEL_CAUSES.get(notice.payload["reason"], DISCONNECTED))
        else:
            self._announce_join(place, person_id)

    def on_message(self, sent: SentMessage) -> None:
        """The REST API sends a message to a room. The vendor's pages show it when its type is `chat`."""
        for seat in self._seats_in(MeetingRoom(self._state, sent.room_id)):
            if sent.type == "chat" and seat.person_id in sent.recipients:
                seat.tell({"type": "chat", "from": "", "name": "", "text": sent.message})

    def _announce_join(self, place: Meeting, person_id: str) -> None:
        self._notify_others(place, person_id, {"type": "recorded", "recorded": place.recorded()})
        person = self._person(place, person_id)
        if person is not None:
            self._notify_others(place, person_id, {"type": "came", "person": self._card(place, person)})

    def _announce_leave(self, place: Meeting, person_id: str, cause: str, message: str = "") -> None:
        seat = self._seats.get((place.key, person_id))
        # A seat that has not entered yet belongs to the next stay of this user, not to the one that has ended.
        if seat is not None and seat.entered:
            self.give_up(seat)
            self._remove_seat(seat, cause, message)
        self._notify_others(place, person_id, {"type": "recorded", "recorded": place.recorded()})
        self._notify_others(place, person_id, {"type": "went", "id": person_id, "cause": cause})

    def _role_changed(self, place: Meeting, person_id: str) -> None:
        seat, person = self._seats.get((place.key, person_id)), self._person(place, person_id)
        if seat is not None and person is not None:
            seat.tell({"type": "may", "may": asdict(place.powers(person)), "role": person.role})
        self._announce_change(place, person_id)

    def _announce_change(self, place: Meeting, person_id: str) -> None:
        person = self._person(place, person_id)
        if person is not None:
            self._notify_others(place, person_id, {"type": "changed", "person": self._card(place, person)})

    def _remove_seat(self, seat: MeetingParticipant, cause: str, message: str = "") -> None:
        out = {"type": "out", "cause": cause, "message": message}
        seat.tell(out)
        # A person whose connection was lost may reconnect; a person who was removed must be notified.
        if seat.lost_at is not None and cause != DISCONNECTED:
            self._farewells[seat.secret] = out
            while len(self._farewells) > MAX_FINAL_MESSAGES:
                self._farewells.popitem(last=False)

    def _notify_others(self, place: Meeting, person_id: str, message: JsonObject) -> None:
        for seat in self._seats_in(place):
            if seat.person_id != person_id:
                seat.tell(message)

    def _seats_in(self, place: Meeting) -> tuple[MeetingParticipant, ...]:
        return tuple(seat for (key, _), seat in self._seats.items() if key == place.key and seat.entered)

    def _card(self, place: Meeting, person: PresentPerson) -> JsonObject:
        seat = self._seats.get((place.key, person.id))
        media = seat.media if seat else SentMedia()
        return {
            "id": person.id,
            "name": (seat.name if seat else "") or person.name,
            "role": person.role,
            # A person whom a test added has no browser to connect to.
            "connects": seat is not None,
            "media": media.as_json(),
        }

    @staticmethod
    def _person(place: Meeting, person_id: str) -> PresentPerson | None:
        return next((each for each in place.people() if each.id == person_id), None)


def _key(seat: MeetingParticipant) -> tuple[str, str]:
    return seat.place.key, seat.person_id
