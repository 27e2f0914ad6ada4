"""Exceptions. Catch `VideobrokerError` for all of them, and compare `code`, which never changes."""

from collections.abc import Mapping
from typing import Any

from videobroker_client.models import AccessDecision


class VideobrokerError(Exception):
    """Base class of all exceptions of this package, apart from wrong arguments."""


class ConnectionFailed(VideobrokerError):
    """The service cannot be reached, or the connection was interrupted."""


class RequestTimedOut(ConnectionFailed):
    """There was no response in time. The service may have processed the request."""


class UnexpectedResponse(VideobrokerError):
    """The response is not one of videobroker: the address may be wrong."""


class ApiError(VideobrokerError):
    """The service refused the request, or failed."""

    def __init__(self, problem: Mapping[str, Any], *, status: int, retry_after: float | None, request_id: str | None):
        self.problem = problem
        """The problem document (RFC 9457)."""
        self.status = status
        """The HTTP status."""
        self.code = str(problem.get("code", ""))
        """The stable code, for programs."""
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        """What is wrong, and what to do."""
        self.retry_after = retry_after
        """Seconds to wait before the next attempt, if the service names them."""
        self.request_id = request_id
        """The ID of the request in the log of the service."""
        suffix = f" (request {request_id})" if request_id else ""
        super().__init__(f"{self.code or status}: {self.detail or self.title}{suffix}")


class BadRequest(ApiError):
    """400, 413, 415, 422, and others: the request is wrong. `errors` names the fields."""

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """The fields, each with a `pointer` and a `message`."""
        return list(self.problem.get("errors") or [])


class AuthenticationFailed(ApiError):
    """401: the API key, user token, or ticket is missing, unknown, or expired."""


class PermissionDenied(ApiError):
    """403: the credential does not permit this."""


class AccessDenied(PermissionDenied):
    """403: the person may not join now. `access` says why, and until when they have to wait."""

    @property
    def access(self) -> AccessDecision:
        """The decision: `wait` or `refuse`, the reason, and `opens_at`."""
        return AccessDecision.from_json(self.problem["access"])

    @property
    def guest_id(self) -> str | None:
        """The ID of a guest who has to wait: send it with the next attempt."""
        found = self.problem.get("guest_id")
        return None if found is None else str(found)


class NotFound(ApiError):
    """404: it does not exist, or belongs to another app."""


class Conflict(ApiError):
    """409: the state does not allow it."""


class PreconditionFailed(ApiError):
    """412: it has changed since you have read it."""


class RateLimited(ApiError):
    """429: too many requests."""


class ServiceFailed(ApiError):
    """5xx: the service or a vendor is not available."""


_CLASSES: Mapping[int, type[ApiError]] = {
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    429: RateLimited,
}


def api_error(
    problem: Mapping[str, Any], *, status: int, retry_after: float | None, request_id: str | None
) -> ApiError:
    """The exception for a problem document."""
    cls = _CLASSES.get(status, ServiceFailed if status >= 500 else BadRequest)
    if status == 403 and problem.get("access") is not None:
        cls = AccessDenied
    return cls(problem, status=status, retry_after=retry_after, request_id=request_id)
