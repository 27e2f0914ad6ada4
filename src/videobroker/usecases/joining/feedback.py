"""Feedback of people about a call in which they were: a rating, problems, and a comment."""

from videobroker.domain.authorization import Action
from videobroker.domain.calls import MAX_CLOCK_SKEW
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.feedback import Feedback
from videobroker.domain.ids import CallId
from videobroker.domain.redaction import redact_foreign_text
from videobroker.domain.sessions import SessionKey
from videobroker.errors import CallNotFound, FeedbackAlreadyGiven, InvalidInput, NotInCall
from videobroker.storage.calls import calls
from videobroker.storage.joining import feedback as feedback_rows
from videobroker.storage.journal.journal import record_one
from videobroker.usecases.authorization import require
from videobroker.usecases.context import RequestContext


async def give_feedback(
    context: RequestContext, key: SessionKey, feedback: Feedback, *, user_id: str, call_id: CallId | None
) -> RecordedEvent:
    """Record what a person says about a call: the latest one of the session, unless `call_id` names one.

    Once per call and person. Credentials are removed from the comment. Raises `SessionNotFound`, `RoleMayNot`,
    `NotYourself`, `AccessDenied`, `CallNotFound`, `NotInCall`, `FeedbackAlreadyGiven`, `InvalidInput`.
    """
    if feedback.is_empty:
        raise InvalidInput("Send a `rating`, `problems`, or a `comment`.")
    authorized = await require(context, key, Action.GIVE_FEEDBACK, about=user_id)
    session = authorized.join_context.session
    async with context.transaction() as unit_of_work:
        if call_id is None:
            call = await calls.latest(unit_of_work, context.app.id, session.id)
        else:
            call = await calls.find(unit_of_work, context.app.id, call_id)
        if call is None or call.session_id != session.id:
            raise CallNotFound(f"The {key.label} has no such call. `GET .../calls` lists its calls.")
        await feedback_rows.lock_person(unit_of_work, call.id, user_id)
        if not await feedback_rows.was_in_call(
            unit_of_work,
            context.app.id,
            session.id,
            call.id,
            user_id,
            # A join that opens the call can be dated shortly before it.
            since=call.started_at - MAX_CLOCK_SKEW,
            until=call.ended_at or context.now,
        ):
            raise NotInCall("Only people who were in the call can give feedback about it.")
        if await feedback_rows.was_given(unit_of_work, context.app.id, session.id, call.id, user_id):
            raise FeedbackAlreadyGiven("This person has already given feedback about this call.")
        data = {"call": str(call.id), "rating": feedback.rating, "details": _details(feedback)}
        event = context.event(session, EventType.FEEDBACK_GIVEN, user_id=user_id, data=data)
        return await record_one(unit_of_work, event)


def _details(feedback: Feedback) -> dict[str, object]:
    """All of it counts as personal data of the person (see `REPORTED_DETAILS`)."""
    comment = None if feedback.comment is None else redact_foreign_text(feedback.comment)
    return {"problems": [problem.value for problem in feedback.problems], "comment": comment}
