"""One-time sign-in links of operators, found by the digest of their token."""

from datetime import datetime

from sqlalchemy import delete, insert

from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import operator_sign_in_links


async def add(
    unit_of_work: UnitOfWork, token_digest: bytes, identity: OperatorIdentity, *, expires_at: datetime
) -> None:
    """Store a link."""
    await unit_of_work.execute(
        insert(operator_sign_in_links).values(
            token_digest=token_digest, operator=identity.name, role=identity.role.value, expires_at=expires_at
        )
    )


async def take(unit_of_work: UnitOfWork, token_digest: bytes, *, now: datetime) -> OperatorIdentity | None:
    """Delete the link, and return its operator; None if it is unknown or has expired."""
    links = operator_sign_in_links
    result = await unit_of_work.execute(delete(links).where(links.c.token_digest == token_digest).returning(*links.c))
    row = result.one_or_none()
    return None if row is None or row.expires_at <= now else OperatorIdentity(row.operator, OperatorRole(row.role))


async def delete_expired(unit_of_work: UnitOfWork, *, now: datetime) -> None:
    """Delete links that no one used. There are few: only the command line creates them."""
    await unit_of_work.execute(delete(operator_sign_in_links).where(operator_sign_in_links.c.expires_at <= now))
