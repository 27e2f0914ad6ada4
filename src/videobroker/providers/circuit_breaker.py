"""Circuit breaker of one provider account in this process.

Answers with any status below 500, also 429, are answers of a healthy vendor.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import Counter

from videobroker.domain.circuit_breaker import (
    Circuit,
    CircuitLimits,
    CircuitStatus,
    RequestPermit,
    admit,
    admits,
    record_aborted,
    record_answer,
    record_failure,
    wait_seconds,
)
from videobroker.providers.retrying import AttemptError, CircuitOpen

UNANSWERED_AFTER_SECONDS = 2.0
"""A request that is canceled after so long, such as by a total time limit, counts as not answered."""

OPENINGS = Counter(
    "videobroker_vendor_circuit_openings",
    "Circuits of accounts that opened, because a vendor did not answer, and after failed probes.",
    ["vendor"],
)
REJECTED = Counter(
    "videobroker_vendor_circuit_rejections", "Requests that were not sent, because the circuit is open.", ["vendor"]
)

log = structlog.get_logger(__name__)


class CircuitBreaker:
    """For one event loop."""

    def __init__(
        self,
        vendor: str,
        account: str,
        *,
        limits: CircuitLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`account` is the vendor's ID of the account, for the log. `clock` returns monotonic seconds."""
        self._vendor = vendor
        self._account = account
        self._limits = limits or CircuitLimits()
        self._clock = clock
        self._circuit = Circuit()

    @property
    def status(self) -> CircuitStatus:
        """The present state, for metrics and diagnostics."""
        now = self._clock()
        return CircuitStatus(
            self._circuit.state(now), self._circuit.failures, wait_seconds(self._circuit, self._limits, now)
        )

    def check(self) -> None:
        """Raise `CircuitOpen` if no request may be sent now. For callers that wait before they send one."""
        if not admits(self._circuit, self._clock()):
            raise self._rejection()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around one request: records its `AttemptError`, or that it was answered. Raises `CircuitOpen`."""
        started = self._clock()
        self._circuit, permit = admit(self._circuit, started)
        if permit is None:
            raise self._rejection()
        try:
            yield
        except AttemptError as error:
            self._replace(self._after(error, permit))
            raise
        except asyncio.CancelledError:
            was_unanswered = self._clock() - started >= UNANSWERED_AFTER_SECONDS
            self._replace(self._failed(permit) if was_unanswered else record_aborted(self._circuit, permit))
            raise
        except BaseException:
            self._replace(record_aborted(self._circuit, permit))
            raise
        self._replace(record_answer())

    def _after(self, error: AttemptError, permit: RequestPermit) -> Circuit:
        if error.is_local:
            return record_aborted(self._circuit, permit)
        return self._failed(permit) if error.is_outage else record_answer()

    def _failed(self, permit: RequestPermit) -> Circuit:
        return record_failure(self._circuit, permit, self._limits, self._clock())

    def _replace(self, circuit: Circuit) -> None:
        before, self._circuit = self._circuit, circuit
        if circuit.openings > before.openings:
            OPENINGS.labels(self._vendor).inc()
        if before.openings == 0 < circuit.openings:
            log.warning(
                "provider.circuit_opened",
                vendor=self._vendor,
                account=self._account,
                failures=circuit.failures,
            )
        if circuit.openings == 0 < before.openings:
            log.info("provider.circuit_closed", vendor=self._vendor, account=self._account, failures=before.failures)

    def _rejection(self) -> CircuitOpen:
        REJECTED.labels(self._vendor).inc()
        wait = wait_seconds(self._circuit, self._limits, self._clock())
        return CircuitOpen(self._circuit.failures, retry_after=wait)
