"""Errors as responses: problem documents (RFC 9457)."""

import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.current_request import CURRENT_REQUEST, record_error_code
from videobroker.domain.times import MAX_RETRY_AFTER
from videobroker.errors import (
    CATALOG,
    AccessDenied,
    BrokerError,
    InvalidInput,
    MalformedJson,
    MethodNotAllowed,
    PathNotFound,
    UnsupportedContentEncoding,
)
from videobroker.web.http import headers
from videobroker.web.http.methods import allowed_methods
from videobroker.web.http.schemas import AccessDecisionOut, access_shape

MEDIA_TYPE = "application/problem+json"
MAX_FIELD_PROBLEMS = 20
"""A request may have a hundred thousand invalid fields; the response lists the first ones only."""
MAX_POINTER_CHARACTERS = 200

log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """An invalid field of a request."""

    pointer: str = Field(description="Where: `body/participants/0/role`, `query/limit`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error as a problem document (RFC 9457). `code` is stable; `detail` says what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/not_a_participant",
                    "title": CATALOG["not_a_participant"].title,
                    "status": 403,
                    "code": "not_a_participant",
                    "detail": CATALOG["not_a_participant"].hint,
                    "request_id": headers.REQUEST_ID.example,
                    "access": {"decision": "refuse", "reason": "not_a_participant"},
                }
            ]
        }
    )

    type: str = Field(description="Identifies the kind of problem: `/problems/` and the code.")
    title: str = Field(description="A short name of the problem.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable, for programs.")
    detail: str = Field(description="What to do about it.")
    request_id: str = Field(description="The ID of the request, as in the header `X-Request-Id`. Name it in reports.")
    errors: list[FieldProblem] | None = Field(default=None, description="With `invalid_request`: the invalid fields.")
    access: AccessDecisionOut | None = Field(default=None, description="The access decision, if there is one.")
    guest_id: str | None = Field(
        default=None, description="For a guest who has to wait: send it with the next request, to stay the same guest."
    )


def problem(error: BrokerError) -> JSONResponse:
    """The error as the response to the current request."""
    request = CURRENT_REQUEST.get()
    record_error_code(error.code)
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.kind.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        **({} if request is None else {"request_id": request.request_id}),
        **error.fields,
    }
    if isinstance(error, AccessDenied):
        body["access"] = access_shape(error.decision).model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, error.status, headers=headers_of(error, error.status), media_type=MEDIA_TYPE)


def headers_of(error: BrokerError, status: int) -> dict[str, str]:
    """The headers of the response to an error."""
    fields = {name.decode(): value.decode() for name, value in headers.DEFAULT_HEADERS} | retry_after_header(error)
    if status == HTTPStatus.UNAUTHORIZED:
        fields["WWW-Authenticate"] = "Bearer"
    if isinstance(error, UnsupportedContentEncoding):
        fields["Accept-Encoding"] = "identity"
    return fields


def retry_after_header(error: BrokerError) -> dict[str, str]:
    """When a retry makes sense; empty if the error does not say so. Pages of HTML have other headers than problems."""
    return {} if error.retry_after is None else {"Retry-After": str(retry_after_seconds(error.retry_after))}


def retry_after_seconds(wait: float) -> int:
    """The value of `Retry-After` for a wait in seconds."""
    return max(1, math.ceil(min(wait, MAX_RETRY_AFTER.total_seconds())))


def install(app: FastAPI) -> None:
    """Respond to every error of this web application with a problem document."""
    app.add_exception_handler(BrokerError, _broker_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(UnexpectedErrors)


async def _broker_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BrokerError)  # noqa: S101  registered for this class only
    log_failure(error)
    return problem(error)


def log_failure(error: BrokerError) -> None:
    """Log an error unless the caller caused it."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", code=error.code, detail=error.detail)


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    return problem(invalid_request(error))


def invalid_request(error: RequestValidationError) -> InvalidInput:
    """The framework's validation error as an error of the catalog."""
    found = error.errors()
    if any(part["type"] == "json_invalid" for part in found):
        reason = found[0].get("ctx", {}).get("error", "not JSON")
        return MalformedJson(f"Request body is not valid JSON ({reason}). Send one JSON object in UTF-8.")
    problems = [{"pointer": _pointer(part["loc"]), "message": _message(part)} for part in found[:MAX_FIELD_PROBLEMS]]
    detail = f"{len(found)} fields are invalid."
    if len(found) == 1:
        detail = f"{problems[0]['pointer']}: {problems[0]['message']}"
    return InvalidInput(detail, errors=problems)


def _pointer(steps: Sequence[object]) -> str:
    return "/".join(str(step) for step in steps)[:MAX_POINTER_CHARACTERS]


def _message(part: Mapping[str, Any]) -> str:
    # Never contains the value: it may be personal data, and it may not be encodable.
    match part["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "this field is required"
        case "string_pattern_mismatch":
            return "contains characters that are not allowed, such as control characters"
        case "model_attributes_type" | "dict_type":
            return "must be a JSON object"
        case "string_unicode":
            return "contains a lone surrogate, which is not a character"
        case _:
            return str(part["msg"]).removeprefix("Value error, ")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return problem(PathNotFound("Not found. See `/docs` for all endpoints."))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = {"Allow": ", ".join(allowed_methods(request.app.router.routes, request.scope))}
            # The CORS middleware answers the preflights of allowed origins; others must not succeed.
            if request.method == "OPTIONS" and "access-control-request-method" not in request.headers:
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
            response = problem(MethodNotAllowed("Method not allowed. `Allow` lists the allowed ones. See `/docs`."))
            response.headers.update(allow)
            return response
        case _:
            return problem(MalformedJson("Request body is not valid JSON. Send one JSON object in UTF-8."))


def log_crash(error: Exception) -> None:
    """Log an exception that is a fault of the program: its type, and where it was raised.

    Its message may contain what a caller sent, and is not logged.
    """
    trace = "".join(traceback.format_tb(error.__traceback__))
    log.error("request.crashed", error=type(error).__name__, trace=trace)


def unexpected(error: Exception) -> BrokerError:
    """Log an exception that is a fault of the program, and return the error to respond with."""
    log_crash(error)
    return BrokerError("Something went wrong on our side, and we logged it. Try again.")


class UnexpectedErrors:
    """ASGI middleware: logs exceptions that are faults of the program, and responds with a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001  no exception may leave without a response and a line in the log
            response = problem(unexpected(error))
            if not has_started:
                await response(scope, receive, send)


def described(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation in the OpenAPI document. Raises `KeyError` for codes outside of the catalog."""
    return {
        status: {
            "description": listed(codes_of_status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, codes_of_status in grouped_by_status(codes, lambda code: CATALOG[code].status).items()
    }


def grouped_by_status(codes: Iterable[str], status_of: Callable[[str], int]) -> dict[int, list[str]]:
    """The codes by HTTP status, in their order."""
    groups: dict[int, list[str]] = {}
    for code in codes:
        groups.setdefault(status_of(code), []).append(code)
    return groups


def listed(codes: Iterable[str]) -> str:
    """The codes as Markdown."""
    return ", ".join(f"`{code}`" for code in codes)
