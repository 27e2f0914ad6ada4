"""Everything about one session and one person that a join depends on, read in one query."""

from videobroker.domain.access import AccessContext
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.lobby import LobbyEntry
from videobroker.domain.rooms import Room, RoomState
from videobroker.domain.sessions import Participant, Session, SessionTerms
from videobroker.domain.struct import Struct


class JoinContext(Struct):
    """A session from the point of view of one person."""

    session: Session
    participant: Participant | None
    """None for guests and for people who are not participants."""
    room: Room | None
    """The room at the session's provider; None before the first join."""
    call: Call | None
    """The open call."""
    uid: int | None
    """The person's uid in the session, if one was assigned."""
    banned: bool = False
    was_removed: bool = False
    """Whether a host has removed the person. Without a ban, they can join again."""
    entry: LobbyEntry | None = None
    """The person's entry in the waiting room."""

    def access_context(self, app: App) -> AccessContext:
        """The properties of the session that the access decision depends on."""
        return build_access_context(app, self.session, call_running=self.call is not None)

    @property
    def ready_room(self) -> Room | None:
        """The room, if people can join it without a request to the provider."""
        return self.room if self.room is not None and self.room.state is RoomState.READY else None


def build_access_context(app: App, session: Session, *, call_running: bool) -> AccessContext:
    """The properties of the session that the access decision depends on."""
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
    """The providers for a session with these terms, in order of preference."""
    return terms.providers or app.default_providers


def select_providers(app: App, session: Session) -> tuple[ProviderName, ...]:
    """The providers for the session, in order of preference. A session with a room stays at its provider."""
    if session.provider is not None:
        return (session.provider,)
    return select_requested_providers(app, session.terms)
