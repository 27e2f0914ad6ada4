"""Rotation of secret keys: while the service runs, and without the loss of stored data."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select, text, update

from cli.program import new_database
from servers import service_on
from tenants import HMS_ROLES, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import DecryptionFailed
from videobroker.settings import Settings
from videobroker.storage.calls import room_codes
from videobroker.storage.postgres.encryption import SecretBox, new_key
from videobroker.storage.tables import rooms, rooms_in_scope
from videobroker.storage.tenants import apps
from videobroker.usecases import management, tenants
from videobroker.usecases.operations.secret_keys import encrypt_plain_room_codes, key_report, rotate

OLD, NEW, OTHER = new_key(), new_key(), new_key()
USER_TOKEN_SECRET = "invented-secret-of-user-tokens-0123456789"


@pytest.fixture
def own_database(postgres: str, template_database: str) -> Iterator[str]:
    """The URL of a separate database: a rotation covers all rows of all apps."""
    with new_database(postgres, like=template_database) as url:
        yield url


@asynccontextmanager
async def deployment(url: str, *keys: str) -> AsyncIterator[tuple[Broker, httpx.AsyncClient]]:
    """The service with these secret keys."""
    async with service_on(Settings(_env_file=None, secret_key=",".join(keys)), url) as service:
        yield service


async def create_encrypted_data(broker: Broker, client: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app with a row in every table with encrypted columns."""
    account = {**sandbox.account("tutoring", prebuilt=True), "room_code_prefix": "acme"}
    tenant = await make_tenant(broker, client, {ProviderName.HMS: account}, {ProviderName.HMS: HMS_ROLES})
    await management.set_token_rules(context_of(broker, tenant.app), TokenRules(secret=USER_TOKEN_SECRET))
    assert (await tenant.post("/v1/webhook-endpoints", {"url": "https://backend.example/"})).status_code == 201
    await tenant.book()
    joined = await tenant.post(
        "/v1/bookings/lesson-1/join",
        {"user_id": "tutor-1", "surface": "prebuilt"},
        headers={"Idempotency-Key": "once"},
    )
    assert joined.status_code == 200, joined.text
    return tenant


def in_deployment(tenant: Tenant, deployed: tuple[Broker, httpx.AsyncClient]) -> Tenant:
    """The app in another deployment on the same database."""
    broker, client = deployed
    return replace(tenant, broker=broker, api=client)


async def assert_works(tenant: Tenant) -> None:
    """Check that all encrypted values are readable."""
    app = await tenants.find_app(tenant.broker, tenant.app.name)
    assert app.accounts[ProviderName.HMS].settings["room_code_prefix"] == "acme"
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        ((_, rules),) = await apps.rules_for_issuer(unit_of_work, None)
    assert rules.secret == USER_TOKEN_SECRET
    assert (await tenant.get("/v1/webhook-endpoints")).status_code == 200
    joined = await tenant.join(user_id="student-1", surface="prebuilt")
    assert joined.status_code == 200, joined.text
    code = joined.json()["room_code"]
    resolved = await tenant.get(f"/api/video-calls/rooms/acme-{code}", headers={"X-User-Id": "student-1"})
    assert resolved.json()["roomCode"] == code, resolved.text


async def test_after_a_rotation_the_old_key_can_be_dropped(own_database: str, sandbox: Sandbox) -> None:
    async with deployment(own_database, OLD) as (broker, client):
        tenant = await create_encrypted_data(broker, client, sandbox)
        report = await key_report(broker)
        assert report.may_drop_old_keys
        used = {use.table for use in report.uses}
        assert used == {"provider_accounts", "user_token_rules", "webhook_endpoints", "rooms", "idempotency"}
    async with deployment(own_database, OLD, NEW) as deployed:
        await assert_works(in_deployment(tenant, deployed))
    async with deployment(own_database, NEW, OLD) as deployed:
        broker = deployed[0]
        await assert_works(in_deployment(tenant, deployed))
        before = await key_report(broker)
        assert not before.may_drop_old_keys
        batches: list[int] = []
        rotated = await rotate(broker, advance=batches.append)
        assert rotated.rows == before.outdated_rows == sum(batches) > 0
        assert rotated.unreadable == 0
        assert rotated.report.may_drop_old_keys
        assert (await rotate(broker)).rows == 0
    async with deployment(own_database, NEW) as deployed:
        await assert_works(in_deployment(tenant, deployed))
        again = await in_deployment(tenant, deployed).post(
            "/v1/bookings/lesson-1/join",
            {"user_id": "tutor-1", "surface": "prebuilt"},
            headers={"Idempotency-Key": "once"},
        )
        assert again.status_code == 200, again.text


async def test_dropping_a_key_too_early_is_reported_and_repaired(own_database: str, sandbox: Sandbox) -> None:
    async with deployment(own_database, OLD) as (broker, client):
        tenant = await create_encrypted_data(broker, client, sandbox)
    async with deployment(own_database, NEW) as (broker, _):
        with pytest.raises(DecryptionFailed):
            await tenants.find_app(broker, tenant.app.name)
        rotated = await rotate(broker)
        assert rotated.rows == 0
        assert rotated.unreadable == rotated.report.outdated_rows > 0
        assert rotated.report.missing_key_ids == list(SecretBox([OLD]).key_ids)
    async with deployment(own_database, NEW, OTHER, OLD) as deployed:
        rotated = await rotate(deployed[0])
        assert (rotated.unreadable, rotated.report.may_drop_old_keys) == (0, True)
        await assert_works(in_deployment(tenant, deployed))


async def test_rotation_finds_rows_written_with_the_old_key_meanwhile(own_database: str, sandbox: Sandbox) -> None:
    async with deployment(own_database, OLD, NEW) as former, deployment(own_database, NEW, OLD) as current:
        tenant = await create_encrypted_data(*former, sandbox)

        async def write() -> None:
            for number in range(30):
                rules = TokenRules(secret=f"{USER_TOKEN_SECRET}-{number}")
                await management.set_token_rules(context_of(former[0], tenant.app), rules)

        async def rotate_repeatedly() -> None:
            for _ in range(15):
                await rotate(current[0])

        await asyncio.gather(write(), rotate_repeatedly())
        last = await rotate(current[0])
        assert last.report.may_drop_old_keys
    async with deployment(own_database, NEW) as (broker, _):
        async with broker.store.cross_app_transaction() as unit_of_work:
            ((_, rules),) = await apps.rules_for_issuer(unit_of_work, None)
        assert rules.secret == f"{USER_TOKEN_SECRET}-29"


async def test_unencrypted_room_codes_of_older_versions_are_read_and_encrypted(
    own_database: str, sandbox: Sandbox
) -> None:
    async with deployment(own_database, NEW) as deployed:
        tenant = await create_encrypted_data(*deployed, sandbox)
        broker = deployed[0]
        async with broker.store.cross_app_transaction() as unit_of_work:
            row = (await unit_of_work.execute(select(rooms))).one()
            codes = room_codes.decrypt(broker.secret_box, row.sealed_codes)
            plain = {"codes": codes, "sealed_codes": None, "code_digests": None, "sealed_with": None}
            await unit_of_work.execute(update(rooms).values(plain))
        await assert_works(tenant)
        assert not (await key_report(broker)).may_drop_old_keys
        assert await encrypt_plain_room_codes(broker) == 1
        assert await encrypt_plain_room_codes(broker) == 0
        assert (await key_report(broker)).may_drop_old_keys
        async with broker.store.cross_app_transaction() as unit_of_work:
            dump = "\n".join((await unit_of_work.execute(text("select t::text from rooms t"))).scalars())
        assert [code for code in codes.values() if code in dump] == []
        await assert_works(tenant)


async def test_newer_codes_of_an_older_version_take_precedence(own_database: str, sandbox: Sandbox) -> None:
    async with deployment(own_database, NEW) as (broker, client):
        await create_encrypted_data(broker, client, sandbox)
        async with broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(update(rooms).values(codes={"teacher": "new-newn-new"}))
        assert not (await key_report(broker)).may_drop_old_keys
        assert await encrypt_plain_room_codes(broker) == 1
        async with broker.store.cross_app_transaction() as unit_of_work:
            row = (await unit_of_work.execute(select(rooms))).one()
        assert (row.codes, room_codes.decrypt(broker.secret_box, row.sealed_codes)) == ({}, {"teacher": "new-newn-new"})


async def test_a_code_is_found_under_every_key_only_for_its_role_and_app(own_database: str, sandbox: Sandbox) -> None:
    async with deployment(own_database, OLD) as (broker, client):
        tenant = await create_encrypted_data(broker, client, sandbox)
        async with broker.store.cross_app_transaction() as unit_of_work:
            row = (await unit_of_work.execute(select(rooms))).one()
        code = room_codes.decrypt(broker.secret_box, row.sealed_codes)["teacher"]
    app_id = tenant.app.id
    for keys, role, candidate, found in (
        ([OLD], "teacher", code, True),
        ([NEW, OLD], "teacher", code, True),
        ([NEW], "teacher", code, False),
        ([OLD], "student", code, False),
        ([OLD], "teacher", code[:-1], False),
    ):
        condition = room_codes.has_code(SecretBox(keys), app_id, candidate, [role])
        async with deployment(own_database, OLD) as (broker, _), broker.store.cross_app_transaction() as unit_of_work:
            assert (
                (await unit_of_work.execute(select(rooms_in_scope.c.id).where(condition))).first() is not None
            ) == found


def test_the_name_of_a_key_does_not_reveal_it() -> None:
    assert SecretBox([OLD]).key_id == SecretBox([OLD, NEW]).key_id != SecretBox([NEW]).key_id
    assert SecretBox([NEW, OLD]).key_ids == (SecretBox([NEW]).key_id, SecretBox([OLD]).key_id)
    assert SecretBox([OLD]).key_id not in OLD
