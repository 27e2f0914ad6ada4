"""The fast path and the framework give the same responses, whatever is sent."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Response
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Scope

from tenants import HOOK_SECRET, Tenant, context_of
from videobroker.broker import Broker
from videobroker.domain.access import AccessDecision, AccessReason, AdmitDecision, RefuseDecision, WaitDecision
from videobroker.domain.api_keys import Scope as KeyScope
from videobroker.domain.api_keys import compute_key_digest
from videobroker.domain.apps import ProviderName
from videobroker.domain.attendance.stays import AttendanceSummary
from videobroker.domain.calls import Call, EndReason
from videobroker.domain.ids import AppId, CallId, EventId, SessionId
from videobroker.domain.sessions import Session, SessionKey, SessionKind, SessionTerms
from videobroker.providers.contract import ChannelCredentials, PrebuiltCredentials, TokenCredentials
from videobroker.usecases import management
from videobroker.usecases.attendance.receive_webhook import MAX_WEBHOOK_BYTES
from videobroker.usecases.joining.join import JoinResult
from videobroker.web import fast_path as fast_path_module
from videobroker.web import join_response as join_responses
from videobroker.web.app import FAST_RESOLVERS
from videobroker.web.fast_path import (
    Constant,
    FastPath,
    FastRequest,
    FastRoute,
    NotCompilable,
    compile_routes,
    fast_path,
)
from videobroker.web.http.json_response import JsonFields
from videobroker.web.http.requests import MAX_BODY_BYTES
from videobroker.web.http.schemas import access_fields, access_shape
from videobroker.web.v1.joining import JoinCredentials, join_fields

ORIGIN = "https://page.example"
"""A request with an `Origin` goes to the framework, and is otherwise the same."""
SAME_GUEST_ID = UUID("01a21054-2222-7333-8444-555555555555")
SAME_TOKEN_ID = UUID("11111111-2222-4333-8444-555555555555")


class FastResponses:
    """Counts the responses of the fast path."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> FastResponses:
    counted = FastResponses()
    original = FastRoute.respond

    async def respond(route: FastRoute, *arguments: Any) -> Response:
        counted.count += 1
        return await original(route, *arguments)

    monkeypatch.setattr(FastRoute, "respond", respond)
    return counted


@pytest.fixture
async def frozen(app: FastAPI, broker: Broker, same_ids: None) -> AsyncIterator[None]:
    """The time and the token IDs are constant: equal requests get equal responses."""
    moment = broker.now()
    app.state.broker = replace(broker, now=lambda: moment)
    with (
        patch("videobroker.providers.hms.provider.uuid4", return_value=SAME_TOKEN_ID),
        patch("videobroker.usecases.joining.join.uuid7", return_value=SAME_GUEST_ID),
    ):
        yield
    app.state.broker = broker


async def ask(api: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await api.post(path, content=body, headers=raw)
    # Every join has another ID.
    content = re.sub(rb'"join_id":"[0-9a-f-]{36}"', b'"join_id":""', answer.content)
    return answer.status_code, sorted(answer.headers.multi_items()), content


@pytest.fixture
async def keys(tutoring: Tenant, other: Tenant) -> dict[str, str]:
    """Keys in every condition."""
    revoked = await tutoring.another_key()
    found = await tutoring.broker.tenant_cache.by_key(compute_key_digest(revoked))
    assert found is not None
    await management.revoke_key(context_of(tutoring.broker, tutoring.app), found[0].id)
    return {
        "good": tutoring.key,
        "revoked": revoked,
        "expired": await tutoring.another_key(expires_at=tutoring.broker.now()),
        "narrow": await tutoring.another_key(scopes=[KeyScope.SESSIONS_READ]),
        "foreign": other.key,
        "unknown": "vb_" + "x" * 43,
        "short": "vb_x",
        "long": "vb_" + "x" * 200,
        "odd": "vb_" + "x" * 30 + "!",
        "not one": "sk_" + "x" * 43,
    }


@pytest.fixture
async def places(tutoring: Tenant, frozen: None) -> list[str]:
    """Sessions in every condition."""
    await tutoring.book("lesson-1")
    await tutoring.join("lesson-1")
    await tutoring.join("lesson-1", surface="prebuilt")
    await tutoring.book("cancelled")
    await tutoring.post("/v1/bookings/cancelled/cancel")
    await tutoring.book("waiting", policy={"waiting_room": "admit", "host_roles": []})
    await tutoring.book("stränge")
    await tutoring.gather("circle", policy={"guests_allowed": True}, title="Über <alles> \u00a0 & mehr")
    await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})
    await tutoring.send(
        "PUT", "/v1/bookings/unmapped", json={**BOOKING, "participants": [{"user_id": "x", "role": "tutor"}]}
    )
    return [
        "bookings/lesson-1",
        "groups/circle",
        "bookings/cancelled",
        "bookings/waiting",
        "bookings/none",
        "groups/lesson-1",
        "bookings/str%C3%A4nge",
        "bookings/..",
        "bookings/a%2Fb",
        "bookings/" + "a" * 129,
    ]


BOOKING = {"starts_at": "2026-03-12T14:00:00Z", "duration_minutes": 60}
BODIES = st.one_of(
    st.fixed_dictionaries(
        {"user_id": st.sampled_from(["tutor-1", "student-1", "stranger"])},
        optional={
            "display_name": st.one_of(st.none(), st.text(max_size=12), st.just("x" * 201)),
            "surface": st.sampled_from(["sdk", "prebuilt", "other", None, 1]),
        },
    ).map(json.dumps),
    st.dictionaries(
        st.sampled_from(["user_id", "surface", "misspelt"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just("x" * 129)),
    ).map(json.dumps),
    st.sampled_from(
        [
            "",
            "null",
            "[]",
            "{",
            '{"user_id": NaN}',
            '{"user_id": "a", "user_id": "tutor-1"}',
            '{"user_id": "\\ud800"}',
            '{"user_id": "tutor-1", "display_name": "' + "y" * 5000 + '"}',
            "\ufeff{}",
        ]
    ),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "user-agent": st.sampled_from(["bench/1", "x" * 300, "Z\u00fcrich"]),
        "content-type": st.sampled_from(["text/plain", "application/json; charset=utf-8"]),
        "x-user-id": st.sampled_from(["tutor-1", "student-1", ""]),
        "idempotency-key": st.just("not a key"),
    },
)


class TestBothPaths:
    async def test_a_join_takes_the_fast_path(self, tutoring: Tenant, fast: FastResponses) -> None:
        await tutoring.book()
        assert (await tutoring.join()).status_code == 200
        assert (await tutoring.join()).status_code == 200
        assert (await tutoring.join(user_id="stranger")).status_code == 403
        assert fast.count == 3

    async def test_so_does_an_access_check(self, tutoring: Tenant, fast: FastResponses) -> None:
        await tutoring.book()
        for body in ({"user_id": "tutor-1"}, {"user_id": "stranger"}, {}):
            assert (await tutoring.post("/v1/bookings/lesson-1/access", body)).status_code == 200
        assert fast.count == 3

    async def test_so_does_a_guest_and_each_request_is_a_new_one(self, tutoring: Tenant, fast: FastResponses) -> None:
        await tutoring.gather(policy={"guests_allowed": True})
        path = "/v1/groups/circle/guests"
        answers = [await tutoring.post(path, {"name": "Eva"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({answer.json()["user_id"] for answer in answers}) == 3
        assert {answer.json()["display_name"] for answer in answers} == {"Eva (guest)"}
        assert fast.count == 3

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": ORIGIN},
            {"X-User-Id": "tutor-1"},
            {"Idempotency-Key": "once"},
        ],
    )
    async def test_a_request_with_more_headers_goes_to_the_framework(
        self, tutoring: Tenant, fast: FastResponses, headers: dict[str, str]
    ) -> None:
        await tutoring.book()
        answer = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers=headers)
        assert answer.status_code == 200
        assert fast.count == 0

    async def test_generated_requests_get_the_same_response_either_way(
        self, tutoring: Tenant, api: httpx.AsyncClient, keys: dict[str, str], places: list[str], fast: FastResponses
    ) -> None:
        plain = b'{"user_id": "tutor-1"}'
        guest = b'{"name": "Eva"}'
        requests: list[tuple[str, str, str, bytes, dict[str, str]]] = [
            *((f"{places[0]}/join", "", key, plain, {}) for key in keys),
            *((f"{place}/join", "", "good", plain, {}) for place in places),
            *((f"{places[1]}/guests", "", key, guest, {}) for key in keys),
            *((f"{place}/guests", "", "good", guest, {}) for place in places),
            *((f"{places[0]}/access", "", key, plain, {}) for key in keys),
            *((f"{place}/access", "", "good", body, {}) for place in places for body in (plain, b"{}")),
        ]

        @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(
            place=st.one_of(st.just(places[0]), st.sampled_from(places)),
            door=st.sampled_from(["join", "join", "guests", "access"]),
            query=st.sampled_from(["", "", "", "?a=1"]),
            key=st.one_of(st.just("good"), st.sampled_from([*keys, "none", "lower", "twice"])),
            body=BODIES,
            headers=st.one_of(st.just({}), HEADERS),
        )
        def draw(place: str, door: str, query: str, key: str, body: bytes, headers: dict[str, str]) -> None:
            requests.append((f"{place}/{door}", query, key, body, headers))

        draw()
        statuses = set()
        for place, query, key, body, drawn in requests:
            path = f"/v1/{place}{query}"
            headers = dict(drawn)
            if key in keys:
                headers["authorization"] = f"Bearer {keys[key]}"
            elif key == "lower":
                headers["authorization"] = f"bearer {keys['good']}"
            elif key == "twice":
                headers["authorization"] = f"Bearer {keys['good']} {keys['good']}"
            first = await ask(api, path, body, headers)
            second = await ask(api, path, body, {**headers, "origin": ORIGIN})
            assert first == second, (path, key, body, drawn)
            statuses.add(first[0])
        assert {200, 401, 403, 404, 422} <= statuses
        assert fast.count >= 20

    async def test_the_journal_records_the_same_for_both(
        self, tutoring: Tenant, frozen: None, fast: FastResponses
    ) -> None:
        await tutoring.book()
        await tutoring.join()
        how = {"headers": {"User-Agent": "agent \u00e9".encode("latin-1")}}
        for user_id in ("tutor-1", "stranger"):
            for origin in ({}, {"Origin": ORIGIN}):
                headers = {**how["headers"], **origin}
                await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": user_id}, headers=headers)
        written = (await tutoring.events("credentials.issued", "credentials.denied"))[1:]
        recorded = [{name: each[name] for name in each.keys() - {"id", "cursor"}} for each in written]
        assert fast.count == 3
        assert [each["type"].rpartition(".")[2] for each in recorded] == ["issued", "issued", "denied", "denied"]
        assert recorded[0] == recorded[1]
        assert recorded[2] == recorded[3]

    async def test_both_have_the_same_operation_in_metrics(self, tutoring: Tenant, api: httpx.AsyncClient) -> None:
        await tutoring.book()

        async def counted() -> float:
            line = 'videobroker_request_seconds_count{operation="joinBooking",status="200"} '
            shown = (await api.get("/metrics")).text
            return sum(float(each.removeprefix(line)) for each in shown.splitlines() if each.startswith(line))

        before = await counted()
        await tutoring.join()
        await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers={"Origin": ORIGIN})
        assert await counted() == before + 2


class TestCompilation:
    def test_the_frequent_operations_are_compiled_from_their_routes(self, app: FastAPI) -> None:
        compiled = {route.operation: route for route in compile_routes(app, FAST_RESOLVERS)}
        assert sorted(compiled) == [
            "checkBookingAccess",
            "checkGroupAccess",
            "joinBooking",
            "joinBookingAsGuest",
            "joinGroup",
            "joinGroupAsGuest",
            "receive100msWebhook",
            "receiveAgoraWebhook",
        ]
        join = compiled["joinGroup"]
        assert (join.method, join.segments) == ("POST", (b"", b"v1", b"groups", None, b"join"))
        # Those that its dependencies declare, and those that middleware reads.
        assert join.absent == {b"idempotency-key", b"x-user-id", b"origin", b"content-encoding"}
        assert compiled["receiveAgoraWebhook"].absent == {b"origin", b"content-encoding"}

    @pytest.mark.parametrize("declared", ["query", "header", "dependency", "route dependency", "untaken path", "form"])
    def test_what_the_fast_path_does_not_support_is_an_error_at_start(self, declared: str) -> None:
        app = FastAPI()

        async def dependency(page: int = 1) -> int:
            return page

        async def respond(**_: Any) -> Response:
            return Response()

        mark = fast_path(max_body_bytes=10)
        if declared == "query":

            @app.post("/a/{name}")
            @mark
            async def handle_query(name: str, page: int = 1) -> Response:
                return await respond(name=name, page=page)

        elif declared == "header":

            @app.post("/a/{name}")
            @mark
            async def handle_header(name: str, page: Annotated[int, Header()] = 1) -> Response:
                return await respond(name=name, page=page)

        elif declared == "dependency":

            @app.post("/a/{name}")
            @mark
            async def handle_dependency(name: str, page: Annotated[int, Depends(dependency)]) -> Response:
                return await respond(name=name, page=page)

        elif declared == "route dependency":

            @app.post("/a/{name}", dependencies=[Depends(dependency)])
            @mark
            async def handle_route_dependency(name: str) -> Response:
                return await respond(name=name)

        elif declared == "untaken path":

            @app.post("/a/{name}")
            @mark
            async def handle_untaken() -> Response:
                return await respond()

        else:

            @app.post("/a/{name}")
            @mark
            async def handle_list(name: str, body: list[int]) -> Response:
                return await respond(name=name, body=body)

        with pytest.raises(NotCompilable, match=r"fast path|does not take"):
            list(compile_routes(app, {}))

    async def test_a_header_that_a_dependency_declares_goes_to_the_framework(self) -> None:
        app = FastAPI()
        seen: list[str] = []

        async def color(color: Annotated[str, Header(alias="X-Color")] = "none") -> str:
            return color

        @app.post("/paint/{name}")
        @fast_path(max_body_bytes=10)
        async def paint(name: str, color: Annotated[str, Depends(color)]) -> Response:
            seen.append(color)
            return JsonFields({"name": name})

        app.state.broker = None
        path = FastPath(app, app, {color: lambda _route, _scopes: Constant("constant")})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(path), base_url="http://here") as client:
            for headers in ({}, {"X-Color": "red"}):
                assert (await client.post("/paint/wall", headers=headers)).json() == {"name": "wall"}
        assert seen == ["constant", "red"]


class TestTransport:
    """What servers may do with a request."""

    async def join(
        self, app: FastAPI, tenant: Tenant, *parts: bytes, arrives_at_once: bool = True, **changes: Any
    ) -> tuple[int, bytes]:
        messages: list[Message] = [
            {"type": "http.request", "body": part, "more_body": n < len(parts)} for n, part in enumerate(parts, 1)
        ]
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/bookings/lesson-1/join",
            "raw_path": b"/v1/bookings/lesson-1/join",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"videobroker"), (b"authorization", b"Bearer " + tenant.key.encode())],
            "client": ("192.0.2.1", 1234),
            "server": ("videobroker", 80),
            **changes,
        }
        sent: list[Message] = []

        async def receive() -> Message:
            if not arrives_at_once:
                await asyncio.sleep(0)
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])

    async def test_a_body_in_parts_is_read_whole(self, app: FastAPI, tutoring: Tenant, fast: FastResponses) -> None:
        await tutoring.book()
        status, body = await self.join(app, tutoring, b'{"user_id": "tu', b'tor-1"}')
        assert status == 200, body
        assert fast.count == 1

    async def test_a_body_that_arrives_later_is_awaited(
        self, app: FastAPI, tutoring: Tenant, fast: FastResponses
    ) -> None:
        await tutoring.book()
        status, body = await self.join(app, tutoring, b'{"user_id": "tu', b'tor-1"}', arrives_at_once=False)
        assert status == 200, body
        assert fast.count == 1

    async def test_a_slow_body_goes_to_the_framework(
        self, app: FastAPI, tutoring: Tenant, fast: FastResponses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fast_path_module, "BODY_SECONDS", 0)
        await tutoring.book()
        status, body = await self.join(app, tutoring, b'{"user_id": "tu', b'tor-1"}', arrives_at_once=False)
        assert status == 200, body
        assert fast.count == 0

    async def test_a_server_without_raw_paths_is_supported(self, app: FastAPI, tutoring: Tenant) -> None:
        await tutoring.book()
        status, body = await self.join(app, tutoring, b'{"user_id": "tutor-1"}', raw_path=None)
        assert status == 200, body

    async def test_the_address_of_the_client_may_be_unknown(self, app: FastAPI, tutoring: Tenant) -> None:
        await tutoring.book()
        status, body = await self.join(app, tutoring, b'{"user_id": "tutor-1"}', client=None)
        assert status == 200, body
        assert (await tutoring.events("credentials.issued"))[-1]["asked_by"]["ip"] is None

    async def test_an_unexpected_error_is_a_problem_document(self, app: FastAPI, tutoring: Tenant) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError("a secret detail")

        await tutoring.book()
        with patch.object(join_responses, "join", fail):
            status, body = await self.join(app, tutoring, b'{"user_id": "tutor-1"}')
        assert status == 500
        assert json.loads(body)["code"] == "internal_error"
        assert b"secret" not in body


MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


class TestWebhooks:
    async def both(self, api: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
        """The response of the fast path, which is that of the framework too."""
        first = await ask(api, path, body, headers)
        assert first == await ask(api, path, body, {**headers, "origin": ORIGIN}), (path, body[:80], headers)
        return first

    async def test_every_webhook_gets_the_same_response_either_way(
        self, hooked: Tenant, other: Tenant, fast: FastResponses, same_ids: None
    ) -> None:
        webhook = json.dumps({"id": "e1", "type": "peer.join.success", "data": {}}).encode()
        path, secret = f"/hooks/100ms/{hooked.app.name}", {"videobroker-hook-secret": HOOK_SECRET}
        # It is new once.
        assert (await ask(hooked.api, path, webhook, secret))[0] == 200
        statuses = {
            (await self.both(hooked.api, where, body, headers))[0]
            for where, body, headers in [
                (path, webhook, secret),
                (path, webhook, {**secret, "user-agent": "Z\u00fcrich"}),
                (path, webhook, {}),
                (path, webhook, {"videobroker-hook-secret": "wrong"}),
                (f"/hooks/100ms/{other.app.name}", webhook, secret),
                (f"/hooks/agora/{hooked.app.name}", webhook, secret),
                ("/hooks/100ms/unknown", webhook, secret),
                ("/hooks/100ms/" + "a" * 64, webhook, secret),
                ("/hooks/100ms/" + "a" * 65, webhook, secret),
                ("/hooks/100ms/", webhook, secret),
                ("/hooks/elsewhere/unknown", webhook, secret),
                (f"{path}?a=b", webhook, secret),
                (path, b"", secret),
                (path, b"\xff", secret),
                (path, b"[]", secret),
                (path, b'{"id": 1}', secret),
                (path, b"x" * MAX_WEBHOOK_BYTES, secret),
                (path, b"x" * (MAX_WEBHOOK_BYTES + 1), secret),
                (path, b"x" * (MAX_BODY_BYTES + 1), secret),
            ]
        }
        assert statuses == {200, 400, 401, 404, 413, 422}
        assert fast.count >= 10

    async def test_the_first_of_a_repeated_header_counts_either_way(self, hooked: Tenant) -> None:
        body = json.dumps({"id": "e1", "type": "peer.join.success", "data": {}})
        path, name = f"/hooks/100ms/{hooked.app.name}", b"videobroker-hook-secret"
        for values, status in (((HOOK_SECRET, "wrong"), 200), (("wrong", HOOK_SECRET), 401)):
            headers = [(name, value.encode()) for value in values]
            for more in ([], [(b"origin", ORIGIN.encode())]):
                assert (await hooked.api.post(path, content=body, headers=headers + more)).status_code == status

    async def test_both_have_the_same_operation_in_metrics(self, hooked: Tenant) -> None:
        line = 'videobroker_request_seconds_count{operation="receive100msWebhook",status="401"} '

        async def counted() -> float:
            shown = (await hooked.api.get("/metrics")).text
            return sum(float(each.removeprefix(line)) for each in shown.splitlines() if each.startswith(line))

        before = await counted()
        for headers in ({}, {"Origin": ORIGIN}):
            await hooked.api.post(f"/hooks/100ms/{hooked.app.name}", content="{}", headers=headers)
        assert await counted() == before + 2


class TestAccessAsData:
    @given(
        decision=st.one_of(
            st.builds(AdmitDecision, st.none() | st.text(), *[st.none() | MOMENTS] * 3),
            st.builds(WaitDecision, st.sampled_from(AccessReason), st.integers(1, 9), *[st.none() | MOMENTS] * 2),
            st.builds(RefuseDecision, st.sampled_from(AccessReason), *[st.none() | MOMENTS] * 2),
        )
    )
    def test_the_fields_of_a_decision_are_those_of_its_response_model(self, decision: AccessDecision) -> None:
        body = JsonFields(access_fields(decision)).body
        assert body == JSONResponse(access_shape(decision).model_dump(mode="json")).body


CREDENTIALS = st.one_of(
    st.builds(TokenCredentials, token=st.text(), room_id=st.text(), app_id=st.text()),
    st.builds(PrebuiltCredentials, room_code=st.text(), room_id=st.text(), url=st.text()),
    st.builds(ChannelCredentials, token=st.text(), channel=st.text(), uid=st.integers(1, 2**31), app_id=st.text()),
)
CALLS = st.builds(
    Call,
    id=st.uuids().map(CallId),
    session_id=st.uuids().map(SessionId),
    provider=st.sampled_from(ProviderName),
    started_at=MOMENTS,
    started_by=st.none() | st.text(),
    ended_at=st.none() | MOMENTS,
    ended_by=st.none() | st.text(),
    end_reason=st.none() | st.sampled_from(EndReason),
    provider_call_ids=st.lists(st.text()).map(tuple),
    attendance=st.builds(
        AttendanceSummary,
        people=st.integers(0, 9),
        peak=st.integers(0, 9),
        present=st.integers(0, 9),
        first_joined_at=st.none() | MOMENTS,
        last_left_at=st.none() | MOMENTS,
    ),
    settled_at=st.none() | MOMENTS,
)


@given(
    credentials=CREDENTIALS,
    call=CALLS,
    kind=st.sampled_from(SessionKind),
    texts=st.lists(st.text(), min_size=4, max_size=4),
    title=st.none() | st.text(),
    expires_at=MOMENTS,
)
def test_the_fields_of_a_join_are_those_of_its_response_model(
    credentials: Any, call: Call, kind: SessionKind, texts: list[str], title: str | None, expires_at: Any
) -> None:
    session = Session(
        id=SessionId(uuid4()),
        key=SessionKey(AppId(uuid4()), kind, texts[0]),
        terms=SessionTerms(title=title),
        provider=None,
        version=1,
        created_at=expires_at,
        updated_at=expires_at,
    )
    joined = JoinResult(
        session, call, texts[1], texts[2], texts[3], expires_at, credentials, expires_at, "t", EventId(uuid4())
    )
    body = JsonFields(join_fields(joined)).body
    # Field by field what FastAPI makes of the response model.
    assert body == JSONResponse(JoinCredentials.model_validate(join_fields(joined)).model_dump(mode="json")).body


def test_keys_secrets_and_credentials_are_in_no_repr() -> None:
    nothing: Any = None
    request = FastRequest(nothing, {b"authorization": b"Bearer vb_secret-value"}, ("192.0.2.1", 1), b"secret-value")
    assert "192.0.2.1" in repr(request)
    assert "secret-value" not in repr(request)
    credentials = TokenCredentials("secret-value", "r", "a")
    joined = JoinResult(
        nothing, nothing, "teacher", "tutor-1", "Ada", nothing, credentials, nothing, "token-1", nothing
    )
    assert "tutor-1" in repr(joined)
    assert "credentials" not in repr(joined)


async def test_a_surface_that_an_account_does_not_offer_is_rejected_either_way(agora: Tenant, same_ids: None) -> None:
    await agora.book()
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1", "surface": "prebuilt"}
    first, second = await agora.post(path, body), await agora.post(path, body, headers={"Origin": ORIGIN})
    assert first.status_code == second.status_code == 422
    assert first.content == second.content


async def test_credentials_of_agora_have_the_same_form_either_way(agora: Tenant) -> None:
    await agora.book()
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}
    first, second = await agora.post(path, body), await agora.post(path, body, headers={"Origin": ORIGIN})
    differing = {"token", "expires_at", "join_id"}
    assert first.json().keys() == second.json().keys() > differing
    for name in first.json().keys() - differing:
        assert first.json()[name] == second.json()[name]
