"""Every operation with every kind of actor: allowed or denied. A denied request changes nothing."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import Select, Table, select

from openapi import openapi_document
from tenants import HMS_ROLES, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId
from videobroker.domain.user_tokens import TokenRules
from videobroker.storage.tables import metadata
from videobroker.usecases import management

BOOKING, GROUP = "42", "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"
"""References that the legacy endpoints accept: an integer and a UUID."""
PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
    {"user_id": "blocked-1", "role": "student", "display_name": "Bea"},
    {"user_id": "waiting-1", "role": "student", "display_name": "Walt"},
]
MORE_ROLES = {"patient": "student", "doctor": "teacher", "therapist": "teacher", "client": "student"}
POLICY = {"waiting_room": "admit", "guests_allowed": True}


DOCUMENT: dict[str, Any] = openapi_document()

HOST, PARTICIPANT, BLOCKED, WAITING, UNLISTED = "host", "participant", "blocked", "waiting", "unlisted"
USERS = (HOST, PARTICIPANT, BLOCKED, WAITING, UNLISTED)
HOST_TICKET, PARTICIPANT_TICKET, GUEST_TICKET = "host's ticket", "participant's ticket", "guest's ticket"
BLOCKED_TICKET, WAITING_TICKET = "blocked person's ticket", "waiting person's ticket"
NARROW_TICKET = "host's ticket by a key that only makes links"
OTHER_USER, OTHER_KEY, NO_SCOPES = "user of another app", "key of another app", "key without scopes"
TICKETS = (HOST_TICKET, PARTICIPANT_TICKET, GUEST_TICKET, BLOCKED_TICKET, WAITING_TICKET, NARROW_TICKET)
ACTORS = (*USERS, *TICKETS, OTHER_USER, OTHER_KEY, NO_SCOPES)

HOSTS = {HOST, HOST_TICKET}
INSIDE = {*HOSTS, PARTICIPANT, PARTICIPANT_TICKET}
SEES = {*INSIDE, GUEST_TICKET, BLOCKED_TICKET, WAITING_TICKET}
IN_SESSION = {*USERS, *TICKETS}

# The permitted actors by operation, without the kind of session. A backend with the scope may do everything, see
# `test_keys_and_scopes.py`. Operations that are not listed are for backends only.
ALLOWED: Mapping[str, set[str]] = {
    "get": SEES,
    # Lists contain only what the user may see, see below.
    "list": {*USERS, OTHER_USER, OTHER_KEY},
    "listParticipants": INSIDE,
    "getParticipant": HOSTS,  # Of the host, who is another person to all other actors.
    "checkAccess": IN_SESSION,
    "join": {*INSIDE, NARROW_TICKET},
    "joinAsGuest": set(),  # The waiting room delays every guest. A host's own access is tested below.
    "startCall": HOSTS,
    "endCall": HOSTS,
    "listCalls": INSIDE,
    "getCall": {HOST, PARTICIPANT},
    "listLobby": HOSTS,
    "admitLobby": HOSTS,
    "admitLobbyEntry": HOSTS,
    "denyLobbyEntry": HOSTS,
    "removeParticipant": HOSTS,
    "readmitParticipant": HOSTS,
    "listPeople": HOSTS,
    "giveFeedback": {*HOSTS, NARROW_TICKET},  # The others were not in the call: see `test_feedback.py`.
    "createLink": {HOST, PARTICIPANT},
    "getAttendance": INSIDE,
    "getVisit": set(TICKETS),
    "requestAdmission": set(TICKETS),
    "withdrawAdmissionRequest": set(TICKETS),
    "listVisitPeople": {HOST_TICKET, PARTICIPANT_TICKET, NARROW_TICKET},  # The actors who may join now.
    "reportEvent": {HOST, PARTICIPANT},
    "getMe": set(ACTORS),
    "createTutoring100msToken": {HOST, PARTICIPANT},
    "startVideoSession": {HOST},
    "endVideoSession": {HOST},
    "createGroupVideoToken": {HOST, PARTICIPANT},
    "getAppointmentVideoInfo": {HOST, PARTICIPANT},
    "listVideoCalls": {*USERS, OTHER_USER},
    "getVideoCall": {HOST, PARTICIPANT},
    "reportVideoCallEvent": {HOST, PARTICIPANT},
    "listVideoCallLog": {HOST, PARTICIPANT},
}
OF_AN_APP = {
    "create",
    "listAllCalls",
    "listEvents",
    "listWebhookEndpoints",
    "createWebhookEndpoint",
    "getDiagnostics",
    "getIncomingWebhookCounts",
}
"""Operations that are not about the session of the scenario: the key of another app may do them in its own app."""
CREATIONS = {"createAppointment", "createVideoCall"}
"""Operations with which the key of another app creates something in its own app."""
DECIDED = {
    "checkAccess",
    "join",
    "joinAsGuest",
    "createTutoring100msToken",
    "createTutoringAgoraToken",
    "createGroupVideoToken",
    "createGroupGuestToken",
    "requestAdmission",
}
"""Operations of the access decision: it journals each refusal, and a request to join can ask for admission."""
DENIALS = {
    "api_key_needed",
    "scope_missing",
    "role_may_not",
    "not_yourself",
    "session_not_found",
    "call_not_found",
    "not_a_participant",
    "participant_removed",
    "waiting_for_admission",
    "guests_not_allowed",
    "not_in_call",
    "ticket_not_enough",
    "ticket_invalid",
    "user_token_invalid",
    "api_key_missing",
    "legacy_disabled",
    "invalid_request",  # The operation needs a user, and an API key contains none.
    "surface_not_offered",
    "endpoint_not_found",
    "delivery_not_found",
    "role_not_mapped",  # Another app does not have the role.
}
LEFT_OUT = {
    "receive100msWebhook",
    "receiveAgoraWebhook",
    "getHealth",
    "getReadiness",
    "getMetrics",
    "getProblem",
    "resolveRoomCode",
}
"""For providers, or public. `legacy/test_therapy.py` tests who gets codes."""
# `v1/test_admin.py` tests who may manage this installation: none of these actors.
STREAMS = {"streamVisit", "streamEvents"}
"""Streams, whose responses do not end: `test_stream.py` and `test_links.py` test their access."""


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI document."""

    id: str
    method: str
    path: str

    @property
    def name(self) -> str:
        """The name without the kind of session."""
        if self.path == "/v1/calls":
            return "listAllCalls"
        return re.sub("(Booking|Group)s?", "", self.id) if self.path.startswith("/v1/") else self.id

    @property
    def kind(self) -> str:
        """The kind of the session that the operation is about."""
        return "group" if "/groups" in self.path else "booking"

    def __str__(self) -> str:
        return self.id


def _operations() -> list[Operation]:
    found = [
        Operation(operation["operationId"], method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation and method != "head"
    ]
    return [each for each in found if each.id not in LEFT_OUT | STREAMS and not each.path.startswith("/v1/admin/")]


OPERATIONS = _operations()


@dataclass(frozen=True)
class Scenario:
    """A session with a call, and a credential for each kind of actor."""

    tenant: Tenant
    kind: str
    reference: str
    call: str
    entry: str
    credentials: Mapping[str, str] = field(repr=False)

    async def send(self, operation: Operation, actor: str) -> httpx.Response:
        """Send the request as this actor."""
        places = {
            "reference": self.reference,
            "booking_id": self.reference,
            "group_id": self.reference,
            "user_id": "student-1" if operation.name == "removeParticipant" else "tutor-1",
            "entry": self.entry,
            "call_id": self.call,
            "link_id": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
            "endpoint_id": "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79",
            "delivery_id": "0195d3c2-9b10-7c55-9c1e-6f2b8d1e4a80",
        }
        path = re.sub(r"\{(\w+)\}", lambda place: places[place[1]], operation.path)
        if operation.id == "listVideoCallLog":
            path += f"?bookingId={self.reference}"
        if operation.id == "listVisitPeople":
            path += "?uid=1"
        headers = {"Authorization": f"Bearer {self.credentials[actor]}"}
        return await self.tenant.api.request(operation.method, path, json=self._body(operation), headers=headers)

    def _body(self, operation: Operation) -> Any:
        if operation.method in {"GET", "DELETE"}:
            return None
        pair = {"therapistId": "tutor-1", "clientId": "student-1", "scheduledTime": "2030-03-12T14:00:00Z"}
        return {
            "create": {"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60} if self.kind == "booking" else {},
            "update": {"title": "Mine"},
            "addParticipant": {"role": "tutor"},
            "joinAsGuest": {"name": "Admin"},
            "removeParticipant": {"ban": True},
            "reportEvent": {"kind": self.kind, "reference": self.reference, "event": "noted"},
            "createWebhookEndpoint": {"url": "https://backend.example/hooks"},
            "replayEvents": {"since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"},
            "createGroupGuestToken": {"guest_name": "Admin"},
            "createAppointment": {"patientId": "student-1", "doctorId": "tutor-1", "dateTime": "2030-03-12T14:00:00Z"},
            "createVideoCall": pair,
            "giveFeedback": {"rating": 4},
            "updateVideoCall": {"status": "cancelled", "notes": "Forged", "duration": 600},
            "reportVideoCallEvent": {"bookingId": self.reference, "event": "noted"},
        }.get(operation.name, {"bookingId": self.reference} if operation.path.startswith("/api/") else {})

    async def snapshot(self, *, without: Iterable[str] = ()) -> dict[str, list[Any]]:
        """All rows of the app in the database. The use of its keys is written later, at any time."""
        async with self.tenant.broker.store.cross_app_transaction() as unit_of_work:
            return {
                table.name: sorted(map(repr, await unit_of_work.execute(_rows_without_use(table, self.tenant.app.id))))
                for table in metadata.sorted_tables
                if "app_id" in table.c and table.name not in without
            }


def _rows_without_use(table: Table, app_id: AppId) -> Select[Any]:
    return select(*(column for column in table.c if column.name != "last_used_at")).where(table.c.app_id == app_id)


async def _trust(tenant: Tenant) -> str:
    secret = f"a-secret-of-the-apps-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    return secret


def _token(tenant: Tenant, secret: str, user_id: str) -> str:
    return jwt.encode({"sub": user_id, "exp": tenant.broker.now().timestamp() + 3600}, secret)


async def scenario(tenant: Tenant, other: Tenant, kind: str) -> Scenario:
    """A session with a call: the host is present, the participant was admitted, one person waits, one is blocked."""
    reference = BOOKING if kind == "booking" else GROUP
    own: dict[str, Any] = {"participants": PEOPLE, "policy": POLICY}
    await (tenant.book(reference, **own) if kind == "booking" else tenant.create_group(reference, **own))
    path = f"/v1/{kind}s/{reference}"
    links = f"{path}/links"
    narrow = await tenant.create_key(scopes=[Scope.LINKS_WRITE])
    secret, other_secret = await _trust(tenant), await _trust(other)

    async def ticket(user_id: str, key: str | None = None) -> str:
        headers = {"Authorization": f"Bearer {key or tenant.key}"}
        made = await tenant.api.post(links, json={"user_id": user_id}, headers=headers)
        assert made.status_code == 201, made.text
        return str(made.json()["ticket"])

    guest = await tenant.post(links, {"guest": {"display_name": "Gus"}})
    credentials = {
        HOST: _token(tenant, secret, "tutor-1"),
        PARTICIPANT: _token(tenant, secret, "student-1"),
        BLOCKED: _token(tenant, secret, "blocked-1"),
        WAITING: _token(tenant, secret, "waiting-1"),
        UNLISTED: _token(tenant, secret, "stranger-1"),
        HOST_TICKET: await ticket("tutor-1"),
        PARTICIPANT_TICKET: await ticket("student-1"),
        GUEST_TICKET: guest.json()["ticket"],
        BLOCKED_TICKET: await ticket("blocked-1"),
        WAITING_TICKET: await ticket("waiting-1"),
        NARROW_TICKET: await ticket("tutor-1", narrow),
        OTHER_USER: _token(other, other_secret, "tutor-1"),
        OTHER_KEY: other.key,
        NO_SCOPES: await tenant.create_key(scopes=[]),
    }
    call = (await tenant.post(f"{path}/start")).json()["id"]
    for user_id in ("tutor-1", "student-1", "waiting-1", "blocked-1"):
        await tenant.post(f"{path}/join", {"user_id": user_id})
    entries = {each["user_id"]: each["entry"] for each in (await tenant.get(f"{path}/lobby")).json()["data"]}
    await tenant.post(f"{path}/lobby/{entries['student-1']}/admit")
    await tenant.post(f"{path}/participants/blocked-1/remove", {"ban": True})
    return Scenario(tenant, kind, reference, call, entries["waiting-1"], credentials)


@pytest.fixture
async def product(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app with all legacy endpoints and the vendor's page."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True)}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: {**HMS_ROLES, **MORE_ROLES}})


def error_code(response: httpx.Response) -> str | None:
    """The error code of the response, in both formats. None for a success."""
    if response.is_success:
        return None
    legacy = response.headers.get("videobroker-code")
    return str(legacy or response.json()["code"])


def test_every_name_of_the_table_is_an_operation() -> None:
    operation_names = {operation.name for operation in OPERATIONS}
    assert ALLOWED.keys() <= operation_names


def permitted_actors(operation: Operation) -> set[str]:
    """The permitted actors. The key of another app is permitted for operations in its own app."""
    return ALLOWED.get(operation.name, set()) | ({OTHER_KEY} if operation.name in OF_AN_APP else set())


FOR_BACKENDS = [each for each in OPERATIONS if not permitted_actors(each) and each.name not in DECIDED]
FOR_SOME = [each for each in OPERATIONS if each not in FOR_BACKENDS]


@pytest.fixture(scope="module")
async def unchanged(app: FastAPI, broker: Broker, _sandbox: Sandbox) -> AsyncIterator[Mapping[str, Scenario]]:
    """A booking and a group that no test changes."""
    accounts = {ProviderName.HMS: _sandbox.account("tutoring", prebuilt=True)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as client:
        first, second = [
            await make_tenant(broker, client, accounts, {ProviderName.HMS: {**HMS_ROLES, **MORE_ROLES}})
            for _ in range(2)
        ]
        yield {kind: await scenario(first, second, kind) for kind in ("booking", "group")}


@pytest.mark.parametrize("operation", FOR_BACKENDS, ids=str)
async def test_an_operation_for_backends_is_denied_to_every_other_actor(
    unchanged: Mapping[str, Scenario], operation: Operation
) -> None:
    place = unchanged[operation.kind]
    before = await place.snapshot()
    for actor in ACTORS:
        if actor == OTHER_KEY and operation.name in CREATIONS:
            continue
        response = await place.send(operation, actor)
        assert error_code(response) in DENIALS, f"{actor}: {response.status_code} {response.text}"
    assert await place.snapshot() == before


@pytest.mark.parametrize("operation", FOR_SOME, ids=str)
async def test_an_operation_is_allowed_for_exactly_the_permitted_actors(
    product: Tenant, other: Tenant, operation: Operation
) -> None:
    allowed = permitted_actors(operation)
    place = await scenario(product, other, operation.kind)
    ignored = {"journal", "lobby", "idempotency_keys"} if operation.name in DECIDED else set()
    before = await place.snapshot(without=ignored)
    for actor in (each for each in ACTORS if each not in allowed):
        response = await place.send(operation, actor)
        assert error_code(response) in DENIALS, f"{actor}: {response.status_code} {response.text}"
    assert await place.snapshot(without=ignored) == before
    for actor in sorted(allowed, key=ACTORS.index):
        response = await place.send(operation, actor)
        assert error_code(response) not in DENIALS, f"{actor}: {response.status_code} {response.text}"
        if operation.name in {"endCall", "endVideoSession"}:
            await product.post(f"/v1/{place.kind}s/{place.reference}/start")


@pytest.mark.parametrize("kind", ["booking", "group"])
class TestVisibility:
    async def test_of_a_session(self, product: Tenant, other: Tenant, kind: str) -> None:
        place = await scenario(product, other, kind)
        await product.send("PATCH", f"/v1/{kind}s/{place.reference}", json={"metadata": {"note": "For backends"}})
        get = next(each for each in OPERATIONS if each.id == f"get{kind.title()}")
        responses = {actor: (await place.send(get, actor)).json() for actor in SEES}
        for actor, session in responses.items():
            assert (session["policy"], session["metadata"]) == (None, None), actor
            assert session["reference"] == place.reference
        for actor in (HOST, HOST_TICKET):
            assert [each["user_id"] for each in responses[actor]["participants"]] == sorted(
                p["user_id"] for p in PEOPLE
            )
        for actor in (PARTICIPANT, PARTICIPANT_TICKET):
            assert responses[actor]["participants"] is None
            assert responses[actor]["participant"]["user_id"] == "student-1"
            assert sorted(responses[actor]["participant_names"]) == ["Ada", "Bea", "Ben", "Walt"]
        for actor in (GUEST_TICKET, BLOCKED_TICKET, WAITING_TICKET):
            shown = responses[actor]
            assert (shown["participants"], shown["participant_names"], shown["participant"]) == (None, None, None)

    async def test_of_lists(self, product: Tenant, other: Tenant, kind: str) -> None:
        place = await scenario(product, other, kind)
        listed = next(each for each in OPERATIONS if each.id == f"list{kind.title()}s")
        for actor in ALLOWED["list"]:
            data = (await place.send(listed, actor)).json()["data"]
            assert len(data) == (1 if actor in {HOST, PARTICIPANT} else 0), actor
            for session in data:
                assert (session["policy"], session["metadata"]) == (None, None)

    async def test_of_participants(self, product: Tenant, other: Tenant, kind: str) -> None:
        place = await scenario(product, other, kind)
        listed = next(each for each in OPERATIONS if each.id == f"list{kind.title()}Participants")
        for actor, count in ((HOST, 4), (HOST_TICKET, 4), (PARTICIPANT, 1), (PARTICIPANT_TICKET, 1)):
            assert len((await place.send(listed, actor)).json()["data"]) == count

    async def test_of_calls(self, product: Tenant, other: Tenant, kind: str) -> None:
        place = await scenario(product, other, kind)
        path = f"/v1/{kind}s/{place.reference}"
        await product.post(f"{path}/end", {"user_id": "tutor-1"})
        listed = next(each for each in OPERATIONS if each.id == f"list{kind.title()}Calls")
        (of_host,) = (await place.send(listed, HOST)).json()["data"]
        (of_participant,) = (await place.send(listed, PARTICIPANT)).json()["data"]
        assert of_host["ended_by"] == "tutor-1"
        assert of_participant == {**of_host, "started_by": None, "ended_by": None}


async def test_a_call_log_shows_an_end_user_calls_and_their_own_reports(product: Tenant, other: Tenant) -> None:
    place = await scenario(product, other, "booking")
    for user_id in ("student-1", "tutor-1"):
        report = {"bookingId": BOOKING, "event": "reported by the backend", "userId": user_id}
        assert (await product.post("/api/video-calls/log", report)).status_code == 201
    report_own = next(each for each in OPERATIONS if each.id == "reportVideoCallEvent")
    assert (await place.send(report_own, PARTICIPANT)).status_code == 201
    read = next(each for each in OPERATIONS if each.id == "listVideoCallLog")
    entries = (await place.send(read, PARTICIPANT)).json()
    assert [(each["event"], each["userId"]) for each in entries] == [("call.started", None), ("noted", "student-1")]


async def test_a_host_can_bring_a_guest_where_guests_are_allowed(product: Tenant) -> None:
    secret = await _trust(product)
    for policy, expected in (({"guests_allowed": True}, None), ({}, "guests_not_allowed")):
        await product.book(policy=policy)
        for user_id, code in (("tutor-1", expected), ("student-1", "role_may_not")):
            headers = {"Authorization": f"Bearer {_token(product, secret, user_id)}"}
            response = await product.api.post("/v1/bookings/lesson-1/guests", json={"name": "Gus"}, headers=headers)
            assert error_code(response) == code
            if code is None:
                assert response.json()["display_name"] == "Gus (guest)"


async def test_end_users_cannot_choose_their_names(product: Tenant) -> None:
    secret = await _trust(product)
    await product.book(participants=PEOPLE, policy={"guests_allowed": True})
    guest = (await product.post("/v1/bookings/lesson-1/links", {"guest": {"display_name": "Gus"}})).json()["ticket"]
    for credential, own in ((_token(product, secret, "student-1"), "Ben"), (guest, "Gus")):
        headers = {"Authorization": f"Bearer {credential}"}
        for name, code in ((own, None), ("Ada (tutor)", "role_may_not"), ("Admin", "role_may_not")):
            response = await product.api.post(
                "/v1/bookings/lesson-1/join", json={"display_name": name}, headers=headers
            )
            assert error_code(response) == code, (own, name)


async def test_a_legacy_family_exists_only_for_apps_that_enable_it(product: Tenant, other: Tenant) -> None:
    place = await scenario(product, other, "booking")
    for family in ("tutoring", "appointments", "therapy", "groups"):
        rest = product.app.legacy_families - {family}
        app = await management.change_app(
            context_of(product.broker, product.app), policy={}, role_maps=product.app.role_maps, legacy_families=rest
        )
        assert app.legacy_families == rest
        tag = f"legacy: {family}"
        for path, item in DOCUMENT["paths"].items():
            for method, described in item.items():
                if tag not in described.get("tags", ()):
                    continue
                operation = Operation(described["operationId"], method.upper(), path.replace("{room_code}", "abc"))
                for credential in (product.key, place.credentials[HOST]):
                    actor = Scenario(
                        product, "group" if family == "groups" else "booking", GROUP, "", "", {"": credential}
                    )
                    response = await actor.send(operation, "")
                    assert (response.status_code, error_code(response)) == (404, "legacy_disabled"), operation
