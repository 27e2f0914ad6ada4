"""The service runs on uvloop, the tests on the loop that they are told."""

import asyncio
import os

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from videobroker.cli.serve import server_config
from videobroker.cli.starting import event_loop
from videobroker.settings import Settings


async def test_tests_run_on_the_loop_that_they_are_told() -> None:
    told = os.environ.get("PYTEST_LOOP") == "uvloop"
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop") == told


def test_the_service_runs_on_uvloop_and_reads_with_httptools(settings: Settings) -> None:
    config = server_config(settings, "postgresql://nowhere/nothing")
    config.load()
    factory = config.get_loop_factory()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
    assert issubclass(config.http_protocol_class, HttpToolsProtocol)


def test_the_worker_runs_on_the_loop_of_the_service() -> None:
    factory = event_loop()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
