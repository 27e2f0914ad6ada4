"""Sessions and their participants."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    column,
    delete,
    func,
    select,
    true,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.pages import Page
from videobroker.domain.sessions import (
    Participant,
    Session,
    SessionKey,
    SessionKind,
    SessionStatus,
    SessionTerms,
)
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.row_mapping import PROVIDERS, Columns, RowReader, members_by_value
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import participants, sessions


async def find(unit_of_work: UnitOfWork, key: SessionKey) -> Session | None:
    """The session with the app's own reference."""
    row = (await unit_of_work.execute(_by_key(key))).one_or_none()
    return None if row is None else session_from(row._mapping)


async def find_by_id(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> Session | None:
    """The session with our ID."""
    statement = select(sessions).where(sessions.c.app_id == app_id, sessions.c.id == session_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else session_from(row._mapping)


async def lock_by_id(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> Session | None:
    """`find_by_id`, and lock the session until the transaction ends."""
    statement = select(sessions).where(sessions.c.app_id == app_id, sessions.c.id == session_id).with_for_update()
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else session_from(row._mapping)


async def set_ended_for_all(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, at: datetime | None
) -> None:
    """Write when the last call was ended for everyone; None once another one has started."""
    await unit_of_work.execute(
        update(sessions)
        .where(
            sessions.c.app_id == app_id,
            sessions.c.id == session_id,
            sessions.c.ended_for_all_at.is_distinct_from(at),
        )
        .values(ended_for_all_at=at)
    )


async def set_next_step_at(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, at: datetime | None) -> None:
    """Write when the next lifecycle step of the session is due; None if there is none."""
    await unit_of_work.execute(
        update(sessions).where(sessions.c.app_id == app_id, sessions.c.id == session_id).values(attend_at=at)
    )


async def bring_next_step_forward(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, at: datetime) -> None:
    """Make the session's next lifecycle step due at `at`, unless it is due earlier."""
    await unit_of_work.execute(
        update(sessions)
        .where(
            sessions.c.app_id == app_id,
            sessions.c.id == session_id,
            sessions.c.attend_at.is_(None) | (sessions.c.attend_at > at),
        )
        .values(attend_at=at)
    )


async def bring_all_next_steps_forward(unit_of_work: UnitOfWork, app_id: AppId, at: datetime) -> None:
    """Make the next lifecycle step of all sessions of the app due at `at`, where one is due later."""
    await unit_of_work.execute(
        update(sessions).where(sessions.c.app_id == app_id, sessions.c.attend_at > at).values(attend_at=at)
    )


async def claim_due(
    unit_of_work: UnitOfWork, *, now: datetime, again_at: datetime, limit: int
) -> list[tuple[AppId, SessionId, ProviderName | None]]:
    """Sessions with a due lifecycle step. They are due again at `again_at`, unless the step is run before."""
    chosen = (
        select(sessions.c.app_id, sessions.c.id)
        .where(sessions.c.attend_at <= now)
        .order_by(sessions.c.attend_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    statement = (
        update(sessions)
        .where(sessions.c.app_id == chosen.c.app_id, sessions.c.id == chosen.c.id)
        .values(attend_at=again_at)
        .returning(sessions.c.app_id, sessions.c.id, sessions.c.provider)
    )
    return [
        (row.app_id, row.id, None if row.provider is None else PROVIDERS[row.provider])
        for row in await unit_of_work.execute(statement)
    ]


async def set_no_shows_reported_for(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, starts_at: datetime | None
) -> None:
    """Write the start for which no-shows were reported."""
    await unit_of_work.execute(
        update(sessions)
        .where(sessions.c.app_id == app_id, sessions.c.id == session_id)
        .values(no_shows_reported_for=starts_at)
    )


async def set_concluded_at(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, at: datetime | None
) -> None:
    """Write when the verdicts became final; None if they no longer are."""
    await unit_of_work.execute(
        update(sessions).where(sessions.c.app_id == app_id, sessions.c.id == session_id).values(concluded_at=at)
    )


async def lock(unit_of_work: UnitOfWork, key: SessionKey) -> Session | None:
    """`find`, and lock the session until the transaction ends."""
    row = (await unit_of_work.execute(_by_key(key).with_for_update())).one_or_none()
    return None if row is None else session_from(row._mapping)


async def add(unit_of_work: UnitOfWork, session: Session, *, attend_at: datetime | None) -> bool:
    """Write a new session, whose first lifecycle step is due at `attend_at`. False if its key is taken."""
    new_row = _columns_of(session.terms) | {
        "app_id": session.key.app_id,
        "id": session.id,
        "kind": session.key.kind,
        "reference": session.key.reference,
        "version": session.version,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "attend_at": attend_at,
    }
    statement = (
        insert(sessions)
        .values(new_row)
        .on_conflict_do_nothing(index_elements=["app_id", "kind", "reference"])
        .returning(sessions.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def update_terms(unit_of_work: UnitOfWork, session: Session) -> None:
    """Write the app's changed terms, with version and time."""
    await unit_of_work.execute(
        update(sessions)
        .where(sessions.c.app_id == session.key.app_id, sessions.c.id == session.id)
        .values(_columns_of(session.terms) | {"version": session.version, "updated_at": session.updated_at})
    )


async def bind_provider(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    provider: ProviderName,
    *,
    former: ProviderName | None = None,
) -> Session | None:
    """Bind the session to a provider, and lock it until the transaction ends.

    None if it is bound to another provider than `former`.
    """
    statement = (
        update(sessions)
        .where(
            sessions.c.app_id == app_id,
            sessions.c.id == session_id,
            sessions.c.provider.is_(None) | sessions.c.provider.in_([provider, former or provider]),
        )
        .values(provider=provider)
        .returning(sessions)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else session_from(row._mapping)


async def participants_of(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> tuple[Participant, ...]:
    """The participants of a session, by user ID."""
    statement = (
        select(participants)
        .where(participants.c.app_id == app_id, participants.c.session_id == session_id)
        .order_by(participants.c.user_id)
    )
    return tuple(participant_from(row) for row in await unit_of_work.execute(statement))


async def first_participants(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int
) -> tuple[tuple[Participant, ...], int]:
    """The first `limit` participants by user ID, and how many there are in all."""
    statement = (
        select(participants)
        .where(participants.c.app_id == app_id, participants.c.session_id == session_id)
        .order_by(participants.c.user_id)
        .limit(limit + 1)
    )
    people = tuple(participant_from(row) for row in await unit_of_work.execute(statement))
    if len(people) <= limit:
        return people, len(people)
    return people[:limit], (await participant_counts(unit_of_work, app_id, [session_id]))[session_id]


async def participant_counts(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Sequence[SessionId]
) -> dict[SessionId, int]:
    """How many participants each of these sessions has, in one round trip."""
    statement = (
        select(participants.c.session_id, func.count())
        .where(participants.c.app_id == app_id, participants.c.session_id.in_(session_ids))
        .group_by(participants.c.session_id)
    )
    counts = dict.fromkeys(session_ids, 0)
    counts.update((SessionId(session_id), count) for session_id, count in await unit_of_work.execute(statement))
    return counts


async def participations_of(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Sequence[SessionId], user_id: str
) -> dict[SessionId, Participant]:
    """This person's entries in the rosters of these sessions, in one round trip."""
    statement = select(participants).where(
        participants.c.app_id == app_id,
        participants.c.user_id == user_id,
        participants.c.session_id.in_(session_ids),
    )
    return {SessionId(row.session_id): participant_from(row) for row in await unit_of_work.execute(statement)}


async def first_participants_by_role(
    unit_of_work: UnitOfWork, app_id: AppId, session_ids: Sequence[SessionId], roles: Sequence[str]
) -> dict[SessionId, dict[str, Participant]]:
    """The first participant by user ID with each of these roles, for each session, in one round trip."""
    wanted = values(column("role", Text), name="wanted").data([(role,) for role in roles])
    first = (
        select(participants)
        .where(
            participants.c.app_id == app_id,
            participants.c.session_id == sessions.c.id,
            participants.c.role == wanted.c.role,
        )
        .order_by(participants.c.user_id)
        .limit(1)
        .lateral("first")
    )
    statement = (
        select(first)
        .select_from(sessions)
        .join(wanted, true())
        .join(first, true())
        .where(sessions.c.app_id == app_id, sessions.c.id.in_(session_ids))
    )
    found: dict[SessionId, dict[str, Participant]] = {session_id: {} for session_id in session_ids}
    for row in await unit_of_work.execute(statement):
        found[SessionId(row.session_id)][row.role] = participant_from(row)
    return found


async def find_sole_participant(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, roles: Collection[str]
) -> Participant | None:
    """The participant with one of these roles; None if there are several."""
    statement = (
        select(participants)
        .where(participants.c.app_id == app_id, participants.c.session_id == session_id, participants.c.role.in_(roles))
        .limit(2)
    )
    found = (await unit_of_work.execute(statement)).all()
    return participant_from(found[0]) if len(found) == 1 else None


async def participant_roles(unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId) -> list[str]:
    """The distinct app roles of the session's participants."""
    statement = (
        select(participants.c.role)
        .where(participants.c.app_id == app_id, participants.c.session_id == session_id)
        .distinct()
    )
    return list((await unit_of_work.execute(statement)).scalars())


async def participants_page(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, limit: int, cursor: str | None
) -> Page[Participant]:
    """One page of the participants, by user ID, and the cursor of the next."""
    statement = (
        select(participants)
        .where(participants.c.app_id == app_id, participants.c.session_id == session_id)
        .order_by(participants.c.user_id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(participants.c.user_id > pagination.read(cursor, pagination.text)[0])
    people = [participant_from(row) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(people, limit, lambda participant: pagination.write([participant.user_id]))


async def find_participant(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str
) -> Participant | None:
    statement = select(participants).where(_participant_is(app_id, session_id, user_id))
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else participant_from(row)


async def upsert_participants(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, people: Iterable[Participant]
) -> None:
    """Insert participants, or replace those with the same user IDs."""
    rows = [
        {
            "app_id": app_id,
            "session_id": session_id,
            "user_id": person.user_id,
            "role": person.role,
            "display_name": person.display_name,
        }
        for person in people
    ]
    if not rows:
        return
    statement = insert(participants)
    await unit_of_work.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "session_id", "user_id"],
            set_={"role": statement.excluded.role, "display_name": statement.excluded.display_name},
        ),
        rows,
    )


async def delete_participants(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_ids: Sequence[str]
) -> None:
    if user_ids:
        await unit_of_work.execute(
            delete(participants).where(
                participants.c.app_id == app_id,
                participants.c.session_id == session_id,
                participants.c.user_id.in_(user_ids),
            )
        )


def _participant_is(app_id: AppId, session_id: SessionId, user_id: str) -> ColumnElement[bool]:
    return and_(
        participants.c.app_id == app_id,
        participants.c.session_id == session_id,
        participants.c.user_id == user_id,
    )


def _by_key(key: SessionKey) -> Select[Any]:
    return select(sessions).where(
        sessions.c.app_id == key.app_id, sessions.c.kind == key.kind, sessions.c.reference == key.reference
    )


def _columns_of(terms: SessionTerms) -> dict[str, Any]:
    return {
        "title": terms.title,
        "status": terms.status,
        "video": terms.video,
        "starts_at": terms.starts_at,
        "ends_at": terms.ends_at,
        "providers": list(terms.providers),
        "policy": dict(terms.policy),
        "metadata": dict(terms.metadata),
    }


class SessionRow(NamedTuple):
    """The columns of `sessions` that make a `Session`."""

    app_id: AppId
    id: SessionId
    kind: str
    reference: str
    title: str
    status: str
    video: bool
    starts_at: datetime | None
    ends_at: datetime | None
    providers: Sequence[str]
    policy: Mapping[str, Any]
    metadata: Mapping[str, Any]
    provider: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    no_shows_reported_for: datetime | None
    concluded_at: datetime | None
    ended_for_all_at: datetime | None


SESSION_ROWS = RowReader(SessionRow)
_KINDS = members_by_value(SessionKind)
_STATUSES = members_by_value(SessionStatus)


def session_from(columns: Columns) -> Session:
    """The session of a row."""
    row = SESSION_ROWS.read(columns)
    return Session(
        id=row.id,
        key=SessionKey(row.app_id, _KINDS[row.kind], row.reference),
        terms=SessionTerms(
            title=row.title,
            status=_STATUSES[row.status],
            video=row.video,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            providers=tuple([PROVIDERS[name] for name in row.providers]),
            policy=row.policy,
            metadata=row.metadata,
        ),
        provider=None if row.provider is None else PROVIDERS[row.provider],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        no_shows_reported_for=row.no_shows_reported_for,
        concluded_at=row.concluded_at,
        ended_for_all_at=row.ended_for_all_at,
    )


def participant_from(row: Row[Any]) -> Participant:
    """The participant of a row."""
    return Participant(user_id=row.user_id, role=row.role, display_name=row.display_name)
