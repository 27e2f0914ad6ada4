"""Errors on their way out: RFC 9457 problem documents, and the one table that gives a code its HTTP status."""

import math
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker import errors
from videobroker.domain.access import Reason
from videobroker.errors import AccessDenied, BrokerError
from videobroker.web.http.methods import allowed_methods
from videobroker.web.http.schemas import AccessShape, access_shape

MEDIA_TYPE = "application/problem+json"
MOST_PARTS = 20
"""So many mistakes of one request are listed: nobody reads more, and a request may hold a hundred thousand."""
LONGEST_POINTER = 200

log = structlog.get_logger(__name__)


class MalformedJson(errors.InvalidInput):
    """The body is not JSON."""

    code = "malformed_json"


class UnsupportedMediaType(errors.InvalidInput):
    """The body is in a format that is not read here."""

    code = "unsupported_media_type"


class UnsupportedContentEncoding(errors.InvalidInput):
    """The body is compressed."""

    code = "unsupported_content_encoding"


class MalformedRequest(errors.InvalidInput):
    """This is not a valid HTTP request."""

    code = "malformed_request"


class HeadTooLarge(errors.InvalidInput):
    """The head of the request is too large."""

    code = "request_head_too_large"


class RequestTimeout(errors.InvalidInput):
    """The request did not arrive in time."""

    code = "request_timeout"


class BodyTooLarge(errors.InvalidInput):
    """The body is too large."""

    code = "body_too_large"


class NoSuchPath(errors.NotFound):
    """There is nothing at this path."""

    code = "path_not_found"


class MethodNotAllowed(BrokerError):
    """This path does not know this method."""

    code = "method_not_allowed"


STATUS: Mapping[str, int] = {
    "invalid_request": 422,
    "malformed_json": 400,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "unsupported_content_encoding": 415,
    "malformed_request": 400,
    "request_head_too_large": 431,
    "request_timeout": 408,
    "unknown_provider": 422,
    "role_not_mapped": 422,
    "duplicate_participant": 422,
    "surface_not_offered": 422,
    "invalid_cursor": 422,
    "idempotency_key_reused": 422,
    "webhook_refused": 401,
    "webhook_unreadable": 400,
    "api_key_missing": 401,
    "api_key_invalid": 401,
    "api_key_expired": 401,
    "api_key_revoked": 401,
    "user_token_invalid": 401,
    "user_token_expired": 401,
    "user_token_not_yet_valid": 401,
    "user_token_lives_too_long": 401,
    "user_token_ambiguous": 401,
    "ticket_invalid": 401,
    "ticket_expired": 401,
    "ticket_revoked": 401,
    "scope_missing": 403,
    "api_key_needed": 403,
    "ticket_not_enough": 403,
    "not_yourself": 403,
    "role_may_not": 403,
    "path_not_found": 404,
    "method_not_allowed": 405,
    "session_not_found": 404,
    "legacy_disabled": 404,
    "participant_not_found": 404,
    "call_not_found": 404,
    "endpoint_not_found": 404,
    "delivery_not_found": 404,
    "entry_not_found": 404,
    "link_not_found": 404,
    "secret_replaced": 409,
    "too_many_endpoints": 409,
    "already_admitted": 409,
    "request_in_flight": 409,
    **{reason.value: 403 for reason in Reason},
    "provider_unavailable": 503,
    "provider_refused": 502,
    "provider_not_configured": 503,
    "room_not_ready": 503,
    "identity_unavailable": 503,
    "storage_unavailable": 503,
    "seal_broken": 500,
    "internal_error": 500,
}


class FieldProblem(BaseModel):
    """One part of a request that is not valid."""

    pointer: str = Field(description="Where: `body/participants/0/role`, `query/limit`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error, as RFC 9457 has it. `code` is stable; `detail` says what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/not_a_participant",
                    "title": "This person may not enter now.",
                    "status": 403,
                    "code": "not_a_participant",
                    "detail": "This user is not on the roster of the session. Add them to its participants first.",
                    "access": {"decision": "refuse", "reason": "not_a_participant"},
                }
            ]
        }
    )

    type: str = Field(description="Identifies the kind of problem: `/problems/` and the code.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status, once more.")
    code: str = Field(description="Stable, for programs.")
    detail: str = Field(description="What to do about it.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="With `invalid_request`: every part that is wrong."
    )
    access: AccessShape | None = Field(default=None, description="The access decision, where there is one.")
    guest_id: str | None = Field(
        default=None, description="Of a guest who has to wait: send it when asking again, to be the same guest."
    )


def code_of(error: BrokerError) -> str:
    """The stable code: of an access decision, its reason."""
    return error.decision.reason.value if isinstance(error, AccessDenied) else error.code


def status_of(error: BrokerError) -> int:
    """The HTTP status of an error."""
    return STATUS.get(code_of(error), 500)


def problem(error: BrokerError) -> JSONResponse:
    """The error as a response."""
    code, status = code_of(error), status_of(error)
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": (type(error).__doc__ or "").splitlines()[0],
        "status": status,
        "code": code,
        "detail": error.detail,
        **error.fields,
    }
    if isinstance(error, AccessDenied):
        body["access"] = access_shape(error.decision).model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, status, headers=headers_of(error, status), media_type=MEDIA_TYPE)


def headers_of(error: BrokerError, status: int) -> dict[str, str]:
    """The headers that go with an error."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, UnsupportedContentEncoding):
        headers["Accept-Encoding"] = "identity"
    return headers


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""
    app.add_exception_handler(BrokerError, _broker_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(LastResort)


async def _broker_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BrokerError)  # noqa: S101  registered for nothing else
    log_failure(error)
    return problem(error)


def log_failure(error: BrokerError) -> None:
    """A line in the log for what is not the caller's fault."""
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", code=error.code, detail=error.detail)


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for nothing else
    return problem(invalid_request(error))


def invalid_request(error: RequestValidationError) -> errors.InvalidInput:
    """What the framework found wrong with a request, as an error of ours."""
    found = error.errors()
    if any(part["type"] == "json_invalid" for part in found):
        reason = found[0].get("ctx", {}).get("error", "not JSON")
        return MalformedJson(f"The body is not the JSON we read ({reason}). Send one JSON object in UTF-8.")
    parts = [{"pointer": _pointer(part["loc"]), "message": _said(part)} for part in found[:MOST_PARTS]]
    detail = f"{len(found)} parts are not valid."
    if len(found) == 1:
        detail = f"{parts[0]['pointer']}: {parts[0]['message']}"
    return errors.InvalidInput(detail, errors=parts)


def _pointer(steps: Sequence[object]) -> str:
    return "/".join(str(step) for step in steps)[:LONGEST_POINTER]


def _said(part: Mapping[str, Any]) -> str:
    # The values that were sent stay out of it: they may be personal, and they may not be encodable.
    match part["type"]:
        case "extra_forbidden":
            return "there is no such field here; check its spelling"
        case "missing":
            return "this field is required"
        case "string_pattern_mismatch":
            return "there is a character in it that is not allowed here: control characters, mostly"
        case "model_attributes_type" | "dict_type":
            return "this has to be a JSON object"
        case "string_unicode":
            return "the text holds a lone surrogate, which is not a character"
        case _:
            return str(part["msg"]).removeprefix("Value error, ")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return problem(NoSuchPath("There is nothing here. `/docs` shows every path of the API."))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = {"Allow": ", ".join(allowed_methods(request.app.router.routes, request.scope))}
            # A preflight that comes here is one of a page that may not ask.
            if request.method == "OPTIONS" and "access-control-request-method" not in request.headers:
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
            response = problem(MethodNotAllowed("This path does not know this method. `Allow` says what it knows."))
            response.headers.update(allow)
            return response
        case _:
            return problem(MalformedJson("The body cannot be read. Send one JSON object in UTF-8."))


def unexpected(error: Exception) -> BrokerError:
    """An error that nobody expected, as one of ours, after it was logged.

    The log gets the kind of the error and where it happened, not its text, which may quote what was sent.
    """
    trace = "".join(traceback.format_tb(error.__traceback__))
    log.error("request.crashed", error=type(error).__name__, trace=trace)
    return BrokerError("Something went wrong on our side. It was logged; try again.")


class LastResort:
    """ASGI middleware: an error that nobody expected becomes a problem document and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001  the last resort is for all of them
            answer = problem(unexpected(error))
            if not started:
                await answer(scope, receive, send)


def described(*codes: str) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: the problems an operation may answer with, by status."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in names),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, names in by_status.items()
    }
