"""The requests that this backend sends to videobroker."""

import os
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

client = httpx.Client(
    base_url=os.environ["VIDEOBROKER_URL"],
    headers={"Authorization": f"Bearer {os.environ['VIDEOBROKER_API_KEY']}"},
    timeout=10,
)


class AccessDenied(Exception):
    """This person has to wait, or is refused. `access` has the decision and the reason."""

    def __init__(self, access: dict[str, Any]) -> None:
        super().__init__(access["reason"])
        self.access = access


class BookingNotFound(Exception):
    """The booking is not registered."""


class VideoUnavailable(Exception):
    """The request can be repeated after `retry_after` seconds."""

    def __init__(self, retry_after: str = "5") -> None:
        super().__init__(f"Retry after {retry_after} seconds.")
        self.retry_after = retry_after


def register_booking(
    reference: str, *, title: str, starts_at: datetime, duration_minutes: int, participants: list[dict[str, str]]
) -> None:
    """Create the booking, or replace it. Repeating the request changes nothing."""
    body = {
        "title": title,
        "status": "confirmed",
        "starts_at": starts_at.isoformat(),
        "duration_minutes": duration_minutes,
        "participants": participants,
    }
    _send("PUT", reference, "", body)


def cancel_booking(reference: str) -> None:
    """Cancel the booking: no one can join it anymore."""
    _send("POST", reference, "/cancel", {})


def join(reference: str, user_id: str) -> dict[str, Any]:
    """Join credentials for one person."""
    return _send("POST", reference, "/join", {"user_id": user_id})


def create_link(reference: str, user_id: str) -> dict[str, Any]:
    """The URL of the hosted page for one person, and its ticket."""
    return _send("POST", reference, "/links", {"user_id": user_id})


def _send(method: str, reference: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        response = client.request(method, f"/v1/bookings/{quote(reference, safe='')}{path}", json=body)
    except httpx.TransportError as error:
        raise VideoUnavailable from error
    if response.status_code in {429, 503}:
        raise VideoUnavailable(response.headers.get("Retry-After", "5"))
    if response.status_code == 404:
        raise BookingNotFound(reference)
    answer: dict[str, Any] = response.json()
    # Other 403s, such as a missing scope of the key, have no access decision. They are mistakes in the setup.
    if response.status_code == 403 and answer.get("access"):
        raise AccessDenied(answer["access"])
    response.raise_for_status()
    return answer
