"""What every provider promises, said once and held against each of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from house import MovableClock, Sandbox
from videobroker.domain.apps import ProviderAccount, ProviderName
from videobroker.domain.ids import AccountId, AppId, SessionId, uuid7
from videobroker.domain.rooms import room_name
from videobroker.errors import ProviderNotConfigured, ProviderRefused
from videobroker.providers.contract import Capability, ChannelCredentials, Provider, Seat
from videobroker.wiring import Directory

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ROLES = {ProviderName.HMS: "teacher", ProviderName.AGORA: "publisher"}
SECRETS = {ProviderName.HMS: "secret", ProviderName.AGORA: "app_certificate"}


@pytest.fixture(params=list(ProviderName))
def account(request: pytest.FixtureRequest, sandbox: Sandbox) -> ProviderAccount:
    settings = {
        ProviderName.HMS: sandbox.account("tutoring", prebuilt=True),
        ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
    }
    name: ProviderName = request.param
    return ProviderAccount(AccountId(uuid7(NOW)), name, settings[name])


@pytest.fixture
async def provider(account: ProviderAccount, clock: MovableClock) -> AsyncIterator[Provider]:
    directory = Directory(clock)
    yield directory.provider(account)
    await directory.aclose()


@pytest.fixture
def seat(provider: Provider) -> Seat:
    return Seat(
        user_id="ada",
        role=ROLES[provider.name],
        display_name="Ada",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=80),
        uid=42 if provider.needs_uid else None,
    )


@pytest.fixture
def fresh_name() -> Callable[[], str]:
    return lambda: room_name(AppId(uuid7(NOW)), SessionId(uuid7(NOW)))


async def test_opening_a_room_again_gives_the_same_room(provider: Provider, fresh_name: Callable[[], str]) -> None:
    name = fresh_name()
    assert await provider.open_room(name) == await provider.open_room(name)


async def test_different_names_are_different_rooms(provider: Provider, fresh_name: Callable[[], str]) -> None:
    assert await provider.open_room(fresh_name()) != await provider.open_room(fresh_name())


async def test_signing_needs_nobody_and_remembers_a_name_that_is_not_the_token(
    provider: Provider, seat: Seat, sandbox: Sandbox, fresh_name: Callable[[], str]
) -> None:
    room_id = await provider.open_room(fresh_name())
    await sandbox.fault("drop")
    first, second = provider.sign(room_id, seat), provider.sign(room_id, seat)
    assert first.token_id != second.token_id
    assert first.token_id not in {"", getattr(first.credentials, "token", "")}
    assert first.credentials.provider == provider.name


async def test_a_person_with_a_number_gets_credentials_for_it(
    provider: Provider, seat: Seat, fresh_name: Callable[[], str]
) -> None:
    credentials = provider.sign(await provider.open_room(fresh_name()), seat).credentials
    assert isinstance(credentials, ChannelCredentials) == provider.needs_uid
    if isinstance(credentials, ChannelCredentials):
        assert credentials.uid == seat.uid


async def test_a_role_without_a_name_is_never_signed_for(provider: Provider, seat: Seat) -> None:
    with pytest.raises(ProviderRefused):
        provider.sign("65f0c1a2b3d4e5f60718293a", replace(seat, role=""))


async def test_a_room_can_be_closed_twice_and_opened_again_where_closing_is_claimed(
    provider: Provider, fresh_name: Callable[[], str]
) -> None:
    name = fresh_name()
    room_id = await provider.open_room(name)
    if Capability.CLOSE_ROOM in provider.capabilities:
        await provider.close_room(room_id)
        await provider.close_room(room_id)
        assert await provider.open_room(name) == room_id
    else:
        with pytest.raises(ProviderRefused):
            await provider.close_room(room_id)


async def test_codes_stay_the_same_and_lead_to_a_page_where_the_page_is_claimed(
    provider: Provider, seat: Seat, fresh_name: Callable[[], str]
) -> None:
    room_id = await provider.open_room(fresh_name())
    if Capability.PREBUILT in provider.capabilities:
        codes = await provider.issue_codes(room_id)
        assert codes == await provider.issue_codes(room_id)
        signed = provider.prebuilt(room_id, codes[seat.role], seat)
        assert codes[seat.role] in getattr(signed.credentials, "url", "")
        assert codes[seat.role] not in signed.token_id
    else:
        with pytest.raises(ProviderRefused):
            await provider.issue_codes(room_id)
        with pytest.raises(ProviderRefused):
            provider.prebuilt(room_id, "abc", seat)


async def test_nothing_secret_is_ever_printed(
    provider: Provider, account: ProviderAccount, seat: Seat, fresh_name: Callable[[], str]
) -> None:
    signed = provider.sign(await provider.open_room(fresh_name()), seat)
    printed = f"{provider!r} {account!r} {signed!r}"
    assert account.settings[SECRETS[account.provider]] not in printed
    assert getattr(signed.credentials, "token", "?") not in printed


def test_an_account_that_lacks_its_secret_is_refused_by_name(account: ProviderAccount, clock: MovableClock) -> None:
    missing = SECRETS[account.provider]
    settings = {name: value for name, value in account.settings.items() if name != missing}
    with pytest.raises(ProviderNotConfigured, match=missing):
        Directory(clock).provider(replace(account, settings=settings))


async def test_a_provider_is_kept_until_its_account_changes(account: ProviderAccount, clock: MovableClock) -> None:
    directory = Directory(clock)
    first = directory.provider(account)
    assert directory.provider(account) is first
    assert directory.provider(replace(account, version=2)) is not first
    await directory.aclose()
