"""Which columns hold personal data, and what the erasure of a person does with them.

Every column that can hold a text is listed, those of the job queue included.
`tests/storage/journal/test_personal_data.py` compares the list with the catalog of a migrated database: a new column
fails the test until it is listed here. The erasure is `usecases/journal/erasure.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ErasureHandling(StrEnum):
    """What the erasure of a person does with a column."""

    NONE = "none"
    """Holds no personal data."""
    DELETED = "deleted"
    """The row is deleted, or the value emptied."""
    PSEUDONYM = "pseudonym"
    """The value is replaced by a pseudonym."""
    REDACTED = "redacted"
    """Removed from the journal; its commitment stays."""
    RETAINED = "retained"
    """Stays for a reason."""


@dataclass(frozen=True, slots=True)
class ColumnTreatment:
    """What happens to a column, and why."""

    handling: ErasureHandling
    reason: str = ""
    """What the column is about, or why it is retained; always given for `RETAINED`."""


NOT_PERSONAL = ColumnTreatment(ErasureHandling.NONE)
DELETED = ColumnTreatment(ErasureHandling.DELETED)
PSEUDONYM = ColumnTreatment(ErasureHandling.PSEUDONYM)
REDACTED = ColumnTreatment(ErasureHandling.REDACTED)


def _retained(reason: str) -> ColumnTreatment:
    return ColumnTreatment(ErasureHandling.RETAINED, reason)


def _no_personal_data(*columns: str) -> dict[str, ColumnTreatment]:
    return dict.fromkeys(columns, NOT_PERSONAL)


_CONFIGURED = _retained("Written by an operator of the app to configure it; not about end users.")

COLUMNS: Mapping[str, Mapping[str, ColumnTreatment]] = {
    "alembic_version": _no_personal_data("version_num"),
    "apps": {
        **_no_personal_data("policy", "role_maps", "allowed_origins", "legacy_families"),
        "name": _CONFIGURED,
        "branding": _CONFIGURED,
    },
    "app_logos": _no_personal_data("digest", "media_type", "content"),
    "api_keys": {**_no_personal_data("shown", "digest", "scopes"), "name": _CONFIGURED},
    "provider_accounts": _no_personal_data("provider", "sealed_settings", "sealed_with"),
    "user_token_rules": _no_personal_data("issuer", "sealed_rules", "sealed_with"),
    "sessions": {
        **_no_personal_data("kind", "status", "providers", "provider", "policy"),
        "reference": _retained(
            "The app's name of a session. `--reference` erases it from the journal where it tells who someone is."
        ),
        "title": _retained("A text of the app about everyone in the session; the erasure reports where it names them."),
        "metadata": ColumnTreatment(
            ErasureHandling.PSEUDONYM,
            "Strings and keys that are the user ID. The erasure reports other texts that name them.",
        ),
    },
    "participants": {
        **_no_personal_data("role"),
        "user_id": ColumnTreatment(
            ErasureHandling.PSEUDONYM, "Deleted in sessions that have not begun, and in groups."
        ),
        "display_name": DELETED,
    },
    "uids": {"user_id": PSEUDONYM, "guest_name": DELETED},
    "rooms": _no_personal_data(
        "provider",
        "state",
        "provider_room_id",
        "codes",
        "failure",
        "closure",
        "sealed_with",
        "sealed_codes",
        "code_digests",
    ),
    "former_rooms": _no_personal_data("provider", "provider_room_id"),
    "orphaned_rooms": {
        **_no_personal_data("provider", "provider_room_id", "kind"),
        "reference": _retained("Until the room of a deleted session is closed, usually for seconds."),
    },
    "tickets": {**_no_personal_data("scopes"), "user_id": DELETED, "display_name": DELETED},
    "counters": _no_personal_data("name"),
    "failed_attempts": {
        "key": _retained("The network of a client that sent a wrong credential. Deleted within about an hour."),
    },
    "calls": {
        **_no_personal_data("provider", "end_reason", "provider_call_ids"),
        "started_by": PSEUDONYM,
        "ended_by": PSEUDONYM,
    },
    "inbox": {
        **_no_personal_data("provider", "event_id", "likeness", "type", "provider_room_id", "state", "note"),
        "body": ColumnTreatment(ErasureHandling.DELETED, "Of webhooks that name the person."),
    },
    "observations": {
        **_no_personal_data("sign", "source", "evidence", "type", "provider_call_id", "role", "former_role", "reason"),
        "connection": _retained("A device in one call, numbered by the provider. It says who only with `uids`."),
        "provider_user_id": ColumnTreatment(ErasureHandling.PSEUDONYM, "Numbers stay: they say who only with `uids`."),
    },
    "attendance": {
        **_no_personal_data("joined_source", "left_source", "roles", "reason", "evidence"),
        "connection": _retained("A device in one call, numbered by the provider. It says who only with `uids`."),
        "provider_user_id": ColumnTreatment(ErasureHandling.PSEUDONYM, "Numbers stay: they say who only with `uids`."),
        "user_id": PSEUDONYM,
    },
    "verdicts": {**_no_personal_data("role", "verdict", "rule", "source"), "user_id": PSEUDONYM},
    "webhook_endpoints": {
        **_no_personal_data("types", "disabled", "sealed_secrets", "cursor", "sealed_with"),
        "url": _CONFIGURED,
        "description": _CONFIGURED,
    },
    "deliveries": _no_personal_data("type", "state"),
    "attempts": {
        "body": ColumnTreatment(ErasureHandling.DELETED, "What receivers answered to events of the person's sessions."),
        "error": NOT_PERSONAL,
        "request_headers": NOT_PERSONAL,
    },
    "removals": {"user_id": DELETED},
    "lobby": {
        **_no_personal_data("state"),
        "user_id": DELETED,
        "display_name": DELETED,
        "decided_by": DELETED,
    },
    "journal": {
        **_no_personal_data("type", "kind"),
        "reference": ColumnTreatment(ErasureHandling.REDACTED, "Where the erasure names the reference."),
        "user_id": REDACTED,
        "ip": REDACTED,
        "user_agent": REDACTED,
        "asked_by_user_id": REDACTED,
        "data": ColumnTreatment(ErasureHandling.REDACTED, "IDs of people, and what the app reported about them."),
    },
    "journal_seals": _no_personal_data("root", "previous", "hash"),
    "journal_leaves": _no_personal_data("digest"),
    "journal_salts": {"salts": ColumnTreatment(ErasureHandling.DELETED, "The salts of what was removed.")},
    "journal_redactions": _no_personal_data("pointer", "commitment"),
    "retention": _no_personal_data("event_class"),
    "idempotency": {
        **_no_personal_data("fingerprint", "sealed_with"),
        "key": _retained("Chosen by the caller, for at most 24 hours; deleted with answers about the person."),
        "sealed_answer": ColumnTreatment(ErasureHandling.DELETED, "Answers that are about the person, or name them."),
        "credential": ColumnTreatment(ErasureHandling.DELETED, "With the answer."),
        "user_id": DELETED,
    },
    "operator_keys": {
        **_no_personal_data("shown", "digest", "role"),
        "name": _CONFIGURED,
    },
    "hourly_counts": _no_personal_data("measure", "label"),
    "operator_sign_in_links": {
        **_no_personal_data("token_digest", "role"),
        "operator": _retained("An operator's name, until the link is used or expires; not an end user."),
    },
    "console_sessions": {
        **_no_personal_data("token_digest", "zone", "role", "issuer"),
        "subject": _retained("An operator's identifier, for as long as they are signed in; not an end user."),
        "operator": _retained("An operator's name, for as long as they are signed in; not an end user."),
    },
    # The tables of the job queue. Jobs name sessions and calls by our IDs.
    "jobs.queue": _no_personal_data("status", "entrypoint", "dedupe_key", "payload", "headers"),
    "jobs.log": {
        **_no_personal_data("status", "entrypoint"),
        "traceback": _retained("Of failed jobs, which name no people; deleted after some days."),
    },
    "jobs.schedules": _no_personal_data("expression", "entrypoint", "status"),
    "jobs.statistics": _no_personal_data("status", "entrypoint"),
}
