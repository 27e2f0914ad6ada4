"""The access decision for one person at one session, looked up and made."""

from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import Decision, Person, Refuse, Wait, advice, decide
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.entrance import Entrance, providers_of
from videobroker.domain.sessions import SessionKey
from videobroker.errors import AccessDenied, SessionNotFound


async def access(broker: Broker, app: App, key: SessionKey, *, user_id: str | None, now: datetime) -> Decision:
    """May this person enter now? Without a `user_id` the question is about a guest. Nothing is changed."""
    entrance = await look_at(broker, key, user_id)
    return decide(entrance.door(app), person_at(app, entrance, is_guest=user_id is None), now)


async def look_at(broker: Broker, key: SessionKey, user_id: str | None) -> Entrance:
    """The session as this person finds it. Raises `SessionNotFound`."""
    entrance = await broker.entrances.look(key, user_id)
    if entrance is None:
        raise no_session(key)
    return entrance


async def require_on_roster(broker: Broker, key: SessionKey, user_id: str) -> None:
    """Raise `SessionNotFound` for everybody who is not on the roster: to them the session does not exist."""
    entrance = await look_at(broker, key, user_id)
    if entrance.participant is None:
        raise no_session(key)


def no_session(key: SessionKey) -> SessionNotFound:
    """What is said of a session that does not exist, and of one that does not exist for whoever asks."""
    return SessionNotFound(f"This app has no {key.label}. Register it with PUT first.")


def person_at(app: App, entrance: Entrance, *, is_guest: bool) -> Person:
    """Who it is that stands there."""
    participant = entrance.participant
    role = GUEST_ROLE if is_guest else participant.role if participant else None
    providers = providers_of(app, entrance.session)
    provider_role = app.provider_role(providers[0], role) if providers and role else None
    return Person(role=role, provider_role=provider_role, is_guest=is_guest, removed=entrance.banned)


def denial(decision: Wait | Refuse) -> AccessDenied:
    """The decision as an error."""
    retry_after = decision.retry_after if isinstance(decision, Wait) else None
    return AccessDenied(advice(decision), decision=decision, retry_after=retry_after)
