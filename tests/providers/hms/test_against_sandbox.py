"""The provider against the sandbox, which checks the requests like the vendor."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from polling import eventually
from videobroker.domain.attendance.observations import ObservationType
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.contract import CredentialRequest, PrebuiltCredentials, RoomClosed, TokenCredentials
from videobroker.providers.hms.provider import HmsProvider
from videobroker.sandbox import SandboxConfig, SandboxState, create_sandbox, demo_config

from .conftest import Clock

HOST = "http://sandbox.test"

pytestmark = pytest.mark.usefixtures("waits")


class InProcessTransport(httpx.ASGITransport):
    """Calls the sandbox in this process. If it closes the connection, the caller gets a transport error."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error)) from error


class Control:
    """The control API of the sandbox, in place of browsers and people."""

    def __init__(self, line: InProcessTransport) -> None:
        self._http = httpx.AsyncClient(base_url=HOST, transport=line)

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self._http.request(method, path, json=body)

    async def join(self, room_id: str, token: str) -> httpx.Response:
        return await self.send("POST", f"/_sandbox/rooms/{room_id}/peers", {"token": token, "name": "Asha"})

    async def inject_fault(self, **fault: object) -> None:
        assert (await self.send("POST", "/_sandbox/faults", fault)).is_success

    async def counters(self) -> dict[str, Any]:
        counts = (await self.send("GET", "/_sandbox/counters")).json()
        assert isinstance(counts, dict)
        return counts

    async def aclose(self) -> None:
        await self._http.aclose()


class CrashingTransport(InProcessTransport):
    """A transport that crashes the caller after some requests, before the last response."""

    def __init__(self, line: InProcessTransport, requests: int) -> None:
        super().__init__(line.app)
        self._left = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self._left -= 1
        if self._left == 0:
            raise Crash
        return response


class Crash(BaseException):
    """The crash of the caller."""


@pytest.fixture
def config() -> SandboxConfig:
    return demo_config()


@pytest.fixture
def line(config: SandboxConfig, clock: Clock) -> InProcessTransport:
    return InProcessTransport(create_sandbox(config, SandboxState(config, now=clock)))


@pytest.fixture
def settings(config: SandboxConfig) -> dict[str, str]:
    [workspace] = config.workspaces
    return {
        "access_key": workspace.access_key,
        "secret": workspace.secret,
        "template_id": workspace.default_template.id,
        "subdomain": workspace.default_template.subdomain,
        "api_url": f"{HOST}/v2",
    }


@pytest.fixture
async def provider(settings: dict[str, str], clock: Clock, line: InProcessTransport) -> AsyncIterator[HmsProvider]:
    provider = HmsProvider.from_settings(settings, clock=clock, transport=line)
    yield provider
    await provider.aclose()


@pytest.fixture
async def control(line: InProcessTransport) -> AsyncIterator[Control]:
    control = Control(line)
    yield control
    await control.aclose()


def token_for(provider: HmsProvider, room_id: str, seat: CredentialRequest) -> str:
    credentials = provider.sign(room_id, seat).credentials
    assert isinstance(credentials, TokenCredentials)
    return credentials.token


async def test_opening_twice_creates_one_room(provider: HmsProvider, control: Control) -> None:
    first = await provider.open_room("vb:lesson-42")
    assert await provider.open_room("vb:LESSON-42") == first
    assert (await control.counters())["rooms_created"] == 1


@pytest.mark.parametrize("user_id", ["u-1842", "???~~~>>>", "Zoë 漢字 😀\x7f"])
async def test_a_signed_token_admits_exactly_its_person(
    provider: HmsProvider, control: Control, seat: CredentialRequest, user_id: str
) -> None:
    room_id = await provider.open_room("lesson")
    joined = await control.join(room_id, token_for(provider, room_id, replace(seat, user_id=user_id)))
    assert joined.status_code == 200
    assert (joined.json()["peer"]["user_id"], joined.json()["peer"]["role"]) == (user_id, "teacher")


async def test_a_token_with_an_unknown_role_is_refused(
    provider: HmsProvider, control: Control, seat: CredentialRequest
) -> None:
    room_id = await provider.open_room("lesson")
    joined = await control.join(room_id, token_for(provider, room_id, replace(seat, role="Teacher")))
    assert joined.status_code == 401


async def test_codes_are_stable_and_can_be_exchanged(
    provider: HmsProvider, control: Control, seat: CredentialRequest
) -> None:
    room_id = await provider.open_room("lesson")
    codes = await provider.issue_codes(room_id)
    assert set(codes) == {"teacher", "student"}
    assert await provider.issue_codes(room_id) == codes
    credentials = provider.sign_prebuilt(room_id, codes["teacher"], seat).credentials
    assert isinstance(credentials, PrebuiltCredentials)
    exchanged = await control.send("POST", "/v2/token", {"code": credentials.room_code, "user_id": seat.user_id})
    assert (await control.join(room_id, exchanged.json()["token"])).status_code == 200


async def test_closing_disconnects_everyone_and_refuses_joins_until_the_room_is_opened(
    provider: HmsProvider, control: Control, seat: CredentialRequest
) -> None:
    room_id = await provider.open_room("lesson")
    token = token_for(provider, room_id, seat)
    assert (await control.join(room_id, token)).status_code == 200
    await provider.close_room(room_id)
    assert (await control.join(room_id, token)).status_code == 403
    assert await provider.open_room("lesson") == room_id
    assert (await control.join(room_id, token)).status_code == 200


async def test_an_idle_room_can_be_closed_twice(
    provider: HmsProvider, control: Control, seat: CredentialRequest
) -> None:
    room_id = await provider.open_room("lesson")
    await provider.close_room(room_id)
    await provider.close_room(room_id)
    assert (await control.join(room_id, token_for(provider, room_id, seat))).status_code == 403


async def test_an_unknown_room_can_be_closed(provider: HmsProvider) -> None:
    await provider.close_room("65f0c1a2b3d4e5f60718293a")


async def test_creating_codes_does_not_reopen_a_closed_room(
    provider: HmsProvider, control: Control, seat: CredentialRequest
) -> None:
    room_id = await provider.open_room("lesson")
    await provider.close_room(room_id)
    with pytest.raises(RoomClosed):
        await provider.issue_codes(room_id)
    assert (await control.join(room_id, token_for(provider, room_id, seat))).status_code == 403
    await provider.open_room("lesson")
    assert await provider.issue_codes(room_id)


@pytest.mark.parametrize("requests", range(1, 6))
async def test_repeating_an_interrupted_closing_completes_it(
    settings: dict[str, str],
    clock: Clock,
    line: InProcessTransport,
    provider: HmsProvider,
    control: Control,
    seat: CredentialRequest,
    requests: int,
) -> None:
    room_id = await provider.open_room("lesson")
    token, codes = token_for(provider, room_id, seat), await provider.issue_codes(room_id)
    assert (await control.join(room_id, token)).status_code == 200
    crashing = HmsProvider.from_settings(settings, clock=clock, transport=CrashingTransport(line, requests))
    with contextlib.suppress(Crash):
        await crashing.close_room(room_id, codes=[codes["teacher"]])
    await crashing.aclose()
    await provider.close_room(room_id, codes=[codes["teacher"]])
    assert (await control.join(room_id, token)).status_code == 403
    await provider.open_room("lesson")
    assert not set((await provider.issue_codes(room_id)).values()) & set(codes.values())
    for code in codes.values():
        exchanged = await control.send("POST", "/v2/token", {"code": code, "user_id": "eve"})
        assert not exchanged.is_success


async def test_webhooks_of_the_sandbox_are_accepted_and_complete(
    settings: dict[str, str], config: SandboxConfig, clock: Clock, seat: CredentialRequest
) -> None:
    sent: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    hook = {"webhook_secret": "secret-of-the-hook", "webhook_url": "https://broker.example/hooks/100ms"}
    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as receiver:
        line = InProcessTransport(create_sandbox(config, SandboxState(config, now=clock), receiver))
        provider = HmsProvider.from_settings({**settings, **hook}, clock=clock, transport=line)
        control = Control(line)
        room_id = await provider.open_room("lesson")
        await control.join(room_id, token_for(provider, room_id, seat))
        await control.send("POST", f"/_sandbox/rooms/{room_id}/recorder")
        clock.advance(timedelta(minutes=45))
        await provider.close_room(room_id)
        # Disconnected people leave with a delay.

        async def closed() -> bool:
            await control.send("POST", "/_sandbox/webhooks/flush")
            return any(b"session.close.success" in request.content for request in sent)

        await eventually(closed)
        await control.aclose()
        await provider.aclose()
    notices = [
        provider.verify({name.lower(): value for name, value in request.headers.items()}, request.content, now=clock())
        for request in sent
    ]
    assert {notice.room_id for notice in notices} == {room_id}
    seen = sorted(
        (notice.observation for notice in notices if notice.observation is not None),
        key=lambda each: list(ObservationType).index(each.sign),
    )
    assert [each.sign for each in seen] == [
        ObservationType.ARRIVED,
        ObservationType.LEFT,
        ObservationType.OPENED,
        ObservationType.EMPTIED,
    ]
    arrived, left, *_ = seen
    assert (arrived.provider_user_id, arrived.role) == (seat.user_id, seat.role)
    assert (left.connection, left.since) == (arrived.connection, arrived.at)
    assert left.at - arrived.at == timedelta(minutes=45)
    assert len({each.provider_call_id for each in seen}) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "status", "status": 503, "after": True},
        {"kind": "drop"},
        {"kind": "drop", "after": True},
        {"kind": "truncate"},
    ],
    ids=str,
)
async def test_a_repeated_fault_creates_no_second_room(
    provider: HmsProvider, control: Control, fault: dict[str, object]
) -> None:
    await control.inject_fault(operation="create_room", times=2, **fault)
    await provider.open_room("lesson")
    counters = await control.counters()
    assert (counters["create_room"], counters["rooms_created"]) == (3, 1)


async def test_a_vendor_that_remains_down_is_unavailable(provider: HmsProvider, control: Control) -> None:
    await control.inject_fault(kind="drop")
    with pytest.raises(ProviderUnavailable):
        await provider.open_room("lesson")
    assert (await control.counters())["create_room"] == 4


async def test_one_management_token_is_used_for_a_day(provider: HmsProvider, control: Control, clock: Clock) -> None:
    for _ in range(48):
        await provider.open_room("lesson")
        clock.advance(timedelta(minutes=30))
    assert (await control.counters())["create_room"] == 48


async def test_a_template_of_another_workspace_is_refused_with_advice(
    settings: dict[str, str], clock: Clock, line: InProcessTransport
) -> None:
    other = {**settings, "template_id": "0" * 24}
    provider = HmsProvider.from_settings(other, clock=clock, transport=line)
    with pytest.raises(ProviderRefused, match="HMS_TEMPLATE_ID"):
        await provider.open_room("lesson")
    await provider.aclose()


@pytest.mark.parametrize("wrong", ["access_key", "secret"])
async def test_wrong_keys_are_refused_with_advice(
    settings: dict[str, str], clock: Clock, line: InProcessTransport, wrong: str
) -> None:
    other = {**settings, wrong: "0" * 40}
    provider = HmsProvider.from_settings(other, clock=clock, transport=line)
    with pytest.raises(ProviderRefused, match="access key and the secret"):
        await provider.open_room("lesson")
    await provider.aclose()


async def test_the_error_names_clock_skew_as_a_cause(
    settings: dict[str, str], clock: Clock, line: InProcessTransport
) -> None:
    ahead = Clock(clock.now + timedelta(minutes=10))
    provider = HmsProvider.from_settings(settings, clock=ahead, transport=line)
    with pytest.raises(ProviderRefused, match="clock"):
        await provider.open_room("lesson")
    await provider.aclose()


async def test_a_clock_ten_seconds_ahead_is_accepted(
    settings: dict[str, str], clock: Clock, line: InProcessTransport
) -> None:
    ahead = Clock(clock.now + timedelta(seconds=10))
    provider = HmsProvider.from_settings(settings, clock=ahead, transport=line)
    assert await provider.open_room("lesson")
    await provider.aclose()
