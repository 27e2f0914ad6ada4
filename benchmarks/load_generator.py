"""Generates load with `wrk` (a Debian package), or with `builtin_load_generator.py` if wrk is not installed."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import builtin_load_generator
from benchmarks.builtin_load_generator import LoadResult, RequestTemplate

__all__ = ["LoadResult", "RequestTemplate", "generator_name", "run_load"]

SCRIPT = """
local bodies = {bodies}
local headers = {headers}
local number = {seed}
request = function()
  number = number % #bodies + 1
  return wrk.format("POST", bodies[number][1], headers, bodies[number][2])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def generator_name() -> str:
    """The load generator that `run_load` uses: `wrk` or `built-in`."""
    return "wrk" if shutil.which("wrk") else "built-in"


def run_load(
    url: str,
    templates: Sequence[RequestTemplate],
    headers: dict[str, str],
    *,
    connections: int,
    seconds: float,
    seed: int = 0,
) -> LoadResult:
    """Send the requests in turn. Each connection sends the next request when the response arrives."""
    with tempfile.TemporaryDirectory(prefix="videobroker-load-") as folder:
        if generator_name() == "wrk":
            return _run_wrk(Path(folder), url, templates, headers, connections, seconds, seed)
    return builtin_load_generator.run_load(url, templates, headers, connections=connections, seconds=seconds, seed=seed)


def _run_wrk(
    folder: Path,
    url: str,
    templates: Sequence[RequestTemplate],
    headers: dict[str, str],
    connections: int,
    seconds: float,
    seed: int,
) -> LoadResult:
    script = folder / "load.lua"
    bodies = ",".join(f"{{{_lua(template.path)},{_lua(template.body)}}}" for template in templates)
    header_table = ",".join(f"[{_lua(name)}]={_lua(value)}" for name, value in headers.items())
    text = SCRIPT.replace("{bodies}", f"{{{bodies}}}").replace("{headers}", f"{{{header_table}}}")
    script.write_text(text.replace("{seed}", str(seed % len(templates))))
    whole_seconds = max(1, round(seconds))
    completed = subprocess.run(  # noqa: S603
        ["wrk", "-t1", f"-c{connections}", f"-d{whole_seconds}s", "--timeout", "20s", "-s", str(script), url],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=whole_seconds + 60,
        check=True,
    )
    match = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", completed.stdout)
    if match is None:
        raise RuntimeError(f"wrk printed no result: {completed.stdout[-300:]}{completed.stderr[-300:]}")
    requests, microseconds, errors = (int(match[n]) for n in (1, 2, 3))
    return LoadResult(requests, microseconds / 1e6, errors, float(match[4]) / 1000, float(match[5]) / 1000)


def _lua(text: str) -> str:
    return json.dumps(text)
