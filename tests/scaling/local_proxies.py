"""PgBouncer and nginx for tests, with marks that skip a test if they are not installed."""

import pytest

from benchmarks.environment import ROOT
from benchmarks.local_proxies import (
    HTTP_CONF,
    LOCATIONS_CONF,
    MAIN_CONF,
    Pooler,
    Proxy,
    find_program,
    nginx,
    nginx_command,
    pgbouncer,
    start_listener,
    write_nginx,
)

__all__ = [
    "HTTP_CONF",
    "LOCATIONS_CONF",
    "MAIN_CONF",
    "ROOT",
    "Pooler",
    "Proxy",
    "needs_nginx",
    "needs_pgbouncer",
    "nginx",
    "nginx_command",
    "pgbouncer",
    "start_listener",
    "write_nginx",
]

needs_pgbouncer = pytest.mark.skipif(find_program("pgbouncer") is None, reason="pgbouncer is not installed")
needs_nginx = pytest.mark.skipif(find_program("nginx") is None, reason="nginx is not installed")
