"""Names, moments and ids as the old JavaScript clients write and read them."""

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

LARGEST_INTEGER = 2**53 - 1
"""`Number.MAX_SAFE_INTEGER`: JavaScript knows no larger integer exactly."""

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)")


def _complete(value: Any) -> Any:
    """What `new Date(...)` takes, as RFC 3339: seconds may be left out, and so may the colon of the offset."""
    if not isinstance(value, str):
        return value
    parts = _ISO.fullmatch(value)
    if parts is None:
        raise ValueError(
            "send a moment in ISO 8601 with `Z` or an offset, as `date.toISOString()` writes it: "
            "2026-03-12T14:00:00.000Z. Without one it would be another moment on every machine"
        )
    minutes, seconds, offset = parts.groups()
    if len(offset) == len("+0000"):
        offset = f"{offset[:3]}:{offset[3:]}"
    return f"{minutes}{seconds or ':00'}{offset}"


def iso_string(moment: datetime) -> str:
    """What JavaScript's `toISOString` makes of it: UTC, `Z`, milliseconds."""
    return utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


JsMoment = Annotated[
    Moment,
    BeforeValidator(_complete),
    PlainSerializer(iso_string, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-12T14:00:00.000Z"]}),
]
"""A moment: ISO 8601 with an offset in, as `toISOString` writes it out."""

OldId = (
    Annotated[StrictInt, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER), INTEGRAL]
    | Annotated[StrictStr, AfterValidator(check_identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]
)
"""An id of the app, which may be a number."""


class OldBody(BaseModel):
    """A body that a client sends. Fields that nobody knows are ignored, as they always were."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class OldAnswer(BaseModel):
    """A body that a client gets."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True, frozen=True
    )
