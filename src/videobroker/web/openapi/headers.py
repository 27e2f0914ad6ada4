"""The headers of responses, by operation and status."""

import re

from videobroker.web.http.headers import (
    ON_DEPRECATED_OPERATIONS,
    ON_EVERY_RESPONSE,
    ON_LIMITED_RESPONSES,
    RETRY_AFTER,
    ResponseHeader,
)
from videobroker.web.openapi.walk import Json

ETAG = ResponseHeader(
    "ETag",
    "The version of the resource, for `If-Match` and `If-None-Match`. That of a compressed response ends with `:gzip`; "
    "both are accepted.",
    '"2Xn7k9QpT0mV5rYcWb1eAg"',
)
LOCATION = ResponseHeader("Location", "The URL of the resource that was created.", "/v1/bookings/lesson-1")
IDEMPOTENCY_REPLAYED = ResponseHeader(
    "Idempotency-Replayed", "`true` if this is the response to an earlier request with the same key.", "true"
)
WWW_AUTHENTICATE = ResponseHeader("WWW-Authenticate", "The authentication scheme.", "Bearer")
ALLOW = ResponseHeader("Allow", "The methods that this path supports.", "GET, HEAD, OPTIONS, PUT")
ACCEPT_ENCODING = ResponseHeader(
    "Accept-Encoding", "The content codings that are accepted, if the request had another one.", "identity"
)
CODE = ResponseHeader("Videobroker-Code", "The stable error code.", "session_not_found")

_WAITING = {"too_early", "waiting_for_host", "waiting_for_admission", "request_in_flight"}
"""Codes of errors that have `Retry-After`, besides those with the statuses 429 and 503."""
_BY_STATUS = {"401": [WWW_AUTHENTICATE], "405": [ALLOW], "415": [ACCEPT_ENCODING]}


def add_headers(operation: Json) -> None:
    """Add the headers of each response of an operation."""
    sent = {each["name"] for each in operation.get("parameters", ())}
    is_legacy = operation["tags"][0].startswith("legacy")
    for status, response in operation["responses"].items():
        limited = ON_LIMITED_RESPONSES if operation["security"] and status != "401" else ()
        headers = [*_of_successes(status, sent), *_of_errors(status, response), *limited, *ON_EVERY_RESPONSE]
        if operation.get("deprecated") and status not in {"405", "413"}:
            headers += ON_DEPRECATED_OPERATIONS
        shown = [header for header in headers if not (is_legacy and header is LOCATION)]
        response["headers"] = response.get("headers", {}) | {header.name: _declared(header) for header in shown}


def _declared(header: ResponseHeader) -> Json:
    example = int(header.example) if header.is_integer else header.example
    kind = "integer" if header.is_integer else "string"
    return {"description": header.description, "schema": {"type": kind, "examples": [example]}}


def _of_successes(status: str, sent: set[str]) -> list[ResponseHeader]:
    """The headers of responses to requests that can have the headers `sent`."""
    headers = []
    if status.startswith("2") and "Idempotency-Key" in sent:
        headers.append(IDEMPOTENCY_REPLAYED)
    if status == "201":
        headers.append(LOCATION)
    if status in {"200", "201", "304"} and "If-Match" in sent:
        headers.append(ETAG)
    return headers


def _of_errors(status: str, response: Json) -> list[ResponseHeader]:
    codes = set(re.findall(r"`(\w+)`", response.get("description", "")))
    headers = list(_BY_STATUS.get(status, ()))
    if status in {"429", "503"} or codes & _WAITING:
        headers.append(RETRY_AFTER)
    if "application/json" in response.get("content", {}) and status[0] in "45":
        headers.append(CODE)
    return headers
