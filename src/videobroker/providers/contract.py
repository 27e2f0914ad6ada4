"""The provider contract: the interface between this service and the video vendors.

It uses the terms of `docs/explanation/glossary.md`. A vendor's own terms do not leave its package. A provider is bound
to one account (an app's credentials at one vendor) and declares its optional features as capabilities. The common
behavior is specified by `tests/providers/test_every_provider.py`, which runs against every provider.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from videobroker.domain.apps import ProviderAccount, ProviderName
from videobroker.domain.attendance.observations import Observation, PresenceReport
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.circuit_breaker import CircuitStatus
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.ids import AccountId
from videobroker.domain.struct import Struct
from videobroker.errors import ProviderRefused


class RoomCodesExhausted(ProviderRefused):
    """The room has the maximum number of room codes, so no new one can be created."""


class RoomClosed(ProviderRefused):
    """The room is closed. `Provider.open_room` opens it."""


class Surface(StrEnum):
    """How a frontend shows the call: with the vendor's SDK, or on the vendor's ready-made page."""

    SDK = "sdk"
    PREBUILT = "prebuilt"


class Capability(StrEnum):
    """An optional feature of a provider. The values are stored and must not change."""

    PREBUILT = "prebuilt"
    """Has a ready-made call page that opens with a room code."""
    ROOM_CODES = "room_codes"
    """Issues room codes. The page that accepts them may be the app's own."""
    CLOSE_ROOM = "close_room"
    """Can end a running call, and prevent new joins."""
    REMOVE_PERSON = "remove_person"
    """Can disconnect a participant from a running call."""
    BAN = "keep_out"
    """Can refuse a participant for a limited time, even with valid credentials."""
    PRESENCE = "roll_call"
    """Can list the participants in a room."""
    WEBHOOKS = "webhooks"
    """Sends verifiable webhooks when participants join and leave."""


class TokenLimits(Struct):
    """The lifetimes of a vendor's tokens."""

    default: timedelta
    """Used if the policy sets none."""
    maximum: timedelta
    """The vendor accepts no longer lifetime."""
    must_cover_call: bool
    """True if the SDK reconnects with its first token, which must then outlive the longest possible call."""


class CredentialRequest(Struct):
    """The person, role, and lifetime for which credentials are signed."""

    user_id: str
    role: str
    """The provider role, not the app role."""
    display_name: str
    issued_at: datetime
    expires_at: datetime
    uid: int | None = None
    """The person's number in the session. Required if the provider `needs_uid`."""


class TokenCredentials(Struct):
    """A 100ms auth token for the room."""

    token: str
    room_id: str
    app_id: str
    provider: Literal["100ms"] = "100ms"
    surface: Literal["sdk"] = "sdk"

    def __repr__(self) -> str:
        return f"TokenCredentials(room_id={self.room_id!r})"


class PrebuiltCredentials(Struct):
    """A 100ms room code, and the URL of the call page with the code."""

    room_code: str
    room_id: str
    url: str
    provider: Literal["100ms"] = "100ms"
    surface: Literal["prebuilt"] = "prebuilt"

    def __repr__(self) -> str:
        return f"PrebuiltCredentials(room_id={self.room_id!r})"


class ChannelCredentials(Struct):
    """An Agora RTC token. The client must join with exactly this channel and uid."""

    token: str
    channel: str
    uid: int
    app_id: str
    page: str | None = None
    """A page that shows the call with these credentials, if the account has one."""
    provider: Literal["agora"] = "agora"
    surface: Literal["sdk"] = "sdk"

    def __repr__(self) -> str:
        return f"ChannelCredentials(channel={self.channel!r}, uid={self.uid!r})"


Credentials = TokenCredentials | PrebuiltCredentials | ChannelCredentials


class IssuedCredentials(Struct):
    """Credentials, and the ID by which the journal identifies them. The ID is not a secret."""

    credentials: Credentials
    token_id: str


@dataclass(frozen=True, slots=True)
class ProviderWebhook:
    """A parsed webhook of a provider."""

    id: str
    """The provider's ID of this webhook."""
    dedup_key: str | None
    """Equal for all webhooks about one occurrence, even if their IDs differ; None if it cannot be derived."""
    type: str
    """The event type, as named by the provider."""
    sent_at: datetime | None
    room_id: str | None
    """None for webhooks that do not concern a room."""
    observation: Observation | None = None
    """A change in a call; None for other webhooks, and for recorders."""
    recording: RecordingUpdate | None = None
    """A change of a recording. At most one of `observation` and `recording` is set."""


class Provider(Protocol):
    """One account at one vendor. Methods may be called concurrently.

    Methods with network access raise `ProviderUnavailable` if a later attempt may succeed, and `ProviderRefused` if
    not. All of them are safe to repeat.
    """

    name: ProviderName
    capabilities: frozenset[Capability]
    token_limits: TokenLimits
    needs_uid: bool
    page_url: str | None
    """The URL of the page on which its calls take place; None if there is only an SDK."""

    @property
    def circuit(self) -> CircuitStatus:
        """Whether this process sends requests to the account. If not, methods raise `ProviderUnavailable` at once."""
        ...

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """Create or reopen the room called `name`, and return the vendor's ID. A repetition returns the same ID.

        `closure` is the value that `close_room` returned; the empty string if the room may have been closed with an
        unknown result; None for a room that was never closed.
        """
        ...

    async def find_open_room(self, name: str) -> str | None:
        """The vendor's ID of the room called `name`; None if there is none, or it is known to be closed.

        Creates no room.
        """
        ...

    async def issue_codes(self, room_id: str) -> Mapping[str, str]:
        """The room codes, by provider role. A repetition returns the same codes. Needs `Capability.ROOM_CODES`.

        Raises `RoomCodesExhausted` if the room cannot have more codes, and `RoomClosed` if it is closed: then it stays
        closed.
        """
        ...

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """Invalidate `code`, and return another code for the role. Needs `Capability.ROOM_CODES`.

        Raises `RoomCodesExhausted`, and leaves `code` valid, if the room cannot have more codes.
        """
        ...

    async def count_codes_left(self, room_id: str) -> int:
        """The number of codes that can still be created in an open room. Needs `Capability.ROOM_CODES`."""
        ...

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """End the call in the room, and refuse joins until `open_room`. Needs `Capability.CLOSE_ROOM`.

        Invalidates `codes` and all other codes of the room. An idle or closed room is not an error. The result is to be
        stored, and passed to `open_room` as `closure`.
        """
        ...

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Disconnect all devices of a person. Needs `Capability.REMOVE_PERSON`.

        With `until` and `Capability.BAN`, the person is also refused until then, even with valid credentials. A person
        who is not in the room is not an error.
        """
        ...

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """Who is in the room now, and who was in it after `since`, if the vendor has a history.

        One report for each call that the vendor has. For an empty room, one report without people, or none. Needs
        `Capability.PRESENCE`.
        """
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Verify the origin and the age of a webhook, and parse it. Header names must be in lower case.

        Raises `WebhookRefused` if it may be forged, and `WebhookUnreadable` if it is malformed or too old.
        """
        ...

    def read(self, body: bytes) -> ProviderWebhook:
        """Parse a webhook that was verified when it was received. Raises `WebhookUnreadable`."""
        ...

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
        """Credentials for the SDK. Signed locally, without network access."""
        ...

    def sign_prebuilt(self, room_id: str, code: str, seat: CredentialRequest) -> IssuedCredentials:
        """Credentials for the ready-made page, also without network access. Needs `Capability.PREBUILT`."""
        ...

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """Check the account, and whether it has these provider roles. Problems are results, never raised."""
        ...

    async def aclose(self) -> None:
        """Release the connections."""
        ...


class AccountSetting(Struct):
    """A setting that accounts with a provider can have."""

    name: str
    description: str
    is_required: bool = False
    is_secret: bool = False
    """Never shown again."""


@dataclass(frozen=True, slots=True)
class AccountCircuit:
    """The circuit of an account."""

    account_id: AccountId
    provider: ProviderName
    status: CircuitStatus


class ProviderLookup(Protocol):
    """Finds the provider of an account. An instance is reused until the account changes."""

    def provider(self, account: ProviderAccount) -> Provider:
        """The provider of `account`. Raises `ProviderNotConfigured` if a setting is missing or invalid."""
        ...

    def settings_of(self, name: ProviderName) -> Sequence[AccountSetting]:
        """The settings that accounts with this provider can have."""
        ...

    def circuits(self) -> Sequence[AccountCircuit]:
        """The circuits of all accounts that this process has used in their present version."""
        ...

    async def aclose(self) -> None:
        """Close all providers."""
        ...
