"""Lessons during chaos: what backends and people do, and which responses they get."""

import asyncio
import base64
import json
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from chaos.deployment import Deployment
from videobroker.domain.times import rfc3339

STRICT = {"grace_seconds": 0, "overrun_seconds": 0, "no_show_after_seconds": 3600}
"""The window closes when the booking ends, even during a call."""
PEOPLE = [{"user_id": "tutor-1", "role": "tutor"}, *({"user_id": f"student-{n}", "role": "student"} for n in (1, 2))]
GIVE_UP_SECONDS = 60.0


@dataclass
class Answers:
    """What the API answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    """Requests without a response."""
    wrong: list[str] = field(default_factory=list)
    """Responses that must not happen."""

    def add(self, response: httpx.Response) -> None:
        """Count it, and check that an error is one that a client can handle."""
        status = response.status_code
        self.statuses[status] += 1
        if status < 500:
            return
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        if status != 503 or "retry-after" not in response.headers or "code" not in problem:
            self.wrong.append(f"{response.request.method} {response.request.url.path}: {status} {response.text[:200]}")


class ApiClient:
    """A backend that retries at another replica, as the documentation recommends."""

    def __init__(self, deployment: Deployment, rng: random.Random, answers: Answers) -> None:
        headers = {"Authorization": f"Bearer {deployment.tenant.key}"}
        self._clients = [httpx.AsyncClient(base_url=url, headers=headers, timeout=15) for url in deployment.urls]
        self._rng = rng
        self._answers = answers

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """The response; None if the service did not answer before the deadline."""
        deadline = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            pause = self._rng.uniform(0.2, 0.8)
            try:
                response = await self._rng.choice(self._clients).request(method, path, json=body)
            except httpx.TransportError:
                self._answers.lost += 1
            else:
                self._answers.add(response)
                if response.status_code not in {429, 500, 502, 503, 504}:
                    return response
                pause = min(float(response.headers.get("retry-after", 1)), 3)
            await asyncio.sleep(pause)
        return None

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()


@dataclass
class Lesson:
    """A booking, and what its backend and its people know about it."""

    reference: str
    ends_at: datetime
    token_ids: list[str] = field(default_factory=list)
    """Of all credentials that people got."""
    room_ids: set[str] = field(default_factory=set)
    peers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Room ID and peer ID of people who entered and have not left."""

    @property
    def path(self) -> str:
        return f"/v1/bookings/{self.reference}"


async def run_lesson(deployment: Deployment, seed: str, lesson: Lesson, answers: Answers) -> None:
    """Book a lesson, and let things happen in it until it ends."""
    rng = random.Random(seed)
    api = ApiClient(deployment, rng, answers)
    try:
        schedule = {"starts_at": rfc3339(lesson.ends_at - timedelta(minutes=1)), "duration_minutes": 1}
        body = {**schedule, "policy": STRICT, "participants": PEOPLE}
        if await api.send("PUT", lesson.path, body) is None:
            return
        while datetime.now(UTC) < lesson.ends_at:
            await asyncio.sleep(rng.uniform(0.3, 1.5))
            await _act(deployment, api, lesson, rng)
    finally:
        await api.aclose()


async def _act(deployment: Deployment, api: ApiClient, lesson: Lesson, rng: random.Random) -> None:
    person = rng.choice(PEOPLE)["user_id"]
    action = rng.choices(["enter", "leave", "remove", "end", "cancel"], [60, 25, 5, 5, 1])[0]
    if action == "enter" and person not in lesson.peers:
        await _enter(deployment, api, lesson, person)
    elif action == "leave" and person in lesson.peers:
        room_id, peer_id = lesson.peers.pop(person)
        # They may have been disconnected since.
        with suppress(httpx.TransportError):
            await deployment.sandbox.client.delete(f"/_sandbox/rooms/{room_id}/peers/{peer_id}")
    elif action == "remove" and person != "tutor-1":
        await api.send("POST", f"{lesson.path}/participants/{person}/remove", {"ban": rng.random() < 0.5})
    elif action in {"end", "cancel"}:
        await api.send("POST", f"{lesson.path}/{action}")


async def _enter(deployment: Deployment, api: ApiClient, lesson: Lesson, person: str) -> None:
    response = await api.send("POST", f"{lesson.path}/join", {"user_id": person})
    if response is None or response.status_code != 200:
        return
    credentials = response.json()
    lesson.token_ids.append(_payload(credentials["token"])["jti"])
    lesson.room_ids.add(credentials["room_id"])
    with suppress(httpx.TransportError):
        entered = await deployment.sandbox.client.post(
            f"/_sandbox/rooms/{credentials['room_id']}/peers", json={"name": person, "token": credentials["token"]}
        )
        if entered.is_success:
            lesson.peers[person] = credentials["room_id"], entered.json()["peer"]["id"]


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return payload
