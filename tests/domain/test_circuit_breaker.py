"""The circuit breaker: opens after consecutive failures, and closes after an answer."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from videobroker.domain.circuit_breaker import (
    Circuit,
    CircuitLimits,
    CircuitState,
    RequestPermit,
    admit,
    admits,
    record_aborted,
    record_answer,
    record_failure,
    wait_seconds,
)

LIMITS = CircuitLimits(failures=3, first_wait_seconds=1.0, max_wait_seconds=8.0)


def failed(times: int, circuit: Circuit | None = None, *, now: float = 0.0) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(times):
        circuit = record_failure(circuit, RequestPermit(), LIMITS, now)
    return circuit


def test_it_opens_after_the_last_of_consecutive_failures() -> None:
    assert admits(failed(2), 0.0)
    assert failed(2).state(0.0) is CircuitState.CLOSED
    assert not admits(failed(3), 0.0)
    assert failed(3).state(0.0) is CircuitState.OPEN


def test_an_answer_restarts_the_count() -> None:
    assert failed(2, record_answer()) == failed(2)


def test_the_wait_doubles_with_each_failed_probe_up_to_a_limit() -> None:
    circuit, now, waits = failed(3), 0.0, list[float]()
    for _ in range(6):
        waits.append(wait_seconds(circuit, LIMITS, now))
        now += waits[-1]
        circuit, permit = admit(circuit, now)
        assert permit == RequestPermit(now)
        circuit = record_failure(circuit, permit, LIMITS, now)
    assert waits == [1, 2, 4, 8, 8, 8]


def test_years_of_failures_do_not_overflow() -> None:
    circuit = record_failure(Circuit(9, 10_000, 0.0, is_probing=True), RequestPermit(0.0), LIMITS, 0.0)
    assert wait_seconds(circuit, LIMITS, 0.0) == LIMITS.max_wait_seconds


def test_only_one_probe_is_sent_at_a_time() -> None:
    circuit, permit = admit(failed(3), 1.0)
    assert (permit, circuit.state(1.0)) == (RequestPermit(1.0), CircuitState.HALF_OPEN)
    assert admit(circuit, 100.0) == (circuit, None)
    assert wait_seconds(circuit, LIMITS, 100.0) == LIMITS.first_wait_seconds


def test_after_an_aborted_probe_another_one_is_sent() -> None:
    circuit, permit = admit(failed(3), 1.0)
    assert permit is not None
    assert admit(record_aborted(circuit, permit), 1.0)[1] == permit


def test_the_probe_of_an_earlier_opening_does_not_end_a_later_one() -> None:
    _, earlier = admit(failed(3), 1.0)
    assert earlier is not None
    probing, later = admit(failed(3, record_answer(), now=5.0), 6.0)
    assert later == RequestPermit(6.0)
    assert record_aborted(probing, earlier) == probing
    assert record_failure(probing, earlier, LIMITS, 6.0).is_probing


@pytest.mark.parametrize("now", [0.5, 1.0])
def test_late_failures_of_earlier_requests_do_not_extend_the_wait(now: float) -> None:
    circuit, _ = admit(failed(3), now)
    assert failed(1, circuit, now=now).open_until == circuit.open_until
    assert failed(1, circuit, now=now).is_probing == circuit.is_probing


@dataclass
class Request:
    permit: RequestPermit
    is_current: bool = field(default=True)
    """Whether it was sent after the last answer."""


class CircuitMachine(RuleBasedStateMachine):
    """Concurrent requests with random results, at random times."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit()
        self.requests: list[Request] = []
        self.failures = 0
        self.rejected_since: float | None = None

    @rule()
    def send(self) -> None:
        before = self.circuit
        self.circuit, permit = admit(before, self.now)
        if permit is None:
            assert self.circuit == before
            assert self.failures >= LIMITS.failures
            assert 0 < wait_seconds(before, LIMITS, self.now) <= LIMITS.max_wait_seconds
            return
        assert wait_seconds(before, LIMITS, self.now) == 0
        self.requests.append(Request(permit))

    @rule(half_seconds=st.integers(1, 20))
    def wait(self, half_seconds: int) -> None:
        self.now += half_seconds / 2  # exact in binary

    @precondition(lambda self: self.requests)
    @rule(index=st.integers(0, 100))
    def answer(self, index: int) -> None:
        self.requests.pop(index % len(self.requests))
        self.circuit = record_answer()
        self.failures = 0
        for request in self.requests:
            request.is_current = False

    @precondition(lambda self: self.requests)
    @rule(index=st.integers(0, 100))
    def fail(self, index: int) -> None:
        request = self.requests.pop(index % len(self.requests))
        self.circuit = record_failure(self.circuit, request.permit, LIMITS, self.now)
        self.failures += 1

    @precondition(lambda self: self.requests)
    @rule(index=st.integers(0, 100))
    def abort(self, index: int) -> None:
        request = self.requests.pop(index % len(self.requests))
        self.circuit = record_aborted(self.circuit, request.permit)

    @invariant()
    def it_is_open_exactly_after_too_many_failures_since_the_last_answer(self) -> None:
        is_closed = self.circuit.state(self.now) is CircuitState.CLOSED
        assert is_closed == (self.failures < LIMITS.failures)

    @invariant()
    def no_two_probes_of_one_opening_are_under_way(self) -> None:
        probes = [each for each in self.requests if each.permit.probe_of is not None and each.is_current]
        assert len(probes) <= 1
        if probes:
            assert self.circuit.is_probing

    @invariant()
    def a_probe_is_possible_at_the_latest_after_the_maximum_wait(self) -> None:
        later = self.now + LIMITS.max_wait_seconds
        assert self.circuit.is_probing or admits(self.circuit, later)


TestCircuitMachine = CircuitMachine.TestCase
