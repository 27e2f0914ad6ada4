"""Everything about one session and one person that a join depends on, read in one query."""

from collections.abc import Collection

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

    def selectable_providers(self, app: App) -> tuple[ProviderName, ...]:
        """The providers at which the person may ask to join now, in order of preference.

        While a room or a call is open, only its provider: all people of a session meet in one room.
        """
        requested, present = select_requested_providers(app, self.session.terms), self.session.provider
        if present is None:
            return requested
        if self.call is not None or self.ready_room is not None:
            return (present,)
        return (present, *(name for name in requested if name is not present))

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
    """The providers for the session, in order of preference. A session that has had a room prefers its provider."""
    if session.provider is not None:
        return (session.provider,)
    return select_requested_providers(app, session.terms)


def select_next_providers(app: App, session: Session, roles: Collection[str]) -> tuple[ProviderName, ...]:
    """The providers at which the next room of a session without an open room can be, in order of preference.

    `roles` are the app roles of its people. A session that has had a room can move to a provider that maps all of those
    that its own provider maps. So an account that is added later does not affect it before its roles are mapped.
    """
    requested, present = select_requested_providers(app, session.terms), session.provider
    if present is None:
        return requested
    needed = {role for role in roles if app.provider_role(present, role) is not None}
    others = (name for name in requested if name is not present and needed <= app.role_maps.get(name, {}).keys())
    return (present, *others)
