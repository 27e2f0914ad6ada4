"""The behavior that the provider contract requires, tested with every provider."""

import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polling import eventually
from tenants import MovableClock, Sandbox
from videobroker.domain.apps import ProviderAccount, ProviderName
from videobroker.domain.attendance.observations import EvidenceSource, ObservationType
from videobroker.domain.ids import AccountId, AppId, SessionId, uuid7
from videobroker.domain.rooms import build_room_name
from videobroker.errors import ProviderNotConfigured, ProviderRefused, WebhookRefused, WebhookUnreadable
from videobroker.providers.contract import Capability, ChannelCredentials, CredentialRequest, Provider, TokenCredentials
from videobroker.wiring import ProviderRegistry

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ROLES = {ProviderName.HMS: "teacher", ProviderName.AGORA: "publisher"}
SECRETS = {ProviderName.HMS: "secret", ProviderName.AGORA: "app_certificate"}


HOOK_SECRET = "secret-of-the-webhooks"
AGORA = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}


@pytest.fixture(params=["100ms", "100ms with everything", "agora", "agora with everything"])
def account(request: pytest.FixtureRequest, sandbox: Sandbox) -> ProviderAccount:
    """Accounts with the fewest and with the most capabilities."""
    settings = {
        "100ms": sandbox.account("tutoring"),
        "100ms with everything": {**sandbox.account("tutoring", prebuilt=True), "webhook_secret": HOOK_SECRET},
        "agora": AGORA,
        "agora with everything": {
            **AGORA,
            "customer_id": "5a0db0c5c057000000000000000a60a0",
            "customer_secret": "sandbox-secret-of-the-agora-customer-not-a-real-one",
            "notifications_secret": HOOK_SECRET,
            "api_url": sandbox.url,
        },
    }
    name = ProviderName(request.param.split()[0])
    return ProviderAccount(AccountId(uuid7(NOW)), name, settings[request.param])


@pytest.fixture
async def provider(account: ProviderAccount, clock: MovableClock) -> AsyncIterator[Provider]:
    directory = ProviderRegistry(clock)
    yield directory.provider(account)
    await directory.aclose()


def make_seat(provider: Provider, clock: MovableClock, user_id: str, uid: int) -> CredentialRequest:
    return CredentialRequest(
        user_id=user_id,
        role=ROLES[provider.name],
        display_name=user_id.capitalize(),
        issued_at=clock(),
        expires_at=clock() + timedelta(minutes=80),
        uid=uid if provider.needs_uid else None,
    )


@pytest.fixture
def seat(provider: Provider, clock: MovableClock) -> CredentialRequest:
    return make_seat(provider, clock, "ada", 42)


@pytest.fixture
def another(provider: Provider, clock: MovableClock) -> CredentialRequest:
    return make_seat(provider, clock, "ben", 43)


@dataclass(frozen=True)
class Participants:
    """Actions of participants at the vendor."""

    provider: Provider
    sandbox: Sandbox

    async def enter(self, room_id: str, seat: CredentialRequest) -> str | None:
        """Enter with the signed credentials. Returns the connection, or None if the vendor refuses."""
        credentials = self.provider.sign(room_id, seat).credentials
        if isinstance(credentials, ChannelCredentials):
            body = {"uid": credentials.uid, "token": credentials.token}
            response = await self.sandbox.client.post(f"/_sandbox/agora/{room_id}/users", json=body)
            return str(credentials.uid) if response.is_success else None
        assert isinstance(credentials, TokenCredentials)
        response = await self.sandbox.client.post(
            f"/_sandbox/rooms/{room_id}/peers", json={"token": credentials.token, "name": seat.display_name}
        )
        return str(response.json()["peer"]["id"]) if response.is_success else None

    async def is_valid(self, code: str, user_id: str = "eve") -> bool:
        """Whether a room code is valid."""
        response = await self.sandbox.client.post("/v2/token", json={"code": code, "user_id": user_id})
        return response.is_success and "token" in response.json()

    async def present(self, room_id: str) -> set[str]:
        """The provider user IDs of present people."""
        rolls = await self.provider.fetch_presence(room_id, since=NOW)
        return {person.provider_user_id for roll in rolls for person in roll.people if person.left_at is None}

    async def until_present(self, room_id: str, people: set[str]) -> None:
        """Wait until exactly these people are present: vendors disconnect people with a delay."""

        async def present() -> bool:
            return await self.present(room_id) == people

        await eventually(present)


@pytest.fixture
def participants(provider: Provider, sandbox: Sandbox) -> Participants:
    return Participants(provider, sandbox)


def provider_user_id(seat: CredentialRequest) -> str:
    """The provider user ID of the person."""
    return seat.user_id if seat.uid is None else str(seat.uid)


@pytest.fixture
def fresh_name() -> Callable[[], str]:
    return lambda: build_room_name(AppId(uuid7(NOW)), SessionId(uuid7(NOW)))


async def test_opening_a_room_again_gives_the_same_room(provider: Provider, fresh_name: Callable[[], str]) -> None:
    name = fresh_name()
    assert await provider.open_room(name) == await provider.open_room(name)


async def test_an_open_room_is_found_by_its_name(provider: Provider, fresh_name: Callable[[], str]) -> None:
    name = fresh_name()
    room_id = await provider.open_room(name)
    # A name that begins with it is the name of another generation.
    await provider.open_room(f"{name}-1")
    assert await provider.find_open_room(name.upper() if provider.name is ProviderName.HMS else name) == room_id


async def test_different_names_are_different_rooms(provider: Provider, fresh_name: Callable[[], str]) -> None:
    assert await provider.open_room(fresh_name()) != await provider.open_room(fresh_name())


async def test_signing_sends_no_request_and_has_a_token_id_that_is_not_the_token(
    provider: Provider, seat: CredentialRequest, sandbox: Sandbox, fresh_name: Callable[[], str]
) -> None:
    room_id = await provider.open_room(fresh_name())
    await sandbox.inject_fault("drop")
    first, second = provider.sign(room_id, seat), provider.sign(room_id, seat)
    assert first.token_id != second.token_id
    assert first.token_id not in {"", getattr(first.credentials, "token", "")}
    assert first.credentials.provider == provider.name


async def test_a_person_with_a_uid_gets_credentials_for_it(
    provider: Provider, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    credentials = provider.sign(await provider.open_room(fresh_name()), seat).credentials
    assert isinstance(credentials, ChannelCredentials) == provider.needs_uid
    if isinstance(credentials, ChannelCredentials):
        assert credentials.uid == seat.uid


async def test_an_empty_role_is_refused(provider: Provider, seat: CredentialRequest) -> None:
    with pytest.raises(ProviderRefused):
        provider.sign("65f0c1a2b3d4e5f60718293a", replace(seat, role=""))


async def test_a_closed_room_is_empty_and_refuses_joins_until_it_is_opened(
    provider: Provider,
    participants: Participants,
    seat: CredentialRequest,
    another: CredentialRequest,
    fresh_name: Callable[[], str],
) -> None:
    name = fresh_name()
    room_id = await provider.open_room(name)
    if Capability.CLOSE_ROOM not in provider.capabilities:
        with pytest.raises(ProviderRefused):
            await provider.close_room(room_id)
        return
    assert await participants.enter(room_id, seat)
    closure = await provider.close_room(room_id)
    await participants.until_present(room_id, set())
    assert not await participants.enter(room_id, seat)
    assert not await participants.enter(room_id, another)
    assert await provider.open_room(name, closure=closure) == room_id
    assert await provider.open_room(name, closure=closure) == room_id
    assert await participants.enter(room_id, seat)


async def test_an_idle_room_can_be_closed_twice_and_opened_with_either_closure(
    provider: Provider, participants: Participants, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    if Capability.CLOSE_ROOM not in provider.capabilities:
        return
    for chosen in (0, 1):
        name = fresh_name()
        room_id = await provider.open_room(name)
        closures = [await provider.close_room(room_id), await provider.close_room(room_id)]
        assert await provider.open_room(name, closure=closures[chosen]) == room_id
        assert await participants.enter(room_id, seat)


async def test_codes_are_stable_and_valid_on_the_page_if_the_provider_has_one(
    provider: Provider, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    room_id = await provider.open_room(fresh_name())
    if Capability.ROOM_CODES not in provider.capabilities:
        with pytest.raises(ProviderRefused):
            await provider.issue_codes(room_id)
        with pytest.raises(ProviderRefused):
            await provider.replace_code(room_id, seat.role, "abc")
        with pytest.raises(ProviderRefused):
            provider.sign_prebuilt(room_id, "abc", seat)
        return
    codes = await provider.issue_codes(room_id)
    assert codes == await provider.issue_codes(room_id)
    if Capability.PREBUILT in provider.capabilities:
        signed = provider.sign_prebuilt(room_id, codes[seat.role], seat)
        assert codes[seat.role] in getattr(signed.credentials, "url", "")
        assert codes[seat.role] not in signed.token_id
    else:
        with pytest.raises(ProviderNotConfigured):
            provider.sign_prebuilt(room_id, codes[seat.role], seat)


async def test_a_replaced_code_is_invalid_and_the_new_one_is_stable(
    provider: Provider, participants: Participants, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    if Capability.ROOM_CODES not in provider.capabilities:
        return
    room_id = await provider.open_room(fresh_name())
    before = await provider.issue_codes(room_id)
    old = before[seat.role]
    assert await participants.is_valid(old)
    new = await provider.replace_code(room_id, seat.role, old)
    assert await provider.replace_code(room_id, seat.role, old) == new != old
    assert (await participants.is_valid(old), await participants.is_valid(new)) == (False, True)
    assert await provider.issue_codes(room_id) == {**before, seat.role: new}


async def test_codes_from_before_a_closing_are_invalid_afterwards(
    provider: Provider, participants: Participants, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    if Capability.ROOM_CODES not in provider.capabilities:
        return
    name = fresh_name()
    room_id = await provider.open_room(name)
    before = await provider.issue_codes(room_id)
    closure = await provider.close_room(room_id, codes=[before[seat.role]])
    assert not [code for code in before.values() if await participants.is_valid(code)]
    await provider.open_room(name, closure=closure)
    after = await provider.issue_codes(room_id)
    assert not set(after.values()) & set(before.values())
    assert not [code for code in before.values() if await participants.is_valid(code)]
    assert await participants.is_valid(after[seat.role])


async def test_a_removed_person_is_disconnected_and_others_are_not(
    provider: Provider,
    participants: Participants,
    seat: CredentialRequest,
    another: CredentialRequest,
    fresh_name: Callable[[], str],
) -> None:
    room_id = await provider.open_room(fresh_name())
    if Capability.REMOVE_PERSON not in provider.capabilities:
        with pytest.raises(ProviderRefused):
            await provider.remove_person(room_id, provider_user_id(seat), until=None)
        return
    await provider.remove_person(room_id, provider_user_id(seat), until=None)
    assert await participants.enter(room_id, seat)
    assert await participants.enter(room_id, another)
    await provider.remove_person(room_id, provider_user_id(seat), until=None)
    await participants.until_present(room_id, {provider_user_id(another)})
    assert await participants.enter(room_id, seat)


async def test_a_banned_person_cannot_rejoin_and_others_can(
    provider: Provider,
    participants: Participants,
    seat: CredentialRequest,
    another: CredentialRequest,
    clock: MovableClock,
    fresh_name: Callable[[], str],
) -> None:
    if Capability.BAN not in provider.capabilities:
        return
    room_id = await provider.open_room(fresh_name())
    assert await participants.enter(room_id, seat)
    await provider.remove_person(room_id, provider_user_id(seat), until=clock() + timedelta(minutes=5))
    await participants.until_present(room_id, set())
    assert not await participants.enter(room_id, seat)
    assert await participants.enter(room_id, another)


async def test_a_ban_expires(
    provider: Provider,
    participants: Participants,
    seat: CredentialRequest,
    clock: MovableClock,
    fresh_name: Callable[[], str],
) -> None:
    if Capability.BAN not in provider.capabilities:
        return
    room_id = await provider.open_room(fresh_name())
    await provider.remove_person(room_id, provider_user_id(seat), until=clock() + timedelta(minutes=5))
    clock.move(minutes=6)
    assert await participants.enter(room_id, seat)


async def test_a_presence_query_lists_present_people(
    provider: Provider,
    participants: Participants,
    seat: CredentialRequest,
    another: CredentialRequest,
    clock: MovableClock,
    fresh_name: Callable[[], str],
) -> None:
    room_id = await provider.open_room(fresh_name())
    if Capability.PRESENCE not in provider.capabilities:
        with pytest.raises(ProviderRefused):
            await provider.fetch_presence(room_id, since=NOW)
        return
    before = clock()
    assert [roll.people for roll in await provider.fetch_presence(room_id, since=before)] in ([], [()])
    connections = {await participants.enter(room_id, seat), await participants.enter(room_id, another)}
    [roll] = await provider.fetch_presence(room_id, since=before)
    assert {person.connection for person in roll.people} == connections
    assert {person.provider_user_id for person in roll.people} == {provider_user_id(seat), provider_user_id(another)}
    assert {person.role for person in roll.people} == {seat.role}
    assert roll.ended_at is None
    assert before - timedelta(milliseconds=1) <= roll.taken_at <= clock()
    for person in roll.people:
        assert person.left_at is None
        assert person.joined_at is not None
        assert before - timedelta(seconds=1) <= person.joined_at <= clock()
        assert person.joined_at.microsecond % 1000 == roll.taken_at.microsecond % 1000 == 0


ARRIVAL = {
    ProviderName.HMS: {
        "id": "0c5e7a44-2b1d-4f0e-9a77-5d2f6c3b8e90",
        "timestamp": "2026-03-12T14:00:00Z",
        "type": "peer.join.success",
        "data": {
            "room_id": "room-1",
            "session_id": "s",
            "peer_id": "42",
            "user_id": "42",
            "role": "teacher",
            "joined_at": "2026-03-12T14:00:00Z",
        },
    },
    ProviderName.AGORA: {
        "noticeId": "n-1",
        "productId": 1,
        "eventType": 103,
        "notifyMs": int(NOW.timestamp() * 1000),
        "payload": {"channelName": "room-1", "uid": 42, "clientSeq": 1, "ts": int(NOW.timestamp())},
    },
}


def webhook_headers(provider: Provider, body: bytes) -> dict[str, str]:
    """The headers of a webhook of the vendor."""
    if provider.name is ProviderName.HMS:
        return {"videobroker-hook-secret": HOOK_SECRET}
    return {"agora-signature-v2": hmac.new(HOOK_SECRET.encode(), body, "sha256").hexdigest()}


async def test_only_webhooks_of_the_vendor_are_accepted(provider: Provider) -> None:
    body = json.dumps(ARRIVAL[provider.name]).encode()
    if Capability.WEBHOOKS in provider.capabilities:
        assert provider.verify(webhook_headers(provider, body), body, now=NOW) == provider.read(body)
    else:
        with pytest.raises(WebhookRefused):
            provider.verify(webhook_headers(provider, body), body, now=NOW)
    with pytest.raises(WebhookRefused):
        provider.verify({}, body, now=NOW)
    with pytest.raises(WebhookRefused):
        provider.verify(
            {name: "0" * len(value) for name, value in webhook_headers(provider, body).items()}, body, now=NOW
        )


@pytest.mark.parametrize("days", [-1, 31])
async def test_an_old_or_future_webhook_is_not_accepted_but_readable(provider: Provider, days: int) -> None:
    body = json.dumps(ARRIVAL[provider.name]).encode()
    if Capability.WEBHOOKS in provider.capabilities:
        with pytest.raises(WebhookUnreadable):
            provider.verify(webhook_headers(provider, body), body, now=NOW + timedelta(days=days))
    assert provider.read(body).observation is not None


async def test_webhooks_of_all_vendors_have_one_format(provider: Provider) -> None:
    notice = provider.read(json.dumps(ARRIVAL[provider.name]).encode())
    seen = notice.observation
    assert seen is not None
    assert (seen.sign, seen.at, seen.connection, seen.provider_user_id) == (ObservationType.ARRIVED, NOW, "42", "42")
    assert (seen.role, seen.source, notice.room_id) == (ROLES[provider.name], EvidenceSource.OBSERVED, "room-1")
    assert notice.dedup_key is not None


@given(st.binary())
def test_any_bytes_are_parsed_or_unreadable(body: bytes) -> None:
    for name, settings in ((ProviderName.AGORA, AGORA), (ProviderName.HMS, {"access_key": "k", "secret": "s"})):
        provider = ProviderRegistry(lambda: NOW).provider(ProviderAccount(AccountId(uuid7(NOW)), name, settings))
        with contextlib.suppress(WebhookUnreadable):
            provider.read(body)
        with pytest.raises(WebhookRefused):
            provider.verify({}, body, now=NOW)


async def test_secrets_are_never_printed(
    provider: Provider, account: ProviderAccount, seat: CredentialRequest, fresh_name: Callable[[], str]
) -> None:
    signed = provider.sign(await provider.open_room(fresh_name()), seat)
    printed = f"{provider!r} {account!r} {signed!r}"
    for name in account.settings.keys() & {SECRETS[account.provider], "customer_secret", "webhook_secret"}:
        assert account.settings[name] not in printed
    assert getattr(signed.credentials, "token", "?") not in printed


async def test_an_account_that_lacks_its_secret_is_refused_by_name(
    account: ProviderAccount, clock: MovableClock
) -> None:
    missing = SECRETS[account.provider]
    settings = {name: value for name, value in account.settings.items() if name != missing}
    with pytest.raises(ProviderNotConfigured, match=missing):
        ProviderRegistry(clock).provider(replace(account, settings=settings))


async def test_a_provider_is_reused_until_its_account_changes(account: ProviderAccount, clock: MovableClock) -> None:
    directory = ProviderRegistry(clock)
    first = directory.provider(account)
    assert directory.provider(account) is first
    assert directory.provider(replace(account, version=2)) is not first
    await directory.aclose()
