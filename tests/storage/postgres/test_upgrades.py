"""Databases of earlier versions, with data, are upgraded: sessions, credentials, and the journal stay as they were."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cli.program import new_database
from delivery.backend import Backend, deliver_due, start_backend
from polling import eventually
from servers import service_on
from tenants import Tenant, make_tenant
from videobroker import wiring
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings
from videobroker.storage.postgres import migrations
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal

pytestmark = pytest.mark.long

AGORA = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
AGORA_ROLES = {"tutor": "publisher", "student": "publisher"}


def revisions() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(migrations.migrations()))
    return ScriptDirectory.from_config(config)


def compatible_starts() -> list[str]:
    """The schemas whose programs may run during the upgrade to the next one (decision 47)."""
    return [
        str(script.down_revision)
        for script in revisions().walk_revisions()
        if getattr(script.module, "FORMER_CODE_MAY_RUN", False)
    ]


def oldest() -> str:
    (base,) = revisions().get_bases()
    return str(base)


async def downgrade(url: str, revision: str) -> None:
    """Bring a database to the schema of an earlier version, with the data that fits in it."""

    def work(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations.migrations()))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    store = Store(url, pool_size=2)
    try:
        async with store.engine.connect() as connection:
            await connection.run_sync(work)
            await connection.commit()
    finally:
        await store.aclose()


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def local_settings() -> Settings:
    return Settings(_env_file=None, secret_key=new_key(), webhooks_anywhere=True)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with start_backend() as backend:
        yield backend


async def make_data(settings: Settings, url: str, backend: Backend) -> Tenant:
    """An app with sessions, calls, links, and deliveries."""
    await wiring.migrate(url)
    async with service_on(settings, url) as (broker, client):
        tenant = await make_tenant(broker, client, {ProviderName.AGORA: AGORA}, {ProviderName.AGORA: AGORA_ROLES})
        await tenant.post("/v1/webhook-endpoints", {"url": backend.url, "types": ["credentials.issued"]})
        await tenant.book()
        await tenant.create_group()
        assert (await tenant.post("/v1/bookings/lesson-1/links", {"user_id": "student-1"})).status_code == 201
        assert (await tenant.join()).status_code == 200
        assert (await tenant.post("/v1/groups/circle/join", {"user_id": "student-1"})).status_code == 200
        await seal_journal(broker, tenant.app.id, now=broker.now())
        await tenant.book("lesson-2")
    return tenant


async def sessions_and_events(tenant: Tenant) -> dict[str, Any]:
    """What clients see of what the oldest version stored, too."""
    found: dict[str, Any] = {}
    for path in ("/v1/bookings/lesson-1", "/v1/bookings/lesson-2", "/v1/groups/circle"):
        response = await tenant.get(path)
        assert response.status_code == 200, response.text
        found[path] = response.json()
    found["events"] = [(event["id"], event["type"], event["data"]) for event in await tenant.events()]
    return found


async def endpoints(tenant: Tenant) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await tenant.get("/v1/webhook-endpoints")).json()["data"]
    return listed


async def credentials(tenant: Tenant) -> set[tuple[str, ...]]:
    """What both participants get who join again."""
    joined = [await tenant.join(user_id=user_id) for user_id in ("tutor-1", "student-1")]
    assert [each.status_code for each in joined] == [200, 200]
    return {(each.json()["channel"], str(each.json()["uid"]), each.json()["call"]["id"]) for each in joined}


@pytest.mark.parametrize(
    "revision",
    [
        pytest.param(revision, marks=pytest.mark.representative if revision == oldest() else ())
        for revision in sorted({oldest(), *compatible_starts()})
    ],
)
async def test_data_of_an_earlier_version_is_upgraded(
    empty: str, local_settings: Settings, backend: Backend, revision: str
) -> None:
    tenant = await make_data(local_settings, empty, backend)
    async with service_on(local_settings, empty) as (broker, client):
        tenant = replace(tenant, broker=broker, api=client)
        expected_credentials = await credentials(tenant)
        before, endpoints_before = await sessions_and_events(tenant), await endpoints(tenant)
    await downgrade(empty, revision)
    await wiring.migrate(empty)
    async with service_on(local_settings, empty) as (broker, client):
        tenant = replace(tenant, broker=broker, api=client)
        assert await sessions_and_events(tenant) == before
        assert await credentials(tenant) == expected_credentials
        await seal_journal(broker, tenant.app.id, now=broker.now())
        assert (await verify_journal(broker, tenant.app)).is_whole
        if revision != oldest():
            assert await endpoints(tenant) == endpoints_before
            await deliver_due(tenant)
            assert backend.ids


NEWER_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {newest!r}
FORMER_CODE_MAY_RUN = True


def upgrade() -> None:
    op.add_column("sessions", sa.Column("added_later", sa.Text()))
    op.create_table("added_later", sa.Column("id", sa.BigInteger(), primary_key=True))
    with op.get_context().autocommit_block():
        op.create_index("sessions_added_later", "sessions", ["added_later"], postgresql_concurrently=True)
"""


@pytest.mark.representative
async def test_joins_succeed_while_a_newer_version_migrates(
    empty: str, local_settings: Settings, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This version is the former one, which runs on during and after the migration (decision 47)."""
    tenant = await make_data(local_settings, empty, backend)
    newer = tmp_path / "newer"
    shutil.copytree(migrations.migrations(), newer, ignore=shutil.ignore_patterns("__pycache__"))
    migration = NEWER_MIGRATION.format(newest=migrations.newest_revision())
    (newer / "versions" / "9999_newer.py").write_text(migration)
    async with service_on(local_settings, empty) as (broker, client):
        tenant = replace(tenant, broker=broker, api=client)
        statuses: list[int] = []
        stopped = asyncio.Event()

        async def join_repeatedly(user_id: str) -> None:
            while not stopped.is_set():
                statuses.append((await tenant.join(user_id=user_id)).status_code)

        joining = [asyncio.create_task(join_repeatedly(user_id)) for user_id in ("tutor-1", "student-1")]
        await eventually(lambda: len(statuses) > 10)
        with monkeypatch.context() as patched:
            patched.setattr(migrations, "migrations", lambda: newer)
            await wiring.migrate(empty)
        at_newer = len(statuses)
        await eventually(lambda: len(statuses) > at_newer + 10)
        stopped.set()
        await asyncio.gather(*joining)
        assert set(statuses) == {200}
        assert await migrations.current_revision(broker.store) == "9999"
        await tenant.book("lesson-3")
        assert (await tenant.join("lesson-3")).status_code == 200
    # The former version can also be started again.
    async with service_on(local_settings, empty) as (broker, client):
        assert (await replace(tenant, broker=broker, api=client).join("lesson-3")).status_code == 200
