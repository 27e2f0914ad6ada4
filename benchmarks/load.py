"""Makes load with `wrk` (a Debian package), in a process of its own.

Where wrk is missing, a small generator on uvloop does it: `benchmarks/gun.py`.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import gun
from benchmarks.gun import Measured, Shot

__all__ = ["Measured", "Shot", "generator", "load"]

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
    return gun.fire(url, shots, headers, connections=connections, seconds=seconds, seed=seed)


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
        raise RuntimeError(f"wrk printed no result: {done.stdout[-300:]}{done.stderr[-300:]}")
    requests, microseconds, errors = (int(found[n]) for n in (1, 2, 3))
    return Measured(requests, microseconds / 1e6, errors, float(found[4]) / 1000, float(found[5]) / 1000)


def _lua(text: str) -> str:
    return json.dumps(text)
