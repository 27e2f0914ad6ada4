"""The service runs on uvloop, the tests on the configured loop."""

import asyncio
import os

from videobroker.cli.serve import server_config, service
from videobroker.cli.starting import event_loop
from videobroker.settings import Settings
from videobroker.web.http.http1_connection import Http1Connection


async def test_tests_run_on_the_configured_loop() -> None:
    is_uvloop = os.environ.get("PYTEST_LOOP") == "uvloop"
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop") == is_uvloop


def test_the_service_runs_on_uvloop_behind_the_guard(settings: Settings) -> None:
    config = server_config(settings, service(settings, "postgresql://nowhere/nothing"))
    config.load()
    factory = config.get_loop_factory()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
    assert config.http_protocol_class is Http1Connection


def test_the_worker_runs_on_the_loop_of_the_service() -> None:
    factory = event_loop()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
