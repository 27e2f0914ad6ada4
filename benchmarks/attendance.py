"""What it costs to know who was in a call: folding 10,000 events, and applying one more to a call of any size."""

import asyncio
import hashlib
import hmac
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.attendance.stays import fold
from videobroker.domain.ids import SessionId
from videobroker.domain.sessions import Participant, SessionKey, SessionKind, SessionTerms
from videobroker.providers.contract import Surface
from videobroker.sandbox import demo_config
from videobroker.settings import Settings
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases import registration, tenants
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.attendance.receive_webhook import receive
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.join import JoinRequester, join

EVENTS = 10_000
SMALL = 100
REPEATS = 7
SECRET = "invented-notifications-secret"  # noqa: S105
START = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result."""

    name: str
    seconds: float
    against: str | None = None
    ratio: float | None = None


def observations(count: int, *, per_connection: int) -> list[Observation]:
    """Half arrivals, half departures, of people who come `per_connection` times each."""
    found: list[Observation] = []
    for number in range(count // 2):
        connection = f"peer-{number // per_connection}"
        at = START + timedelta(seconds=number % per_connection * 20)
        seen = Observation(
            sign=ObservationType.ARRIVED,
            at=at,
            connection=connection,
            provider_user_id=connection,
            evidence=f"arrived-{number}",
        )
        left = at + timedelta(seconds=10)
        found += [seen, replace(seen, sign=ObservationType.LEFT, at=left, since=at, evidence=f"left-{number}")]
    return found


def best_of(work: Callable[[], object]) -> float:
    """The median of several runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def folding() -> Iterator[Figure]:
    """The fold alone."""
    many = best_of(lambda: fold(observations(EVENTS, per_connection=1)))
    one = best_of(lambda: fold(observations(EVENTS, per_connection=EVENTS)))
    tenth = best_of(lambda: fold(observations(EVENTS // 10, per_connection=1)))
    yield Figure(f"fold {EVENTS // 10:,} events", tenth)
    yield Figure(f"fold {EVENTS:,} events of as many people", many, f"fold {EVENTS // 10:,} events", many / tenth)
    yield Figure(f"fold {EVENTS:,} events of one device", one, f"fold {EVENTS:,} events of as many people", one / many)


async def applying(broker: Broker) -> list[Figure]:
    """The way from the webhook to the attendance, on PostgreSQL."""
    app = await _app(broker)
    figures = []
    small, small_all = await _one_more(broker, app, "small", SMALL)
    large, large_all = await _one_more(broker, app, "large", EVENTS)
    figures.append(Figure(f"apply {EVENTS:,} waiting events", large_all))
    figures.append(Figure(f"apply one more to a call of {SMALL:,}", small))
    figures.append(Figure(f"apply one more to a call of {EVENTS:,}", large, f"to a call of {SMALL:,}", large / small))
    figures.append(
        Figure(f"apply {SMALL:,} waiting events", small_all, f"{EVENTS:,} waiting events", large_all / small_all)
    )
    return figures


async def _app(broker: Broker) -> App:
    now = broker.now()
    roles = {ProviderName.AGORA: {"host": "publisher"}}
    app = await tenants.create_app(broker, f"bench-{uuid4()}", policy={}, role_maps=roles, now=now)
    project = demo_config().agora
    settings = {
        "app_id": project.app_id,
        "app_certificate": project.app_certificate,
        "notifications_secret": SECRET,
    }
    return await tenants.set_account(broker, app, ProviderName.AGORA, settings, now=now)


async def _one_more(broker: Broker, app: App, reference: str, size: int) -> tuple[float, float]:
    """Seconds to apply one event to a call of so many, and to apply all of those at once."""
    session_id, channel = await _call(broker, app, reference)
    for number in range(size):
        await _hear(broker, app, channel, number)
    began = time.perf_counter()
    await process_session(broker, app.id, session_id, now=broker.now())
    everything = time.perf_counter() - began
    times = []
    for number in range(size, size + REPEATS):
        await _hear(broker, app, channel, number)
        began = time.perf_counter()
        await process_session(broker, app.id, session_id, now=broker.now())
        times.append(time.perf_counter() - began)
    return statistics.median(times), everything


async def _call(broker: Broker, app: App, reference: str) -> tuple[SessionId, str]:
    now = broker.now()
    key = SessionKey(app.id, SessionKind.GROUP, reference)
    people = [Participant("ada", "host")]
    registered = await registration.register(RequestContext.for_system(broker, app, now), key, SessionTerms(), people)
    joined = await join(RequestContext.for_system(broker, app, now), key, JoinRequester("ada"), surface=Surface.SDK)
    return registered.session.id, str(getattr(joined.credentials, "channel", ""))


async def _hear(broker: Broker, app: App, channel: str, number: int) -> None:
    now = broker.now()
    uid, turn = number // 2 % 5000 + 1, number // 10_000
    body = json.dumps(
        {
            "noticeId": str(number),
            "productId": 1,
            "eventType": 103 + number % 2,
            "notifyMs": int(now.timestamp() * 1000),
            "payload": {
                "channelName": channel,
                "uid": uid,
                "platform": 7,
                "clientSeq": 2 * turn + number % 2,
                "ts": int(now.timestamp()),
                "duration": 0,
            },
        }
    ).encode()
    await receive(broker, app.name, ProviderName.AGORA, _signed(body), body, now=now)


def _signed(body: bytes) -> dict[str, str]:
    return {"agora-signature-v2": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


async def measure() -> list[Figure]:
    """Everything, on a fresh database."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-bench-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
    ):
        await wiring.migrate(url)
        settings = Settings(_env_file=None, secret_key=new_key())
        async with wiring.broker(settings, url) as broker:
            return [*folding(), *await applying(broker)]


def run() -> list[dict[str, Any]]:
    """The figures, for a table or for JSON."""
    return [
        {"what": each.name, "seconds": round(each.seconds, 4), "against": each.against, "ratio": each.ratio}
        for each in asyncio.run(measure())
    ]
