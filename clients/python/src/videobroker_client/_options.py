"""The options of a client, and what both transports do with them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from videobroker_client._json import Model
from videobroker_client._requests import ApiRequest
from videobroker_client._retries import parse_retry_after
from videobroker_client._version import __version__
from videobroker_client.errors import (
    ApiError,
    ConnectionFailed,
    RequestTimedOut,
    UnexpectedResponse,
    api_error,
)

DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_MAX_RETRIES = 2
REQUEST_ID_HEADER = "X-Request-Id"
USER_AGENT = f"videobroker-client-python/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where and how requests are sent."""

    base_url: str
    credential: str = field(repr=False)
    max_retries: int = DEFAULT_MAX_RETRIES
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    user_id: str | None = None
    """The user that a backend acts for."""

    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        shared = {"Authorization": f"Bearer {self.credential}", "User-Agent": USER_AGENT, "Accept": "application/json"}
        return shared if self.user_id is None else {**shared, "X-User-Id": self.user_id}


def make_options(
    base_url: str | None,
    *,
    api_key: str | None,
    user_token: str | None,
    ticket: str | None,
    max_retries: int,
    timeout_seconds: float,
) -> Options:
    """The options of a client. Reads `VIDEOBROKER_URL` and `VIDEOBROKER_API_KEY` for what is missing."""
    url = base_url or os.environ.get("VIDEOBROKER_URL")
    if not url:
        raise ValueError("pass base_url, or set VIDEOBROKER_URL")
    given = [each for each in (api_key, user_token, ticket) if each is not None]
    if not given and (key := os.environ.get("VIDEOBROKER_API_KEY")):
        given = [key]
    if len(given) != 1:
        raise ValueError("pass one of api_key, user_token, and ticket, or set VIDEOBROKER_API_KEY")
    return Options(
        base_url=url.rstrip("/"), credential=given[0], max_retries=max_retries, timeout_seconds=timeout_seconds
    )


def build_request(client: httpx.Client | httpx.AsyncClient, options: Options, request: ApiRequest) -> httpx.Request:
    """The request for httpx. It can be sent several times."""
    return client.build_request(
        request.method,
        options.base_url + request.path,
        params={name: value for name, value in request.query.items() if value is not None},
        json=request.body,
        headers={**options.headers(), **request.headers()},
        timeout=options.timeout_seconds,
    )


def error_of(response: httpx.Response) -> ApiError | UnexpectedResponse:
    """The exception for a response that is not a success. Its body has been read."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        # Not `str(response.url)` with its query: it may have personal data.
        if response.status_code in {429, 502, 503, 504}:
            problem: Mapping[str, Any] = {"title": response.reason_phrase, "detail": "A proxy refused the request."}
        else:
            return UnexpectedResponse(
                f"The response has the status {response.status_code} and is no problem document: "
                "base_url may not be the address of videobroker."
            )
    else:
        problem = response.json()
    return api_error(
        problem,
        status=response.status_code,
        retry_after=parse_retry_after(response.headers.get("Retry-After")),
        request_id=response.headers.get(REQUEST_ID_HEADER),
    )


def parse_json(response: httpx.Response) -> Any:
    """The JSON of a successful response."""
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedResponse(
            f"The response has the status {response.status_code} and is not JSON: "
            "base_url may not be the address of videobroker."
        ) from error


def connection_error(error: httpx.TransportError) -> ConnectionFailed:
    """The exception for a request without a response."""
    cls = RequestTimedOut if isinstance(error, httpx.TimeoutException) else ConnectionFailed
    return cls(f"{type(error).__name__}: {error}".rstrip(": "))


def decode_with_etag(request: ApiRequest, response: httpx.Response, decode: Any) -> Any:
    """The typed value of a response, with its `ETag`."""
    value = decode_response(request, parse_json(response), decode)
    etag = response.headers.get("ETag")
    return replace(value, etag=etag) if etag is not None and isinstance(value, Model) else value


def decode_response(request: ApiRequest, raw: Any, decode: Any) -> Any:
    """The typed value of JSON in a response."""
    try:
        return decode(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedResponse(
            f"The response to {request.method} {request.path} lacks {error}: update this package, or the service."
        ) from error
