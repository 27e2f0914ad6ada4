"""The provider against the sandbox, which checks the requests like the vendor."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.diagnostics import CheckStatus
from videobroker.errors import ProviderUnavailable
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import ChannelCredentials, CredentialRequest
from videobroker.sandbox import SandboxState, create_sandbox, demo_config

from .agora_account import NOON

HOST = "http://sandbox.test"
HOOK = "https://broker.example/hooks/agora"

pytestmark = pytest.mark.usefixtures("waits")


class InProcessTransport(httpx.ASGITransport):
    """Calls the sandbox in this process. If it closes the connection, the caller gets a transport error."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error)) from error


class Participants:
    """The sandbox, its webhooks, and the people in its channels."""

    def __init__(self) -> None:
        config = demo_config()
        assert config.agora is not None
        self.now = NOON
        self.sent: list[httpx.Request] = []
        self._receiver = httpx.AsyncClient(transport=httpx.MockTransport(self._take))
        self.line = InProcessTransport(
            create_sandbox(config, SandboxState(config, now=lambda: self.now), self._receiver)
        )
        self._http = httpx.AsyncClient(base_url=HOST, transport=self.line)
        self.settings = {
            "app_id": config.agora.app_id,
            "app_certificate": config.agora.app_certificate,
            "customer_id": config.agora.customer_id,
            "customer_secret": config.agora.customer_secret,
            "notifications_secret": config.agora.notifications_secret,
            "api_url": HOST,
        }

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200, json={})

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self._http.request(method, f"/_sandbox{path}", json=body)

    async def enter(self, provider: AgoraProvider, uid: int, **how: object) -> bool:
        seat = CredentialRequest(
            "ada", "publisher", "Ada", issued_at=self.now, expires_at=self.now + timedelta(hours=2), uid=uid
        )
        credentials = provider.sign("room-1", seat).credentials
        assert isinstance(credentials, ChannelCredentials)
        body = {"uid": uid, "token": credentials.token, **how}
        return (await self.send("POST", "/agora/room-1/users", body)).is_success

    async def aclose(self) -> None:
        await self._http.aclose()
        await self._receiver.aclose()


@pytest.fixture
async def participants() -> AsyncIterator[Participants]:
    participants = Participants()
    yield participants
    await participants.aclose()


@pytest.fixture
async def provider(participants: Participants) -> AsyncIterator[AgoraProvider]:
    provider = AgoraProvider.from_settings(
        participants.settings, clock=lambda: participants.now, transport=participants.line
    )
    yield provider
    await provider.aclose()


@pytest.mark.parametrize("fault", [{"kind": "drop", "after": True}, {"kind": "status", "status": 504, "after": True}])
async def test_a_lost_response_creates_no_second_rule(
    provider: AgoraProvider, participants: Participants, fault: dict[str, object]
) -> None:
    response = await participants.send("POST", "/faults", {"operation": "agora_create_rule", "times": 1, **fault})
    assert response.is_success
    closure = await provider.close_room("room-1")
    assert closure is not None
    counters = (await participants.send("GET", "/counters")).json()
    assert counters["agora_create_rule"] == 1
    assert not await participants.enter(provider, 42)
    await provider.open_room("room-1", closure=closure)
    assert await participants.enter(provider, 42)


async def test_opening_deletes_a_rule_with_an_unknown_id(provider: AgoraProvider, participants: Participants) -> None:
    await provider.close_room("room-1")
    closure = await provider.close_room("room-1")
    await provider.remove_person("room-1", "43", until=participants.now + timedelta(hours=1))
    await provider.open_room("room-1", closure=closure)
    assert await participants.enter(provider, 42)
    assert not await participants.enter(provider, 43)


async def test_the_rule_of_a_closing_lasts_longer_than_every_token(
    provider: AgoraProvider, participants: Participants
) -> None:
    closure = await provider.close_room("room-1")
    participants.now += timedelta(hours=23, minutes=59)
    assert not await participants.enter(provider, 42)
    participants.now += timedelta(minutes=2)
    assert await provider.open_room("room-1", closure=closure) == "room-1"


async def test_a_vendor_that_remains_down_is_unavailable(provider: AgoraProvider, participants: Participants) -> None:
    await participants.send("POST", "/faults", {"kind": "drop"})
    with pytest.raises(ProviderUnavailable):
        await provider.fetch_presence("room-1", since=NOON)


async def test_a_presence_query_lists_people_but_no_recorder(
    provider: AgoraProvider, participants: Participants
) -> None:
    for uid in (42, 43, 2_000_000_001):
        assert await participants.enter(provider, uid)
    [roll] = await provider.fetch_presence("room-1", since=NOON)
    assert [(person.connection, person.joined_at) for person in roll.people] == [("42", NOON), ("43", NOON)]


async def test_the_checks_accept_valid_credentials_and_report_invalid_ones(
    provider: AgoraProvider, participants: Participants
) -> None:
    assert {finding.verdict for finding in await provider.examine(["publisher"])} == {CheckStatus.OK}
    settings = {**participants.settings, "customer_secret": "wrong"}
    other = AgoraProvider.from_settings(settings, clock=lambda: participants.now, transport=participants.line)
    findings = {finding.check: finding for finding in await other.examine(["publisher"])}
    assert findings["agora customer credentials"].verdict is CheckStatus.FAILED
    await other.aclose()


async def test_webhooks_of_the_sandbox_are_accepted_and_complete(
    provider: AgoraProvider, participants: Participants
) -> None:
    assert (await participants.send("PUT", "/agora/notifications", {"url": HOOK})).is_success
    assert await participants.enter(provider, 42)
    assert await participants.enter(provider, 43, platform=6, client_type=10)
    participants.now += timedelta(minutes=45)
    await provider.remove_person("room-1", "43", until=None)
    await provider.remove_person("room-1", "42", until=None)
    await participants.send("POST", "/webhooks/flush")
    notices = [
        provider.verify(
            {name.lower(): value for name, value in request.headers.items()}, request.content, now=participants.now
        )
        for request in participants.sent
    ]
    assert {notice.room_id for notice in notices} == {"room-1"}
    seen: dict[ObservationType, Observation] = {
        notice.observation.sign: notice.observation for notice in notices if notice.observation is not None
    }
    assert set(seen) == {ObservationType.OPENED, ObservationType.ARRIVED, ObservationType.LEFT, ObservationType.EMPTIED}
    arrived, left = seen[ObservationType.ARRIVED], seen[ObservationType.LEFT]
    assert arrived.connection == left.connection == "42"
    assert (left.since, left.at - arrived.at, left.reason) == (arrived.at, timedelta(minutes=45), "3")
    assert arrived.order is not None
    assert left.order is not None
    assert arrived.order < left.order
    assert len({notice.dedup_key for notice in notices}) == len(notices)
