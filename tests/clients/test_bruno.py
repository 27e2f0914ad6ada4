"""The Bruno collection: its tutorial runs against the service, and every request of it can be sent."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from clients.services import ClientTenant
from node_packages import node_modules
from tenants import create_link

COLLECTION = Path(__file__).parents[2] / "clients/bruno"
PROGRAM = Path(__file__).parent / "bruno"

pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def command() -> list[str]:
    """Bruno's command line."""
    return ["node", str(node_modules(PROGRAM) / "@usebruno/cli/bin/bru.js"), "run", "--env", "demo"]


async def run(command: list[str], tenant: ClientTenant, report: Path, *arguments: str, ticket: str = "") -> list[Any]:
    """The results of the requests."""
    variables = {"VIDEOBROKER_URL": tenant.url, "VIDEOBROKER_API_KEY": tenant.key, "VIDEOBROKER_TICKET": ticket}
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        "--reporter-json",
        str(report),
        cwd=COLLECTION,
        env={**os.environ, **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return read_results(report, output)


def read_results(report: Path, output: bytes) -> list[Any]:
    assert report.exists(), output.decode()
    results: list[Any] = json.loads(report.read_text())[0]["results"]
    assert [each["error"] for each in results if each["error"]] == []
    return results


async def test_the_tutorial(command: list[str], tenant: ClientTenant, tmp_path: Path) -> None:
    results = await run(command, tenant, tmp_path / "report.json", "Tutorial")
    assert len(results) == 9
    tests = [test for each in results for test in each["testResults"]]
    assert len(tests) > 12
    assert [test for test in tests if test["status"] != "pass"] == []
    journal = next(each["response"]["data"]["data"] for each in results if "journal" in each["name"])
    assert {event["session"]["reference"] for event in journal} == {"tutorial-1"}


async def test_every_request_is_understood(command: list[str], tenant: ClientTenant, tmp_path: Path) -> None:
    await tenant.tenant.book(policy={"guests_allowed": True})
    link = await create_link(tenant.tenant)
    # Before the folder that revokes the link.
    folders = sorted(
        (each.name for each in COLLECTION.iterdir() if each.is_dir() and each.name != "environments"),
        key=lambda name: name != "Visit",
    )
    results = await run(command, tenant, tmp_path / "report.json", *folders, ticket=link["ticket"])
    sent = {each["test"]["filename"]: each["response"]["status"] for each in results}
    assert len(sent) == len(list(COLLECTION.rglob("*.bru"))) - len({"collection.bru", "environments/demo.bru"})
    # Neither a malformed request, nor a path, a method, or a credential that the service does not know.
    wrong = {name: status for name, status in sent.items() if status in {0, 400, 401, 405, 415, 422} or status >= 500}
    assert wrong == {}
