"""The JavaScript library of Standard Webhooks accepts our deliveries, and rejects forged, changed, and old ones."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from delivery.backend import Received, start_backend
from node_packages import node_modules
from videobroker.delivery.sender import WebhookRequest, WebhookSender
from videobroker.domain.webhooks import generate_secret

pytestmark = pytest.mark.node

VERIFY = Path(__file__).parent.parent / "node" / "verify_deliveries.cjs"
EVENT = "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20"
BODY = '{"data":{"note":"Zoë 🎓 \u2028 \\u0000 </script>"},"timestamp":"2026-03-12T14:00:00Z","type":"app.reported"}'
SECRET, PREVIOUS = generate_secret(), generate_secret()


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    """A sender that delivers on this machine."""
    sender = WebhookSender(allow_private=True)
    yield sender
    await sender.aclose()


async def record_delivery(sender: WebhookSender, **ago: float) -> Received:
    """A received delivery."""
    async with start_backend() as backend:
        request = WebhookRequest(backend.url, EVENT, BODY, [SECRET, PREVIOUS], 1)
        sent = await sender.send(request, now=datetime.now(UTC) - timedelta(**ago))
    assert sent.attempt.is_accepted
    return backend.received[0]


async def verify_all(*pairs: tuple[str, Received]) -> list[dict[str, Any]]:
    """The result of the library for each delivery."""
    await asyncio.to_thread(node_modules)
    deliveries = [
        {"secret": secret, "headers": received.headers, "body": received.raw.decode()} for secret, received in pairs
    ]
    process = await asyncio.create_subprocess_exec(
        "node",
        str(VERIFY),
        env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(json.dumps(deliveries).encode())
    assert process.returncode == 0, err.decode()
    results: list[dict[str, Any]] = json.loads(out)
    return results


async def test_a_delivery_is_accepted_with_either_secret(sender: WebhookSender) -> None:
    received = await record_delivery(sender)
    assert await verify_all((SECRET, received), (PREVIOUS, received)) == [{"verified": json.loads(BODY)}] * 2


async def test_other_secrets_changed_bodies_and_old_timestamps_are_rejected(sender: WebhookSender) -> None:
    received = await record_delivery(sender)
    later = str(int(received.headers["webhook-timestamp"]) + 1)
    results = await verify_all(
        (generate_secret(), received),
        (SECRET, Received(received.path, received.headers, received.raw.replace(b"reported", b"reportet"))),
        (SECRET, Received(received.path, {**received.headers, "webhook-id": EVENT[::-1]}, received.raw)),
        (SECRET, Received(received.path, {**received.headers, "webhook-timestamp": later}, received.raw)),
        (SECRET, Received(received.path, {**received.headers, "webhook-signature": "v1,AAAA"}, received.raw)),
        (SECRET, await record_delivery(sender, minutes=6)),
        (SECRET, await record_delivery(sender, minutes=-6)),
    )
    assert [result.get("refused") for result in results] == [
        *["No matching signature found"] * 5,
        "Message timestamp too old",
        "Message timestamp too new",
    ]
