"""The REST client of Agora: requests, retries, and the handling of responses."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from videobroker.domain.attendance.observations import Presence, PresenceReport
from videobroker.domain.circuit_breaker import CircuitLimits, CircuitState
from videobroker.domain.diagnostics import CheckStatus
from videobroker.domain.rooms import MAX_PERSON_UID
from videobroker.errors import ProviderNotConfigured, ProviderRefused, ProviderUnavailable
from videobroker.providers.agora.client import QUERY_RETRY_POLICY, AgoraClient, CustomerKeys
from videobroker.providers.agora.errors import AgoraUnauthorized
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.agora.rate_limit import RateLimiter
from videobroker.providers.contract import Capability

from .agora_account import API, APP_ID, CERTIFICATE, CUSTOMER, FALLBACK, NOON, PROJECT, RULES, account, sent

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())
FAILURES = CircuitLimits().failures
MADE = {"status": "success", "id": 1953}
CLOSING_RULE = {"appid": APP_ID, "cname": "room-1", "privileges": ["join_channel"], "time_in_seconds": 86_400}

pytestmark = pytest.mark.usefixtures("waits")


def rule(number: int, **fields: object) -> dict[str, object]:
    return {"id": number, "appid": APP_ID, "cname": "room-1", "privileges": ["join_channel"], **fields}


def rules(*listed: object) -> dict[str, object]:
    return {"status": "success", "rules": list(listed)}


@pytest.fixture
async def client() -> AsyncIterator[AgoraClient]:
    client = AgoraClient(APP_ID, CustomerKeys(**CUSTOMER), lambda: NOON)
    yield client
    await client.aclose()


# --- the account


def test_customer_credentials_enable_four_capabilities(rest: AgoraProvider) -> None:
    assert rest.capabilities == {
        Capability.CLOSE_ROOM,
        Capability.REMOVE_PERSON,
        Capability.BAN,
        Capability.PRESENCE,
    }


@pytest.mark.parametrize("missing", CUSTOMER)
def test_incomplete_credentials_are_refused(missing: str) -> None:
    with pytest.raises(ProviderNotConfigured, match=f"lacks the setting {missing}") as refused:
        account(**{missing: "  "})
    assert not any(value in refused.value.detail for value in CUSTOMER.values())


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ProviderNotConfigured, match="api_url"):
        account(api_url="api.agora.io")


@pytest.mark.parametrize("vector", VECTORS["rest_basic_auth"])
async def test_the_authorization_header_equals_the_vector(vector: dict[str, str], vendor: respx.MockRouter) -> None:
    provider = account(customer_id=vector["customer_id"], customer_secret=vector["customer_secret"])
    vendor.post(RULES).respond(json=MADE)
    await provider.close_room("room-1")
    request = vendor.calls.last.request
    assert request.headers[vector["header"]] == vector["value"]
    assert request.headers["Content-Type"] == "application/json"
    await provider.aclose()


async def test_a_custom_url_has_no_fallback(vendor: respx.MockRouter) -> None:
    provider = account(api_url="http://sandbox.test:9000/")
    route = vendor.post("http://sandbox.test:9000/dev/v1/kicking-rule").respond(429)
    with pytest.raises(ProviderUnavailable):
        await provider.close_room("room-1")
    assert route.call_count == len(vendor.calls) == 4
    await provider.aclose()


# --- closing and opening


async def test_closing_bans_everyone_for_a_day(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.post(RULES).respond(json=MADE)
    assert await rest.close_room("room-1", codes=["ignored"]) == "1953"
    assert sent(vendor) == [("POST", "/kicking-rule", CLOSING_RULE)]


async def test_opening_deletes_every_rule_that_closes_the_channel(
    rest: AgoraProvider, vendor: respx.MockRouter
) -> None:
    """Closing twice creates two rules, and a crash may leave an unknown rule."""
    vendor.delete(RULES).respond(json={"status": "success", "id": 1})
    listed = [
        rule(7, uid=0, ip=""),
        rule(8, uid=None, ip=None),
        rule(9, uid=42),
        rule(10, cname="room-2"),
        rule(11, ip="203.0.113.7"),
        rule(12, privileges=["publish_audio"]),
        rule(1),
        "no rule",
        {"id": None},
    ]
    vendor.get(RULES, params={"appid": APP_ID}).respond(json=rules(*listed))
    assert await rest.open_room("room-1", closure="1,2") == "room-1"
    lifted = [body for method, _, body in sent(vendor) if method == "DELETE"]
    assert lifted == [{"appid": APP_ID, "id": number} for number in (1, 2, 7, 8)]


async def test_opening_a_channel_that_was_never_closed_sends_no_request(
    rest: AgoraProvider, vendor: respx.MockRouter
) -> None:
    assert await rest.open_room("room-1") == "room-1"
    assert sent(vendor) == []


@pytest.mark.parametrize("status", [404, 400])
async def test_an_expired_rule_is_no_error(client: AgoraClient, vendor: respx.MockRouter, status: int) -> None:
    vendor.delete(RULES).respond(status, json={"message": "rule not found"})
    vendor.get(RULES).respond(json=rules(rule(5)))
    await client.delete_rule(1953)


async def test_a_rule_that_cannot_be_deleted_is_an_error(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.delete(RULES).respond(400, json={"message": "invalid appid"})
    vendor.get(RULES).respond(json=rules(rule(1953)))
    with pytest.raises(ProviderRefused, match="invalid appid"):
        await rest.open_room("room-1", closure="1953")


@pytest.mark.parametrize("closure", ["0", "-1", "1,", "abc", "1.5", "1;2", "٣"])
async def test_an_invalid_closure_is_refused_without_a_request(
    rest: AgoraProvider, vendor: respx.MockRouter, closure: str
) -> None:
    with pytest.raises(ProviderRefused, match="rule"):
        await rest.open_room("room-1", closure=closure)
    assert sent(vendor) == []


async def test_opening_a_possibly_closed_channel_deletes_all_listed_rules(
    rest: AgoraProvider, vendor: respx.MockRouter
) -> None:
    """Includes a rule whose ID was lost with the response."""
    vendor.get(RULES).respond(json=rules(rule(7), rule(8, uid=42), rule(9, cname="room-2")))
    vendor.delete(RULES).respond(json={"status": "success", "id": 7})
    await rest.open_room("room-1", closure="")
    assert sent(vendor)[1:] == [("DELETE", "/kicking-rule", {"appid": APP_ID, "id": 7})]


async def test_without_customer_credentials_no_channel_can_be_closed() -> None:
    provider = AgoraProvider.from_settings(PROJECT, clock=lambda: NOON)
    assert await provider.open_room("room-1", closure="") == "room-1"


async def test_opening_a_closed_channel_without_credentials_is_refused() -> None:
    provider = AgoraProvider.from_settings(PROJECT, clock=lambda: NOON)
    with pytest.raises(ProviderRefused, match="customer_id"):
        await provider.open_room("room-1", closure="1953")


@pytest.mark.parametrize("doubt", [httpx.ReadTimeout(""), httpx.Response(504), httpx.Response(200, text="{")])
async def test_after_an_attempt_with_unknown_outcome_the_rules_are_listed_first(
    rest: AgoraProvider, vendor: respx.MockRouter, doubt: Any
) -> None:
    vendor.post(RULES).side_effect = [doubt]
    vendor.get(f"{FALLBACK}/kicking-rule").respond(json=rules(rule(3), rule(4), rule(5, uid=42)))
    assert await rest.close_room("room-1") == "4"
    assert [method for method, *_ in sent(vendor)] == ["POST", "GET"]


async def test_if_no_rule_is_found_the_request_is_retried(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.post(RULES).side_effect = [httpx.ReadError("")]
    vendor.get(f"{FALLBACK}/kicking-rule").respond(json=rules(rule(3, uid=42)))
    vendor.post(f"{FALLBACK}/kicking-rule").respond(json=MADE)
    assert await rest.close_room("room-1") == "1953"
    assert [method for method, *_ in sent(vendor)] == ["POST", "GET", "POST"]


@pytest.mark.parametrize("unsent", [httpx.ConnectError(""), httpx.ConnectTimeout(""), httpx.Response(429)])
async def test_an_unsent_request_is_retried_at_the_other_host(
    rest: AgoraProvider, vendor: respx.MockRouter, unsent: Any
) -> None:
    vendor.post(RULES).side_effect = [unsent]
    vendor.post(f"{FALLBACK}/kicking-rule").respond(json=MADE)
    assert await rest.close_room("room-1") == "1953"
    assert [method for method, *_ in sent(vendor)] == ["POST", "POST"]


# --- people


async def test_a_removal_without_a_ban_allows_a_rejoin(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.post(RULES).respond(json={"status": "success"})
    await rest.remove_person("room-1", "42", until=None)
    body = {"appid": APP_ID, "cname": "room-1", "uid": 42, "privileges": ["join_channel"], "time": 0}
    assert sent(vendor) == [("POST", "/kicking-rule", body)]


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (timedelta(minutes=10), 600),
        (timedelta(seconds=30, microseconds=1), 31),
        (timedelta(seconds=1), 10),
        (timedelta(hours=-1), 10),
        (timedelta(days=7), 86_400),
    ],
)
async def test_a_ban_lasts_until_the_given_time_and_at_most_a_day(
    rest: AgoraProvider, vendor: respx.MockRouter, after: timedelta, seconds: int
) -> None:
    vendor.post(RULES).respond(json=MADE)
    await rest.remove_person("room-1", str(2**32 - 1), until=NOON + after)
    [(_, _, body)] = sent(vendor)
    assert body == {**CLOSING_RULE, "uid": 2**32 - 1, "time_in_seconds": seconds}


@pytest.mark.parametrize("uid", ["", "0", "00", "007", "-1", "1.0", " 1", "1\n", "4294967296", "ada", "٣", "1e3"])
@pytest.mark.parametrize("until", [None, NOON + timedelta(hours=1)])
async def test_an_invalid_uid_is_refused_without_a_request(
    rest: AgoraProvider, vendor: respx.MockRouter, uid: str, until: datetime | None
) -> None:
    with pytest.raises(ProviderRefused, match="uid"):
        await rest.remove_person("room-1", uid, until=until)
    assert sent(vendor) == []


@pytest.mark.parametrize("channel", ["", "a/b", "*", ".", "..", "канал"])
async def test_an_invalid_channel_is_refused_without_a_request(
    rest: AgoraProvider, vendor: respx.MockRouter, channel: str
) -> None:
    with pytest.raises(ProviderRefused, match="channel"):
        await rest.close_room(channel)
    with pytest.raises(ProviderRefused, match="channel"):
        await rest.remove_person(channel, "42", until=None)
    with pytest.raises(ProviderRefused, match="channel"):
        await rest.fetch_presence(channel, since=NOON)
    assert sent(vendor) == []


# --- presence


def users(**data: object) -> dict[str, object]:
    return {"success": True, "data": {"channel_exist": True, **data}}


def there(join: int, role: int) -> dict[str, object]:
    return {"success": True, "data": {"in_channel": True, "join": join, "role": role, "platform": 7}}


def property_of(uid: int, channel: str = "room-1") -> str:
    return f"{API}/channel/user/property/{APP_ID}/{uid}/{channel}"


CAME = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
CAME_UNIX = int(CAME.timestamp())


async def test_a_live_channel_has_hosts_and_an_audience(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.get(f"{API}/channel/user/{APP_ID}/room-1").respond(
        json=users(mode=2, broadcasters=[1, 2], audience=[3, 2, 4, 5, MAX_PERSON_UID + 1], audience_total=5)
    )
    vendor.get(property_of(1)).respond(json=there(CAME_UNIX, 2))
    vendor.get(property_of(2)).respond(json=there(CAME_UNIX, 3))
    vendor.get(property_of(3)).respond(json=there(0, 0))
    vendor.get(property_of(4)).respond(json=there(CAME_UNIX, 3))
    vendor.get(property_of(5)).respond(json={"success": True, "data": {"in_channel": False}})
    assert await rest.fetch_presence("room-1", since=NOON) == [
        PresenceReport(
            taken_at=NOON,
            people=(
                Presence(connection="1", provider_user_id="1", role="publisher", joined_at=CAME),
                Presence(connection="2", provider_user_id="2", role="subscriber", joined_at=CAME),
                Presence(connection="3", provider_user_id="3", role="subscriber"),
                Presence(connection="4", provider_user_id="4", role="subscriber", joined_at=CAME),
            ),
        )
    ]


async def test_a_communication_channel_has_users(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.get(f"{API}/channel/user/{APP_ID}/a%20%23%3F%25%26b").respond(json=users(mode=1, total=1, users=[42]))
    vendor.get(property_of(42, "a%20%23%3F%25%26b")).respond(json=there(CAME_UNIX, 1))
    [roll] = await rest.fetch_presence("a #?%&b", since=NOON)
    assert roll.people == (Presence(connection="42", provider_user_id="42", role="publisher", joined_at=CAME),)
    paths = [path for _, path, _ in sent(vendor)]
    assert all(path.endswith("/a%20%23%3F%25%26b") for path in paths)


async def test_a_missing_channel_is_empty(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    vendor.get(f"{API}/channel/user/{APP_ID}/room-1").respond(json={"success": True, "data": {"channel_exist": False}})
    assert await rest.fetch_presence("room-1", since=NOON) == [PresenceReport(taken_at=NOON)]


async def test_the_join_time_is_queried_for_only_fifty_people(
    rest: AgoraProvider, vendor: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videobroker.providers.agora.rate_limit.WINDOW_SECONDS", 0.0)
    vendor.get(f"{API}/channel/user/{APP_ID}/room-1").respond(
        json=users(mode=2, broadcasters=[900], audience=list(range(1, 80)))
    )
    route = vendor.get(url__startswith=f"{API}/channel/user/property/").respond(json=there(CAME_UNIX, 3))
    [roll] = await rest.fetch_presence("room-1", since=NOON)
    assert route.call_count == 50
    assert len(roll.people) == 80
    assert roll.people[0].connection == "900"
    assert sum(person.joined_at is None for person in roll.people) == 30
    assert {person.role for person in roll.people[50:]} == {"subscriber"}


async def test_an_unusable_response_is_not_reported_as_empty(rest: AgoraProvider, vendor: respx.MockRouter) -> None:
    unusable: list[object] = [{"success": False}, {"data": None}, []]
    for body in unusable:
        vendor.get(url__startswith="https://").respond(json=body)
        with pytest.raises(ProviderUnavailable, match="unusable"):
            await rest.fetch_presence("room-1", since=NOON)


# --- retries


async def test_hosts_alternate_and_delays_increase(
    client: AgoraClient, vendor: respx.MockRouter, waits: list[float]
) -> None:
    vendor.delete(url__regex=".*").respond(500)
    with pytest.raises(ProviderUnavailable) as refused:
        await client.delete_rule(1)
    hosts = [call.request.url.host for call in vendor.calls]
    assert hosts == ["api.agora.io", "api.sd-rtn.com"] * 2
    assert [1 <= waits[0] <= 1.4, 2 <= waits[1] <= 2.4, 4 <= waits[2] <= 4.4] == [True] * 3
    assert refused.value.retry_after == 5


async def test_a_host_that_does_not_answer_gets_no_requests_while_the_other_one_does(
    client: AgoraClient, vendor: respx.MockRouter
) -> None:
    down = vendor.get(url__startswith=API).mock(side_effect=httpx.ConnectError("refused"))
    up = vendor.get(url__startswith=FALLBACK).respond(json={"success": True, "data": {"channels": []}})
    for _ in range(FAILURES + 1):
        await client.list_channels()
    assert (down.call_count, up.call_count) == (FAILURES, FAILURES + 1)
    assert client.circuit.state is CircuitState.CLOSED


async def test_without_an_answer_of_either_host_nothing_is_sent(client: AgoraClient, vendor: respx.MockRouter) -> None:
    route = vendor.get(url__regex=".*").respond(503)
    for _ in range(2 * FAILURES // QUERY_RETRY_POLICY.attempts):
        with pytest.raises(ProviderUnavailable):
            await client.list_channels()
    assert route.call_count == 2 * FAILURES
    with pytest.raises(ProviderUnavailable, match="not sent") as refused:
        await client.list_channels()
    assert route.call_count == 2 * FAILURES
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 1
    assert client.circuit.is_rejecting


async def test_retry_after_is_respected(client: AgoraClient, vendor: respx.MockRouter, waits: list[float]) -> None:
    vendor.delete(RULES).respond(429, headers={"Retry-After": "2"})
    vendor.delete(f"{FALLBACK}/kicking-rule").respond(json={"status": "success"})
    await client.delete_rule(1)
    assert waits == [2.0]


async def test_a_long_retry_after_is_passed_to_the_caller(
    client: AgoraClient, vendor: respx.MockRouter, waits: list[float]
) -> None:
    vendor.delete(RULES).respond(429, headers={"Retry-After": "45"})
    with pytest.raises(ProviderUnavailable) as refused:
        await client.delete_rule(1)
    assert (refused.value.retry_after, waits) == (45, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415])
async def test_a_refusal_is_not_retried(rest: AgoraProvider, vendor: respx.MockRouter, status: int) -> None:
    route = vendor.post(RULES).respond(status, json={"message": "no"})
    with pytest.raises(ProviderRefused):
        await rest.close_room("room-1")
    assert route.call_count == 1


async def test_requests_are_limited_to_ten_per_second() -> None:
    pace, begun = RateLimiter(10), time.monotonic()
    turns = [asyncio.create_task(pace.wait()) for _ in range(11)]
    # One iteration of the loop, in which all of them start.
    await asyncio.sleep(0)
    # Ten were not delayed.
    assert [turn.done() for turn in turns] == [True] * 10 + [False]
    await turns[-1]
    # Timers of uvloop have a resolution of a millisecond.
    assert time.monotonic() - begun >= 0.999


async def test_secrets_are_not_logged_printed_or_raised(
    rest: AgoraProvider, vendor: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    vendor.post(RULES).respond(401, json={"message": "Invalid authentication credentials"})
    with capture_logs() as logs, pytest.raises(AgoraUnauthorized, match="AGORA_CUSTOMER_SECRET") as refused:
        await rest.close_room("room-1")
    assert [(entry["operation"], entry["status"], entry["event"]) for entry in logs] == [
        ("ban", 401, "provider.request_failed")
    ]
    shown = vendor.calls.last.request.headers["Authorization"].split(" ")[1]
    captured = f"{logs} {caplog.text} {refused.value!r} {refused.value.detail} {rest!r} {rest.__dict__}"
    for secret in (CUSTOMER["customer_secret"], shown):
        assert secret not in captured
    assert CERTIFICATE not in f"{logs} {caplog.text} {refused.value!r} {refused.value.detail} {rest!r}"


# --- checks


async def check_statuses(provider: AgoraProvider) -> dict[str, CheckStatus]:
    return {check.check: check.verdict for check in await provider.examine(["publisher"])}


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, CheckStatus.OK), (401, CheckStatus.FAILED), (403, CheckStatus.FAILED), (500, CheckStatus.FAILED)],
)
async def test_the_checks_list_channels_once(
    rest: AgoraProvider, vendor: respx.MockRouter, status: int, expected: CheckStatus
) -> None:
    vendor.get(url__startswith="https://").respond(status, json={"success": True, "data": {"channels": []}})
    assert (await check_statuses(rest))["agora customer credentials"] is expected
    assert sent(vendor)[0][:2] == ("GET", f"/channel/{APP_ID}?page_no=0&page_size=1")


async def test_the_checks_report_missing_settings() -> None:
    bare = AgoraProvider.from_settings(PROJECT, clock=lambda: NOON)
    assert await check_statuses(bare) == {
        "agora account": CheckStatus.OK,
        "agora customer credentials": CheckStatus.WARNING,
        "agora webhooks": CheckStatus.WARNING,
    }
    with_webhooks = AgoraProvider.from_settings({**PROJECT, "notifications_secret": "s"}, clock=lambda: NOON)
    assert with_webhooks.capabilities == {Capability.WEBHOOKS}
    assert (await check_statuses(with_webhooks))["agora webhooks"] is CheckStatus.OK
