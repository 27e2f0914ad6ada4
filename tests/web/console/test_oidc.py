"""Operators sign in with OpenID Connect, at a provider that runs in the tests."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from consoles import ADMIN_KEY, Console, service_with_console
from oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, OidcProvider, serving_provider
from tenants import MovableClock
from videobroker.broker import Broker, OperatorSignIn
from videobroker.domain.events import EventType
from videobroker.domain.operator_sign_in import RoleRules
from videobroker.domain.operators import OperatorRole
from videobroker.identity.jwks import JwksCache
from videobroker.identity.oidc import OidcClient, OidcSettings
from videobroker.identity.user_tokens import JwtVerifier
from videobroker.usecases.journal import queries
from videobroker.usecases.tenants import SERVICE
from videobroker.web.console.access import ConsoleAccess

BASE = "http://videobroker"
CALLBACK = f"{BASE}/console/oidc/callback"
RULES = RoleRules("groups", {"ops": OperatorRole.ADMIN, "desk": OperatorRole.SUPPORT, "staff": OperatorRole.VIEWER})
USERS: dict[str, Claims] = {
    "mia": {"name": "Mia Ops", "email": "mia@example.com", "groups": ["staff", "ops"]},
    "sam": {"name": "Sam Desk", "groups": ["desk"]},
    "val": {"preferred_username": "val", "groups": "staff"},
    "eve": {"name": "Eve", "groups": ["visitors"]},
}


@dataclass(frozen=True)
class SignIn:
    """A browser, the service, and the provider."""

    browser: httpx.AsyncClient
    provider: OidcProvider
    broker: Broker

    async def start(self, path: str = "/console/oidc/start", **query: str) -> httpx.Response:
        return await self.browser.get(path, params=query)

    async def answer(self, started: httpx.Response, user: str) -> str:
        """The URL of the callback, after this user signed in at the provider; empty: they canceled."""
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(started.headers["location"])
            assert page.status_code == 200, page.text
            query = dict(parse_qsl(urlsplit(started.headers["location"]).query))
            fields = query if not user else {**query, "user": user}
            decided = await client.post(f"{self.provider.issuer}/authorize", data=fields)
        return str(decided.headers["location"])

    async def sign_in(self, user: str, **query: str) -> httpx.Response:
        """Sign in as this user."""
        return await self.browser.get(await self.answer(await self.start(**query), user))

    async def signed_in_events(self) -> list[dict[str, Any]]:
        """The newest sign-ins of the service's journal, as JSON."""
        types = [EventType.OPERATOR_SIGNED_IN]
        return [each.to_json() for each in await queries.read_latest(self.broker, SERVICE, types=types, limit=3)]


Connect = Callable[..., Any]


@pytest.fixture
async def provider(broker: Broker) -> AsyncIterator[OidcProvider]:
    async with serving_provider(broker.now, CALLBACK) as provider:
        provider.users.update(USERS)
        yield provider


@pytest.fixture
async def sign_in(broker: Broker, provider: OidcProvider, no_failed_attempts: None) -> AsyncIterator[SignIn]:
    tokens = JwtVerifier(JwksCache())
    client = OidcClient(OidcSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET), tokens)
    own = replace(broker, operator_sign_in=OperatorSignIn(client, provider.issuer, CLIENT_ID, RULES))
    service = service_with_console(own, ConsoleAccess(ADMIN_KEY, issuer=provider.issuer))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url=BASE) as browser:
        yield SignIn(browser, provider, own)
    await client.aclose()
    await tokens.aclose()


@pytest.mark.parametrize(
    ("user", "name", "role"), [("mia", "Mia Ops", "admin"), ("sam", "Sam Desk", "support"), ("val", "val", "viewer")]
)
async def test_the_claims_determine_name_and_role(sign_in: SignIn, user: str, name: str, role: str) -> None:
    signed_in = await sign_in.sign_in(user)
    assert signed_in.status_code == 200, signed_in.text
    assert f"signed in as <bdi>{name}</bdi>" in signed_in.text
    page = await sign_in.browser.get("/console")
    assert (page.status_code, name in page.text) == (200, True)
    event = (await sign_in.signed_in_events())[-1]
    assert event["data"] == {"method": "openid_connect", "role": role, "issuer": sign_in.provider.issuer}
    assert (event["asked_by"]["operator"], event["asked_by"]["operator_subject"]) == (name, f"sub-of-{user}")


async def test_the_browser_returns_to_the_page_that_it_wanted(sign_in: SignIn) -> None:
    page = await sign_in.browser.get("/console/health?app=1")
    assert page.headers["location"] == "/console/sign-in?next=/console/health%3Fapp%3D1"
    form = await sign_in.browser.get(page.headers["location"])
    assert 'href="/console/oidc/start?next=/console/health%3Fapp%3D1"' in form.text
    done = await sign_in.sign_in("mia", next="/console/health?app=1", zone="Europe/Berlin")
    assert 'content="0;url=/console/health?app=1"' in done.text
    assert "Times in Europe/Berlin" in (await sign_in.browser.get("/console")).text


async def test_other_sites_are_no_target(sign_in: SignIn) -> None:
    for target in ("https://evil.example/", "//evil.example", "/consoles", "/console\\@evil", "x"):
        assert 'content="0;url=/console"' in (await sign_in.sign_in("mia", next=target)).text, target


async def test_the_request_has_pkce_state_and_nonce_and_the_cookies_are_protected(sign_in: SignIn) -> None:
    started = await sign_in.start()
    query = {name: value[0] for name, value in parse_qs(urlsplit(started.headers["location"]).query).items()}
    assert query["redirect_uri"] == CALLBACK
    assert (query["scope"], query["code_challenge_method"]) == ("openid profile email", "S256")
    assert all(len(query[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    cookie = started.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"))
    assert not any(query[name] in cookie for name in ("state", "nonce"))
    done = await sign_in.browser.get(await sign_in.answer(started, "mia"))
    session = next(each for each in done.headers.get_list("set-cookie") if each.startswith("videobroker_console="))
    assert all(part in session for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert done.headers["referrer-policy"] == "no-referrer"
    again = await sign_in.start()
    assert query["state"] not in again.headers["location"]


@pytest.mark.parametrize(("site", "starts"), [("cross-site", False), ("same-site", False), ("same-origin", True)])
async def test_another_site_cannot_start_it(sign_in: SignIn, site: str, starts: bool) -> None:
    query = {"next": "/console/health"}
    started = await sign_in.browser.get("/console/oidc/start", params=query, headers={"Sec-Fetch-Site": site})
    assert ("location" in started.headers) is starts
    if not starts:
        assert (started.status_code, 'href="/console/oidc/start?next=/console/health"' in started.text) == (200, True)


async def test_without_a_mapping_there_is_no_way_in(sign_in: SignIn) -> None:
    refused = await sign_in.sign_in("eve")
    assert (refused.status_code, "operator_without_role" in refused.text) == (403, True)
    assert (await sign_in.browser.get("/console")).status_code == 303


async def test_canceling_at_the_provider_is_no_failure(sign_in: SignIn) -> None:
    canceled = await sign_in.sign_in("")
    assert (canceled.status_code, "sign_in_denied" in canceled.text) == (403, True)
    assert "Sign in with 127.0.0.1" in canceled.text


async def test_a_callback_works_once(sign_in: SignIn) -> None:
    started = await sign_in.start()
    cookie = sign_in.browser.cookies.get("videobroker_console_sign_in")
    callback = await sign_in.answer(started, "mia")
    assert (await sign_in.browser.get(callback)).status_code == 200
    replayed = await sign_in.browser.get(callback)
    assert (replayed.status_code, "sign_in_expired" in replayed.text) == (400, True)
    # Also with a copy of the cookie: the provider redeems a code once.
    headers = {"cookie": f"videobroker_console_sign_in={cookie}"}
    copied = await sign_in.browser.get(callback, headers=headers)
    assert (copied.status_code, "sign_in_invalid" in copied.text) == (403, True)


async def test_an_attempt_belongs_to_one_browser_and_ends_after_ten_minutes(
    sign_in: SignIn, clock: MovableClock
) -> None:
    callback = await sign_in.answer(await sign_in.start(), "mia")
    sign_in.browser.cookies.clear()
    other = await sign_in.browser.get(callback)
    assert (other.status_code, "sign_in_expired" in other.text) == (400, True)
    await sign_in.start()
    mixed = await sign_in.browser.get(callback)
    assert "sign_in_expired" in mixed.text
    late = await sign_in.answer(await sign_in.start(), "mia")
    clock.move(minutes=11)
    assert "sign_in_expired" in (await sign_in.browser.get(late)).text
    forged = await sign_in.browser.get(late, headers={"cookie": "videobroker_console_sign_in=Zm9yZ2Vk"})
    assert "sign_in_expired" in forged.text


def changed(**claims: Any) -> Callable[[Claims], Claims]:
    return lambda original: {name: value for name, value in {**original, **claims}.items() if value is not None}


FORGERIES: list[Claims] = [
    {"iss": "https://evil.example"},
    {"aud": "another-client"},
    {"aud": [CLIENT_ID, "another-client"]},
    {"azp": "another-client"},
    {"nonce": "another"},
    {"nonce": None},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"exp": None},
    {"iat": "now"},
    {"iat": True},
]
"""Claims of tokens that are validly signed, but not for this sign-in."""


async def test_a_token_that_is_not_for_this_sign_in_is_refused(sign_in: SignIn) -> None:
    for claims in FORGERIES:
        sign_in.provider.tamper = changed(**claims)
        refused = await sign_in.sign_in("mia")
        assert (refused.status_code, "sign_in_invalid" in refused.text) == (403, True), claims
        assert (await sign_in.browser.get("/console")).status_code == 303


@pytest.mark.parametrize(("claim", "offset"), [("exp", -61), ("iat", 61), ("nbf", 61)])
async def test_clocks_may_differ_by_a_minute(sign_in: SignIn, claim: str, offset: int) -> None:
    now = sign_in.broker.now()
    sign_in.provider.tamper = changed(**{claim: (now + timedelta(seconds=offset)).timestamp()})
    refused = await sign_in.sign_in("mia")
    assert (refused.status_code, "sign_in_clock_skew" in refused.text) == (403, True), refused.text
    nearer = offset + (2 if offset < 0 else -2)
    sign_in.provider.tamper = changed(**{claim: (now + timedelta(seconds=nearer)).timestamp()})
    assert (await sign_in.sign_in("mia")).status_code == 200


async def test_a_token_of_another_key_is_refused(sign_in: SignIn) -> None:
    sign_in.provider.published_key = generate_private_key(65537, 2048)
    refused = await sign_in.sign_in("mia")
    assert (refused.status_code, "sign_in_invalid" in refused.text) == (403, True)


async def test_an_answer_of_another_issuer_is_refused(sign_in: SignIn) -> None:
    callback = await sign_in.answer(await sign_in.start(), "mia")
    mixed = httpx.URL(callback).copy_set_param("iss", "https://evil.example")
    assert "sign_in_invalid" in (await sign_in.browser.get(str(mixed))).text


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "ftp://127.0.0.1/"}, {"jwks_uri": None}],
)
async def test_a_discovery_document_must_belong_to_the_issuer(sign_in: SignIn, document: Claims) -> None:
    sign_in.provider.discovery = document
    refused = await sign_in.start()
    assert (refused.status_code, "sign_in_unavailable" in refused.text) == (503, True)


async def test_while_the_provider_is_down_the_admin_key_still_works(sign_in: SignIn, clock: MovableClock) -> None:
    sign_in.provider.is_down = True
    refused = await sign_in.start()
    assert (refused.status_code, "sign_in_unavailable" in refused.text) == (503, True)
    assert "Use the admin key instead" in refused.text
    assert (await Console(sign_in.browser).sign_in()).status_code == 303
    event = (await sign_in.signed_in_events())[-1]
    assert (event["data"]["method"], event["data"]["role"]) == ("admin_key", "admin")
    sign_in.provider.is_down = False
    assert (await sign_in.start()).status_code == 303
    sign_in.provider.is_down = True
    clock.move(hours=1)
    assert (await sign_in.start()).status_code == 303, "the known document stays in use"


@pytest.mark.parametrize(
    ("methods", "secret"),
    [(("client_secret_basic",), CLIENT_SECRET), (("client_secret_post",), CLIENT_SECRET), ((), None)],
)
async def test_the_client_authenticates_as_the_provider_asks(
    sign_in: SignIn, methods: tuple[str, ...], secret: str | None
) -> None:
    sign_in.provider.auth_methods, sign_in.provider.client_secret = methods or ("none",), secret
    client = sign_in.broker.operator_sign_in
    assert client is not None
    assert isinstance(client.provider, OidcClient)
    client.provider.settings = replace(client.provider.settings, client_secret=secret)
    assert (await sign_in.sign_in("mia")).status_code == 200


async def test_signing_out_offers_to_sign_out_at_the_provider(sign_in: SignIn) -> None:
    await sign_in.sign_in("sam")
    out = await Console(sign_in.browser).post("/console/sign-out")
    assert out.headers["location"] == "/console/sign-in?out=yes"
    page = await sign_in.browser.get(out.headers["location"])
    assert f"{sign_in.provider.issuer}/end_session?client_id={CLIENT_ID}&amp;post_logout_redirect_uri=" in page.text
    assert (await sign_in.browser.get("/console")).status_code == 303


async def test_without_an_admin_key_only_the_provider_signs_in(
    broker: Broker, provider: OidcProvider, no_failed_attempts: None
) -> None:
    access = ConsoleAccess(None, session_secret="an invented secret", issuer=provider.issuer)
    service = service_with_console(broker, access)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url=BASE) as browser:
        page = (await browser.get("/console/sign-in")).text
        assert "Admin key" not in page
        assert (await Console(browser).sign_in()).status_code == 403
        assert (await browser.get("/console/oidc/start")).status_code == 404, "it is not set up in this broker"
