"""What did not arrive is found at once, and sent once more from a page."""

import re
from collections.abc import AsyncIterator

import pytest

from consoles import OPERATOR, Console
from delivery.backend import Backend, answer, carry, listening
from house import MovableClock, Tenant
from videobroker.broker import Broker
from videobroker.delivery.courier import Courier
from videobroker.domain.webhooks import Endpoint
from videobroker.usecases import endpoints
from videobroker.usecases.endpoints import Wish


@pytest.fixture
async def backend(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    """The app's backend, on this machine; this test may deliver there."""
    courier = Courier(anywhere=True)
    monkeypatch.setattr(broker.courier, "send", courier.send)
    monkeypatch.setattr(broker.courier, "anywhere", True)
    async with listening() as backend:
        yield backend
    await courier.aclose()


async def failed(tenant: Tenant, backend: Backend, clock: MovableClock) -> Endpoint:
    """An endpoint to which one event could not be brought."""
    endpoint = await endpoints.create(
        tenant.broker, tenant.app, Wish(backend.url), actor=tenant.actor, now=tenant.broker.now()
    )
    backend.usually = answer(503, b"not now")
    await tenant.book()
    for _ in range(9):
        await carry(tenant)
        clock.move(hours=12)
    return endpoint


def path_of(tenant: Tenant, endpoint: Endpoint) -> str:
    return f"/console/deliveries/{tenant.app.id}/{endpoint.id}"


async def test_a_delivery_that_failed_comes_first_and_is_retried(
    console: Console, tutoring: Tenant, backend: Backend, clock: MovableClock
) -> None:
    endpoint = await failed(tutoring, backend, clock)
    await console.sign_in()
    listed = f"/console/deliveries?app={tutoring.app.id}"
    page = (await console.get(listed)).text
    (retry,) = re.findall(r'action="([^"]+/retry)"', page)
    assert "session.registered" in page
    delivery = retry.removesuffix("/retry")
    attempts = (await console.get(delivery)).text
    assert "not now" in attempts
    assert attempts.count(">503<") == 8
    backend.usually = answer(200)
    done = await console.post(retry, page=listed)
    assert done.status_code == 303
    assert "It is on its way once more." in (await console.get(done.headers["location"])).text
    (operated,) = await tutoring.events("endpoint.operated")
    assert operated["asked_by"]["operator"] == OPERATOR
    assert (operated["data"]["action"], operated["data"]["endpoint"]) == ("retried", str(endpoint.id))
    assert operated["data"]["delivery"] == delivery.rpartition("/")[2]
    await carry(tutoring)
    assert backend.types[-2:] == ["session.registered", "endpoint.operated"]
    assert "Everything was delivered" in (await console.get(listed)).text
    assert "Delivered" in (await console.get(f"{path_of(tutoring, endpoint)}?state=delivered")).text


async def test_the_timeline_of_a_session_leads_to_the_deliveries_of_its_events(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    await tutoring.book()
    await carry(tutoring)
    found = re.findall(
        r"/console/sessions/[^\"]+", (await console.get(f"/console?q=lesson-1&app={tutoring.app.id}")).text
    )
    page = (await console.get(found[0])).text
    (delivery,) = re.findall(r'class="tag tag-good" href="([^"]+)"', page)
    assert (await console.get(delivery)).status_code == 200


async def test_a_test_is_sent_at_once_and_its_outcome_shown(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    path = path_of(tutoring, endpoint)
    taken = await console.post(f"{path}/test", page=path)
    assert "The test was answered with 200" in taken.text
    assert backend.got[-1].verified(endpoint.secrets[0].value)["type"] == "endpoint.test"
    backend.usually = answer(500)
    assert "The test was answered with 500" in (await console.post(f"{path}/test", page=path)).text
    assert [
        (each["asked_by"]["operator"], each["data"]["action"]) for each in await tutoring.events("endpoint.operated")
    ] == [(OPERATOR, "tested"), (OPERATOR, "tested")]


async def test_what_happened_in_a_stretch_of_time_is_replayed(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    await tutoring.book()
    await carry(tutoring)
    path, now = path_of(tutoring, endpoint), tutoring.broker.now()
    since, until = f"{now.year - 1}-01-01T00:00", f"{now.year + 1}-01-01T00:00"
    done = await console.post(f"{path}/replay", page=path, since=since, until=until)
    assert "One event is on its way once more." in done.text
    (operated,) = await tutoring.events("endpoint.operated")
    assert operated["asked_by"]["operator"] == OPERATOR
    assert operated["data"] == {
        "endpoint": str(endpoint.id),
        "action": "replayed",
        "delivery": None,
        "since": f"{since}:00Z",
        "until": f"{until}:00Z",
        "events": 1,
    }
    await carry(tutoring)
    assert sorted(backend.types) == ["endpoint.operated", "session.registered", "session.registered"]
    for wrong in ({"since": until, "until": since}, {"since": "", "until": until}, {"since": "soon", "until": "x"}):
        answered = await console.post(f"{path}/replay", page=path, **wrong)
        assert answered.status_code == 422
        assert 'role="alert"' in answered.text
    assert len(await tutoring.events("endpoint.operated")) == 1


async def test_an_endpoint_is_disabled_and_gets_what_it_missed_when_it_is_enabled(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    path = path_of(tutoring, endpoint)
    off = await console.post(f"{path}/switch", page=path, enabled="no")
    assert "The endpoint is disabled." in (await console.get(off.headers["location"])).text
    await tutoring.book()
    await carry(tutoring)
    assert backend.got == []
    on = await console.post(f"{path}/switch", page=path, enabled="yes")
    assert "The endpoint is enabled." in (await console.get(on.headers["location"])).text
    await carry(tutoring)
    assert sorted(backend.types) == ["endpoint.operated", "endpoint.operated", "session.registered"]
    operated = await tutoring.events("endpoint.operated")
    assert [each["data"]["action"] for each in operated] == ["disabled", "enabled"]
    assert {each["asked_by"]["operator"] for each in operated} == {OPERATOR}


async def test_another_apps_endpoint_is_not_there(
    console: Console, tutoring: Tenant, other: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    answered = await console.get(path_of(other, endpoint))
    assert answered.status_code == 404
    assert "endpoint_not_found" in answered.text


async def test_no_secret_is_shown(console: Console, tutoring: Tenant, backend: Backend) -> None:
    endpoint = await endpoints.create(
        tutoring.broker, tutoring.app, Wish(backend.url), actor=tutoring.actor, now=tutoring.broker.now()
    )
    for path in (path_of(tutoring, endpoint), f"/console/deliveries?app={tutoring.app.id}"):
        assert "whsec_" not in (await console.get(path)).text
