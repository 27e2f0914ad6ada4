"""Log lines of requests are written once per turn of the event loop, in order with all other lines."""

import asyncio
import io
import json
import re
from typing import Any
from unittest.mock import patch

import pytest
import structlog

from videobroker.cli import logs
from videobroker.cli.logs import LineStream
from videobroker.settings import Settings
from videobroker.web.http import access_log


class Output(io.StringIO):
    """Records how the text was cut into system calls."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[str] = []

    def flush(self) -> None:
        self.flushed.append(self.getvalue()[sum(map(len, self.flushed)) :])


async def test_collected_lines_are_one_write_at_the_end_of_the_turn() -> None:
    output = Output()
    stream = LineStream(output)
    for line in "abc":
        stream.collect(line)
    assert output.getvalue() == ""
    await asyncio.sleep(0)
    assert output.flushed == ["a\nb\nc\n"]
    stream.collect("d")
    await asyncio.sleep(0)
    assert output.flushed == ["a\nb\nc\n", "d\n"]


async def test_any_other_line_is_written_at_once_after_the_collected_ones() -> None:
    output = Output()
    stream = LineStream(output)
    stream.collect("a")
    stream.write("b\n")
    stream.flush()
    assert output.flushed == ["a\nb\n"]
    stream.collect("c")
    stream.flush()
    assert output.flushed == ["a\nb\n", "c\n"]
    await asyncio.sleep(0)
    assert output.getvalue() == "a\nb\nc\n"


def test_a_line_is_written_at_once_without_an_event_loop() -> None:
    output = Output()
    LineStream(output).collect("a")
    assert output.flushed == ["a\n"]


class TestConfigured:
    @pytest.fixture
    def output(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        output = Output()
        monkeypatch.setattr("sys.stdout", output)
        before = structlog.get_config()
        with patch("logging.basicConfig"):
            logs.configure(Settings(_env_file=None, log_format="json"))
        yield output
        structlog.configure(**before)

    async def test_the_access_log_is_collected_and_other_logs_are_not(self, output: Output) -> None:
        structlog.get_logger(access_log.__name__).info("request.completed", operation="join_booking")
        assert output.flushed == []
        structlog.get_logger("any").info("worker.started")
        assert [json.loads(line)["event"] for line in output.getvalue().splitlines()] == [
            "request.completed",
            "worker.started",
        ]
        assert len(output.flushed) == 1

    def test_the_time_is_in_utc_with_microseconds(self, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        log = structlog.get_logger("any")
        for nanoseconds in (1_795_860_000_000_001_999, 1_795_860_000_999_999_999, 1_795_860_001_000_000_000):
            monkeypatch.setattr("time.time_ns", lambda nanoseconds=nanoseconds: nanoseconds)
            log.info("worker.started")
        times = [json.loads(line)["timestamp"] for line in output.getvalue().splitlines()]
        assert times == ["2026-11-28T10:00:00.000001Z", "2026-11-28T10:00:00.999999Z", "2026-11-28T10:00:01.000000Z"]
        assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", each) for each in times)


def test_the_access_log_has_the_name_that_is_configured() -> None:
    assert access_log.__name__ == logs.ACCESS_LOG
