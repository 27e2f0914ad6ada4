"""Callers that send too many requests get 429, and wrong credentials late responses. Others are not affected."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import text

from polling import eventually
from tenants import MovableClock, Tenant, context_of
from videobroker.broker import Broker
from videobroker.concurrency.rate_limiter import REFUSED, RequestLimiter
from videobroker.domain.failed_attempts import AttemptKind
from videobroker.domain.rate_limits import RateLimitPolicy
from videobroker.domain.user_tokens import TokenRules
from videobroker.settings import Settings
from videobroker.storage.failed_attempts import MAX_DELAYED, AttemptLimits, FailedAttempts
from videobroker.usecases import management
from videobroker.usecases.operations.sweeper import delete_expired_rows

ORIGIN = {"Origin": "https://page.example"}
"""Such a request does not use the fast path."""
JOIN = "/v1/bookings/lesson-1/join"
TUTOR = {"user_id": "tutor-1"}
WRONG_KEY = "vb_" + "x" * 43


def client_at(app: FastAPI, address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://videobroker")


def with_credential(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def no_delay(_: float) -> None:
    """Replaces the delay after a wrong credential."""


@contextmanager
def changed(app: FastAPI, **changes: Any) -> Iterator[None]:
    """The service with other limits."""
    broker = app.state.broker
    app.state.broker = replace(broker, **changes)
    yield
    app.state.broker = broker


def limited(**limits: str) -> dict[RateLimitPolicy, RequestLimiter]:
    policies = {RateLimitPolicy[name.upper()]: limit for name, limit in limits.items()}
    return {policy: RequestLimiter(policy, limit) for policy, limit in policies.items()}


class TestCallers:
    @pytest.mark.parametrize("headers", [{}, ORIGIN])
    async def test_a_key_has_a_limit(self, app: FastAPI, tutoring: Tenant, headers: dict[str, str]) -> None:
        await tutoring.book()
        another = await tutoring.create_key()
        before = _refused("api-key")
        with changed(app, rate_limiters=limited(api_key="3/minute")):
            responses = [await tutoring.post(JOIN, TUTOR, headers=headers) for _ in range(5)]
            other = await tutoring.api.post(JOIN, json=TUTOR, headers=with_credential(another) | headers)
        assert [each.status_code for each in responses] == [200, 200, 200, 429, 429]
        assert [each.headers["ratelimit"].rpartition(";t=")[0] for each in responses] == [
            f'"api-key";r={left}' for left in (2, 1, 0, 0, 0)
        ]
        assert {each.headers["ratelimit-policy"] for each in responses} == {'"api-key";q=3;w=60'}
        refused = responses[-1]
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].endswith(f";t={refused.headers['retry-after']}")
        assert other.status_code == 200
        assert _refused("api-key") - before == 2

    async def test_a_user_has_a_limit_in_each_app(
        self, app: FastAPI, broker: Broker, tutoring: Tenant, other: Tenant
    ) -> None:
        await tutoring.book()
        tokens = {}
        for tenant in (tutoring, other):
            secret = f"{tenant.app.name} {'x' * 32}"
            await management.set_token_rules(context_of(broker, tenant.app), TokenRules(secret=secret))
            for user in ("tutor-1", "student-1"):
                now = int(broker.now().timestamp())
                claims = {"sub": user, "iat": now, "exp": now + 600}
                tokens[tenant.app.name, user] = jwt.encode(claims, secret, algorithm="HS256")
        with changed(app, rate_limiters=limited(user="2/minute")):
            mine = with_credential(tokens[tutoring.app.name, "tutor-1"])
            responses = [await tutoring.api.post(f"{JOIN[:-4]}access", json={}, headers=mine) for _ in range(3)]
            assert [each.status_code for each in responses] == [200, 200, 429]
            assert responses[0].headers["ratelimit-policy"] == '"user";q=2;w=60'
            student = with_credential(tokens[tutoring.app.name, "student-1"])
            assert (await tutoring.api.post(f"{JOIN[:-4]}access", json={}, headers=student)).status_code == 200
            namesake = with_credential(tokens[other.app.name, "tutor-1"])
            assert (await tutoring.api.post(f"{JOIN[:-4]}access", json={}, headers=namesake)).status_code == 404

    async def test_a_ticket_has_a_limit(self, app: FastAPI, tutoring: Tenant) -> None:
        await tutoring.book()
        tickets = []
        for user in ("tutor-1", "student-1"):
            link = (await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": user})).json()
            tickets.append(link["url"].rpartition("/")[2])
        with changed(app, rate_limiters=limited(ticket="2/minute")):
            responses = [await tutoring.api.get("/v1/visit", headers=with_credential(tickets[0])) for _ in range(3)]
            assert [each.status_code for each in responses] == [200, 200, 429]
            assert responses[0].headers["ratelimit-policy"] == '"ticket";q=2;w=60'
            assert (await tutoring.api.get("/v1/visit", headers=with_credential(tickets[1]))).status_code == 200

    async def test_a_network_has_a_limit_without_credentials_only(self, app: FastAPI, tutoring: Tenant) -> None:
        await tutoring.book()
        with changed(app, rate_limiters=limited(address="2/minute")):
            async with client_at(app, "2001:db8::1") as client, client_at(app, "2001:db8::2") as neighbor:
                assert [(await client.get("/problems/too_early")).status_code for _ in range(2)] == [200, 200]
                refused = await neighbor.post(JOIN, json=TUTOR)
                assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
                assert refused.headers["ratelimit-policy"] == '"address";q=2;w=60'
                # A header does not help where no credentials are read.
                headers = with_credential(tutoring.key)
                assert (await client.get("/problems/too_early", headers=headers)).status_code == 429
                for _ in range(5):
                    assert (await client.post(JOIN, json=TUTOR, headers=headers)).status_code == 200
                    assert (await client.get("/healthz")).status_code == 200
                    assert (await client.get("/embed.js")).status_code == 200
                    assert (await client.post("/hooks/100ms/nothing")).status_code == 401
            async with client_at(app, "2001:db8:0:1::1") as stranger:
                assert (await stranger.get("/problems/too_early")).status_code == 200

    async def test_without_a_limit_there_are_no_headers(self, tutoring: Tenant) -> None:
        response = await tutoring.get("/v1/bookings")
        assert response.status_code == 200
        assert "ratelimit" not in response.headers
        assert "ratelimit-policy" not in response.headers


def _refused(policy: str) -> float:
    return sum(
        sample.value
        for metric in REFUSED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels == {"policy": policy}
    )


@pytest.mark.usefixtures("no_failed_attempts")
class TestWrongCredentials:
    def replica(self, broker: Broker, sleep: Any = no_delay) -> FailedAttempts:
        limits = {AttemptKind.CREDENTIAL: AttemptLimits("3/minute; 5/hour")}
        return FailedAttempts(broker.store, limits, broker.now, sleep=sleep)

    @pytest.mark.parametrize("headers", [{}, ORIGIN])
    @pytest.mark.parametrize("wrong", [WRONG_KEY, "vbt_nothing", "a.b.c"])
    async def test_are_slowed_on_all_replicas_together(
        self, app: FastAPI, broker: Broker, tutoring: Tenant, clock: MovableClock, headers: dict[str, str], wrong: str
    ) -> None:
        await tutoring.book()
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        replicas = [self.replica(broker, sleep), self.replica(broker, sleep)]

        async def attempt(number: int, credential: str = wrong, address: str = "192.0.2.1") -> httpx.Response:
            with changed(app, failed_attempts=replicas[number % 2]):
                async with client_at(app, address) as client:
                    return await client.post(JOIN, json=TUTOR, headers=with_credential(credential) | headers)

        responses = [await attempt(number) for number in range(6)]
        assert [each.status_code for each in responses] == [401] * 6
        assert len({each.json()["detail"] for each in responses}) == 1
        assert pauses == [2.0] * 3
        # Correct credentials from the same network, and all from others, are not affected.
        assert (await attempt(0, tutoring.key)).status_code == 200
        assert (await attempt(1, address="192.0.2.2")).status_code == 401
        assert len(pauses) == 3
        clock.move(minutes=1)
        # More than five in this hour: each attempt that the database counted as one too many counts, too.
        again = [await attempt(number) for number in range(3)]
        assert [each.status_code for each in again] == [401] * 3
        assert len(pauses) == 6
        clock.move(hours=1)
        assert (await attempt(0)).status_code == 401
        assert len(pauses) == 6

    @pytest.mark.parametrize("headers", [{}, ORIGIN])
    async def test_get_429_at_once_if_many_responses_are_late(
        self, app: FastAPI, broker: Broker, tutoring: Tenant, headers: dict[str, str]
    ) -> None:
        await tutoring.book()
        released = asyncio.Event()
        waiting = 0

        async def sleep(_: float) -> None:
            nonlocal waiting
            waiting += 1
            await released.wait()

        with changed(app, failed_attempts=self.replica(broker, sleep)):
            async with client_at(app, "192.0.2.1") as client:

                async def attempt(credential: str = WRONG_KEY) -> httpx.Response:
                    return await client.post(JOIN, json=TUTOR, headers=with_credential(credential) | headers)

                first = [await attempt() for _ in range(3)]
                late = [asyncio.create_task(attempt()) for _ in range(MAX_DELAYED)]
                await eventually(lambda: waiting == MAX_DELAYED)
                refused = await attempt()
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")
                assert first[0].json()["detail"] in refused.json()["detail"]
                # More than five in this hour.
                assert 3500 <= int(refused.headers["retry-after"]) <= 3600
                assert (await attempt(tutoring.key)).status_code == 200
                released.set()
                assert {(await each).status_code for each in late} == {401}

    async def test_links_that_are_guessed_are_slowed_too(self, app: FastAPI, broker: Broker) -> None:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        with changed(app, failed_attempts=self.replica(broker, sleep)):
            async with client_at(app, "192.0.2.1") as client:
                responses = [await client.get(f"/join/vbt_{number}") for number in range(4)]
        assert [each.status_code for each in responses] == [404, 404, 404, 404]
        assert pauses == [2.0]

    async def test_guessed_links_get_429_if_many_responses_are_late(
        self, app: FastAPI, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.storage.failed_attempts.MAX_DELAYED", 0)
        with changed(app, failed_attempts=self.replica(broker)):
            async with client_at(app, "192.0.2.1") as client:
                responses = [await client.get(f"/join/vbt_{number}") for number in range(4)]
        assert [each.status_code for each in responses] == [404, 404, 404, 429]
        assert 50 <= int(responses[-1].headers["retry-after"]) <= 60
        assert responses[-1].headers["content-type"] == "text/html; charset=utf-8"

    async def test_those_that_someone_issued_do_not_count(self, app: FastAPI, broker: Broker, tutoring: Tenant) -> None:
        expired = await tutoring.create_key(expires_at=tutoring.broker.now())
        with changed(app, failed_attempts=self.replica(broker)):
            for _ in range(8):
                response = await tutoring.api.post(JOIN, json=TUTOR, headers=with_credential(expired))
                assert (response.status_code, response.json()["code"]) == (401, "api_key_expired")
                assert (await tutoring.api.post(JOIN, json=TUTOR)).json()["code"] == "api_key_missing"

    async def test_a_blocked_network_does_not_use_the_database(
        self, app: FastAPI, broker: Broker, tutoring: Tenant
    ) -> None:
        async def count() -> int:
            async with broker.store.cross_app_transaction() as unit_of_work:
                return int(await unit_of_work.scalar(text("select sum(count) from failed_attempts")))

        with changed(app, failed_attempts=self.replica(broker)):
            async with client_at(app, "192.0.2.1") as client:
                for _ in range(4):
                    await client.post(JOIN, json=TUTOR, headers=with_credential(WRONG_KEY))
                before = await count()
                for _ in range(10):
                    await client.post(JOIN, json=TUTOR, headers=with_credential(WRONG_KEY))
        assert await count() == before == 8

    async def test_their_responses_are_late_but_hold_up_nothing_else(
        self, app: FastAPI, broker: Broker, tutoring: Tenant
    ) -> None:
        await tutoring.book()
        released = asyncio.Event()
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await released.wait()

        with changed(app, failed_attempts=self.replica(broker, sleep)):
            async with client_at(app, "192.0.2.1") as client:

                async def attempt() -> int:
                    response = await client.post(JOIN, json=TUTOR, headers=with_credential(WRONG_KEY))
                    return response.status_code

                assert [await attempt() for _ in range(3)] == [401] * 3
                late = asyncio.create_task(attempt())
                assert (await client.post(JOIN, json=TUTOR, headers=with_credential(tutoring.key))).status_code == 200
                assert not late.done()
                released.set()
                assert await late == 401
        assert pauses == [2.0]

    async def test_counts_are_deleted_after_their_window(self, broker: Broker, clock: MovableClock) -> None:
        await self.replica(broker).penalize(AttemptKind.CREDENTIAL, "192.0.2.1")
        await delete_expired_rows(broker)
        clock.move(minutes=2)
        await delete_expired_rows(broker)
        async with broker.store.cross_app_transaction() as unit_of_work:
            keys = (await unit_of_work.execute(text("select key from failed_attempts"))).scalars().all()
        assert [key.endswith("/5/1/hour") for key in keys] == [True]
        clock.move(hours=1)
        await delete_expired_rows(broker)
        async with broker.store.cross_app_transaction() as unit_of_work:
            assert await unit_of_work.scalar(text("select count(*) from failed_attempts")) == 0


class TestSettings:
    def test_the_defaults_do_not_hinder_normal_operation(self) -> None:
        limits = Settings(_env_file=None).rate_limits()
        limiters = {policy: RequestLimiter(policy, limit) for policy, limit in limits.items()}
        for policy, callers, requests in (
            # A backend that imports 10,000 sessions, and joins everyone of 1,050 people ten times.
            (RateLimitPolicy.API_KEY, 1, 20_500),
            # A school of 1,050 people behind one address opens the hosted page five times in a minute.
            (RateLimitPolicy.ADDRESS, 1, 5 * 1_050),
            # Each of them asks twice a second.
            (RateLimitPolicy.USER, 1_050, 120),
            (RateLimitPolicy.TICKET, 1_050, 120),
        ):
            for caller in range(callers):
                assert not any(limiters[policy].hit(str(caller)).is_exceeded for _ in range(requests)), policy

    def test_a_limit_can_be_switched_off(self) -> None:
        settings = Settings(_env_file=None, rate_limit_user="off", rate_limit_api_key="5/second")
        assert RateLimitPolicy.USER not in settings.rate_limits()
        assert settings.rate_limits()[RateLimitPolicy.API_KEY] == "5/second"

    @pytest.mark.parametrize("limit", ["many", "0", "5/second; 6/minute"])
    def test_a_limit_that_is_not_valid_is_an_error(self, limit: str) -> None:
        with pytest.raises(ValidationError):
            Settings(_env_file=None, rate_limit_user=limit)

    def test_limits_of_failed_attempts_are_checked(self) -> None:
        with pytest.raises(ValidationError):
            Settings(_env_file=None, failed_attempts="some")
