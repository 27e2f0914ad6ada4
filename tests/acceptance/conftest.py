"""Several processes of the real program on one database."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from guard import marks
from polling import eventually_blocking
from tenants import free_port
from videobroker.settings import Settings


@dataclass(frozen=True)
class Process:
    """A broker process."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it like an orchestrator, with SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


StartBroker = Callable[[], Process]


@pytest.fixture
async def start_broker(
    service_database: str, settings: Settings, log_folder: Path, tmp_path: Path
) -> AsyncIterator[StartBroker]:
    """Starts `videobroker serve` on the database of the tests, and stops all processes afterwards."""
    started: list[Process] = []

    def start() -> Process:
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            **marks(),
            # The same code as in the tests.
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": service_database,
            "PORT": str(port),
            "VIDEOBROKER_SECRET_KEY": settings.secret_key[0].get_secret_value(),
            "VIDEOBROKER_LOG_LEVEL": "debug",
        }
        with (log_folder / f"broker-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "videobroker", "serve"],
                env=environment,
                cwd=tmp_path,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        broker = Process(f"http://127.0.0.1:{port}", process)
        started.append(broker)
        _await_ready(broker)
        return broker

    yield start
    # Not on this loop: a stopping broker completes its requests, and may need the sandbox for that.
    await asyncio.gather(*(asyncio.to_thread(broker.stop) for broker in started))


def _await_ready(broker: Process) -> None:
    # One client: each new one reads all certificates of the machine, and slows down the start of the broker.
    with httpx.Client() as client:

        def is_ready() -> bool:
            assert broker.process.poll() is None, "the broker did not start"
            return client.get(f"{broker.url}/readyz").is_success

        eventually_blocking(is_ready, ignoring=(httpx.TransportError,))
