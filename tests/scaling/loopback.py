"""PgBouncer and nginx for tests: those that are installed, or a reason to skip."""

import pytest

from benchmarks.loopback import (
    HTTP,
    LOCATIONS,
    MAIN,
    Pooler,
    Proxy,
    nginx,
    nginx_command,
    pgbouncer,
    program,
    write_nginx,
)
from benchmarks.stage import ROOT

__all__ = [
    "HTTP",
    "LOCATIONS",
    "MAIN",
    "ROOT",
    "Pooler",
    "Proxy",
    "needs_nginx",
    "needs_pgbouncer",
    "nginx",
    "nginx_command",
    "pgbouncer",
    "write_nginx",
]

needs_pgbouncer = pytest.mark.skipif(program("pgbouncer") is None, reason="pgbouncer is not installed")
needs_nginx = pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
