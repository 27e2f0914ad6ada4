"""Keys and apps are cached for less than a second, and dropped as soon as a change is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from polling import eventually
from tenants import HMS_ROLES, MovableClock, Tenant, context_of
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.api_keys import compute_key_digest
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId
from videobroker.errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyRevoked
from videobroker.settings import Settings
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.tenants.cache import REFRESH_AFTER_SECONDS, TTL_SECONDS, TenantCache, TtlCache
from videobroker.usecases import management, tenants

APP, OTHER = AppId(UUID(int=1)), AppId(UUID(int=2))
Value = tuple[AppId, str]


class Source:
    """What the cache queries; it counts queries, and can delay them."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {"it": (APP, "old"), "other": (OTHER, "old")}
        self.queries = 0
        self.open = asyncio.Event()
        self.open.set()
        self.seconds = 0.0
        self.cache = TtlCache[str, Value](self.query, lambda value: value[0], lambda: self.seconds)

    async def query(self, name: str) -> Value | None:
        """The value at the time of the query, returned once `open` is set."""
        self.queries += 1
        found = self.values.get(name)
        await self.open.wait()
        return found


async def test_a_cached_value_is_not_queried_again() -> None:
    source = Source()
    assert [await source.cache.find("it") for _ in range(5)] == [(APP, "old")] * 5
    assert source.queries == 1


async def test_a_value_is_cached_for_less_than_a_second() -> None:
    source = Source()
    await source.cache.find("it")
    source.values["it"] = (APP, "new")
    source.seconds += TTL_SECONDS
    assert TTL_SECONDS < 1
    assert await source.cache.find("it") == (APP, "new")


async def test_the_ttl_counts_from_before_the_query() -> None:
    source = Source()
    source.open.clear()
    waiting = asyncio.create_task(source.cache.find("it"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.values["it"] = (APP, "new")
    source.seconds += TTL_SECONDS
    source.open.set()
    assert await waiting == (APP, "old")
    assert await source.cache.find("it") == (APP, "new")


async def test_an_old_value_is_returned_while_it_is_refreshed() -> None:
    source = Source()
    await source.cache.find("it")
    source.values["it"] = (APP, "new")
    source.seconds += REFRESH_AFTER_SECONDS + 0.01
    assert await source.cache.find("it") == (APP, "old")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await source.cache.find("it") == (APP, "new")
    assert source.queries == 2


async def test_concurrent_lookups_share_one_query() -> None:
    source = Source()
    assert await asyncio.gather(*(source.cache.find("it") for _ in range(50))) == [(APP, "old")] * 50
    assert source.queries == 1


async def test_a_missing_value_is_not_cached() -> None:
    source = Source()
    assert await source.cache.find("none") is None
    source.values["none"] = (APP, "made")
    assert await source.cache.find("none") == (APP, "made")


async def test_invalidating_an_app_drops_its_values_and_no_others() -> None:
    source = Source()
    await source.cache.find("it")
    await source.cache.find("other")
    source.values = {"it": (APP, "new"), "other": (OTHER, "new")}
    source.cache.invalidate(APP)
    assert await source.cache.find("it") == (APP, "new")
    assert await source.cache.find("other") == (OTHER, "old")


async def test_the_result_of_a_query_from_before_a_change_is_not_cached() -> None:
    source = Source()
    source.open.clear()
    early = asyncio.create_task(source.cache.find("it"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.values["it"] = (APP, "new")
    source.cache.invalidate(APP)
    late = asyncio.create_task(source.cache.find("it"))
    await asyncio.sleep(0)
    source.open.set()
    assert await early == (APP, "old")
    assert await late == (APP, "new")
    assert await source.cache.find("it") == (APP, "new")


async def test_a_cancelled_lookup_does_not_cancel_the_query_of_others() -> None:
    source = Source()
    source.open.clear()
    cancelled_lookup, other_lookup = (asyncio.create_task(source.cache.find("it")) for _ in range(2))
    await asyncio.sleep(0)
    cancelled_lookup.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await other_lookup == (APP, "old")
    assert source.queries == 1


async def test_an_error_is_not_cached() -> None:
    source = Source()
    broken = True

    async def query(name: str) -> Value | None:
        if broken:
            raise ConnectionError
        return source.values[name]

    cache = TtlCache[str, Value](query, lambda value: value[0])
    with pytest.raises(ConnectionError):
        await cache.find("it")
    broken = False
    assert await cache.find("it") == (APP, "old")


@asynccontextmanager
async def replica(settings: Settings, database: str, clock: MovableClock) -> AsyncIterator[Broker]:
    """A second broker on the same database."""
    async with wiring.broker(settings, database, clock=clock) as broker:
        yield broker


async def revoked(tenant: Tenant, key: str, clock: MovableClock) -> None:
    """Revoke the key at the tenant's own broker."""
    found = await tenant.broker.tenant_cache.by_key(compute_key_digest(key))
    assert found is not None
    await management.revoke_key(context_of(tenant.broker, tenant.app, now=clock()), found[0].id)


class TestReplicas:
    async def test_a_key_that_one_replica_revokes_is_refused_there_at_once(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        await revoked(tutoring, tutoring.key, clock)
        with pytest.raises(ApiKeyRevoked):
            await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())

    async def test_another_replica_is_notified_of_it(
        self, tutoring: Tenant, settings: Settings, database: str, clock: MovableClock
    ) -> None:
        seconds = 1000.0  # does not move: no entry expires
        async with replica(settings, database, clock) as other:
            cache = TenantCache(other.store, other.listener, clock=lambda: seconds)
            digest = compute_key_digest(tutoring.key)
            await eventually(lambda: other.listener.is_listening)
            await cache.by_key(digest)
            await revoked(tutoring, tutoring.key, clock)

            async def is_revoked() -> bool:
                found = await cache.by_key(digest)
                assert found is not None
                return found[0].revoked_at is not None

            await eventually(is_revoked)
            await cache.aclose()

    async def test_a_replica_that_is_not_notified_refuses_it_within_a_second(
        self, tutoring: Tenant, settings: Settings, database: str, clock: MovableClock
    ) -> None:
        seconds = 1000.0
        async with replica(settings, database, clock) as other:
            # A listener that was not started receives nothing, like one whose connection hangs.
            cache = TenantCache(other.store, Listener(other.store.url), clock=lambda: seconds)
            digest = compute_key_digest(tutoring.key)
            before = await cache.by_key(digest)
            assert before is not None
            await revoked(tutoring, tutoring.key, clock)
            assert await cache.by_key(digest) == before
            seconds += 0.95
            after = await cache.by_key(digest)
            assert after is not None
            assert after[0].revoked_at is not None
            await cache.aclose()

    async def test_losing_the_connection_of_the_listener_drops_all_entries(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        listener = Listener(tutoring.broker.store.url)
        cache = TenantCache(tutoring.broker.store, listener, clock=lambda: 1000.0)
        digest = compute_key_digest(tutoring.key)
        listener.start()
        await eventually(lambda: listener.is_listening)
        first = await cache.by_key(digest)
        assert (await cache.by_key(digest)) is first
        await listener.aclose()
        assert (await cache.by_key(digest)) is not first
        await cache.aclose()

    async def test_a_changed_policy_applies_at_once(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        await management.change_app(
            context_of(tutoring.broker, tutoring.app, now=clock()),
            policy={"guests_allowed": True},
            role_maps={ProviderName.HMS: HMS_ROLES},
        )
        _, app = await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        assert app.policy == {"guests_allowed": True}

    async def test_a_cached_key_still_expires(self, tutoring: Tenant, clock: MovableClock) -> None:
        key = await tutoring.create_key(expires_at=clock() + timedelta(minutes=1))
        await tenants.authenticate(tutoring.broker, key, now=clock())
        clock.move(minutes=2)
        with pytest.raises(ApiKeyExpired):
            await tenants.authenticate(tutoring.broker, key, now=clock())

    async def test_a_key_that_resembles_a_cached_one_is_invalid(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tenants.authenticate(tutoring.broker, tutoring.key, now=clock())
        with pytest.raises(ApiKeyInvalid):
            await tenants.authenticate(tutoring.broker, tutoring.key[:-1] + "#", now=clock())
