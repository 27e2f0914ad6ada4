"""What is known when somebody stands at the door: one look at everything that the decision and the signature need."""

from videobroker.domain.access import AccessContext
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.lobby import LobbyEntry
from videobroker.domain.rooms import Room, RoomState
from videobroker.domain.sessions import Participant, Session, SessionTerms
from videobroker.domain.struct import Struct


class JoinContext(Struct):
    """A session as one person finds it."""

    session: Session
    participant: Participant | None
    """None for a stranger and for a guest."""
    room: Room | None
    """The room at the provider the session sticks to; None before the first join."""
    call: Call | None
    """The open call."""
    uid: int | None
    """The person's number in the session, where one was given."""
    banned: bool = False
    """The person was removed from the session for good."""
    entry: LobbyEntry | None = None
    """The person's place in the waiting room."""

    def access_context(self, app: App) -> AccessContext:
        """The part of it that decides who may enter."""
        return build_access_context(app, self.session, call_running=self.call is not None)

    @property
    def ready_room(self) -> Room | None:
        """The room, when it can be entered without asking the provider."""
        return self.room if self.room is not None and self.room.state is RoomState.READY else None


def build_access_context(app: App, session: Session, *, call_running: bool) -> AccessContext:
    """What decides who may enter a session."""
    terms = session.terms
    return AccessContext(
        status=terms.status,
        video=terms.video,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        policy=app.policy_for(terms.policy),
        call_running=call_running,
        ended_for_all_at=session.ended_for_all_at,
    )


def select_requested_providers(app: App, terms: SessionTerms) -> tuple[ProviderName, ...]:
    """Where a session on these terms may take place, best first."""
    return terms.providers or app.default_providers


def select_providers(app: App, session: Session) -> tuple[ProviderName, ...]:
    """Where the session may take place, best first. A session that has a room stays where it is."""
    if session.provider is not None:
        return (session.provider,)
    return select_requested_providers(app, session.terms)
