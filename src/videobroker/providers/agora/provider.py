"""Agora as a provider.

A channel exists as soon as somebody joins it, so opening one and signing for it asks nobody. Shutting it, putting
people out and seeing who is there goes through the REST API, which takes credentials of its own.
"""

import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import PresenceReport
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
    Capability,
    ChannelCredentials,
    CredentialRequest,
    IssuedCredentials,
    ProviderWebhook,
    TokenLimits,
)

MIN_BAN_SECONDS = 10
"""Seconds; Agora lengthens what is shorter."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UID = re.compile(r"[1-9][0-9]{0,9}")
_RULE_ID = re.compile(r"[1-9][0-9]{0,18}")


_NEED_REST = frozenset({Capability.CLOSE_ROOM, Capability.REMOVE_PERSON, Capability.BAN, Capability.PRESENCE})
_NO_CODES = "Agora has no room codes. Ask for the surface sdk."


def secure_salt() -> int:
    """A number from 1 to 99999999 that nobody can foretell."""
    return secrets.randbelow(MAX_SALT) + 1


class AgoraProvider:
    """One Agora project: signs RTC tokens for its channels.

    The room id is the channel, the provider roles are "publisher" and "subscriber". Agora lets a subscriber
    publish as well until co-host authentication is switched on for the project in its console.
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
        """App id and certificate are 32 hexadecimal characters, from the project's page in the console.

        `clock` tells the present moment, aware, in UTC; `draw_salt` gives a new number from 1 to 99999999 for each
        token. Without `client`, the way to the REST API, channels are never shut. `page_url` is a page that shows the
        call to whoever hands it the credentials: the sandbox's. Raises `ProviderNotConfigured`.
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

        Required settings: `app_id`, `app_certificate`. Optional: `customer_id` and `customer_secret` (both or
        neither; else no channel can be shut), `notifications_secret` (else no webhooks), `api_url` (of the REST API),
        `sign_prebuilt_url` (a page that shows the call; Agora itself has none).
        Empty counts as missing. `clock` tells the present moment, aware, in UTC; `transport` replaces the network.
        Raises `ProviderNotConfigured` naming what is wrong.
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

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """`name` itself: a channel needs no preparation. One that was closed is let go of first.

        With `closure` every rule that shuts the channel is lifted: those it names, and any other that Agora lists,
        for closing twice makes two. Source: the pages "Delete banning rule" and "Get banning rules" of the Agora docs.
        Raises `ProviderRefused` when a channel cannot be called that.
        """
        channel = _channel(name)
        # Without customer credentials nothing can have been shut of which we do not know.
        if closure or (closure is not None and self._client is not None):
            await self._let_in(channel, [_rule_id(part) for part in closure.split(",")] if closure else [])
        return channel

    async def issue_codes(self, room_id: str) -> Mapping[str, str]:
        """Refused: Agora knows no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """Refused: Agora knows no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def count_codes_left(self, room_id: str) -> int:
        """Refused: Agora has no room codes."""
        raise ProviderRefused(_NO_CODES)

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """Put everybody out of the channel and keep it shut for a day: no token that was issued lives longer.

        Answers the id of the rule. Closing again makes another rule, of another id; `open_room` finds both. There are
        no codes. Source: the page "Create banning rule" of the Agora docs.
        Refused without customer credentials: then a channel is never shut, it empties.
        """
        client = self._rest("close a channel")
        return str(await client.ban(_channel(room_id), None, MAX_LIFETIME_SECONDS))

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Disconnect this uid from the channel and, with `until`, keep it out: 10 seconds at least, a day at most.

        The rule ends by itself. Somebody who is disconnected just now is missed when nothing keeps them out.
        Source: the page "Create banning rule" of the Agora docs.
        Refused without customer credentials, and for anything but a uid from 1 to 2^32-1: the rule would hit everybody.
        """
        client, channel, uid = self._rest("put somebody out"), _channel(room_id), _uid(provider_user_id)
        if until is None:
            await client.kick(channel, uid)
            return
        seconds = -((self._clock() - until) // _SECOND)
        await client.ban(channel, uid, min(max(seconds, MIN_BAN_SECONDS), MAX_LIFETIME_SECONDS))

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """Who is in the channel now; always one, with nobody in it when the channel is empty.

        Agora tells nothing of the past, so `since` asks for nothing. When they came is told for the first 50 people.
        Source: the pages "Query user list" and "Query user status" of the Agora docs.
        """
        return [await fetch_presence(self._rest("tell who is there"), _channel(room_id), taken_at=self._clock())]

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Read a webhook with a good signature that was sent within the last hour.

        `Agora-Signature-V2` counts where it is there, else `Agora-Signature`. Source: the page "Receive notifications
        about channel events" of the Agora docs.
        """
        return verify_webhook(self._notifications_secret, headers, body, now=now)

    def read(self, body: bytes) -> ProviderWebhook:
        """Read a webhook that was verified before, however old. Source: the page "Channel event types"."""
        return read_webhook(body)

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
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
            token=token.encode(self._app_certificate),
            channel=room_id,
            uid=seat.uid,
            app_id=self._app_id,
            page=self.page_url,
        )
        return IssuedCredentials(credentials, token_id=f"{token.issue_ts}-{token.salt}")

    def sign_prebuilt(self, room_id: str, code: str, seat: CredentialRequest) -> IssuedCredentials:
        """Refused: Agora has no ready-made page."""
        raise ProviderRefused("Agora has no ready-made page. Ask for the surface sdk.")

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """The roles, the customer credentials, the webhooks. The certificate is checked only when somebody joins."""
        return [
            ok("agora account", "App id and certificate have the right form."),
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
                f"This Agora account cannot {purpose}: set its customer_id and customer_secret. Until then, let the "
                "tokens expire: keep their lifetime short."
            )
        return self._client

    async def _let_in(self, channel: str, known: Collection[int]) -> None:
        client = self._rest("open a channel that was closed")
        for rule in known:
            await client.delete_rule(rule)
        for listed in await client.list_rules():
            if listed.bans(channel, None) and listed.id not in known:
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
        # In the path of a request it would mean another place.
        raise ProviderRefused("Agora cannot open this room: the name of a channel is not only dots.")
    return channel


def _uid(text: str) -> int:
    if not _UID.fullmatch(text) or int(text) > MAX_UID:
        raise ProviderRefused(f"Agora knows people by a uid from 1 to {MAX_UID}, in decimal digits.")
    return int(text)


def _rule_id(text: str) -> int:
    if not _RULE_ID.fullmatch(text):
        raise ProviderRefused("This is no id of a rule of Agora's: it has to be a whole number.")
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
        raise ProviderNotConfigured("api_url of the Agora account has to start with https:// (or http://).")
    # The other host serves the same accounts as the default one, and no others.
    return HOSTS if address.rstrip("/") == HOSTS[0] else (address.rstrip("/"),)


def _page_url(given: Mapping[str, str]) -> str | None:
    address = given.get("prebuilt_url")
    if address is not None and not address.startswith(("https://", "http://")):
        raise ProviderNotConfigured("prebuilt_url of the Agora account has to start with https:// (or http://).")
    return address


def _setting(settings: Mapping[str, str], name: str) -> str:
    value = settings.get(name)
    if not value:
        raise ProviderNotConfigured(f"The Agora account lacks the setting {name}.")
    return value


def _hex_32(setting: str, value: str) -> str:
    if not encoding.is_hex_32(value):
        raise ProviderNotConfigured(f"The setting {setting} of the Agora account has to be 32 hexadecimal characters.")
    return value
