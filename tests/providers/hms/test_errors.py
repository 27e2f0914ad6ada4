"""How a failure of the far side becomes one of our errors."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.errors import HmsForbidden, HmsNotFound, provider_error
from videobroker.providers.hms.responses import HmsRoom
from videobroker.providers.retrying import MAX_MESSAGE_LENGTH, AttemptError, parse_response, parse_retry_after

from .conftest import START


def failure(status: int, body: Any = None, **headers: str) -> AttemptError:
    content = {"json": body} if body is not None else {"text": "<html>no JSON here</html>"}
    return AttemptError.with_status(httpx.Response(status, headers=headers, **content), START)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(seconds=90), usegmt=True), 0.0),
        ("Thu, 12 Mar 2026 21:10:07 -0000", 7.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, START) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,30} Mar [0-9]{1,30} [0-9:]{1,20} (GMT|[+-][0-9]{4,9})"))
def test_no_retry_after_header_breaks_us(header: str) -> None:
    wait = parse_retry_after(header, START)
    assert wait is None or wait >= 0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_or_broken_server_is_unavailable(status: int) -> None:
    error = provider_error(failure(status), "create_room")
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [(301, ProviderRefused), (400, ProviderRefused), (401, ProviderRefused), (403, HmsForbidden), (404, HmsNotFound)],
)
def test_any_other_answer_is_a_refusal(status: int, kind: type[ProviderRefused]) -> None:
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
def test_a_refusal_says_what_to_check(status: int, body: dict[str, Any], advice: str) -> None:
    detail = provider_error(failure(status, body), "create_room").detail
    assert advice in detail
    assert body["message"] in detail


@pytest.mark.parametrize("body", [None, [], "text", {}, {"message": None}, {"message": {"a": 1}, "details": "x"}])
def test_an_error_body_of_any_shape_is_survived(body: Any) -> None:
    assert "400" in provider_error(failure(400, body), "create_room").detail


def test_tokens_in_the_vendors_text_are_not_passed_on() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoibWFuYWdlbWVudCJ9.c2lnbmF0dXJl-_"
    error = provider_error(failure(400, {"message": f"bad\nbearer {token}!"}), "create_room")
    assert token not in error.detail
    assert "bad bearer [token]!" in error.detail


def test_the_vendors_text_is_kept_short() -> None:
    assert len(failure(400, {"message": "x" * 5000}).message) == MAX_MESSAGE_LENGTH


@pytest.mark.parametrize("content", [b'{"id": "65f0', b"", b"\xff\xfe", b"[]", b"null", b"{}", b'{"id": ""}'])
def test_a_success_that_cannot_be_used_is_unavailable(content: bytes) -> None:
    with pytest.raises(AttemptError) as caught:
        parse_response(httpx.Response(200, content=content), HmsRoom.read)
    assert isinstance(provider_error(caught.value, "create_room"), ProviderUnavailable)
