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
from videobroker.domain.operators import OperatorRole
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
    Action.VIEW_WAITING_ROOM: ("yes", "no", "no", "no"),
    Action.MODERATE: ("yes", "no", "no", "no"),
    Action.CREATE_SESSION: ("policy", "policy", "no", "no"),
    Action.CHANGE_SESSION: ("policy", "policy", "no", "no"),
    Action.CHANGE_DETAILS: ("no", "no", "no", "no"),
    Action.DELETE_SESSION: ("no", "no", "no", "no"),
    Action.VIEW_CALLS: ("yes", "own", "no", "no"),
    Action.VIEW_ATTENDANCE: ("yes", "own", "no", "no"),
    Action.READ_LOG: ("own", "own", "no", "no"),
    Action.GIVE_FEEDBACK: ("own", "own", "own", "no"),
    Action.READ_EVENTS: ("no", "no", "no", "no"),
    Action.REPORT_EVENT: ("yes", "own", "no", "no"),
    Action.VIEW_LINKS: ("no", "no", "no", "no"),
    Action.CREATE_LINK: ("yes", "own", "no", "no"),
    Action.BRING_GUEST: ("policy", "no", "no", "no"),
    Action.CHOOSE_NAME: ("no", "no", "no", "no"),
    Action.VIEW_ENDPOINTS: ("no", "no", "no", "no"),
    Action.MANAGE_ENDPOINTS: ("no", "no", "no", "no"),
    Action.SEND_DELIVERIES: ("no", "no", "no", "no"),
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


READS = {
    Action.VIEW_SESSION,
    Action.VIEW_PARTICIPANTS,
    Action.VIEW_DETAILS,
    Action.VIEW_CALLS,
    Action.VIEW_ATTENDANCE,
    Action.READ_LOG,
    Action.READ_EVENTS,
}


@pytest.mark.parametrize(
    ("action", "relation"),
    [
        (action, relation)
        for action, relation, cell in CELLS
        if cell in {"no", "policy"} and relation not in OUTSIDER_RELATIONS and action is not Action.BRING_GUEST
    ],
)
def test_a_member_is_denied_because_of_the_role(action: Action, relation: Relation) -> None:
    assert authorization(action, relation) == Denial(DenialReason.ROLE_NOT_ALLOWED)


def test_a_host_cannot_bring_a_guest_to_a_session_without_guests() -> None:
    assert authorization(Action.BRING_GUEST, Relation.HOST) == Denial(DenialReason.GUESTS_NOT_ALLOWED)


@pytest.mark.parametrize("relation", [Relation.PARTICIPANT, Relation.GUEST])
@pytest.mark.parametrize("policy", [POLICY, LENIENT], ids=["no guests", "guests"])
def test_only_a_host_can_bring_a_guest(relation: Relation, policy: Policy) -> None:
    assert authorization(Action.BRING_GUEST, relation, policy=policy) == Denial(DenialReason.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("action", sorted(READS))
@pytest.mark.parametrize("relation", OUTSIDER_RELATIONS)
def test_reads_hide_the_session_from_outsiders(action: Action, relation: Relation) -> None:
    assert authorization(action, relation) == Denial(DenialReason.SESSION_HIDDEN)


@pytest.mark.parametrize("action", sorted(set(Action) - READS - TICKET_ACTIONS))
def test_writes_state_why_an_outsider_is_denied(action: Action) -> None:
    is_about_calls = action in {Action.START_CALL, Action.END_CALL}
    reason = DenialReason.NOT_A_PARTICIPANT if is_about_calls else DenialReason.SESSION_HIDDEN
    assert authorization(action, Relation.BLOCKED) == Denial(DenialReason.BLOCKED)
    assert authorization(action, Relation.WAITING) == Denial(DenialReason.WAITING)
    assert authorization(action, Relation.UNLISTED) == Denial(reason)


SCOPES: dict[Action, Scope] = {
    Action.ASK_ACCESS: Scope.JOIN,
    Action.JOIN: Scope.JOIN,
    Action.BRING_GUEST: Scope.JOIN,
    Action.CHOOSE_NAME: Scope.JOIN,
    Action.VIEW_SESSION: Scope.SESSIONS_READ,
    Action.VIEW_PARTICIPANTS: Scope.SESSIONS_READ,
    Action.VIEW_DETAILS: Scope.SESSIONS_READ,
    Action.CREATE_SESSION: Scope.SESSIONS_WRITE,
    Action.CHANGE_SESSION: Scope.SESSIONS_WRITE,
    Action.CHANGE_DETAILS: Scope.SESSIONS_WRITE,
    Action.DELETE_SESSION: Scope.SESSIONS_WRITE,
    Action.START_CALL: Scope.CALLS_WRITE,
    Action.END_CALL: Scope.CALLS_WRITE,
    Action.VIEW_CALLS: Scope.CALLS_READ,
    Action.VIEW_ATTENDANCE: Scope.CALLS_READ,
    Action.READ_LOG: Scope.CALLS_READ,
    Action.VIEW_WAITING_ROOM: Scope.MODERATION_WRITE,
    Action.MODERATE: Scope.MODERATION_WRITE,
    Action.VIEW_LINKS: Scope.LINKS_WRITE,
    Action.CREATE_LINK: Scope.LINKS_WRITE,
    Action.READ_EVENTS: Scope.EVENTS_READ,
    Action.RECEIVE_EVENTS: Scope.EVENTS_READ,
    Action.REPORT_EVENT: Scope.EVENTS_WRITE,
    Action.GIVE_FEEDBACK: Scope.JOIN,
    Action.VIEW_ENDPOINTS: Scope.WEBHOOKS_READ,
    Action.MANAGE_ENDPOINTS: Scope.WEBHOOKS_WRITE,
    Action.SEND_DELIVERIES: Scope.WEBHOOKS_WRITE,
    Action.DIAGNOSE: Scope.DIAGNOSTICS_READ,
}


def test_every_action_needs_the_scope_of_its_resource() -> None:
    assert {action: rule.scope for action, rule in RULES.items()} == SCOPES


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
def test_the_command_line_and_the_service_may_do_everything(action: Action) -> None:
    assert authorize(Actor(APP), action, policy=POLICY, person=Membership(Relation.UNLISTED)) == Permit()
    assert authorize_app(Actor(APP), action) == Permit()


VIEWER_ACTIONS = {
    Action.ASK_ACCESS,
    Action.VIEW_SESSION,
    Action.VIEW_PARTICIPANTS,
    Action.VIEW_DETAILS,
    Action.VIEW_CALLS,
    Action.VIEW_ATTENDANCE,
    Action.VIEW_WAITING_ROOM,
    Action.VIEW_LINKS,
    Action.VIEW_ENDPOINTS,
    Action.READ_LOG,
    Action.READ_EVENTS,
    Action.RECEIVE_EVENTS,
    Action.DIAGNOSE,
}
ADMIN_ACTIONS = {Action.DELETE_SESSION, Action.MANAGE_ENDPOINTS}
OPERATORS = [None, *OperatorRole]


def least_role(action: Action) -> OperatorRole:
    """The role that the table of `domain/operators.py` names."""
    if action in VIEWER_ACTIONS:
        return OperatorRole.VIEWER
    return OperatorRole.ADMIN if action in ADMIN_ACTIONS else OperatorRole.SUPPORT


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", OPERATORS)
def test_an_operator_may_do_what_their_role_includes(role: OperatorRole | None, action: Action) -> None:
    olive, needed = Actor(APP, operator="Olive", operator_role=role), least_role(action)
    ranks = {None: 0, OperatorRole.VIEWER: 1, OperatorRole.SUPPORT: 2, OperatorRole.ADMIN: 3}
    expected = (
        Permit()
        if ranks[role] >= ranks[needed]
        else Denial(DenialReason.OPERATOR_ROLE_NOT_ALLOWED, operator_role=needed)
    )
    assert authorize(olive, action, policy=POLICY, person=Membership(Relation.UNLISTED)) == expected
    assert authorize_app(olive, action) == expected


@pytest.mark.parametrize("action", Action)
def test_end_users_have_no_permissions_on_the_whole_app(action: Action) -> None:
    for actor in (BEN, TICKET):
        assert authorize_app(actor, action) == Denial(DenialReason.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("action", sorted(TICKET_ACTIONS))
def test_a_ticket_admits_its_holder_even_if_its_issuer_may_not_join(action: Action) -> None:
    ticket = Actor(APP, user_id="ben", ticket_id=TicketId(UUID(int=2)), scopes=frozenset({Scope.LINKS_WRITE}))
    decision = authorize(ticket, action, policy=POLICY, person=as_relation(Relation.PARTICIPANT))
    assert decision == Permit(only_own=action is Action.GIVE_FEEDBACK)


@pytest.mark.parametrize("action", sorted(set(Action) - TICKET_ACTIONS))
def test_a_ticket_needs_the_scope_of_every_other_action(action: Action) -> None:
    scope = SCOPES[action]
    ticket = Actor(APP, user_id="ben", ticket_id=TicketId(UUID(int=2)), scopes=frozenset(Scope) - {scope})
    decision = authorize(ticket, action, policy=LENIENT, person=as_relation(Relation.HOST))
    assert decision == Denial(DenialReason.SCOPE_MISSING, scope)


def test_the_policy_names_the_roles_that_start_calls() -> None:
    policy = Policy(call_roles=("student",))
    for role, expected in (("student", Permit()), ("observer", Denial(DenialReason.ROLE_NOT_ALLOWED))):
        person = Membership(Relation.PARTICIPANT, role)
        assert authorize(BEN, Action.START_CALL, policy=policy, person=person) == expected


@pytest.mark.parametrize("action", [Action.CREATE_SESSION, Action.CHANGE_SESSION])
def test_the_policy_names_the_roles_that_book(action: Action) -> None:
    policy = Policy(booking_roles=("student",))
    assert authorization(action, Relation.PARTICIPANT, policy=policy) == Permit()
    assert authorization(action, Relation.HOST, policy=policy) == Denial(DenialReason.ROLE_NOT_ALLOWED)


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


WAITING_ROOM = Policy(waiting_room=WaitingRoom.ADMIT)
GUESTS = Policy(guests_allowed=True)
GUESTS_IN_WAITING_ROOM = Policy(guests_allowed=True, waiting_room=WaitingRoom.ADMIT)
UNLISTED = Membership(Relation.UNLISTED)
NOT_ADMITTED = (EntryState.WAITING, EntryState.DENIED)


@pytest.mark.parametrize("policy", [POLICY, GUESTS, WAITING_ROOM])
def test_a_person_without_a_role_is_unlisted(policy: Policy) -> None:
    assert determine_membership(policy, None) == UNLISTED


def test_a_guest_is_unlisted_unless_the_policy_allows_guests() -> None:
    assert determine_membership(POLICY, None, is_guest=True) == UNLISTED
    assert determine_membership(GUESTS, None, is_guest=True) == Membership(Relation.GUEST)


def test_the_role_distinguishes_hosts_from_participants() -> None:
    assert determine_membership(POLICY, "tutor") == Membership(Relation.HOST, "tutor")
    assert determine_membership(POLICY, "student") == Membership(Relation.PARTICIPANT, "student")
    without_hosts = Policy(host_roles=())
    assert determine_membership(without_hosts, "tutor") == Membership(Relation.PARTICIPANT, "tutor")


@pytest.mark.parametrize("role", ["tutor", "student", None])
@pytest.mark.parametrize("is_guest", [True, False])
def test_a_block_precedes_every_role(role: str | None, is_guest: bool) -> None:
    found = determine_membership(GUESTS, role, is_guest=is_guest, is_blocked=True)
    assert found == Membership(Relation.BLOCKED, role)


@pytest.mark.parametrize("state", NOT_ADMITTED)
def test_participants_and_guests_wait_until_they_are_admitted(state: EntryState) -> None:
    student = determine_membership(WAITING_ROOM, "student", entry=entry(state))
    assert student == Membership(Relation.WAITING, "student")
    guest = determine_membership(GUESTS_IN_WAITING_ROOM, None, is_guest=True, entry=entry(state))
    assert guest == Membership(Relation.WAITING)


def test_admission_ends_the_wait() -> None:
    admitted = entry(EntryState.ADMITTED)
    student = determine_membership(WAITING_ROOM, "student", entry=admitted)
    assert student == Membership(Relation.PARTICIPANT, "student")
    guest = determine_membership(GUESTS_IN_WAITING_ROOM, None, is_guest=True, entry=admitted)
    assert guest == Membership(Relation.GUEST)


@pytest.mark.parametrize("state", NOT_ADMITTED)
def test_the_entry_of_a_host_does_not_matter(state: EntryState) -> None:
    assert determine_membership(WAITING_ROOM, "tutor", entry=entry(state)) == Membership(Relation.HOST, "tutor")


@pytest.mark.parametrize("waiting_room", sorted(set(WaitingRoom) - {WaitingRoom.ADMIT}))
def test_only_an_admission_policy_makes_an_entry_matter(waiting_room: WaitingRoom) -> None:
    policy = Policy(waiting_room=waiting_room)
    found = determine_membership(policy, "student", entry=entry(EntryState.WAITING))
    assert found == Membership(Relation.PARTICIPANT, "student")


def test_a_participant_without_an_entry_is_not_waiting() -> None:
    assert determine_membership(WAITING_ROOM, "student") == Membership(Relation.PARTICIPANT, "student")


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
    assert found.role == role
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
        case _:
            pytest.fail(f"not a relation: {found.relation}")
