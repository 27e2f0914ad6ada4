"""The outbox: all events, and their delivery."""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import replace

import httpx

from videobroker.sandbox.background import Background
from videobroker.sandbox.outbox.behavior import Behavior
from videobroker.sandbox.outbox.delivery import deliver, sender
from videobroker.sandbox.outbox.webhooks import Entry, Kind, Letter, LetterState

MAX_ENTRIES = 5_000


class Outbox:
    """Sends letters in the background: in order for each room, concurrently for different rooms.

    A given `client` is used for all of them, and is not closed.
    """

    def __init__(self, client: httpx.AsyncClient | None = None, retry_scale: float = 1.0) -> None:
        self._client = client
        self._good = Behavior(retry_scale=retry_scale)
        self._background = Background()
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._pending: list[Entry] = []
        self._lines: dict[Hashable, deque[Entry]] = {}
        self._workers: dict[Hashable, asyncio.Task[None]] = {}
        self.behave(self._good)

    @property
    def behavior(self) -> Behavior:
        """The current switches. `drop` is the number of events still to drop."""
        return self._behavior

    @property
    def default_behavior(self) -> Behavior:
        return self._good

    def behave(self, behavior: Behavior) -> None:
        """Change the behavior; delayed events are sent."""
        self._behavior = behavior
        self._random = random.Random(self._behavior.seed)
        self.release(in_random_order=False)

    def post(self, letter: Letter) -> None:
        """Send an event according to the switches."""
        entry = self._add_entry(Entry(letter))
        if self._drops(letter):
            entry.state = LetterState.DROPPED
            return
        entries = [entry, *(self._duplicate(letter) for _ in range(self._behavior.duplicates))]
        if not self._behavior.holds:
            self._send(entries)
            return
        self._pending += entries
        originals = sum(each.kind is Kind.ORIGINAL for each in self._pending)
        if self._behavior.hold and originals >= self._behavior.hold:
            self.release(in_random_order=self._behavior.shuffle)

    def release(self, *, in_random_order: bool | None = None) -> None:
        """Send delayed events, in the configured order unless `in_random_order` is given."""
        entries, self._pending = self._pending, []
        if self._behavior.shuffle if in_random_order is None else in_random_order:
            self._random.shuffle(entries)
        self._send(entries)

    def resend(self, letters: Iterable[Letter]) -> list[Entry]:
        """Send letters again as replays, without dropping, duplicating, or delaying them."""
        entries = [self._add_entry(Entry(letter, Kind.REPLAY)) for letter in letters]
        self._send(entries)
        return entries

    def entries(self) -> tuple[Entry, ...]:
        """The latest entries, oldest first."""
        return tuple(self._entries)

    @property
    def pending(self) -> int:
        """How many entries are collected and not sent yet."""
        return len(self._pending)

    async def settle(self, timeout: float) -> bool:
        """Wait until nothing is being sent; False after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while self._workers and (left := deadline - loop.time()) > 0:
            await asyncio.wait(set(self._workers.values()), timeout=left)
        return not self._workers

    async def clear(self) -> None:
        """Stop sending, and delete all entries."""
        await self._background.stop()
        for collection in (self._entries, self._pending, self._lines, self._workers):
            collection.clear()

    def _add_entry(self, entry: Entry) -> Entry:
        self._entries.append(entry)
        return entry

    def _duplicate(self, letter: Letter) -> Entry:
        copy = replace(letter, id=str(uuid.uuid4())) if self._behavior.new_ids else letter
        return self._add_entry(Entry(copy, Kind.DUPLICATE))

    def _drops(self, letter: Letter) -> bool:
        if letter.type in self._behavior.drop_types:
            return True
        if not self._behavior.drop:
            return False
        self._behavior = replace(self._behavior, drop=self._behavior.drop - 1)
        return True

    def _send(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            entry.due = asyncio.get_running_loop().time() + self._behavior.delay_seconds
            letter = entry.letter
            line: Hashable = (letter.vendor, letter.room_id) if self._behavior.in_order else entry
            self._lines.setdefault(line, deque()).append(entry)
            if line not in self._workers:
                self._workers[line] = self._background.start(self._work(line))

    async def _work(self, line: Hashable) -> None:
        queue = self._lines[line]
        async with sender(self._client) as client:
            while queue:
                await deliver(queue.popleft(), client, lambda: self._behavior.retry_scale)
            # Before the next await: a letter that arrives while the client closes needs a new worker.
            self._lines.pop(line, None)
            self._workers.pop(line, None)
