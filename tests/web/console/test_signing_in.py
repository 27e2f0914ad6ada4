"""Nobody gets into the console without the key, and nobody else's page makes an operator do anything."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import ValidationError

from consoles import ADMIN_KEY, Console, csrf_of, service_with_console
from house import MovableClock, Tenant
from videobroker.broker import Broker
from videobroker.settings import Settings
from videobroker.web.console import ROUTERS
from videobroker.web.console.access import ConsoleAccess, NotSignedIn

PAGES = [
    "/console",
    "/console/groups",
    "/console/book",
    "/console/deliveries",
    "/console/health",
    "/console/diagnostics",
]


ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def elsewhere(service: FastAPI, address: str, base_url: str = "http://videobroker") -> httpx.AsyncClient:
    """A browser at this address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(service, client=(address, 1)), base_url=base_url)


class TestTheDoor:
    @pytest.mark.parametrize("path", ["/console", "/console/sign-in", "/console/static/console.css", "/demo"])
    async def test_without_an_admin_key_there_is_nothing(self, api: httpx.AsyncClient, path: str) -> None:
        assert (await api.get(path)).status_code == 404

    @pytest.mark.parametrize("path", PAGES)
    async def test_a_stranger_is_sent_to_sign_in_and_afterwards_to_where_they_wanted(
        self, stranger: Console, path: str
    ) -> None:
        sent = await stranger.get(path)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/console/sign-in?next={path}")
        assert "to the console" in (await stranger.get(sent.headers["location"])).text
        let_in = await stranger.sign_in(next=path)
        assert (let_in.status_code, let_in.headers["location"]) == (303, path)
        assert (await stranger.get(path)).status_code == 200

    @pytest.mark.parametrize("key", ["", "wrong", ADMIN_KEY + " ", ADMIN_KEY[:-1], "ключ"])
    async def test_a_wrong_key_is_refused(self, stranger: Console, key: str) -> None:
        answer = await stranger.sign_in(key)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert (await stranger.get("/console")).status_code == 303

    @pytest.mark.parametrize("name", ["", "x" * 65, "a\x07b"])
    async def test_whoever_signs_in_says_who_they_are(self, stranger: Console, name: str) -> None:
        answer = await stranger.sign_in(name=name)
        assert answer.status_code == 422
        assert "Say who you are" in answer.text

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
    async def test_it_leads_nowhere_else(self, stranger: Console, following: str) -> None:
        assert (await stranger.sign_in(next=following)).headers["location"] == "/console"

    async def test_an_unknown_page_is_a_page_that_says_so(self, console: Console) -> None:
        answer = await console.get("/console/nothing/here")
        assert answer.status_code == 404
        assert "no such page" in answer.text


class TestTheCookie:
    @pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
    async def test_no_script_and_no_other_site_gets_it(
        self, console_service: FastAPI, scheme: str, secure: bool
    ) -> None:
        async with elsewhere(console_service, "127.0.0.1", f"{scheme}://videobroker") as client:
            answer = await Console(client).sign_in()
        told = answer.headers["set-cookie"].lower()
        assert "httponly" in told
        assert "samesite=strict" in told
        assert "path=/console" in told
        assert ("secure" in told) is secure

    async def test_it_is_worth_nothing_after_half_a_day(self, console: Console, clock: MovableClock) -> None:
        clock.move(hours=11, minutes=59)
        assert (await console.get("/console")).status_code == 200
        clock.move(minutes=2)
        assert (await console.get("/console")).status_code == 303

    async def test_signing_out_takes_it_away(self, console: Console) -> None:
        answer = await console.post("/console/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
        assert (await console.get("/console")).status_code == 303

    def test_another_key_makes_it_worthless(self, session_clock: MovableClock) -> None:
        now = session_clock()
        cookie = ConsoleAccess("a" * 30, [b"one"]).sign_in("a" * 30, name="Olive", zone="UTC", now=now)
        assert cookie
        assert ConsoleAccess("a" * 30, [b"two", b"one"]).operator(cookie, now=now).name == "Olive"
        for other in (ConsoleAccess("b" * 30, [b"one"]), ConsoleAccess("a" * 30, [b"two"])):
            with pytest.raises(NotSignedIn):
                other.operator(cookie, now=now)

    @pytest.mark.parametrize("spoil", [lambda cookie: cookie[:-2], lambda _: "", lambda _: "a.b.c", lambda _: "ü"])
    def test_a_spoilt_one_is_worth_nothing(self, session_clock: MovableClock, spoil: Any) -> None:
        access, now = ConsoleAccess("a" * 30, [b"one"]), session_clock()
        cookie = access.sign_in("a" * 30, name="Olive", zone="Nowhere/Atlantis", now=now)
        assert str(access.operator(cookie, now=now).zone) == "UTC"
        with pytest.raises(NotSignedIn):
            access.operator(spoil(cookie), now=now)


class TestTryingKeys:
    async def test_after_some_wrong_keys_even_the_right_one_has_to_wait(
        self, console_service: FastAPI, clock: MovableClock
    ) -> None:
        async with elsewhere(console_service, "192.0.2.7") as client:
            for _ in range(8):
                assert (await Console(client).sign_in("wrong")).status_code == 403
                clock.move(seconds=10)
            assert (await Console(client).sign_in("wrong")).status_code == 403
            waits = await Console(client).sign_in()
            assert waits.status_code == 429
            assert 1 <= int(waits.headers["retry-after"]) <= 16
            assert "Too many wrong keys" in waits.text
            clock.move(seconds=20)
            assert (await Console(client).sign_in()).status_code == 303

    async def test_somebody_elsewhere_does_not_wait_with_them(self, console_service: FastAPI) -> None:
        async with elsewhere(console_service, "2001:db8::1") as client:
            answers = [(await Console(client).sign_in("wrong")).status_code for _ in range(8)]
        assert answers[-1] == 429
        # Whoever has one address of a network has them all.
        async with elsewhere(console_service, "2001:db8::2") as neighbour:
            assert (await Console(neighbour).sign_in()).status_code == 429
        async with elsewhere(console_service, "2001:db8:0:1::1") as other:
            assert (await Console(other).sign_in()).status_code == 303


class TestForms:
    """Every form that changes something, sent in a way in which no page of the console sends it."""

    async def test_one_without_our_token_is_refused(self, console: Console) -> None:
        forms = [route for route in ROUTES if "POST" in (route.methods or ()) and route.name != "console_sign_in"]
        assert len(forms) >= 9
        for address in (f"/console{form.path}" for form in forms):
            path = re.sub(r"\{\w+\}", "01a20000-0000-7000-8000-000000000000", address)
            for fields in ({}, {"csrf": "guessed"}):
                answer = await console.client.post(path, data=fields)
                assert answer.status_code == 403, path
                assert "request_forged" in answer.text

    async def test_one_of_another_site_is_refused_even_with_the_token(self, console: Console, tutoring: Tenant) -> None:
        session = await session_path(console, tutoring)
        token = csrf_of(await console.get("/console"))
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            answer = await console.client.post(f"{session}/end", data={"csrf": token}, headers=headers)
            assert answer.status_code == 403
            assert "request_forged" in answer.text

    async def test_the_token_of_another_sign_in_is_refused(
        self, console: Console, console_service: FastAPI, tutoring: Tenant
    ) -> None:
        session = await session_path(console, tutoring)
        async with elsewhere(console_service, "127.0.0.1") as client:
            await Console(client).sign_in()
            token = csrf_of(await client.get("/console"))
        answer = await console.client.post(f"{session}/end", data={"csrf": token})
        assert answer.status_code == 403

    async def test_signing_in_from_another_site_is_refused(self, stranger: Console) -> None:
        answer = await stranger.client.post(
            "/console/sign-in", data={"name": "x", "key": ADMIN_KEY}, headers={"origin": "https://evil.example"}
        )
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("body", [b"\xff\xfe=1", b"csrf=%FF", b"&".join(b"a=1" for _ in range(300)), b"name=%00"])
    async def test_nonsense_is_refused_in_words(self, stranger: Console, body: bytes) -> None:
        answer = await stranger.client.post("/console/sign-in", content=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")


async def session_path(console: Console, tenant: Tenant, reference: str = "lesson-1") -> str:
    """The address of the page of a booking that is made here."""
    await tenant.book(reference)
    found = re.search(
        rf"/console/sessions/{tenant.app.id}/[0-9a-f-]+",
        (await console.get(f"/console?q={reference}&app={tenant.app.id}")).text,
    )
    assert found
    return found[0]


class TestPages:
    @pytest.mark.parametrize("path", [*PAGES, "/console/sign-in", "/console/nothing"])
    async def test_nothing_foreign_may_run_in_them(self, console: Console, path: str) -> None:
        answer = await console.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        # No handlers and no styles in the page itself: the policy would keep them from working.
        assert not re.search(r"<[^>]+\s(on\w+|style)=", answer.text)
        assert "<style" not in answer.text

    async def test_files_are_kept_by_browsers_and_have_another_address_when_they_change(
        self, stranger: Console
    ) -> None:
        page = (await stranger.get("/console/sign-in")).text
        (address,) = re.findall(r'href="(/console/static/console\.css\?v=\w+)"', page)
        answer = await stranger.get(address)
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]
        assert (await stranger.get("/console/static/access.py")).status_code == 404

    def test_they_are_no_part_of_the_contract_and_have_names_in_the_log(self, broker: Broker) -> None:
        service = service_with_console(broker)
        assert [path for path in service.openapi()["paths"] if path.startswith("/console")] == []
        assert len(ROUTES) > 15
        assert all(route.unique_id.startswith("console_") for route in ROUTES)


def test_a_short_admin_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="24"):
        Settings(_env_file=None, admin_key="too-short")
