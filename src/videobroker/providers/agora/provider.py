"""The Agora provider.

A channel exists once someone joins it, so opening one and signing tokens need no requests. Closing a channel, removals,
and presence use the REST API, which has its own credentials.
"""

import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import PresenceReport
from videobroker.domain.circuit_breaker import CLOSED_CIRCUIT, CircuitStatus
from videobroker.domain.diagnostics import CheckResult, ok
from videobroker.domain.times import utc
from videobroker.errors import ProviderNotConfigured, ProviderRefused
from videobroker.providers.agora import encoding
from videobroker.providers.agora.client import HOSTS, AgoraClient, CustomerKeys
from videobroker.providers.agora.diagnostics import examine_rest, examine_roles, examine_webhooks
from videobroker.providers.agora.encoding import TokenInputError
from videobroker.providers.agora.presence import fetch_presence
from videobroker.providers.agora.rtc_token import (
    MAX_LIFETIME_SECONDS,
    MAX_SALT,
    MAX_UID,
    Role,
    build_rtc_token,
    check_channel,
)
from videobroker.providers.agora.token import AccessToken
from videobroker.providers.agora.webhooks import read_webhook, verify_webhook
from videobroker.providers.contract import (
    AccountSetting,
    Capability,
    ChannelCredentials,
    CredentialRequest,
    IssuedCredentials,
    ProviderWebhook,
    TokenLimits,
)
from videobroker.translatable import TranslatableText

ACCOUNT_SETTINGS = (
    AccountSetting("app_id", TranslatableText("The App ID of the Agora project."), is_required=True),
    AccountSetting(
        "app_certificate", TranslatableText("The primary certificate of the project."), is_required=True, is_secret=True
    ),
    AccountSetting(
        "customer_id",
        TranslatableText("The key of the REST API. Without it, calls cannot be closed, and no one removed."),
    ),
    AccountSetting("customer_secret", TranslatableText("The secret of the REST API."), is_secret=True),
    AccountSetting(
        "notifications_secret", TranslatableText("Verifies the project's webhooks (notifications)."), is_secret=True
    ),
    AccountSetting("api_url", TranslatableText("The URL of the REST API, if it is not that of Agora.")),
    AccountSetting("prebuilt_url", TranslatableText("A page that shows the call. Agora itself has none.")),
)
MIN_BAN_SECONDS = 10
"""Agora extends shorter bans to this."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UID = re.compile(r"[1-9][0-9]{0,9}")
_RULE_ID = re.compile(r"[1-9][0-9]{0,18}")


_NEED_REST = frozenset({Capability.CLOSE_ROOM, Capability.REMOVE_PERSON, Capability.BAN, Capability.PRESENCE})
_NO_CODES = "Agora has no room codes. Request the surface sdk."


def secure_salt() -> int:
    """A cryptographically random number from 1 to 99999999."""
    return secrets.randbelow(MAX_SALT) + 1


class AgoraProvider:
    """The provider for one Agora project.

    Room IDs are channel names; provider roles are "publisher" and "subscriber". Subscribers can publish too, unless
    co-host authentication is enabled for the project in the Agora console.
    """

    name: ProviderName = ProviderName.AGORA
    token_limits: TokenLimits = TokenLimits(
        default=timedelta(hours=1),
        maximum=timedelta(seconds=MAX_LIFETIME_SECONDS),
        must_cover_call=False,
    )
    needs_uid: bool = True

    def __init__(
        self,
        *,
        app_id: str,
        app_certificate: str,
        clock: Callable[[], datetime],
        draw_salt: Callable[[], int] = secure_salt,
        client: AgoraClient | None = None,
        notifications_secret: str | None = None,
        page_url: str | None = None,
    ) -> None:
        """App ID and certificate are 32 hexadecimal characters, from the project's page in the console.

        `clock` returns the current time in UTC, with its time zone. `draw_salt` returns a new number from 1 to 99999999
        for each token. Without `client`, the capabilities that need the REST API are missing. `page_url` is a page that
        shows the call with the credentials, such as the sandbox's. Raises `ProviderNotConfigured`.
        """
        self._app_id = _hex_32("app_id", app_id)
        self._app_certificate = _hex_32("app_certificate", app_certificate)
        self._draw_salt = draw_salt
        self._client = client
        self._clock = clock
        self._notifications_secret = notifications_secret
        self.page_url = page_url
        webhooks = {Capability.WEBHOOKS} if notifications_secret is not None else set()
        self.capabilities: frozenset[Capability] = frozenset((_NEED_REST if client is not None else set()) | webhooks)

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, str],
        *,
        clock: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> "AgoraProvider":
        """The provider of an account.

        Required settings: `app_id`, `app_certificate`. Optional: `customer_id` and `customer_secret` (both or neither,
        for the REST API), `notifications_secret` (for webhooks), `api_url` (of the REST API), `prebuilt_url` (a page
        that shows the call; Agora itself has none). An empty value counts as missing.

        `clock` returns the current time in UTC, with its time zone. `transport` replaces the network in tests. Raises
        `ProviderNotConfigured` with the name of the wrong setting.
        """
        given = {key: value.strip() for key, value in settings.items() if value.strip()}
        app_id, keys = _hex_32("app_id", _setting(given, "app_id")), _customer_keys(given)
        hosts = _hosts(given)
        return cls(
            app_id=app_id,
            app_certificate=_setting(given, "app_certificate"),
            clock=clock,
            client=None if keys is None else AgoraClient(app_id, keys, clock, hosts=hosts, transport=transport),
            notifications_secret=given.get("notifications_secret"),
            page_url=_page_url(given),
        )

    def __repr__(self) -> str:
        return f"AgoraProvider(app_id={self._app_id!r})"

    @property
    def circuit(self) -> CircuitStatus:
        """Without the REST API, there are no requests that could fail."""
        return CLOSED_CIRCUIT if self._client is None else self._client.circuit

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """`name` itself. Only a channel that was closed needs requests.

        With `closure`, deletes all rules that close the channel: those in `closure`, and others that Agora lists,
        because closing twice creates two. Raises `ProviderRefused` for an invalid channel name. Source: the pages
        "Delete banning rule" and "Get banning rules" of the Agora docs.
        """
        channel = _channel(name)
        # An empty `closure`: a rule may exist whose ID is unknown, but only if we have a client to create one.
        if closure or (closure is not None and self._client is not None):
            await self._delete_rules(channel, [_rule_id(part) for part in closure.split(",")] if closure else [])
        return channel

    async def find_open_room(self, name: str) -> str | None:
        """`name` itself: every channel exists. Does not ask whether it is closed."""
        return _channel(name)

    async def issue_codes(self, room_id: str) -> Mapping[str, str]:
        """Raises `ProviderRefused`: Agora has no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """Raises `ProviderRefused`: Agora has no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def count_codes_left(self, room_id: str) -> int:
        """Raises `ProviderRefused`: Agora has no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """Disconnect everyone, and refuse joins for one day, by when all issued tokens have expired.

        Returns the ID of the rule. A repetition creates another rule; `open_room` deletes both. Raises
        `ProviderRefused` without customer credentials. Source: the page "Create banning rule" of the Agora docs.
        """
        client = self._rest("close a channel")
        return str(await client.ban(_channel(room_id), None, MAX_LIFETIME_SECONDS))

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Disconnect the uid and, with `until`, refuse it for at least 10 seconds and at most one day.

        The ban expires at Agora. Without `until`, a participant who is reconnecting at the moment is missed. Raises
        `ProviderRefused` without customer credentials, and for values other than a uid from 1 to 2^32-1, which would
        ban everyone. Source: the page "Create banning rule" of the Agora docs.
        """
        client, channel, uid = self._rest("remove a participant"), _channel(room_id), _uid(provider_user_id)
        if until is None:
            await client.kick(channel, uid)
            return
        seconds = -((self._clock() - until) // _SECOND)
        await client.ban(channel, uid, min(max(seconds, MIN_BAN_SECONDS), MAX_LIFETIME_SECONDS))

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """One report of the participants in the channel now, possibly none.

        `since` has no effect: Agora has no history. The join time is known for the first 50 participants.
        Source: the pages "Query user list" and "Query user status" of the Agora docs.
        """
        return [
            await fetch_presence(
                self._rest("list the participants of a channel"), _channel(room_id), taken_at=self._clock()
            )
        ]

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Verify the signature, accept webhooks of the last hour, and parse them.

        If `Agora-Signature-V2` is present, only it counts; otherwise `Agora-Signature`. Source: the page "Receive
        notifications about channel events" of the Agora docs.
        """
        return verify_webhook(self._notifications_secret, headers, body, now=now)

    def read(self, body: bytes) -> ProviderWebhook:
        """Parse a verified webhook of any age. Source: the page "Channel event types" of the Agora docs."""
        return read_webhook(body)

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
        """An RTC token for this channel and uid only, which expires by `seat.expires_at`.

        Times are truncated to seconds. Token and privileges expire together, after 1 to 86400 seconds. The token ID is
        "<issue in Unix seconds>-<salt>". Raises `ProviderRefused` for an invalid role, uid, lifetime, or channel.
        """
        if seat.uid is None:
            raise ProviderRefused("An Agora token needs a uid.")
        try:
            token = self._token(room_id, seat, seat.uid)
        except TokenInputError as error:
            raise ProviderRefused(f"Agora cannot issue this token: {error}.") from error
        credentials = ChannelCredentials(
            token=token.encode(self._app_certificate),
            channel=room_id,
            uid=seat.uid,
            app_id=self._app_id,
            page=self.page_url,
        )
        return IssuedCredentials(credentials, token_id=f"{token.issue_ts}-{token.salt}")

    def sign_prebuilt(self, room_id: str, code: str, seat: CredentialRequest) -> IssuedCredentials:
        """Raises `ProviderRefused`: Agora has no ready-made page."""
        raise ProviderRefused("Agora has no ready-made page. Request the surface sdk.")

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """Check roles, customer credentials, and webhooks. Agora checks the certificate only at a join."""
        return [
            ok("agora account", "App ID and certificate have the right format."),
            *examine_roles(roles),
            await examine_rest(self._client),
            examine_webhooks(self._notifications_secret),
        ]

    async def aclose(self) -> None:
        """Close the connections to Agora."""
        if self._client is not None:
            await self._client.aclose()

    def _rest(self, purpose: str) -> AgoraClient:
        if self._client is None:
            raise ProviderRefused(
                f"This Agora account cannot {purpose}: set its customer_id and customer_secret. Until then, "
                "use short token lifetimes."
            )
        return self._client

    async def _delete_rules(self, channel: str, known_ids: Collection[int]) -> None:
        client = self._rest("open a channel that was closed")
        for rule_id in known_ids:
            await client.delete_rule(rule_id)
        for listed in await client.list_rules():
            if listed.bans(channel, None) and listed.id not in known_ids:
                await client.delete_rule(listed.id)

    def _token(self, room_id: str, seat: CredentialRequest, uid: int) -> AccessToken:
        issued_at, expires_at = utc(seat.issued_at), utc(seat.expires_at)
        return build_rtc_token(
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


def _channel(name: str) -> str:
    try:
        channel = check_channel(name)
    except TokenInputError as error:
        raise ProviderRefused(f"Agora cannot open this room: {error}.") from error
    if set(channel) == {"."}:
        # In a URL path, such a segment would be resolved as a relative reference.
        raise ProviderRefused("Agora cannot open this room: the name of a channel must not consist of dots only.")
    return channel


def _uid(text: str) -> int:
    if not _UID.fullmatch(text) or int(text) > MAX_UID:
        raise ProviderRefused(f"An Agora uid must be a number from 1 to {MAX_UID}, in decimal digits.")
    return int(text)


def _rule_id(text: str) -> int:
    if not _RULE_ID.fullmatch(text):
        raise ProviderRefused("The ID of an Agora rule must be a positive whole number.")
    return int(text)


def _customer_keys(given: Mapping[str, str]) -> CustomerKeys | None:
    names = ("customer_id", "customer_secret")
    if not any(name in given for name in names):
        return None
    return CustomerKeys(*(_setting(given, name) for name in names))


def _hosts(given: Mapping[str, str]) -> tuple[str, ...]:
    address = given.get("api_url")
    if address is None:
        return HOSTS
    if not address.startswith(("https://", "http://")):
        raise ProviderNotConfigured(
            TranslatableText(
                "%(name)s of the %(provider)s account must start with https:// (or http://).",
                name="api_url",
                provider="Agora",
            )
        )
    # The fallback host serves the same accounts as the default host only.
    return HOSTS if address.rstrip("/") == HOSTS[0] else (address.rstrip("/"),)


def _page_url(given: Mapping[str, str]) -> str | None:
    address = given.get("prebuilt_url")
    if address is not None and not address.startswith(("https://", "http://")):
        raise ProviderNotConfigured(
            TranslatableText(
                "%(name)s of the %(provider)s account must start with https:// (or http://).",
                name="prebuilt_url",
                provider="Agora",
            )
        )
    return address


def _setting(settings: Mapping[str, str], name: str) -> str:
    value = settings.get(name)
    if not value:
        raise ProviderNotConfigured(TranslatableText("The Agora account lacks the setting %(name)s.", name=name))
    return value


def _hex_32(setting: str, value: str) -> str:
    if not encoding.is_hex_32(value):
        raise ProviderNotConfigured(
            TranslatableText(
                "The setting %(name)s of the Agora account must be 32 hexadecimal characters.", name=setting
            )
        )
    return value
