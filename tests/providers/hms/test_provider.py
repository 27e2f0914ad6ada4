"""The 100ms provider: rooms, room codes, and credentials."""

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
from videobroker.domain.diagnostics import CheckStatus
from videobroker.errors import ProviderNotConfigured, ProviderRefused, ProviderUnavailable
from videobroker.providers.contract import (
    Capability,
    CredentialRequest,
    PrebuiltCredentials,
    Provider,
    RoomClosed,
    RoomCodesExhausted,
    TokenCredentials,
)
from videobroker.providers.hms.provider import HmsProvider

from .conftest import START, Clock

ROOM = "65f0c1a2b3d4e5f60718293a"
CODE = "qzt-mbwr-kfa"
NOT_FOUND = {"code": 404, "message": "session not found"}
DISABLED = {"code": 403, "message": "Room is disabled"}
ALWAYS = {Capability.ROOM_CODES, Capability.CLOSE_ROOM, Capability.REMOVE_PERSON, Capability.PRESENCE}

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
    """Path and body of all requests, in order."""
    return [
        (call.request.url.path.removeprefix("/v2"), json.loads(call.request.content or b"null"))
        for call in vendor.calls
    ]


# --- the account


def test_it_is_a_provider(provider: HmsProvider) -> None:
    contract: Provider = provider
    assert contract.name is ProviderName.HMS
    assert contract.needs_uid is False
    assert contract.capabilities == ALWAYS | {Capability.PREBUILT}


def test_tokens_outlive_every_call_because_the_sdk_reuses_the_first(provider: HmsProvider) -> None:
    rule = provider.token_limits
    assert rule.must_cover_call
    assert rule.default == rule.maximum == timedelta(hours=24)


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


async def test_the_default_url_is_the_real_api(settings: dict[str, str], clock: Clock) -> None:
    del settings["api_url"]
    provider = HmsProvider.from_settings(settings, clock=clock)
    with respx.mock:
        route = respx.post("https://api.100ms.live/v2/rooms").respond(json=room())
        await provider.open_room("lesson")
    assert route.called
    await provider.aclose()


async def test_a_transport_replaces_the_network(settings: dict[str, str], clock: Clock) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=room(name=str(request.url))))
    provider = HmsProvider.from_settings(settings, clock=clock, transport=transport)
    assert await provider.open_room("lesson") == ROOM
    await provider.aclose()


def test_an_account_without_a_page_has_no_page_capability(
    settings: dict[str, str], clock: Clock, seat: CredentialRequest
) -> None:
    del settings["subdomain"]
    provider = HmsProvider.from_settings(settings, clock=clock)
    assert provider.capabilities == ALWAYS
    with pytest.raises(ProviderNotConfigured, match="subdomain"):
        provider.sign_prebuilt(ROOM, CODE, seat)


def test_the_repr_of_a_provider_contains_no_secret(provider: HmsProvider, settings: dict[str, str]) -> None:
    assert settings["secret"] not in repr(provider)


# --- opening


async def test_opening_creates_a_room_by_name(
    provider: HmsProvider, vendor: respx.MockRouter, settings: dict[str, str]
) -> None:
    vendor.post("/rooms").respond(json=room())
    assert await provider.open_room("vb.7f3a:LESSON-42_x") == ROOM
    assert sent(vendor) == [("/rooms", {"name": "vb.7f3a:LESSON-42_x", "template_id": settings["template_id"]})]


async def test_opening_again_always_sends_the_same_configuration(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    """Creating a room with an existing name overwrites its configuration."""
    vendor.post("/rooms").respond(json=room())
    await provider.open_room("lesson")
    await provider.open_room("lesson")
    first, second = sent(vendor)
    assert first == second


@pytest.mark.parametrize("name", ["", "a b", "a/b", "Mathé", "a\n", "a,b", "٣"])
async def test_an_invalid_name_is_refused_without_a_request(
    provider: HmsProvider, vendor: respx.MockRouter, name: str
) -> None:
    with pytest.raises(ProviderRefused):
        await provider.open_room(name)
    assert sent(vendor) == []


async def test_a_disabled_room_is_enabled(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json=room(enabled=False))
    vendor.post(f"/rooms/{ROOM}").respond(json=room())
    assert await provider.open_room("lesson") == ROOM
    assert sent(vendor)[1:] == [(f"/rooms/{ROOM}", {"enabled": True})]


async def test_a_room_without_a_status_counts_as_enabled(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json={"id": ROOM})
    assert await provider.open_room("lesson") == ROOM
    assert len(sent(vendor)) == 1


async def test_a_room_with_another_template_is_logged(
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


async def test_a_disabled_room_gets_no_codes_and_stays_disabled(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    path = f"/room-codes/room/{ROOM}"
    vendor.post(path).respond(403, json=DISABLED)
    with pytest.raises(RoomClosed):
        await provider.issue_codes(ROOM)
    assert sent(vendor) == [(path, None)]


# --- closing


LOCK = (f"/active-rooms/{ROOM}/end-room", {"reason": "The session has ended.", "lock": True})


@pytest.fixture
def codes(vendor: respx.MockRouter) -> respx.Route:
    """The list of enabled codes; empty by default."""
    return vendor.get(f"/room-codes/room/{ROOM}").respond(json={"limit": 100, "data": None, "last": ""})


def off(value: str) -> tuple[str, Any]:
    return ("/room-codes/code", {"code": value, "enabled": False})


async def test_closing_disables_every_code_then_ends_the_call_and_locks_the_room(
    provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route
) -> None:
    codes.respond(json={"limit": 100, "data": [code("teacher", "aaa-aaaa-aaa"), code("student", CODE)], "last": ""})
    vendor.post("/room-codes/code").respond(json=code("teacher", CODE, enabled=False))
    vendor.post(LOCK[0]).respond(json={"message": "session is ending"})
    assert await provider.close_room(ROOM, codes=[CODE, "old-olds-old"]) is None
    listing, *rest = sent(vendor)
    assert listing == (f"/room-codes/room/{ROOM}", None)
    assert rest == [off("aaa-aaaa-aaa"), off("old-olds-old"), off(CODE), LOCK]
    assert dict(codes.calls.last.request.url.params) == {"enabled": "true", "limit": "100"}


async def test_all_pages_of_codes_are_read(provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route) -> None:
    """The vendor may return smaller pages than requested."""
    first = [code("teacher", f"aaa-aaaa-a{number:02}") for number in range(20)]
    codes.side_effect = [
        httpx.Response(200, json={"limit": 20, "data": first, "last": "one"}),
        httpx.Response(200, json={"limit": 20, "data": [code("student", CODE)], "last": "two"}),
    ]
    vendor.post("/room-codes/code").respond(json=code("teacher", CODE, enabled=False))
    vendor.post(LOCK[0]).respond(json={"message": "session is ending"})
    await provider.close_room(ROOM)
    assert codes.calls.last.request.url.params["start"] == "one"
    assert len([path for path, _ in sent(vendor) if path == "/room-codes/code"]) == 21


async def test_an_endless_list_is_aborted(provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route) -> None:
    codes.respond(json={"limit": 1, "data": [code("student", CODE)], "last": "the same"})
    vendor.post("/room-codes/code").respond(json=code("teacher", CODE, enabled=False))
    vendor.post(LOCK[0]).respond(json={"message": "session is ending"})
    await provider.close_room(ROOM)
    assert codes.call_count == 2


@pytest.mark.parametrize("status", [403, 404])
async def test_missing_codes_do_not_prevent_a_closing(
    provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route, status: int
) -> None:
    codes.respond(status, json={"code": status, "message": "no"})
    vendor.post("/room-codes/code").respond(status, json={"code": status, "message": "no"})
    vendor.post(LOCK[0]).respond(json={"message": "session is ending"})
    await provider.close_room(ROOM, codes=[CODE])
    assert sent(vendor)[1:] == [off(CODE), LOCK]


async def test_a_room_with_possibly_valid_codes_is_not_reported_as_closed(
    provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route
) -> None:
    codes.respond(json={"limit": 100, "data": [code("student", CODE)], "last": ""})
    vendor.post("/room-codes/code").respond(500)
    with pytest.raises(ProviderUnavailable):
        await provider.close_room(ROOM)


async def test_a_shared_room_is_never_closed(settings: dict[str, str], clock: Clock, vendor: respx.MockRouter) -> None:
    provider = HmsProvider.from_settings({**settings, "room_id": ROOM}, clock=clock)
    assert Capability.CLOSE_ROOM not in provider.capabilities
    assert {Capability.REMOVE_PERSON, Capability.PRESENCE} <= provider.capabilities
    with pytest.raises(ProviderRefused, match="share"):
        await provider.close_room(ROOM)
    assert sent(vendor) == []
    await provider.aclose()


@pytest.mark.parametrize("body", [(404, NOT_FOUND), (403, DISABLED)])
async def test_closing_an_idle_room_disables_it(
    provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route, body: tuple[int, dict[str, object]]
) -> None:
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(body[0], json=body[1])
    vendor.post(f"/rooms/{ROOM}").respond(json=room(enabled=False))
    await provider.close_room(ROOM)
    assert sent(vendor)[2:] == [(f"/rooms/{ROOM}", {"enabled": False})]


async def test_closing_an_unknown_room_succeeds(
    provider: HmsProvider, vendor: respx.MockRouter, codes: respx.Route
) -> None:
    codes.respond(404, json={"code": 404, "message": "Error: Room not found"})
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(404, json=NOT_FOUND)
    vendor.post(f"/rooms/{ROOM}").respond(404, json={"code": 404, "message": "Error: Room not found"})
    await provider.close_room(ROOM)


async def test_closing_without_permission_is_a_refusal(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.route().respond(403, json={"code": 403, "message": "insufficient permissions"})
    with pytest.raises(ProviderRefused):
        await provider.close_room(ROOM)


# --- replacing a code


def lists(vendor: respx.MockRouter, *enabled: Any, disabled: int = 0) -> None:
    off = [code("student", f"old-{n}", enabled=False) for n in range(disabled)]
    route = f"/room-codes/room/{ROOM}"
    vendor.get(route, params={"enabled": "true"}).respond(json={"limit": 100, "data": list(enabled), "last": ""})
    vendor.get(route, params={"enabled": "false"}).respond(json={"limit": 100, "data": off, "last": ""})


async def test_a_code_remains_valid_if_the_room_can_have_no_other(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    lists(vendor, code("teacher", CODE), disabled=99)
    with pytest.raises(RoomCodesExhausted):
        await provider.replace_code(ROOM, "teacher", CODE)


@pytest.mark.parametrize(("disabled", "error"), [(20, ProviderRefused), (60, RoomCodesExhausted)])
async def test_a_refusal_in_a_room_with_many_codes_means_no_codes_left(
    provider: HmsProvider, vendor: respx.MockRouter, disabled: int, error: type[ProviderRefused]
) -> None:
    lists(vendor, disabled=disabled)
    vendor.post(f"/room-codes/room/{ROOM}").respond(422, json={"code": 422, "message": "whatever it says"})
    with pytest.raises(ProviderRefused) as raised:
        await provider.issue_codes(ROOM)
    assert type(raised.value) is error


async def test_a_replaced_code_is_disabled_before_a_new_one_is_requested(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    lists(vendor, code("teacher", CODE), disabled=98)
    vendor.post("/room-codes/code").respond(json=code("teacher", CODE, enabled=False))
    data = [
        code("teacher", CODE, enabled=False),
        code("teacher", "off-offs-off", enabled=False),
        code("student", "stu-dent-aaa"),
        code("teacher", "new-news-new"),
    ]
    vendor.post(f"/room-codes/room/{ROOM}").respond(json={"data": data})
    assert await provider.replace_code(ROOM, "teacher", CODE) == "new-news-new"
    assert sent(vendor)[-2:] == [off(CODE), (f"/room-codes/room/{ROOM}", None)]


async def test_if_the_list_has_no_new_code_one_is_created_for_the_role(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    lists(vendor, code("teacher", CODE))
    lists(vendor, code("teacher", CODE))
    vendor.post("/room-codes/code").respond(404, json={"code": 404, "message": "Code not found"})
    vendor.post(f"/room-codes/room/{ROOM}").respond(json={"data": [code("teacher", CODE)]})
    vendor.post(f"/room-codes/room/{ROOM}/role/co%20host").respond(json=code("co host", "new-news-new"))
    assert await provider.replace_code(ROOM, "co host", CODE) == "new-news-new"


async def test_a_possibly_valid_code_is_not_replaced(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    lists(vendor, code("teacher", CODE))
    vendor.post("/room-codes/code").respond(500)
    with pytest.raises(ProviderUnavailable):
        await provider.replace_code(ROOM, "teacher", CODE)


# --- removing people


def peer(peer_id: str, user_id: str | None) -> dict[str, object]:
    return {"id": peer_id, "user_id": user_id, "role": "student", "joined_at": "2026-03-12T21:00:00.1Z"}


PEERS = f"/active-rooms/{ROOM}/peers"
REMOVE = f"/active-rooms/{ROOM}/remove-peers"
UNTIL = START + timedelta(hours=1)


async def test_only_devices_of_the_person_are_removed(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    """The vendor may return more people than requested."""
    peers = {each: peer(each, user) for each, user in [("p1", "u 1"), ("p2", "other"), ("p3", "u 1"), ("p4", None)]}
    listing = vendor.get(PEERS).respond(json={"peers": peers})
    vendor.post(REMOVE).respond(json={"message": "peer remove request submitted"})
    await provider.remove_person(ROOM, "u 1", until=UNTIL)
    assert listing.calls.last.request.url.params["user_id"] == "u 1"
    reason = "You were removed from the session."
    assert sent(vendor)[1:] == [(REMOVE, {"peer_id": each, "reason": reason}) for each in ("p1", "p3")]


@pytest.mark.parametrize("peers", [{}, None, []])
async def test_removing_an_absent_person_is_no_error(
    provider: HmsProvider, vendor: respx.MockRouter, peers: object
) -> None:
    vendor.get(PEERS).respond(json={"peers": peers})
    await provider.remove_person(ROOM, "u-1", until=None)
    assert len(sent(vendor)) == 1


async def test_removing_a_person_from_an_idle_room_is_no_error(provider: HmsProvider, vendor: respx.MockRouter) -> None:
    vendor.get(PEERS).respond(404, json=NOT_FOUND)
    await provider.remove_person(ROOM, "u-1", until=None)


async def test_a_device_that_just_left_does_not_prevent_removing_others(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    vendor.get(PEERS).respond(json={"peers": [peer("p1", "u-1"), peer("p2", "u-1")]})
    missing_codes, done = httpx.Response(404, json=NOT_FOUND), httpx.Response(200, json={"message": "submitted"})
    route = vendor.post(REMOVE)
    route.side_effect = [missing_codes, done]
    await provider.remove_person(ROOM, "u-1", until=None)
    assert route.call_count == 2


async def test_an_empty_user_id_is_refused_and_a_ban_is_not_possible(
    provider: HmsProvider, vendor: respx.MockRouter
) -> None:
    with pytest.raises(ProviderRefused):
        await provider.remove_person(ROOM, "", until=None)
    assert Capability.BAN not in provider.capabilities
    assert sent(vendor) == []


# --- webhooks


HOOK = {"webhook_secret": "s3cr3t-of-the-hook", "webhook_url": "https://broker.example/hooks/100ms"}


async def test_a_new_room_gets_the_webhook_url(
    settings: dict[str, str], clock: Clock, vendor: respx.MockRouter
) -> None:
    provider = HmsProvider.from_settings({**settings, **HOOK}, clock=clock)
    assert Capability.WEBHOOKS in provider.capabilities
    vendor.post("/rooms").respond(json=room())
    await provider.open_room("lesson", closure="whatever")
    [(_, body)] = sent(vendor)
    assert body["webhook"] == {
        "url": "https://broker.example/hooks/100ms",
        "headers": {"Videobroker-Hook-Secret": "s3cr3t-of-the-hook"},
    }
    assert "s3cr3t" not in repr(provider.__dict__)
    await provider.aclose()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"webhook_url": "https://broker.example"}, "webhook_secret"),
        ({"webhook_url": "https://broker.example", "webhook_signing_secret": "s"}, "webhook_secret"),
        ({**HOOK, "webhook_url": "broker.example"}, "webhook_url"),
        ({"webhook_secret": "two words"}, "webhook_secret"),
        ({"webhook_secret": "Schlüssel"}, "webhook_secret"),
    ],
)
def test_invalid_webhook_settings_are_named_and_not_repeated(
    settings: dict[str, str], clock: Clock, wrong: dict[str, str], named: str
) -> None:
    with pytest.raises(ProviderNotConfigured, match=named) as refused:
        HmsProvider.from_settings({**settings, **wrong}, clock=clock)
    assert "Schl" not in refused.value.detail


@pytest.mark.parametrize(
    ("given_settings", "verdict", "says"),
    [
        ({}, CheckStatus.WARNING, "None are taken"),
        ({"webhook_secret": "s"}, CheckStatus.WARNING, "set it in the dashboard"),
        ({"webhook_signing_secret": "s"}, CheckStatus.WARNING, "signature"),
        (HOOK, CheckStatus.OK, "https://broker.example/hooks/100ms"),
        ({**HOOK, "room_id": ROOM}, CheckStatus.WARNING, "fixed room"),
    ],
)
async def test_the_checks_include_webhooks(
    settings: dict[str, str],
    clock: Clock,
    vendor: respx.MockRouter,
    given_settings: dict[str, str],
    verdict: CheckStatus,
    says: str,
) -> None:
    vendor.route().respond(404, json={"code": 404, "message": "no"})
    provider = HmsProvider.from_settings({**settings, **given_settings}, clock=clock)
    [finding] = [each for each in await provider.examine([]) if each.check == "100ms webhooks"]
    assert finding.verdict is verdict
    assert says in finding.sentence
    await provider.aclose()


# --- credentials


def test_a_signed_token_is_for_one_person_in_one_room(
    provider: HmsProvider, settings: dict[str, str], seat: CredentialRequest
) -> None:
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


def test_every_signature_has_a_unique_token_id(provider: HmsProvider, seat: CredentialRequest) -> None:
    assert provider.sign(ROOM, seat).token_id != provider.sign(ROOM, seat).token_id


@pytest.mark.parametrize("empty", ["user_id", "role"])
def test_an_empty_user_id_or_role_gets_no_token(provider: HmsProvider, seat: CredentialRequest, empty: str) -> None:
    changes: dict[str, Any] = {empty: ""}
    with pytest.raises(ProviderRefused):
        provider.sign(ROOM, replace(seat, **changes))


def test_the_ready_made_page_gets_code_name_and_user(provider: HmsProvider, seat: CredentialRequest) -> None:
    signed = provider.sign_prebuilt(ROOM, CODE, replace(seat, display_name="Asha & Søn?", user_id="u/1 +2"))
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.room_code == CODE
    assert (
        signed.credentials.url
        == f"https://acme.app.100ms.live/meeting/{CODE}?name=Asha%20%26%20S%C3%B8n%3F&userId=u%2F1%20%2B2"
    )


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(name=NAMES, user_id=NAMES)
def test_any_name_and_user_are_escaped_in_the_url(name: str, user_id: str) -> None:
    provider = HmsProvider.from_settings({"access_key": "k", "secret": "s" * 32, "subdomain": "acme"}, clock=Clock())
    seat = CredentialRequest(user_id, "teacher", name, START, START)
    url = provider.sign_prebuilt(ROOM, CODE, seat).credentials.url  # type: ignore[union-attr]
    parts = urlsplit(url)
    assert parts.path == f"/meeting/{CODE}"
    assert parse_qsl(parts.query) == [("name", name), ("userId", user_id)]


def test_without_a_name_the_page_asks_for_one(provider: HmsProvider, seat: CredentialRequest) -> None:
    signed = provider.sign_prebuilt(ROOM, CODE, replace(seat, display_name=""))
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.url.endswith(f"/meeting/{CODE}?userId=u-1842")


@pytest.mark.parametrize("code", ["", "qzt-mbwr-kfa"])
def test_the_page_needs_a_code_and_a_user_id(provider: HmsProvider, seat: CredentialRequest, code: str) -> None:
    with pytest.raises(ProviderRefused):
        provider.sign_prebuilt(ROOM, code, replace(seat, user_id="" if code else "u-1842"))


def test_a_custom_page_replaces_that_of_the_vendor(
    settings: dict[str, str], clock: Clock, seat: CredentialRequest
) -> None:
    provider = HmsProvider.from_settings({**settings, "prebuilt_url": "http://localhost:9000/prebuilt/"}, clock=clock)
    signed = provider.sign_prebuilt(ROOM, CODE, seat)
    assert isinstance(signed.credentials, PrebuiltCredentials)
    assert signed.credentials.url.startswith(f"http://localhost:9000/prebuilt/meeting/{CODE}?")


def test_the_token_id_of_a_code_is_its_digest(provider: HmsProvider, seat: CredentialRequest) -> None:
    signed = provider.sign_prebuilt(ROOM, CODE, seat)
    assert signed.token_id == f"code:{hashlib.sha256(CODE.encode()).hexdigest()[:12]}"
    assert CODE not in signed.token_id
    assert CODE not in repr(signed)
