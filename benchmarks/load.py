"""Makes load with `wrk` (a Debian package), in a process of its own.

Where wrk is missing, a small generator on uvloop does it: `python -m benchmarks.load`.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCRIPT = """
local bodies = {bodies}
local headers = {headers}
local number = {seed}
request = function()
  number = number % #bodies + 1
  return wrk.format("POST", bodies[number][1], headers, bodies[number][2])
end
done = function(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format("FIGURES %d %d %d %f %f\\n", summary.requests, summary.duration,
    wrong.status + wrong.connect + wrong.read + wrong.write + wrong.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


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


def generator() -> str:
    """What makes the load here."""
    return "wrk" if shutil.which("wrk") else "own"


def load(
    url: str, shots: Sequence[Shot], headers: dict[str, str], *, connections: int, seconds: float, seed: int = 0
) -> Measured:
    """Fire these again and again, on so many connections, each as soon as the last one was answered."""
    with tempfile.TemporaryDirectory(prefix="videobroker-load-") as folder:
        if generator() == "wrk":
            return _wrk(Path(folder), url, shots, headers, connections, seconds, seed)
        return _own(Path(folder), url, shots, headers, connections, seconds, seed)


def _wrk(
    folder: Path, url: str, shots: Sequence[Shot], headers: dict[str, str], connections: int, seconds: float, seed: int
) -> Measured:
    script = folder / "load.lua"
    bodies = ",".join(f"{{{_lua(shot.path)},{_lua(shot.body)}}}" for shot in shots)
    named = ",".join(f"[{_lua(name)}]={_lua(value)}" for name, value in headers.items())
    text = SCRIPT.replace("{bodies}", f"{{{bodies}}}").replace("{headers}", f"{{{named}}}")
    script.write_text(text.replace("{seed}", str(seed % len(shots))))
    whole = max(1, round(seconds))
    done = subprocess.run(  # noqa: S603
        ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "20s", "-s", str(script), url],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=whole + 60,
        check=True,
    )
    found = re.search(r"FIGURES (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said nothing: {done.stdout[-300:]}{done.stderr[-300:]}")
    requests, microseconds, errors = (int(found[n]) for n in (1, 2, 3))
    return Measured(requests, microseconds / 1e6, errors, float(found[4]) / 1000, float(found[5]) / 1000)


def _lua(text: str) -> str:
    return json.dumps(text)


def _own(
    folder: Path, url: str, shots: Sequence[Shot], headers: dict[str, str], connections: int, seconds: float, seed: int
) -> Measured:
    order = {
        "url": url,
        "shots": [asdict(shot) for shot in shots],
        "headers": headers,
        "connections": connections,
        "seconds": seconds,
        "seed": seed,
    }
    file = folder / "order.json"
    file.write_text(json.dumps(order))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.gun", str(file)],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return Measured(**figures)
