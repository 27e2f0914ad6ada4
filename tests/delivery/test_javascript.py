"""The JavaScript library of Standard Webhooks accepts our deliveries, and no forged, changed or old ones."""

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
SECRET, FORMER = generate_secret(), generate_secret()


@pytest.fixture
async def courier() -> AsyncIterator[WebhookSender]:
    """Delivers on this machine."""
    courier = WebhookSender(allow_private=True)
    yield courier
    await courier.aclose()


async def recorded(courier: WebhookSender, **ago: float) -> Received:
    """A delivery, as it came."""
    async with start_backend() as backend:
        parcel = WebhookRequest(backend.url, EVENT, BODY, [SECRET, FORMER], 1)
        sent = await courier.send(parcel, now=datetime.now(UTC) - timedelta(**ago))
    assert sent.attempt.is_accepted
    return backend.received[0]


async def verdicts(*questions: tuple[str, Received]) -> list[dict[str, Any]]:
    """What the library says to each."""
    await asyncio.to_thread(node_modules)
    asked = [
        {"secret": secret, "headers": received.headers, "body": received.raw.decode()} for secret, received in questions
    ]
    process = await asyncio.create_subprocess_exec(
        "node",
        str(VERIFY),
        env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0, err.decode()
    told: list[dict[str, Any]] = json.loads(out)
    return told


async def test_a_delivery_is_accepted_with_either_secret(courier: WebhookSender) -> None:
    received = await recorded(courier)
    assert await verdicts((SECRET, received), (FORMER, received)) == [{"verified": json.loads(BODY)}] * 2


async def test_a_stranger_a_forger_and_a_latecomer_are_refused(courier: WebhookSender) -> None:
    received = await recorded(courier)
    later = str(int(received.headers["webhook-timestamp"]) + 1)
    answers = await verdicts(
        (generate_secret(), received),
        (SECRET, Received(received.path, received.headers, received.raw.replace(b"reported", b"reportet"))),
        (SECRET, Received(received.path, {**received.headers, "webhook-id": EVENT[::-1]}, received.raw)),
        (SECRET, Received(received.path, {**received.headers, "webhook-timestamp": later}, received.raw)),
        (SECRET, Received(received.path, {**received.headers, "webhook-signature": "v1,AAAA"}, received.raw)),
        (SECRET, await recorded(courier, minutes=6)),
        (SECRET, await recorded(courier, minutes=-6)),
    )
    assert [answer.get("refused") for answer in answers] == [
        *["No matching signature found"] * 5,
        "Message timestamp too old",
        "Message timestamp too new",
    ]
