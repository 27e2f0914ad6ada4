"""Failed deliveries are listed first, and can be sent again."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import null, update

from consoles import OPERATOR, Console
from delivery.backend import Backend, deliver_due, respond, start_backend
from tenants import MovableClock, Tenant
from videobroker.broker import Broker
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.webhooks import RETRY_DELAYS, DeliveryFilter, Endpoint
from videobroker.storage.tables import attempts, deliveries
from videobroker.storage.webhooks import deliveries as stored_deliveries
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.console import deliveries as console_deliveries


@pytest.fixture
async def backend(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    """The app's backend on this machine. The sender of this test can reach it."""
    sender = WebhookSender(allow_private=True)
    monkeypatch.setattr(broker.webhook_sender, "send", sender.send)
    monkeypatch.setattr(broker.webhook_sender, "allow_private", True)
    async with start_backend() as backend:
        yield backend
    await sender.aclose()


async def failed(tenant: Tenant, backend: Backend, clock: MovableClock) -> Endpoint:
    """An endpoint with a failed delivery."""
    endpoint = await endpoints.create(tenant.context, EndpointRequest(backend.url))
    backend.default_behavior = respond(503, b"not now")
    await tenant.book()
    for _ in range(20):
        await deliver_due(tenant)
        clock.move(hours=4)
    return endpoint


def path_of(tenant: Tenant, endpoint: Endpoint) -> str:
    return f"/console/deliveries/{tenant.app.id}/{endpoint.id}"


async def test_a_failed_delivery_is_listed_first_and_can_be_retried(
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
    assert attempts.count(">503<") == len(backend.received) > len(RETRY_DELAYS)
    backend.default_behavior = respond(200)
    done = await console.post(retry, page=listed)
    assert done.status_code == 303
    assert "Queued for resending." in (await console.get(done.headers["location"])).text
    (operated,) = await tutoring.events("endpoint.operated")
    assert operated["asked_by"]["operator"] == OPERATOR
    assert (operated["data"]["action"], operated["data"]["endpoint"]) == ("retried", str(endpoint.id))
    assert operated["data"]["delivery"] == delivery.rpartition("/")[2]
    await deliver_due(tutoring)
    # In any order: the endpoint does not ask for one.
    assert sorted(backend.types[-2:]) == ["endpoint.operated", "session.registered"]
    assert "No failed deliveries." in (await console.get(listed)).text
    assert "Delivered" in (await console.get(f"{path_of(tutoring, endpoint)}?state=delivered")).text


def tags(page: str) -> list[str]:
    """The tags of deliveries and endpoints on the page."""
    return re.findall(r'<span class="tag tag-\w+">([^<]+)</span>', page.partition("<main")[2])


@pytest.mark.parametrize("kind", ["status", "unreachable"])
async def test_a_failing_delivery_is_never_shown_as_delivered_or_pending(
    console: Console, tutoring: Tenant, backend: Backend, clock: MovableClock, kind: str
) -> None:
    url = backend.url if kind == "status" else "http://127.0.0.1:9/"
    endpoint = await endpoints.create(tutoring.context, EndpointRequest(url))
    backend.default_behavior = respond(503, b"not now")
    await tutoring.book()
    listed, path = f"/console/deliveries?app={tutoring.app.id}", path_of(tutoring, endpoint)
    today = (await console.get(f"/console?app={tutoring.app.id}")).text
    session = re.findall(rf"/console/sessions/{tutoring.app.id}/[0-9a-f-]+", today)[0]
    assert tags((await console.get(path)).text) == ["Enabled"]
    await deliver_due(tutoring)
    for number in (1, 2):
        overview = (await console.get(listed)).text
        failing = f"Retrying: {number} failed {'attempt' if number == 1 else 'attempts'}"
        assert failing in tags(overview)
        assert any(each.startswith("Failing since ") for each in tags(overview))
        assert "No failed deliveries." not in overview
        assert "Enabled" not in tags(overview)
        delivery = re.findall(rf'"({path}/[0-9a-f-]+)"', overview)[0]
        for page in (path, delivery, session):
            text = (await console.get(page)).text
            assert failing in tags(text), page
            assert "Delivered" not in tags(text), page
        clock.move(minutes=10)
        await deliver_due(tutoring)
    await console.post(f"{path}/switch", page=path, enabled="no")
    overview = (await console.get(listed)).text
    assert {"Disabled manually", "Paused: endpoint disabled"} <= set(tags(overview))
    assert "Paused: endpoint disabled" in tags((await console.get(session)).text)
    assert "sent when you enable it again" in (await console.get(delivery)).text


async def test_a_failing_event_among_delivered_ones_is_shown(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    backend.default_behavior = respond(500)
    await tutoring.book("one")
    await deliver_due(tutoring)
    backend.default_behavior = respond(200)
    await tutoring.book("two", starts_in=timedelta(hours=1))
    await deliver_due(tutoring)
    overview = (await console.get(f"/console/deliveries?app={tutoring.app.id}")).text
    assert "Enabled" in tags(overview)
    assert "Retrying: 1 failed attempt" in tags(overview)
    assert "No failed deliveries." not in overview


async def test_the_timeline_of_a_session_links_to_the_deliveries_of_its_events(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    await tutoring.book()
    await deliver_due(tutoring)
    found = re.findall(
        r"/console/sessions/[^\"]+", (await console.get(f"/console/search?q=lesson-1&app={tutoring.app.id}")).text
    )
    page = (await console.get(found[0])).text
    (delivery,) = re.findall(r'href="([^"]+)"><span class="tag tag-good">Delivered<', page)
    assert (await console.get(delivery)).status_code == 200


async def test_a_test_event_is_sent_at_once_and_its_result_is_shown(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    path = path_of(tutoring, endpoint)
    taken = await console.post(f"{path}/test", page=path)
    assert "Test event delivered: status 200" in taken.text
    assert backend.received[-1].verified(endpoint.secrets[0].value)["type"] == "endpoint.test"
    backend.default_behavior = respond(500)
    assert (
        "Test event not delivered: the endpoint responded with 500"
        in (await console.post(f"{path}/test", page=path)).text
    )
    assert [
        (each["asked_by"]["operator"], each["data"]["action"]) for each in await tutoring.events("endpoint.operated")
    ] == [(OPERATOR, "tested"), (OPERATOR, "tested")]


async def test_the_events_of_a_period_are_replayed(console: Console, tutoring: Tenant, backend: Backend) -> None:
    endpoint = await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    await tutoring.book()
    await deliver_due(tutoring)
    path, now = path_of(tutoring, endpoint), tutoring.broker.now()
    since, until = f"{now.year - 1}-01-01T00:00", f"{now.year + 1}-01-01T00:00"
    done = await console.post(f"{path}/replay", page=path, since=since, until=until)
    assert "1 event is queued for resending" in done.text
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
    await deliver_due(tutoring)
    assert sorted(backend.types) == ["endpoint.operated", "session.registered", "session.registered"]
    for wrong in ({"since": until, "until": since}, {"since": "", "until": until}, {"since": "soon", "until": "x"}):
        response = await console.post(f"{path}/replay", page=path, **wrong)
        assert response.status_code == 422
        assert 'role="alert"' in response.text
        fields = {
            name: unescape(value)
            for name, value in re.findall(r'id="(since|until)" name="\w+" type="[^"]+" value="([^"]*)"', response.text)
        }
        assert fields == wrong
        assert re.search(
            r'id="(since|until)"[^>]+ aria-invalid="true"[^>]+ aria-describedby="[^"]*\1-error', response.text
        )
        assert re.search(r'class="error" id="(since|until)-error">', response.text)
    assert len(await tutoring.events("endpoint.operated")) == 1


async def test_a_disabled_endpoint_gets_missed_events_when_it_is_enabled(
    console: Console, tutoring: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    path = path_of(tutoring, endpoint)
    off = await console.post(f"{path}/switch", page=path, enabled="no")
    assert "Endpoint disabled." in (await console.get(off.headers["location"])).text
    await tutoring.book()
    await deliver_due(tutoring)
    assert backend.received == []
    on = await console.post(f"{path}/switch", page=path, enabled="yes")
    assert "Endpoint enabled." in (await console.get(on.headers["location"])).text
    await deliver_due(tutoring)
    assert sorted(backend.types) == ["endpoint.operated", "endpoint.operated", "session.registered"]
    operated = await tutoring.events("endpoint.operated")
    assert [each["data"]["action"] for each in operated] == ["disabled", "enabled"]
    assert {each["asked_by"]["operator"] for each in operated} == {OPERATOR}


async def test_the_endpoint_of_another_app_is_not_found(
    console: Console, tutoring: Tenant, other: Tenant, backend: Backend
) -> None:
    endpoint = await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    response = await console.get(path_of(other, endpoint))
    assert response.status_code == 404
    assert "endpoint_not_found" in response.text


async def test_no_secret_is_shown(console: Console, tutoring: Tenant, backend: Backend) -> None:
    endpoint = await endpoints.create(
        tutoring.context,
        EndpointRequest(backend.url),
    )
    for path in (path_of(tutoring, endpoint), f"/console/deliveries?app={tutoring.app.id}"):
        assert "whsec_" not in (await console.get(path)).text


async def delivered(tenant: Tenant, backend: Backend, behavior: bytes = b"thanks") -> tuple[Endpoint, str]:
    """An endpoint, and the path of a delivery that it accepted."""
    endpoint = await endpoints.create(tenant.context, EndpointRequest(backend.url))
    backend.default_behavior = respond(200, behavior)
    await tenant.book()
    await deliver_due(tenant)
    found = await endpoints.search_deliveries(tenant.context, DeliveryFilter(), limit=9, before=None)
    registered = next(each for each in found.items if each.delivery.type == "session.registered")
    return endpoint, f"{path_of(tenant, endpoint)}/{registered.delivery.id}"


class TestDetails:
    async def test_the_payload_is_the_body_that_was_sent(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        _, path = await delivered(tutoring, backend)
        page = (await console.get(path)).text
        (shown,) = re.findall(r"<h2 id=\"payload\">.*?<pre tabindex=\"0\">(.*?)</pre>", page, re.DOTALL)
        (received,) = [each for each in backend.received if each.body["type"] == "session.registered"]
        assert json.loads(unescape(shown)) == received.body

    async def test_the_headers_are_those_that_were_sent_and_never_the_secret(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        endpoint, path = await delivered(tutoring, backend)
        page = (await console.get(path)).text
        (shown,) = re.findall(r"<summary>Request headers.*?<pre tabindex=\"0\">(.*?)</pre>", page, re.DOTALL)
        headers = dict(line.split(": ", 1) for line in unescape(shown).strip().splitlines())
        (received,) = [each for each in backend.received if each.body["type"] == "session.registered"]
        assert headers == {name: received.headers[name] for name in headers}
        assert {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "host"} <= headers.keys()
        (secret,) = endpoint.secrets
        assert secret.value not in page
        assert secret.value.removeprefix("whsec_") not in page

    async def test_the_response_is_shown_and_a_long_one_is_collapsed(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        _, path = await delivered(tutoring, backend, "<script>one</script>\u202e\n".encode() + b"line\n" * 60)
        page = (await console.get(path)).text
        assert "<script>one" not in page
        assert "&lt;script&gt;one&lt;/script&gt;\\u202e" in page
        assert "<details><summary>Response" in page
        assert re.search(r">200</span>.*? ms<", page)

    async def test_an_attempt_of_an_older_version_has_no_headers(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        _, path = await delivered(tutoring, backend)
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                update(attempts).where(attempts.c.app_id == tutoring.app.id).values(request_headers=null())
            )
        page = (await console.get(path)).text
        assert "Request headers" not in page
        assert "thanks" in page

    async def test_an_event_that_was_deleted_has_no_payload(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        _, path = await delivered(tutoring, backend)
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                update(deliveries).where(deliveries.c.app_id == tutoring.app.id).values(seq=deliveries.c.seq + 10**9)
            )
        assert "The event is no longer in the audit log." in (await console.get(path)).text


class TestAllDeliveries:
    async def types(self, console: Console, tenant: Tenant, **query: str) -> list[str]:
        """The event types on the page of all deliveries."""
        response = await console.client.get(f"/console/deliveries/{tenant.app.id}/all", params=query)
        assert response.status_code == 200, response.text
        return re.findall(r'"><strong>([^<]+)</strong><span class="hidden">', response.text)

    async def test_they_are_filtered_by_endpoint_type_state_and_time(
        self, console: Console, tutoring: Tenant, backend: Backend, clock: MovableClock
    ) -> None:
        first, _ = await delivered(tutoring, backend)
        clock.move(hours=1)
        backend.default_behavior = respond(500)
        second = await endpoints.create(tutoring.context, EndpointRequest(f"{backend.url}?second"))
        await tutoring.post("/v1/bookings/lesson-1/cancel")
        await deliver_due(tutoring)
        await console.sign_in()
        everything = await self.types(console, tutoring)
        assert everything.count("session.cancelled") == 2
        assert everything.count("session.registered") == 1
        assert await self.types(console, tutoring, type="session.registered") == ["session.registered"]
        assert await self.types(console, tutoring, state="delivered") == ["session.registered"]
        assert "session.registered" not in await self.types(console, tutoring, state="pending")
        assert await self.types(console, tutoring, state="failed") == []
        assert "session.registered" not in await self.types(console, tutoring, endpoint=str(second.id))
        assert "session.registered" in await self.types(console, tutoring, endpoint=str(first.id))
        moment = (clock() - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M")
        assert await self.types(console, tutoring, until=moment) == ["session.registered"]
        assert "session.registered" not in await self.types(console, tutoring, since=moment)
        assert len(await self.types(console, tutoring, since=moment)) == len(everything) - 1

    async def test_pages_have_each_delivery_once(
        self, console: Console, tutoring: Tenant, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await delivered(tutoring, backend)
        for number in range(6):
            await tutoring.book(f"more-{number}")
        await deliver_due(tutoring)
        everything = await self.types(console, tutoring)
        monkeypatch.setattr(console_deliveries, "DELIVERIES_PER_PAGE", 3)
        path, found = f"/console/deliveries/{tutoring.app.id}/all", []
        while path:
            page = (await console.get(path)).text
            found += re.findall(r'"><strong>([^<]+)</strong><span class="hidden">', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = unescape(following[1]) if following else ""
        assert found == everything

    async def test_a_search_that_reached_its_bound_can_continue(
        self, console: Console, tutoring: Tenant, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await delivered(tutoring, backend)
        for _ in range(4):
            await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "tutor-1"})
        await deliver_due(tutoring)
        monkeypatch.setattr(stored_deliveries, "SEARCH_ROWS", 2)
        path = f"/console/deliveries/{tutoring.app.id}/all?type=session.registered"
        page = (await console.get(path)).text
        assert "Searched back to" in page
        for _ in range(9):
            if "<strong>session.registered</strong>" in page:
                break
            page = (await console.get(unescape(re.findall(r'rel="next" href="([^"]+)"', page)[0]))).text
        assert "<strong>session.registered</strong>" in page

    @pytest.mark.parametrize("query", ["since=yesterday", "state=lost", "type=nothing", "endpoint=x", "before=x"])
    async def test_invalid_filters_show_a_page(self, console: Console, tutoring: Tenant, query: str) -> None:
        for path in ("all", "export/deliveries.csv"):
            if (path, query) == ("export/deliveries.csv", "before=x"):
                continue
            response = await console.get(f"/console/deliveries/{tutoring.app.id}/{path}?{query}")
            assert response.status_code == 422, path
            assert response.headers["content-type"].startswith("text/html")

    async def test_an_endpoint_of_another_app_is_not_found(
        self, console: Console, tutoring: Tenant, other: Tenant, backend: Backend
    ) -> None:
        theirs, _ = await delivered(other, backend)
        response = await console.get(f"/console/deliveries/{tutoring.app.id}/all?endpoint={theirs.id}")
        assert response.status_code == 404

    async def test_the_export_is_journaled_and_safe_for_spreadsheets(
        self, console: Console, tutoring: Tenant, backend: Backend
    ) -> None:
        endpoint, _ = await delivered(tutoring, backend)
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                update(attempts).where(attempts.c.app_id == tutoring.app.id).values(error="=HYPERLINK(1)")
            )
        response = await console.get(
            f"/console/deliveries/{tutoring.app.id}/export/deliveries.csv?type=session.registered"
        )
        assert response.headers["content-disposition"].startswith('attachment; filename="deliveries-')
        (row,) = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")))
        assert (row["type"], row["state"], row["endpoint"]) == ("session.registered", "delivered", endpoint.url)
        assert (row["attempts"], row["last_status"], row["last_error"]) == ("1", "200", "'=HYPERLINK(1)")
        (exported,) = await tutoring.events("data.exported")
        assert exported["data"] == {"content": "deliveries", "format": "csv", "filters": ["type"]}
        assert exported["asked_by"]["operator"] == OPERATOR
