"""What requests and answers look like: the parts that several of them share."""

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

from videobroker.domain.access import AccessDecision, AdmitDecision, Reason, WaitDecision
from videobroker.domain.texts import (
    IDENTIFIER_PATTERN,
    LINE_PATTERN,
    MAX_IDENTIFIER_LENGTH,
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    check_identifier,
    check_name,
)
from videobroker.domain.times import rfc3339, utc

METADATA_BYTES = 16_384
LARGEST_FLOAT = 2.0**53
EARLIEST_YEAR, LATEST_YEAR = 2000, 2199
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)


class Shape(BaseModel):
    """A part of a request: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return utc(value)
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("send a moment as RFC 3339 with its offset, like 2026-03-12T14:00:00Z (in a URL, `+` is %2B)")
    try:
        moment = utc(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment in the calendar") from None
    return sensible(moment)


def sensible(moment: datetime) -> datetime:
    """The moment, if sessions take place in its year. Raises `ValueError`."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"the year must be between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-12T14:00:00Z"]}),
]
"""A moment: RFC 3339 with an offset in, RFC 3339 in UTC out."""

IDENTIFIER_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_IDENTIFIER_LENGTH,
    "pattern": IDENTIFIER_PATTERN,
}
Identifier = Annotated[str, AfterValidator(check_identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]
"""The app's own id of a user or a session. The rule is that of the `sub` of user tokens."""

NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": NAME_PATTERN}
Name = Annotated[str, AfterValidator(check_name), WithJsonSchema(NAME_SCHEMA)]
"""The name of a person or the title of a session, for people to read."""

RoleName = Annotated[str, Field(min_length=1, max_length=64, pattern=LINE_PATTERN)]


def _integer(value: object) -> object:
    # JSON Schema: a number without a fraction is an integer, however it is written (60.0, 6e1). Python's parser makes
    # floats of these.
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL = BeforeValidator(_integer)
"""For integers in JSON bodies, behind `StrictInt` and its bounds."""

Seconds = Annotated[StrictInt, Field(ge=0, le=7 * 24 * 3600), INTEGRAL]
"""Whole seconds, up to a week."""


def storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The value, if PostgreSQL can keep it as JSON and it is not too large. Raises `ValueError`."""
    # First, because looking at every part of something large takes long.
    if len(json.dumps(value, ensure_ascii=False).encode()) > METADATA_BYTES:
        raise ValueError(f"must not be larger than {METADATA_BYTES} bytes")
    for part in _parts(value):
        if isinstance(part, str) and "\x00" in part:
            raise ValueError("texts must not hold NUL characters")
        # PostgreSQL keeps larger floats as whole numbers, which are not what was sent.
        if isinstance(part, float) and not abs(part) < LARGEST_FLOAT:
            raise ValueError("numbers with a fraction or an exponent must be smaller than 2^53")
        if isinstance(part, int) and abs(part) >= 1 << 63:
            raise ValueError("whole numbers must fit into 64 bits")
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
"""Whatever the app wants to keep with a session: a JSON object of at most 16 KiB."""


class AccessShape(BaseModel):
    """The access decision as data."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decision": "wait",
                    "reason": "too_early",
                    "opens_at": "2026-03-12T13:50:00Z",
                    "closes_at": "2026-03-12T15:15:00Z",
                    "retry_after": 1740,
                }
            ]
        }
    )

    decision: Literal["admit", "wait", "refuse"]
    reason: Reason | None = Field(default=None, description="Why not; absent with `admit`.")
    role: str | None = Field(default=None, description="With `admit`: the role at the provider.")
    opens_at: Moment | None = Field(default=None, description="When the window opens for this person.")
    closes_at: Moment | None = Field(default=None, description="When the window closes.")
    until: Moment | None = Field(default=None, description="With `admit`: no credential outlives this.")
    retry_after: int | None = Field(default=None, description="With `wait`: seconds until asking again makes sense.")


def access_fields(decision: AccessDecision) -> dict[str, Any]:
    """The fields of `AccessShape`."""
    shown: dict[str, Any] = dict.fromkeys(AccessShape.model_fields)
    shown["opens_at"], shown["closes_at"] = decision.opens_at, decision.closes_at
    if isinstance(decision, AdmitDecision):
        return shown | {"decision": "admit", "role": decision.role, "until": decision.until}
    shown["reason"] = decision.reason
    if isinstance(decision, WaitDecision):
        return shown | {"decision": "wait", "retry_after": decision.retry_after}
    return shown | {"decision": "refuse"}


def access_shape(decision: AccessDecision) -> AccessShape:
    """The decision as part of another response."""
    return AccessShape(**access_fields(decision))
