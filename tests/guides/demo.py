"""`make run`, as the guides use it."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cli.program import environment, stop
from polling import eventually_blocking
from tenants import free_port

APP = "tutoring-100ms"


@dataclass(frozen=True)
class Demo:
    """A running `videobroker demo`, and a client with the key of its app `tutoring-100ms`."""

    folder: Path
    url: str
    sandbox_url: str
    key: str
    client: httpx.Client

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The parsed response of a request that must succeed."""
        response = self.client.request(method, path, json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def videobroker(self, *arguments: str) -> None:
        """Run a command of `videobroker` in the folder of the demo."""
        command = [sys.executable, "-m", "videobroker", *arguments]
        subprocess.run(command, cwd=self.folder, env=environment(), check=True, capture_output=True, timeout=60)


@contextmanager
def running_demo() -> Iterator[Demo]:
    """Start it in an empty folder outside of pytest's, which another test run makes inaccessible to PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="videobroker-guides-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Its output contains the keys of the demo, and goes to this folder, not to the searched log.
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "videobroker", "demo"],
                cwd=folder,
                env=environment(PORT=str(free_port()), SANDBOX_PORT=str(free_port())),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            screen = (folder / "output").read_text
            eventually_blocking(lambda: "Ctrl+C" in screen() or process.poll() is not None, context=screen)
            assert process.poll() is None, screen()
            written = json.loads((folder / ".videobroker" / "demo.json").read_text())
            key = written["apps"][APP]["api_key"]
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=written["base_url"], headers=headers, timeout=30, trust_env=False) as client:
                yield Demo(folder, written["base_url"], written["sandbox_url"], key, client)
        finally:
            stop(process, signal.SIGINT)
