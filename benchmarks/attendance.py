"""Benchmarks of the attendance projection: folding events, and processing webhooks of small and large calls."""

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
from videobroker.usecases import management, registration, tenants
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.attendance.receive_webhook import receive
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.join import JoinRequester, join

EVENTS = 10_000
FEW_EVENTS = 100
REPEATS = 7
SECRET = "invented-notifications-secret"  # noqa: S105
START = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the result."""

    name: str
    seconds: float
    relative_to: str | None = None
    ratio: float | None = None


def observations(count: int, *, per_connection: int) -> list[Observation]:
    """Arrivals and departures. Each connection arrives and leaves `per_connection` times."""
    result: list[Observation] = []
    for number in range(count // 2):
        connection = f"peer-{number // per_connection}"
        at = START + timedelta(seconds=number % per_connection * 20)
        arrival = Observation(
            sign=ObservationType.ARRIVED,
            at=at,
            connection=connection,
            provider_user_id=connection,
            evidence=f"arrived-{number}",
        )
        left_at = at + timedelta(seconds=10)
        result += [
            arrival,
            replace(arrival, sign=ObservationType.LEFT, at=left_at, since=at, evidence=f"left-{number}"),
        ]
    return result


def median_seconds(work: Callable[[], object]) -> float:
    """The median of several runs."""
    times = []
    for _ in range(REPEATS):
        started_at = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_at)
    return statistics.median(times)


def measure_fold() -> Iterator[Measurement]:
    """The pure fold, without a database."""
    many_people = median_seconds(lambda: fold(observations(EVENTS, per_connection=1)))
    one_person = median_seconds(lambda: fold(observations(EVENTS, per_connection=EVENTS)))
    tenth = median_seconds(lambda: fold(observations(EVENTS // 10, per_connection=1)))
    yield Measurement(f"fold {EVENTS // 10:,} events", tenth)
    yield Measurement(
        f"fold {EVENTS:,} events of as many people", many_people, f"fold {EVENTS // 10:,} events", many_people / tenth
    )
    yield Measurement(
        f"fold {EVENTS:,} events of one person",
        one_person,
        f"fold {EVENTS:,} events of as many people",
        one_person / many_people,
    )


async def measure_processing(broker: Broker) -> list[Measurement]:
    """Processing of stored webhooks, on PostgreSQL."""
    app = await _create_app(broker)
    measurements = []
    small, small_all = await _process(broker, app, "small", FEW_EVENTS)
    large, large_all = await _process(broker, app, "large", EVENTS)
    measurements.append(Measurement(f"process {EVENTS:,} stored webhooks", large_all))
    measurements.append(Measurement(f"process one webhook of a call with {FEW_EVENTS:,}", small))
    measurements.append(
        Measurement(
            f"process one webhook of a call with {EVENTS:,}", large, f"a call with {FEW_EVENTS:,}", large / small
        )
    )
    measurements.append(
        Measurement(
            f"process {FEW_EVENTS:,} stored webhooks", small_all, f"{EVENTS:,} stored webhooks", large_all / small_all
        )
    )
    return measurements


async def _create_app(broker: Broker) -> App:
    now = broker.now()
    roles = {ProviderName.AGORA: {"host": "publisher"}}
    app = await management.create_app(
        RequestContext.for_system(broker, tenants.SERVICE, now), f"bench-{uuid4()}", policy={}, role_maps=roles
    )
    project = demo_config().agora
    settings = {
        "app_id": project.app_id,
        "app_certificate": project.app_certificate,
        "notifications_secret": SECRET,
    }
    return await management.set_account(RequestContext.for_system(broker, app, now), ProviderName.AGORA, settings)


async def _process(broker: Broker, app: App, reference: str, size: int) -> tuple[float, float]:
    """Seconds to process one webhook of a call with so many, and to process all of those in one run."""
    session_id, channel = await _start_call(broker, app, reference)
    for number in range(size):
        await _receive(broker, app, channel, number)
    started_at = time.perf_counter()
    await process_session(broker, app.id, session_id, now=broker.now())
    all_seconds = time.perf_counter() - started_at
    times = []
    for number in range(size, size + REPEATS):
        await _receive(broker, app, channel, number)
        started_at = time.perf_counter()
        await process_session(broker, app.id, session_id, now=broker.now())
        times.append(time.perf_counter() - started_at)
    return statistics.median(times), all_seconds


async def _start_call(broker: Broker, app: App, reference: str) -> tuple[SessionId, str]:
    now = broker.now()
    key = SessionKey(app.id, SessionKind.GROUP, reference)
    people = [Participant("ada", "host")]
    registered = await registration.register(RequestContext.for_system(broker, app, now), key, SessionTerms(), people)
    joined = await join(RequestContext.for_system(broker, app, now), key, JoinRequester("ada"), surface=Surface.SDK)
    return registered.session.id, str(getattr(joined.credentials, "channel", ""))


async def _receive(broker: Broker, app: App, channel: str, number: int) -> None:
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
    await receive(broker, app.name, ProviderName.AGORA, _signature_headers(body), body, now=now)


def _signature_headers(body: bytes) -> dict[str, str]:
    return {"agora-signature-v2": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


async def measure() -> list[Measurement]:
    """Runs all measurements on a new database."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-bench-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
    ):
        await wiring.migrate(url)
        settings = Settings(_env_file=None, secret_key=new_key())
        async with wiring.broker(settings, url) as broker:
            return [*measure_fold(), *await measure_processing(broker)]


def run() -> list[dict[str, Any]]:
    """The measurements as JSON objects."""
    return [
        {"name": each.name, "seconds": round(each.seconds, 4), "relative_to": each.relative_to, "ratio": each.ratio}
        for each in asyncio.run(measure())
    ]
