"""Keys and apps are remembered for less than a second, and not a moment longer than it takes to hear of a change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from house import HMS_ROLES, MovableClock, Tenant
from polling import eventually
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.api_keys import compute_key_digest
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId
from videobroker.errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyRevoked
from videobroker.settings import Settings
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.tenants.cache import REFRESH_AFTER_SECONDS, TTL_SECONDS, TenantCache, TtlCache
from videobroker.usecases import tenants

APP, OTHER = AppId(UUID(int=1)), AppId(UUID(int=2))
Thing = tuple[AppId, str]


class Archive:
    """Where things stand; it counts who asks, and may keep them waiting."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {"it": (APP, "old"), "other": (OTHER, "old")}
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.seconds = 0.0
        self.memory = TtlCache[str, Thing](self.ask, lambda thing: thing[0], lambda: self.seconds)

    async def ask(self, name: str) -> Thing | None:
        """What stands there now, told when the archive is open."""
        self.asked += 1
        found = self.things.get(name)
        await self.open.wait()
        return found


async def test_what_was_asked_a_moment_ago_is_not_asked_again() -> None:
    archive = Archive()
    assert [await archive.memory.find("it") for _ in range(5)] == [(APP, "old")] * 5
    assert archive.asked == 1


async def test_nothing_is_believed_for_a_second() -> None:
    archive = Archive()
    await archive.memory.find("it")
    archive.things["it"] = (APP, "new")
    archive.seconds += TTL_SECONDS
    assert TTL_SECONDS < 1
    assert await archive.memory.find("it") == (APP, "new")


async def test_the_age_counts_from_before_it_was_asked() -> None:
    archive = Archive()
    archive.open.clear()
    waiting = asyncio.create_task(archive.memory.find("it"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    archive.things["it"] = (APP, "new")
    archive.seconds += TTL_SECONDS
    archive.open.set()
    assert await waiting == (APP, "old")
    assert await archive.memory.find("it") == (APP, "new")


async def test_what_grows_old_is_renewed_while_it_still_serves() -> None:
    archive = Archive()
    await archive.memory.find("it")
    archive.things["it"] = (APP, "new")
    archive.seconds += REFRESH_AFTER_SECONDS + 0.01
    assert await archive.memory.find("it") == (APP, "old")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await archive.memory.find("it") == (APP, "new")
    assert archive.asked == 2


async def test_a_crowd_asks_once() -> None:
    archive = Archive()
    assert await asyncio.gather(*(archive.memory.find("it") for _ in range(50))) == [(APP, "old")] * 50
    assert archive.asked == 1


async def test_what_does_not_exist_is_asked_for_every_time() -> None:
    archive = Archive()
    assert await archive.memory.find("none") is None
    archive.things["none"] = (APP, "made")
    assert await archive.memory.find("none") == (APP, "made")


async def test_a_change_of_one_app_forgets_what_belongs_to_it_and_nothing_else() -> None:
    archive = Archive()
    await archive.memory.find("it")
    await archive.memory.find("other")
    archive.things = {"it": (APP, "new"), "other": (OTHER, "new")}
    archive.memory.invalidate(APP)
    assert await archive.memory.find("it") == (APP, "new")
    assert await archive.memory.find("other") == (OTHER, "old")


async def test_an_answer_that_was_under_way_when_something_changed_is_not_remembered() -> None:
    archive = Archive()
    archive.open.clear()
    early = asyncio.create_task(archive.memory.find("it"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    archive.things["it"] = (APP, "new")
    archive.memory.invalidate(APP)
    late = asyncio.create_task(archive.memory.find("it"))
    await asyncio.sleep(0)
    archive.open.set()
    assert await early == (APP, "old")
    assert await late == (APP, "new")
    assert await archive.memory.find("it") == (APP, "new")


async def test_who_gives_up_waiting_leaves_the_others_their_answer() -> None:
    archive = Archive()
    archive.open.clear()
    leaving, staying = (asyncio.create_task(archive.memory.find("it")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    archive.open.set()
    assert await staying == (APP, "old")
    assert archive.asked == 1


async def test_an_error_is_not_remembered() -> None:
    archive = Archive()
    broken = True

    async def ask(name: str) -> Thing | None:
        if broken:
            raise ConnectionError
        return archive.things[name]

    memory = TtlCache[str, Thing](ask, lambda thing: thing[0])
    with pytest.raises(ConnectionError):
        await memory.find("it")
    broken = False
    assert await memory.find("it") == (APP, "old")


@asynccontextmanager
async def replica(settings: Settings, database: str, clock: MovableClock) -> AsyncIterator[Broker]:
    """One more process, as far as the database can tell."""
    async with wiring.broker(settings, database, clock=clock) as broker:
        yield broker


async def revoked(tenant: Tenant, key: str, clock: MovableClock) -> None:
    """Revoke the key at the tenant's own broker."""
    found = await tenant.broker.tenant_cache.by_key(compute_key_digest(key))
    assert found is not None
    await tenants.revoke_key(tenant.broker, tenant.app, found[0].id, now=clock())


class TestReplicas:
    async def test_a_key_that_one_replica_revokes_is_refused_there_at_once(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        await revoked(tutoring, tutoring.key, clock)
        with pytest.raises(ApiKeyRevoked):
            await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())

    async def test_the_other_replica_hears_of_it(
        self, tutoring: Tenant, settings: Settings, database: str, clock: MovableClock
    ) -> None:
        seconds = 1000.0  # no time passes: nothing grows old by itself
        async with replica(settings, database, clock) as other:
            known = TenantCache(other.store, other.listener, clock=lambda: seconds)
            digest = compute_key_digest(tutoring.key)
            await eventually(lambda: other.listener.is_listening)
            await known.by_key(digest)
            await revoked(tutoring, tutoring.key, clock)

            async def is_revoked() -> bool:
                found = await known.by_key(digest)
                assert found is not None
                return found[0].revoked_at is not None

            await eventually(is_revoked)
            await known.aclose()

    async def test_a_replica_that_hears_nothing_refuses_it_before_a_second_has_passed(
        self, tutoring: Tenant, settings: Settings, database: str, clock: MovableClock
    ) -> None:
        seconds = 1000.0
        async with replica(settings, database, clock) as other:
            # A listener that was never started hears nothing, as one whose connection hangs.
            known = TenantCache(other.store, Listener(other.store.url), clock=lambda: seconds)
            digest = compute_key_digest(tutoring.key)
            before = await known.by_key(digest)
            assert before is not None
            await revoked(tutoring, tutoring.key, clock)
            assert await known.by_key(digest) == before
            seconds += 0.95
            after = await known.by_key(digest)
            assert after is not None
            assert after[0].revoked_at is not None
            await known.aclose()

    async def test_after_a_lost_connection_nothing_is_believed(self, tutoring: Tenant, clock: MovableClock) -> None:
        listener = Listener(tutoring.broker.store.url)
        known = TenantCache(tutoring.broker.store, listener, clock=lambda: 1000.0)
        digest = compute_key_digest(tutoring.key)
        listener.start()
        await eventually(lambda: listener.is_listening)
        first = await known.by_key(digest)
        assert (await known.by_key(digest)) is first
        await listener.aclose()
        assert (await known.by_key(digest)) is not first
        await known.aclose()

    async def test_another_account_and_another_policy_are_in_force_at_once(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        await tenants.change_app(
            tutoring.broker,
            tutoring.app,
            policy={"guests_allowed": True},
            role_maps={ProviderName.HMS: HMS_ROLES},
            now=clock(),
        )
        _, app = await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        assert app.policy == {"guests_allowed": True}

    async def test_a_remembered_key_still_expires(self, tutoring: Tenant, clock: MovableClock) -> None:
        key = await tutoring.another_key(expires_at=clock() + timedelta(minutes=1))
        await tenants.authenticate(tutoring.broker, key, now=clock())
        clock.move(minutes=2)
        with pytest.raises(ApiKeyExpired):
            await tenants.authenticate(tutoring.broker, key, now=clock())

    async def test_a_key_that_is_nearly_a_known_one_is_not_known(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        with pytest.raises(ApiKeyInvalid):
            await tenants.authenticate(tutoring.broker, tutoring.key[:-1] + "#", now=clock())
