"""Makes load: keep-alive connections on uvloop, each with one request under way, in a process of its own."""

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
class Shot:
    """One request: POST this body to this path."""

    path: str
    body: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a load. Latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def fire(
    url: str, shots: Sequence[Shot], headers: dict[str, str], *, connections: int, seconds: float, seed: int = 0
) -> Measured:
    """Fire these again and again; every connection at least once."""
    order = {
        "url": url,
        "shots": [asdict(shot) for shot in shots],
        "headers": headers,
        "connections": connections,
        "seconds": seconds,
        "seed": seed,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gun"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return Measured(**figures)


class _Connection(asyncio.Protocol):
    def __init__(self, gun: "_Gun") -> None:
        self._gun = gun
        self._received = b""
        self._fired_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._fire()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(END_OF_HEAD)
        if not found or len(body) < _length(head):
            return
        self._received = b""
        self._gun.hit(time.perf_counter() - self._fired_at, good=head[9:12] == b"200")
        if time.perf_counter() < self._gun.until:
            self._fire()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gun.left()

    def _fire(self) -> None:
        self._fired_at = time.perf_counter()
        self._transport.write(next(self._gun.shots))


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or b"0")


class _Gun:
    def __init__(self, order: dict[str, Any]) -> None:
        self._where = urlsplit(order["url"])
        requests = [_request(self._where.netloc, order["headers"], shot) for shot in order["shots"]]
        self.shots = islice(cycle(requests), order["seed"] % len(requests), None)
        self._connections: int = order["connections"]
        self._seconds: float = order["seconds"]
        self.until = 0.0
        self._times: list[float] = []
        self._errors = 0
        self._open = 0
        self._all_left: asyncio.Event = asyncio.Event()

    def hit(self, seconds: float, *, good: bool) -> None:
        self._times.append(seconds)
        self._errors += not good

    def left(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._all_left.set()

    async def run(self) -> Measured:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        self.until = began + self._seconds
        self._open = self._connections
        for _ in range(self._connections):
            await loop.create_connection(lambda: _Connection(self), self._where.hostname, self._where.port)
        await self._all_left.wait()
        took = time.perf_counter() - began
        times = sorted(self._times)
        at = [1000 * times[int(len(times) * share)] for share in (0.5, 0.99)]
        return Measured(len(times), took, self._errors, *at)


def _request(host: str, headers: dict[str, str], shot: dict[str, str]) -> bytes:
    body = shot["body"].encode()
    lines = [f"POST {shot['path']} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


async def _fire(order: dict[str, Any]) -> Measured:
    return await _Gun(order).run()


def main() -> None:
    """Do as the order on stdin says, and print what came of it."""
    sys.stdout.write(json.dumps(asdict(uvloop.run(_fire(json.load(sys.stdin))))))


if __name__ == "__main__":
    main()
