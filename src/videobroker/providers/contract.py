"""What we ask of a video provider, in our words. Vendor words stop inside the packages beside this file.

A provider is bound to one account (one app's credentials with one vendor). Everything it cannot do is a capability it
does not claim; the behaviour that every provider promises is stated once, in `tests/providers/test_every_provider.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from videobroker.domain.apps import ProviderAccount, ProviderName
from videobroker.domain.attendance.observations import Observation, PresenceReport
from videobroker.domain.attendance.recordings import RecordingUpdate
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.struct import Struct
from videobroker.errors import ProviderRefused


class RoomCodesExhausted(ProviderRefused):
    """The video provider creates no more codes in this room."""


class Surface(StrEnum):
    """How a frontend shows the call: with the vendor's SDK, or with the vendor's ready-made page."""

    SDK = "sdk"
    PREBUILT = "prebuilt"


class Capability(StrEnum):
    """What a provider may or may not be able to do."""

    PREBUILT = "prebuilt"
    """Offers a ready-made page that is entered with a room code."""
    ROOM_CODES = "room_codes"
    """Gives room codes; the page that takes them may be the app's own."""
    CLOSE_ROOM = "close_room"
    """Can end a running call and keep the room shut."""
    REMOVE_PERSON = "remove_person"
    """Can put somebody out of a running call."""
    BAN = "keep_out"
    """Can refuse somebody who has valid credentials, for a while."""
    PRESENCE = "roll_call"
    """Can tell who is in a room."""
    WEBHOOKS = "webhooks"
    """Tells us who comes and goes, in a way that we can verify."""


class TokenLimits(Struct):
    """How long this vendor's tokens live."""

    default: timedelta
    """When the policy says nothing."""
    maximum: timedelta
    """The vendor honours no more than this."""
    must_cover_call: bool
    """The SDK presents the first token again after a network drop, so it has to last as long as the call can."""


class CredentialRequest(Struct):
    """One person's place in a room: everything that a signature is made over."""

    user_id: str
    role: str
    """The provider's role, not the app's."""
    display_name: str
    issued_at: datetime
    expires_at: datetime
    uid: int | None = None
    """The number of this person in the session; given when the provider `needs_uid`."""


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
    """A 100ms room code, and the page that takes it."""

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
    """A page that shows the call to whoever hands it these credentials, where the account names one."""
    provider: Literal["agora"] = "agora"
    surface: Literal["sdk"] = "sdk"

    def __repr__(self) -> str:
        return f"ChannelCredentials(channel={self.channel!r}, uid={self.uid!r})"


Credentials = TokenCredentials | PrebuiltCredentials | ChannelCredentials


class IssuedCredentials(Struct):
    """Credentials, and the name under which the journal remembers them."""

    credentials: Credentials
    token_id: str


@dataclass(frozen=True, slots=True)
class ProviderWebhook:
    """A webhook of the provider, read."""

    id: str
    """The provider's id of it."""
    dedup_key: str | None
    """The same for all notices of the same happening, also under another id; None where nothing tells."""
    type: str
    """In the provider's word."""
    sent_at: datetime | None
    room_id: str | None
    """Which room it is about; None for what is about none."""
    observation: Observation | None = None
    """What it says about a call; None for what does not matter to calls, and for recorders."""
    recording: RecordingUpdate | None = None
    """What it says about a recording. A notice says something about one of them at most: a call, or a recording."""


class Provider(Protocol):
    """One account with one vendor."""

    name: ProviderName
    capabilities: frozenset[Capability]
    token_limits: TokenLimits
    needs_uid: bool
    page_url: str | None
    """Where the page is on which its calls take place; None where there is none, only an SDK."""

    async def open_room(self, name: str, *, closure: str | None = None) -> str:
        """The vendor's id of the room called `name`, which is open afterwards. Asking again gives the same room.

        `closure` is what `close_room` answered when this room was closed; empty when it may have been closed, and the
        answer is not known; None for a room that never was.

        Raises `ProviderUnavailable` when another try may help, `ProviderRefused` when it will not.
        """
        ...

    async def issue_codes(self, room_id: str) -> Mapping[str, str]:
        """The room codes, by provider role. Asking again gives the same codes. Needs `Capability.ROOM_CODES`.

        Raises `RoomCodesExhausted` when the room can have no more codes.
        """
        ...

    async def replace_code(self, room_id: str, role: str, code: str) -> str:
        """A new room code for the role; the old one opens nothing any more. Needs `Capability.ROOM_CODES`.

        Raises `RoomCodesExhausted`, and leaves the old code valid, when the room can have no more codes.
        """
        ...

    async def count_codes_left(self, room_id: str) -> int:
        """How many more room codes can be created in this open room. Needs `Capability.ROOM_CODES`."""
        ...

    async def close_room(self, room_id: str, *, codes: Collection[str] = ()) -> str | None:
        """End what runs in the room and let nobody in until it is opened again. Needs `Capability.CLOSE_ROOM`.

        No code of the room opens anything afterwards: neither one of these, nor any other. Closing a room that is idle
        or already closed is not an error. What it answers is for `open_room`.
        """
        ...

    async def remove_person(self, room_id: str, provider_user_id: str, *, until: datetime | None) -> None:
        """Put every device of this person out of the room. Needs `Capability.REMOVE_PERSON`.

        `until` asks to keep them out so long, also with valid credentials; a provider without `Capability.BAN`
        does not. Somebody who is not there is not an error.
        """
        ...

    async def fetch_presence(self, room_id: str, *, since: datetime) -> Sequence[PresenceReport]:
        """Who is in the room now, and who was in it since then, as far as the vendor tells. Needs `PRESENCE`.

        One for each meeting that the vendor knows of. Where it knows of none, there is one that names nobody, or none
        at all.
        """
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
        """Read a webhook after making sure that the vendor sent it, lately. Names of headers are in lower case.

        Raises `WebhookRefused` when it may be forged, `WebhookUnreadable` when it cannot be read or is too old.
        """
        ...

    def read(self, body: bytes) -> ProviderWebhook:
        """Read a webhook that was verified before. Raises `WebhookUnreadable`."""
        ...

    def sign(self, room_id: str, seat: CredentialRequest) -> IssuedCredentials:
        """Credentials for the SDK, made without asking anybody."""
        ...

    def sign_prebuilt(self, room_id: str, code: str, seat: CredentialRequest) -> IssuedCredentials:
        """Credentials for the ready-made page. Needs `Capability.PREBUILT`."""
        ...

    async def examine(self, roles: Collection[str]) -> list[CheckResult]:
        """What is right and wrong with the account, when people get these provider roles. Raises nothing."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class ProviderLookup(Protocol):
    """Finds the provider for an account; keeps one for as long as the account does not change."""

    def provider(self, account: ProviderAccount) -> Provider:
        """The provider bound to `account`. Raises `ProviderNotConfigured` when the account lacks a setting."""
        ...

    async def aclose(self) -> None:
        """Let go of all providers."""
        ...
