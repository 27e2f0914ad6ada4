"""The benchmarks and their contenders work. Their results are not tested."""

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

from benchmarks import background_work, builtin_load_generator, chart, joining, journal, load_generator, pages, tables
from benchmarks.contenders import servers
from benchmarks.contenders.servers import Contender
from benchmarks.environment import ROOT, create_environment, start_broker
from cli.program import new_database

SECRET = "an-invented-secret-of-the-bench!"
REFERENCES = [f"lesson-{n}" for n in range(1, 6)]


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of a database without tables."""
    with new_database(postgres) as url:
        yield url


def skip_if_unavailable(contender: Contender) -> None:
    """Skips the test if Node or the packages of the contender are missing."""
    if contender in servers.JAVASCRIPT:
        if not (shutil.which("node") and shutil.which("npm")):
            pytest.skip("node and npm are not installed")
        try:
            servers.install_node_packages()
        except RuntimeError as error:
            pytest.skip(str(error))


@pytest.mark.long
@pytest.mark.node
@pytest.mark.parametrize(
    "contender",
    [
        pytest.param(servers.PYTHON[0], marks=pytest.mark.representative),
        *servers.PYTHON[1:],
        *servers.JAVASCRIPT,
    ],
    ids=lambda each: each.name,
)
async def test_every_contender_signs_a_token_and_records_it(
    contender: Contender, empty_database: str, log_folder: Path
) -> None:
    skip_if_unavailable(contender)
    await servers.create_tables(empty_database, REFERENCES)
    with servers.start_contender(contender, empty_database, log_folder) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            response = await client.post("/join", json={"reference": "lesson-2", "user_id": "tutor-1"})
        assert response.status_code == 200, response.text
        assert server.megabytes > 1
    connection = await asyncpg.connect(empty_database)
    (row,) = await connection.fetch("select * from bench_issued")
    await connection.close()
    claims = jwt.decode(response.json()["token"], SECRET, algorithms=["HS256"])
    assert (claims["jti"], claims["role"], claims["room_id"]) == (str(row["id"]), "teacher", "room-of-lesson-2")
    assert (row["reference"], row["user_id"], row["role"]) == ("lesson-2", "tutor-1", "teacher")


@pytest.mark.long
@pytest.mark.parametrize("use_wrk", [True, pytest.param(False, marks=pytest.mark.representative)])
async def test_warm_joins_need_no_vendor_with_either_load_generator(
    empty_database: str, log_folder: Path, use_wrk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not use_wrk:
        monkeypatch.setattr(load_generator, "generator_name", lambda: "built-in")
    environment = await create_environment(empty_database, "http://127.0.0.1:9", sessions=30)
    with start_broker(environment, log_folder) as broker:
        target = joining.join_target(environment, broker)
        load_result = load_generator.run_load(target.url, target.templates, target.headers, connections=4, seconds=1)
    assert load_result.requests >= 4
    assert load_result.errors == 0
    assert 0 < load_result.p50 <= load_result.p99
    connection = await asyncpg.connect(empty_database)
    joined = await connection.fetchval(
        "select count(distinct reference) from journal where type = 'credentials.issued'"
    )
    await connection.close()
    assert joined >= min(load_result.requests, 30) - 4


def test_a_contender_is_parsed_from_its_name_and_command() -> None:
    contender = servers.parse_contender("Go: gin, pgx=/somewhere/broker --log 'a file'")
    assert contender == Contender("Go: gin, pgx", ("/somewhere/broker", "--log", "a file"), {})


@pytest.mark.parametrize("text", ["", "Go", "Go=", "=broker", " = "])
def test_a_contender_without_a_name_or_a_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected NAME=COMMAND"):
        servers.parse_contender(text)


async def test_the_built_in_load_generator_counts_errors(empty_database: str, log_folder: Path) -> None:
    await servers.create_tables(empty_database, REFERENCES)
    with servers.start_contender(servers.PYTHON[2], empty_database, log_folder) as server:
        templates = [
            builtin_load_generator.RequestTemplate("/join", json.dumps({"reference": "none", "user_id": "unknown"}))
        ]
        headers = {"Content-Type": "application/json"}
        load_result = builtin_load_generator.run_load(server.url, templates, headers, connections=3, seconds=0)
    assert (load_result.requests, load_result.errors) == (3, 3)


def result() -> dict[str, Any]:
    """A result of `joining.run`."""
    names = [joining.VIDEOBROKER, *(each.name for each in (*servers.PYTHON, *servers.JAVASCRIPT))]
    line = {"per_second": 1000.0, "p50": 1.0, "p99": 2.0, "errors": 0, "rounds": []}
    return {
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "python": "3",
            "postgresql": "18",
            "node": "v20",
            "load_generator": "built-in",
            "load_average_before": 0.5,
            "measured_at": "2026-03-12T14:00:00+00:00",
        },
        "size": {"rounds": 1, "seconds": 1.0},
        "joins": [{**line, "name": name, "connections": n} for n in joining.CONNECTIONS for name in names],
        "round_trips_per_join": {"1": 2.0, "32": 0.2, "128": 0.1},
        "other_requests": [{**line, "name": "join", "connections": 32}],
        "signatures_per_second": 1e5,
        "background_work": [
            {"name": background_work.WITHOUT_ENDPOINT, "joins": 2000, "service": 250.0, "worker": 25.0}
        ],
        "first_joins": {"joins": 200, "vendor_calls": [1], "last_response_seconds": 0.5, "allowed_seconds": 0.65},
        "growth": {
            "sessions": [10, 1000, 2000],
            "joins": [
                {**line, "name": f"{n} sessions", "connections": connections, "per_second": each}
                for connections in (1, 32)
                for n, each in ((10, 120.0 * connections), (1000, 100.0 * connections), (2000, 110.0 * connections))
            ],
        },
        "start_seconds": {joining.VIDEOBROKER: 1.0},
        "idle_megabytes": {joining.VIDEOBROKER: 100.0},
        "megabytes": {joining.VIDEOBROKER: 110.0},
    }


def test_only_the_text_between_the_markers_is_replaced_by_the_tables(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n\n{tables.BEGIN}\nold figures\n{tables.END}\n\nafter\n")
    tables.write(document, result())
    written = document.read_text()
    assert written.startswith("before\n\n")
    assert written.endswith("\n\nafter\n")
    assert "old figures" not in written
    assert "| throughput against the floor, 32 connections | 1.00 | at least 1.00 | yes |" in written
    assert "| throughput against FastAPI with the ORM, 128 connections | 1.00 | at least 5.00 | no |" in written
    assert f"| {background_work.WITHOUT_ENDPOINT} | 250 | 25 | 0.10 |" in written
    assert "| 1 | 10 sessions | 120 | 1.00 | 1.00 |" in written
    assert "| 32 | 2000 sessions | 3,520 | 1.09 | 1.00 |" in written
    assert "| cost of a join at 1000 sessions against 10 sessions | 1.20 | at most 1.15 | no |" in written
    assert "| cost of a join at 2000 sessions against 10 sessions | 1.09 | at most 1.15 | yes |" in written
    tables.write(document, result())
    assert document.read_text() == written


def test_insufficient_disk_space_is_reported_before_the_first_measurement() -> None:
    size = replace(joining.QUICK, many_sessions=(10**15,))
    with pytest.raises(joining.InsufficientDiskSpace, match="--sessions"):
        joining.run(size, (), report=pytest.fail)


def test_the_document_has_the_markers() -> None:
    text = (ROOT / "docs" / "explanation" / "performance.md").read_text()
    assert text.count(tables.BEGIN) == text.count(tables.END) == 1


def test_the_page_load_times_are_written_between_their_own_markers(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"Before\n{tables.BEGIN}\njoins\n{tables.END}\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    page_results = {
        "chromium": "1",
        "loads": 3,
        "load_average_before": 0.1,
        "measured_at": "2027-01-01 00:00 UTC",
        "pages": [
            {"name": "hosted page", "median": 210.4, "worst": 999.0, "milliseconds": [199.0, 210.4, 999.0]},
            {"name": "demo", "median": 300.0, "worst": 1000.0, "milliseconds": [200.0, 300.0, 1000.0]},
        ],
    }

    pages.write(document, page_results)
    pages.write(document, page_results)

    text = document.read_text()
    assert text.startswith(f"Before\n{tables.BEGIN}\njoins\n{tables.END}\n{pages.BEGIN}\n\nChromium 1, 3 loads")
    assert text.endswith(f"{pages.END}\nafter\n")
    assert "old" not in text
    assert text.count("| hosted page | 210 | 999 | yes |") == 1
    assert text.count("| demo | 300 | 1000 | no |") == 1


def test_the_document_has_the_markers_of_the_pages() -> None:
    text = (ROOT / "docs" / "explanation" / "performance.md").read_text()
    assert (text.count(pages.BEGIN), text.count(pages.END)) == (1, 1)


def test_the_chart_shows_every_server() -> None:
    picture = chart.joins(result())
    for name in (joining.VIDEOBROKER, *(each.name for each in servers.PYTHON)):
        assert picture.count(f">{name}<") == len(joining.CONNECTIONS)


async def test_the_journal_of_the_benchmark_is_sealed_and_verified() -> None:
    results = await journal.measure(rows=200)
    assert all(result["seconds"] > 0 for result in results)
    assert any("verif" in result["name"] for result in results)
