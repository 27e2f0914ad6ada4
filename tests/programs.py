"""Processes of the program that tests start, kill, and pause."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass
class Program:
    """A process of the service, worker, or sandbox that can be killed and restarted."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "videobroker", *self.command],
                env=self.environment,
                cwd=self.log.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def runs(self) -> bool:
        """Whether it was started, and has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.command} had ended by itself"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def pause(self) -> None:
        """Stop it with SIGSTOP, until `resume`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue it after `pause`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop it like an orchestrator, with SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


async def responds(client: httpx.AsyncClient, path: str) -> bool:
    """Whether the service responds to this path with success."""
    try:
        return (await client.get(path)).is_success
    except httpx.TransportError:
        return False
