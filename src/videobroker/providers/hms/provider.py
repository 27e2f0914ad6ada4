"""The 100ms provider: rooms are created by name, tokens are signed locally, room codes open the ready-made page."""

import contextlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

import httpx
import structlog
from uuid_utils.compat import uuid4

from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import PresenceReport
from videobroker.domain.circuit_breaker import CircuitStatus
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.rooms import compute_code_id
from videobroker.errors import ProviderNotConfigured, ProviderRefused
from videobroker.providers.contract import (
    AccountSetting,
    Capability,
    CredentialRequest,
    IssuedCredentials,
    PrebuiltCredentials,
    ProviderWebhook,
    RoomClosed,
    RoomCodesExhausted,
    TokenCredentials,
    TokenLimits,
)
from videobroker.providers.hms.client import HmsClient, RoomWebhook
from videobroker.providers.hms.diagnostics import (
    examine_clock,
    examine_given_token,
    examine_page,
    examine_template,
    examine_webhooks,
)
from videobroker.providers.hms.errors import HmsForbidden, HmsNotFound
from videobroker.providers.hms.presence import fetch_presence
from videobroker.providers.hms.responses import HmsRoom, HmsRoomCode
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens, sign_auth_token
from videobroker.providers.hms.webhooks import (
    RECORDER_ROLE,
    SECRET_HEADER,
    WebhookKeys,
    read_webhook,
    verify_webhook,
)
from videobroker.translatable import TranslatableText

API_URL = "https://api.100ms.live/v2"

TOKEN_LIFETIME = timedelta(hours=24)
"""The lifetime in all official samples. It covers every call, because 100ms ends them after 12 hours."""

CLOSING_REASON = "The session has ended."
"""Shown to the participants."""

MAX_CODES = 100
"""Per room, including disabled codes. Source: api-reference/room-codes/room-code-overview of the 100ms docs."""

EXHAUSTION_THRESHOLD_CODES = 50
"""A refusal in a room with this many codes means that it cannot have one for every role of its template."""

REMOVAL_REASON = "You were removed from the session."
"""Shown to the removed participant."""

ACCOUNT_SETTINGS = (
    AccountSetting("access_key", TranslatableText("The app access key of the 100ms workspace."), is_required=True),
    AccountSetting(
        "secret", TranslatableText("The app secret of the 100ms workspace."), is_required=True, is_secret=True
    ),
    AccountSetting(
        "template_id", TranslatableText("The template of new rooms. Without it, the workspace's default template.")
    ),
    AccountSetting(
        "subdomain", TranslatableText("The subdomain of the ready-made page, such as acme for acme.app.100ms.live.")
    ),
    AccountSetting("prebuilt_url", TranslatableText("The URL of the ready-made page, if it has a domain of its own.")),
    AccountSetting("api_url", TranslatableText("The URL of the REST API, if it is not that of 100ms.")),
    AccountSetting(
        "management_token", TranslatableText("A management token, which is used while it is valid."), is_secret=True
    ),
    AccountSetting("room_id", TranslatableText("One room for all sessions of the app.")),
    AccountSetting(
        "room_code_prefix", TranslatableText("Precedes room codes in the legacy endpoints of therapy products.")
    ),
    AccountSetting(
        "webhook_secret",
        TranslatableText("The value of the header Videobroker-Hook-Secret of incoming webhooks."),
        is_secret=True,
    ),
    AccountSetting(
        "webhook_signing_secret",
        TranslatableText("Verifies the webhook signatures of HIPAA workspaces."),
        is_secret=True,
    ),
    AccountSetting("webhook_url", TranslatableText("The webhook URL that new rooms get, with the secret.")),
    AccountSetting(
        "recorder_roles", TranslatableText("Roles of recorders, separated by commas. They do not count as people.")
    ),
)
KNOWN_SETTINGS = frozenset(setting.name for setting in ACCOUNT_SETTINGS)

log = structlog.get_logger(__name__)

NO_WEBHOOKS = WebhookKeys()

_ROOM_NAME = re.compile(r"[A-Za-z0-9.\-:_]+")
_HEADER_VALUE = re.compile(r"[!-~]+")


class HmsProvider:
    """The provider for one 100ms workspace.

    `Capability.PREBUILT` needs the page in the account's settings, because templates that are created through the API
    have no page.
    """

    name: ProviderName = ProviderName.HMS
    needs_uid: bool = False
    # The SDK reconnects with its first token.
    token_limits: TokenLimits = TokenLimits(default=TOKEN_LIFETIME, maximum=TOKEN_LIFETIME, must_cover_call=True)

    def __init__(
        self,
        keys: AccountKeys,
        client: HmsClient,
        tokens: ManagementTokens,
        clock: Callable[[], datetime],
        *,
        template_id: str | None,
        prebuilt_url: str | None,
        fixed_room_id: str | None = None,
        webhook_keys: WebhookKeys = NO_WEBHOOKS,
        webhook: RoomWebhook | None = None,
        recorder_roles: Collection[str] = (),
    ) -> None:
        """`prebuilt_url` is the URL of the page without a path, such as `https://acme.app.100ms.live`.

        `webhook` is set in new rooms. `recorder_roles` are the roles of the app's own recorders, which are not
        participants.
        """
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._fixed_room_id = fixed_room_id
        self._client = client
        self._template_id = template_id
        self.page_url = prebuilt_url
        self._webhook_keys = webhook_keys
        self._webhook = webhook
        self._recorder_roles = frozenset({RECORDER_ROLE, *recorder_roles})
        # A fixed room is shared by all sessions, so no session may close it.
        closable = {Capability.CLOSE_ROOM} if fixed_room_id is None else set()
        page = {Capability.PREBUILT} if prebuilt_url is not None else set()
        webhooks = {Capability.WEBHOOKS} if webhook_keys else set()
        self.capabilities: frozenset[Capability] = frozenset(
            {Capability.ROOM_CODES, Capability.REMOVE_PERSON, Capability.PRESENCE} | closable | page | webhooks
        )

    def __repr__(self) -> str:
        return f"HmsProvider(access_key={self._keys.access_key!r})"

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, str],
        *,
        clock: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> "HmsProvider":
        """The provider of an account.

        Required settings: `access_key`, `secret`. Optional: `template_id` (default: the workspace's template),
        `subdomain` or `prebuilt_url` (for the ready-made page), `api_url`, `management_token` (used while it is valid),
        `room_id` (one room for all sessions of the app), `webhook_secret` (the expected value of the webhook header
        `Videobroker-Hook-Secret`), `webhook_signing_secret` (for the signatures of HIPAA workspaces), `webhook_url`
        (set in new rooms, with the secret), `recorder_roles` (separated by commas). An empty value counts as missing.

        `clock` returns the current time in UTC, with its time zone. `transport` replaces the network in tests. Raises
        `ProviderNotConfigured` with the name of the wrong setting.
        """
        given = {key: value.strip() for key, value in settings.items() if value.strip()}
        if unknown := sorted(settings.keys() - KNOWN_SETTINGS):
            raise ProviderNotConfigured(
                TranslatableText(
                    "A %(provider)s account has no setting %(names)s: check the spelling.",
                    provider="100ms",
                    names=", ".join(unknown),
                )
            )
        missing = [key for key in ("access_key", "secret") if key not in given]
        if missing:
            raise ProviderNotConfigured(
                TranslatableText(
                    "The 100ms account lacks %(missing)s: set what is missing.", missing=", ".join(missing)
                )
            )
        keys = AccountKeys(given["access_key"], given["secret"])
        tokens = ManagementTokens(keys, clock, given=given.get("management_token"))
        client = HmsClient(_web_address(given, "api_url") or API_URL, tokens, clock, transport=transport)
        return cls(
            keys,
            client,
            tokens,
            clock,
            template_id=given.get("template_id"),
            prebuilt_url=_prebuilt_url(given),
            fixed_room_id=given.get("room_id"),
            webhook_keys=_webhook_keys(given),
            webhook=_webhook(given),
            recorder_roles=[role.strip() for role in given.get("recorder_roles", "").split(",") if role.strip()],
        )

    @property
    def circuit(self) -> CircuitStatus:
        return self._client.circuit

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """The ID of the enabled room called `name`: ASCII letters, digits, and `. - : _`, case-insensitive.

        With a fixed room, always its ID. `closure` is not used, because 100ms reports whether a room is disabled.
        Disabled codes stay disabled; `issue_codes` creates new ones. Source: api-reference/Rooms/create-via-api of the
        100ms docs.
        """
        if self._fixed_room_id is not None:
            return self._fixed_room_id
        if not _ROOM_NAME.fullmatch(name):
            raise ProviderRefused(f"{name!r} is not a valid room name at 100ms: use only letters, digits, and . - : _")
        room = await self._client.create_room(name, self._template_id, self._webhook)
        self._compare_template(room)
        if not room.enabled:
            # It is not documented whether creating an existing room enables it.
            await self._client.enable_room(room.id)
        return room.id

    async def find_open_room(self, name: str) -> str | None:
        """With a fixed room, always its ID. Source: api-reference/Rooms/list-rooms of the 100ms docs."""
        return self._fixed_room_id or await self._client.find_open_room(name)

    async def issue_codes(self, room_id: str) -> dict[str, str]:
        """The first enabled code of each role.

        If a fixed room cannot have more codes, its enabled codes. A disabled room is not enabled: another process may
        just have closed it. Source: api-reference/room-codes/create-room-code-for-all-roles of the 100ms docs.
        """
        try:
            codes = await self._create_codes(room_id)
        except HmsForbidden as error:
            raise RoomClosed(error.detail) from error
        first: dict[str, str] = {}
        for code in codes:
            if code.enabled and code.role not in self._recorder_roles:
                first.setdefault(code.role, code.code)
        return first

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """Disable `code`, and return another enabled code of the role.

        A repetition returns the same new code, also after a crash. Raises `HmsForbidden` if the room is disabled, which
        this method does not change. Codes are counted before `code` is disabled, because it is not documented how 100ms
        refuses the 101st. Source: prebuilt/v2/room-codes and api-reference/room-codes of the 100ms docs ("disable the
        old code, then call a create endpoint again").
        """
        enabled = await self._client.list_codes(room_id)
        others = [other for other in enabled if other.role == role and other.code != code]
        if not others and await self._disabled_count(room_id) + len(enabled) >= MAX_CODES:
            raise RoomCodesExhausted(f"The 100ms room has {MAX_CODES} codes, which is the maximum.")
        with contextlib.suppress(HmsNotFound):
            await self._client.disable_code(code)
        for other in await self._client.create_codes(room_id):
            if other.role == role and other.enabled and other.code != code:
                return other.code
        return (await self._client.create_code(room_id, role)).code

    async def count_codes_left(self, room_id: str) -> int:
        """The number of codes that can still be created. Counts disabled codes, which is not documented either way."""
        return max(0, MAX_CODES - len(await self._client.list_codes(room_id)) - await self._disabled_count(room_id))

    async def _create_codes(self, room_id: str) -> tuple[HmsRoomCode, ...]:
        try:
            return await self._client.create_codes(room_id)
        except (HmsForbidden, HmsNotFound):
            raise
        except ProviderRefused as error:
            # The response at the maximum number of codes is not documented, so the number of codes decides.
            enabled = await self._client.list_codes(room_id)
            if len(enabled) + await self._disabled_count(room_id) < EXHAUSTION_THRESHOLD_CODES:
                raise
            if self._fixed_room_id is not None and enabled:
                return enabled
            raise RoomCodesExhausted(
                f"The 100ms room {room_id} cannot have more codes. If it is the fixed room of the account "
                "(room_id, HMS100_ROOM_ID), create a new room at 100ms and set its ID."
            ) from error

    async def _disabled_count(self, room_id: str) -> int:
        return len(await self._client.list_codes(room_id, enabled=False))

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """Disable all codes, end the call, and disable the room. The call ends soon after the response.

        Codes are disabled first: those of a disabled room cannot be listed, and would be valid again when it is
        enabled. Safe to repeat after a failure at any step. Returns None. Raises `ProviderRefused` for a fixed room.
        Source: api-reference/active-rooms/end-active-room and api-reference/room-codes of the 100ms docs.
        """
        if self._fixed_room_id is not None:
            raise ProviderRefused(
                "All sessions of this 100ms account share one room (room_id), so it cannot be closed."
            )
        for code in sorted({*codes, *await self._enabled_codes(room_id)}):
            with contextlib.suppress(HmsNotFound, HmsForbidden):
                await self._client.disable_code(code)
        try:
            await self._client.end_room(room_id, CLOSING_REASON, lock=True)
        except (HmsNotFound, HmsForbidden):
            # Idle: there is no call to end. Disabled: the response is not documented.
            await self._disable(room_id)
        return None

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Disconnect all devices with this user ID, soon after the response.

        `until` has no effect: 100ms cannot refuse a person with a valid token or code. Does not find people without a
        user ID, whom we know by their peer ID. Source: api-reference/active-rooms/retrieve-peer and remove-peers of
        the 100ms docs.
        """
        if not provider_user_id:
            raise ProviderRefused("100ms needs a user ID to remove a participant: it must not be empty.")
        with contextlib.suppress(HmsNotFound):
            for peer in await self._client.list_peers(room_id, provider_user_id):
                # Checked again: if the API ignored the filter, everyone would be removed.
                if peer.user_id == provider_user_id:
                    await self._remove(room_id, peer.id)

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """One report per session that is running, or ended at `since` or later. Empty for an unknown room.

        Source: api-reference/Sessions/list-sessions and retrieve-a-session of the 100ms docs.
        """
        return await fetch_presence(self._client, room_id, since, self._recorder_roles, taken_at=self._clock())

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Verify the secret header, the signature, or both, depending on the account's settings.

        Accepts webhooks of the last 24 hours, and replays of the last 30 days. Source:
        configure-webhooks/secure-webhooks of the 100ms docs, and their page on HIPAA workspaces.
        """
        return verify_webhook(self._webhook_keys, headers, body, recorder_roles=self._recorder_roles, now=now)

    def read(self, body: bytes) -> ProviderWebhook:
        """Parse a verified webhook of any age.

        Source: configure-webhooks/webhook of the 100ms docs.
        """
        return read_webhook(body, recorder_roles=self._recorder_roles)

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
        """An auth token. Its `jti` is the token ID. Raises `ProviderRefused` for an empty user ID or role."""
        if not seat.user_id or not seat.role:
            raise ProviderRefused("A 100ms token needs a user ID and a role: neither may be empty.")
        token_id = str(uuid4())
        token = sign_auth_token(
            self._keys,
            room_id=room_id,
            role=seat.role,
            user_id=seat.user_id,
            issued_at=seat.issued_at,
            expires_at=seat.expires_at,
            token_id=token_id,
        )
        return IssuedCredentials(TokenCredentials(token, room_id=room_id, app_id=self._keys.access_key), token_id)

    def sign_prebuilt(self, room_id: str, code: str, seat: CredentialRequest) -> IssuedCredentials:
        """The URL of the page with the code in its path. The code is a secret, so the token ID is its digest.

        The page locks the name and reports the user ID, but anyone with the code can claim another identity.
        Source: prebuilt/v2 of the 100ms docs.
        """
        if self.page_url is None:
            raise ProviderNotConfigured("The 100ms account has no ready-made page: set subdomain or prebuilt_url.")
        if not code or not seat.user_id:
            raise ProviderRefused("The 100ms page needs a room code and a user ID: neither may be empty.")
        named = {"name": seat.display_name} if seat.display_name else {}
        query = urlencode({**named, "userId": seat.user_id}, quote_via=quote, safe="")
        url = f"{self.page_url}/meeting/{quote(code, safe='')}?{query}"
        return IssuedCredentials(PrebuiltCredentials(code, room_id=room_id, url=url), compute_code_id(code))

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """Check the credentials, the clock, template roles, the page, the configured token, and webhooks."""
        return [
            *await examine_template(self._client, self._template_id, roles),
            examine_clock(self._client.clock_difference),
            examine_page(self.page_url),
            *examine_given_token(self._tokens.given_expires_at, self._clock()),
            examine_webhooks(
                self._webhook_keys,
                url=None if self._webhook is None else self._webhook.url,
                has_fixed_room=self._fixed_room_id is not None,
            ),
        ]

    async def aclose(self) -> None:
        """Close the connections to 100ms."""
        await self._client.aclose()

    async def _enabled_codes(self, room_id: str) -> list[str]:
        try:
            return [code.code for code in await self._client.list_codes(room_id)]
        except (HmsNotFound, HmsForbidden):
            return []

    async def _remove(self, room_id: str, peer_id: str) -> None:
        with contextlib.suppress(HmsNotFound):
            await self._client.remove_peer(room_id, peer_id, REMOVAL_REASON)

    async def _disable(self, room_id: str) -> None:
        try:
            await self._client.disable_room(room_id)
        except HmsNotFound:
            log.info("hms.room_not_found", room_id=room_id)

    def _compare_template(self, room: HmsRoom) -> None:
        if self._template_id is not None and room.template_id not in (None, self._template_id):
            log.warning(
                "hms.template_mismatched",
                room_id=room.id,
                template_id=room.template_id,
                expected_template_id=self._template_id,
            )


def _prebuilt_url(given: Mapping[str, str]) -> str | None:
    subdomain = given.get("subdomain")
    return _web_address(given, "prebuilt_url") or (f"https://{subdomain}.app.100ms.live" if subdomain else None)


def _web_address(given: Mapping[str, str], key: str) -> str | None:
    address = given.get(key)
    if address is not None and not address.startswith(("https://", "http://")):
        raise ProviderNotConfigured(
            TranslatableText(
                "%(name)s of the %(provider)s account must start with https:// (or http://).",
                name=key,
                provider="100ms",
            )
        )
    return address.rstrip("/") if address else None


def _webhook_keys(given: Mapping[str, str]) -> WebhookKeys:
    secret = given.get("webhook_secret")
    if secret is not None and not _HEADER_VALUE.fullmatch(secret):
        raise ProviderNotConfigured(
            TranslatableText(
                "webhook_secret of the 100ms account is sent in a header: use ASCII letters, digits, and punctuation."
            )
        )
    return WebhookKeys(secret, given.get("webhook_signing_secret"))


def _webhook(given: Mapping[str, str]) -> RoomWebhook | None:
    url, secret = _web_address(given, "webhook_url"), given.get("webhook_secret")
    if url is None:
        return None
    if secret is None:
        raise ProviderNotConfigured(
            TranslatableText(
                "webhook_url of the 100ms account needs webhook_secret: without it, anyone could send webhooks there."
            )
        )
    return RoomWebhook(given["webhook_url"], {SECRET_HEADER: secret})
