"""Final attendance verdicts."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select

from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.attendance.verdicts import AttendanceResult, AttendanceVerdict, VerdictRule
from videobroker.domain.ids import AppId, SessionId
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import verdicts


async def replace(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    session_id: SessionId,
    results: Mapping[tuple[str, str], AttendanceResult],
) -> None:
    """Replace the verdicts of a session. The keys are user ID and app role."""
    await unit_of_work.execute(delete(verdicts).where(verdicts.c.app_id == app_id, verdicts.c.session_id == session_id))
    rows = [
        {
            "app_id": app_id,
            "session_id": session_id,
            "user_id": user_id,
            "role": role,
            "verdict": result.verdict,
            "rule": result.rule,
            "present_seconds": result.present_seconds,
            "late_by_seconds": result.late_by_seconds,
            "left_early_by_seconds": result.left_early_by_seconds,
            "first_joined_at": result.first_joined_at,
            "last_left_at": result.last_left_at,
            "source": result.source,
        }
        for (user_id, role), result in results.items()
    ]
    if rows:
        await unit_of_work.execute(insert(verdicts), rows)


async def of_session(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId
) -> dict[tuple[str, str], AttendanceResult]:
    """The final verdicts by user ID and app role, without their spans."""
    statement = (
        select(verdicts)
        .where(verdicts.c.app_id == app_id, verdicts.c.session_id == session_id)
        .order_by(verdicts.c.user_id)
    )
    return {(row.user_id, row.role): _result_from(row) for row in await unit_of_work.execute(statement)}


def _result_from(row: Row[Any]) -> AttendanceResult:
    return AttendanceResult(
        verdict=None if row.verdict is None else AttendanceVerdict(row.verdict),
        rule=VerdictRule(row.rule),
        present_seconds=row.present_seconds,
        late_by_seconds=row.late_by_seconds,
        left_early_by_seconds=row.left_early_by_seconds,
        first_joined_at=row.first_joined_at,
        last_left_at=row.last_left_at,
        source=None if row.source is None else EvidenceSource(row.source),
    )
