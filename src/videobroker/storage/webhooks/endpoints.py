"""Webhook endpoints. Their secrets are encrypted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Update, delete, func, insert, select, update

from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId, EndpointId
from videobroker.domain.webhooks import WORKING, DisabledReason, Endpoint, EndpointHealth, SigningSecret
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import webhook_endpoints as endpoints


async def add(unit_of_work: UnitOfWork, endpoint: Endpoint, *, cursor: str | None) -> None:
    """Write a new endpoint, which receives the events after `cursor` in the journal."""
    await unit_of_work.execute(
        insert(endpoints).values(
            app_id=endpoint.app_id,
            id=endpoint.id,
            created_at=endpoint.created_at,
            cursor=cursor,
            **_columns_of(endpoint, unit_of_work.secret_box),
        )
    )


async def save(unit_of_work: UnitOfWork, endpoint: Endpoint) -> None:
    await unit_of_work.execute(
        _this(endpoint.app_id, endpoint.id).values(_columns_of(endpoint, unit_of_work.secret_box))
    )


async def find(
    unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, locked: bool = False
) -> Endpoint | None:
    """With `locked`, the endpoint is locked until the transaction ends."""
    statement = select(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
    if locked:
        statement = statement.with_for_update()
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _endpoint_from(row, unit_of_work.secret_box)


async def of_app(unit_of_work: UnitOfWork, app_id: AppId) -> list[Endpoint]:
    """All endpoints of an app, oldest first."""
    statement = select(endpoints).where(endpoints.c.app_id == app_id).order_by(endpoints.c.id)
    return [_endpoint_from(row, unit_of_work.secret_box) for row in await unit_of_work.execute(statement)]


async def lock_enabled(unit_of_work: UnitOfWork, app_id: AppId) -> list[tuple[Endpoint, str | None]]:
    """The app's enabled endpoints with their cursors, locked until the transaction ends.

    Skips those that another transaction has locked.
    """
    statement = (
        select(endpoints)
        .where(endpoints.c.app_id == app_id, endpoints.c.disabled.is_(None))
        .order_by(endpoints.c.id)
        # The weaker lock: it skips endpoints that are being changed, not those with a delivery under way.
        .with_for_update(key_share=True, skip_locked=True)
    )
    return [(_endpoint_from(row, unit_of_work.secret_box), row.cursor) for row in await unit_of_work.execute(statement)]


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
        **_columns_of_health(endpoint.health),
    }


def _columns_of_health(health: EndpointHealth) -> dict[str, Any]:
    return {"failing_since": health.failing_since, "failures": health.failures, "probe_at": health.probe_at}


def _endpoint_from(row: Row[Any], secret_box: SecretBox) -> Endpoint:
    return Endpoint(
        id=row.id,
        app_id=row.app_id,
        url=row.url,
        description=row.description,
        types=frozenset(EventType(name) for name in row.types),
        ordered=row.ordered,
        disabled=None if row.disabled is None else DisabledReason(row.disabled),
        created_at=row.created_at,
        secrets=tuple(
            SigningSecret(each["value"], None if each["until"] is None else datetime.fromisoformat(each["until"]))
            for each in secret_box.decrypt(row.sealed_secrets)["secrets"]
        ),
        health=EndpointHealth(row.failing_since, row.failures, row.probe_at),
    )


async def lock_endpoints_of_app(unit_of_work: UnitOfWork, app_id: AppId) -> None:
    """Until the transaction ends, other callers for this app wait. Keeps counting and adding endpoints atomic."""
    await unit_of_work.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"endpoints of {app_id}", 0))))


async def lock_shared(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> bool:
    """Prevent an endpoint from being deleted until the transaction ends. False if there is none."""
    statement = (
        select(endpoints.c.id)
        .where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
        .with_for_update(key_share=True, read=True)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def delete_endpoint(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> str | None:
    """Delete an endpoint and its deliveries; returns its URL, or None if there is none."""
    statement = (
        delete(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id).returning(endpoints.c.url)
    )
    url: str | None = (await unit_of_work.execute(statement)).scalar_one_or_none()
    return url


async def set_cursor(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, cursor: str) -> None:
    """Write up to which event in the journal deliveries have been created."""
    await unit_of_work.execute(_this(app_id, endpoint_id).values(cursor=cursor))


async def lock_health(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId) -> EndpointHealth | None:
    """The health of an endpoint, locked until the transaction ends; None if there is no such endpoint.

    Lock it before its deliveries: another order would lead to deadlocks.
    """
    statement = (
        select(endpoints.c.failing_since, endpoints.c.failures, endpoints.c.probe_at)
        .where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
        .with_for_update(key_share=True)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else EndpointHealth(row.failing_since, row.failures, row.probe_at)


async def set_health(
    unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, health: EndpointHealth = WORKING
) -> None:
    await unit_of_work.execute(_this(app_id, endpoint_id).values(_columns_of_health(health)))


async def probe_at_once(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, now: datetime) -> None:
    """Let the next attempt at a paused endpoint begin now."""
    await unit_of_work.execute(_this(app_id, endpoint_id).where(endpoints.c.probe_at > now).values(probe_at=now))


async def disable(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, reason: DisabledReason) -> bool:
    """Disable an endpoint. False if it is disabled already."""
    statement = (
        _this(app_id, endpoint_id)
        .where(endpoints.c.disabled.is_(None))
        .values(disabled=reason)
        .returning(endpoints.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def apps_with_endpoints(unit_of_work: UnitOfWork) -> Sequence[AppId]:
    """The apps with an enabled endpoint."""
    statement = select(endpoints.c.app_id).where(endpoints.c.disabled.is_(None)).distinct()
    return (await unit_of_work.execute(statement)).scalars().all()


async def subscribed_apps(unit_of_work: UnitOfWork, event_type: EventType) -> Sequence[AppId]:
    """The apps with an enabled endpoint that lists this type."""
    statement = (
        select(endpoints.c.app_id)
        .where(endpoints.c.disabled.is_(None), endpoints.c.types.contains([event_type.value]))
        .distinct()
    )
    return (await unit_of_work.execute(statement)).scalars().all()


def _this(app_id: AppId, endpoint_id: EndpointId) -> Update:
    return update(endpoints).where(endpoints.c.app_id == app_id, endpoints.c.id == endpoint_id)
