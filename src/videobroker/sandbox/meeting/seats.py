"""A seat: one stay of one person on a page. It outlives a broken connection for a while."""

import asyncio
import secrets
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime

from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.meeting.places import Place


@dataclass(frozen=True, slots=True)
class Media:
    """What somebody sends to the others; of pictures, the ids of the streams they come in."""

    audio: bool = False
    video: bool = False
    camera: str = ""
    screen: str = ""

    def as_json(self) -> JsonObject:
        """The form in which pages are told."""
        return asdict(self)


class Seat:
    """One stay of one person, and what is on its way to their page."""

    def __init__(self, place: Place, person_id: str, name: str, ends_at: datetime | None = None) -> None:
        self.place = place
        self.person_id = person_id
        self.name = name
        self.media = Media()
        self.entered = False
        """False until the vendor's own list has this person."""
        self.ends_at = ends_at
        """When the right to be here ends; None where rights do not end."""
        self.warned = False
        """Whether the page was told that the end is near."""
        self.lost_at: datetime | None = None
        """Since when the page is not connected; None while it is."""
        self.secret = secrets.token_urlsafe(24)
        """Whoever shows it takes this seat over: the same page after a broken connection."""
        self.line = 0
        """The number of the connection that counts; it grows with each one."""
        self._told = 0
        self._unheard: deque[JsonObject] = deque()
        self._sent = 0
        """How many of the unheard messages went out on the connection that counts."""
        self._news = asyncio.Event()

    def tell(self, message: JsonObject) -> None:
        """Send something to the page, at once or when it is connected again."""
        self._told += 1
        self._unheard.append({**message, "n": self._told})
        self._news.set()

    def heard(self, number: int) -> None:
        """The page has got all messages up to this number; the others are sent again after a broken connection."""
        while self._unheard and self._unheard[0]["n"] <= number:
            self._unheard.popleft()
            self._sent = max(0, self._sent - 1)

    def connect(self) -> int:
        """Take the number of a new connection; the one before stops."""
        self.line += 1
        self.lost_at = None
        self._sent = 0
        self._news.set()
        return self.line

    async def next_message(self, line: int) -> JsonObject | None:
        """The message to send now; None when a newer connection has taken over."""
        while self.line == line:
            if len(self._unheard) > self._sent:
                return self._unheard[self._sent]
            self._news.clear()
            await self._news.wait()
        return None

    def sent(self) -> None:
        """The message that `next_message` gave has gone out."""
        self._sent += 1
