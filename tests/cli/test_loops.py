"""The service runs on uvloop, the tests on the loop that they are told."""

import asyncio
import os

from videobroker.cli.serve import server_config
from videobroker.cli.starting import event_loop
from videobroker.settings import Settings
from videobroker.web.plain_http import PlainHttp


async def test_tests_run_on_the_loop_that_they_are_told() -> None:
    told = os.environ.get("PYTEST_LOOP") == "uvloop"
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop") == told


def test_the_service_runs_on_uvloop_and_speaks_http_with_a_way_for_plain_requests(settings: Settings) -> None:
    config = server_config(settings, "postgresql://nowhere/nothing")
    config.load()
    factory = config.get_loop_factory()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
    assert issubclass(config.http_protocol_class, PlainHttp)


def test_the_worker_runs_on_the_loop_of_the_service() -> None:
    factory = event_loop()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
