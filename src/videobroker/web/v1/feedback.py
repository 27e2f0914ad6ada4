"""Feedback of people about a call in which they were."""

from typing import Annotated
from uuid import UUID

from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, WithJsonSchema, model_validator

from videobroker.domain.authorization import Action
from videobroker.domain.feedback import MAX_COMMENT_LENGTH, MAX_RATING, MIN_RATING, CallProblem, Feedback
from videobroker.domain.ids import CallId
from videobroker.domain.texts import NEVER_IN_TEXT, TEXT_PATTERN, is_text
from videobroker.usecases.joining.feedback import give_feedback
from videobroker.web.http.auth import FeedbackGiver
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Identifier, Moment, RequestModel
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, ROLE_PROBLEMS, SESSION_PROBLEMS, Reference, session_key


def _check_comment(text: str) -> str:
    if not is_text(text):
        raise ValueError("must not contain control characters")
    return text


Comment = Annotated[
    str,
    Field(min_length=1, max_length=MAX_COMMENT_LENGTH),
    AfterValidator(_check_comment),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_COMMENT_LENGTH,
            "pattern": TEXT_PATTERN,
            "not": {"type": "string", "pattern": NEVER_IN_TEXT},
        }
    ),
]


class FeedbackInput(RequestModel):
    """What a person says about a call. At least one of `rating`, `problems`, and `comment` is required."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "student-1",
                    "rating": 2,
                    "problems": ["audio"],
                    "comment": "I could not hear the teacher.",
                }
            ]
        }
    )

    user_id: Identifier | None = Field(
        default=None, description="The person. Optional with a user token, a ticket, or `X-User-Id`."
    )
    call: UUID | None = Field(default=None, description="The ID of the call. By default the latest one.")
    rating: Annotated[StrictInt, Field(ge=MIN_RATING, le=MAX_RATING), INTEGRAL] | None = Field(
        default=None, description="From 1, bad, to 5, very good."
    )
    problems: Annotated[list[CallProblem], Field(max_length=len(CallProblem))] = Field(
        default_factory=list, description="What did not work."
    )
    comment: Comment | None = Field(default=None, description="The person's own words. Credentials are removed.")

    @model_validator(mode="after")
    def _not_empty(self) -> "FeedbackInput":
        if self.feedback().is_empty:
            raise ValueError("send a `rating`, `problems`, or a `comment`")
        return self

    def feedback(self) -> Feedback:
        return Feedback(self.rating, tuple(dict.fromkeys(self.problems)), self.comment)


class FeedbackOut(BaseModel):
    """Feedback that was recorded. `id` is the ID of the event `feedback.given`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20",
                    "call": "0195d3c2-7c10-7c55-9c1e-6f2b8d1e4a99",
                    "user_id": "student-1",
                    "given_at": "2030-03-12T15:01:00Z",
                }
            ]
        }
    )

    id: UUID
    call: UUID = Field(description="The ID of the call.")
    user_id: str
    given_at: Moment = Field(description="When the person gave it.")


router = SessionRouter()


@router.post(
    "/feedback",
    operation_id="give{Kind}Feedback",
    summary="Give feedback about a call",
    responses=described(
        *SESSION_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        *BODY_PROBLEMS,
        *ROLE_PROBLEMS,
        "call_not_found",
        "not_in_call",
        "feedback_already_given",
    ),
    response_model=FeedbackOut,
)
async def give_session_feedback(
    caller: FeedbackGiver, kind: Kind, reference: Reference, idempotency: Idempotency, body: FeedbackInput
) -> Response:
    """Writes a `feedback.given` event into the journal, which is also streamed and sent to webhook endpoints. Each
    person who was in the call can give feedback about it once. A ticket is accepted for a day after the end of the
    window."""
    key, user_id = session_key(caller, kind, reference), caller.must_speak_for(body.user_id)

    async def produce() -> FeedbackOut:
        recorded = await give_feedback(
            caller.context,
            key,
            body.feedback(),
            user_id=user_id,
            call_id=None if body.call is None else CallId(body.call),
        )
        event = recorded.event
        return FeedbackOut(
            id=event.id, call=UUID((event.data or {})["call"]), user_id=user_id, given_at=event.occurred_at
        )

    return await idempotency.respond_authorized(caller, key, Action.GIVE_FEEDBACK, produce, user_id=user_id)
