"""The outbox: all events, and their delivery."""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import replace

import httpx

from videobroker.sandbox.background import BackgroundTasks
from videobroker.sandbox.outbox.behavior import DeliveryBehavior
from videobroker.sandbox.outbox.delivery import deliver, webhook_client
from videobroker.sandbox.outbox.webhooks import OutboxEntry, Webhook, WebhookOrigin, WebhookState

MAX_ENTRIES = 5_000


class Outbox:
    """Sends webhooks in the background: in order for each room, concurrently for different rooms.

    A given `client` is used for all of them, and is not closed.
    """

    def __init__(self, client: httpx.AsyncClient | None = None, retry_scale: float = 1.0) -> None:
        self._client = client
        self._default_behavior = DeliveryBehavior(retry_scale=retry_scale)
        self._background = BackgroundTasks()
        self._entries: deque[OutboxEntry] = deque(maxlen=MAX_ENTRIES)
        self._pending: list[OutboxEntry] = []
        self._queues: dict[Hashable, deque[OutboxEntry]] = {}
        self._workers: dict[Hashable, asyncio.Task[None]] = {}
        self.set_behavior(self._default_behavior)

    @property
    def behavior(self) -> DeliveryBehavior:
        """The current switches. `drop` is the number of events still to drop."""
        return self._behavior

    @property
    def default_behavior(self) -> DeliveryBehavior:
        return self._default_behavior

    def set_behavior(self, behavior: DeliveryBehavior) -> None:
        """Change the behavior; delayed events are sent."""
        self._behavior = behavior
        self._random = random.Random(self._behavior.seed)
        self.release(in_random_order=False)

    def add(self, webhook: Webhook) -> None:
        """Send an event according to the switches."""
        entry = self._add_entry(OutboxEntry(webhook))
        if self._is_dropped(webhook):
            entry.state = WebhookState.DROPPED
            return
        entries = [entry, *(self._duplicate(webhook) for _ in range(self._behavior.duplicates))]
        if not self._behavior.is_collecting:
            self._send(entries)
            return
        self._pending += entries
        originals = sum(each.kind is WebhookOrigin.ORIGINAL for each in self._pending)
        if self._behavior.hold and originals >= self._behavior.hold:
            self.release(in_random_order=self._behavior.shuffle)

    def release(self, *, in_random_order: bool | None = None) -> None:
        """Send delayed events, in the configured order unless `in_random_order` is given."""
        entries, self._pending = self._pending, []
        if self._behavior.shuffle if in_random_order is None else in_random_order:
            self._random.shuffle(entries)
        self._send(entries)

    def resend(self, webhooks: Iterable[Webhook]) -> list[OutboxEntry]:
        """Send webhooks again as replays, without dropping, duplicating, or delaying them."""
        entries = [self._add_entry(OutboxEntry(webhook, WebhookOrigin.REPLAY)) for webhook in webhooks]
        self._send(entries)
        return entries

    def entries(self) -> tuple[OutboxEntry, ...]:
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
        for collection in (self._entries, self._pending, self._queues, self._workers):
            collection.clear()

    def _add_entry(self, entry: OutboxEntry) -> OutboxEntry:
        self._entries.append(entry)
        return entry

    def _duplicate(self, webhook: Webhook) -> OutboxEntry:
        copy = replace(webhook, id=str(uuid.uuid4())) if self._behavior.new_ids else webhook
        return self._add_entry(OutboxEntry(copy, WebhookOrigin.DUPLICATE))

    def _is_dropped(self, webhook: Webhook) -> bool:
        if webhook.type in self._behavior.drop_types:
            return True
        if not self._behavior.drop:
            return False
        self._behavior = replace(self._behavior, drop=self._behavior.drop - 1)
        return True

    def _send(self, entries: Iterable[OutboxEntry]) -> None:
        for entry in entries:
            entry.due = asyncio.get_running_loop().time() + self._behavior.delay_seconds
            webhook = entry.webhook
            queue_key: Hashable = (webhook.vendor, webhook.room_id) if self._behavior.in_order else entry
            self._queues.setdefault(queue_key, deque()).append(entry)
            if queue_key not in self._workers:
                self._workers[queue_key] = self._background.start(self._work(queue_key))

    async def _work(self, queue_key: Hashable) -> None:
        queue = self._queues[queue_key]
        async with webhook_client(self._client) as client:
            try:
                while queue:
                    await deliver(queue.popleft(), client, lambda: self._behavior.retry_scale)
            finally:
                # Before the next await: a webhook that is added while the client closes needs a new worker. Also after
                # a failure, or all later webhooks of the room would wait for a worker that has ended.
                self._queues.pop(queue_key, None)
                self._workers.pop(queue_key, None)
