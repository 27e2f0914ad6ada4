"""100ms as a `Provider`: rooms made by name, tokens signed here, room codes for the ready-made page."""

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
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.rooms import compute_code_id
from videobroker.errors import ProviderNotConfigured, ProviderRefused
from videobroker.providers.contract import (
    Capability,
    CredentialRequest,
    IssuedCredentials,
    PrebuiltCredentials,
    ProviderWebhook,
    RoomCodesExhausted,
    TokenCredentials,
    TokenLimits,
)
from videobroker.providers.hms.client import HmsClient, WebhookTarget
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

API_URL = "https://api.100ms.live/v2"

TOKEN_LIFETIME = timedelta(hours=24)
"""What every official sample uses. Calls end after 12 h at the latest, so it outlives any of them."""

CLOSING_REASON = "The session has ended."
"""What the people in the room are told."""

MAX_CODES = 100
"""Of one room, disabled ones included. Source: api-reference/room-codes/room-code-overview of the 100ms docs."""

EXHAUSTION_THRESHOLD_CODES = 50
"""A room that has so many may have too few left for all roles of its template."""

REMOVAL_REASON = "You were removed from the session."
"""What somebody who is put out is told."""

KNOWN_SETTINGS = frozenset(
    {
        "access_key",
        "secret",
        "template_id",
        "subdomain",
        "prebuilt_url",
        "api_url",
        "management_token",
        "room_id",
        "room_code_prefix",
        "webhook_secret",
        "webhook_signing_secret",
        "webhook_url",
        "recorder_roles",
    }
)

log = structlog.get_logger(__name__)

NO_WEBHOOKS = WebhookKeys()

_ROOM_NAME = re.compile(r"[A-Za-z0-9.\-:_]+")
_HEADER_VALUE = re.compile(r"[!-~]+")


class HmsProvider:
    """One workspace at 100ms.

    The ready-made page is offered when the account names it: templates made through the API have none.
    """

    name: ProviderName = ProviderName.HMS
    needs_uid: bool = False
    # The SDK joins again with its first token after a network drop.
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
        webhook: WebhookTarget | None = None,
        recorder_roles: Collection[str] = (),
    ) -> None:
        """`sign_prebuilt_url` is the page without a path, as in `https://acme.app.100ms.live`.

        `webhook` is what new rooms are told to call; `recorder_roles` are those of the app's own recorders.
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
        # A room that all sessions share is nobody's to close.
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

        Required settings: `access_key`, `secret`. Optional: `template_id` (else the workspace's default),
        `subdomain` or `sign_prebuilt_url` (else no ready-made page), `api_url`, `management_token` (used while it is
        valid), `room_id` (one room for all sessions of the app), `webhook_secret` (which webhooks show in the header
        `Videobroker-Hook-Secret`), `webhook_signing_secret` (with which HIPAA workspaces sign them), `webhook_url`
        (told to new rooms, with the secret), `recorder_roles` (separated by commas). Empty counts as missing.
        `clock` tells the present moment, aware, in UTC; `transport` replaces the network.
        Raises `ProviderNotConfigured` naming what is wrong.
        """
        given = {key: value.strip() for key, value in settings.items() if value.strip()}
        if unknown := sorted(settings.keys() - KNOWN_SETTINGS):
            raise ProviderNotConfigured(f"A 100ms account has no setting {', '.join(unknown)}: check the spelling.")
        missing = [key for key in ("access_key", "secret") if key not in given]
        if missing:
            raise ProviderNotConfigured(f"The 100ms account lacks {' and '.join(missing)}: set what is missing.")
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

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """The id of the room called `name`, enabled. Names may hold ASCII letters, digits and `. - : _`.

        100ms takes names that differ only in case for the same one. An account with a fixed room has only that one.
        `closure` is not needed: the room itself says whether it is shut. Codes that were disabled stay so;
        `issue_codes` makes new ones. Source: api-reference/Rooms/create-via-api of the 100ms docs.
        """
        if self._fixed_room_id is not None:
            return self._fixed_room_id
        if not _ROOM_NAME.fullmatch(name):
            raise ProviderRefused(f"100ms takes no room called {name!r}: use only letters, digits and . - : _")
        room = await self._client.create_room(name, self._template_id, self._webhook)
        self._compare_template(room)
        if not room.enabled:
            # Whether creating by name opens a room that was closed is not documented, so the answer decides.
            await self._client.enable_room(room.id)
        return room.id

    async def issue_codes(self, room_id: str) -> dict[str, str]:
        """The first enabled code of each role. A disabled room gives no codes, so it is enabled first.

        In a fixed room that can have no more codes, the enabled ones. Source:
        api-reference/room-codes/create-room-code-for-all-roles of the 100ms docs.
        """
        try:
            codes = await self._create_codes(room_id)
        except HmsForbidden:
            await self._client.enable_room(room_id)
            codes = await self._create_codes(room_id)
        first: dict[str, str] = {}
        for code in codes:
            if code.enabled and code.role not in self._recorder_roles:
                first.setdefault(code.role, code.code)
        return first

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """An enabled code of the role that is not `code`, which opens nothing any more.

        Asking again, also after a crash, gives the same new code. `HmsForbidden` while the room is disabled: this opens
        no room. Source: prebuilt/v2/room-codes and api-reference/room-codes of the 100ms docs ("disable the old code,
        then call a create endpoint again"). Which code is refused once a room has its 100 is not documented, so the
        codes are counted before the old one is disabled.
        """
        enabled = await self._client.list_codes(room_id)
        others = [known for known in enabled if known.role == role and known.code != code]
        if not others and await self._disabled_count(room_id) + len(enabled) >= MAX_CODES:
            raise RoomCodesExhausted(f"The 100ms room has {MAX_CODES} codes, as many as it can have.")
        with contextlib.suppress(HmsNotFound):
            await self._client.disable_code(code)
        for known in await self._client.create_codes(room_id):
            if known.role == role and known.enabled and known.code != code:
                return known.code
        return (await self._client.create_code(room_id, role)).code

    async def count_codes_left(self, room_id: str) -> int:
        """How many more codes the room can have. Whether disabled codes count is not documented: here they do."""
        return max(0, MAX_CODES - len(await self._client.list_codes(room_id)) - await self._disabled_count(room_id))

    async def _create_codes(self, room_id: str) -> tuple[HmsRoomCode, ...]:
        try:
            return await self._client.create_codes(room_id)
        except (HmsForbidden, HmsNotFound):
            raise
        except ProviderRefused as error:
            # What 100ms answers when a room would have too many codes is not documented: a refusal in a room that
            # has many of them is taken for that.
            enabled = await self._client.list_codes(room_id)
            if len(enabled) + await self._disabled_count(room_id) < EXHAUSTION_THRESHOLD_CODES:
                raise
            if self._fixed_room_id is not None and enabled:
                return enabled
            raise RoomCodesExhausted(
                f"The 100ms room {room_id} can have no more codes. If it is the fixed room of the account "
                "(room_id, HMS100_ROOM_ID), create a new room at 100ms and set its id."
            ) from error

    async def _disabled_count(self, room_id: str) -> int:
        return len(await self._client.list_codes(room_id, enabled=False))

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """Disable every code, end the call and disable the room. 100ms ends it soon after it answered.

        The codes come first: those of a disabled room cannot be listed, and would open it when it is enabled again.
        Repeating it after a failure at any point brings the same. Answers None. A room that all sessions share is
        nobody's to close. Source: api-reference/active-rooms/end-active-room and api-reference/room-codes of the
        100ms docs.
        """
        if self._fixed_room_id is not None:
            raise ProviderRefused("All sessions of this 100ms account share one room (room_id): it is not closed.")
        for code in sorted({*codes, *await self._enabled_codes(room_id)}):
            with contextlib.suppress(HmsNotFound, HmsForbidden):
                await self._client.disable_code(code)
        try:
            await self._client.end_room(room_id, CLOSING_REASON, lock=True)
        except (HmsNotFound, HmsForbidden):
            # Idle rooms cannot be ended, and what a disabled one answers is not documented.
            await self._disable(room_id)
        return None

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Put out every device with this user id, soon after the answer.

        100ms keeps nobody out: with a valid token or code they come back, so `until` asks for nothing. Somebody
        without a user id, whose device id is taken for it, is not found. Source:
        api-reference/active-rooms/retrieve-peer and remove-peers of the 100ms docs.
        """
        if not provider_user_id:
            raise ProviderRefused("100ms needs a user id to put somebody out: it may not be empty.")
        with contextlib.suppress(HmsNotFound):
            for peer in await self._client.list_peers(room_id, provider_user_id):
                # An API that ignores the filter would answer with everybody.
                if peer.user_id == provider_user_id:
                    await self._remove(room_id, peer.id)

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """The meetings in the room that run, or ended at `since` or later. None for an unknown room.

        Source: api-reference/Sessions/list-sessions and retrieve-a-session of the 100ms docs.
        """
        return await fetch_presence(self._client, room_id, since, self._recorder_roles, taken_at=self._clock())

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Read a webhook that shows the account's secret, its signature, or both where both are set.

        Sent within the last 24 hours, a replay within the last 30 days. Source: configure-webhooks/secure-webhooks of
        the 100ms docs, and its page on HIPAA workspaces.
        """
        return verify_webhook(self._webhook_keys, headers, body, recorder_roles=self._recorder_roles, now=now)

    def read(self, body: bytes) -> ProviderWebhook:
        """Read a webhook that was verified before, however old.

        Source: configure-webhooks/webhook of the 100ms docs.
        """
        return read_webhook(body, recorder_roles=self._recorder_roles)

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
        """An auth token for the seat. Its `jti` is the token id."""
        if not seat.user_id or not seat.role:
            raise ProviderRefused("A 100ms token needs a user id and a role: neither may be empty.")
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
        """The page with the code in its path. A code is a secret, so the token id is made from its digest.

        The page locks the name and reports the user id, but whoever has the code can claim another one.
        Source: prebuilt/v2 of the 100ms docs.
        """
        if self.page_url is None:
            raise ProviderNotConfigured("The 100ms account has no ready-made page: set subdomain or prebuilt_url.")
        if not code or not seat.user_id:
            raise ProviderRefused("The 100ms page needs a room code and a user id: neither may be empty.")
        named = {"name": seat.display_name} if seat.display_name else {}
        query = urlencode({**named, "userId": seat.user_id}, quote_via=quote, safe="")
        url = f"{self.page_url}/meeting/{quote(code, safe='')}?{query}"
        return IssuedCredentials(PrebuiltCredentials(code, room_id=room_id, url=url), compute_code_id(code))

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """Credentials, clock, template roles, page, the token given by hand and the webhooks."""
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
        raise ProviderNotConfigured(f"{key} of the 100ms account has to start with https:// (or http://).")
    return address.rstrip("/") if address else None


def _webhook_keys(given: Mapping[str, str]) -> WebhookKeys:
    secret = given.get("webhook_secret")
    if secret is not None and not _HEADER_VALUE.fullmatch(secret):
        raise ProviderNotConfigured(
            "webhook_secret of the 100ms account is sent in a header: use ASCII letters, digits and signs, no spaces."
        )
    return WebhookKeys(secret, given.get("webhook_signing_secret"))


def _webhook(given: Mapping[str, str]) -> WebhookTarget | None:
    url, secret = _web_address(given, "webhook_url"), given.get("webhook_secret")
    if url is None:
        return None
    if secret is None:
        raise ProviderNotConfigured(
            "webhook_url of the 100ms account needs webhook_secret: without it, anybody could send webhooks there."
        )
    return WebhookTarget(given["webhook_url"], {SECRET_HEADER: secret})
