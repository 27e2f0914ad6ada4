"""Circuit breaker: after consecutive failures, no request is sent until a single probe succeeds.

Pure: functions take the circuit and the time, and return the new circuit. Times are monotonic seconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class CircuitState(StrEnum):
    """Whether requests are sent."""

    CLOSED = "closed"
    """All of them."""
    OPEN = "open"
    """None."""
    HALF_OPEN = "half_open"
    """One, the probe."""


@dataclass(frozen=True, slots=True)
class RequestPermit:
    """Permission to send one request."""

    probe_of: float | None = None
    """`Circuit.open_until` of the opening that the request probes; None for a regular request."""


@dataclass(frozen=True, slots=True)
class CircuitLimits:
    """When a circuit opens, and for how long."""

    failures: int = 8
    """Consecutive ones. An operation has up to four attempts, so this is more than one operation that fails."""
    first_wait_seconds: float = 1.0
    """Before the first probe. Doubled after each probe that fails."""
    max_wait_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """Immutable. The default is a closed circuit without failures."""

    failures: int = 0
    """Since the last answer."""
    openings: int = 0
    """Since the last answer, so that the waits grow. 0: the circuit is closed."""
    open_until: float = 0.0
    """When a probe may be sent."""
    is_probing: bool = False
    """A probe is under way."""

    def state(self, now: float) -> CircuitState:
        """The state at this time."""
        if self.openings == 0:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self.open_until else CircuitState.HALF_OPEN


@dataclass(frozen=True, slots=True)
class CircuitStatus:
    """A circuit at one time, for operators."""

    state: CircuitState
    failures: int
    """Consecutive ones."""
    wait_seconds: float
    """Until the next probe."""

    @property
    def is_rejecting(self) -> bool:
        """Whether requests fail without being sent."""
        return self.wait_seconds > 0

    @property
    def precedence(self) -> tuple[bool, float]:
        """Lower for a circuit that should be used rather than another one."""
        return (self.state is not CircuitState.CLOSED, self.wait_seconds)


CLOSED_CIRCUIT = CircuitStatus(CircuitState.CLOSED, failures=0, wait_seconds=0.0)


def admits(circuit: Circuit, now: float) -> bool:
    """Whether a request may be sent now."""
    return circuit.openings == 0 or (circuit.open_until <= now and not circuit.is_probing)


def admit(circuit: Circuit, now: float) -> tuple[Circuit, RequestPermit | None]:
    """Request permission to send a request. None: it must not be sent."""
    if not admits(circuit, now):
        return circuit, None
    if circuit.openings == 0:
        return circuit, RequestPermit()
    return replace(circuit, is_probing=True), RequestPermit(circuit.open_until)


def wait_seconds(circuit: Circuit, limits: CircuitLimits, now: float) -> float:
    """How long a client should wait before it tries again. 0 if the circuit is closed, or a probe may be sent."""
    if admits(circuit, now):
        return 0.0
    return limits.first_wait_seconds if circuit.is_probing else circuit.open_until - now


def record_answer() -> Circuit:
    """The circuit after any answer, also to a request that was sent before the circuit opened: closed."""
    return Circuit()


def record_failure(circuit: Circuit, permit: RequestPermit, limits: CircuitLimits, now: float) -> Circuit:
    """The circuit after a request without an answer.

    While the circuit is open, only the failure of the probe extends the wait: others were sent before it opened.
    """
    failures = circuit.failures + 1
    if circuit.openings == 0:
        return _opened(circuit, limits, failures, now) if failures >= limits.failures else Circuit(failures)
    if _is_probe_of(circuit, permit):
        return _opened(circuit, limits, failures, now)
    return replace(circuit, failures=failures)


def record_aborted(circuit: Circuit, permit: RequestPermit) -> Circuit:
    """The circuit after a request whose result is unknown: another probe may be sent."""
    return replace(circuit, is_probing=False) if _is_probe_of(circuit, permit) else circuit


def _is_probe_of(circuit: Circuit, permit: RequestPermit) -> bool:
    # The probe of an earlier opening can end later than an answer that closed the circuit.
    return circuit.is_probing and permit.probe_of == circuit.open_until


def _opened(circuit: Circuit, limits: CircuitLimits, failures: int, now: float) -> Circuit:
    # The exponent is bounded: an account can stay unreachable for years.
    wait = min(limits.first_wait_seconds * 2 ** min(circuit.openings, 30), limits.max_wait_seconds)
    return Circuit(failures, circuit.openings + 1, now + wait)
