"""Participants: one stay of one person on a page. It outlives a broken connection for some time."""

import asyncio
import secrets
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime

from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.meeting.meeting import Meeting


@dataclass(frozen=True, slots=True)
class SentMedia:
    """The media that a person sends, with the stream IDs of video."""

    audio: bool = False
    video: bool = False
    camera: str = ""
    screen: str = ""

    def as_json(self) -> JsonObject:
        return asdict(self)


class MeetingParticipant:
    """One stay of one person, with the messages to their page."""

    def __init__(self, meeting: Meeting, person_id: str, name: str, ends_at: datetime | None = None) -> None:
        self.meeting = meeting
        self.person_id = person_id
        self.name = name
        self.media = SentMedia()
        self.hand = 0
        """0, or the position of the raised hand: lower was raised earlier."""
        self.has_joined = False
        """False until the vendor lists this person."""
        self.ends_at = ends_at
        """When the permission to be here expires; None if it does not."""
        self.is_expiry_announced = False
        """Whether the page was notified that the token expires soon."""
        self.disconnected_at: datetime | None = None
        """Since when the page is not connected; None while it is."""
        self.resume_token = secrets.token_urlsafe(24)
        """A page with this secret resumes the stay after its connection was lost."""
        self.connection_number = 0
        """The number of the current connection; increases with each one."""
        self._sent_count = 0
        self._unacknowledged: deque[JsonObject] = deque()
        self._sent = 0
        """How many of the unacknowledged messages were sent on the current connection."""
        self._wakeup = asyncio.Event()

    def send(self, message: JsonObject) -> None:
        """Send a message to the page, at once or when it is connected again."""
        self._sent_count += 1
        self._unacknowledged.append({**message, "n": self._sent_count})
        self._wakeup.set()

    def acknowledge(self, number: int) -> None:
        """The page has received all messages up to this number. Others are sent again after a broken connection."""
        while self._unacknowledged and self._unacknowledged[0]["n"] <= number:
            self._unacknowledged.popleft()
            self._sent = max(0, self._sent - 1)

    def connect(self) -> int:
        """Start a new connection, and return its number. The previous one stops."""
        self.connection_number += 1
        self.disconnected_at = None
        self._sent = 0
        self._wakeup.set()
        return self.connection_number

    async def next_message(self, connection_number: int) -> JsonObject | None:
        """The next message to send; None if a newer connection has taken over."""
        while self.connection_number == connection_number:
            if len(self._unacknowledged) > self._sent:
                return self._unacknowledged[self._sent]
            self._wakeup.clear()
            await self._wakeup.wait()
        return None

    def sent(self) -> None:
        """The result of `next_message` was sent."""
        self._sent += 1
