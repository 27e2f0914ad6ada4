"""Agora as a provider.

A channel exists as soon as somebody joins it, so everything here happens without asking anybody.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnosis import Finding, failed, ok, warning
from videobroker.domain.times import utc
from videobroker.errors import ProviderNotConfigured, ProviderRefused
from videobroker.providers.agora import wire
from videobroker.providers.agora.rtc import LARGEST_SALT, LONGEST_SECONDS, Role, checked_channel, rtc_token
from videobroker.providers.agora.token import AccessToken
from videobroker.providers.agora.wire import TokenInputError
from videobroker.providers.contract import Capability, ChannelCredentials, Seat, Signed, TokenRule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def secure_salt() -> int:
    """A number from 1 to 99999999 that nobody can foretell."""
    return secrets.randbelow(LARGEST_SALT) + 1


class AgoraProvider:
    """One Agora project: signs RTC tokens for its channels.

    The room id is the channel, the provider roles are "publisher" and "subscriber". Agora lets a subscriber
    publish as well until co-host authentication is switched on for the project in its console.
    """

    name: ProviderName = ProviderName.AGORA
    capabilities: frozenset[Capability] = frozenset()
    token_rule: TokenRule = TokenRule(
        default=timedelta(hours=1),
        longest=timedelta(seconds=LONGEST_SECONDS),
        must_outlive_call=False,
    )
    needs_uid: bool = True

    def __init__(self, *, app_id: str, app_certificate: str, draw_salt: Callable[[], int] = secure_salt) -> None:
        """Both are 32 hexadecimal characters, from the project's page in the console.

        `draw_salt` gives a new number from 1 to 99999999 for each token. Raises `ProviderNotConfigured`.
        """
        self._app_id = _hex_32("app_id", app_id)
        self._app_certificate = _hex_32("app_certificate", app_certificate)
        self._draw_salt = draw_salt

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> "AgoraProvider":
        """The provider for the settings "app_id" and "app_certificate". Raises `ProviderNotConfigured`."""
        return cls(app_id=_setting(settings, "app_id"), app_certificate=_setting(settings, "app_certificate"))

    def __repr__(self) -> str:
        return f"AgoraProvider(app_id={self._app_id!r})"

    async def open_room(self, name: str) -> str:
        """`name` itself: a channel needs no preparation.

        Raises `ProviderRefused` when a channel cannot be called that.
        """
        try:
            return checked_channel(name)
        except TokenInputError as error:
            raise ProviderRefused(f"Agora cannot open this room: {error}.") from error

    async def issue_codes(self, room_id: str) -> Mapping[str, str]:
        """Refused: Agora knows no room codes."""
        raise ProviderRefused("Agora has no room codes. Ask for the surface sdk.")

    async def close_room(self, room_id: str) -> None:
        """Refused: a channel is never shut, it empties. Tokens that were issued hold until they expire."""
        raise ProviderRefused("Agora cannot close a channel. Let the tokens expire: keep their lifetime short.")

    def sign(self, room_id: str, seat: Seat) -> Signed:
        """Credentials for exactly this channel and uid, over by `seat.expires_at` at the latest.

        Token and privileges end together, after the whole seconds between `issued_at` and `expires_at`
        (1 to 86400). The token is remembered as "<issue in Unix seconds>-<salt>": stable, and no secret.

        Raises `ProviderRefused` when the role, the uid, the lifetime or the channel cannot be.
        """
        if seat.uid is None:
            raise ProviderRefused("An Agora token needs the uid of its person.")
        try:
            token = self._token(room_id, seat, seat.uid)
        except TokenInputError as error:
            raise ProviderRefused(f"No Agora token can be made of this: {error}.") from error
        credentials = ChannelCredentials(
            token=token.encode(self._app_certificate), channel=room_id, uid=seat.uid, app_id=self._app_id
        )
        return Signed(credentials, token_id=f"{token.issue_ts}-{token.salt}")

    def prebuilt(self, room_id: str, code: str, seat: Seat) -> Signed:
        """Refused: Agora has no ready-made page."""
        raise ProviderRefused("Agora has no ready-made page. Ask for the surface sdk.")

    async def examine(self, roles: Collection[str]) -> list[Finding]:
        """The roles, and what nobody can see from here: Agora checks the account only when somebody joins."""
        unknown = sorted(set(roles) - {role.value for role in Role})
        findings = [ok("agora account", "App id and certificate have the right form.")]
        if unknown:
            findings.append(
                failed(
                    "agora roles",
                    f"Agora has no role {', '.join(unknown)}.",
                    "Map every role of the app to publisher or subscriber.",
                )
            )
        if Role.SUBSCRIBER in roles:
            findings.append(
                warning(
                    "agora co-host authentication",
                    "Subscribers can publish until co-host authentication is on for the project.",
                    "Switch it on in Agora's console; it cannot be seen from here.",
                )
            )
        return findings

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _token(self, room_id: str, seat: Seat, uid: int) -> AccessToken:
        issued_at, expires_at = utc(seat.issued_at), utc(seat.expires_at)
        return rtc_token(
            app_id=self._app_id,
            channel=room_id,
            uid=uid,
            role=_role(seat.role),
            issue_ts=(issued_at - _EPOCH) // _SECOND,
            expire=(expires_at - issued_at) // _SECOND,
            salt=self._draw_salt(),
        )


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError as error:
        allowed = " and ".join(Role)
        raise ProviderRefused(f"Agora has the roles {allowed}. Map the app's role to one of them.") from error


def _setting(settings: Mapping[str, str], name: str) -> str:
    value = settings.get(name)
    if not value:
        raise ProviderNotConfigured(f"The Agora account lacks the setting {name}.")
    return value


def _hex_32(setting: str, value: str) -> str:
    if not wire.is_hex_32(value):
        raise ProviderNotConfigured(f"The setting {setting} of the Agora account has to be 32 hexadecimal characters.")
    return value
