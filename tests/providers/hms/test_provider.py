"""100ms as a provider: one room per name, doors that open and shut, credentials that fit."""

import hashlib
import json
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import jwt
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import ProviderName
from videobroker.errors import ProviderNotConfigured, ProviderRefused, ProviderUnavailable
from videobroker.providers.contract import (
    Capability,
    PrebuiltCredentials,
    Provider,
    Seat,
    TokenCredentials,
)
from videobroker.providers.hms.provider import HmsProvider

from .conftest import START, Clock

ROOM = "65f0c1a2b3d4e5f60718293a"
CODE = "qzt-mbwr-kfa"
NOT_FOUND = {"code": 404, "message": "session not found"}
DISABLED = {"code": 403, "message": "Room is disabled"}

pytestmark = pytest.mark.usefixtures("waits")


def room(**fields: object) -> dict[str, object]:
    return {
        "id": ROOM,
        "name": "lesson",
        "enabled": True,
        "template_id": "64d1f1b23c5b7e9012ab34d0",
        **fields,
    }


def code(role: str, value: str, *, enabled: bool = True) -> dict[str, object]:
    return {"code": value, "room_id": ROOM, "role": role, "enabled": enabled}


def sent(vendor: respx.MockRouter) -> list[tuple[str, Any]]:
    """Path and body of every request, in order."""
    return [
        (call.request.url.path.removeprefix("/v2"), json.loads(call.request.content or b"null"))
        for call in vendor.calls
    ]


# --- the account


def test_it_is_a_provider(provider: HmsProvider) -> None:
    contract: Provider = provider
    assert contract.name is ProviderName.HMS
    assert contract.needs_uid is False
    assert contract.capabilities == {Capability.PREBUILT, Capability.ROOM_CODES, Capability.CLOSE_ROOM}


def test_tokens_outlive_every_call_because_the_sdk_joins_again_with_the_first(provider: HmsProvider) -> None:
    rule = provider.token_rule
    assert rule.must_outlive_call
    assert rule.default == rule.longest == timedelta(hours=24)


@pytest.mark.parametrize("missing", ["access_key", "secret"])
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_missing_key_is_named(settings: dict[str, str], clock: Clock, missing: str, blank: str | None) -> None:
    given_settings = {key: value for key, value in settings.items() if key != missing}
    if blank is not None:
        given_settings[missing] = blank
    with pytest.raises(ProviderNotConfigured) as caught:
        HmsProvider.from_settings(given_settings, clock=clock)
    assert missing in caught.value.detail
    assert settings["secret"] not in caught.value.detail


@pytest.mark.parametrize("key", ["api_url", "prebuilt_url"])
def test_an_address_without_a_scheme_is_refused(settings: dict[str, str], clock: Clock, key: str) -> None:
    with pytest.raises(ProviderNotConfigured, match=key):
        HmsProvider.from_settings({**settings, key: "api.100ms.live/v2"}, clock=clock)


async def test_without_an_address_the_real_api_is_asked(settings: dict[str, str], clock: Clock) -> None:
    del settings["api_url"]
    provider = HmsProvider.from_settings(settings, clock=clock)
    with respx.mock:
        route = respx.post("https://api.100ms.live/v2/rooms").respond(json=room())
        await provider.open_room("lesson")
    assert route.called
    await provider.aclose()


async def test_a_transport_takes_the_place_of_the_network(settings: dict[str, str], clock: Clock) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=room(name=str(request.url))))
    provider = HmsProvider.from_settings(settings, clock=clock, transport=transport)
    assert await provider.open_room("lesson") == ROOM
    await provider.aclose()


def test_an_account_without_a_page_does_not_claim_one(settings: dict[str, str], clock: Clock, seat: Seat) -> None:
    del settings["subdomain"]
    provider = HmsProvider.from_settings(settings, clock=clock)
    assert provider.capabilities == {Capability.ROOM_CODES, Capability.CLOSE_ROOM}
    with pytest.raises(ProviderNotConfigured, match="subdomain"):
        provider.prebuilt(ROOM, CODE, seat)


def test_printing_a_provider_shows_no_secret(provider: HmsProvider, settings: dict[str, str]) -> None:
    assert settings["secret"] not in repr(provider)


# --- opening


async def test_opening_creates_by_name(
    provider: HmsProvider, vendor: respx.MockRouter, settings: dict[str, str]
) -> None:
    vendor.post("/rooms").respond(json=room())
    assert await provider.open_room("vb.7f3a:LESSON-42_x") == ROOM
    assert sent(vendor) == [("/rooms", {"name": "vb.7f3a:LESSON-42_x", "template_id": settings["template_id"]})]


async def test_opening_again_always_sends_the_same_configuration(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    """Creating by an existing name overwrites what the room was configured with."""
    vendor.post("/rooms").respond(json=room())
    await provider.open_room("lesson")
    await provider.open_room("lesson")
    first, second = sent(vendor)
    assert first == second


@pytest.mark.parametrize("name", ["", "a b", "a/b", "Mathé", "a\n", "a,b", "٣"])
async def test_a_name_that_100ms_does_not_take_is_refused_unasked(
    provider: HmsProvider, vendor: respx.MockRouter, name: str
) -> None:
    with pytest.raises(ProviderRefused):
        await provider.open_room(name)
    assert sent(vendor) == []


async def test_a_room_that_comes_back_disabled_is_enabled(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json=room(enabled=False))
    vendor.post(f"/rooms/{ROOM}").respond(json=room())
    assert await provider.open_room("lesson") == ROOM
    assert sent(vendor)[1:] == [(f"/rooms/{ROOM}", {"enabled": True})]


async def test_a_room_that_does_not_say_is_taken_for_enabled(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json={"id": ROOM})
    assert await provider.open_room("lesson") == ROOM
    assert len(sent(vendor)) == 1


async def test_another_template_than_ours_is_told_to_the_log(
    provider: HmsProvider, vendor: respx.MockRouter, logs: list[MutableMapping[str, Any]]
) -> None:
    vendor.post("/rooms").respond(json=room(template_id="another"))
    assert await provider.open_room("lesson") == ROOM
    [entry] = logs
    assert entry["log_level"] == "warning"
    assert (entry["room_id"], entry["template_id"]) == (ROOM, "another")


async def test_a_success_without_an_id_is_unavailable(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json={"message": "fine"})
    with pytest.raises(ProviderUnavailable):
        await provider.open_room("lesson")


# --- codes


async def test_codes_are_the_first_enabled_one_of_each_role(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    data = [
        code("teacher", "old-olds-old", enabled=False),
        code("teacher", "qzt-mbwr-kfa"),
        code("teacher", "sec-onds-one"),
        code("student", "stu-dent-aaa"),
        code("ghost", "gon-gone-gon", enabled=False),
        code("__internal_recorder", "rec-orde-rrr"),
    ]
    vendor.post(f"/room-codes/room/{ROOM}").respond(json={"data": data})
    assert await provider.issue_codes(ROOM) == {"teacher": "qzt-mbwr-kfa", "student": "stu-dent-aaa"}


async def test_a_disabled_room_is_enabled_for_its_codes(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    path = f"/room-codes/room/{ROOM}"
    vendor.post(path).side_effect = [
        httpx.Response(403, json=DISABLED),
        httpx.Response(200, json={"data": [code("teacher", CODE)]}),
    ]
    vendor.post(f"/rooms/{ROOM}").respond(json=room())
    assert await provider.issue_codes(ROOM) == {"teacher": CODE}
    assert sent(vendor) == [(path, None), (f"/rooms/{ROOM}", {"enabled": True}), (path, None)]


async def test_a_403_that_stays_is_a_refusal(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    route = vendor.post(f"/room-codes/room/{ROOM}").respond(403, json=DISABLED)
    vendor.post(f"/rooms/{ROOM}").respond(json=room())
    with pytest.raises(ProviderRefused):
        await provider.issue_codes(ROOM)
    assert route.call_count == 2


# --- closing


async def test_closing_ends_the_call_and_locks_the_room(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(json={"message": "session is ending"})
    await provider.close_room(ROOM)
    assert sent(vendor) == [(f"/active-rooms/{ROOM}/end-room", {"reason": "The session has ended.", "lock": True})]


@pytest.mark.parametrize("body", [(404, NOT_FOUND), (403, DISABLED)])
async def test_closing_an_idle_room_disables_it(
    provider: HmsProvider, vendor: respx.MockRouter, body: tuple[int, dict[str, object]]
) -> None:
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(body[0], json=body[1])
    vendor.post(f"/rooms/{ROOM}").respond(json=room(enabled=False))
    await provider.close_room(ROOM)
    assert sent(vendor)[1:] == [(f"/rooms/{ROOM}", {"enabled": False})]


async def test_closing_a_room_that_100ms_does_not_know_is_fine(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(404, json=NOT_FOUND)
    vendor.post(f"/rooms/{ROOM}").respond(404, json={"code": 404, "message": "Error: Room not found"})
    await provider.close_room(ROOM)


async def test_closing_without_permission_is_a_refusal(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.route().respond(403, json={"code": 403, "message": "insufficient permissions"})
    with pytest.raises(ProviderRefused):
        await provider.close_room(ROOM)


# --- credentials


def test_signing_seats_one_person_in_one_room(provider: HmsProvider, settings: dict[str, str], seat: Seat) -> None:
    signed = provider.sign(ROOM, seat)
    assert isinstance(signed.credentials, TokenCredentials)
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(
        signed.credentials.token,
        settings["secret"],
        algorithms=["HS256"],
        options=options,  # type: ignore[arg-type]
    )
    assert (claims["room_id"], claims["role"], claims["user_id"]) == (ROOM, "teacher", "u-1842")
    assert claims["exp"] == int(seat.expires_at.timestamp())
    assert claims["nbf"] == int(START.timestamp()) - 10
    assert claims["jti"] == signed.token_id == str(UUID(signed.token_id))
    assert signed.credentials.app_id == settings["access_key"]


def test_every_signature_has_a_name_of_its_own(provider: HmsProvider, seat: Seat) -> None:
    assert provider.sign(ROOM, seat).token_id != provider.sign(ROOM, seat).token_id


@pytest.mark.parametrize("empty", ["user_id", "role"])
def test_nobody_is_not_seated(provider: HmsProvider, seat: Seat, empty: str) -> None:
    changes: dict[str, Any] = {empty: ""}
    with pytest.raises(ProviderRefused):
        provider.sign(ROOM, replace(seat, **changes))


def test_the_ready_made_page_gets_code_name_and_user(provider: HmsProvider, seat: Seat) -> None:
    signed = provider.prebuilt(ROOM, CODE, replace(seat, display_name="Asha & Søn?", user_id="u/1 +2"))
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.room_code == CODE
    assert (
        signed.credentials.url
        == f"https://acme.app.100ms.live/meeting/{CODE}?name=Asha%20%26%20S%C3%B8n%3F&userId=u%2F1%20%2B2"
    )


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(name=NAMES, user_id=NAMES)
def test_any_name_and_user_survive_the_address(name: str, user_id: str) -> None:
    provider = HmsProvider.from_settings({"access_key": "k", "secret": "s" * 32, "subdomain": "acme"}, clock=Clock())
    seat = Seat(user_id, "teacher", name, START, START)
    url = provider.prebuilt(ROOM, CODE, seat).credentials.url  # type: ignore[union-attr]
    parts = urlsplit(url)
    assert parts.path == f"/meeting/{CODE}"
    assert parse_qsl(parts.query) == [("name", name), ("userId", user_id)]


def test_without_a_name_the_page_asks_for_one(provider: HmsProvider, seat: Seat) -> None:
    signed = provider.prebuilt(ROOM, CODE, replace(seat, display_name=""))
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.url.endswith(f"/meeting/{CODE}?userId=u-1842")


@pytest.mark.parametrize("code", ["", "qzt-mbwr-kfa"])
def test_the_page_takes_neither_nobody_nor_nothing(provider: HmsProvider, seat: Seat, code: str) -> None:
    with pytest.raises(ProviderRefused):
        provider.prebuilt(ROOM, code, replace(seat, user_id="" if code else "u-1842"))


def test_a_page_of_its_own_replaces_the_vendors(settings: dict[str, str], clock: Clock, seat: Seat) -> None:
    provider = HmsProvider.from_settings({**settings, "prebuilt_url": "http://localhost:9000/prebuilt/"}, clock=clock)
    signed = provider.prebuilt(ROOM, CODE, seat)
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.url.startswith(f"http://localhost:9000/prebuilt/meeting/{CODE}?")


def test_the_journal_remembers_a_code_by_its_digest(provider: HmsProvider, seat: Seat) -> None:
    signed = provider.prebuilt(ROOM, CODE, seat)
    assert signed.token_id == f"code:{hashlib.sha256(CODE.encode()).hexdigest()[:12]}"
    assert CODE not in signed.token_id
    assert CODE not in repr(signed)
