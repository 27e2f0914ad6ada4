"""The Python client runs the tutorial against the service, synchronously and with asyncio."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import assert_type

import pytest

from clients.services import ClientTenant
from delivery.backend import Backend, deliver_due
from polling import eventually
from videobroker_client import (
    AccessDenied,
    AsyncClient,
    AuthenticationFailed,
    BadRequest,
    Client,
    InvalidWebhook,
    NotFound,
    PreconditionFailed,
    webhooks,
)
from videobroker_client.models import (
    CallEndedEvent,
    CallStartedEvent,
    Event,
    HmsRoomCodeCredentials,
    HmsTokenCredentials,
)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def tutorial(client: Client) -> None:
    """Register, join, refuse a stranger, create a link, check access, end, and read events and attendance."""
    starts_at = soon()
    booking = client.bookings.create(
        "lesson-1",
        title="Geometry",
        starts_at=starts_at,
        duration_minutes=45,
        participants=[
            {"user_id": "ada", "role": "tutor", "display_name": "Ada"},
            {"user_id": "ben", "role": "student"},
        ],
    )
    assert (booking.reference, booking.title, booking.starts_at) == ("lesson-1", "Geometry", starts_at)
    assert booking.status == "confirmed"

    joined = client.bookings.join("lesson-1", user_id="ada")
    assert joined.type == "100ms_token"
    assert_type(joined, HmsTokenCredentials)
    assert joined.token.startswith("eyJ")
    assert joined.call.started_at <= datetime.now(UTC)
    assert joined.token not in repr(joined)

    page = client.bookings.join("lesson-1", user_id="ben", surface="prebuilt")
    assert page.type == "100ms_room_code"
    assert_type(page, HmsRoomCodeCredentials)
    assert page.room_code not in repr(page)
    assert page.call.id == joined.call.id

    with pytest.raises(AccessDenied) as refused:
        client.bookings.join("lesson-1", user_id="eve")
    assert (refused.value.status, refused.value.code) == (403, "not_a_participant")
    assert refused.value.access.decision == "refuse"
    assert refused.value.request_id
    assert refused.value.detail in str(refused.value)

    link = client.bookings.create_link("lesson-1", user_id="ben")
    assert link.ticket in link.url
    assert link.ticket not in repr(link)
    with Client(client_url(client), ticket=link.ticket) as visitor:
        visit = visitor.visit.get()
        assert (visit.visitor.user_id, visit.decision.decision) == ("ben", "admit")

    me = client.me.get()
    assert me.type == "api_key"
    assert "join" in me.scopes
    assert client.bookings.check_access("lesson-1", user_id="ada").decision == "admit"
    ended = client.bookings.end_call("lesson-1", user_id="ada")
    assert ended.end_reason == "requested"
    assert ended.ended_at is not None

    types = [event.type for event in client.events.list(kind="booking", reference="lesson-1", limit=2)]
    assert types[0] == "session.registered"
    assert types.count("credentials.issued") == 2
    assert "call.ended" in types
    assert client.calls.get(ended.id).attendance == []
    attendance = client.bookings.get_attendance("lesson-1")
    assert {person.user_id: person.verdict for person in attendance.participants} == {"ada": None, "ben": None}
    assert client.bookings.get_attendance_csv("lesson-1").count("\n") >= 3

    assert [each.reference for each in client.bookings.list(participant="ada")] == ["lesson-1"]
    updated = client.bookings.update("lesson-1", title="Algebra", policy={"guests_allowed": True})
    assert updated.title == "Algebra"
    assert updated.policy is not None
    assert updated.policy.guests_allowed is True
    read = client.bookings.get("lesson-1")
    assert read == updated
    assert booking.etag != updated.etag == read.etag is not None
    with pytest.raises(PreconditionFailed):
        client.bookings.update("lesson-1", title="Topology", if_match=booking.etag)
    client.bookings.delete("lesson-1", if_match=read.etag)
    with pytest.raises(NotFound):
        client.bookings.get("lesson-1")


def client_url(client: Client) -> str:
    return repr(client).split("'")[1]


async def async_tutorial(client: AsyncClient, url: str) -> None:
    """The tutorial with `await`."""
    await client.bookings.create(
        "lesson-1",
        starts_at=soon().isoformat(),
        duration_minutes=45,
        participants=[{"user_id": "ada", "role": "tutor"}, {"user_id": "ben", "role": "student"}],
        policy={"guests_allowed": True},
    )
    first, second = await asyncio.gather(
        client.bookings.join("lesson-1", user_id="ada"), client.bookings.join("lesson-1", user_id="ben")
    )
    assert first.type == second.type == "100ms_token"
    assert first.call.id == second.call.id

    with pytest.raises(AccessDenied) as refused:
        await client.bookings.join("lesson-1", user_id="eve")
    assert refused.value.code == "not_a_participant"

    link = await client.bookings.create_link("lesson-1", guest={"display_name": "Gus"})
    async with AsyncClient(url, ticket=link.ticket) as visitor:
        assert (await visitor.visit.get()).visitor.is_guest

    assert (await client.bookings.check_access("lesson-1", user_id="ada")).decision == "admit"
    assert (await client.bookings.end_call("lesson-1", user_id="ada")).end_reason == "requested"
    events = [event async for event in client.events.list(kind="booking", reference="lesson-1", limit=2)]
    assert_type(events, list[Event])
    assert len(events) > 4
    for event in events:
        if event.type == "call.started":
            assert_type(event, CallStartedEvent)
            assert event.data.provider == "100ms"
        if isinstance(event, CallEndedEvent):
            assert event.data.reason == "requested"
    attendance = await client.bookings.get_attendance("lesson-1")
    assert len(attendance.participants) == 2
    page = await client.bookings.list(limit=1).page()
    assert ([each.reference for each in page.data], page.next) == (["lesson-1"], None)
    await client.bookings.delete("lesson-1")


async def test_the_tutorial(tenant: ClientTenant) -> None:
    with Client(tenant.url, api_key=tenant.key) as client:
        await asyncio.to_thread(tutorial, client)


async def test_the_tutorial_with_asyncio(tenant: ClientTenant) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        await async_tutorial(client, tenant.url)


async def test_a_webhook_is_verified(tenant: ClientTenant, backend: Backend) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        endpoint = await client.webhook_endpoints.create(url=backend.url, types=["app.reported"])
        assert endpoint.secret not in repr(endpoint)
        assert (await client.webhook_endpoints.test(endpoint.id)).taken
        rotated = await client.webhook_endpoints.rotate_secret(endpoint.id)
        await client.events.report(event="whiteboard.opened", details={"page": 3})
        await deliver_due(tenant.tenant)
        assert [each.id for each in await client.webhook_endpoints.list()] == [endpoint.id]
    test, report = backend.received
    assert webhooks.verify(test.headers, test.raw, endpoint.secret).type == "endpoint.test"
    headers = {name.title(): value for name, value in report.headers.items()}
    for secret in (endpoint.secret, rotated.secret, ["whsec_" + "A" * 32, rotated.secret]):
        event = webhooks.verify(headers, report.raw, secret)
        assert event.type == "app.reported"
        assert event.data.details == {"page": 3}
    assert webhooks.verify(headers, report.raw.decode(), rotated.secret).id == report.id
    with pytest.raises(InvalidWebhook):
        webhooks.verify(headers, report.raw.replace(b"3", b"4"), rotated.secret)
    with pytest.raises(InvalidWebhook):
        webhooks.verify(headers, report.raw, "whsec_" + "A" * 32)
    with pytest.raises(InvalidWebhook):
        webhooks.verify({}, report.raw, rotated.secret)
    with pytest.raises(InvalidWebhook):
        webhooks.verify(headers, b"\xff", rotated.secret)
    with pytest.raises(ValueError, match="secret"):
        webhooks.verify(headers, report.raw, [])


async def test_a_stream_continues_at_its_cursor(tenant: ClientTenant) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        first = await client.events.report(event="first")
        second = await client.events.report(event="second")
        assert first.cursor is not None
        stream = client.events.stream(cursor=first.cursor, type=["app.reported"])
        async for event in stream:
            assert event.id == second.id
            break
        assert stream.cursor == first.cursor
        # The position advances when the next item is requested: an item whose handler failed is sent again.
        await client.events.report(event="third")
        seen: list[str] = []
        async for event in client.events.stream(cursor=second.cursor or ""):
            assert event.type == "app.reported"
            seen.append(event.data.event)
            break
        assert seen == ["third"]


async def test_a_stream_without_asyncio(tenant: ClientTenant) -> None:
    found: list[str] = []
    opened = threading.Event()

    def follow(client: Client, cursor: str) -> None:
        for event in client.events.stream(cursor=cursor):
            found.append(event.type)
            opened.set()
            if len(found) == 2:
                return

    with Client(tenant.url, api_key=tenant.key) as client:
        first = await asyncio.to_thread(client.events.report, event="first")
        assert first.cursor is not None
        following = asyncio.create_task(asyncio.to_thread(follow, client, first.cursor))
        await asyncio.to_thread(client.events.report, event="second")
        await eventually(opened.is_set)
        await asyncio.to_thread(client.events.report, event="third")
        await following
    assert found == ["app.reported", "app.reported"]


async def test_a_backend_acts_for_a_user(tenant: ClientTenant) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        await client.groups.create("circle", participants=[{"user_id": "ada", "role": "tutor"}])
        ada = client.as_user("ada")
        group = await ada.groups.get("circle")
        assert group.participant is not None
        assert group.participant.user_id == "ada"
        with pytest.raises(NotFound):
            await client.as_user("eve").groups.get("circle")


async def test_errors_have_their_own_classes(tenant: ClientTenant) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        with pytest.raises(BadRequest) as invalid:
            await client.bookings.create("lesson-1", starts_at="yesterday")
        assert invalid.value.code == "invalid_request"
        assert invalid.value.errors[0]["pointer"] == "body/starts_at"
        with pytest.raises(ValueError, match="time zone"):
            await client.bookings.create("lesson-1", starts_at=datetime(2026, 1, 1))  # noqa: DTZ001  the mistake
    async with AsyncClient(tenant.url, api_key="vb_" + "x" * 32) as client:
        with pytest.raises(AuthenticationFailed):
            await client.bookings.get("lesson-1")


async def test_a_post_without_a_body_is_accepted(tenant: ClientTenant) -> None:
    async with AsyncClient(tenant.url, api_key=tenant.key) as client:
        await client.groups.create("circle", participants=[{"user_id": "ada", "role": "tutor"}])
        started = await client.groups.start_call("circle")
        assert started.ended_at is None
        assert (await client.groups.end_call("circle")).id == started.id
