"""How long the journal of an app retains events."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from videobroker.usecases import management
from videobroker.usecases.journal.retention import MIN_RETENTION_DAYS, check_class
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
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
    days: int | None = Field(description="Days until events are deleted. Null: never.")


class RetentionList(BaseModel):
    """The retention of all classes that have one. Events of other classes are retained forever."""

    data: list[RetentionOut]
    next: None = Field(default=None, description="Always null: there is only one page.")


def _out(event_class: str, days: int | None) -> RetentionOut:
    return RetentionOut(**{"class": event_class, "days": days})


def _present(event_class: str) -> Callable[[Mapping[str, int]], RetentionOut]:
    return lambda periods: _out(event_class, periods.get(event_class))


async def _periods(operator: AppOperator) -> dict[str, int]:
    return {each.event_class: each.days for each in await management.list_retentions(operator.context)}


@router.get("", summary="List retention periods", responses=described(*APP_PROBLEMS), openapi_extra=VIEWER)
async def list_retentions(operator: AppOperator) -> RetentionList:
    """Returns the classes of events that are deleted from the journal after some time."""
    return RetentionList(data=[_out(event_class, days) for event_class, days in (await _periods(operator)).items()])


@router.get(
    "/{event_class}",
    summary="Get a retention period",
    response_model=RetentionOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_retention(
    operator: AppOperator, event_class: ClassPath, conditions: ReadConditions
) -> RetentionOut | Response:
    """Returns how long events of this class are retained."""
    check_class(event_class)
    return conditions.read(_present(event_class)(await _periods(operator)))


@router.put(
    "/{event_class}",
    summary="Set a retention period",
    responses=described(*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def set_retention(
    operator: AppOperator, event_class: ClassPath, body: RetentionInput, conditions: ChangeConditions
) -> RetentionOut:
    """Events of this class are deleted from the journal after so many days, or never."""
    await management.set_retention(
        operator.context, event_class, body.days, precondition=conditions.on(_present(event_class))
    )
    return conditions.tagged(_out(event_class, body.days))
