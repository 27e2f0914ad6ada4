"""What the service responds with. Generated from openapi.yaml by `make clients`: do not edit.

Fields that the service adds later are in `raw`. A type such as `ProviderName | str` lists known values; a newer service
can send others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias

from videobroker_client._json import Model, list_of, map_of, nullable, parse_time

__all__ = [
    "AccessDecision",
    "AccessReason",
    "AgoraTokenCredentials",
    "ApiKeyCreatedData",
    "ApiKeyCreatedEvent",
    "ApiKeyData",
    "ApiKeyIdentity",
    "ApiKeyRevokedEvent",
    "AppRef",
    "AppReportedData",
    "AppReportedEvent",
    "AppSettingsChangedData",
    "AppSettingsChangedEvent",
    "AppSettingsCreatedData",
    "AppSettingsCreatedEvent",
    "Attendance",
    "AttendanceCorrectedData",
    "AttendanceCorrectedEvent",
    "AttendancePeriod",
    "AttendanceReconciledData",
    "AttendanceReconciledEvent",
    "AttendanceVerdict",
    "AuthenticationRejectedData",
    "AuthenticationRejectedEvent",
    "Booking",
    "BookingList",
    "BookingSummary",
    "Call",
    "CallAttendance",
    "CallData",
    "CallEndedData",
    "CallEndedEvent",
    "CallList",
    "CallPerson",
    "CallPersonList",
    "CallPresence",
    "CallProblem",
    "CallSettledData",
    "CallSettledEvent",
    "CallStartedEvent",
    "CallWithAttendance",
    "ChangeInterface",
    "CheckResult",
    "CheckStatus",
    "ConfigurationData",
    "ConfiguredProvider",
    "CredentialsDeniedData",
    "CredentialsDeniedEvent",
    "CredentialsIssuedData",
    "CredentialsIssuedEvent",
    "DataExportedData",
    "DataExportedEvent",
    "DeliveryState",
    "Diagnostics",
    "DisabledReason",
    "EffectivePolicy",
    "EmptyData",
    "EndReason",
    "EndpointAction",
    "EndpointChangedData",
    "EndpointChangedEvent",
    "EndpointCreatedEvent",
    "EndpointData",
    "EndpointDisabledData",
    "EndpointDisabledEvent",
    "EndpointOperatedData",
    "EndpointOperatedEvent",
    "EndpointRemovedData",
    "EndpointRemovedEvent",
    "EndpointSecretRotatedData",
    "EndpointSecretRotatedEvent",
    "EndpointTestData",
    "EndpointTestEvent",
    "EntryState",
    "Event",
    "EventList",
    "EventRequester",
    "EventType",
    "Evidence",
    "EvidenceSource",
    "ExportContent",
    "ExportFormat",
    "Feedback",
    "FeedbackDetails",
    "FeedbackGivenData",
    "FeedbackGivenEvent",
    "FormerStay",
    "Group",
    "GroupList",
    "GroupSummary",
    "HmsRoomCodeCredentials",
    "HmsTokenCredentials",
    "IncomingWebhookCount",
    "IncomingWebhookCountList",
    "JoinCredentials",
    "JournalRetiredData",
    "JournalRetiredEvent",
    "JournalSealedData",
    "JournalSealedEvent",
    "LegacyFamily",
    "Limits",
    "Link",
    "LinkIssuedData",
    "LinkIssuedEvent",
    "LinkList",
    "LinkRevocation",
    "LinkRevokedData",
    "LinkRevokedEvent",
    "LinkWithUrl",
    "LobbyEntry",
    "LobbyEntryData",
    "LobbyEntryList",
    "Me",
    "Modality",
    "NoShowData",
    "ObservationType",
    "OperatorKeyCreatedData",
    "OperatorKeyCreatedEvent",
    "OperatorKeyData",
    "OperatorKeyRevokedEvent",
    "OperatorRole",
    "OperatorSignedInData",
    "OperatorSignedInEvent",
    "OperatorSignedOutEvent",
    "Participant",
    "ParticipantAddedEvent",
    "ParticipantAdmittedEvent",
    "ParticipantData",
    "ParticipantDeniedEvent",
    "ParticipantDroppedEvent",
    "ParticipantJoinedEvent",
    "ParticipantLeftData",
    "ParticipantLeftEvent",
    "ParticipantList",
    "ParticipantNoShowEvent",
    "ParticipantReadmittedEvent",
    "ParticipantRemovedData",
    "ParticipantRemovedEvent",
    "ParticipantUpdatedEvent",
    "ParticipantVerdict",
    "ParticipantWaitingData",
    "ParticipantWaitingEvent",
    "ParticipantWithdrewEvent",
    "PersonAttendance",
    "PersonErasedData",
    "PersonErasedEvent",
    "ProviderAccountChangedData",
    "ProviderAccountChangedEvent",
    "ProviderName",
    "ProviderRole",
    "ProviderSwitchedEvent",
    "Readmission",
    "RecordingData",
    "RecordingFailedData",
    "RecordingFailedEvent",
    "RecordingKind",
    "RecordingReadyData",
    "RecordingReadyEvent",
    "RecordingStartedEvent",
    "Removal",
    "RemovalEnforcement",
    "ReplayResult",
    "RetentionChangedData",
    "RetentionChangedEvent",
    "RoomClosedEvent",
    "RoomData",
    "RoomOpenedEvent",
    "RunningCall",
    "Scope",
    "SessionCancelledEvent",
    "SessionClosedData",
    "SessionClosedEvent",
    "SessionData",
    "SessionDeletedEvent",
    "SessionKind",
    "SessionName",
    "SessionPerson",
    "SessionPersonList",
    "SessionPolicy",
    "SessionRef",
    "SessionRegisteredEvent",
    "SessionStatus",
    "SessionUpdatedEvent",
    "SettingChange",
    "SignInMethod",
    "Stay",
    "StayData",
    "Surface",
    "TicketIdentity",
    "UnknownEvent",
    "UnknownJoinCredentials",
    "UnknownMe",
    "UserIdentity",
    "UserTokenRulesChangedEvent",
    "UserTokenRulesData",
    "UserTokenRulesRemovedEvent",
    "VerdictRule",
    "Visit",
    "VisitLobby",
    "VisitOthers",
    "VisitPerson",
    "VisitSession",
    "WaitingRoom",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDeliveryList",
    "WebhookDeliveryWithAttempts",
    "WebhookEndpoint",
    "WebhookEndpointList",
    "WebhookEndpointWithSecret",
    "decode_event",
    "decode_join_credentials",
    "decode_me",
]

AccessReason: TypeAlias = Literal[
    "video_disabled",
    "session_cancelled",
    "session_completed",
    "session_not_confirmed",
    "not_a_participant",
    "guests_not_allowed",
    "participant_removed",
    "too_early",
    "session_over",
    "waiting_for_host",
    "waiting_for_admission",
    "admission_denied",
]
"""Why a person cannot join. The values are also error codes. More values can be added: clients must accept unknown
values.
"""

AttendanceVerdict: TypeAlias = Literal[
    "attended",
    "late",
    "left_early",
    "absent",
]
"""How a person attended a booking. More values can be added: clients must accept unknown values."""

CallPresence: TypeAlias = Literal[
    "in_call",
    "absent",
    "unknown",
]
"""Whether a person is in the call. More values can be added: clients must accept unknown values."""

CallProblem: TypeAlias = Literal[
    "audio",
    "video",
    "connection",
    "screen_share",
    "people",
    "other",
]
"""What did not work in a call. More values can be added: clients must accept unknown values."""

ChangeInterface: TypeAlias = Literal[
    "api",
    "console",
    "admin_api",
    "command_line",
    "environment",
]
"""Where a configuration was changed. More values can be added: clients must accept unknown values."""

CheckStatus: TypeAlias = Literal[
    "ok",
    "warning",
    "failed",
]
"""The outcome of a check. More values can be added: clients must accept unknown values."""

DeliveryState: TypeAlias = Literal[
    "pending",
    "delivered",
    "failed",
]
"""The state of a delivery. More values can be added: clients must accept unknown values."""

DisabledReason: TypeAlias = Literal[
    "by_app",
    "gone",
    "failing",
]
"""Why an endpoint is disabled. More values can be added: clients must accept unknown values."""

EndReason: TypeAlias = Literal[
    "requested",
    "window_closed",
    "session_shut",
    "session_moved",
    "empty",
]
"""Why a call ended. More values can be added: clients must accept unknown values."""

EndpointAction: TypeAlias = Literal[
    "enabled",
    "disabled",
    "tested",
    "retried",
    "replayed",
]
"""An operator's action on an endpoint in the console. More values can be added: clients must accept unknown values."""

EntryState: TypeAlias = Literal[
    "waiting",
    "stranded",
    "admitted",
    "denied",
]
"""The state of an entry in the waiting room. More values can be added: clients must accept unknown values."""

EventType: TypeAlias = Literal[
    "session.registered",
    "session.updated",
    "session.cancelled",
    "session.deleted",
    "participant.added",
    "participant.updated",
    "participant.dropped",
    "credentials.issued",
    "credentials.denied",
    "link.issued",
    "link.revoked",
    "participant.joined",
    "participant.left",
    "participant.removed",
    "participant.readmitted",
    "participant.waiting",
    "participant.withdrew",
    "participant.admitted",
    "participant.denied",
    "participant.no_show",
    "feedback.given",
    "attendance.corrected",
    "attendance.reconciled",
    "session.closed",
    "call.started",
    "call.ended",
    "call.settled",
    "recording.started",
    "recording.ready",
    "recording.failed",
    "room.opened",
    "room.closed",
    "provider.switched",
    "endpoint.disabled",
    "endpoint.operated",
    "app.reported",
    "person.erased",
    "journal.retired",
    "journal.sealed",
    "app_settings.created",
    "app_settings.changed",
    "api_key.created",
    "api_key.revoked",
    "provider_account.changed",
    "user_token_rules.changed",
    "user_token_rules.removed",
    "endpoint.created",
    "endpoint.changed",
    "endpoint.secret_rotated",
    "endpoint.removed",
    "retention.changed",
    "data.exported",
    "operator.signed_in",
    "operator.signed_out",
    "operator_key.created",
    "operator_key.revoked",
    "authentication.rejected",
]
"""The type of an event. More values can be added: clients must accept unknown values."""

EvidenceSource: TypeAlias = Literal[
    "observed",
    "reconciled",
    "inferred",
]
"""The source of a fact. The order is from the strongest evidence to the weakest. More values can be added: clients
must accept unknown values.
"""

ExportContent: TypeAlias = Literal[
    "sessions",
    "attendance",
    "deliveries",
    "journal",
]
"""What a file contains. More values can be added: clients must accept unknown values."""

ExportFormat: TypeAlias = Literal[
    "csv",
    "json_lines",
]
"""The format of a file. More values can be added: clients must accept unknown values."""

LegacyFamily: TypeAlias = Literal[
    "tutoring",
    "appointments",
    "groups",
    "therapy",
]
"""The endpoints of a former product, served for apps that enable them. More values can be added: clients must accept
unknown values.
"""

Modality: TypeAlias = Literal[
    "virtual",
    "physical",
]
"""Where a booking takes place. More values can be added: clients must accept unknown values."""

ObservationType: TypeAlias = Literal[
    "arrived",
    "left",
    "role_changed",
    "absent",
    "present",
    "opened",
    "emptied",
]
"""The kind of an observation. More values can be added: clients must accept unknown values."""

OperatorRole: TypeAlias = Literal[
    "viewer",
    "support",
    "admin",
]
"""The role of an operator, from the least to the most powerful. More values can be added: clients must accept
unknown values.
"""

ProviderName: TypeAlias = Literal[
    "100ms",
    "agora",
]
"""A video provider. More values can be added: clients must accept unknown values."""

RecordingKind: TypeAlias = Literal[
    "composite",
    "live_stream",
]
"""The content of a recording. More values can be added: clients must accept unknown values."""

RemovalEnforcement: TypeAlias = Literal[
    "done",
    "pending",
    "impossible",
]
"""Whether the provider has enforced a removal. More values can be added: clients must accept unknown values."""

Scope: TypeAlias = Literal[
    "sessions:read",
    "sessions:write",
    "join",
    "links:write",
    "calls:read",
    "calls:write",
    "moderation:write",
    "events:read",
    "events:write",
    "webhooks:read",
    "webhooks:write",
    "diagnostics:read",
]
"""A permission of an API key. More values can be added: clients must accept unknown values."""

SessionKind: TypeAlias = Literal[
    "booking",
    "group",
]
"""A booking has a schedule and a status; a group is open while its video is on. More values can be added: clients
must accept unknown values.
"""

SessionStatus: TypeAlias = Literal[
    "pending",
    "confirmed",
    "cancelled",
    "completed",
]
"""The status of a booking. A group is `confirmed` until it is cancelled. More values can be added: clients must
accept unknown values.
"""

SignInMethod: TypeAlias = Literal[
    "admin_key",
    "openid_connect",
    "sign_in_link",
]
"""How an operator proved who they are. More values can be added: clients must accept unknown values."""

Surface: TypeAlias = Literal[
    "sdk",
    "prebuilt",
]
"""How a frontend shows the call: with the vendor's SDK, or on the vendor's ready-made page. More values can be
added: clients must accept unknown values.
"""

VerdictRule: TypeAlias = Literal[
    "there_in_time",
    "late_after",
    "left_early_before",
    "minimum_presence",
    "never_there",
    "cancelled",
    "not_confirmed",
    "video_disabled",
    "removed",
    "not_over",
    "no_evidence",
]
"""The rule that determined a verdict. More values can be added: clients must accept unknown values."""

WaitingRoom: TypeAlias = Literal[
    "off",
    "until_host",
    "admit",
]
"""Who has to wait although the window is open. More values can be added: clients must accept unknown values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDecision(Model):
    """The access decision."""

    decision: Literal["admit", "wait", "refuse"] | str
    """Whether the person can join: now (`admit`), later (`wait`), or not at all (`refuse`)."""
    reason: AccessReason | str | None = None
    """Why the person cannot join. Not with `admit`."""
    role: str | None = None
    """The role at the provider. Only with `admit`."""
    opens_at: datetime | None = None
    """When this person can join."""
    closes_at: datetime | None = None
    """Until when this person can join."""
    until: datetime | None = None
    """When join credentials expire at the latest. Only with `admit`."""
    retry_after: int | None = None
    """Seconds to wait before the next request: with `too_early`, until `opens_at`. The header `Retry-After` has the
    same value, but at most 3600. Only with `wait`.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            decision=raw["decision"],
            reason=raw.get("reason"),
            role=raw.get("role"),
            opens_at=nullable(parse_time)(raw.get("opens_at")),
            closes_at=nullable(parse_time)(raw.get("closes_at")),
            until=nullable(parse_time)(raw.get("until")),
            retry_after=raw.get("retry_after"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgoraTokenCredentials(Model):
    """For the Agora SDK: join with exactly this `channel`, `token` and `uid`."""

    role: str
    """The role at the provider."""
    user_id: str
    """Your ID of the person."""
    display_name: str
    """The person's name, as others see it. Null if it is not known."""
    expires_at: datetime
    """Join again before then. The access check is repeated."""
    join_id: str
    """Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
    changes to another ID, the person has joined somewhere else.
    """
    session: SessionName
    """The session."""
    call: Call
    """The call."""
    type: Literal["agora_token"]
    """Credentials for the Agora SDK."""
    provider: Literal["agora"]
    """The video provider."""
    surface: Literal["sdk"]
    """The vendor's SDK, or its ready-made page."""
    token: str = field(repr=False)
    """The token to join with."""
    channel: str
    """The Agora channel."""
    uid: int
    """The person's Agora uid in this session."""
    app_id: str
    """The ID of the Agora project."""
    page: str | None = field(repr=False, default=None)
    """Where the account names one: a page that shows the call with these credentials."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            expires_at=parse_time(raw["expires_at"]),
            join_id=raw["join_id"],
            session=SessionName.from_json(raw["session"]),
            call=Call.from_json(raw["call"]),
            type=raw["type"],
            provider=raw["provider"],
            surface=raw["surface"],
            token=raw["token"],
            channel=raw["channel"],
            uid=raw["uid"],
            app_id=raw["app_id"],
            page=raw.get("page"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreatedData(Model):
    """A new API key."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    key: str
    """The ID of the API key."""
    name: str
    """The name."""
    scopes: list[str]
    """What the API key permits."""
    expires_at: datetime | None
    """When it expires. Null if it does not expire."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            key=raw["key"],
            name=raw["name"],
            scopes=raw["scopes"],
            expires_at=nullable(parse_time)(raw["expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreatedEvent(Model):
    """An API key was created. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["api_key.created"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ApiKeyCreatedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ApiKeyCreatedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyData(Model):
    """An API key."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    key: str
    """The ID of the API key."""
    name: str
    """The name."""
    scopes: list[str]
    """What the API key permits."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            key=raw["key"],
            name=raw["name"],
            scopes=raw["scopes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyIdentity(Model):
    """A backend with an API key."""

    type: Literal["api_key"]
    """The type."""
    app: AppRef
    """The app that the credential belongs to."""
    key_id: str
    """The ID of the key, as in `asked_by.key_id` of events."""
    key_name: str
    """The name that the key got when it was created."""
    key_hint: str
    """The first characters of the key."""
    scopes: list[Scope | str]
    """What the key may do."""
    created_at: datetime
    """When the key was created."""
    expires_at: datetime | None
    """Null if the key does not expire."""
    policy: EffectivePolicy
    """The policy of sessions that have none of their own."""
    providers: list[ConfiguredProvider]
    """In the order in which sessions use them by default."""
    legacy_families: list[LegacyFamily | str]
    """The legacy endpoints that the app has enabled."""
    allowed_origins: list[str]
    """Web origins that may call the API and embed the hosted page."""
    limits: Limits
    """What the service accepts at most."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            type=raw["type"],
            app=AppRef.from_json(raw["app"]),
            key_id=raw["key_id"],
            key_name=raw["key_name"],
            key_hint=raw["key_hint"],
            scopes=raw["scopes"],
            created_at=parse_time(raw["created_at"]),
            expires_at=nullable(parse_time)(raw["expires_at"]),
            policy=EffectivePolicy.from_json(raw["policy"]),
            providers=list_of(ConfiguredProvider.from_json)(raw["providers"]),
            legacy_families=raw["legacy_families"],
            allowed_origins=raw["allowed_origins"],
            limits=Limits.from_json(raw["limits"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRevokedEvent(Model):
    """An API key was revoked. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["api_key.revoked"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ApiKeyData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ApiKeyData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRef(Model):
    """Identifies an app."""

    id: str
    """Our ID of the app."""
    name: str
    """The name of the app, as in `videobroker apps list`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            name=raw["name"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReportedData(Model):
    """An event that the app reported."""

    event: str
    """The app's name for the event."""
    reported_at: str | None
    """When it happened, by the app's clock."""
    details: dict[str, Any]
    """Additional data from the app."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            event=raw["event"],
            reported_at=raw["reported_at"],
            details=raw["details"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReportedEvent(Model):
    """The app reported an event."""

    id: str
    """The ID, which never changes."""
    type: Literal["app.reported"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AppReportedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AppReportedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettingsChangedData(Model):
    """Changed settings of an app."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    changes: dict[str, SettingChange]
    """By name: `policy.guests_allowed`, `role_maps.100ms`, ..."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            changes=map_of(SettingChange.from_json)(raw["changes"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettingsChangedEvent(Model):
    """The app's policy, role maps, origins, or legacy endpoints were changed. Sent to webhook endpoints only if
    their `types` include it.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["app_settings.changed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AppSettingsChangedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AppSettingsChangedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettingsCreatedData(Model):
    """A new app."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    name: str
    """The name."""
    settings: dict[str, Any]
    """By name: `policy.guests_allowed`, `role_maps.100ms`, ..."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            name=raw["name"],
            settings=raw["settings"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettingsCreatedEvent(Model):
    """The app was created. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["app_settings.created"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AppSettingsCreatedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AppSettingsCreatedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance(Model):
    """The attendance of a booking."""

    reference: str
    """Your ID of the session."""
    starts_at: datetime | None
    """When the booking is scheduled to start. Null for a group."""
    ends_at: datetime | None
    """When the booking is scheduled to end. Null for a group."""
    final: bool
    """The booking has closed, and the verdicts are final."""
    participants: list[PersonAttendance]
    """All participants."""
    others: list[PersonAttendance]
    """Guests, and people who are not registered. They get no verdict."""
    calls: list[str]
    """IDs of the calls that this is based on. For details, use `GET /v1/calls/{id}`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reference=raw["reference"],
            starts_at=nullable(parse_time)(raw["starts_at"]),
            ends_at=nullable(parse_time)(raw["ends_at"]),
            final=raw["final"],
            participants=list_of(PersonAttendance.from_json)(raw["participants"]),
            others=list_of(PersonAttendance.from_json)(raw["others"]),
            calls=raw["calls"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceCorrectedData(Model):
    """A corrected stay."""

    call: str
    """The ID of the call."""
    role: str | None
    """The role at the provider."""
    source: EvidenceSource | str
    """How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
    other facts.
    """
    joined_at: datetime
    """When the person joined."""
    provider_user_id: str | None = None
    """The person's ID at the provider, if it is different from `user_id`."""
    left_at: datetime | None
    """When the person left. Null if they are in the call."""
    reason: str | None
    """Why the person left, as reported by the provider."""
    former: FormerStay | None = None
    """The times before the correction."""
    withdrawn: bool | None = None
    """Whether the stay is withdrawn: it did not take place."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            role=raw["role"],
            source=raw["source"],
            joined_at=parse_time(raw["joined_at"]),
            provider_user_id=raw.get("provider_user_id"),
            left_at=nullable(parse_time)(raw["left_at"]),
            reason=raw["reason"],
            former=nullable(FormerStay.from_json)(raw.get("former")),
            withdrawn=raw.get("withdrawn"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceCorrectedEvent(Model):
    """Attendance that was reported before was corrected."""

    id: str
    """The ID, which never changes."""
    type: Literal["attendance.corrected"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AttendanceCorrectedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AttendanceCorrectedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendancePeriod(Model):
    """A period in which the person was in the call, on any device."""

    joined_at: datetime
    """When the person joined."""
    left_at: datetime | None
    """When the person left. Null while they are in the call."""
    source: EvidenceSource | str
    """How this is known."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            joined_at=parse_time(raw["joined_at"]),
            left_at=nullable(parse_time)(raw["left_at"]),
            source=raw["source"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceReconciledData(Model):
    """Observations that were learned from a query to the provider instead of its webhooks."""

    call: str
    """The ID of the call."""
    roll_call: str
    """The ID of the query."""
    learned: dict[str, int]
    """The number of new observations by kind."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            roll_call=raw["roll_call"],
            learned=raw["learned"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceReconciledEvent(Model):
    """A query to the provider recovered missed observations."""

    id: str
    """The ID, which never changes."""
    type: Literal["attendance.reconciled"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AttendanceReconciledData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AttendanceReconciledData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRejectedData(Model):
    """Rejected credentials, counted over about a minute."""

    reason: str
    """The error code, such as `api_key_expired` or `ticket_revoked`."""
    count: int
    """The number of rejected requests."""
    addresses: int
    """The number of distinct IP addresses, at most 100. A single address is in `asked_by.ip`."""
    first_at: datetime
    """When the first one happened."""
    last_at: datetime
    """When the last one happened."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reason=raw["reason"],
            count=raw["count"],
            addresses=raw["addresses"],
            first_at=parse_time(raw["first_at"]),
            last_at=parse_time(raw["last_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRejectedEvent(Model):
    """Credentials were rejected. One event counts all rejections for the same reason in a minute. Sent to webhook
    endpoints only if their `types` include it.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["authentication.rejected"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: AuthenticationRejectedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=AuthenticationRejectedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking(Model):
    """A booking."""

    reference: str
    """Your ID of the session."""
    title: str | None
    """Shown to participants. Never sent to a provider."""
    providers: list[ProviderName | str]
    """The providers to use, in order of preference."""
    provider: ProviderName | str | None
    """The provider of the session's room. Null before the first join."""
    participant_count: int
    """The number of participants."""
    participant: Participant | None
    """The entry of the user of the user token; in lists, also of the user in the query. Otherwise null."""
    policy: SessionPolicy | None
    """The policy settings of this session that differ from those of the app. Null for end users."""
    metadata: dict[str, Any] | None
    """Custom data of your app. Null for end users."""
    version: int
    """Incremented when the session's fields change, and when its participants are replaced."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""
    participants: list[Participant] | None
    """The first 100 participants by user ID. `participants_truncated` is true if there are more. Null for end users
    who are not hosts.
    """
    participant_names: list[str] | None
    """The display names of these participants, if they have one. Null for guests."""
    participants_truncated: bool
    """Whether there are more than 100 participants. To list all of them, use `GET .../participants`."""
    status: SessionStatus | str
    """The status."""
    modality: Modality | str
    """Where the booking takes place."""
    starts_at: datetime
    """When it is scheduled to start."""
    ends_at: datetime
    """When it is scheduled to end."""
    duration_minutes: float
    """The scheduled duration."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reference=raw["reference"],
            title=raw["title"],
            providers=raw["providers"],
            provider=raw["provider"],
            participant_count=raw["participant_count"],
            participant=nullable(Participant.from_json)(raw["participant"]),
            policy=nullable(SessionPolicy.from_json)(raw["policy"]),
            metadata=raw["metadata"],
            version=raw["version"],
            created_at=parse_time(raw["created_at"]),
            updated_at=parse_time(raw["updated_at"]),
            participants=nullable(list_of(Participant.from_json))(raw["participants"]),
            participant_names=raw["participant_names"],
            participants_truncated=raw["participants_truncated"],
            status=raw["status"],
            modality=raw["modality"],
            starts_at=parse_time(raw["starts_at"]),
            ends_at=parse_time(raw["ends_at"]),
            duration_minutes=raw["duration_minutes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingList(Model):
    """One page of bookings."""

    data: list[BookingSummary]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(BookingSummary.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSummary(Model):
    """A booking as an item of a list."""

    reference: str
    """Your ID of the session."""
    title: str | None
    """Shown to participants. Never sent to a provider."""
    providers: list[ProviderName | str]
    """The providers to use, in order of preference."""
    provider: ProviderName | str | None
    """The provider of the session's room. Null before the first join."""
    participant_count: int
    """The number of participants."""
    participant: Participant | None
    """The entry of the user of the user token; in lists, also of the user in the query. Otherwise null."""
    policy: SessionPolicy | None
    """The policy settings of this session that differ from those of the app. Null for end users."""
    metadata: dict[str, Any] | None
    """Custom data of your app. Null for end users."""
    version: int
    """Incremented when the session's fields change, and when its participants are replaced."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""
    status: SessionStatus | str
    """The status."""
    modality: Modality | str
    """Where the booking takes place."""
    starts_at: datetime
    """When it is scheduled to start."""
    ends_at: datetime
    """When it is scheduled to end."""
    duration_minutes: float
    """The scheduled duration."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reference=raw["reference"],
            title=raw["title"],
            providers=raw["providers"],
            provider=raw["provider"],
            participant_count=raw["participant_count"],
            participant=nullable(Participant.from_json)(raw["participant"]),
            policy=nullable(SessionPolicy.from_json)(raw["policy"]),
            metadata=raw["metadata"],
            version=raw["version"],
            created_at=parse_time(raw["created_at"]),
            updated_at=parse_time(raw["updated_at"]),
            status=raw["status"],
            modality=raw["modality"],
            starts_at=parse_time(raw["starts_at"]),
            ends_at=parse_time(raw["ends_at"]),
            duration_minutes=raw["duration_minutes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Model):
    """One meeting of a session, from start to end."""

    id: str
    """The ID, which never changes."""
    session: SessionRef
    """The session."""
    provider: ProviderName | str
    """The video provider."""
    started_at: datetime
    """When it started."""
    started_by: str | None
    """The user who started the call, by joining or with a request. Null if your backend started it without naming a
    user.
    """
    ended_at: datetime | None
    """Null while the call is running."""
    ended_by: str | None
    """The user who ended the call, if any."""
    end_reason: EndReason | str | None
    """Null while the call is running."""
    duration_seconds: int | None
    """Whole seconds from start to end. Null while the call is running."""
    provider_call_ids: list[str]
    """IDs of the call at the provider. 100ms creates a new session ID each time that people join an empty room."""
    people: int
    """How many different people have been in the call."""
    peak: int
    """The highest number of people in the call at the same time."""
    present: int
    """How many people are in the call now."""
    first_joined_at: datetime | None
    """When the first person joined."""
    last_left_at: datetime | None
    """Null while anyone is in the call."""
    settled: bool
    """The call has ended, and its attendance is final."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            session=SessionRef.from_json(raw["session"]),
            provider=raw["provider"],
            started_at=parse_time(raw["started_at"]),
            started_by=raw["started_by"],
            ended_at=nullable(parse_time)(raw["ended_at"]),
            ended_by=raw["ended_by"],
            end_reason=raw["end_reason"],
            duration_seconds=raw["duration_seconds"],
            provider_call_ids=raw["provider_call_ids"],
            people=raw["people"],
            peak=raw["peak"],
            present=raw["present"],
            first_joined_at=nullable(parse_time)(raw["first_joined_at"]),
            last_left_at=nullable(parse_time)(raw["last_left_at"]),
            settled=raw["settled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAttendance(Model):
    """A person who was in a call, across all devices."""

    user_id: str | None
    """Null if this service never issued credentials to the person."""
    provider_user_id: str | None = None
    """The person's ID at the provider, if `user_id` is null."""
    joined_at: datetime
    """When the person joined."""
    left_at: datetime
    """When the person left."""
    present_seconds: int
    """Seconds in the call, on any device."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            provider_user_id=raw.get("provider_user_id"),
            joined_at=parse_time(raw["joined_at"]),
            left_at=parse_time(raw["left_at"]),
            present_seconds=raw["present_seconds"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallData(Model):
    """A call."""

    call: str
    """The ID of the call."""
    provider: ProviderName | str
    """The video provider."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            provider=raw["provider"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEndedData(Model):
    """A call that ended. Its numbers can still change until `call.settled`."""

    call: str
    """The ID of the call."""
    provider: ProviderName | str
    """The video provider."""
    reason: EndReason | str
    """Why the call ended."""
    duration_seconds: int
    """Whole seconds from the start to the end of the call."""
    people: int
    """How many different people were in the call."""
    peak: int
    """The highest number of people in the call at the same time."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            provider=raw["provider"],
            reason=raw["reason"],
            duration_seconds=raw["duration_seconds"],
            people=raw["people"],
            peak=raw["peak"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEndedEvent(Model):
    """A call ended."""

    id: str
    """The ID, which never changes."""
    type: Literal["call.ended"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: CallEndedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=CallEndedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallList(Model):
    """One page of calls."""

    data: list[Call]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(Call.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPerson(Model):
    """A person in the call."""

    uid: int
    """The Agora uid."""
    display_name: str
    """The user ID if the participant has no display name."""
    is_host: bool
    """Whether the person's role is one of the policy's `host_roles`."""
    is_guest: bool
    """Whether the person is not a participant: a guest, or deleted from the participants."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            uid=raw["uid"],
            display_name=raw["display_name"],
            is_host=raw["is_host"],
            is_guest=raw["is_guest"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPersonList(Model):
    """People in the call, by uid."""

    data: list[CallPerson]
    """The items of this page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(CallPerson.from_json)(raw["data"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettledData(Model):
    """A call whose attendance is final."""

    call: str
    """The ID of the call."""
    duration_seconds: int
    """Whole seconds from the start to the end of the call."""
    people: int
    """How many different people were in the call."""
    peak: int
    """The highest number of people in the call at the same time."""
    reconciled: bool
    """Whether the provider confirmed the attendance."""
    attendance: list[CallAttendance]
    """The first 100 people. For all, use `GET /v1/calls/{id}`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            duration_seconds=raw["duration_seconds"],
            people=raw["people"],
            peak=raw["peak"],
            reconciled=raw["reconciled"],
            attendance=list_of(CallAttendance.from_json)(raw["attendance"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettledEvent(Model):
    """The attendance of a call is final."""

    id: str
    """The ID, which never changes."""
    type: Literal["call.settled"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: CallSettledData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=CallSettledData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStartedEvent(Model):
    """A call started."""

    id: str
    """The ID, which never changes."""
    type: Literal["call.started"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: CallData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=CallData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWithAttendance(Model):
    """A call with its attendance."""

    id: str
    """The ID, which never changes."""
    session: SessionRef
    """The session."""
    provider: ProviderName | str
    """The video provider."""
    started_at: datetime
    """When it started."""
    started_by: str | None
    """The user who started the call, by joining or with a request. Null if your backend started it without naming a
    user.
    """
    ended_at: datetime | None
    """Null while the call is running."""
    ended_by: str | None
    """The user who ended the call, if any."""
    end_reason: EndReason | str | None
    """Null while the call is running."""
    duration_seconds: int | None
    """Whole seconds from start to end. Null while the call is running."""
    provider_call_ids: list[str]
    """IDs of the call at the provider. 100ms creates a new session ID each time that people join an empty room."""
    people: int
    """How many different people have been in the call."""
    peak: int
    """The highest number of people in the call at the same time."""
    present: int
    """How many people are in the call now."""
    first_joined_at: datetime | None
    """When the first person joined."""
    last_left_at: datetime | None
    """Null while anyone is in the call."""
    settled: bool
    """The call has ended, and its attendance is final."""
    attendance: list[Stay]
    """By time of joining. Users see only their own stays, unless they are hosts."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            session=SessionRef.from_json(raw["session"]),
            provider=raw["provider"],
            started_at=parse_time(raw["started_at"]),
            started_by=raw["started_by"],
            ended_at=nullable(parse_time)(raw["ended_at"]),
            ended_by=raw["ended_by"],
            end_reason=raw["end_reason"],
            duration_seconds=raw["duration_seconds"],
            provider_call_ids=raw["provider_call_ids"],
            people=raw["people"],
            peak=raw["peak"],
            present=raw["present"],
            first_joined_at=nullable(parse_time)(raw["first_joined_at"]),
            last_left_at=nullable(parse_time)(raw["last_left_at"]),
            settled=raw["settled"],
            attendance=list_of(Stay.from_json)(raw["attendance"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult(Model):
    """The result of one check."""

    check: str
    """The name of the check."""
    verdict: CheckStatus | str
    """The outcome of the check."""
    sentence: str
    """What was found."""
    next_step: str | None
    """A suggested fix. Null if there is no problem."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            check=raw["check"],
            verdict=raw["verdict"],
            sentence=raw["sentence"],
            next_step=raw["next_step"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationData(Model):
    """A change of the app's configuration. Never contains secrets."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredProvider(Model):
    """A provider of the app."""

    provider: ProviderName | str
    """The name of the provider."""
    surfaces: list[Surface | str]
    """How its join credentials can be used. Empty if it is not set up."""
    roles: dict[str, str]
    """The role map: the provider's role for each app role."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            provider=raw["provider"],
            surfaces=raw["surfaces"],
            roles=raw["roles"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsDeniedData(Model):
    """Denied join credentials."""

    decision: Literal["wait", "refuse"] | str
    """Whether the person can join later (`wait`), or not at all (`refuse`)."""
    reason: AccessReason | str
    """Why the person cannot join."""
    role: str | None
    """The person's role in your app. Null if they are not a participant."""
    guest: bool
    """Whether the person is a guest."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            decision=raw["decision"],
            reason=raw["reason"],
            role=raw["role"],
            guest=raw["guest"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsDeniedEvent(Model):
    """A request for join credentials was denied. A person in a waiting room gets one event, however often their
    client requests them.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["credentials.denied"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: CredentialsDeniedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=CredentialsDeniedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsIssuedData(Model):
    """Issued join credentials."""

    provider: ProviderName | str
    """The video provider."""
    surface: Surface | str
    """The vendor's SDK, or its ready-made page."""
    role: str
    """The role at the provider."""
    guest: bool
    """Whether the person is a guest."""
    token_id: str
    """Identifies the token or the room code. Not a secret."""
    expires_at: datetime | None
    """Null for a room code, which does not expire by itself."""
    provider_user_id: str | None = None
    """The person's ID at the provider, if it is different from `user_id`."""
    replayed: bool | None = None
    """True if a repeated request with an `Idempotency-Key` got credentials that were issued before. `token_id` and
    `expires_at` are those of the earlier credentials.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            provider=raw["provider"],
            surface=raw["surface"],
            role=raw["role"],
            guest=raw["guest"],
            token_id=raw["token_id"],
            expires_at=nullable(parse_time)(raw["expires_at"]),
            provider_user_id=raw.get("provider_user_id"),
            replayed=raw.get("replayed"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsIssuedEvent(Model):
    """Join credentials were issued."""

    id: str
    """The ID, which never changes."""
    type: Literal["credentials.issued"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: CredentialsIssuedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=CredentialsIssuedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportedData(Model):
    """A file that an operator exported. `asked_by.operator` is the operator's name."""

    content: ExportContent | str
    """What the file contains."""
    format: ExportFormat | str
    """The format of the file."""
    filters: list[str]
    """The names of the filters that were used. Their values are not recorded."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            content=raw["content"],
            format=raw["format"],
            filters=raw["filters"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportedEvent(Model):
    """An operator exported data as a file. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["data.exported"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: DataExportedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=DataExportedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics(Model):
    """The results of all checks."""

    healthy: bool
    """Whether no check has failed."""
    findings: list[CheckResult]
    """The results of all checks."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            healthy=raw["healthy"],
            findings=list_of(CheckResult.from_json)(raw["findings"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy(Model):
    """The policy of sessions that have none of their own: the defaults with the app's changes."""

    opens_before_seconds: int
    """How long before the start participants can join."""
    opens_before_seconds_by_role: dict[str, int]
    """The same for individual app roles."""
    grace_seconds: int
    """How long after the end participants can still join."""
    overrun_seconds: int
    """How much longer a running call stays open for joining."""
    waiting_room: WaitingRoom | str
    """Who has to wait: no one, or all until a host is there or admits them."""
    host_roles: list[str]
    """App roles that never wait, and that can moderate."""
    call_roles: list[str]
    """App roles that can start a call with a user token, besides hosts."""
    booking_roles: list[str]
    """App roles that can create and reschedule with a user token."""
    guests_allowed: bool
    """Whether people who are not participants can join."""
    token_seconds: int | None
    """Maximum lifetime of a participant's token. Null: the provider's default."""
    guest_token_seconds: int
    """Maximum lifetime of a guest's token."""
    ticket_seconds: int | None
    """Maximum lifetime of a link. Null: until the window closes."""
    late_after_seconds: int
    """Participants who join later than this are `late`."""
    left_early_before_seconds: int
    """Participants who leave earlier than this have `left_early`."""
    minimum_presence_seconds: int
    """Participants who were present for less are `absent`."""
    no_show_after_seconds: int
    """When participants are reported as no-shows."""
    empty_seconds: int
    """A group's call ends when it has been empty for this long."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            opens_before_seconds=raw["opens_before_seconds"],
            opens_before_seconds_by_role=raw["opens_before_seconds_by_role"],
            grace_seconds=raw["grace_seconds"],
            overrun_seconds=raw["overrun_seconds"],
            waiting_room=raw["waiting_room"],
            host_roles=raw["host_roles"],
            call_roles=raw["call_roles"],
            booking_roles=raw["booking_roles"],
            guests_allowed=raw["guests_allowed"],
            token_seconds=raw["token_seconds"],
            guest_token_seconds=raw["guest_token_seconds"],
            ticket_seconds=raw["ticket_seconds"],
            late_after_seconds=raw["late_after_seconds"],
            left_early_before_seconds=raw["left_early_before_seconds"],
            minimum_presence_seconds=raw["minimum_presence_seconds"],
            no_show_after_seconds=raw["no_show_after_seconds"],
            empty_seconds=raw["empty_seconds"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyData(Model):
    """No data."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChangedData(Model):
    """The settings of a webhook endpoint after a change."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    endpoint: str
    """The ID of the webhook endpoint."""
    host: str
    """The host of the URL, with the port if it has one."""
    types: list[EventType | str]
    """The event types that are sent. If empty, all types except those about the configuration of the app."""
    ordered: bool
    """Whether the events of a session are delivered one after the other."""
    enabled: bool
    """Whether events are sent to the endpoint."""
    changed: list[str]
    """The names of the settings that changed."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            endpoint=raw["endpoint"],
            host=raw["host"],
            types=raw["types"],
            ordered=raw["ordered"],
            enabled=raw["enabled"],
            changed=raw["changed"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChangedEvent(Model):
    """A webhook endpoint was changed. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.changed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointChangedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointChangedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCreatedEvent(Model):
    """A webhook endpoint was created. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.created"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointData(Model):
    """The settings of a webhook endpoint."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    endpoint: str
    """The ID of the webhook endpoint."""
    host: str
    """The host of the URL, with the port if it has one."""
    types: list[EventType | str]
    """The event types that are sent. If empty, all types except those about the configuration of the app."""
    ordered: bool
    """Whether the events of a session are delivered one after the other."""
    enabled: bool
    """Whether events are sent to the endpoint."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            endpoint=raw["endpoint"],
            host=raw["host"],
            types=raw["types"],
            ordered=raw["ordered"],
            enabled=raw["enabled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDisabledData(Model):
    """A webhook endpoint that was disabled."""

    endpoint: str
    """The ID of the webhook endpoint."""
    reason: DisabledReason | str
    """Why the endpoint is disabled."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            endpoint=raw["endpoint"],
            reason=raw["reason"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDisabledEvent(Model):
    """A webhook endpoint was disabled."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.disabled"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointDisabledData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointDisabledData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOperatedData(Model):
    """An action of an operator in the console. `asked_by.operator` is the operator's name."""

    endpoint: str
    """The ID of the webhook endpoint."""
    action: EndpointAction | str
    """What the operator did."""
    delivery: str | None
    """The retried delivery. Null for other actions."""
    since: datetime | None
    """The start of the replayed period. Null for other actions."""
    until: datetime | None
    """The end of the replayed period. Null for other actions."""
    events: int | None
    """The number of replayed events. Null for other actions."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            endpoint=raw["endpoint"],
            action=raw["action"],
            delivery=raw["delivery"],
            since=nullable(parse_time)(raw["since"]),
            until=nullable(parse_time)(raw["until"]),
            events=raw["events"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOperatedEvent(Model):
    """An operator enabled, disabled, or tested a webhook endpoint, or resent events to it."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.operated"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointOperatedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointOperatedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRemovedData(Model):
    """A webhook endpoint that was deleted."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    endpoint: str
    """The ID of the webhook endpoint."""
    host: str
    """The host of the URL, with the port if it has one."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            endpoint=raw["endpoint"],
            host=raw["host"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRemovedEvent(Model):
    """A webhook endpoint was deleted. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.removed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointRemovedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointRemovedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecretRotatedData(Model):
    """A webhook endpoint with a new secret."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    endpoint: str
    """The ID of the webhook endpoint."""
    overlap_seconds: int
    """How long deliveries are also signed with the previous secret."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            endpoint=raw["endpoint"],
            overlap_seconds=raw["overlap_seconds"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecretRotatedEvent(Model):
    """The secret of a webhook endpoint was rotated. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.secret_rotated"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointSecretRotatedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointSecretRotatedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTestData(Model):
    """The tested endpoint."""

    endpoint: str
    """The ID of the webhook endpoint."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            endpoint=raw["endpoint"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTestEvent(Model):
    """A test of a webhook endpoint. It is sent to this endpoint only."""

    id: str
    """The ID, which never changes."""
    type: Literal["endpoint.test"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EndpointTestData
    """The items of this page."""
    cursor: str | None
    """Null: the event is not in the journal."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EndpointTestData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList(Model):
    """One page of the journal, oldest first."""

    data: list[Event]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null if there are no more events yet: to follow the journal, continue from the
    `cursor` of the last event.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(decode_event)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRequester(Model):
    """Who made the request that caused the event."""

    key_id: str | None
    """The ID of the API key, or of the operator key, whose name is `operator`. Null for a user."""
    user_id: str | None
    """The user of the user token or the ticket. Null for a backend."""
    operator: str | None
    """The name of the operator who used the console or the command line. Otherwise null."""
    operator_subject: str | None
    """The operator's `sub` at the OpenID Connect issuer. Null for a sign-in with the admin key."""
    ticket_id: str | None
    """The ID of the link whose ticket was used. Otherwise null."""
    ip: str | None
    """The IP address of the client."""
    user_agent: str | None
    """The `User-Agent` of the client."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            key_id=raw["key_id"],
            user_id=raw["user_id"],
            operator=raw["operator"],
            operator_subject=raw["operator_subject"],
            ticket_id=raw["ticket_id"],
            ip=raw["ip"],
            user_agent=raw["user_agent"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Model):
    """An observation from the provider that a stay is based on."""

    id: str
    """The ID of the stored webhook or of the roll call, a query for the people in the call."""
    kind: Literal["webhook", "roll_call"] | str
    """Whether a webhook or a query to the provider reported it."""
    type: str | None
    """The provider's event type. Null for a roll call."""
    sign: ObservationType | str
    """What was observed."""
    at: datetime
    """When it happened, by the provider's clock."""
    received_at: datetime
    """When this service received it."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            kind=raw["kind"],
            type=raw["type"],
            sign=raw["sign"],
            at=parse_time(raw["at"]),
            received_at=parse_time(raw["received_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Model):
    """Feedback that was recorded. `id` is the ID of the event `feedback.given`."""

    id: str
    """The ID, which never changes."""
    call: str
    """The ID of the call."""
    user_id: str
    """Your ID of the person."""
    given_at: datetime
    """When the person gave it."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            call=raw["call"],
            user_id=raw["user_id"],
            given_at=parse_time(raw["given_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackDetails(Model):
    """What a person says about a call in detail."""

    problems: list[CallProblem | str]
    """What did not work."""
    comment: str | None
    """The person's own words. Null if they wrote none."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            problems=raw["problems"],
            comment=raw["comment"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGivenData(Model):
    """Feedback about a call."""

    call: str
    """The ID of the call."""
    rating: int | None
    """From 1, bad, to 5, very good. Null if the person did not rate the call."""
    details: FeedbackDetails
    """What the person says in detail."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            rating=raw["rating"],
            details=FeedbackDetails.from_json(raw["details"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGivenEvent(Model):
    """A person gave feedback about a call in which they were."""

    id: str
    """The ID, which never changes."""
    type: Literal["feedback.given"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: FeedbackGivenData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=FeedbackGivenData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerStay(Model):
    """A stay as it was reported before."""

    joined_at: datetime
    """When the person joined."""
    left_at: datetime | None
    """When the person left. Null if they are in the call."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            joined_at=parse_time(raw["joined_at"]),
            left_at=nullable(parse_time)(raw["left_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Model):
    """A group."""

    reference: str
    """Your ID of the session."""
    title: str | None
    """Shown to participants. Never sent to a provider."""
    providers: list[ProviderName | str]
    """The providers to use, in order of preference."""
    provider: ProviderName | str | None
    """The provider of the session's room. Null before the first join."""
    participant_count: int
    """The number of participants."""
    participant: Participant | None
    """The entry of the user of the user token; in lists, also of the user in the query. Otherwise null."""
    policy: SessionPolicy | None
    """The policy settings of this session that differ from those of the app. Null for end users."""
    metadata: dict[str, Any] | None
    """Custom data of your app. Null for end users."""
    version: int
    """Incremented when the session's fields change, and when its participants are replaced."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""
    participants: list[Participant] | None
    """The first 100 participants by user ID. `participants_truncated` is true if there are more. Null for end users
    who are not hosts.
    """
    participant_names: list[str] | None
    """The display names of these participants, if they have one. Null for guests."""
    participants_truncated: bool
    """Whether there are more than 100 participants. To list all of them, use `GET .../participants`."""
    video_enabled: bool
    """Whether the group can meet on video."""
    cancelled: bool
    """Whether the group was canceled."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reference=raw["reference"],
            title=raw["title"],
            providers=raw["providers"],
            provider=raw["provider"],
            participant_count=raw["participant_count"],
            participant=nullable(Participant.from_json)(raw["participant"]),
            policy=nullable(SessionPolicy.from_json)(raw["policy"]),
            metadata=raw["metadata"],
            version=raw["version"],
            created_at=parse_time(raw["created_at"]),
            updated_at=parse_time(raw["updated_at"]),
            participants=nullable(list_of(Participant.from_json))(raw["participants"]),
            participant_names=raw["participant_names"],
            participants_truncated=raw["participants_truncated"],
            video_enabled=raw["video_enabled"],
            cancelled=raw["cancelled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupList(Model):
    """One page of groups."""

    data: list[GroupSummary]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(GroupSummary.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary(Model):
    """A group as an item of a list."""

    reference: str
    """Your ID of the session."""
    title: str | None
    """Shown to participants. Never sent to a provider."""
    providers: list[ProviderName | str]
    """The providers to use, in order of preference."""
    provider: ProviderName | str | None
    """The provider of the session's room. Null before the first join."""
    participant_count: int
    """The number of participants."""
    participant: Participant | None
    """The entry of the user of the user token; in lists, also of the user in the query. Otherwise null."""
    policy: SessionPolicy | None
    """The policy settings of this session that differ from those of the app. Null for end users."""
    metadata: dict[str, Any] | None
    """Custom data of your app. Null for end users."""
    version: int
    """Incremented when the session's fields change, and when its participants are replaced."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""
    video_enabled: bool
    """Whether the group can meet on video."""
    cancelled: bool
    """Whether the group was canceled."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            reference=raw["reference"],
            title=raw["title"],
            providers=raw["providers"],
            provider=raw["provider"],
            participant_count=raw["participant_count"],
            participant=nullable(Participant.from_json)(raw["participant"]),
            policy=nullable(SessionPolicy.from_json)(raw["policy"]),
            metadata=raw["metadata"],
            version=raw["version"],
            created_at=parse_time(raw["created_at"]),
            updated_at=parse_time(raw["updated_at"]),
            video_enabled=raw["video_enabled"],
            cancelled=raw["cancelled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HmsRoomCodeCredentials(Model):
    """For the 100ms ready-made page: open `url`, or give `room_code` to the Prebuilt component."""

    role: str
    """The role at the provider."""
    user_id: str
    """Your ID of the person."""
    display_name: str
    """The person's name, as others see it. Null if it is not known."""
    expires_at: datetime
    """Join again before then. The access check is repeated."""
    join_id: str
    """Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
    changes to another ID, the person has joined somewhere else.
    """
    session: SessionName
    """The session."""
    call: Call
    """The call."""
    type: Literal["100ms_room_code"]
    """Credentials for the 100ms Prebuilt component or page."""
    provider: Literal["100ms"]
    """The video provider."""
    surface: Literal["prebuilt"]
    """The vendor's SDK, or its ready-made page."""
    room_code: str = field(repr=False)
    """The 100ms room code."""
    room_id: str
    """The 100ms ID of the room."""
    url: str = field(repr=False)
    """The ready-made page of 100ms, with the person's name."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            expires_at=parse_time(raw["expires_at"]),
            join_id=raw["join_id"],
            session=SessionName.from_json(raw["session"]),
            call=Call.from_json(raw["call"]),
            type=raw["type"],
            provider=raw["provider"],
            surface=raw["surface"],
            room_code=raw["room_code"],
            room_id=raw["room_id"],
            url=raw["url"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HmsTokenCredentials(Model):
    """For the 100ms SDK: join with `token`."""

    role: str
    """The role at the provider."""
    user_id: str
    """Your ID of the person."""
    display_name: str
    """The person's name, as others see it. Null if it is not known."""
    expires_at: datetime
    """Join again before then. The access check is repeated."""
    join_id: str
    """Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
    changes to another ID, the person has joined somewhere else.
    """
    session: SessionName
    """The session."""
    call: Call
    """The call."""
    type: Literal["100ms_token"]
    """Credentials for the 100ms SDK."""
    provider: Literal["100ms"]
    """The video provider."""
    surface: Literal["sdk"]
    """The vendor's SDK, or its ready-made page."""
    token: str = field(repr=False)
    """The token to join with."""
    room_id: str
    """The 100ms ID of the room."""
    app_id: str
    """The access key of the 100ms workspace. Not a secret."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            expires_at=parse_time(raw["expires_at"]),
            join_id=raw["join_id"],
            session=SessionName.from_json(raw["session"]),
            call=Call.from_json(raw["call"]),
            type=raw["type"],
            provider=raw["provider"],
            surface=raw["surface"],
            token=raw["token"],
            room_id=raw["room_id"],
            app_id=raw["app_id"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingWebhookCount(Model):
    """The number of incoming webhooks of one type and processing state."""

    provider: ProviderName | str
    """The video provider."""
    type: str
    """The provider's event type."""
    state: Literal["pending", "applied", "ignored"] | str
    """`pending`: not processed yet. `applied`: processed. `ignored`: see `note`."""
    note: str | None
    """Why the webhooks were ignored. Only with `ignored`."""
    count: int
    """How many there were."""
    last_received_at: datetime
    """When the last one was received."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            provider=raw["provider"],
            type=raw["type"],
            state=raw["state"],
            note=raw["note"],
            count=raw["count"],
            last_received_at=parse_time(raw["last_received_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingWebhookCountList(Model):
    """The counts of incoming webhooks."""

    data: list[IncomingWebhookCount]
    """The items of this page."""
    next: str | None = None
    """Always null: there is only one page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(IncomingWebhookCount.from_json)(raw["data"]),
            next=raw.get("next"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRetiredData(Model):
    """Events that were deleted at the end of their retention period."""

    class_: str
    """The first word of the event types."""
    before: str
    """All events of the class that happened before this time were deleted."""
    rows: int
    """The number of deleted events."""
    digest: str
    """A digest of the deleted events. See `docs/explanation/journal.md`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            class_=raw["class"],
            before=raw["before"],
            rows=raw["rows"],
            digest=raw["digest"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRetiredEvent(Model):
    """Events were deleted from the journal at the end of their retention period."""

    id: str
    """The ID, which never changes."""
    type: Literal["journal.retired"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: JournalRetiredData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=JournalRetiredData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSealedData(Model):
    """The newest seal of the journal. Store it where the owner of the service's database cannot change it."""

    seal: int
    """The number of the seal. The first one has the number 1."""
    hash: str
    """The hash of the seal, which depends on all events before: 64 hexadecimal digits. `videobroker journal verify
    --head` verifies that the journal still has it.
    """
    sealed_at: datetime
    """When the seal was made."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            seal=raw["seal"],
            hash=raw["hash"],
            sealed_at=parse_time(raw["sealed_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSealedEvent(Model):
    """The head of the journal: once an hour if there are new events, and only if a webhook endpoint lists the type."""

    id: str
    """The ID, which never changes."""
    type: Literal["journal.sealed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: JournalSealedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=JournalSealedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Model):
    """The limits of the service."""

    body_bytes: int
    """The size of a request body."""
    metadata_bytes: int
    """The size of `metadata`."""
    participants_per_session: int
    """Registered for one session."""
    webhook_endpoints: int
    """Of the app."""
    active_links_per_person: int
    """In one session. Another one replaces the oldest."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            body_bytes=raw["body_bytes"],
            metadata_bytes=raw["metadata_bytes"],
            participants_per_session=raw["participants_per_session"],
            webhook_endpoints=raw["webhook_endpoints"],
            active_links_per_person=raw["active_links_per_person"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Model):
    """An active link. Its URL is only in the response that created it."""

    id: str
    """The ID, which never changes."""
    user_id: str
    """Your ID of the person."""
    guest: bool
    """Whether the person is a guest."""
    display_name: str | None
    """The display name that the link sets, if any."""
    issued_at: datetime
    """When it was created."""
    expires_at: datetime
    """Based on the current schedule and policy of the session."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            user_id=raw["user_id"],
            guest=raw["guest"],
            display_name=raw["display_name"],
            issued_at=parse_time(raw["issued_at"]),
            expires_at=parse_time(raw["expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkIssuedData(Model):
    """An issued link."""

    guest: bool
    """Whether the person is a guest."""
    token_id: str
    """Identifies the ticket. Not a secret."""
    expires_at: datetime
    """At the time of the event. Changes when the session is rescheduled."""
    replayed: bool | None = None
    """True if a repeated request with an `Idempotency-Key` got a link that was issued before."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            guest=raw["guest"],
            token_id=raw["token_id"],
            expires_at=parse_time(raw["expires_at"]),
            replayed=raw.get("replayed"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkIssuedEvent(Model):
    """A join link was created."""

    id: str
    """The ID, which never changes."""
    type: Literal["link.issued"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: LinkIssuedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=LinkIssuedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkList(Model):
    """One page of links, oldest first. A page can have fewer items than `limit`, even if it is not the last one."""

    data: list[Link]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(Link.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRevocation(Model):
    """The result of revoking links."""

    revoked: int
    """The number of links that this request revoked."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            revoked=raw["revoked"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRevokedData(Model):
    """A revoked link."""

    guest: bool
    """Whether the person is a guest."""
    token_id: str
    """Identifies the ticket, as in `link.issued`."""
    replaced_by: str | None = None
    """The link that replaced it, if the person had more than 100 active links."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            guest=raw["guest"],
            token_id=raw["token_id"],
            replaced_by=raw.get("replaced_by"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRevokedEvent(Model):
    """A join link was revoked."""

    id: str
    """The ID, which never changes."""
    type: Literal["link.revoked"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: LinkRevokedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=LinkRevokedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWithUrl(Model):
    """A link. Anyone who has it can join the session as this person."""

    id: str
    """The ID of the link. Use it to revoke the link, and to find it in the journal."""
    url: str = field(repr=False)
    """The URL of the hosted page. Send it to the person."""
    ticket: str = field(repr=False)
    """The ticket in the URL, for use from your own page: `Authorization: Bearer vbt_...`."""
    expires_at: datetime
    """The earliest of: the end of the window (with the overrun while a call is running), `expires_in_seconds`, the
    policy's `ticket_seconds`, and the expiry of the API key or user token that created the link. Changes when the
    session is rescheduled.
    """
    user_id: str
    """For a guest, a generated ID that stays the same for this link."""
    display_name: str | None
    """The display name that the link sets, if any."""
    session: SessionName
    """The session."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            url=raw["url"],
            ticket=raw["ticket"],
            expires_at=parse_time(raw["expires_at"]),
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            session=SessionName.from_json(raw["session"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LobbyEntry(Model):
    """A person in the waiting room."""

    entry: str
    """The ID to admit or deny the person with."""
    user_id: str
    """Your ID of the person."""
    display_name: str | None
    """The person's name. Null if the participant has none."""
    is_guest: bool
    """Whether the person is a guest."""
    role: str | None
    """The person's role in your app."""
    state: EntryState | str
    """`stranded` means that the person is waiting, but their client has not polled for 30 seconds. The next poll
    changes it back to `waiting`.
    """
    asked_at: datetime
    """When the person asked to join."""
    seen_at: datetime
    """When the person's client last polled."""
    decided_at: datetime | None
    """When the person was admitted or denied."""
    decided_by: str | None
    """The user ID of the host. Null if your backend decided, or if there is no decision yet."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            entry=raw["entry"],
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            is_guest=raw["is_guest"],
            role=raw["role"],
            state=raw["state"],
            asked_at=parse_time(raw["asked_at"]),
            seen_at=parse_time(raw["seen_at"]),
            decided_at=nullable(parse_time)(raw["decided_at"]),
            decided_by=raw["decided_by"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LobbyEntryData(Model):
    """A person's entry in the waiting room."""

    entry: str
    """The ID for `POST .../lobby/{entry}/admit` and `.../deny`."""
    guest: bool
    """Whether the person is a guest."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            entry=raw["entry"],
            guest=raw["guest"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LobbyEntryList(Model):
    """The waiting room. Waiting people come first, those who have been waiting longest at the top."""

    data: list[LobbyEntry]
    """The items of this page."""
    next: str | None
    """Always null: there is only one page, with at most 1,000 items."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(LobbyEntry.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShowData(Model):
    """A participant who did not join in time."""

    role: str
    """The person's role in your app."""
    starts_at: datetime
    """The scheduled start of the booking."""
    call: str | None
    """The call that was running, if any."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            starts_at=parse_time(raw["starts_at"]),
            call=raw["call"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeyCreatedData(Model):
    """A new operator key."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    key: str
    """The ID of the operator key."""
    name: str
    """The name."""
    role: OperatorRole | str
    """The person's role in your app."""
    expires_at: datetime | None
    """When it expires. Null if it does not expire."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            key=raw["key"],
            name=raw["name"],
            role=raw["role"],
            expires_at=nullable(parse_time)(raw["expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeyCreatedEvent(Model):
    """An operator key was created. Only in the journal of the service."""

    id: str
    """The ID, which never changes."""
    type: Literal["operator_key.created"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: OperatorKeyCreatedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=OperatorKeyCreatedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeyData(Model):
    """An operator key."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    key: str
    """The ID of the operator key."""
    name: str
    """The name."""
    role: OperatorRole | str
    """The person's role in your app."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            key=raw["key"],
            name=raw["name"],
            role=raw["role"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeyRevokedEvent(Model):
    """An operator key was revoked. Only in the journal of the service."""

    id: str
    """The ID, which never changes."""
    type: Literal["operator_key.revoked"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: OperatorKeyData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=OperatorKeyData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSignedInData(Model):
    """A sign-in to the console."""

    method: SignInMethod | str
    """How the operator signed in."""
    role: OperatorRole | str
    """The role of the operator until they sign in again."""
    issuer: str | None
    """The OpenID Connect issuer. Null for other methods."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            method=raw["method"],
            role=raw["role"],
            issuer=raw["issuer"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSignedInEvent(Model):
    """An operator signed in to the console. Only in the journal of the service."""

    id: str
    """The ID, which never changes."""
    type: Literal["operator.signed_in"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: OperatorSignedInData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=OperatorSignedInData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSignedOutEvent(Model):
    """An operator signed out of the console. Only in the journal of the service."""

    id: str
    """The ID, which never changes."""
    type: Literal["operator.signed_out"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EmptyData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EmptyData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant(Model):
    """A person who is registered for a session."""

    user_id: str
    """Your ID of the person."""
    role: str
    """The person's role in your app."""
    display_name: str | None
    """The person's name, as others see it. Null if it is not known."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            role=raw["role"],
            display_name=raw["display_name"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantAddedEvent(Model):
    """A participant was added."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.added"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantAdmittedEvent(Model):
    """A person was admitted from the waiting room."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.admitted"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: LobbyEntryData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=LobbyEntryData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantData(Model):
    """A participant."""

    role: str
    """The person's role in your app."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDeniedEvent(Model):
    """A person was denied entry."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.denied"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: LobbyEntryData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=LobbyEntryData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDroppedEvent(Model):
    """A participant was deleted."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.dropped"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantJoinedEvent(Model):
    """A person joined a call."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.joined"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: StayData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=StayData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeftData(Model):
    """One device of a person that left a call."""

    call: str
    """The ID of the call."""
    role: str | None
    """The role at the provider."""
    source: EvidenceSource | str
    """How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
    other facts.
    """
    joined_at: datetime
    """When the person joined."""
    provider_user_id: str | None = None
    """The person's ID at the provider, if it is different from `user_id`."""
    left_at: datetime | None
    """When the person left. Null if they are in the call."""
    reason: str | None
    """Why the person left, as reported by the provider."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            role=raw["role"],
            source=raw["source"],
            joined_at=parse_time(raw["joined_at"]),
            provider_user_id=raw.get("provider_user_id"),
            left_at=nullable(parse_time)(raw["left_at"]),
            reason=raw["reason"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeftEvent(Model):
    """A person left a call."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.left"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantLeftData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantLeftData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantList(Model):
    """One page of participants, by user ID."""

    data: list[Participant]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(Participant.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantNoShowEvent(Model):
    """A participant has not joined `no_show_after_seconds` after the start."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.no_show"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: NoShowData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=NoShowData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantReadmittedEvent(Model):
    """A participant was unblocked."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.readmitted"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: EmptyData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=EmptyData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRemovedData(Model):
    """The removal of a participant."""

    ban: bool
    """Whether the person is also blocked from new credentials."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            ban=raw["ban"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRemovedEvent(Model):
    """A participant was removed from a session."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.removed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantRemovedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantRemovedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantUpdatedEvent(Model):
    """A participant's role or name was changed."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.updated"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantVerdict(Model):
    """The attendance verdict of one person."""

    user_id: str
    """Your ID of the person."""
    verdict: AttendanceVerdict | str | None
    """The attendance verdict. Null if there is none."""
    rule: VerdictRule | str
    """The rule that determined the verdict."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            verdict=raw["verdict"],
            rule=raw["rule"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantWaitingData(Model):
    """A person who is waiting to be admitted."""

    entry: str
    """The ID for `POST .../lobby/{entry}/admit` and `.../deny`."""
    guest: bool
    """Whether the person is a guest."""
    role: str
    """The person's role in your app."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            entry=raw["entry"],
            guest=raw["guest"],
            role=raw["role"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantWaitingEvent(Model):
    """A person asked to join, and is waiting to be admitted."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.waiting"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ParticipantWaitingData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ParticipantWaitingData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantWithdrewEvent(Model):
    """A person withdrew their request to join."""

    id: str
    """The ID, which never changes."""
    type: Literal["participant.withdrew"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: LobbyEntryData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=LobbyEntryData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAttendance(Model):
    """One person's attendance of a booking."""

    user_id: str
    """Your ID of the person."""
    role: str | None
    """The person's role in your app. Null if they are not a participant."""
    display_name: str | None
    """The person's name, as others see it. Null if it is not known."""
    verdict: AttendanceVerdict | str | None
    """Null if there is no verdict, or none yet. See `rule` for the reason."""
    rule: VerdictRule | str
    """The rule that determined the verdict."""
    present_seconds: int
    """Time in calls with at least one device, including time before the start and after the end."""
    present_minutes: int
    """`present_seconds` in minutes, rounded down."""
    late_by_seconds: int
    """How long after the start the person joined, or 0."""
    left_early_by_seconds: int
    """How long before the end the person left, or 0."""
    first_joined_at: datetime | None
    """Null if the person never joined."""
    last_left_at: datetime | None
    """Null while the person is in the call."""
    source: EvidenceSource | str | None
    """How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
    other facts. The weakest source of all stays.
    """
    stays: list[AttendancePeriod]
    """Periods in the call on any device."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            role=raw["role"],
            display_name=raw["display_name"],
            verdict=raw["verdict"],
            rule=raw["rule"],
            present_seconds=raw["present_seconds"],
            present_minutes=raw["present_minutes"],
            late_by_seconds=raw["late_by_seconds"],
            left_early_by_seconds=raw["left_early_by_seconds"],
            first_joined_at=nullable(parse_time)(raw["first_joined_at"]),
            last_left_at=nullable(parse_time)(raw["last_left_at"]),
            source=raw["source"],
            stays=list_of(AttendancePeriod.from_json)(raw["stays"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErasedData(Model):
    """The erasure of a person's data."""

    person: str
    """The pseudonym that the erasure returned."""
    rows: int
    """The number of journal events that were changed."""
    fields: int
    """The number of fields that were erased from these events."""
    records: int | None = None
    """Rows of other tables (sessions, calls, and others) that were deleted or pseudonymized."""
    digest: str
    """A digest of the data that was erased from the journal. See `docs/explanation/journal.md`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            person=raw["person"],
            rows=raw["rows"],
            fields=raw["fields"],
            records=raw.get("records"),
            digest=raw["digest"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErasedEvent(Model):
    """The data of a person was erased."""

    id: str
    """The ID, which never changes."""
    type: Literal["person.erased"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: PersonErasedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=PersonErasedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccountChangedData(Model):
    """A provider account."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    provider: ProviderName | str
    """The video provider."""
    changed: list[str]
    """The names of the settings that changed."""
    is_new: bool
    """Whether the app had no account at this provider before."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            provider=raw["provider"],
            changed=raw["changed"],
            is_new=raw["is_new"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccountChangedEvent(Model):
    """A provider account of the app was added or changed. Sent to webhook endpoints only if their `types` include
    it.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["provider_account.changed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ProviderAccountChangedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ProviderAccountChangedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRole(Model):
    """A provider role and the time from which it applies."""

    role: str
    """The role at the provider."""
    since: datetime
    """From when on the person has this role."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            since=parse_time(raw["since"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSwitchedEvent(Model):
    """A session uses a provider other than before, or than its first choice."""

    id: str
    """The ID, which never changes."""
    type: Literal["provider.switched"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RoomData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RoomData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Readmission(Model):
    """A participant who is not blocked any more."""

    user_id: str
    """Your ID of the person."""
    was_banned: bool
    """Whether the person was blocked before the request."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            was_banned=raw["was_banned"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingData(Model):
    """A recording at a provider. Events never contain file URLs."""

    call: str | None
    """The call that was recorded. Null if it is unknown."""
    provider: ProviderName | str
    """The video provider."""
    recording: str
    """The provider's ID of the recording, or of the meeting if the recording has none."""
    kind: RecordingKind | str
    """The content of the recording."""
    at: datetime
    """When it happened, by the provider's clock."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            provider=raw["provider"],
            recording=raw["recording"],
            kind=raw["kind"],
            at=parse_time(raw["at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailedData(Model):
    """A recording that failed."""

    call: str | None
    """The call that was recorded. Null if it is unknown."""
    provider: ProviderName | str
    """The video provider."""
    recording: str
    """The provider's ID of the recording, or of the meeting if the recording has none."""
    kind: RecordingKind | str
    """The content of the recording."""
    at: datetime
    """When it happened, by the provider's clock."""
    duration_seconds: int | None
    """The duration in whole seconds. Null if it is not known."""
    reason: str | None
    """The provider's error code."""
    message: str | None
    """The provider's error message, without URLs, paths, and keys."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            provider=raw["provider"],
            recording=raw["recording"],
            kind=raw["kind"],
            at=parse_time(raw["at"]),
            duration_seconds=raw["duration_seconds"],
            reason=raw["reason"],
            message=raw["message"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailedEvent(Model):
    """A recording failed, completely or in part."""

    id: str
    """The ID, which never changes."""
    type: Literal["recording.failed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RecordingFailedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RecordingFailedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReadyData(Model):
    """A recording that is ready."""

    call: str | None
    """The call that was recorded. Null if it is unknown."""
    provider: ProviderName | str
    """The video provider."""
    recording: str
    """The provider's ID of the recording, or of the meeting if the recording has none."""
    kind: RecordingKind | str
    """The content of the recording."""
    at: datetime
    """When it happened, by the provider's clock."""
    started_at: datetime | None
    """When the recording started. Null if it is not known."""
    stopped_at: datetime | None
    """When it stopped. Null if it is not known."""
    duration_seconds: int | None
    """The duration in whole seconds. Null if it is not known."""
    size_bytes: int | None
    """The size in bytes. Null if it is not known."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            provider=raw["provider"],
            recording=raw["recording"],
            kind=raw["kind"],
            at=parse_time(raw["at"]),
            started_at=nullable(parse_time)(raw["started_at"]),
            stopped_at=nullable(parse_time)(raw["stopped_at"]),
            duration_seconds=raw["duration_seconds"],
            size_bytes=raw["size_bytes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReadyEvent(Model):
    """A recording is available at the provider."""

    id: str
    """The ID, which never changes."""
    type: Literal["recording.ready"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RecordingReadyData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RecordingReadyData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStartedEvent(Model):
    """A recording started."""

    id: str
    """The ID, which never changes."""
    type: Literal["recording.started"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RecordingData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RecordingData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(Model):
    """A participant who was removed."""

    user_id: str
    """Your ID of the person."""
    banned: bool
    """Whether the person is blocked from new credentials."""
    removed_at: datetime
    """When the person was removed."""
    enforcement: RemovalEnforcement | str
    """`done`: the provider enforced the removal as far as it can. `pending`: the provider could not be reached; the
    service retries until it succeeds. `impossible`: with the settings of this account, the provider cannot remove
    anyone.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            banned=raw["banned"],
            removed_at=parse_time(raw["removed_at"]),
            enforcement=raw["enforcement"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult(Model):
    """The result of a replay."""

    events: int
    """The number of events that are sent again."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            events=raw["events"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionChangedData(Model):
    """The retention period of a class of events."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    class_: str
    """The first word of the event types."""
    before: int | None
    """The previous period in days. Null for unlimited."""
    days: int | None
    """The new period in days. Null for unlimited."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            class_=raw["class"],
            before=raw["before"],
            days=raw["days"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionChangedEvent(Model):
    """The retention period of a class of events was changed. Sent to webhook endpoints only if their `types` include
    it.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["retention.changed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RetentionChangedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RetentionChangedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomClosedEvent(Model):
    """A room was closed, and its room codes are invalid."""

    id: str
    """The ID, which never changes."""
    type: Literal["room.closed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RoomData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RoomData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomData(Model):
    """A room."""

    provider: ProviderName | str
    """The video provider."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            provider=raw["provider"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOpenedEvent(Model):
    """A room was created at a provider."""

    id: str
    """The ID, which never changes."""
    type: Literal["room.opened"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: RoomData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=RoomData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCall(Model):
    """The running call."""

    id: str
    """The ID, which never changes."""
    started_at: datetime
    """When it started."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            started_at=parse_time(raw["started_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCancelledEvent(Model):
    """A session was canceled."""

    id: str
    """The ID, which never changes."""
    type: Literal["session.cancelled"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: SessionData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=SessionData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosedData(Model):
    """The attendance verdicts of a booking that has closed."""

    counts: dict[str, int]
    """The number of participants by verdict."""
    verdicts: list[ParticipantVerdict]
    """The first 100. For all, use `GET .../attendance`."""
    corrected: bool
    """Whether this replaces earlier verdicts, because of late information."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            counts=raw["counts"],
            verdicts=list_of(ParticipantVerdict.from_json)(raw["verdicts"]),
            corrected=raw["corrected"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosedEvent(Model):
    """A booking has closed, and its attendance verdicts are final."""

    id: str
    """The ID, which never changes."""
    type: Literal["session.closed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: SessionClosedData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=SessionClosedData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionData(Model):
    """A session after the change."""

    version: int
    """Incremented with each change of the session."""
    status: SessionStatus | str
    """The status."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            version=raw["version"],
            status=raw["status"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeletedEvent(Model):
    """A session was deleted with its participants, calls, and attendance. Its reference can be used again."""

    id: str
    """The ID, which never changes."""
    type: Literal["session.deleted"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: SessionData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=SessionData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionName(Model):
    """A session, by kind and reference."""

    kind: SessionKind | str
    """The kind of session."""
    reference: str
    """Your ID of the session."""
    title: str | None
    """Shown to participants. Never sent to a provider."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            kind=raw["kind"],
            reference=raw["reference"],
            title=raw["title"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPerson(Model):
    """A participant, or a guest who is in the call or blocked."""

    user_id: str
    """Your ID of the person."""
    display_name: str | None
    """The person's name, as others see it. Null if it is not known."""
    role: str | None
    """The person's role in your app. Null for guests and other people."""
    is_host: bool
    """Whether the person's role is one of the policy's `host_roles`."""
    presence: CallPresence | str
    """Whether the person is in the call. `unknown`: a call is running, but the provider has not reported on it yet."""
    in_call_since: datetime | None
    """When the person joined. Null if they are not in the call."""
    is_blocked: bool
    """Whether the person is blocked from new credentials."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            role=raw["role"],
            is_host=raw["is_host"],
            presence=raw["presence"],
            in_call_since=nullable(parse_time)(raw["in_call_since"]),
            is_blocked=raw["is_blocked"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersonList(Model):
    """The people of a session: those in the call first, then the others by user ID."""

    data: list[SessionPerson]
    """The items of this page."""
    next: str | None
    """Always null: there is only one page, with the first 500 participants, and everyone who is in the call."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(SessionPerson.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy(Model):
    """Policy settings of this session that differ from those of the app. Durations are in whole seconds."""

    opens_before_seconds: int | None = None
    """How long before the start participants can join."""
    opens_before_seconds_by_role: dict[str, int] | None = None
    """Overrides `opens_before_seconds` for individual app roles."""
    grace_seconds: int | None = None
    """How long after the end participants can still join."""
    overrun_seconds: int | None = None
    """How much longer participants can join a call that is running when the window closes."""
    waiting_room: WaitingRoom | str | None = None
    """Who has to wait although the window is open: no one (`off`), everyone until a host is in the call
    (`until_host`), or everyone until a host admits them (`admit`).
    """
    host_roles: list[str] | None = None
    """App roles that never have to wait, and that can moderate the session."""
    call_roles: list[str] | None = None
    """App roles that can start a call with a user token, in addition to `host_roles`. Only hosts can end a call."""
    booking_roles: list[str] | None = None
    """App roles that can reschedule and cancel the session with a user token. To let users create sessions, set it
    on the app.
    """
    guests_allowed: bool | None = None
    """Whether people who are not participants can join as guests."""
    token_seconds: int | None = None
    """Maximum lifetime of a participant's token."""
    guest_token_seconds: int | None = None
    """Maximum lifetime of a guest's token."""
    ticket_seconds: int | None = None
    """Maximum lifetime of a link, from its creation."""
    late_after_seconds: int | None = None
    """Participants who join later than this after the start are `late`."""
    left_early_before_seconds: int | None = None
    """Participants who leave earlier than this before the end have `left_early`."""
    minimum_presence_seconds: int | None = None
    """Participants who were in the call for less than this are `absent`."""
    no_show_after_seconds: int | None = None
    """Participants who have not joined this long after the start are reported as no-shows."""
    empty_seconds: int | None = None
    """A group's call ends when it has been empty for this long."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            opens_before_seconds=raw.get("opens_before_seconds"),
            opens_before_seconds_by_role=raw.get("opens_before_seconds_by_role"),
            grace_seconds=raw.get("grace_seconds"),
            overrun_seconds=raw.get("overrun_seconds"),
            waiting_room=raw.get("waiting_room"),
            host_roles=raw.get("host_roles"),
            call_roles=raw.get("call_roles"),
            booking_roles=raw.get("booking_roles"),
            guests_allowed=raw.get("guests_allowed"),
            token_seconds=raw.get("token_seconds"),
            guest_token_seconds=raw.get("guest_token_seconds"),
            ticket_seconds=raw.get("ticket_seconds"),
            late_after_seconds=raw.get("late_after_seconds"),
            left_early_before_seconds=raw.get("left_early_before_seconds"),
            minimum_presence_seconds=raw.get("minimum_presence_seconds"),
            no_show_after_seconds=raw.get("no_show_after_seconds"),
            empty_seconds=raw.get("empty_seconds"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRef(Model):
    """Identifies a session."""

    kind: SessionKind | str
    """The kind of session."""
    reference: str
    """Your ID of the session."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            kind=raw["kind"],
            reference=raw["reference"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRegisteredEvent(Model):
    """A session was created."""

    id: str
    """The ID, which never changes."""
    type: Literal["session.registered"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: SessionData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=SessionData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUpdatedEvent(Model):
    """A session or its participants were updated."""

    id: str
    """The ID, which never changes."""
    type: Literal["session.updated"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: SessionData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=SessionData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange(Model):
    """The values of a setting before and after a change. Null if it is not set."""

    before: Any
    """The value before the change. Null if the setting was not set."""
    after: Any
    """The value after the change. Null if the setting is not set."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            before=raw["before"],
            after=raw["after"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay(Model):
    """The time that one device of a person was in a call."""

    user_id: str | None
    """Null if this service never issued credentials to the person."""
    provider_user_id: str
    """The person's ID at the provider."""
    connection: str
    """The provider's ID of the device: a 100ms peer ID or an Agora uid."""
    roles: list[ProviderRole]
    """Roles at the provider, in order. The first one applies from `joined_at`."""
    joined_at: datetime
    """When the person joined."""
    left_at: datetime | None
    """Null while the device is in the call."""
    present_seconds: int | None
    """Null while the device is in the call."""
    source: EvidenceSource | str
    """How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
    other facts. The weaker of `joined_source` and `left_source`.
    """
    joined_source: EvidenceSource | str
    """How the time of joining is known."""
    left_source: EvidenceSource | str | None
    """How the time of leaving is known. Null while the person is in the call."""
    reason: str | None
    """Why the person left, as reported by the provider."""
    evidence: list[Evidence]
    """All observations that this stay is based on."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            provider_user_id=raw["provider_user_id"],
            connection=raw["connection"],
            roles=list_of(ProviderRole.from_json)(raw["roles"]),
            joined_at=parse_time(raw["joined_at"]),
            left_at=nullable(parse_time)(raw["left_at"]),
            present_seconds=raw["present_seconds"],
            source=raw["source"],
            joined_source=raw["joined_source"],
            left_source=raw["left_source"],
            reason=raw["reason"],
            evidence=list_of(Evidence.from_json)(raw["evidence"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StayData(Model):
    """One device of a person in a call."""

    call: str
    """The ID of the call."""
    role: str | None
    """The role at the provider."""
    source: EvidenceSource | str
    """How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
    other facts.
    """
    joined_at: datetime
    """When the person joined."""
    provider_user_id: str | None = None
    """The person's ID at the provider, if it is different from `user_id`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            call=raw["call"],
            role=raw["role"],
            source=raw["source"],
            joined_at=parse_time(raw["joined_at"]),
            provider_user_id=raw.get("provider_user_id"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketIdentity(Model):
    """A person with the ticket of a link."""

    type: Literal["ticket"]
    """The type."""
    app: AppRef
    """The app that the credential belongs to."""
    ticket_id: str
    """The ID of the link."""
    session: SessionRef
    """The only session in which the ticket is valid."""
    user_id: str
    """The person that the link is for."""
    role: str | None
    """The person's role in your app. Null if they are not a participant any more."""
    is_guest: bool
    """Whether the person is not registered for the session."""
    scopes: list[Scope | str] | None
    """The scopes of the API key that created the link. Null if a user created it."""
    expires_at: datetime
    """When the ticket expires, by the present schedule and policy."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            type=raw["type"],
            app=AppRef.from_json(raw["app"]),
            ticket_id=raw["ticket_id"],
            session=SessionRef.from_json(raw["session"]),
            user_id=raw["user_id"],
            role=raw["role"],
            is_guest=raw["is_guest"],
            scopes=raw["scopes"],
            expires_at=parse_time(raw["expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity(Model):
    """An end user with a user token."""

    type: Literal["user_token"]
    """The type."""
    app: AppRef
    """The app that the credential belongs to."""
    user_id: str
    """The `sub` of the token."""
    expires_at: datetime
    """When the token expires."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            type=raw["type"],
            app=AppRef.from_json(raw["app"]),
            user_id=raw["user_id"],
            expires_at=parse_time(raw["expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTokenRulesChangedEvent(Model):
    """The rules for user tokens were changed. Sent to webhook endpoints only if their `types` include it."""

    id: str
    """The ID, which never changes."""
    type: Literal["user_token_rules.changed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: UserTokenRulesData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=UserTokenRulesData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTokenRulesData(Model):
    """The rules for user tokens."""

    via: ChangeInterface | str
    """How it was changed. `asked_by` has the API key, or the operator or operator key."""
    changed: list[str]
    """The names of the rules that changed, such as `secret`."""
    issuer: str | None
    """The `iss` that tokens must have. Null if it is not checked."""
    audience: str | None
    """The `aud` that tokens must have. Null if it is not checked."""
    max_lifetime_seconds: int
    """The longest lifetime of a token that is accepted."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            via=raw["via"],
            changed=raw["changed"],
            issuer=raw["issuer"],
            audience=raw["audience"],
            max_lifetime_seconds=raw["max_lifetime_seconds"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTokenRulesRemovedEvent(Model):
    """The rules for user tokens were removed; user tokens are rejected. Sent to webhook endpoints only if their
    `types` include it.
    """

    id: str
    """The ID, which never changes."""
    type: Literal["user_token_rules.removed"]
    """The type."""
    occurred_at: datetime
    """When it happened."""
    session: SessionRef | None
    """Null if the event is not about a session."""
    user_id: str | None
    """The person that the event is about."""
    asked_by: EventRequester
    """Who made the request that caused the event."""
    data: ConfigurationData
    """The items of this page."""
    cursor: str
    """The position of the event in the journal. Use it to continue after this event."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            type=raw["type"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=ConfigurationData.from_json(raw["data"]),
            cursor=raw["cursor"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Model):
    """The state of the session for the person who opened the link."""

    now: datetime
    """The time of the service. Use it for countdowns instead of the clock of the device."""
    session: VisitSession
    """The session."""
    visitor: VisitPerson
    """The person that the ticket is for."""
    decision: AccessDecision
    """The access decision for this person."""
    lobby: VisitLobby | None
    """Null if the person has not asked to join."""
    provider: ProviderName | str | None
    """The provider of the session. When it changes, the session has moved: join again."""
    call: RunningCall | None
    """The running call, if any."""
    host_present: bool | None
    """Whether a host is in the call. Null if it is unknown."""
    others: VisitOthers | None
    """Who else is in the call. Null if it is unknown, or if the person cannot join."""
    waiting: int | None
    """How many people are waiting to be admitted. Only for hosts, with `waiting_room: admit`. To list them, use `GET
    .../lobby`.
    """
    host_name: str | None
    """The display name of the host, for a participant who cannot join or was removed. Null for everyone else, for
    people who may not see names, and if the session has no host or several.
    """
    people_version: str | None
    """Changes when the list of `GET .../people` changes: who is in the call, registered, or blocked. Only for hosts,
    while a call is running. Compare it with the previous one; it has no other meaning.
    """
    latest_join: str | None
    """The `join_id` of the latest join credentials that this person got with a ticket, while a call at 100ms is
    running. A page that has joined with others can leave: the person has joined somewhere else. Null if there are
    none, or if it is unknown.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            now=parse_time(raw["now"]),
            session=VisitSession.from_json(raw["session"]),
            visitor=VisitPerson.from_json(raw["visitor"]),
            decision=AccessDecision.from_json(raw["decision"]),
            lobby=nullable(VisitLobby.from_json)(raw["lobby"]),
            provider=raw["provider"],
            call=nullable(RunningCall.from_json)(raw["call"]),
            host_present=raw["host_present"],
            others=nullable(VisitOthers.from_json)(raw["others"]),
            waiting=raw["waiting"],
            host_name=raw["host_name"],
            people_version=raw["people_version"],
            latest_join=raw["latest_join"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLobby(Model):
    """The person's entry in the waiting room."""

    entry: str
    """The ID of the entry in the waiting room."""
    state: EntryState | str
    """The current state."""
    since: datetime
    """When the person asked to join, or when they were admitted or denied."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            entry=raw["entry"],
            state=raw["state"],
            since=parse_time(raw["since"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOthers(Model):
    """Who else is in the call."""

    count: int
    """How many people are in the call, without this person."""
    names: list[str]
    """Display names of at most three of them, by arrival. Empty for guests, and for people who are waiting to be
    admitted.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            count=raw["count"],
            names=raw["names"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPerson(Model):
    """The person that the ticket is for."""

    user_id: str
    """Your ID of the person."""
    display_name: str | None
    """The person's name, as others see it. Null if it is not known."""
    is_guest: bool
    """Whether the person is a guest."""
    role: str | None
    """The person's role in your app. Null if they are not a participant any more."""
    is_host: bool
    """Whether the role is one of the policy's `host_roles`."""
    ticket_expires_at: datetime
    """Based on the current schedule and policy of the session: changes when the session is rescheduled. The visit
    can still be read for a day after the end of the window.
    """

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            is_guest=raw["is_guest"],
            role=raw["role"],
            is_host=raw["is_host"],
            ticket_expires_at=parse_time(raw["ticket_expires_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSession(Model):
    """The session."""

    kind: SessionKind | str
    """The kind of session."""
    reference: str
    """Your ID of the session."""
    title: str | None
    """Null if the session has no title, or if the person is not a participant any more."""
    status: SessionStatus | str
    """For a group, `confirmed` or `cancelled`."""
    starts_at: datetime | None
    """When the booking is scheduled to start. Null for a group."""
    ends_at: datetime | None
    """When the booking is scheduled to end. Null for a group."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            kind=raw["kind"],
            reference=raw["reference"],
            title=raw["title"],
            status=raw["status"],
            starts_at=nullable(parse_time)(raw["starts_at"]),
            ends_at=nullable(parse_time)(raw["ends_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAttempt(Model):
    """One attempt to send an event."""

    number: int
    """Counts the attempts of the delivery, from 1."""
    at: datetime
    """When it happened."""
    status: int | None
    """The HTTP status. Null if there was no response."""
    latency_ms: int
    """Milliseconds until the response or the failure."""
    body: str
    """The beginning of the response body."""
    error: str | None
    """Why there was no response."""
    taken: bool
    """Whether the endpoint accepted the event, with any 2xx status."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            number=raw["number"],
            at=parse_time(raw["at"]),
            status=raw["status"],
            latency_ms=raw["latency_ms"],
            body=raw["body"],
            error=raw["error"],
            taken=raw["taken"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery(Model):
    """The delivery of one event to one endpoint."""

    id: str
    """The ID, which never changes."""
    endpoint: str
    """The ID of the webhook endpoint."""
    event: str
    """The ID of the event. Sent as `webhook-id` in every attempt."""
    type: str
    """The type of the event."""
    state: DeliveryState | str
    """The current state."""
    attempts: int
    """The number of attempts so far."""
    next_at: datetime | None
    """When the next attempt is made. Null if there is none."""
    created_at: datetime
    """When it was created."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            endpoint=raw["endpoint"],
            event=raw["event"],
            type=raw["type"],
            state=raw["state"],
            attempts=raw["attempts"],
            next_at=nullable(parse_time)(raw["next_at"]),
            created_at=parse_time(raw["created_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryList(Model):
    """One page of deliveries, newest first."""

    data: list[WebhookDelivery]
    """The items of this page."""
    next: str | None
    """The `cursor` of the next page. Null on the last page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(WebhookDelivery.from_json)(raw["data"]),
            next=raw["next"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryWithAttempts(Model):
    """A delivery with all attempts."""

    id: str
    """The ID, which never changes."""
    endpoint: str
    """The ID of the webhook endpoint."""
    event: str
    """The ID of the event. Sent as `webhook-id` in every attempt."""
    type: str
    """The type of the event."""
    state: DeliveryState | str
    """The current state."""
    attempts: int
    """The number of attempts so far."""
    next_at: datetime | None
    """When the next attempt is made. Null if there is none."""
    created_at: datetime
    """When it was created."""
    log: list[WebhookAttempt]
    """All attempts, oldest first."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            endpoint=raw["endpoint"],
            event=raw["event"],
            type=raw["type"],
            state=raw["state"],
            attempts=raw["attempts"],
            next_at=nullable(parse_time)(raw["next_at"]),
            created_at=parse_time(raw["created_at"]),
            log=list_of(WebhookAttempt.from_json)(raw["log"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(Model):
    """A webhook endpoint. Its secret is returned only on creation and rotation."""

    id: str
    """The ID, which never changes."""
    url: str
    """The URL."""
    description: str
    """A note for your own use."""
    types: list[EventType | str]
    """The event types that are sent. If empty, all types except those about the configuration of the app."""
    ordered: bool
    """Whether the events of a session are delivered one after the other."""
    enabled: bool
    """Whether events are sent to the endpoint."""
    disabled: DisabledReason | str | None
    """Why it is disabled: `by_app`, `gone` (it responded with 410), or `failing` (it failed for days)."""
    failing_since: datetime | None
    """The first failure since the last success."""
    created_at: datetime
    """When it was created."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            url=raw["url"],
            description=raw["description"],
            types=raw["types"],
            ordered=raw["ordered"],
            enabled=raw["enabled"],
            disabled=raw["disabled"],
            failing_since=nullable(parse_time)(raw["failing_since"]),
            created_at=parse_time(raw["created_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointList(Model):
    """All endpoints of the app."""

    data: list[WebhookEndpoint]
    """The items of this page."""
    next: str | None = None
    """Always null: there is only one page."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            data=list_of(WebhookEndpoint.from_json)(raw["data"]),
            next=raw.get("next"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointWithSecret(Model):
    """A webhook endpoint with its new secret."""

    id: str
    """The ID, which never changes."""
    url: str
    """The URL."""
    description: str
    """A note for your own use."""
    types: list[EventType | str]
    """The event types that are sent. If empty, all types except those about the configuration of the app."""
    ordered: bool
    """Whether the events of a session are delivered one after the other."""
    enabled: bool
    """Whether events are sent to the endpoint."""
    disabled: DisabledReason | str | None
    """Why it is disabled: `by_app`, `gone` (it responded with 410), or `failing` (it failed for days)."""
    failing_since: datetime | None
    """The first failure since the last success."""
    created_at: datetime
    """When it was created."""
    secret: str = field(repr=False)
    """Signs deliveries (Standard Webhooks). It is shown only once, so store it."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            url=raw["url"],
            description=raw["description"],
            types=raw["types"],
            ordered=raw["ordered"],
            enabled=raw["enabled"],
            disabled=raw["disabled"],
            failing_since=nullable(parse_time)(raw["failing_since"]),
            created_at=parse_time(raw["created_at"]),
            secret=raw["secret"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Model):
    """One that is newer than this client. `raw` has all its fields, also the real `type`."""

    type: Literal["unknown"] = "unknown"
    id: str
    occurred_at: datetime
    session: SessionRef | None
    user_id: str | None
    asked_by: EventRequester
    data: Any
    cursor: str | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            id=raw["id"],
            occurred_at=parse_time(raw["occurred_at"]),
            session=nullable(SessionRef.from_json)(raw["session"]),
            user_id=raw["user_id"],
            asked_by=EventRequester.from_json(raw["asked_by"]),
            data=raw["data"],
            cursor=raw["cursor"],
        )


Event: TypeAlias = (
    SessionRegisteredEvent
    | SessionUpdatedEvent
    | SessionCancelledEvent
    | SessionDeletedEvent
    | SessionClosedEvent
    | ParticipantAddedEvent
    | ParticipantUpdatedEvent
    | ParticipantDroppedEvent
    | ParticipantJoinedEvent
    | ParticipantLeftEvent
    | ParticipantRemovedEvent
    | ParticipantReadmittedEvent
    | ParticipantWaitingEvent
    | ParticipantWithdrewEvent
    | ParticipantAdmittedEvent
    | ParticipantDeniedEvent
    | ParticipantNoShowEvent
    | AttendanceCorrectedEvent
    | AttendanceReconciledEvent
    | CredentialsIssuedEvent
    | CredentialsDeniedEvent
    | LinkIssuedEvent
    | LinkRevokedEvent
    | CallStartedEvent
    | CallEndedEvent
    | CallSettledEvent
    | RecordingStartedEvent
    | RecordingReadyEvent
    | RecordingFailedEvent
    | RoomOpenedEvent
    | RoomClosedEvent
    | ProviderSwitchedEvent
    | EndpointDisabledEvent
    | EndpointOperatedEvent
    | DataExportedEvent
    | AppReportedEvent
    | FeedbackGivenEvent
    | PersonErasedEvent
    | JournalRetiredEvent
    | JournalSealedEvent
    | AppSettingsCreatedEvent
    | AppSettingsChangedEvent
    | ApiKeyCreatedEvent
    | ApiKeyRevokedEvent
    | ProviderAccountChangedEvent
    | UserTokenRulesChangedEvent
    | UserTokenRulesRemovedEvent
    | EndpointCreatedEvent
    | EndpointChangedEvent
    | EndpointSecretRotatedEvent
    | EndpointRemovedEvent
    | OperatorSignedInEvent
    | OperatorSignedOutEvent
    | OperatorKeyCreatedEvent
    | OperatorKeyRevokedEvent
    | AuthenticationRejectedEvent
    | RetentionChangedEvent
    | EndpointTestEvent
    | UnknownEvent
)
"""An event of the journal. `type` determines the schema of `data`. New types can be added: clients must ignore
events whose type they do not know.
"""

_EVENT: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "session.registered": SessionRegisteredEvent.from_json,
    "session.updated": SessionUpdatedEvent.from_json,
    "session.cancelled": SessionCancelledEvent.from_json,
    "session.deleted": SessionDeletedEvent.from_json,
    "session.closed": SessionClosedEvent.from_json,
    "participant.added": ParticipantAddedEvent.from_json,
    "participant.updated": ParticipantUpdatedEvent.from_json,
    "participant.dropped": ParticipantDroppedEvent.from_json,
    "participant.joined": ParticipantJoinedEvent.from_json,
    "participant.left": ParticipantLeftEvent.from_json,
    "participant.removed": ParticipantRemovedEvent.from_json,
    "participant.readmitted": ParticipantReadmittedEvent.from_json,
    "participant.waiting": ParticipantWaitingEvent.from_json,
    "participant.withdrew": ParticipantWithdrewEvent.from_json,
    "participant.admitted": ParticipantAdmittedEvent.from_json,
    "participant.denied": ParticipantDeniedEvent.from_json,
    "participant.no_show": ParticipantNoShowEvent.from_json,
    "attendance.corrected": AttendanceCorrectedEvent.from_json,
    "attendance.reconciled": AttendanceReconciledEvent.from_json,
    "credentials.issued": CredentialsIssuedEvent.from_json,
    "credentials.denied": CredentialsDeniedEvent.from_json,
    "link.issued": LinkIssuedEvent.from_json,
    "link.revoked": LinkRevokedEvent.from_json,
    "call.started": CallStartedEvent.from_json,
    "call.ended": CallEndedEvent.from_json,
    "call.settled": CallSettledEvent.from_json,
    "recording.started": RecordingStartedEvent.from_json,
    "recording.ready": RecordingReadyEvent.from_json,
    "recording.failed": RecordingFailedEvent.from_json,
    "room.opened": RoomOpenedEvent.from_json,
    "room.closed": RoomClosedEvent.from_json,
    "provider.switched": ProviderSwitchedEvent.from_json,
    "endpoint.disabled": EndpointDisabledEvent.from_json,
    "endpoint.operated": EndpointOperatedEvent.from_json,
    "data.exported": DataExportedEvent.from_json,
    "app.reported": AppReportedEvent.from_json,
    "feedback.given": FeedbackGivenEvent.from_json,
    "person.erased": PersonErasedEvent.from_json,
    "journal.retired": JournalRetiredEvent.from_json,
    "journal.sealed": JournalSealedEvent.from_json,
    "app_settings.created": AppSettingsCreatedEvent.from_json,
    "app_settings.changed": AppSettingsChangedEvent.from_json,
    "api_key.created": ApiKeyCreatedEvent.from_json,
    "api_key.revoked": ApiKeyRevokedEvent.from_json,
    "provider_account.changed": ProviderAccountChangedEvent.from_json,
    "user_token_rules.changed": UserTokenRulesChangedEvent.from_json,
    "user_token_rules.removed": UserTokenRulesRemovedEvent.from_json,
    "endpoint.created": EndpointCreatedEvent.from_json,
    "endpoint.changed": EndpointChangedEvent.from_json,
    "endpoint.secret_rotated": EndpointSecretRotatedEvent.from_json,
    "endpoint.removed": EndpointRemovedEvent.from_json,
    "operator.signed_in": OperatorSignedInEvent.from_json,
    "operator.signed_out": OperatorSignedOutEvent.from_json,
    "operator_key.created": OperatorKeyCreatedEvent.from_json,
    "operator_key.revoked": OperatorKeyRevokedEvent.from_json,
    "authentication.rejected": AuthenticationRejectedEvent.from_json,
    "retention.changed": RetentionChangedEvent.from_json,
    "endpoint.test": EndpointTestEvent.from_json,
}


def decode_event(raw: Mapping[str, Any]) -> Event:
    """Convert the JSON object of a response."""
    return _EVENT.get(raw["type"], UnknownEvent.from_json)(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownJoinCredentials(Model):
    """One that is newer than this client. `raw` has all its fields, also the real `type`."""

    type: Literal["unknown"] = "unknown"
    role: str
    user_id: str
    display_name: str
    expires_at: datetime
    join_id: str
    session: SessionName
    call: Call
    provider: str
    surface: str

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            role=raw["role"],
            user_id=raw["user_id"],
            display_name=raw["display_name"],
            expires_at=parse_time(raw["expires_at"]),
            join_id=raw["join_id"],
            session=SessionName.from_json(raw["session"]),
            call=Call.from_json(raw["call"]),
            provider=raw["provider"],
            surface=raw["surface"],
        )


JoinCredentials: TypeAlias = (
    HmsRoomCodeCredentials | HmsTokenCredentials | AgoraTokenCredentials | UnknownJoinCredentials
)
"""Join credentials. `type` is their kind."""

_JOIN_CREDENTIALS: Mapping[str, Callable[[Mapping[str, Any]], JoinCredentials]] = {
    "100ms_room_code": HmsRoomCodeCredentials.from_json,
    "100ms_token": HmsTokenCredentials.from_json,
    "agora_token": AgoraTokenCredentials.from_json,
}


def decode_join_credentials(raw: Mapping[str, Any]) -> JoinCredentials:
    """Convert the JSON object of a response."""
    return _JOIN_CREDENTIALS.get(raw["type"], UnknownJoinCredentials.from_json)(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMe(Model):
    """One that is newer than this client. `raw` has all its fields, also the real `type`."""

    type: Literal["unknown"] = "unknown"
    app: AppRef
    expires_at: Any

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Convert the JSON object of a response."""
        return cls(
            raw=raw,
            app=AppRef.from_json(raw["app"]),
            expires_at=raw["expires_at"],
        )


Me: TypeAlias = ApiKeyIdentity | TicketIdentity | UserIdentity | UnknownMe
"""The caller, by the type of its credential."""

_ME: Mapping[str, Callable[[Mapping[str, Any]], Me]] = {
    "api_key": ApiKeyIdentity.from_json,
    "ticket": TicketIdentity.from_json,
    "user_token": UserIdentity.from_json,
}


def decode_me(raw: Mapping[str, Any]) -> Me:
    """Convert the JSON object of a response."""
    return _ME.get(raw["type"], UnknownMe.from_json)(raw)
