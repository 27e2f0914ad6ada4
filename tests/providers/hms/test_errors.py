"""Failures of the 100ms API and the errors that they become."""

from typing import Any

import httpx
import pytest

from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.errors import HmsForbidden, HmsNotFound, provider_error
from videobroker.providers.hms.responses import HmsRoom
from videobroker.providers.retrying import MAX_MESSAGE_LENGTH, AttemptError, parse_response

from .conftest import START


def failure(status: int, body: Any = None, **headers: str) -> AttemptError:
    content = {"json": body} if body is not None else {"text": "<html>no JSON here</html>"}
    return AttemptError.with_status(httpx.Response(status, headers=headers, **content), START)


def test_a_failure_has_the_retry_after_of_the_vendor() -> None:
    assert failure(503, **{"Retry-After": "2"}).retry_after == 2.0
    assert failure(503).retry_after is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_or_broken_server_is_unavailable(status: int) -> None:
    error = provider_error(failure(status), "create_room")
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [(301, ProviderRefused), (400, ProviderRefused), (401, ProviderRefused), (403, HmsForbidden), (404, HmsNotFound)],
)
def test_any_other_status_is_a_refusal(status: int, kind: type[ProviderRefused]) -> None:
    error = provider_error(failure(status), "create_room")
    assert type(error) is kind
    assert error.code == "provider_refused"
    assert str(status) in error.detail


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (401, {"code": 401, "message": "Token validation error", "details": ["not found"]}, "secret"),
        (401, {"code": 401, "message": "Token validation error"}, "clock"),
        (400, {"code": 400, "message": "Error: template not found"}, "HMS_TEMPLATE_ID"),
        (400, {"code": 400, "message": "Bad", "details": ["Error: template not found"]}, "HMS_TEMPLATE_ID"),
        (403, {"code": 403, "message": "HmsRoom is disabled"}, "disabled"),
        (404, {"code": 404, "message": "Error: Room not found", "data": {"description": "x"}}, "workspace"),
    ],
)
def test_a_refusal_has_advice(status: int, body: dict[str, Any], advice: str) -> None:
    detail = provider_error(failure(status, body), "create_room").detail
    assert advice in detail
    assert body["message"] in detail


@pytest.mark.parametrize("body", [None, [], "text", {}, {"message": None}, {"message": {"a": 1}, "details": "x"}])
def test_any_error_body_is_accepted(body: Any) -> None:
    assert "400" in provider_error(failure(400, body), "create_room").detail


def test_tokens_in_texts_of_the_vendor_are_redacted() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoibWFuYWdlbWVudCJ9.c2lnbmF0dXJl-_"
    error = provider_error(failure(400, {"message": f"bad\nbearer {token}!"}), "create_room")
    assert token not in error.detail
    assert "bad bearer [token]!" in error.detail


def test_a_long_message_of_the_vendor_is_truncated() -> None:
    assert len(failure(400, {"message": "x" * 5000}).message) == MAX_MESSAGE_LENGTH


@pytest.mark.parametrize("content", [b'{"id": "65f0', b"", b"\xff\xfe", b"[]", b"null", b"{}", b'{"id": ""}'])
def test_an_unusable_success_is_unavailable(content: bytes) -> None:
    with pytest.raises(AttemptError) as caught:
        parse_response(httpx.Response(200, content=content), HmsRoom.read)
    assert isinstance(provider_error(caught.value, "create_room"), ProviderUnavailable)
