"""Sends webhooks, with the vendor's retries."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from videobroker.sandbox.outbox.webhooks import OutboxEntry, WebhookOrigin, WebhookState

RESPONSE_TIMEOUT_SECONDS = 10.0
"""Timeout for the response of a receiver."""


async def deliver(entry: OutboxEntry, client: httpx.AsyncClient, scale: Callable[[], float]) -> None:
    """Send until the receiver accepts, or the retries are used up. `scale` is a factor for the delays."""
    await asyncio.sleep(max(0.0, entry.due - asyncio.get_running_loop().time()))
    if await _attempt(entry, client):
        return
    for wait in entry.webhook.retry_delays:
        await asyncio.sleep(wait * scale())
        if await _attempt(entry, client):
            return
    entry.state = WebhookState.FAILED


@asynccontextmanager
async def webhook_client(given: httpx.AsyncClient | None) -> AsyncIterator[httpx.AsyncClient]:
    """The given client, or a new one that is closed at the end."""
    if given is not None:
        yield given
        return
    async with httpx.AsyncClient(verify=_ssl_context(), trust_env=False) as client:
        yield client


async def _attempt(entry: OutboxEntry, client: httpx.AsyncClient) -> bool:
    webhook = entry.webhook
    entry.attempts += 1
    entry.last_status = None
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_SECONDS):
            content = webhook.build(webhook.id, entry.kind is WebhookOrigin.REPLAY)
            answer = await client.post(
                webhook.url, content=content.body, headers=dict(content.headers), timeout=RESPONSE_TIMEOUT_SECONDS
            )
    except Exception:  # noqa: BLE001 - a receiver in the same process may raise anything; for a vendor it is silence
        return False
    entry.last_status = answer.status_code
    if not webhook.is_accepted(answer):
        return False
    entry.state = WebhookState.DELIVERED
    return True


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    # Created once, because it reads all certificates of the machine.
    return ssl.create_default_context()
