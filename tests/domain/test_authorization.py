"""Authorization: the design's table of actions and relations, and rules for all of its rows."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.authorization import (
    RULES,
    TICKET_ACTIONS,
    Action,
    Authorization,
    Denial,
    DenialReason,
    Membership,
    Permit,
    Relation,
    authorize,
    authorize_app,
    determine_membership,
    limit_view,
)
from videobroker.domain.ids import AppId, EntryId, KeyId, TicketId
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.domain.policy import Policy, WaitingRoom

APP = AppId(UUID(int=1))
NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
BEN = Actor(APP, user_id="ben")
TICKET = Actor(APP, user_id="ben", ticket_id=TicketId(UUID(int=2)))
POLICY = Policy()
LENIENT = Policy(call_roles=("student",), booking_roles=("tutor", "student"), guests_allowed=True)
ROLES = {Relation.HOST: "tutor", Relation.PARTICIPANT: "student"}
OUTSIDER_RELATIONS = (Relation.WAITING, Relation.BLOCKED, Relation.UNLISTED)


def as_relation(relation: Relation) -> Membership:
    """A person with this relation and a suitable role."""
    return Membership(relation, ROLES.get(relation))


def authorization(
    action: Action, relation: Relation, *, policy: Policy = POLICY, about: str | None = None
) -> Authorization:
    """The authorization of a user with this relation."""
    return authorize(BEN, action, policy=policy, person=as_relation(relation), about=about)


# Columns: host, participant, guest, and others (waiting, blocked, or not listed). `own`: only about oneself; `policy`:
# only if the policy permits it.
TABLE: dict[Action, tuple[str, str, str, str]] = {
    Action.ASK_ACCESS: ("yes", "yes", "yes", "yes"),
    Action.JOIN: ("yes", "yes", "yes", "yes"),
    Action.VIEW_SESSION: ("yes", "yes", "yes", "no"),
    Action.VIEW_PARTICIPANTS: ("yes", "own", "no", "no"),
    Action.VIEW_DETAILS: ("no", "no", "no", "no"),
    Action.START_CALL: ("yes", "policy", "no", "no"),
    Action.END_CALL: ("yes", "no", "no", "no"),
    Action.MODERATE: ("yes", "no", "no", "no"),
    Action.CREATE_SESSION: ("policy", "policy", "no", "no"),
    Action.CHANGE_SESSION: ("policy", "policy", "no", "no"),
    Action.CHANGE_DETAILS: ("no", "no", "no", "no"),
    Action.VIEW_CALLS: ("yes", "own", "no", "no"),
    Action.VIEW_ATTENDANCE: ("yes", "own", "no", "no"),
    Action.READ_LOG: ("own", "own", "no", "no"),
    Action.READ_EVENTS: ("no", "no", "no", "no"),
    Action.REPORT_EVENT: ("yes", "own", "no", "no"),
    Action.CREATE_LINK: ("yes", "own", "no", "no"),
    Action.BRING_GUEST: ("policy", "no", "no", "no"),
    Action.CHOOSE_NAME: ("no", "no", "no", "no"),
    Action.VIEW_ENDPOINTS: ("no", "no", "no", "no"),
    Action.MANAGE_ENDPOINTS: ("no", "no", "no", "no"),
    Action.RECEIVE_EVENTS: ("no", "no", "no", "no"),
    Action.DIAGNOSE: ("no", "no", "no", "no"),
}
CELLS = [
    (action, relation, cell)
    for action, (host, participant, guest, outside) in TABLE.items()
    for relation, cell in (
        (Relation.HOST, host),
        (Relation.PARTICIPANT, participant),
        (Relation.GUEST, guest),
        *((relation, outside) for relation in OUTSIDER_RELATIONS),
    )
]


def test_the_table_has_a_row_for_every_action() -> None:
    assert TABLE.keys() == RULES.keys() == set(Action)


@pytest.mark.parametrize(("action", "relation", "cell"), CELLS)
def test_an_end_user_has_the_permissions_of_the_table(action: Action, relation: Relation, cell: str) -> None:
    decision = authorization(action, relation)
    match cell:
        case "yes":
            assert decision == Permit()
        case "own":
            assert decision == authorization(action, relation, about="ben") == Permit(only_own=True)
            assert authorization(action, relation, about="ada") == Denial(DenialReason.NOT_YOURSELF)
        case "policy":
            assert isinstance(decision, Denial)
            assert authorization(action, relation, policy=LENIENT) == Permit()
        case _:
            assert isinstance(decision, Denial)
            assert isinstance(authorization(action, relation, policy=LENIENT), Denial)


@pytest.mark.parametrize("action", Action)
def test_a_key_needs_only_the_scope_of_the_action(action: Action) -> None:
    scope = RULES[action].scope
    enough = Actor(APP, key_id=KeyId(UUID(int=3)), scopes=frozenset({scope}))
    others = Actor(APP, key_id=KeyId(UUID(int=3)), scopes=frozenset(Scope) - {scope})
    unlisted = Membership(Relation.UNLISTED)
    assert authorize(enough, action, policy=POLICY, person=unlisted, about="ada") == Permit()
    assert authorize_app(enough, action) == Permit()
    missing = Denial(DenialReason.SCOPE_MISSING, scope)
    assert authorize(others, action, policy=POLICY, person=unlisted) == missing
    assert authorize_app(others, action) == missing


@pytest.mark.parametrize("action", Action)
def test_operators_the_command_line_and_the_service_may_do_everything(action: Action) -> None:
    for actor in (Actor(APP), Actor(APP, operator="Olive")):
        assert authorize(actor, action, policy=POLICY, person=Membership(Relation.UNLISTED)) == Permit()
        assert authorize_app(actor, action) == Permit()


@pytest.mark.parametrize("action", Action)
def test_end_users_have_no_permissions_on_the_whole_app(action: Action) -> None:
    for actor in (BEN, TICKET):
        assert isinstance(authorize_app(actor, action), Denial)


@given(
    action=st.sampled_from(Action),
    relation=st.sampled_from(Relation),
    scopes=st.none() | st.frozensets(st.sampled_from(Scope)),
    about=st.sampled_from([None, "ben", "ada"]),
    policy=st.sampled_from([POLICY, LENIENT]),
)
def test_a_ticket_never_grants_more_than_its_issuer_had(
    action: Action, relation: Relation, scopes: frozenset[Scope] | None, about: str | None, policy: Policy
) -> None:
    ticket = Actor(APP, user_id="ben", ticket_id=TicketId(UUID(int=2)), scopes=scopes)
    decision = authorize(ticket, action, policy=policy, person=as_relation(relation), about=about)
    if isinstance(decision, Denial):
        return
    # Every link grants these actions, and every ticket shows the public part of its session.
    if action in TICKET_ACTIONS:
        return
    issuer = Actor(APP, key_id=KeyId(UUID(int=3)), scopes=scopes)
    assert isinstance(authorize(issuer, action, policy=policy, person=as_relation(relation)), Permit)
    if action is not Action.VIEW_SESSION:
        user = authorize(BEN, action, policy=policy, person=as_relation(relation), about=about)
        assert user == decision


@given(action=st.sampled_from(Action), about=st.sampled_from([None, "ben", "ada"]))
def test_blocked_waiting_and_unlisted_people_may_only_ask_for_access(action: Action, about: str | None) -> None:
    for relation in OUTSIDER_RELATIONS:
        person = Membership(relation, "tutor")
        decision = authorize(BEN, action, policy=LENIENT, person=person, about=about)
        assert isinstance(decision, Permit) == (action in {Action.ASK_ACCESS, Action.JOIN})


@pytest.mark.parametrize("relation", OUTSIDER_RELATIONS)
def test_a_session_is_hidden_from_outsiders_without_a_ticket(relation: Relation) -> None:
    assert authorization(Action.VIEW_SESSION, relation) == Denial(DenialReason.SESSION_HIDDEN)
    with_ticket = authorize(TICKET, Action.VIEW_SESSION, policy=POLICY, person=as_relation(relation))
    assert with_ticket == Permit()
    view = limit_view(TICKET, policy=POLICY, person=as_relation(relation))
    assert (view.details, view.participants, view.names) == (False, False, False)


@pytest.mark.parametrize(
    ("relation", "details", "participants", "names"),
    [
        (Relation.HOST, False, True, True),
        (Relation.PARTICIPANT, False, False, True),
        (Relation.GUEST, False, False, False),
    ],
)
def test_the_relation_limits_the_view_of_a_session(
    relation: Relation, details: bool, participants: bool, names: bool
) -> None:
    view = limit_view(BEN, policy=POLICY, person=as_relation(relation))
    assert (view.details, view.participants, view.names) == (details, participants, names)


def entry(state: EntryState) -> LobbyEntry:
    """Ben's entry in the waiting room."""
    return LobbyEntry(EntryId(UUID(int=4)), "ben", None, False, state, NOW, NOW)


@given(
    role=st.sampled_from([None, "tutor", "student"]),
    is_guest=st.booleans(),
    is_blocked=st.booleans(),
    guests_allowed=st.booleans(),
    state=st.sampled_from([None, EntryState.WAITING, EntryState.DENIED, EntryState.ADMITTED]),
    waiting_room=st.sampled_from(WaitingRoom),
)
def test_the_relation_of_a_person_to_a_session(
    role: str | None,
    is_guest: bool,
    is_blocked: bool,
    guests_allowed: bool,
    state: EntryState | None,
    waiting_room: WaitingRoom,
) -> None:
    policy = Policy(guests_allowed=guests_allowed, waiting_room=waiting_room)
    found = determine_membership(
        policy, role, is_guest=is_guest, is_blocked=is_blocked, entry=None if state is None else entry(state)
    )
    is_undecided = waiting_room is WaitingRoom.ADMIT and state in {EntryState.WAITING, EntryState.DENIED}
    match found.relation:
        case Relation.BLOCKED:
            assert is_blocked
        case Relation.HOST:
            assert role == "tutor"
        case Relation.PARTICIPANT:
            assert role == "student"
            assert not is_undecided
        case Relation.GUEST:
            assert role is None
            assert is_guest
            assert guests_allowed
            assert not is_undecided
        case Relation.WAITING:
            assert role != "tutor"
            assert is_undecided
        case Relation.UNLISTED:
            assert role is None
            assert not (is_guest and guests_allowed)
