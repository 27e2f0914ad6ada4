"""The Agora provider: credentials, refusals, and secrets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from videobroker.domain.apps import ProviderName
from videobroker.errors import ProviderError, ProviderNotConfigured, ProviderRefused
from videobroker.providers.agora.provider import AgoraProvider, secure_salt
from videobroker.providers.contract import ChannelCredentials, CredentialRequest, IssuedCredentials, Provider
from videobroker.sandbox.agora.tokens import AgoraToken, RtcGrant, read_token

APP_ID = "0123456789abcdef0123456789abcdef"
CERTIFICATE = "fedcba9876543210fedcba9876543210"
SETTINGS = {"app_id": APP_ID, "app_certificate": CERTIFICATE}
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SEAT = CredentialRequest(
    user_id="tutor-7",
    role="publisher",
    display_name="Ada",
    issued_at=NOON,
    expires_at=NOON + timedelta(hours=1),
    uid=7,
)


@pytest.fixture
def agora() -> AgoraProvider:
    return AgoraProvider(app_id=APP_ID, app_certificate=CERTIFICATE, clock=lambda: NOON, draw_salt=lambda: 4711)


def credentials_of(signed: IssuedCredentials) -> ChannelCredentials:
    assert isinstance(signed.credentials, ChannelCredentials)
    return signed.credentials


def parsed_token(signed: IssuedCredentials) -> AgoraToken:
    token = read_token(credentials_of(signed).token)
    assert token.signed_with(CERTIFICATE)
    return token


def service_of(signed: IssuedCredentials) -> RtcGrant:
    (service,) = parsed_token(signed).services
    return service


class TestClaims:
    def test_it_has_no_capabilities_and_needs_a_uid(self, agora: AgoraProvider) -> None:
        provider: Provider = agora
        assert provider.name is ProviderName.AGORA
        assert provider.capabilities == frozenset()
        assert provider.needs_uid

    def test_its_tokens_live_an_hour_and_at_most_a_day(self, agora: AgoraProvider) -> None:
        rule = agora.token_limits
        assert (rule.default, rule.maximum) == (timedelta(hours=1), timedelta(hours=24))
        assert not rule.must_cover_call

    async def test_operations_without_their_capability_are_refused(self, agora: AgoraProvider) -> None:
        with pytest.raises(ProviderRefused, match="room codes"):
            await agora.issue_codes("room-1")
        with pytest.raises(ProviderRefused, match="close a channel"):
            await agora.close_room("room-1")
        with pytest.raises(ProviderRefused, match="ready-made page"):
            agora.sign_prebuilt("room-1", "code", SEAT)

    async def test_it_can_be_closed_at_any_time(self, agora: AgoraProvider) -> None:
        await agora.aclose()
        await agora.aclose()
        assert service_of(agora.sign("room-1", SEAT)).channel == "room-1"


class TestOpening:
    async def test_a_room_is_its_channel(self, agora: AgoraProvider) -> None:
        assert await agora.open_room("vb-01") == "vb-01"
        assert await agora.open_room("vb-01") == "vb-01"

    @pytest.mark.parametrize("name", ["", "*", "a/b", "c" * 64, "канал"])
    async def test_an_invalid_channel_name_is_refused(self, agora: AgoraProvider, name: str) -> None:
        with pytest.raises(ProviderRefused, match="channel"):
            await agora.open_room(name)


class TestSigning:
    def test_the_credentials_name_the_channel_and_uid_of_the_token(self, agora: AgoraProvider) -> None:
        signed = agora.sign("room-1", SEAT)
        credentials, service = credentials_of(signed), service_of(signed)
        assert (credentials.channel, credentials.uid, credentials.app_id) == ("room-1", 7, APP_ID)
        assert (service.channel, service.uid) == ("room-1", "7")
        assert (credentials.provider, credentials.surface) == ("agora", "sdk")
        assert parsed_token(signed).app_id == APP_ID

    def test_a_publisher_has_all_privileges_for_the_lifetime_of_the_token(self, agora: AgoraProvider) -> None:
        assert service_of(agora.sign("room-1", SEAT)).privileges == {1: 3600, 2: 3600, 3: 3600, 4: 3600}

    def test_a_subscriber_may_only_join(self, agora: AgoraProvider) -> None:
        assert service_of(agora.sign("room-1", replace(SEAT, role="subscriber"))).privileges == {1: 3600}

    @pytest.mark.parametrize("role", ["host", "Publisher", "", "1"])
    def test_an_unknown_role_is_refused_with_the_valid_roles(self, agora: AgoraProvider, role: str) -> None:
        with pytest.raises(ProviderRefused, match="publisher and subscriber"):
            agora.sign("room-1", replace(SEAT, role=role))

    @pytest.mark.parametrize("uid", [None, 0, -1, 2**32, True])
    def test_a_seat_with_an_invalid_uid_is_refused(self, agora: AgoraProvider, uid: Any) -> None:
        with pytest.raises(ProviderRefused, match="uid"):
            agora.sign("room-1", replace(SEAT, uid=uid))

    @pytest.mark.parametrize("channel", ["", "*", "a/b"])
    def test_an_invalid_channel_is_refused(self, agora: AgoraProvider, channel: str) -> None:
        with pytest.raises(ProviderRefused, match="channel"):
            agora.sign(channel, SEAT)

    def test_the_token_is_issued_at_the_second_of_the_seat(self, agora: AgoraProvider) -> None:
        token = parsed_token(agora.sign("room-1", SEAT))
        assert (token.issued, token.expire) == (int(NOON.timestamp()), 3600)

    def test_the_token_ends_no_later_than_the_seat(self, agora: AgoraProvider) -> None:
        seat = replace(
            SEAT,
            issued_at=NOON + timedelta(microseconds=999_999),
            expires_at=NOON + timedelta(seconds=90, microseconds=1),
        )
        token = parsed_token(agora.sign("room-1", seat))
        assert (token.issued, token.expire) == (int(NOON.timestamp()), 89)

    def test_the_time_zone_of_the_seat_does_not_matter(self, agora: AgoraProvider) -> None:
        east = timezone(timedelta(hours=5, minutes=30))
        seat = replace(SEAT, issued_at=SEAT.issued_at.astimezone(east), expires_at=SEAT.expires_at.astimezone(east))
        assert agora.sign("room-1", seat) == agora.sign("room-1", SEAT)

    def test_a_seat_without_a_time_zone_is_refused(self, agora: AgoraProvider) -> None:
        with pytest.raises(ValueError, match="time zone"):
            agora.sign("room-1", replace(SEAT, issued_at=NOON.replace(tzinfo=None)))

    @pytest.mark.parametrize("seconds", [1, 86_400, 86_400.999])
    def test_lifetimes_from_a_second_to_a_day_are_accepted(self, agora: AgoraProvider, seconds: float) -> None:
        seat = replace(SEAT, expires_at=NOON + timedelta(seconds=seconds))
        assert parsed_token(agora.sign("room-1", seat)).expire == int(seconds)

    @pytest.mark.parametrize("seconds", [-1, 0, 0.999, 86_401])
    def test_any_other_lifetime_is_refused(self, agora: AgoraProvider, seconds: float) -> None:
        with pytest.raises(ProviderRefused, match="from 1 to 86400"):
            agora.sign("room-1", replace(SEAT, expires_at=NOON + timedelta(seconds=seconds)))

    def test_the_token_id_is_the_time_of_issue_and_the_salt(self, agora: AgoraProvider) -> None:
        signed = agora.sign("room-1", SEAT)
        token = parsed_token(signed)
        assert signed.token_id == f"{int(NOON.timestamp())}-4711" == f"{token.issued}-{token.salt}"

    def test_signing_again_draws_another_salt(self) -> None:
        agora = AgoraProvider(app_id=APP_ID, app_certificate=CERTIFICATE, clock=lambda: NOON)
        signed = [agora.sign("room-1", SEAT) for _ in range(3)]
        assert len({each.token_id for each in signed}) == 3
        assert all(parsed_token(each).expire == 3600 for each in signed)

    def test_salts_are_drawn_from_1_to_99999999(self) -> None:
        assert all(1 <= secure_salt() <= 99_999_999 for _ in range(1000))


class TestSettings:
    def test_an_account_with_its_settings_signs(self) -> None:
        signed = AgoraProvider.from_settings(SETTINGS, clock=lambda: NOON).sign("room-1", SEAT)
        assert service_of(signed).channel == "room-1"

    @pytest.mark.parametrize("setting", SETTINGS)
    @pytest.mark.parametrize("empty", [None, ""])
    def test_a_missing_setting_is_named(self, setting: str, empty: str | None) -> None:
        settings = {name: value for name, value in SETTINGS.items() if name != setting}
        if empty is not None:
            settings[setting] = empty
        with pytest.raises(ProviderNotConfigured, match=f"lacks the setting {setting}\\."):
            AgoraProvider.from_settings(settings, clock=lambda: NOON)

    @pytest.mark.parametrize("setting", SETTINGS)
    @pytest.mark.parametrize("value", ["5ecret", "z" * 32, "5" * 31 + "\n", "5" * 33])
    def test_a_malformed_setting_is_named_and_not_repeated(self, setting: str, value: str) -> None:
        with pytest.raises(ProviderNotConfigured, match=f"The setting {setting} ") as refusal:
            AgoraProvider.from_settings(SETTINGS | {setting: value}, clock=lambda: NOON)
        assert value not in refusal.value.detail


class TestSecrets:
    def test_no_repr_contains_the_certificate_or_the_token(self, agora: AgoraProvider) -> None:
        signed = agora.sign("room-1", SEAT)
        token = credentials_of(signed).token
        for printed in (repr(agora), str(agora), repr(signed), str(signed.credentials), signed.token_id):
            assert CERTIFICATE not in printed
            assert token not in printed

    @pytest.mark.parametrize("seat", [replace(SEAT, role="host"), replace(SEAT, uid=0), replace(SEAT, uid=None)])
    def test_no_error_contains_the_certificate(self, agora: AgoraProvider, seat: CredentialRequest) -> None:
        with pytest.raises(ProviderError) as refusal:
            agora.sign("room-1", seat)
        assert CERTIFICATE not in f"{refusal.value!r} {refusal.value.fields} {refusal.value.__cause__!r}"
