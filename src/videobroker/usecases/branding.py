"""Manages the branding of apps: how the hosted page presents them."""

from dataclasses import replace
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.branding import Branding, Logo, identify_logo, normalize_branding
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import AppId
from videobroker.domain.set_up import compare_settings, create_set_up_event, list_settings
from videobroker.errors import AppNotFound, InvalidInput
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tenants import apps
from videobroker.usecases.preconditions import Precondition


async def change_branding(
    broker: Broker,
    app: App,
    branding: Branding,
    *,
    actor: Actor | None = None,
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    precondition: Precondition[App] | None = None,
    now: datetime,
) -> App:
    """Replace the app's branding, except for its logo. Changes are journaled; an equal branding changes nothing.

    `actor` is who the journal names; by default only the interface.

    Raises `InvalidInput`, `AppNotFound`, `PreconditionFailed`.
    """
    try:
        normalized = normalize_branding(branding)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    async with broker.store.transaction(app.id) as unit_of_work:
        before = await _lock(unit_of_work, app, precondition)
        after = replace(before, branding=replace(normalized, logo=before.branding.logo))
        await _save(unit_of_work, before, after, actor=actor, via=via, now=now)
    broker.tenant_cache.invalidate(app.id)
    return after


async def set_logo(
    broker: Broker,
    app: App,
    content: bytes | None,
    *,
    actor: Actor | None = None,
    via: ChangeInterface = ChangeInterface.COMMAND_LINE,
    precondition: Precondition[App] | None = None,
    now: datetime,
) -> App:
    """Set the app's logo, or remove it with None. Changes are journaled.

    Raises `InvalidInput`, `AppNotFound`, `PreconditionFailed`.
    """
    try:
        logo = None if content is None else identify_logo(content)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    async with broker.store.transaction(app.id) as unit_of_work:
        before = await _lock(unit_of_work, app, precondition)
        after = replace(before, branding=replace(before.branding, logo=logo))
        if logo is None or content is None:
            await apps.delete_logo(unit_of_work, app.id)
        else:
            await apps.save_logo(unit_of_work, app.id, logo, content)
        await _save(unit_of_work, before, after, actor=actor, via=via, now=now)
    broker.tenant_cache.invalidate(app.id)
    return after


async def find_logo(broker: Broker, app_id: AppId, digest: str) -> tuple[Logo, bytes] | None:
    """The app's current logo, if it has this digest."""
    async with broker.store.transaction(app_id) as unit_of_work:
        return await apps.find_logo(unit_of_work, app_id, digest)


async def find_branding(broker: Broker, app_id: AppId) -> Branding | None:
    """The app's branding; None if there is no such app."""
    async with broker.store.transaction(app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    return None if app is None else app.branding


async def _lock(unit_of_work: UnitOfWork, app: App, precondition: Precondition[App] | None) -> App:
    found = await apps.lock_app(unit_of_work, app.id)
    if found is None:
        raise AppNotFound(f"There is no app {app.name!r} any more.")
    if precondition is not None:
        precondition(found)
    return found


async def _save(
    unit_of_work: UnitOfWork, before: App, after: App, *, actor: Actor | None, via: ChangeInterface, now: datetime
) -> None:
    changes = compare_settings(list_settings(before), list_settings(after))
    if not changes:
        return
    await apps.change_branding(unit_of_work, after.id, after.branding)
    event = create_set_up_event(
        EventType.APP_SETTINGS_CHANGED, actor=actor or Actor(after.id), via=via, now=now, changes=changes
    )
    await record(unit_of_work, event)
