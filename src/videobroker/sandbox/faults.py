"""Faults that the control API injects into operations of the vendors."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from fastapi.responses import Response

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject

MAX_MILLISECONDS = 600_000


class FaultKind(StrEnum):
    LATENCY = "latency"
    """Wait, then continue normally."""
    STATUS = "status"
    """Respond with an error of the vendor."""
    DROP = "drop"
    """Close the connection without a response."""
    TRUNCATE = "truncate"
    """Declare the full length of the response, send half of it, and close the connection."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An injected fault."""

    kind: FaultKind
    operation: str | None = None
    """The operation that it applies to; None for all."""
    times: int | None = None
    """How many more times it happens; None for no limit."""
    milliseconds: int = 0
    status: int = 500
    retry_after: int | None = None
    after: bool = False
    """Whether it happens after the operation has taken effect, so that only the response is lost."""

    @property
    def replaces_response(self) -> bool:
        """Whether this fault replaces the real response."""
        return self.kind is not FaultKind.LATENCY

    @property
    def follows_operation(self) -> bool:
        """Whether the operation takes effect before the fault happens."""
        return self.after or self.kind is FaultKind.TRUNCATE

    def applies_to(self, operation: str) -> bool:
        """Whether it applies to this operation."""
        return self.operation in (None, operation)

    def used(self) -> "Fault | None":
        """This fault after one more use; None if it is used up."""
        if self.times is None:
            return self
        return replace(self, times=self.times - 1) if self.times > 1 else None

    def as_json(self) -> JsonObject:
        return asdict(self)

    def as_response(self) -> Response:
        """The response of a `status` fault."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        message = "rate limit exceeded" if self.status == 429 else HTTPStatus(self.status).phrase.lower()
        return VendorError(self.status, message, "injected by the sandbox").as_response(headers)


class FaultPlan:
    """The pending faults of a sandbox, in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault after the pending ones."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def pending(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def take(self, operation: str) -> tuple[Fault, ...]:
        """Take the faults of one request: in order, up to the first one that replaces the response."""
        taken: list[Fault] = []
        left: list[Fault] = []
        for fault in self._faults:
            answered = bool(taken) and taken[-1].replaces_response
            if answered or not fault.applies_to(operation):
                left.append(fault)
                continue
            taken.append(fault)
            if remainder := fault.used():
                left.append(remainder)
        self._faults = left
        return tuple(taken)


def read_fault(body: JsonObject, operations: frozenset[str]) -> Fault:
    """The fault in a request to the control API. Raises `VendorError` (400) for a fault that could never happen."""
    unknown = body.keys() - Fault.__dataclass_fields__.keys()
    if unknown:
        raise VendorError(400, f"unknown field {min(unknown)}")
    return Fault(
        kind=_kind(body.get("kind")),
        operation=_operation(body.get("operation"), operations),
        times=_whole_number(body, "times", low=1, high=1_000_000),
        milliseconds=_whole_number(body, "milliseconds", low=0, high=MAX_MILLISECONDS) or 0,
        status=_status(_whole_number(body, "status", low=400, high=599) or 500),
        retry_after=_whole_number(body, "retry_after", low=0, high=86_400),
        after=_flag(body.get("after", False)),
    )


def _kind(value: object) -> FaultKind:
    try:
        return FaultKind(str(value))
    except ValueError:
        raise VendorError(400, f"kind must be one of {', '.join(FaultKind)}") from None


def _operation(value: object, operations: frozenset[str]) -> str | None:
    if value is None or (isinstance(value, str) and value in operations):
        return value
    raise VendorError(400, f"operation must be null or one of {', '.join(sorted(operations))}")


def _whole_number(body: JsonObject, field: str, *, low: int, high: int) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise VendorError(400, f"{field} must be null or a whole number from {low} to {high}")
    return value


def _status(value: int) -> int:
    if value not in HTTPStatus.__members__.values():
        raise VendorError(400, f"{value} is no HTTP status")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise VendorError(400, "after must be true or false")
    return value
