"""Webhook endpoints. Their secrets are encrypted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, EndpointId
from videobroker.domain.webhooks import Disabled, Endpoint, SigningSecret
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import webhook_endpoints as endpoints


async def add(unit: UnitOfWork, endpoint: Endpoint, *, cursor: str | None) -> None:
    """Write a new endpoint, which gets what comes behind this place in the journal."""
    await unit.execute(
        insert(endpoints).values(
            app_id=endpoint.app_id,
            id=endpoint.id,
            created_at=endpoint.created_at,
            cursor=cursor,
            **_columns_of(endpoint, unit.secret_box),
        )
    )


async def save(unit: UnitOfWork, endpoint: Endpoint) -> None:
    """Write what an endpoint is now."""
    await unit.execute(_this(endpoint.app_id, endpoint.id).values(_columns_of(endpoint, unit.secret_box)))


async def find(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, locked: bool = False) -> Endpoint | None:
    """The endpoint with this id; `locked`, nobody else changes it until this transaction ends."""
    statement = select(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
    if locked:
        statement = statement.with_for_update()
    row = (await unit.execute(statement)).one_or_none()
    return None if row is None else _endpoint_from(row, unit.secret_box)


async def of_app(unit: UnitOfWork, app_id: AppId) -> list[Endpoint]:
    """All endpoints of an app, oldest first."""
    statement = select(endpoints).where(endpoints.c.app_id == app_id).order_by(endpoints.c.id)
    return [_endpoint_from(row, unit.secret_box) for row in await unit.execute(statement)]


async def lock_enabled(unit: UnitOfWork, app_id: AppId) -> list[tuple[Endpoint, str | None]]:
    """The app's enabled endpoints that nobody else is making deliveries for, and how far they have got."""
    statement = (
        select(endpoints)
        .where(endpoints.c.app_id == app_id, endpoints.c.disabled.is_(None))
        .order_by(endpoints.c.id)
        # The weaker lock: it passes over those that are changed, not those to which something is just delivered.
        .with_for_update(key_share=True, skip_locked=True)
    )
    return [(_endpoint_from(row, unit.secret_box), row.cursor) for row in await unit.execute(statement)]


def _columns_of(endpoint: Endpoint, secret_box: SecretBox) -> dict[str, Any]:
    secrets = [
        {"value": secret.value, "until": None if secret.until is None else secret.until.isoformat()}
        for secret in endpoint.secrets
    ]
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "types": sorted(endpoint.types),
        "ordered": endpoint.ordered,
        "disabled": endpoint.disabled,
        "sealed_secrets": secret_box.encrypt({"secrets": secrets}),
        "sealed_with": secret_box.key_id,
        "failing_since": endpoint.failing_since,
    }


def _endpoint_from(row: Row[Any], secret_box: SecretBox) -> Endpoint:
    return Endpoint(
        id=row.id,
        app_id=row.app_id,
        url=row.url,
        description=row.description,
        types=frozenset(EventType(name) for name in row.types),
        ordered=row.ordered,
        disabled=None if row.disabled is None else Disabled(row.disabled),
        created_at=row.created_at,
        secrets=tuple(
            SigningSecret(each["value"], None if each["until"] is None else datetime.fromisoformat(each["until"]))
            for each in secret_box.decrypt(row.sealed_secrets)["secrets"]
        ),
        failing_since=row.failing_since,
    )


async def lock_endpoints_of_app(unit: UnitOfWork, app_id: AppId) -> None:
    """Whoever else comes here for this app waits until this transaction ends: endpoints are counted, then added."""
    await unit.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"endpoints of {app_id}", 0))))


async def lock_shared(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> bool:
    """Keep an endpoint from being removed until this transaction ends; False when there is none."""
    statement = (
        select(endpoints.c.id)
        .where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
        .with_for_update(key_share=True, read=True)
    )
    return (await unit.execute(statement)).one_or_none() is not None


async def delete_endpoint(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> str | None:
    """Delete an endpoint and everything on its way to it. Its URL; None when there is none."""
    statement = (
        delete(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id).returning(endpoints.c.url)
    )
    url: str | None = (await unit.execute(statement)).scalar_one_or_none()
    return url


async def set_cursor(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, cursor: str) -> None:
    """Write how far in the journal deliveries have been made."""
    await unit.execute(_this(app_id, endpoint_id).values(cursor=cursor))


async def mark_working(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> None:
    """Write that it has taken something."""
    await unit.execute(
        _this(app_id, endpoint_id).where(endpoints.c.failing_since.is_not(None)).values(failing_since=None)
    )


async def mark_failing(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, now: datetime) -> datetime:
    """Write that it has not; since when that has been so."""
    statement = (
        _this(app_id, endpoint_id)
        .values(failing_since=func.coalesce(endpoints.c.failing_since, now))
        .returning(endpoints.c.failing_since)
    )
    since: datetime = (await unit.execute(statement)).scalar_one()
    return since


async def disable(unit: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, reason: Disabled) -> bool:
    """Deliver nothing more to it; False when that is so already."""
    statement = (
        _this(app_id, endpoint_id)
        .where(endpoints.c.disabled.is_(None))
        .values(disabled=reason)
        .returning(endpoints.c.id)
    )
    return (await unit.execute(statement)).one_or_none() is not None


async def apps_with_endpoints(unit: UnitOfWork) -> Sequence[AppId]:
    """The apps that have an endpoint which is not disabled."""
    statement = select(endpoints.c.app_id).where(endpoints.c.disabled.is_(None)).distinct()
    return (await unit.execute(statement)).scalars().all()


def _this(app_id: AppId, endpoint_id: EndpointId) -> Any:
    return update(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
