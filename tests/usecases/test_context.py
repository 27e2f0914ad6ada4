"""The request context: derived values and immutability."""

from datetime import timedelta

import pytest

from tenants import Tenant, context_of
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import EventType
from videobroker.domain.operators import OperatorRole
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import ProviderNotConfigured
from videobroker.usecases import registration
from videobroker.usecases.context import RequestContext


def test_the_system_has_no_user_and_no_limits(tutoring: Tenant) -> None:
    context = RequestContext.for_system(tutoring.broker, tutoring.app, tutoring.broker.now())
    assert context.actor == Actor(tutoring.app.id)
    assert (context.actor.user_id, context.actor.scopes) == (None, None)


def test_a_later_context_differs_only_in_its_time(tutoring: Tenant) -> None:
    first = context_of(
        tutoring.broker, tutoring.app, actor=Actor(tutoring.app.id, operator="Olive", operator_role=OperatorRole.ADMIN)
    )
    later = first.at(first.now + timedelta(seconds=5))
    assert later.now - first.now == timedelta(seconds=5)
    assert (later.broker, later.app, later.actor) == (first.broker, first.app, first.actor)
    with pytest.raises(AttributeError):
        first.now = later.now  # type: ignore[misc]  # the context is immutable


def test_the_provider_is_that_of_the_app(tutoring: Tenant) -> None:
    assert tutoring.context.provider(ProviderName.HMS).name is ProviderName.HMS
    with pytest.raises(ProviderNotConfigured, match=tutoring.app.name):
        tutoring.context.provider(ProviderName.AGORA)


async def test_an_event_names_the_actor_and_the_time_of_the_context(tutoring: Tenant) -> None:
    await tutoring.book()
    olive = Actor(tutoring.app.id, operator="Olive", operator_role=OperatorRole.ADMIN)
    context = context_of(tutoring.broker, tutoring.app, actor=olive)
    key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
    session = (await registration.find(context, key)).session
    event = context.event(session, EventType.CALL_STARTED, user_id="tutor-1", data={"call": "c"})
    assert (event.actor, event.occurred_at, event.session) == (olive, context.now, key)
    assert (event.type, event.user_id, event.data) == (EventType.CALL_STARTED, "tutor-1", {"call": "c"})
