"""A load generator in a separate process: keep-alive connections on uvloop, each with one request at a time."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A POST request that a load repeats."""

    path: str
    body: str


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of one load. Latencies are in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def run_load(
    url: str,
    templates: Sequence[RequestTemplate],
    headers: dict[str, str],
    *,
    connections: int,
    seconds: float,
    seed: int = 0,
) -> LoadResult:
    """Send the requests in turn for so many seconds. Each connection sends at least one."""
    spec = {
        "url": url,
        "templates": [asdict(template) for template in templates],
        "headers": headers,
        "connections": connections,
        "seconds": seconds,
        "seed": seed,
    }
    completed = subprocess.run(
        [sys.executable, "-m", "benchmarks.builtin_load_generator"],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    result: dict[str, Any] = json.loads(completed.stdout)
    return LoadResult(**result)


class _Connection(asyncio.Protocol):
    def __init__(self, generator: "_LoadGenerator") -> None:
        self._generator = generator
        self._received = b""
        self._sent_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(END_OF_HEAD)
        if not found or len(body) < _length(head):
            return
        self._received = b""
        self._generator.record(time.perf_counter() - self._sent_at, is_success=head[9:12] == b"200")
        if time.perf_counter() < self._generator.ends_at:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._generator.connection_closed()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._generator.requests))


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or b"0")


class _LoadGenerator:
    def __init__(self, spec: dict[str, Any]) -> None:
        self._url = urlsplit(spec["url"])
        requests = [_request(self._url.netloc, spec["headers"], template) for template in spec["templates"]]
        self.requests = islice(cycle(requests), spec["seed"] % len(requests), None)
        self._connections: int = spec["connections"]
        self._seconds: float = spec["seconds"]
        self.ends_at = 0.0
        self._latencies: list[float] = []
        self._errors = 0
        self._open = 0
        self._all_closed: asyncio.Event = asyncio.Event()

    def record(self, latency: float, *, is_success: bool) -> None:
        self._latencies.append(latency)
        self._errors += not is_success

    def connection_closed(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._all_closed.set()

    async def run(self) -> LoadResult:
        loop = asyncio.get_running_loop()
        started_at = time.perf_counter()
        self.ends_at = started_at + self._seconds
        self._open = self._connections
        for _ in range(self._connections):
            await loop.create_connection(lambda: _Connection(self), self._url.hostname, self._url.port)
        await self._all_closed.wait()
        seconds = time.perf_counter() - started_at
        latencies = sorted(self._latencies)
        p50, p99 = (1000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
        return LoadResult(len(latencies), seconds, self._errors, p50, p99)


def _request(host: str, headers: dict[str, str], template: dict[str, str]) -> bytes:
    body = template["body"].encode()
    lines = [f"POST {template['path']} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


async def _run(spec: dict[str, Any]) -> LoadResult:
    return await _LoadGenerator(spec).run()


def main() -> None:
    """Read the load from stdin as JSON, run it, and print the result as JSON."""
    sys.stdout.write(json.dumps(asdict(uvloop.run(_run(json.load(sys.stdin))))))


if __name__ == "__main__":
    main()
