"""The TypeScript client compiles strictly, and runs the tutorial against the service."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from clients.guides import blocks
from clients.services import ClientTenant
from node_packages import node_modules

pytestmark = pytest.mark.long

PACKAGE = Path(__file__).parents[2] / "clients/typescript"


@pytest.fixture(scope="session")
def built() -> Path:
    """The package, compiled."""
    node_modules(PACKAGE)
    compile_project(PACKAGE)
    return PACKAGE


def compile_project(folder: Path) -> None:
    command = ["node", str(PACKAGE / "node_modules/typescript/bin/tsc"), "--project", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


async def run_node(tenant: ClientTenant, *arguments: str) -> str:
    """The output of a program that must succeed."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *arguments,
        env={**os.environ, "VIDEOBROKER_URL": tenant.url, "VIDEOBROKER_API_KEY": tenant.key},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.representative
async def test_the_tutorial_and_failures(built: Path, tenant: ClientTenant) -> None:
    tests = sorted((built / "dist/test").glob("*.test.js"))
    output = await run_node(tenant, "--test", *map(str, tests))
    counts = {name: int(number) for name, number in re.findall(r"^# (\w+) (\d+)$", output, re.MULTILINE)}
    assert counts["tests"] == counts["pass"] > 15


def test_no_value_of_the_package_is_any(built: Path) -> None:
    declarations = "".join(path.read_text() for path in (built / "dist/src").glob("*.d.ts"))
    assert "export declare class Client" in declarations
    assert ": any" not in declarations
    assert "<any" not in declarations


def test_the_package_works_in_another_project(built: Path, tmp_path: Path) -> None:
    pack = ["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", str(tmp_path)]
    subprocess.run(pack, cwd=built, check=True, capture_output=True, timeout=60)
    (archive,) = tmp_path.iterdir()
    modules = tmp_path / "node_modules"
    target = modules / "@videobroker/client"
    target.mkdir(parents=True)
    subprocess.run(["tar", "-xzf", str(archive), "--strip-components=1", "-C", str(target)], check=True, timeout=60)
    (modules / "eventsource-parser").symlink_to(built / "node_modules/eventsource-parser")
    program = """
        import { Client, VERSION } from "@videobroker/client";
        import "@videobroker/client/element";
        console.log(typeof new Client({ baseUrl: "http://x", apiKey: "k" }).bookings.join, VERSION);
    """
    (tmp_path / "program.mjs").write_text(program)
    ran = subprocess.run(["node", "program.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    manifest = json.loads((built / "package.json").read_text())
    assert ran.stdout.split() == ["function", manifest["version"]]
    assert (target / "element/react.d.ts").exists()
    assert not (target / "dist/test").exists()


async def test_the_guide(built: Path, tenant: ClientTenant) -> None:
    """All blocks of the guide are one program. It is inside the package, which can import itself by its name."""
    folder = built / "dist/guide"
    folder.mkdir(exist_ok=True)
    found = blocks("use-the-typescript-client.md", "ts")
    assert len(found) == 9
    (folder / "guide.ts").write_text("".join(found))
    options = {"rootDir": ".", "outDir": ".", "noUnusedLocals": False}
    settings = {"extends": "../../tsconfig.json", "compilerOptions": options, "files": ["guide.ts"], "include": []}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    compile_project(folder)
    output = await run_node(tenant, str(folder / "guide.js"))
    assert "not_a_participant refuse" in output
    assert "call.ended null" in output
    assert output.endswith("400\n")
