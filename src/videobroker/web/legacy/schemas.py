"""Field names, times, and IDs in the formats of legacy JavaScript clients."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from videobroker.domain.texts import check_identifier
from videobroker.domain.times import utc
from videobroker.web.http.schemas import IDENTIFIER_SCHEMA, INTEGRAL, Moment

MAX_SAFE_INTEGER = 2**53 - 1
"""`Number.MAX_SAFE_INTEGER`: JavaScript cannot represent larger integers exactly."""

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)")


def _complete(value: Any) -> Any:
    """Convert a date that `new Date(...)` accepts to RFC 3339: seconds and the colon of the offset are optional."""
    if not isinstance(value, str):
        return value
    parts = _ISO.fullmatch(value)
    if parts is None:
        raise ValueError(
            "send the time in ISO 8601 with `Z` or an offset, in the format of `date.toISOString()`: "
            "2030-03-12T14:00:00.000Z. Without an offset, its meaning depends on the time zone of the machine"
        )
    minutes, seconds, offset = parts.groups()
    if len(offset) == len("+0000"):
        offset = f"{offset[:3]}:{offset[3:]}"
    return f"{minutes}{seconds or ':00'}{offset}"


def iso_string(moment: datetime) -> str:
    """The format of JavaScript's `toISOString`: UTC with `Z` and milliseconds."""
    return utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


JsMoment = Annotated[
    Moment,
    BeforeValidator(_complete),
    PlainSerializer(iso_string, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-03-12T14:00:00.000Z"]}),
]
"""A time: ISO 8601 with an offset in requests, the format of `toISOString` in responses."""

LegacyId = (
    Annotated[StrictInt, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER), INTEGRAL]
    | Annotated[StrictStr, AfterValidator(check_identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]
)
"""An ID of the app: a string or a number."""


class LegacyRequest(BaseModel):
    """Base of request bodies. Unknown fields are ignored, as in the old systems."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class LegacyResponse(BaseModel):
    """Base of response bodies."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True, frozen=True
    )
