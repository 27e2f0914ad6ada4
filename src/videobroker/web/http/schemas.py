"""Shared schemas and field types of requests and responses."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StrictInt,
    WithJsonSchema,
)

from videobroker.domain.access import AccessDecision, AccessReason, AdmitDecision, WaitDecision
from videobroker.domain.texts import (
    IDENTIFIER_PATTERN,
    LINE_PATTERN,
    MAX_IDENTIFIER_LENGTH,
    MAX_NAME_LENGTH,
    MAX_ROLE_LENGTH,
    NAME_PATTERN,
    NEVER_A_NAME,
    NEVER_IN_LINE,
    check_identifier,
    check_name,
    is_line,
)
from videobroker.domain.times import rfc3339, utc

METADATA_BYTES = 16_384
MAX_EXACT_FLOAT = 2.0**53
MIN_YEAR, MAX_YEAR = 2000, 2199
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)


class RequestModel(BaseModel):
    """Base of request bodies. Unknown fields are rejected, so that a misspelled field is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return utc(value)
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(
            "send the time as RFC 3339 with an offset, like 2026-03-12T14:00:00Z (in a URL, encode `+` as %2B)"
        )
    try:
        moment = utc(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):
        raise ValueError("this date or time does not exist") from None
    return sensible(moment)


def sensible(moment: datetime) -> datetime:
    """Check that the year is supported, and return the time. Raises `ValueError`."""
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise ValueError(f"the year must be between {MIN_YEAR} and {MAX_YEAR}")
    return moment


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-03-12T14:00:00Z"]}),
]
"""A time: RFC 3339 with an offset in requests, and in UTC in responses."""

IDENTIFIER_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_IDENTIFIER_LENGTH,
    "pattern": IDENTIFIER_PATTERN,
    "not": {"type": "string", "pattern": NEVER_IN_LINE},
}
Identifier = Annotated[str, AfterValidator(check_identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]
"""The app's own ID of a user or a session. The same rule applies to the `sub` of user tokens."""

NAME_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME_LENGTH,
    "pattern": NAME_PATTERN,
    "not": {"type": "string", "pattern": NEVER_A_NAME},
}
Name = Annotated[str, AfterValidator(check_name), WithJsonSchema(NAME_SCHEMA)]
"""The display name of a person, or the title of a session."""

MAX_SHORT_NAME_LENGTH = 64
ShortName = Annotated[
    str,
    Field(max_length=MAX_SHORT_NAME_LENGTH),
    AfterValidator(check_name),
    WithJsonSchema({**NAME_SCHEMA, "maxLength": MAX_SHORT_NAME_LENGTH}),
]
"""The name of a key or a product."""


def line(value: str) -> str:
    """Check that the value is one line. Raises `ValueError`."""
    if not is_line(value):
        raise ValueError("must not contain control characters, line breaks, or bidi controls")
    return value


ROLE_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ROLE_LENGTH,
    "pattern": LINE_PATTERN,
    "not": {"type": "string", "pattern": NEVER_IN_LINE},
}
RoleName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ROLE_LENGTH),
    AfterValidator(line),
    WithJsonSchema(ROLE_SCHEMA),
]


def _integer(value: object) -> object:
    # In JSON Schema, a number without a fraction is an integer, also if it is written as 60.0 or 6e1. Python parses
    # these as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL = BeforeValidator(_integer)
"""Accepts integers in any JSON notation. Put it after `StrictInt` and its bounds."""

Seconds = Annotated[StrictInt, Field(ge=0, le=7 * 24 * 3600), INTEGRAL]
"""Whole seconds, up to a week."""


def storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Check that PostgreSQL can store the value as JSON and that it is not too large. Raises `ValueError`."""
    # Checked first, because checking every part of a large value takes long.
    if len(json.dumps(value, ensure_ascii=False).encode()) > METADATA_BYTES:
        raise ValueError(f"must not be larger than {METADATA_BYTES} bytes")
    for part in _parts(value):
        if isinstance(part, str) and "\x00" in part:
            raise ValueError("strings must not contain NUL characters")
        # PostgreSQL stores larger floats as integers, which differ from the value that was sent.
        if isinstance(part, float) and not abs(part) < MAX_EXACT_FLOAT:
            raise ValueError("numbers with a fraction or an exponent must be smaller than 2^53")
        if isinstance(part, int) and abs(part) >= 1 << 63:
            raise ValueError("integers must fit into 64 bits")
    return value


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _parts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _parts(member)
    else:
        yield value


Metadata = Annotated[dict[str, JsonValue], AfterValidator(storable)]
"""Custom data of the app: a JSON object of at most 16 KiB."""


class AccessDecisionOut(BaseModel):
    """The access decision."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decision": "wait",
                    "reason": "too_early",
                    "opens_at": "2030-03-12T13:50:00Z",
                    "closes_at": "2030-03-12T15:15:00Z",
                    "retry_after": 1740,
                }
            ]
        }
    )

    decision: Literal["admit", "wait", "refuse"]
    reason: AccessReason | None = Field(default=None, description="Why the person cannot join. Not with `admit`.")
    role: str | None = Field(default=None, description="The role at the provider. Only with `admit`.")
    opens_at: Moment | None = Field(default=None, description="When this person can join.")
    closes_at: Moment | None = Field(default=None, description="Until when this person can join.")
    until: Moment | None = Field(
        default=None, description="When join credentials expire at the latest. Only with `admit`."
    )
    retry_after: int | None = Field(
        default=None,
        description="Seconds to wait before the next request: with `too_early`, until `opens_at`. The header "
        "`Retry-After` has the same value, but at most 3600. Only with `wait`.",
    )


def access_fields(decision: AccessDecision) -> dict[str, Any]:
    """The fields of `AccessDecisionOut`."""
    shown: dict[str, Any] = dict.fromkeys(AccessDecisionOut.model_fields)
    shown["opens_at"], shown["closes_at"] = decision.opens_at, decision.closes_at
    if isinstance(decision, AdmitDecision):
        return shown | {"decision": "admit", "role": decision.role, "until": decision.until}
    shown["reason"] = decision.reason
    if isinstance(decision, WaitDecision):
        return shown | {"decision": "wait", "retry_after": decision.retry_after}
    return shown | {"decision": "refuse"}


def access_shape(decision: AccessDecision) -> AccessDecisionOut:
    """The decision as part of another response."""
    return AccessDecisionOut(**access_fields(decision))
