"""How long the journal of an app retains events."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from videobroker.usecases import management
from videobroker.usecases.journal.retention import MIN_RETENTION_DAYS
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, RequestModel
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS

router = management_router("/apps/{app}/retention")

MAX_RETENTION_DAYS = 36_500
ClassPath = Annotated[
    str,
    Path(
        max_length=64,
        description="The class of events: the part of their type before the dot.",
        examples=["call"],
    ),
]


class RetentionInput(RequestModel):
    """How long events of a class are retained."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 365}]})

    days: Annotated[StrictInt, Field(ge=MIN_RETENTION_DAYS, le=MAX_RETENTION_DAYS), INTEGRAL] | None = Field(
        description="Days until events are deleted. Null: never."
    )


class RetentionOut(BaseModel):
    """How long events of a class are retained."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"class": "call", "days": 365}]})

    event_class: str = Field(alias="class", description="The class of events: the part of their type before the dot.")
    days: int = Field(description="Days until events are deleted.")


class RetentionList(BaseModel):
    """The retention of all classes that have one. Events of other classes are retained forever."""

    data: list[RetentionOut]
    next: None = Field(default=None, description="Always null: there is only one page.")


async def _list(operator: AppOperator) -> RetentionList:
    found = await management.list_retentions(operator.context)
    return RetentionList(data=[RetentionOut(**{"class": each.event_class, "days": each.days}) for each in found])


@router.get("", summary="List retention periods", responses=described(*APP_PROBLEMS), openapi_extra=VIEWER)
async def list_retentions(operator: AppOperator) -> RetentionList:
    """Returns the classes of events that are deleted from the journal after some time."""
    return await _list(operator)


@router.put(
    "/{event_class}",
    summary="Set a retention period",
    responses=described(*APP_PROBLEMS, *BODY_PROBLEMS),
    openapi_extra=ADMIN,
)
async def set_retention(operator: AppOperator, event_class: ClassPath, body: RetentionInput) -> RetentionList:
    """Events of this class are deleted from the journal after so many days, or never. Returns all periods."""
    await management.set_retention(operator.context, event_class, body.days)
    return await _list(operator)
