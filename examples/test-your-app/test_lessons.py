"""Tests of a product against `make run`: the service with emulated video providers."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

DEMO = json.loads((Path(os.environ["VIDEOBROKER_FOLDER"]) / ".videobroker" / "demo.json").read_text())
KEY = DEMO["apps"]["tutoring-100ms"]["api_key"]


@pytest.fixture
def service() -> Iterator[httpx.Client]:
    """The API of the service."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=DEMO["base_url"], headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def sandbox() -> Iterator[httpx.Client]:
    """The controls of the emulated providers, without faults before and after the test."""
    with httpx.Client(base_url=f"{DEMO['sandbox_url']}/_sandbox", timeout=30) as client:
        client.delete("/faults")
        yield client
        client.delete("/faults")


def book(service: httpx.Client, starts_in: timedelta, **fields: Any) -> str:
    """A new booking of Ada and Ben. Every test has its own."""
    reference = f"test-{uuid4()}"
    body = {
        "starts_at": (datetime.now(UTC) + starts_in).isoformat(),
        "duration_minutes": 45,
        "participants": [{"user_id": "ada", "role": "tutor"}, {"user_id": "ben", "role": "student"}],
        **fields,
    }
    service.put(f"/v1/bookings/{reference}", json=body).raise_for_status()
    return reference


def join(service: httpx.Client, reference: str, user_id: str) -> httpx.Response:
    return service.post(f"/v1/bookings/{reference}/join", json={"user_id": user_id})


def wait_for(found: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until the function returns something. Webhooks and background work take a moment."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.2)
    return result


def test_a_lesson_cannot_be_joined_too_early(service: httpx.Client) -> None:
    reference = book(service, starts_in=timedelta(days=1))
    problem = join(service, reference, "ben").json()
    assert (problem["code"], problem["access"]["decision"]) == ("too_early", "wait")


def test_a_lesson_is_over_after_its_grace_period(service: httpx.Client) -> None:
    reference = book(service, starts_in=timedelta(hours=-2))
    assert join(service, reference, "ben").json()["code"] == "session_over"


def test_attendance_is_recorded(service: httpx.Client, sandbox: httpx.Client) -> None:
    reference = book(service, starts_in=timedelta(minutes=-1))
    joined = join(service, reference, "ben").json()
    room = f"/rooms/{joined['room_id']}/peers"

    # Ben enters and leaves the room without a browser. The service gets the vendor's webhooks.
    peer = sandbox.post(room, json={"name": "Ben", "token": joined["token"]}).raise_for_status().json()["peer"]
    sandbox.delete(f"{room}/{peer['id']}").raise_for_status()

    def stays() -> list[dict[str, Any]]:
        people = service.get(f"/v1/bookings/{reference}/attendance").json()["participants"]
        (ben,) = [person for person in people if person["user_id"] == "ben"]
        return [stay for stay in ben["stays"] if stay["left_at"]]

    assert len(wait_for(stays)) == 1


def test_a_missing_participant_is_reported(service: httpx.Client) -> None:
    reference = book(service, starts_in=timedelta(seconds=1), policy={"no_show_after_seconds": 1})
    query = {"kind": "booking", "reference": reference, "type": "participant.no_show"}

    def missing() -> set[str]:
        return {event["user_id"] for event in service.get("/v1/events", params=query).json()["data"]}

    wait_for(lambda: missing() == {"ada", "ben"})


def test_your_product_survives_an_outage_of_the_vendor(service: httpx.Client, sandbox: httpx.Client) -> None:
    reference = book(service, starts_in=timedelta(minutes=5))
    sandbox.post("/faults", json={"kind": "status", "status": 503}).raise_for_status()

    refused = join(service, reference, "ben")

    assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
    sandbox.delete("/faults").raise_for_status()
    time.sleep(int(refused.headers["Retry-After"]))
    assert wait_for(lambda: join(service, reference, "ben").is_success)
