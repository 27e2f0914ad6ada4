"""The catalogue of events: what each type says, for the journal, the stream and webhooks alike."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from videobroker.domain.access import Reason
from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.observations import Source
from videobroker.domain.attendance.recordings import RecordingKind
from videobroker.domain.attendance.verdicts import AttendanceVerdict, Rule
from videobroker.domain.calls import EndReason
from videobroker.domain.events import EventType, Via
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.tickets import MAX_ACTIVE_TICKETS_PER_PERSON
from videobroker.domain.webhooks import Disabled, Operated
from videobroker.providers.contract import Surface
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.events import EventFields


class EventData(BaseModel):
    """What an event says beyond when, where, about whom and on whose behalf."""

    model_config = ConfigDict(extra="forbid")


class SessionData(EventData):
    """A session as it is now."""

    version: int = Field(description="Counts the changes of the session.")
    status: SessionStatus


class RosterData(EventData):
    """A line of the roster."""

    role: str = Field(description="The app's role.")


class VerdictLine(BaseModel):
    """One person's verdict."""

    user_id: str
    verdict: AttendanceVerdict | None
    rule: Rule


class ClosedData(EventData):
    """The verdicts on a booking that is over for good."""

    counts: dict[AttendanceVerdict, int]
    verdicts: list[VerdictLine] = Field(description="The first hundred; `GET .../attendance` has all.")
    corrected: bool = Field(description="There were other verdicts before: something was learned late.")


class IssuedData(EventData):
    """Join credentials that were issued."""

    provider: ProviderName
    surface: Surface
    role: str = Field(description="At the provider.")
    guest: bool
    token_id: str = Field(description="Names the token or the room code without giving it away.")
    expires_at: Moment | None = Field(description="Null for a room code, which does not expire by itself.")
    provider_user_id: str | None = Field(default=None, description="Where the provider calls the person otherwise.")
    replayed: bool = Field(
        default=False,
        description="True when a repeated request with an `Idempotency-Key` got credentials that were issued before; "
        "`token_id` and `expires_at` are theirs.",
    )


class DeniedData(EventData):
    """Join credentials that were not issued."""

    decision: Literal["wait", "refuse"]
    reason: Reason
    role: str | None = Field(description="The app's role; null for somebody who is not on the roster.")
    guest: bool


class LinkData(EventData):
    """A link that was issued."""

    guest: bool
    token_id: str = Field(description="Names the ticket without giving it away.")
    expires_at: Moment = Field(description="As of then. It moves with the session.")
    replayed: bool = Field(
        default=False,
        description="True when a repeated request with an `Idempotency-Key` got a link that was issued before.",
    )


class LinkRevokedData(EventData):
    """A link that was revoked."""

    guest: bool
    token_id: str = Field(description="Identifies the ticket, as in `link.issued`.")
    replaced_by: UUID | None = Field(
        default=None,
        description=(
            f"The link that replaced it, when a person got more than {MAX_ACTIVE_TICKETS_PER_PERSON} active links."
        ),
    )


class StayData(EventData):
    """One device of one person, in a call."""

    call: UUID
    role: str | None = Field(description="At the provider.")
    source: Source
    joined_at: Moment
    provider_user_id: str | None = Field(default=None, description="Where the provider calls the person otherwise.")


class LeftData(StayData):
    """The same, and its end."""

    left_at: Moment | None
    reason: str | None = Field(description="Why they left, in the provider's word.")


class FormerStay(BaseModel):
    """A stay as it was told before."""

    joined_at: Moment
    left_at: Moment | None


class CorrectedData(LeftData):
    """A stay that is otherwise than it was told before."""

    former: FormerStay | None = Field(default=None, description="As it was before.")
    withdrawn: bool = Field(default=False, description="There was no such stay after all.")


class ReconciledData(EventData):
    """What the provider told us only when we asked."""

    call: UUID
    roll_call: UUID
    learned: dict[str, int] = Field(description="How many signs of each kind.")


class RemovedData(EventData):
    """How somebody was put out."""

    ban: bool


class EntryData(EventData):
    """Somebody's place in a waiting room."""

    entry: UUID = Field(description="For `POST .../lobby/{entry}/admit` and `/deny`.")
    guest: bool


class WaitingData(EntryData):
    """The same, and who they are."""

    role: str = Field(description="The app's role.")


class MissingData(EventData):
    """Somebody who was not there in time."""

    role: str = Field(description="The app's role.")
    starts_at: Moment
    call: UUID | None = Field(description="The call in which they were missed, if there is one.")


class CallData(EventData):
    """A call."""

    call: UUID
    provider: ProviderName


class EndedData(CallData):
    """A call that ended. Its attendance may still grow by what is on its way: `call.settled` has it final."""

    reason: EndReason
    duration_seconds: int
    people: int
    peak: int


class PresenceLine(BaseModel):
    """Somebody who was in a call, with all devices."""

    user_id: str | None = Field(description="Null for somebody who got no credentials from here.")
    provider_user_id: str | None = Field(default=None, description="What the provider calls them, then.")
    joined_at: Moment
    left_at: Moment
    present_seconds: int


class SettledData(EventData):
    """A call whose attendance is final."""

    call: UUID
    duration_seconds: int
    people: int
    peak: int
    reconciled: bool = Field(description="The provider confirmed it.")
    attendance: list[PresenceLine] = Field(description="The first hundred people; `GET /v1/calls/{id}` has all.")


class RecordingData(EventData):
    """A recording at a provider. Nothing here opens it: no event ever holds an address of a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
                    "provider": "100ms",
                    "recording": "65f0ca10b3d4e5f607182b11",
                    "kind": "composite",
                    "at": "2026-03-12T14:02:10Z",
                }
            ]
        }
    )

    call: UUID | None = Field(description="Null where no call is known that ran then.")
    provider: ProviderName
    recording: str = Field(description="The provider's id of it; the id of the meeting where it has none.")
    kind: RecordingKind
    at: Moment = Field(description="When that came about, by the provider's clock.")


class ReadyData(RecordingData):
    """The same, and how long and how large it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
                    "provider": "100ms",
                    "recording": "65f0ca10b3d4e5f607182b11",
                    "kind": "composite",
                    "at": "2026-03-12T14:58:40Z",
                    "started_at": "2026-03-12T14:02:10.120Z",
                    "stopped_at": "2026-03-12T14:55:10.480Z",
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


class FailedData(RecordingData):
    """The same, and why it failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
                    "provider": "100ms",
                    "recording": "65f0ca10b3d4e5f607182b11",
                    "kind": "composite",
                    "at": "2026-03-12T14:58:40Z",
                    "duration_seconds": 3180,
                    "reason": "UPLOAD_ERROR",
                    "message": "upload failed",
                }
            ]
        }
    )

    duration_seconds: int | None
    reason: str | None = Field(description="In the provider's word.")
    message: str | None = Field(description="The provider's sentence, without addresses, paths and keys.")


class RoomData(EventData):
    """A room."""

    provider: ProviderName


class DisabledData(EventData):
    """A webhook endpoint that gets nothing any more."""

    endpoint: UUID
    reason: Disabled


class OperatedData(EventData):
    """What an operator did at the console; `asked_by.operator` says who."""

    endpoint: UUID
    action: Operated
    delivery: UUID | None = Field(description="Which one was retried; null for everything else.")
    since: Moment | None = Field(description="From when on it was replayed; null for everything else.")
    until: Moment | None = Field(description="Until when; null for everything else.")
    events: int | None = Field(description="How many were replayed; null for everything else.")


class ReportedData(EventData):
    """What the app itself reported."""

    event: str
    reported_at: str | None
    details: dict[str, JsonValue]


class ErasedData(EventData):
    """What was taken out about a person, and the account of it."""

    person: str = Field(description="A pseudonym that whoever erased them was told.")
    rows: int = Field(description="Events of the journal.")
    fields: int = Field(description="Entries of these events.")
    records: int = Field(
        default=0, description="Rows elsewhere that were deleted, or name a pseudonym instead: sessions, calls, ..."
    )
    digest: str = Field(description="Covers exactly what was taken out of the journal: `docs/journal.md`.")


class RetiredData(EventData):
    """What was taken out of the journal because it was old enough, and the account of it."""

    event_class: str = Field(alias="class", description="The first word of the types.")
    before: str = Field(description="Everything of the class that happened before then.")
    rows: int
    digest: str = Field(description="Covers exactly what was taken out: `docs/journal.md`.")


class SetUpData(EventData):
    """A change of the app's set-up. Never holds a secret."""

    via: Via = Field(description="How: `asked_by` says with which key, or which operator.")


class Change(BaseModel):
    """A setting before and after; null where it was or is not set."""

    before: JsonValue
    after: JsonValue


class SettingsCreatedData(SetUpData):
    """A new app."""

    name: str
    settings: dict[str, JsonValue] = Field(description="By name: `policy.guests_allowed`, `role_maps.100ms`, ...")


class SettingsChangedData(SetUpData):
    """What changed about an app."""

    changes: dict[str, Change] = Field(description="By name: `policy.guests_allowed`, `role_maps.100ms`, ...")


class KeyData(SetUpData):
    """An API key."""

    key: UUID
    name: str
    scopes: list[str]


class KeyCreatedData(KeyData):
    """A new API key."""

    expires_at: Moment | None


class AccountChangedData(SetUpData):
    """An account with a provider."""

    provider: ProviderName
    changed: list[str] = Field(description="The names of the settings that changed.")
    is_new: bool = Field(description="The app had no account with this provider before.")


class TokenRulesData(SetUpData):
    """How user tokens are checked."""

    changed: list[str] = Field(description="The names of the rules that changed; `secret` is one.")
    issuer: str | None
    audience: str | None
    max_lifetime_seconds: int


class EndpointSetData(SetUpData):
    """How a webhook endpoint is set."""

    endpoint: UUID
    host: str = Field(description="Of the URL only the host, and the port if it is given.")
    types: list[EventType]
    ordered: bool
    enabled: bool


class EndpointChangedData(EndpointSetData):
    """The same, and what changed."""

    changed: list[str] = Field(description="The names of the settings that changed.")


class SecretRotatedData(SetUpData):
    """A webhook endpoint with a new secret."""

    endpoint: UUID
    overlap_seconds: int = Field(description="How long the former secret signs as well.")


class EndpointRemovedData(SetUpData):
    """A webhook endpoint that was deleted."""

    endpoint: UUID
    host: str


class RetentionData(SetUpData):
    """How long events of a class are kept."""

    event_class: str = Field(alias="class", description="The first word of the types.")
    before: int | None = Field(description="Days; null for good.")
    days: int | None = Field(description="Days; null for good.")


class RejectedData(EventData):
    """Credentials that were sent and not accepted, counted for at most about a minute."""

    reason: str = Field(description="The code of the error: `api_key_expired`, `ticket_revoked`, ...")
    count: int
    addresses: int = Field(description="Distinct addresses, at most 100. A single one is in `asked_by.ip`.")
    first_at: Moment
    last_at: Moment


class NoData(EventData):
    """Nothing more."""


def _by_name(sentence: str) -> str:
    return f"{sentence} Webhook endpoints get it only if their `types` name it."


CATALOGUE: dict[EventType, tuple[type[EventData], str]] = {
    EventType.SESSION_REGISTERED: (SessionData, "A session was registered."),
    EventType.SESSION_UPDATED: (SessionData, "A session or its roster was changed."),
    EventType.SESSION_CANCELLED: (SessionData, "A session was cancelled."),
    EventType.SESSION_CLOSED: (ClosedData, "A booking is over for good, and the verdicts on its people are final."),
    EventType.PARTICIPANT_ADDED: (RosterData, "Somebody was put on a roster."),
    EventType.PARTICIPANT_UPDATED: (RosterData, "Somebody's role or name was changed."),
    EventType.PARTICIPANT_DROPPED: (RosterData, "Somebody was taken off a roster."),
    EventType.PARTICIPANT_JOINED: (StayData, "Somebody is in a call."),
    EventType.PARTICIPANT_LEFT: (LeftData, "Somebody has left a call."),
    EventType.PARTICIPANT_REMOVED: (RemovedData, "Somebody was put out of a session."),
    EventType.PARTICIPANT_READMITTED: (NoData, "A ban was lifted."),
    EventType.PARTICIPANT_WAITING: (
        WaitingData,
        "Somebody waits to be let in. It is said once.",
    ),
    EventType.PARTICIPANT_WITHDREW: (EntryData, "A person withdrew their request to join."),
    EventType.PARTICIPANT_ADMITTED: (EntryData, "Somebody was let in."),
    EventType.PARTICIPANT_DENIED: (EntryData, "Somebody was not let in."),
    EventType.PARTICIPANT_NO_SHOW: (MissingData, "Somebody is not there although the booking began a while ago."),
    EventType.ATTENDANCE_CORRECTED: (CorrectedData, "Something about who was in a call turned out to be otherwise."),
    EventType.ATTENDANCE_RECONCILED: (ReconciledData, "The provider was asked, and told what its webhooks had not."),
    EventType.CREDENTIALS_ISSUED: (IssuedData, "Somebody got join credentials."),
    EventType.CREDENTIALS_DENIED: (DeniedData, "Somebody asked for join credentials and got none."),
    EventType.LINK_ISSUED: (LinkData, "Somebody was given a link to a session."),
    EventType.LINK_REVOKED: (LinkRevokedData, "A person's link to a session was revoked."),
    EventType.CALL_STARTED: (CallData, "A call began."),
    EventType.CALL_ENDED: (EndedData, "A call ended."),
    EventType.CALL_SETTLED: (SettledData, "A call's attendance is final."),
    EventType.RECORDING_STARTED: (RecordingData, "Somebody or something began to record."),
    EventType.RECORDING_READY: (ReadyData, "A recording can be fetched from the provider."),
    EventType.RECORDING_FAILED: (FailedData, "There will be no recording, or only a part of it."),
    EventType.ROOM_OPENED: (RoomData, "A room was opened at a provider."),
    EventType.ROOM_CLOSED: (RoomData, "A room was shut, and its codes open nothing any more."),
    EventType.PROVIDER_SWITCHED: (RoomData, "A session takes place at another provider than the first of its list."),
    EventType.ENDPOINT_DISABLED: (DisabledData, "A webhook endpoint was disabled."),
    EventType.ENDPOINT_OPERATED: (
        OperatedData,
        "An operator enabled, disabled or tested a webhook endpoint, or sent it something once more.",
    ),
    EventType.APP_REPORTED: (ReportedData, "The app itself reported something."),
    EventType.PERSON_ERASED: (ErasedData, "A person was erased."),
    EventType.JOURNAL_RETIRED: (RetiredData, "Events that were old enough were taken out of the journal."),
    EventType.APP_SETTINGS_CREATED: (SettingsCreatedData, _by_name("The app was created.")),
    EventType.APP_SETTINGS_CHANGED: (
        SettingsChangedData,
        _by_name("The app's policy, role maps, origins, or legacy endpoints were changed."),
    ),
    EventType.API_KEY_CREATED: (KeyCreatedData, _by_name("An API key was created.")),
    EventType.API_KEY_REVOKED: (KeyData, _by_name("An API key was revoked.")),
    EventType.PROVIDER_ACCOUNT_CHANGED: (
        AccountChangedData,
        _by_name("The app got an account with a provider, or other settings for it."),
    ),
    EventType.USER_TOKEN_RULES_CHANGED: (TokenRulesData, _by_name("It was changed how user tokens are checked.")),
    EventType.USER_TOKEN_RULES_REMOVED: (SetUpData, _by_name("User tokens are not accepted any more.")),
    EventType.ENDPOINT_CREATED: (EndpointSetData, _by_name("A webhook endpoint was created.")),
    EventType.ENDPOINT_CHANGED: (EndpointChangedData, _by_name("A webhook endpoint was changed.")),
    EventType.ENDPOINT_SECRET_ROTATED: (SecretRotatedData, _by_name("A webhook endpoint got a new secret.")),
    EventType.ENDPOINT_REMOVED: (EndpointRemovedData, _by_name("A webhook endpoint was deleted.")),
    EventType.OPERATOR_SIGNED_IN: (NoData, "An operator signed in to the console. Only in the service's own journal."),
    EventType.OPERATOR_SIGNED_OUT: (
        NoData,
        "An operator signed out of the console. Only in the service's own journal.",
    ),
    EventType.AUTHENTICATION_REJECTED: (
        RejectedData,
        _by_name("Credentials were not accepted. One event stands for all of one reason in a minute."),
    ),
    EventType.RETENTION_CHANGED: (RetentionData, _by_name("It was changed how long events of a class are kept.")),
}

webhooks = APIRouter()


def _named(event_type: EventType) -> str:
    return "".join(part.title() for part in event_type.replace("_", ".").split("."))


def _body(event_type: EventType, data: type[EventData], sentence: str) -> type[BaseModel]:
    """The body of a webhook of this type."""
    name = _named(event_type)
    # Known only as this runs: what a type checker cannot say about types.
    literal: Any = Literal[event_type]
    event: Any = create_model(
        f"{name}Event", __base__=EventFields, __doc__=sentence, type=(literal, ...), data=(data, ...)
    )
    fields: dict[str, Any] = {
        "type": (literal, ...),
        "timestamp": (Moment, Field(description="When it happened.")),
        "data": (event, ...),
    }
    return create_model(f"{name}Webhook", __doc__=sentence, **fields)


def _publish(event_type: EventType, data: type[EventData], sentence: str) -> None:
    body = _body(event_type, data, sentence)

    async def receive(event: body) -> None:  # type: ignore[valid-type]  # the model is made at run time
        """Answer any 2xx within 15 s. The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` are those
        of Standard Webhooks; the id is the event's, at every attempt."""

    webhooks.post(event_type.value, summary=sentence, name=event_type.value, operation_id=_named(event_type))(receive)


for _type, (_data, _sentence) in CATALOGUE.items():
    _publish(_type, _data, _sentence)


def as_markdown() -> str:
    """The catalogue as a page: every type, what it says, and its fields."""
    lines = [_PAGE_HEAD]
    for event_type, (data, sentence) in CATALOGUE.items():
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
    optional = "" if name in schema.get("required", ()) else ", may be missing"
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
        return "moment"
    return str(field.get("format") or field.get("type", "anything"))


_PAGE_HEAD = """# Events

Everything that happens is an event of the journal. The same event is in `GET /v1/events`, on `GET /v1/events/stream`,
and in webhooks; its `id` is the same everywhere. `videobroker openapi` writes this page from the program, and the
OpenAPI document has a JSON schema for each type under `webhooks:`.

Events about the set-up (keys, accounts, rules, endpoints, settings) and `authentication.rejected` are in the journal
like all others, for keys with `events:read`. Webhook endpoints get them only if their `types` name them: an endpoint
without `types` gets all other events. End users never see them. They name what changed and who changed it, and hold no
secret. The service has a journal of its own for what concerns no app: operators who sign in to the console and out of
it, and credentials of no known app. `videobroker journal show --app @service` prints it.

A webhook is a POST of `{"type", "timestamp", "data"}`, where `data` is the event as `GET /v1/events` shows it:

| field of an event | meaning |
|---|---|
| `id` | the event, at every attempt and everywhere; the header `webhook-id` |
| `type` | one of those below |
| `occurred_at` | when, RFC 3339 in UTC |
| `session` | `kind` and `reference` of the booking or group; null for what is about none |
| `user_id` | whom it is about; null for nobody in particular |
| `asked_by` | the key, user, or operator who asked; `ticket_id` of a link; address, user agent; null for the service |
| `data` | what the type says, below |
| `cursor` | its place in the journal: for `GET /v1/events?cursor=` and `Last-Event-ID` |

Verify the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` with any library of Standard Webhooks and
the endpoint's secret. Answer 2xx within 15 s; anything else is tried again after about 5 s, 5 min, 30 min, 2 h, 5 h,
10 h and 10 h, or later when `Retry-After` asks for it (up to an hour). 410 disables the endpoint at once, five days of
nothing but failures as well: `endpoint.disabled` says so. The same event may come twice: remember the ids you have
taken. Events of one session come in order on endpoints that are `ordered`.

Recordings are told as 100ms tells of them, whoever started them: its template, its dashboard, somebody in the call. One
recording has each of its events once; they may come in any order. Recordings of single tracks and people are not told,
and neither are Agora's: its channel events do not speak of them.
"""
