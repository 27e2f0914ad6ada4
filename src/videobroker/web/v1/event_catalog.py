"""The event catalog: the data of each event type, for the journal, the stream, webhooks, and the documentation."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from videobroker.domain.access import AccessReason
from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.attendance.recordings import RecordingKind
from videobroker.domain.attendance.verdicts import AttendanceVerdict, VerdictRule
from videobroker.domain.calls import EndReason
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.exports import ExportContent, ExportFormat
from videobroker.domain.feedback import CallProblem
from videobroker.domain.operators import OperatorRole, SignInMethod
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.tickets import MAX_ACTIVE_TICKETS_PER_PERSON
from videobroker.domain.webhooks import DisabledReason, EndpointAction
from videobroker.providers.contract import Surface
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.attendance import SOURCE_DESCRIPTION
from videobroker.web.v1.events import EventFields

AppRole = Annotated[str, Field(description="The person's role in your app.")]
IsGuest = Annotated[bool, Field(description="Whether the person is a guest.")]
ProviderUserId = Annotated[
    str | None, Field(description="The person's ID at the provider, if it is different from `user_id`.")
]
CallId = Annotated[UUID, Field(description="The ID of the call.")]
CallSeconds = Annotated[int, Field(description="Whole seconds from the start to the end of the call.")]
PeopleCount = Annotated[int, Field(description="How many different people were in the call.")]
PeakCount = Annotated[int, Field(description="The highest number of people in the call at the same time.")]
JoinedAt = Annotated[Moment, Field(description="When the person joined.")]
LeftAt = Annotated[Moment | None, Field(description="When the person left. Null if they are in the call.")]
WebhookEndpointId = Annotated[UUID, Field(description="The ID of the webhook endpoint.")]
ChangedSettings = Annotated[list[str], Field(description="The names of the settings that changed.")]
_SETTINGS_DESCRIPTION = "By name: `policy.guests_allowed`, `role_maps.100ms`, ..."
_CLASS_DESCRIPTION = "The first word of the event types."


class EventData(BaseModel):
    """The `data` of an event."""

    model_config = ConfigDict(extra="forbid")


class SessionData(EventData):
    """A session after the change."""

    version: int = Field(description="Incremented with each change of the session.")
    status: SessionStatus


class ParticipantData(EventData):
    """A participant."""

    role: AppRole


class ParticipantVerdict(BaseModel):
    """The attendance verdict of one person."""

    user_id: str
    verdict: AttendanceVerdict | None
    rule: VerdictRule


class SessionClosedData(EventData):
    """The attendance verdicts of a booking that has closed."""

    counts: dict[AttendanceVerdict, int] = Field(description="The number of participants by verdict.")
    verdicts: list[ParticipantVerdict] = Field(description="The first 100. For all, use `GET .../attendance`.")
    corrected: bool = Field(description="Whether this replaces earlier verdicts, because of late information.")


class CredentialsIssuedData(EventData):
    """Issued join credentials."""

    provider: ProviderName
    surface: Surface
    role: str = Field(description="The role at the provider.")
    guest: IsGuest
    token_id: str = Field(description="Identifies the token or the room code. Not a secret.")
    expires_at: Moment | None = Field(description="Null for a room code, which does not expire by itself.")
    provider_user_id: ProviderUserId = None
    replayed: bool = Field(
        default=False,
        description="True if a repeated request with an `Idempotency-Key` got credentials that were issued before. "
        "`token_id` and `expires_at` are those of the earlier credentials.",
    )


class CredentialsDeniedData(EventData):
    """Denied join credentials."""

    decision: Literal["wait", "refuse"]
    reason: AccessReason
    role: str | None = Field(description="The person's role in your app. Null if they are not a participant.")
    guest: IsGuest


class LinkIssuedData(EventData):
    """An issued link."""

    guest: IsGuest
    token_id: str = Field(description="Identifies the ticket. Not a secret.")
    expires_at: Moment = Field(description="At the time of the event. Changes when the session is rescheduled.")
    replayed: bool = Field(
        default=False,
        description="True if a repeated request with an `Idempotency-Key` got a link that was issued before.",
    )


class LinkRevokedData(EventData):
    """A revoked link."""

    guest: IsGuest
    token_id: str = Field(description="Identifies the ticket, as in `link.issued`.")
    replaced_by: UUID | None = Field(
        default=None,
        description=(
            f"The link that replaced it, if the person had more than {MAX_ACTIVE_TICKETS_PER_PERSON} active links."
        ),
    )


class StayData(EventData):
    """One device of a person in a call."""

    call: CallId
    role: str | None = Field(description="The role at the provider.")
    source: EvidenceSource = Field(description=SOURCE_DESCRIPTION)
    joined_at: JoinedAt
    provider_user_id: ProviderUserId = None


class ParticipantLeftData(StayData):
    """One device of a person that left a call."""

    left_at: LeftAt
    reason: str | None = Field(description="Why the person left, as reported by the provider.")


class FormerStay(BaseModel):
    """A stay as it was reported before."""

    joined_at: JoinedAt
    left_at: LeftAt


class AttendanceCorrectedData(ParticipantLeftData):
    """A corrected stay."""

    former: FormerStay | None = Field(default=None, description="The times before the correction.")
    withdrawn: bool = Field(default=False, description="Whether the stay is withdrawn: it did not take place.")


class AttendanceReconciledData(EventData):
    """Observations that were learned from a query to the provider instead of its webhooks."""

    call: CallId
    roll_call: UUID = Field(description="The ID of the query.")
    learned: dict[str, int] = Field(description="The number of new observations by kind.")


class ParticipantRemovedData(EventData):
    """The removal of a participant."""

    ban: bool = Field(description="Whether the person is also blocked from new credentials.")


class LobbyEntryData(EventData):
    """A person's entry in the waiting room."""

    entry: UUID = Field(description="The ID for `POST .../lobby/{entry}/admit` and `.../deny`.")
    guest: IsGuest


class ParticipantWaitingData(LobbyEntryData):
    """A person who is waiting to be admitted."""

    role: AppRole


class NoShowData(EventData):
    """A participant who did not join in time."""

    role: AppRole
    starts_at: Moment = Field(description="The scheduled start of the booking.")
    call: UUID | None = Field(description="The call that was running, if any.")


class CallData(EventData):
    """A call."""

    call: CallId
    provider: ProviderName


class CallEndedData(CallData):
    """A call that ended. Its numbers can still change until `call.settled`."""

    reason: EndReason
    duration_seconds: CallSeconds
    people: PeopleCount
    peak: PeakCount


class CallAttendance(BaseModel):
    """A person who was in a call, across all devices."""

    user_id: str | None = Field(description="Null if this service never issued credentials to the person.")
    provider_user_id: str | None = Field(
        default=None, description="The person's ID at the provider, if `user_id` is null."
    )
    joined_at: JoinedAt
    left_at: Moment = Field(description="When the person left.")
    present_seconds: int = Field(description="Seconds in the call, on any device.")


class CallSettledData(EventData):
    """A call whose attendance is final."""

    call: CallId
    duration_seconds: CallSeconds
    people: PeopleCount
    peak: PeakCount
    reconciled: bool = Field(description="Whether the provider confirmed the attendance.")
    attendance: list[CallAttendance] = Field(description="The first 100 people. For all, use `GET /v1/calls/{id}`.")


_RECORDING_EXAMPLE: dict[str, JsonValue] = {
    "call": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
    "provider": "100ms",
    "recording": "65f0ca10b3d4e5f607182b11",
    "kind": "composite",
}


class RecordingData(EventData):
    """A recording at a provider. Events never contain file URLs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RECORDING_EXAMPLE,
                    "at": "2030-03-12T14:02:10Z",
                }
            ]
        }
    )

    call: UUID | None = Field(description="The call that was recorded. Null if it is unknown.")
    provider: ProviderName
    recording: str = Field(
        description="The provider's ID of the recording, or of the meeting if the recording has none."
    )
    kind: RecordingKind
    at: Moment = Field(description="When it happened, by the provider's clock.")


class RecordingReadyData(RecordingData):
    """A recording that is ready."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RECORDING_EXAMPLE,
                    "at": "2030-03-12T14:58:40Z",
                    "started_at": "2030-03-12T14:02:10.120Z",
                    "stopped_at": "2030-03-12T14:55:10.480Z",
                    "duration_seconds": 3180,
                    "size_bytes": 210763776,
                }
            ]
        }
    )

    started_at: Moment | None
    stopped_at: Moment | None
    duration_seconds: int | None
    size_bytes: int | None


class RecordingFailedData(RecordingData):
    """A recording that failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RECORDING_EXAMPLE,
                    "at": "2030-03-12T14:58:40Z",
                    "duration_seconds": 3180,
                    "reason": "UPLOAD_ERROR",
                    "message": "upload failed",
                }
            ]
        }
    )

    duration_seconds: int | None
    reason: str | None = Field(description="The provider's error code.")
    message: str | None = Field(description="The provider's error message, without URLs, paths, and keys.")


class RoomData(EventData):
    """A room."""

    provider: ProviderName


class EndpointDisabledData(EventData):
    """A webhook endpoint that was disabled."""

    endpoint: WebhookEndpointId
    reason: DisabledReason


class EndpointOperatedData(EventData):
    """An action of an operator in the console. `asked_by.operator` is the operator's name."""

    endpoint: WebhookEndpointId
    action: EndpointAction
    delivery: UUID | None = Field(description="The retried delivery. Null for other actions.")
    since: Moment | None = Field(description="The start of the replayed period. Null for other actions.")
    until: Moment | None = Field(description="The end of the replayed period. Null for other actions.")
    events: int | None = Field(description="The number of replayed events. Null for other actions.")


class OperatorSignedInData(EventData):
    """A sign-in to the console."""

    method: SignInMethod = Field(description="How the operator signed in.")
    role: OperatorRole = Field(description="The role of the operator until they sign in again.")
    issuer: str | None = Field(description="The OpenID Connect issuer. Null for other methods.")


class AppReportedData(EventData):
    """An event that the app reported."""

    event: str = Field(description="The app's name for the event.")
    reported_at: str | None = Field(description="When it happened, by the app's clock.")
    details: dict[str, JsonValue]


class FeedbackDetails(BaseModel):
    """What a person says about a call in detail."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"problems": ["audio"], "comment": "There was an echo."}]}
    )

    problems: list[CallProblem] = Field(description="What did not work.")
    comment: str | None = Field(description="The person's own words. Null if they wrote none.")


class FeedbackGivenData(EventData):
    """Feedback about a call."""

    call: CallId
    rating: int | None = Field(description="From 1, bad, to 5, very good. Null if the person did not rate the call.")
    details: FeedbackDetails = Field(description="What the person says in detail.")


class PersonErasedData(EventData):
    """The erasure of a person's data."""

    person: str = Field(description="The pseudonym that the erasure returned.")
    rows: int = Field(description="The number of journal events that were changed.")
    fields: int = Field(description="The number of fields that were erased from these events.")
    records: int = Field(
        default=0, description="Rows of other tables (sessions, calls, and others) that were deleted or pseudonymized."
    )
    digest: str = Field(
        description="A digest of the data that was erased from the journal. See `docs/explanation/journal.md`."
    )


class JournalRetiredData(EventData):
    """Events that were deleted at the end of their retention period."""

    event_class: str = Field(alias="class", description=_CLASS_DESCRIPTION)
    before: str = Field(description="All events of the class that happened before this time were deleted.")
    rows: int = Field(description="The number of deleted events.")
    digest: str = Field(description="A digest of the deleted events. See `docs/explanation/journal.md`.")


class ConfigurationData(EventData):
    """A change of the app's configuration. Never contains secrets."""

    via: ChangeInterface = Field(
        description="How it was changed. `asked_by` has the API key, or the operator or operator key."
    )


class SettingChange(BaseModel):
    """The values of a setting before and after a change. Null if it is not set."""

    before: JsonValue
    after: JsonValue


class JournalSealedData(EventData):
    """The newest seal of the journal. Store it where the owner of the service's database cannot change it."""

    seal: int = Field(description="The number of the seal. The first one has the number 1.")
    hash: str = Field(
        description="The hash of the seal, which depends on all events before: 64 hexadecimal digits. "
        "`videobroker journal verify --head` verifies that the journal still has it."
    )
    sealed_at: Moment = Field(description="When the seal was made.")


class AppSettingsCreatedData(ConfigurationData):
    """A new app."""

    name: str
    settings: dict[str, JsonValue] = Field(description=_SETTINGS_DESCRIPTION)


class AppSettingsChangedData(ConfigurationData):
    """Changed settings of an app."""

    changes: dict[str, SettingChange] = Field(description=_SETTINGS_DESCRIPTION)


class ApiKeyData(ConfigurationData):
    """An API key."""

    key: UUID = Field(description="The ID of the API key.")
    name: str
    scopes: list[str]


class ApiKeyCreatedData(ApiKeyData):
    """A new API key."""

    expires_at: Moment | None


class ProviderAccountChangedData(ConfigurationData):
    """A provider account."""

    provider: ProviderName
    changed: ChangedSettings
    is_new: bool = Field(description="Whether the app had no account at this provider before.")


class UserTokenRulesData(ConfigurationData):
    """The rules for user tokens."""

    changed: list[str] = Field(description="The names of the rules that changed, such as `secret`.")
    issuer: str | None
    audience: str | None
    max_lifetime_seconds: int


class EndpointData(ConfigurationData):
    """The settings of a webhook endpoint."""

    endpoint: WebhookEndpointId
    host: str = Field(description="The host of the URL, with the port if it has one.")
    types: list[EventType]
    ordered: bool
    enabled: bool


class EndpointChangedData(EndpointData):
    """The settings of a webhook endpoint after a change."""

    changed: ChangedSettings


class EndpointSecretRotatedData(ConfigurationData):
    """A webhook endpoint with a new secret."""

    endpoint: WebhookEndpointId
    overlap_seconds: int = Field(description="How long deliveries are also signed with the previous secret.")


class EndpointRemovedData(ConfigurationData):
    """A webhook endpoint that was deleted."""

    endpoint: WebhookEndpointId
    host: str


class RetentionChangedData(ConfigurationData):
    """The retention period of a class of events."""

    event_class: str = Field(alias="class", description=_CLASS_DESCRIPTION)
    before: int | None = Field(description="The previous period in days. Null for unlimited.")
    days: int | None = Field(description="The new period in days. Null for unlimited.")


class OperatorKeyData(ConfigurationData):
    """An operator key."""

    key: UUID = Field(description="The ID of the operator key.")
    name: str
    role: OperatorRole


class OperatorKeyCreatedData(OperatorKeyData):
    """A new operator key."""

    expires_at: Moment | None


class AuthenticationRejectedData(EventData):
    """Rejected credentials, counted over about a minute."""

    reason: str = Field(description="The error code, such as `api_key_expired` or `ticket_revoked`.")
    count: int
    addresses: int = Field(
        description="The number of distinct IP addresses, at most 100. A single address is in `asked_by.ip`."
    )
    first_at: Moment
    last_at: Moment


class DataExportedData(EventData):
    """A file that an operator exported. `asked_by.operator` is the operator's name."""

    content: ExportContent = Field(description="What the file contains.")
    format: ExportFormat = Field(description="The format of the file.")
    filters: list[str] = Field(description="The names of the filters that were used. Their values are not recorded.")


class EmptyData(EventData):
    """No data."""


def _by_name(sentence: str) -> str:
    return f"{sentence} Sent to webhook endpoints only if their `types` include it."


CATALOG: dict[EventType, tuple[type[EventData], str]] = {
    EventType.SESSION_REGISTERED: (SessionData, "A session was created."),
    EventType.SESSION_UPDATED: (SessionData, "A session or its participants were updated."),
    EventType.SESSION_CANCELLED: (SessionData, "A session was canceled."),
    EventType.SESSION_DELETED: (
        SessionData,
        "A session was deleted with its participants, calls, and attendance. Its reference can be used again.",
    ),
    EventType.SESSION_CLOSED: (SessionClosedData, "A booking has closed, and its attendance verdicts are final."),
    EventType.PARTICIPANT_ADDED: (ParticipantData, "A participant was added."),
    EventType.PARTICIPANT_UPDATED: (ParticipantData, "A participant's role or name was changed."),
    EventType.PARTICIPANT_DROPPED: (ParticipantData, "A participant was deleted."),
    EventType.PARTICIPANT_JOINED: (StayData, "A person joined a call."),
    EventType.PARTICIPANT_LEFT: (ParticipantLeftData, "A person left a call."),
    EventType.PARTICIPANT_REMOVED: (ParticipantRemovedData, "A participant was removed from a session."),
    EventType.PARTICIPANT_READMITTED: (EmptyData, "A participant was unblocked."),
    EventType.PARTICIPANT_WAITING: (ParticipantWaitingData, "A person asked to join, and is waiting to be admitted."),
    EventType.PARTICIPANT_WITHDREW: (LobbyEntryData, "A person withdrew their request to join."),
    EventType.PARTICIPANT_ADMITTED: (LobbyEntryData, "A person was admitted from the waiting room."),
    EventType.PARTICIPANT_DENIED: (LobbyEntryData, "A person was denied entry."),
    EventType.PARTICIPANT_NO_SHOW: (
        NoShowData,
        "A participant has not joined `no_show_after_seconds` after the start.",
    ),
    EventType.ATTENDANCE_CORRECTED: (AttendanceCorrectedData, "Attendance that was reported before was corrected."),
    EventType.ATTENDANCE_RECONCILED: (
        AttendanceReconciledData,
        "A query to the provider recovered missed observations.",
    ),
    EventType.CREDENTIALS_ISSUED: (CredentialsIssuedData, "Join credentials were issued."),
    EventType.CREDENTIALS_DENIED: (
        CredentialsDeniedData,
        "A request for join credentials was denied. A person in a waiting room gets one event, however often their "
        "client requests them.",
    ),
    EventType.LINK_ISSUED: (LinkIssuedData, "A join link was created."),
    EventType.LINK_REVOKED: (LinkRevokedData, "A join link was revoked."),
    EventType.CALL_STARTED: (CallData, "A call started."),
    EventType.CALL_ENDED: (CallEndedData, "A call ended."),
    EventType.CALL_SETTLED: (CallSettledData, "The attendance of a call is final."),
    EventType.RECORDING_STARTED: (RecordingData, "A recording started."),
    EventType.RECORDING_READY: (RecordingReadyData, "A recording is available at the provider."),
    EventType.RECORDING_FAILED: (RecordingFailedData, "A recording failed, completely or in part."),
    EventType.ROOM_OPENED: (RoomData, "A room was created at a provider."),
    EventType.ROOM_CLOSED: (RoomData, "A room was closed, and its room codes are invalid."),
    EventType.PROVIDER_SWITCHED: (RoomData, "A session uses a provider other than before, or than its first choice."),
    EventType.ENDPOINT_DISABLED: (EndpointDisabledData, "A webhook endpoint was disabled."),
    EventType.ENDPOINT_OPERATED: (
        EndpointOperatedData,
        "An operator enabled, disabled, or tested a webhook endpoint, or resent events to it.",
    ),
    EventType.DATA_EXPORTED: (
        DataExportedData,
        _by_name("An operator exported data as a file."),
    ),
    EventType.APP_REPORTED: (AppReportedData, "The app reported an event."),
    EventType.FEEDBACK_GIVEN: (FeedbackGivenData, "A person gave feedback about a call in which they were."),
    EventType.PERSON_ERASED: (PersonErasedData, "The data of a person was erased."),
    EventType.JOURNAL_RETIRED: (
        JournalRetiredData,
        "Events were deleted from the journal at the end of their retention period.",
    ),
    EventType.JOURNAL_SEALED: (
        JournalSealedData,
        "The head of the journal: once an hour if there are new events, and only if a webhook endpoint lists the type.",
    ),
    EventType.APP_SETTINGS_CREATED: (AppSettingsCreatedData, _by_name("The app was created.")),
    EventType.APP_SETTINGS_CHANGED: (
        AppSettingsChangedData,
        _by_name("The app's policy, role maps, origins, or legacy endpoints were changed."),
    ),
    EventType.API_KEY_CREATED: (ApiKeyCreatedData, _by_name("An API key was created.")),
    EventType.API_KEY_REVOKED: (ApiKeyData, _by_name("An API key was revoked.")),
    EventType.PROVIDER_ACCOUNT_CHANGED: (
        ProviderAccountChangedData,
        _by_name("A provider account of the app was added or changed."),
    ),
    EventType.USER_TOKEN_RULES_CHANGED: (UserTokenRulesData, _by_name("The rules for user tokens were changed.")),
    EventType.USER_TOKEN_RULES_REMOVED: (
        ConfigurationData,
        _by_name("The rules for user tokens were removed; user tokens are rejected."),
    ),
    EventType.ENDPOINT_CREATED: (EndpointData, _by_name("A webhook endpoint was created.")),
    EventType.ENDPOINT_CHANGED: (EndpointChangedData, _by_name("A webhook endpoint was changed.")),
    EventType.ENDPOINT_SECRET_ROTATED: (
        EndpointSecretRotatedData,
        _by_name("The secret of a webhook endpoint was rotated."),
    ),
    EventType.ENDPOINT_REMOVED: (EndpointRemovedData, _by_name("A webhook endpoint was deleted.")),
    EventType.OPERATOR_SIGNED_IN: (
        OperatorSignedInData,
        "An operator signed in to the console. Only in the journal of the service.",
    ),
    EventType.OPERATOR_SIGNED_OUT: (
        EmptyData,
        "An operator signed out of the console. Only in the journal of the service.",
    ),
    EventType.OPERATOR_KEY_CREATED: (
        OperatorKeyCreatedData,
        "An operator key was created. Only in the journal of the service.",
    ),
    EventType.OPERATOR_KEY_REVOKED: (
        OperatorKeyData,
        "An operator key was revoked. Only in the journal of the service.",
    ),
    EventType.AUTHENTICATION_REJECTED: (
        AuthenticationRejectedData,
        _by_name("Credentials were rejected. One event counts all rejections for the same reason in a minute."),
    ),
    EventType.RETENTION_CHANGED: (
        RetentionChangedData,
        _by_name("The retention period of a class of events was changed."),
    ),
}

EVENT_TEST = "endpoint.test"
"""The type of the event of `POST .../test`. It is sent to the endpoint only, and not journaled."""


class EndpointTestData(EventData):
    """The tested endpoint."""

    endpoint: WebhookEndpointId


NotInJournal = Annotated[None, Field(description="Null: the event is not in the journal.")]


def _event_model(event_type: str, data: type[EventData], sentence: str, **fields: Any) -> type[BaseModel]:
    """The model of events of this type."""
    name = "".join(part.title() for part in event_type.replace("_", ".").split("."))
    # A type checker cannot evaluate types that are created at run time.
    literal: Any = Literal[event_type]
    return create_model(
        f"{name}Event", __base__=EventFields, __doc__=sentence, type=(literal, ...), data=(data, ...), **fields
    )


EVENT_MODELS: dict[str, type[BaseModel]] = {
    **{each.value: _event_model(each, data, sentence) for each, (data, sentence) in CATALOG.items()},
    EVENT_TEST: _event_model(
        EVENT_TEST,
        EndpointTestData,
        "A test of a webhook endpoint. It is sent to this endpoint only.",
        cursor=(NotInJournal, ...),
    ),
}
"""The members of the union `Event` in the OpenAPI document, by type."""


def as_markdown() -> str:
    """The page `docs/reference/events.md`: every event type with its fields."""
    lines = [_PAGE_HEAD]
    for event_type, (data, sentence) in CATALOG.items():
        lines += [f"## `{event_type}`", "", sentence, ""]
        schema = data.model_json_schema(ref_template="{model}")
        if schema.get("properties"):
            lines += ["| field of `data` | type | meaning |", "|---|---|---|"]
            lines += [_row(name, field, schema) for name, field in schema["properties"].items()]
        else:
            lines.append("`data` is empty.")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    optional = "" if name in schema.get("required", ()) else ", optional"
    return f"| `{name}` | {_kind_of(field, schema)}{optional} | {field.get('description', '')} |"


def _kind_of(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind_of(each, schema) for each in field["anyOf"])
    if "$ref" in field:
        named = schema.get("$defs", {}).get(field["$ref"], {})
        return " or ".join(f"`{value}`" for value in named["enum"]) if "enum" in named else "object"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind_of(field.get('items', {}), schema)}"
    if field.get("format") == "date-time":
        return "time"
    return str(field.get("format") or field.get("type", "anything"))


_PAGE_HEAD = """# Events

The service records everything that happens as an event in the journal. You can read events with `GET /v1/events`,
stream them from `GET /v1/events/stream`, and receive them as webhooks. The `id` of an event is the same everywhere.
The OpenAPI document has a JSON schema for each type under `webhooks:`. This page is generated: `make openapi` writes
it.

Events about the configuration (API keys, provider accounts, user token rules, webhook endpoints, settings) and
`authentication.rejected` are in the journal like all others, for API keys with the scope `events:read`. They and
`journal.sealed` are sent to a webhook endpoint only if its `types` include them: an endpoint without `types` receives
all other events. End users
never see them. They contain what changed and who changed it, but no secrets. Events that do not belong to an app, such
as operators who sign in to the console and credentials of unknown apps, are in a separate journal of the service. To
print it, run `videobroker journal show --app @service`.

A webhook is a POST request with the body `{"type", "timestamp", "data"}`. `data` is the event, in the same form as in
`GET /v1/events`:

| field of an event | meaning |
|---|---|
| `id` | The ID of the event, in every attempt and everywhere. Also in the header `webhook-id`. |
| `type` | One of the types below. |
| `occurred_at` | When it happened: RFC 3339 in UTC. |
| `session` | `kind` and `reference` of the booking or group. Null if the event is not about a session. |
| `user_id` | The person that the event is about. Null if it is not about a person. |
| `asked_by` | The API key, user, or operator; `ticket_id` of a link; IP address; user agent. Null for the service. |
| `data` | The data of the type, below. |
| `cursor` | The position in the journal, for `GET /v1/events?cursor=` and `Last-Event-ID`. |

To verify the headers `webhook-id`, `webhook-timestamp`, and `webhook-signature`, use any Standard Webhooks library with
the secret of the endpoint. Respond with a 2xx status within 15 seconds. Otherwise, the delivery is retried after about
1 s, 2 s, 5 s, 10 s, 30 s, 1 min, 5 min, 15 min, 30 min, 2 h, 5 h, 10 h, and 10 h, or later if `Retry-After` says so (up
to an hour). After three failures in a row, an endpoint is paused: one request at a time probes it, at most a minute
apart while an event is due, and otherwise every 15 minutes. Once a request succeeds, everything that waited is sent. An
endpoint is disabled if it responds with 410, and after five days of nothing but failures; `endpoint.disabled` reports
it. An event can be delivered more than once: store the IDs of processed events to detect duplicates. Events of a
session are delivered in order to endpoints with `ordered`.

Recordings are reported when 100ms reports them, no matter what started them: the template, the dashboard, or a person
in the call. Each event of a recording is sent once, and they can arrive in any order. Recordings of individual tracks
and participants are not reported. Agora's recordings are not reported either: its channel events do not include them.
"""
