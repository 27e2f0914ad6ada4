"""Every task that runs for long is supervised. Others end with what started them, which awaits them."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "videobroker"
STARTERS = {"create_task", "ensure_future", "TaskGroup"}

AWAITED = {
    "cli/granian_server.py": "The server: the process ends with it. And a wait for a signal.",
    "concurrency/batcher.py": "A batch: a failure is logged, and the next batch starts.",
    "concurrency/singleflight.py": "Its callers await it.",
    "concurrency/supervised.py": "Starts the supervised tasks.",
    "identity/jwks.py": "The request that starts it awaits it.",
    "sandbox/background.py": "The sandbox imports nothing of ours. Reports failures to the event loop.",
    "sandbox/meeting/socket.py": "Ends with its connection.",
    "storage/jobs.py": "The heartbeat: any failure of it closes the connections, and the worker restarts.",
    "storage/tenants/cache.py": "A query: its callers await it, or the next one queries again.",
    "usecases/journal/verification.py": "Reads ahead: the generator awaits it.",
    "web/console/live.py": "The stream awaits it.",
    "web/http/http1_connection.py": "A request.",
    "wiring.py": "The worker, which supervises itself.",
    "worker.py": "The queues: the worker restarts when one ends.",
}
"""Files that may start tasks on their own, and why nothing goes unnoticed."""


def _starting() -> Iterator[str]:
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTERS:
                yield str(path.relative_to(SOURCES))


def test_only_these_files_start_tasks() -> None:
    assert set(_starting()) == set(AWAITED), "Run what lasts as long as the process in a `SupervisedTask`."
