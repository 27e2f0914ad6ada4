"""`videobroker migrate --grant-to`, and what the role of the service can do afterwards."""

import asyncio
import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from cli.program import CommandRunner, administer
from database_roles import OWNER


@pytest.fixture
def role(postgres: str) -> Iterator[str]:
    """A new role of the server."""
    name = f"service_{uuid4().hex}"
    asyncio.run(administer(postgres, f"create role {name} login"))
    yield name
    # The privileges are in a database that does not exist any more.
    asyncio.run(administer(postgres, f"drop role {name}"))


@pytest.fixture
def own_role(own_database: str, role: str) -> Iterator[str]:
    """`role`, without its privileges in this database afterwards."""
    yield role
    asyncio.run(administer(own_database, f"drop owned by {role}"))


def url_of(database: str, role: str) -> str:
    return make_url(database).set(username=role).render_as_string(hide_password=False)


def isolation(videobroker: CommandRunner, url: str) -> str:
    """What `doctor` says about tenant isolation."""
    rows = json.loads(videobroker("doctor", "--json", DATABASE_URL=url).out)
    (sentence,) = [row["sentence"] for row in rows if row["check"] == "tenant isolation"]
    return str(sentence)


def test_the_role_can_run_the_service_and_its_transactions_are_limited(
    videobroker: CommandRunner, own_database: str, own_role: str
) -> None:
    assert "does not: its role owns the tables" in isolation(videobroker, own_database)
    videobroker.succeed("migrate", "--grant-to", own_role)
    url = url_of(own_database, own_role)
    videobroker.succeed("apps", "create", "school", DATABASE_URL=url)
    assert "school" in videobroker.succeed("apps", "list", DATABASE_URL=url).out
    assert isolation(videobroker, url) == "The database limits each transaction to one app."


def test_before_it_has_privileges_the_error_names_the_command(
    videobroker: CommandRunner, own_database: str, own_role: str
) -> None:
    outcome = videobroker("apps", "list", DATABASE_URL=url_of(own_database, own_role))
    assert outcome.code == 1
    assert "videobroker migrate --grant-to" in outcome.err


def test_a_second_migration_by_the_role_changes_nothing(
    videobroker: CommandRunner, own_database: str, own_role: str
) -> None:
    videobroker.succeed("migrate", "--grant-to", own_role)
    outcome = videobroker.succeed("migrate", DATABASE_URL=url_of(own_database, own_role))
    assert "already at revision" in outcome.out


def test_the_role_cannot_apply_a_missing_migration(
    videobroker: CommandRunner, own_database: str, own_role: str
) -> None:
    videobroker.succeed("migrate", "--grant-to", own_role)
    asyncio.run(administer(own_database, "update alembic_version set version_num = '0001'"))
    outcome = videobroker("migrate", DATABASE_URL=url_of(own_database, own_role))
    assert outcome.code == 1
    assert "this role does not own the tables" in outcome.err


def test_a_role_that_does_not_exist_is_an_error(videobroker: CommandRunner) -> None:
    outcome = videobroker("migrate", "--grant-to", "absent")
    assert outcome.code == 1
    assert "create role" in outcome.err


def test_a_role_to_which_policies_do_not_apply_is_refused(videobroker: CommandRunner) -> None:
    outcome = videobroker("migrate", "--grant-to", OWNER)
    assert outcome.code == 1
    assert "bypasses row-level security" in outcome.err
