"""Only the admin key opens the console, and other sites cannot submit its forms."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import ValidationError
from sqlalchemy import text
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from consoles import ADMIN_KEY, Console, csrf_of, service_with_console
from polling import eventually
from tenants import MovableClock, Tenant
from videobroker.broker import Broker
from videobroker.domain.events import SERVICE_EVENTS, EventType
from videobroker.settings import Settings
from videobroker.storage.failed_attempts import MAX_DELAYED
from videobroker.usecases.journal.queries import read_latest
from videobroker.usecases.operations.sweeper import delete_expired_rows
from videobroker.usecases.tenants import SERVICE
from videobroker.web.console import ROUTERS
from videobroker.web.console.access import COOKIE, ConsoleAccess
from videobroker.web.console.requests import BACKGROUND_HEADER

BACKGROUND = {BACKGROUND_HEADER: "1"}
PAGES = [
    "/console",
    "/console/groups",
    "/console/book",
    "/console/deliveries",
    "/console/health",
    "/console/diagnostics",
]


ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def client_at(service: FastAPI, address: str, base_url: str = "http://videobroker") -> httpx.AsyncClient:
    """A client with this IP address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(service, client=(address, 1)), base_url=base_url)


class TestAccess:
    @pytest.mark.parametrize("path", ["/console", "/console/sign-in", "/console/static/console.css", "/demo"])
    async def test_without_an_admin_key_there_is_no_console(self, api: httpx.AsyncClient, path: str) -> None:
        assert (await api.get(path)).status_code == 404

    @pytest.mark.parametrize("path", PAGES)
    async def test_a_client_without_a_session_is_redirected_to_sign_in_and_back(
        self, signed_out: Console, path: str
    ) -> None:
        sent = await signed_out.get(path)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/console/sign-in?next={path}")
        assert "to the console" in (await signed_out.get(sent.headers["location"])).text
        signed_in = await signed_out.sign_in(next=path)
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, path)
        assert (await signed_out.get(path)).status_code == 200

    @pytest.mark.parametrize("key", ["", "wrong", ADMIN_KEY + " ", ADMIN_KEY[:-1], "ключ"])
    async def test_a_wrong_key_is_refused(self, signed_out: Console, key: str) -> None:
        response = await signed_out.sign_in(key)
        assert response.status_code == 403
        assert "set-cookie" not in response.headers
        assert (await signed_out.get("/console")).status_code == 303

    @pytest.mark.parametrize("name", ["", "x" * 65, "a\x07b", ADMIN_KEY])
    async def test_an_operator_has_to_enter_a_name(self, signed_out: Console, name: str) -> None:
        response = await signed_out.sign_in(name=name)
        assert response.status_code == 422
        assert "Enter your name (1-64 characters)." in response.text

    @pytest.mark.parametrize(
        "following",
        [
            "https://evil.example/",
            "//evil.example",
            "/console.evil.example",
            "/console\\evil",
            "/v1/events",
            "/console\n",
        ],
    )
    async def test_sign_in_redirects_to_paths_of_the_console_only(self, signed_out: Console, following: str) -> None:
        assert (await signed_out.sign_in(next=following)).headers["location"] == "/console"

    async def test_an_unknown_path_shows_an_error_page(self, console: Console) -> None:
        response = await console.get("/console/nothing/here")
        assert response.status_code == 404
        assert "no page at this path" in response.text


class TestCookie:
    @pytest.mark.parametrize(
        ("scheme", "name", "secure"),
        [("http", "videobroker_console", False), ("https", "__host-videobroker_console", True)],
    )
    async def test_scripts_and_other_sites_cannot_read_or_send_it(
        self, console_service: FastAPI, scheme: str, name: str, secure: bool
    ) -> None:
        async with client_at(console_service, "127.0.0.1", f"{scheme}://videobroker") as client:
            response = await Console(client).sign_in()
            assert (await client.get("/console")).status_code == 200
        (first, *attributes) = response.headers["set-cookie"].lower().split("; ")
        assert first.startswith(f"{name}=")
        assert set(attributes) == {"httponly", "samesite=strict", "path=/", "max-age=43200"} | (
            {"secure"} if secure else set()
        )

    async def test_over_https_a_cookie_that_another_host_can_set_is_ignored(self, console_service: FastAPI) -> None:
        async with client_at(console_service, "127.0.0.1", "https://videobroker") as client:
            await Console(client).sign_in()
            token = client.cookies[f"__Host-{COOKIE}"]
            client.cookies.clear()
            response = await client.get("/console", headers={"cookie": f"{COOKIE}={token}"})
        assert response.status_code == 303

    async def test_signing_out_deletes_it(self, console_service: FastAPI) -> None:
        async with client_at(console_service, "127.0.0.1", "https://videobroker") as client:
            await Console(client).sign_in()
            await Console(client).post("/console/sign-out")
            assert not client.cookies

    async def test_a_session_expires_without_activity(self, console: Console, clock: MovableClock) -> None:
        for _ in range(3):
            clock.move(minutes=29)
            assert (await console.get("/console")).status_code == 200
        clock.move(minutes=30)
        assert (await console.get("/console")).status_code == 303

    async def test_automatic_refreshes_are_not_activity(self, console: Console, clock: MovableClock) -> None:
        for _ in range(29):
            clock.move(minutes=1)
            assert (await console.get("/console", headers=BACKGROUND)).status_code == 200
        clock.move(minutes=1)
        ended = await console.get("/console", headers=BACKGROUND)
        # No redirect, which the script could not distinguish from a page.
        assert (ended.status_code, ended.headers.get("location")) == (401, None)
        assert ended.text == ""
        assert (await console.get("/console")).status_code == 303

    async def test_a_session_expires_after_twelve_hours_despite_activity(
        self, console: Console, clock: MovableClock
    ) -> None:
        for _ in range(36):
            clock.move(minutes=19, seconds=59)
            assert (await console.get("/console")).status_code == 200
        clock.move(minutes=1)
        assert (await console.get("/console")).status_code == 303

    async def test_an_idle_timeout_can_be_configured(self, broker: Broker, clock: MovableClock) -> None:
        access = ConsoleAccess(ADMIN_KEY, idle_timeout=timedelta(minutes=2))
        async with client_at(service_with_console(broker, access), "127.0.0.1") as client:
            await Console(client).sign_in()
            clock.move(minutes=1, seconds=59)
            assert (await client.get("/console")).status_code == 200
            clock.move(minutes=2)
            assert (await client.get("/console")).status_code == 303

    async def test_a_copied_cookie_is_refused_by_every_replica_after_sign_out(
        self, console: Console, console_service: FastAPI, broker: Broker
    ) -> None:
        cookies = dict(console.client.cookies)
        replica = service_with_console(broker)
        async with client_at(console_service, "127.0.0.1") as copy, client_at(replica, "127.0.0.1") as distant:
            for client in (copy, distant):
                client.cookies.update(cookies)
                assert (await client.get("/console")).status_code == 200
            response = await console.post("/console/sign-out")
            assert (response.status_code, response.headers["location"]) == (303, "/console/sign-in")
            assert (await console.get("/console")).status_code == 303
            for client in (copy, distant):
                assert (await client.get("/console")).status_code == 303
                assert (await client.post("/console/sign-out", data={})).headers["location"] == "/console/sign-in"

    async def test_another_browser_of_the_operator_remains_signed_in(
        self, console: Console, console_service: FastAPI
    ) -> None:
        async with client_at(console_service, "127.0.0.1") as client:
            await Console(client).sign_in()
            await console.post("/console/sign-out")
            assert (await client.get("/console")).status_code == 200

    async def test_signing_in_again_ends_the_former_session_of_the_browser(
        self, console: Console, console_service: FastAPI
    ) -> None:
        former_cookies = dict(console.client.cookies)
        await console.sign_in()
        assert dict(console.client.cookies) != former_cookies
        async with client_at(console_service, "127.0.0.1") as client:
            client.cookies.update(former_cookies)
            assert (await client.get("/console")).status_code == 303

    async def test_a_restart_ends_no_session(self, console: Console, broker: Broker) -> None:
        async with client_at(service_with_console(broker), "127.0.0.1") as client:
            client.cookies.update(console.client.cookies)
            assert (await client.get("/console")).status_code == 200

    async def test_another_admin_key_ends_every_session(self, console: Console, broker: Broker) -> None:
        other = service_with_console(broker, ConsoleAccess("another-invented-admin-key"))
        async with client_at(other, "127.0.0.1") as client:
            client.cookies.update(console.client.cookies)
            assert (await client.get("/console")).status_code == 303

    @pytest.mark.parametrize("corrupt", [lambda cookie: cookie[:-2], lambda _: "a.b.c", lambda cookie: cookie * 9])
    async def test_a_forged_cookie_is_refused(self, console: Console, corrupt: Callable[[str], str]) -> None:
        cookie = console.client.cookies[COOKIE]
        console.client.cookies.clear()
        response = await console.get("/console", headers={"cookie": f"{COOKIE}={corrupt(cookie)}"})
        assert response.status_code == 303

    async def test_the_database_contains_neither_the_token_nor_the_admin_key(
        self, console: Console, broker: Broker
    ) -> None:
        async with broker.store.cross_app_transaction() as unit_of_work:
            rows = (await unit_of_work.execute(text("select t::text, token_digest from console_sessions t"))).all()
        assert rows
        token = console.client.cookies[COOKIE]
        for row in rows:
            assert token not in row[0]
            assert row.token_digest != sha256(token.encode()).digest()

    async def test_the_hourly_job_deletes_expired_sessions(
        self, console: Console, broker: Broker, clock: MovableClock
    ) -> None:
        async def count() -> int:
            # Other tests share the table, and their clocks may be ahead.
            statement = text("select count(*) from console_sessions where created_at <= :begin")
            async with broker.store.cross_app_transaction() as unit_of_work:
                return int((await unit_of_work.execute(statement, {"begin": begin})).scalar_one())

        begin = broker.now()

        await delete_expired_rows(broker)
        before = await count()
        assert before >= 1
        clock.move(hours=12)
        await delete_expired_rows(broker)
        assert await count() == 0


MAX_WRONG_KEYS_PER_MINUTE = 60
"""From all networks together."""


@pytest.mark.usefixtures("no_failed_attempts")
class TestWrongKeys:
    async def test_the_correct_key_is_accepted_after_wrong_ones(
        self, console_service: FastAPI, clock: MovableClock
    ) -> None:
        async with client_at(console_service, "192.0.2.7") as client:
            responses = [(await Console(client).sign_in("wrong")).status_code for _ in range(100)]
            assert responses == [403] * 5 + [429] * 95
            assert (await Console(client).sign_in()).status_code == 303
            # Afterwards, the operator's failed attempts no longer count.
            assert (await Console(client).sign_in("wrong")).status_code in {403, 429}
            clock.move(minutes=1)
            assert (await Console(client).sign_in("wrong")).status_code == 403

    async def test_many_wrong_keys_from_one_network_are_delayed_increasingly(
        self, broker: Broker, clock: MovableClock
    ) -> None:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        # Two replicas.
        services = [service_with_console(broker, sleep=sleep) for _ in range(2)]

        async def attempt(number: int, address: str = "2001:db8::1") -> httpx.Response:
            async with client_at(services[number % 2], address) as client:
                return await Console(client).sign_in("wrong")

        responses = [await attempt(number) for number in range(9)]
        assert [each.status_code for each in responses] == [403] * 5 + [429] * 4
        assert all(1 <= int(each.headers["retry-after"]) <= 60 for each in responses[5:])
        assert pauses == [2, 2, 2, 2]
        assert re.search(r"Too many failed attempts\. Try again in \d+ seconds\.", responses[-1].text)
        assert (await attempt(0, "2001:db8::2")).status_code == 429
        assert (await attempt(0, "2001:db8:0:1::1")).status_code == 403
        clock.move(minutes=1)
        assert (await attempt(0)).status_code == 403
        for _ in range(4):
            clock.move(minutes=1)
            refused = [await attempt(number) for number in range(9)][-1]
        # More than 20 in this hour.
        assert refused.status_code == 429
        assert 50 * 60 < int(refused.headers["retry-after"]) <= 60 * 60
        clock.move(hours=1)
        assert (await attempt(1)).status_code == 403

    async def test_many_wrong_keys_from_all_networks_together_are_delayed(
        self, console_service: FastAPI, clock: MovableClock
    ) -> None:
        responses = []
        for number in range(MAX_WRONG_KEYS_PER_MINUTE + 1):
            async with client_at(console_service, f"192.0.2.{number}") as client:
                responses.append((await Console(client).sign_in("wrong")).status_code)
        assert responses == [403] * MAX_WRONG_KEYS_PER_MINUTE + [429]
        async with client_at(console_service, "198.51.100.1") as client:
            assert (await Console(client).sign_in("wrong")).status_code == 429
            assert (await Console(client).sign_in()).status_code == 303
            clock.move(minutes=1)
            assert (await Console(client).sign_in("wrong")).status_code == 403

    async def test_only_a_trusted_proxy_can_set_the_client_address(self, broker: Broker) -> None:
        service = service_with_console(broker)
        for peer, last in (("203.0.113.9", 429), ("10.0.0.1", 403)):
            # Both notations of ASGI types.
            inner: Any = service
            proxied: Any = ProxyHeadersMiddleware(inner, trusted_hosts="10.0.0.1")
            transport = httpx.ASGITransport(proxied, client=(peer, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as client:
                for number in range(6):
                    client.headers["x-forwarded-for"] = f"198.51.100.{number}"
                    response = await Console(client).sign_in("wrong")
            assert response.status_code == last, peer

    async def test_the_number_of_delayed_responses_is_limited(self, broker: Broker) -> None:
        released = asyncio.Event()
        waiting = 0

        async def sleep(_: float) -> None:
            nonlocal waiting
            waiting += 1
            await released.wait()

        service = service_with_console(broker, sleep=sleep)
        async with client_at(service, "192.0.2.7") as client:
            tasks = [asyncio.create_task(Console(client).sign_in("wrong")) for _ in range(MAX_DELAYED + 10)]
            await eventually(lambda: sum(each.done() for each in tasks) >= 10 and waiting >= MAX_DELAYED)
            assert (waiting, sum(each.done() for each in tasks)) == (MAX_DELAYED, 10)
            # The correct key is not delayed by them.
            assert (await Console(client).sign_in()).status_code == 303
            released.set()
            await asyncio.gather(*tasks)


class TestForms:
    """Every form that changes something, submitted in ways that no page of the console uses."""

    async def test_without_a_csrf_token_it_is_refused(self, console: Console) -> None:
        # These two start a session: there is no token yet.
        signs_in = {"console_sign_in", "console_use_link"}
        forms = [route for route in ROUTES if "POST" in (route.methods or ()) and route.name not in signs_in]
        assert len(forms) >= 9
        for address in (f"/console{form.path}" for form in forms):
            path = re.sub(r"\{\w+\}", "01a20000-0000-7000-8000-000000000000", address)
            for fields in ({}, {"csrf": "guessed"}):
                response = await console.client.post(path, data=fields)
                assert response.status_code == 403, path
                assert "request_forged" in response.text

    async def test_from_another_site_it_is_refused_even_with_the_token(
        self, console: Console, tutoring: Tenant
    ) -> None:
        session = await session_path(console, tutoring)
        token = csrf_of(await console.get("/console"))
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            response = await console.client.post(f"{session}/end", data={"csrf": token}, headers=headers)
            assert response.status_code == 403
            assert "request_forged" in response.text

    async def test_with_the_token_of_another_session_it_is_refused(
        self, console: Console, console_service: FastAPI, tutoring: Tenant
    ) -> None:
        session = await session_path(console, tutoring)
        async with client_at(console_service, "127.0.0.1") as client:
            await Console(client).sign_in()
            token = csrf_of(await client.get("/console"))
        response = await console.client.post(f"{session}/end", data={"csrf": token})
        assert response.status_code == 403

    async def test_sign_in_from_another_site_is_refused(self, signed_out: Console) -> None:
        response = await signed_out.client.post(
            "/console/sign-in", data={"name": "x", "key": ADMIN_KEY}, headers={"origin": "https://evil.example"}
        )
        assert response.status_code == 403
        assert "set-cookie" not in response.headers

    @pytest.mark.parametrize("body", [b"\xff\xfe=1", b"csrf=%FF", b"&".join(b"a=1" for _ in range(300)), b"name=%00"])
    async def test_invalid_values_show_an_error_page(self, signed_out: Console, body: bytes) -> None:
        response = await signed_out.client.post("/console/sign-in", content=body)
        assert response.status_code == 422
        assert response.headers["content-type"].startswith("text/html")


async def session_path(console: Console, tenant: Tenant, reference: str = "lesson-1") -> str:
    """The path of the page of a new booking."""
    await tenant.book(reference)
    found = re.search(
        rf"/console/sessions/{tenant.app.id}/[0-9a-f-]+",
        (await console.get(f"/console/search?q={reference}&app={tenant.app.id}")).text,
    )
    assert found
    return found[0]


class TestPages:
    @pytest.mark.parametrize("path", [*PAGES, "/console/sign-in", "/console/nothing"])
    async def test_foreign_scripts_and_styles_cannot_run(self, console: Console, path: str) -> None:
        response = await console.get(path)
        policy = response.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert response.headers["cache-control"] == "no-store"
        # The policy blocks inline event handlers and styles, so pages must not contain any.
        assert not re.search(r"<[^>]+\s(on\w+|style)=", response.text)
        assert "<style" not in response.text

    async def test_static_files_are_cacheable_and_change_their_url_with_their_content(
        self, signed_out: Console
    ) -> None:
        page = (await signed_out.get("/console/sign-in")).text
        (address,) = re.findall(r'href="(/console/static/console\.css\?v=\w+)"', page)
        response = await signed_out.get(address)
        assert response.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in response.headers["cache-control"]
        assert (await signed_out.get("/console/static/access.py")).status_code == 404

    def test_pages_are_not_in_the_openapi_document_and_have_operation_names_in_the_log(self, broker: Broker) -> None:
        service = service_with_console(broker)
        assert [path for path in service.openapi()["paths"] if path.startswith("/console")] == []
        assert len(ROUTES) > 15
        assert all(route.unique_id.startswith("console") for route in ROUTES)


def test_a_short_admin_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="24"):
        Settings(_env_file=None, admin_key="too-short")


class TestJournal:
    """The journal of the service, because an operator sees all apps."""

    async def sign_in_events(self, broker: Broker, name: str) -> list[tuple[str, str | None]]:
        recorded = await read_latest(broker, SERVICE, types=SERVICE_EVENTS, limit=1000)
        return [
            (each.event.type.value, each.event.actor.user_agent)
            for each in recorded
            if each.event.actor.operator == name
        ]

    async def test_contains_sign_ins_and_sign_outs_with_their_addresses(
        self, signed_out: Console, broker: Broker
    ) -> None:
        name = f"Olive {uuid4()}"
        await signed_out.sign_in(name=name)
        assert [kind for kind, _ in await self.sign_in_events(broker, name)] == ["operator.signed_in"]
        assert (await signed_out.post("/console/sign-out")).status_code == 303
        signs = await self.sign_in_events(broker, name)
        assert [kind for kind, _ in signs] == ["operator.signed_in", "operator.signed_out"]
        assert all(agent and agent.startswith("python-httpx") for _, agent in signs)

    async def test_contains_failed_attempts_but_no_keys(self, signed_out: Console, broker: Broker) -> None:
        await broker.rejections.flush()
        before = len(await read_latest(broker, SERVICE, types=[EventType.AUTHENTICATION_REJECTED], limit=10_000))
        for _ in range(3):
            await signed_out.sign_in("invented-wrong-admin-key")
        await broker.rejections.flush()
        found = await read_latest(broker, SERVICE, types=[EventType.AUTHENTICATION_REJECTED], limit=10_000)
        new_events = [dict(each.event.data or {}) for each in found[before:]]
        assert sum(each["count"] for each in new_events if each["reason"] == "admin_key_invalid") == 3
        assert "invented-wrong" not in str(found)
