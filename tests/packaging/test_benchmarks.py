"""The benchmarks still work: everybody starts and does what is asked. What it takes is not judged here."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import jwt
import pytest

from benchmarks import behind, chart, gun, joining, load, pages, stage, tables
from benchmarks.contenders import servers
from benchmarks.contenders.servers import Contender
from cli.program import new_database

SECRET = "an-invented-secret-of-the-bench!"
REFERENCES = [f"lesson-{n}" for n in range(1, 6)]


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """The URL of a database in which nothing is."""
    with new_database(postgres) as url:
        yield url


def require(contender: Contender) -> None:
    """Skip where it cannot be started."""
    if contender in servers.JAVASCRIPT:
        if not (shutil.which("node") and shutil.which("npm")):
            pytest.skip("node and npm are not installed")
        try:
            servers.install()
        except RuntimeError as error:
            pytest.skip(str(error))


@pytest.mark.node
@pytest.mark.parametrize("contender", [*servers.PYTHON, *servers.JAVASCRIPT], ids=lambda each: each.name)
async def test_every_contender_signs_and_writes_what_it_signed(
    contender: Contender, empty: str, log_folder: Path
) -> None:
    require(contender)
    await servers.furnish(empty, REFERENCES)
    with servers.started(contender, empty, log_folder) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            answer = await client.post("/join", json={"reference": "lesson-2", "user_id": "tutor-1"})
        assert answer.status_code == 200, answer.text
        assert server.megabytes > 1
    connection = await asyncpg.connect(empty)
    (row,) = await connection.fetch("select * from bench_issued")
    await connection.close()
    claims = jwt.decode(answer.json()["token"], SECRET, algorithms=["HS256"])
    assert (claims["jti"], claims["role"], claims["room_id"]) == (str(row["id"]), "teacher", "room-of-lesson-2")
    assert (row["reference"], row["user_id"], row["role"]) == ("lesson-2", "tutor-1", "teacher")


@pytest.mark.parametrize("wrk", [True, False])
async def test_our_sessions_are_joined_without_asking_the_vendor_whoever_makes_the_load(
    empty: str, log_folder: Path, wrk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not wrk:
        monkeypatch.setattr(load, "generator", lambda: "own")
    few = await stage.prepared(empty, "http://127.0.0.1:9", sessions=30)
    with stage.broker_of(few, log_folder) as ours:
        target = joining.ours_of(few, ours)
        measured = load.load(target.url, target.shots, target.headers, connections=4, seconds=1)
    assert measured.requests >= 4
    assert measured.errors == 0
    assert 0 < measured.p50 <= measured.p99
    connection = await asyncpg.connect(empty)
    joined = await connection.fetchval(
        "select count(distinct reference) from journal where type = 'credentials.issued'"
    )
    await connection.close()
    assert joined >= min(measured.requests, 30) - 4


def test_anybody_can_bring_a_contender() -> None:
    brought = servers.brought("Go: gin, pgx=/somewhere/broker --log 'a file'")
    assert brought == Contender("Go: gin, pgx", ("/somewhere/broker", "--log", "a file"), {})


@pytest.mark.parametrize("text", ["", "Go", "Go=", "=broker", " = "])
def test_a_contender_has_a_name_and_a_command(text: str) -> None:
    with pytest.raises(ValueError, match="a name, an equals sign, and a command"):
        servers.brought(text)


async def test_the_gun_counts_what_went_wrong(empty: str, log_folder: Path) -> None:
    await servers.furnish(empty, REFERENCES)
    with servers.started(servers.PYTHON[2], empty, log_folder) as server:
        shots = [gun.Shot("/join", json.dumps({"reference": "none", "user_id": "nobody"}))]
        headers = {"Content-Type": "application/json"}
        measured = gun.fire(server.url, shots, headers, connections=3, seconds=0)
    assert (measured.requests, measured.errors) == (3, 3)


def result() -> dict[str, Any]:
    """As `joining.run` gives it."""
    names = [joining.OURS, *(each.name for each in (*servers.PYTHON, *servers.JAVASCRIPT))]
    line = {"per_second": 1000.0, "p50": 1.0, "p99": 2.0, "errors": 0, "rounds": []}
    return {
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "python": "3",
            "postgresql": "18",
            "node": "v20",
            "load_generator": "own",
            "load_average_before": 0.5,
            "measured_at": "2026-03-12T14:00:00+00:00",
        },
        "size": {"rounds": 1, "seconds": 1.0},
        "joins": [{**line, "name": name, "connections": n} for n in joining.CONNECTIONS for name in names],
        "round_trips_per_join": {"1": 2.0, "32": 0.2, "128": 0.1},
        "beside": [{**line, "name": "join", "connections": 32}],
        "signatures_per_second": 1e5,
        "behind": [{"name": behind.ALONE, "joins": 2000, "service": 250.0, "worker": 25.0}],
        "storm": {"joins": 200, "vendor_calls": [1], "last_answer_seconds": 0.5, "allowed_seconds": 0.65},
        "growth": {
            "sessions": [10, 1000, 2000],
            "joins": [
                {**line, "name": f"{n} sessions", "connections": connections, "per_second": each}
                for connections in (1, 32)
                for n, each in ((10, 120.0 * connections), (1000, 100.0 * connections), (2000, 110.0 * connections))
            ],
        },
        "start_seconds": {joining.OURS: 1.0},
        "idle_megabytes": {joining.OURS: 100.0},
        "megabytes": {joining.OURS: 110.0},
    }


def test_the_figures_go_between_the_marks_of_the_document_and_nothing_else_changes(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n\n{tables.BEGIN}\nold figures\n{tables.END}\n\nafter\n")
    tables.write(document, result())
    written = document.read_text()
    assert written.startswith("before\n\n")
    assert written.endswith("\n\nafter\n")
    assert "old figures" not in written
    assert "| throughput against the floor, 32 connections | 1.00 | at least 1.00 | yes |" in written
    assert "| throughput against FastAPI with the ORM, 128 connections | 1.00 | at least 5.00 | no |" in written
    assert f"| {behind.ALONE} | 250 | 25 | 0.10 |" in written
    assert "| 1 | 10 sessions | 120 | 1.00 | 1.00 |" in written
    assert "| 32 | 2000 sessions | 3,520 | 1.09 | 1.00 |" in written
    assert "| cost of a join at 1000 sessions against 10 sessions | 1.20 | at most 1.15 | no |" in written
    assert "| cost of a join at 2000 sessions against 10 sessions | 1.09 | at most 1.15 | yes |" in written
    tables.write(document, result())
    assert document.read_text() == written


def test_a_disk_that_is_too_small_is_told_before_anything_is_measured() -> None:
    size = replace(joining.QUICK, many_sessions=(10**15,))
    with pytest.raises(joining.NoRoom, match="--sessions"):
        joining.run(size, (), report=pytest.fail)


def test_the_document_has_the_marks() -> None:
    text = (stage.ROOT / "docs" / "performance.md").read_text()
    assert text.count(tables.BEGIN) == text.count(tables.END) == 1


def test_the_times_of_pages_go_between_marks_of_their_own(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"Before\n{tables.BEGIN}\njoins\n{tables.END}\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    measured = {
        "chromium": "1",
        "loads": 3,
        "load_average_before": 0.1,
        "measured_at": "2027-01-01 00:00 UTC",
        "pages": [
            {"name": "hosted page", "median": 210.4, "worst": 999.0, "milliseconds": [199.0, 210.4, 999.0]},
            {"name": "demo", "median": 300.0, "worst": 1000.0, "milliseconds": [200.0, 300.0, 1000.0]},
        ],
    }

    pages.write(document, measured)
    pages.write(document, measured)

    text = document.read_text()
    assert text.startswith(f"Before\n{tables.BEGIN}\njoins\n{tables.END}\n{pages.BEGIN}\n\nChromium 1, 3 loads")
    assert text.endswith(f"{pages.END}\nafter\n")
    assert "old" not in text
    assert text.count("| hosted page | 210 | 999 | yes |") == 1
    assert text.count("| demo | 300 | 1000 | no |") == 1


def test_the_document_has_the_marks_of_pages() -> None:
    text = (stage.ROOT / "docs" / "performance.md").read_text()
    assert (text.count(pages.BEGIN), text.count(pages.END)) == (1, 1)


def test_the_picture_shows_everybody() -> None:
    picture = chart.joins(result())
    for name in (joining.OURS, *(each.name for each in servers.PYTHON)):
        assert picture.count(f">{name}<") == len(joining.CONNECTIONS)
