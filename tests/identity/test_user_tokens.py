"""User tokens: permissions, assignment to an app, verification, and rejection."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tenants import MovableClock, Tenant, context_of
from videobroker.domain.apps import App
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import IdentityUnavailable, UserTokenRulesNotFound, UserTokenRulesOverlap
from videobroker.identity.jwks import MAX_KEY_SET_BYTES, REFRESH_AFTER, REFRESH_INTERVAL, JwksCache
from videobroker.identity.user_tokens import JwtVerifier
from videobroker.storage.tenants import apps
from videobroker.usecases import management, tenants

SECRET = "a-secret-of-the-apps-own-identity-provider"


def token(secret: Any = SECRET, *, algorithm: Any = "HS256", kid: Any = None, **claims: Any) -> str:
    now = int(time.time())
    body = {"sub": "tutor-1", "iat": now, "exp": now + 600} | claims
    return jwt.encode(body, secret, algorithm=algorithm, headers={"kid": kid} if kid else None)


@pytest.fixture
async def token_tenant(tutoring: Tenant) -> Tenant:
    """An app that accepts user tokens."""
    await set_rules(tutoring, TokenRules(secret=f"{SECRET}-{tutoring.app.id}"))
    return tutoring


async def set_rules(tenant: Tenant, rules: TokenRules) -> App:
    await management.set_token_rules(context_of(tenant.broker, tenant.app), rules)
    return tenant.app


def secret_of(tenant: Tenant) -> str:
    return f"{SECRET}-{tenant.app.id}"


async def send(tenant: Tenant, bearer: str, method: str, path: str, body: Any = None) -> httpx.Response:
    return await tenant.api.request(method, path, json=body, headers={"Authorization": f"Bearer {bearer}"})


class TestPermissions:
    async def test_a_user_joins_without_naming_themselves(self, token_tenant: Tenant) -> None:
        await token_tenant.book()
        bearer = token(secret_of(token_tenant))
        joined = await send(token_tenant, bearer, "POST", "/v1/bookings/lesson-1/join", {})
        assert (joined.status_code, joined.json()["user_id"]) == (200, "tutor-1")
        (issued,) = await token_tenant.events("credentials.issued")
        assert (issued["asked_by"]["user_id"], issued["asked_by"]["key_id"]) == ("tutor-1", None)

    @pytest.mark.parametrize("action", ["join", "access", "start", "end"])
    async def test_a_user_cannot_act_for_another_user(self, token_tenant: Tenant, action: str) -> None:
        await token_tenant.book()
        bearer = token(secret_of(token_tenant), sub="student-1")
        path = f"/v1/bookings/lesson-1/{action}"
        refused = await send(token_tenant, bearer, "POST", path, {"user_id": "tutor-1"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_yourself")

    async def test_a_user_starts_and_ends_a_call_if_their_role_permits_it(self, token_tenant: Tenant) -> None:
        await token_tenant.book(policy={"call_roles": ["tutor"]})
        tutor, student = (token(secret_of(token_tenant), sub=who) for who in ("tutor-1", "student-1"))
        for action in ("start", "end"):
            refused = await send(token_tenant, student, "POST", f"/v1/bookings/lesson-1/{action}")
            assert (refused.status_code, refused.json()["code"]) == (403, "role_may_not")
            done = await send(token_tenant, tutor, "POST", f"/v1/bookings/lesson-1/{action}")
            assert (done.status_code, done.json()["started_by"]) == (200, "tutor-1")

    async def test_a_user_reads_only_their_own_sessions(self, token_tenant: Tenant) -> None:
        await token_tenant.book("own")
        await token_tenant.book("others", participants=[{"user_id": "student-1", "role": "student"}])
        bearer = token(secret_of(token_tenant))
        listed = (await send(token_tenant, bearer, "GET", "/v1/bookings")).json()["data"]
        assert [booking["reference"] for booking in listed] == ["own"]
        assert (await send(token_tenant, bearer, "GET", "/v1/bookings/own")).status_code == 200
        for path in ("", "/participants", "/participants/student-1", "/calls"):
            others = await send(token_tenant, bearer, "GET", f"/v1/bookings/others{path}")
            nothing = await send(token_tenant, bearer, "GET", f"/v1/bookings/nothing{path}")
            assert others.status_code == 404
            each_time_different = {"detail": "", "request_id": ""}
            assert others.json() | each_time_different == nothing.json() | each_time_different
        other = await send(token_tenant, bearer, "GET", "/v1/bookings?participant=student-1")
        assert (other.status_code, other.json()["code"]) == (403, "not_yourself")

    async def test_a_user_reads_only_calls_of_their_own_sessions(self, token_tenant: Tenant) -> None:
        await token_tenant.book()
        call = (await token_tenant.join()).json()["call"]["id"]
        own = await send(token_tenant, token(secret_of(token_tenant)), "GET", f"/v1/calls/{call}")
        assert own.status_code == 200
        foreign = await send(token_tenant, token(secret_of(token_tenant), sub="stranger"), "GET", f"/v1/calls/{call}")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "call_not_found")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "/v1/bookings/x"),
            ("PUT", "/v1/bookings/x/participants/tutor-1"),
            ("DELETE", "/v1/bookings/x/participants/tutor-1"),
            ("GET", "/v1/events"),
        ],
    )
    async def test_operations_for_backends_refuse_user_tokens(
        self, token_tenant: Tenant, method: str, path: str
    ) -> None:
        response = await send(
            token_tenant, token(secret_of(token_tenant)), method, path, {} if method != "GET" else None
        )
        assert (response.status_code, response.json()["code"]) == (403, "api_key_needed")


class TestBackendsForUsers:
    async def test_a_backend_names_the_user_in_a_header(self, tutoring: Tenant) -> None:
        await tutoring.book()
        joined = await tutoring.post("/v1/bookings/lesson-1/join", {}, headers={"X-User-Id": "student-1"})
        assert joined.json()["user_id"] == "student-1"

    async def test_contradictory_user_ids_are_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        headers = {"X-User-Id": "student-1"}
        response = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")

    async def test_a_user_id_is_required(self, tutoring: Tenant) -> None:
        await tutoring.book()
        response = await tutoring.post("/v1/bookings/lesson-1/join", {})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert "X-User-Id" in response.json()["detail"]


def _with_header(bearer: str, **header: Any) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([head, *bearer.split(".")[1:]])


class TestRefusedTokens:
    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (lambda secret: token(secret, exp=int(time.time()) - 31), "user_token_expired"),
            (lambda secret: token(secret, nbf=int(time.time()) + 60), "user_token_not_yet_valid"),
            (lambda secret: token(secret, exp=int(time.time()) + 100 * 365 * 86400), "user_token_lives_too_long"),
            (
                lambda secret: token(secret, iat=int(time.time()) - 86400, exp=int(time.time()) + 60),
                "user_token_lives_too_long",
            ),
            (lambda secret: token(secret, exp=None), "user_token_invalid"),
            (lambda secret: token(secret, exp="soon"), "user_token_invalid"),
            (lambda secret: token(secret, sub=None), "user_token_invalid"),
            (lambda secret: token(secret, sub=""), "user_token_invalid"),
            (lambda secret: token(secret, sub="x" * 129), "user_token_invalid"),
            (lambda secret: token(secret, sub="nul\x00"), "user_token_invalid"),
            (lambda secret: token(secret, sub={"a": 1}), "user_token_invalid"),
            (lambda secret: token(f"another-{secret}"), "user_token_invalid"),
            (lambda secret: token(secret, algorithm="HS512"), "user_token_invalid"),
            (lambda secret: token(secret, pad="x" * 9000), "user_token_invalid"),
            (lambda secret: _with_header(token(secret), alg="none") + "", "user_token_invalid"),
            (lambda secret: _with_header(token(secret), alg="none").rsplit(".", 1)[0] + ".", "user_token_invalid"),
            (lambda secret: _with_header(token(secret), alg="RS256", typ="JWT"), "user_token_invalid"),
            (lambda secret: token(secret)[:-2] + "xx", "user_token_invalid"),
            (lambda secret: "a.b.c", "user_token_invalid"),
            (lambda secret: "..", "user_token_invalid"),
            (lambda secret: "🙂.🙂.🙂".encode().decode("latin-1"), "user_token_invalid"),
        ],
    )
    async def test_an_invalid_token_is_a_401_with_a_code(
        self, token_tenant: Tenant, make: Callable[[str], str], code: str
    ) -> None:
        await token_tenant.book()
        bearer = make(secret_of(token_tenant))
        headers = {b"Authorization": b"Bearer " + bearer.encode("latin-1")}
        response = await token_tenant.api.post("/v1/bookings/lesson-1/join", json={}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, code), response.text
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_small_clock_differences_are_accepted(self, token_tenant: Tenant) -> None:
        await token_tenant.book()
        for claims in ({"exp": int(time.time()) - 20}, {"nbf": int(time.time()) + 20}):
            response = await send(
                token_tenant, token(secret_of(token_tenant), **claims), "POST", "/v1/bookings/lesson-1/join", {}
            )
            assert response.status_code == 200

    async def test_configured_issuer_and_audience_are_checked(self, tutoring: Tenant) -> None:
        issuer = f"https://id.example/{tutoring.app.id}"
        secret = secret_of(tutoring)
        await set_rules(tutoring, TokenRules(secret=secret, issuer=issuer, audience="video"))
        await tutoring.book()

        async def status(**claims: Any) -> int:
            return (await send(tutoring, token(secret, **claims), "POST", "/v1/bookings/lesson-1/join", {})).status_code

        assert await status(iss=issuer, aud="video") == 200
        assert await status(iss=issuer, aud=["mail", "video"]) == 200
        assert await status(iss=issuer) == 401
        assert await status(iss=issuer, aud="mail") == 401
        assert await status(iss="https://id.example/other", aud="video") == 401
        assert await status(aud="video") == 401

    async def test_a_token_of_another_app_has_no_access(self, token_tenant: Tenant, other: Tenant) -> None:
        await set_rules(other, TokenRules(secret=secret_of(other)))
        await token_tenant.book()
        response = await send(token_tenant, token(secret_of(other)), "POST", "/v1/bookings/lesson-1/join", {})
        assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


def unique_issuer(tenant: Tenant) -> str:
    """A unique issuer."""
    return f"https://id.example/{tenant.app.id}"


async def store_rules(tenant: Tenant, rules: TokenRules) -> None:
    """Store rules without the check for overlaps, like earlier versions."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await apps.save_rules(unit_of_work, tenant.app.id, rules, now=tenant.broker.now())


class TestTokensOfTwoApps:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ((None, None), (None, None)),
            ((None, None), ("https://id.example", None)),
            (("https://id.example", None), (None, None)),
            ((None, "video"), ("https://id.example", None)),
            (("https://id.example", "video"), ("https://id.example", None)),
        ],
    )
    async def test_rules_with_the_same_secret_are_refused(
        self,
        tutoring: Tenant,
        other: Tenant,
        first: tuple[str | None, str | None],
        second: tuple[str | None, str | None],
    ) -> None:
        secret = secret_of(tutoring)
        await set_rules(tutoring, TokenRules(secret, None, *first))
        with pytest.raises(UserTokenRulesOverlap, match="own"):
            await set_rules(other, TokenRules(secret, None, *second))

    async def test_rules_with_the_same_jwks_issuer_are_refused(self, tutoring: Tenant, other: Tenant) -> None:
        issuer = unique_issuer(tutoring)
        await set_rules(tutoring, TokenRules(jwks_url=f"{issuer}/keys", issuer=issuer, audience="tutoring"))
        with pytest.raises(UserTokenRulesOverlap, match="`audience`"):
            await set_rules(other, TokenRules(jwks_url=f"{issuer}/other-keys", issuer=issuer))
        await set_rules(other, TokenRules(jwks_url=f"{issuer}/keys", issuer=issuer, audience="other"))

    async def test_an_app_may_replace_its_own_rules_and_repeat_them(self, token_tenant: Tenant) -> None:
        await set_rules(token_tenant, TokenRules(secret=secret_of(token_tenant), audience="video"))
        await set_rules(token_tenant, TokenRules(secret=secret_of(token_tenant), audience="video"))

    async def test_removed_rules_leave_the_secret_to_another_app(self, token_tenant: Tenant, other: Tenant) -> None:
        await token_tenant.book()
        await management.remove_token_rules(context_of(token_tenant.broker, token_tenant.app))
        refused = await send(token_tenant, token(secret_of(token_tenant)), "POST", "/v1/bookings/lesson-1/join", {})
        assert (refused.status_code, refused.json()["code"]) == (401, "user_token_invalid")
        await set_rules(other, TokenRules(secret=secret_of(token_tenant)))
        with pytest.raises(UserTokenRulesNotFound):
            await management.remove_token_rules(context_of(token_tenant.broker, token_tenant.app))

    async def test_only_one_of_two_apps_can_save_the_same_secret_concurrently(
        self, tutoring: Tenant, other: Tenant
    ) -> None:
        for number in range(10):
            shared = TokenRules(secret=f"{secret_of(tutoring)}-{number}")
            results = await asyncio.gather(
                set_rules(tutoring, shared), set_rules(other, shared), return_exceptions=True
            )
            assert [type(result) for result in results].count(UserTokenRulesOverlap) == 1

    @pytest.mark.parametrize("swapped", [False, True])
    async def test_a_token_that_two_apps_accept_is_refused(
        self, tutoring: Tenant, other: Tenant, swapped: bool
    ) -> None:
        first, second = (other, tutoring) if swapped else (tutoring, other)
        issuer = unique_issuer(tutoring)
        await tutoring.book()
        await store_rules(first, TokenRules(secret=secret_of(tutoring)))
        await store_rules(second, TokenRules(secret=secret_of(tutoring), issuer=issuer))
        refused = await send(tutoring, token(secret_of(tutoring), iss=issuer), "POST", "/v1/bookings/lesson-1/join", {})
        assert (refused.status_code, refused.json()["code"]) == (401, "user_token_ambiguous")
        unambiguous = await send(first, token(secret_of(tutoring)), "GET", "/v1/bookings")
        assert unambiguous.status_code == 200, "only one of the two accepts a token without an issuer"

    async def test_a_token_for_two_audiences_is_refused(self, tutoring: Tenant, other: Tenant) -> None:
        secret = secret_of(tutoring)
        await set_rules(tutoring, TokenRules(secret=secret, audience="tutoring"))
        await set_rules(other, TokenRules(secret=secret, audience="other"))
        both = await send(tutoring, token(secret, aud=["tutoring", "other"]), "GET", "/v1/bookings")
        assert (both.status_code, both.json()["code"]) == (401, "user_token_ambiguous")
        assert (
            await send(tutoring, token(secret, aud=["tutoring", "third"]), "GET", "/v1/bookings")
        ).status_code == 200

    @pytest.mark.parametrize("swapped", [False, True])
    async def test_keys_that_cannot_be_fetched_neither_block_other_tokens_nor_hide_an_ambiguity(
        self, tutoring: Tenant, other: Tenant, swapped: bool, publisher: "Publisher"
    ) -> None:
        first, second = (other, tutoring) if swapped else (tutoring, other)
        issuer = unique_issuer(tutoring)
        await set_rules(first, TokenRules(jwks_url=URL, issuer=issuer, audience="first"))
        await set_rules(second, TokenRules(jwks_url="https://down.example/keys", issuer=issuer, audience="second"))
        user_tokens = JwtVerifier(JwksCache(_PublisherTransport({URL: publisher})))
        broker = replace(first.broker, user_tokens=user_tokens)

        async def sign_in(*audiences: str) -> tuple[str, Any]:
            bearer = publisher.token("rsa", iss=issuer, aud=list(audiences))
            user, app = await tenants.authenticate_user(broker, bearer, now=NOW)
            return user.user_id, app.id

        assert await sign_in("first") == ("ada", first.app.id)
        for audiences in (["second"], ["first", "second"]):
            with pytest.raises(IdentityUnavailable):
                await sign_in(*audiences)
        await user_tokens.aclose()

    async def test_the_expiry_of_the_token_is_that_of_the_credential(self, token_tenant: Tenant) -> None:
        expires_at = int(time.time()) + 600
        bearer = token(secret_of(token_tenant), exp=expires_at)
        user, app = await tenants.authenticate_user(token_tenant.broker, bearer, now=token_tenant.broker.now())
        assert (user.user_id, user.expires_at.timestamp(), app.id) == ("tutor-1", expires_at, token_tenant.app.id)


NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
URL = "https://id.example/keys"
RULES = TokenRules(jwks_url=URL, issuer="https://id.example")


class Publisher:
    """An identity provider that publishes keys, and can fail."""

    def __init__(self) -> None:
        self.private: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
        self.published = ["rsa", "ec", "ed"]
        self.request_count = self.response_count = self.cancelled_count = 0
        self.respond: Callable[[], httpx.Response] | None = None
        self.delay = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL, "the only URL of this provider"
        self.request_count += 1
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled_count += 1
            raise
        self.response_count += 1
        return self.respond() if self.respond else httpx.Response(200, json=self.document())

    def document(self) -> dict[str, Any]:
        algorithms: dict[str, Any] = {
            "rsa": jwt.algorithms.RSAAlgorithm,
            "ec": jwt.algorithms.ECAlgorithm,
            "ed": jwt.algorithms.OKPAlgorithm,
        }
        keys = [
            json.loads(algorithms[name].to_jwk(self.private[name].public_key())) | {"kid": name, "use": "sig"}
            for name in self.published
        ]
        return {"keys": [*keys, {"kty": "unheard-of", "kid": "x"}]}

    def token(self, name: str, *, kid: str | None = None, **claims: Any) -> str:
        body = {"sub": "ada", "iss": "https://id.example", "exp": NOW.timestamp() + 600} | claims
        algorithm = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}[name]
        return jwt.encode(body, self.private[name], algorithm=algorithm, headers={"kid": kid or name})


class _PublisherTransport(httpx.AsyncBaseTransport):
    """Several identity providers; every other URL is unavailable."""

    def __init__(self, publishers: dict[str, Publisher]) -> None:
        self._publishers = publishers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        publisher = self._publishers.get(str(request.url))
        if publisher is None:
            raise httpx.ConnectError("down")
        return await publisher(request)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def user_tokens(publisher: Publisher) -> AsyncIterator[JwtVerifier]:
    tokens = JwtVerifier(JwksCache(httpx.MockTransport(publisher)))
    yield tokens
    await tokens.aclose()


class TestJwks:
    @pytest.mark.parametrize("kind", ["rsa", "ec", "ed"])
    async def test_each_type_of_key_is_accepted(
        self, publisher: Publisher, user_tokens: JwtVerifier, kind: str
    ) -> None:
        assert (await user_tokens.verify(RULES, publisher.token(kind), NOW)).user_id == "ada"

    async def test_keys_are_fetched_once(self, publisher: Publisher, user_tokens: JwtVerifier) -> None:
        await asyncio.gather(*(user_tokens.verify(RULES, publisher.token("rsa"), NOW) for _ in range(20)))
        assert publisher.request_count == 1

    async def test_a_new_key_is_found_when_a_token_names_it(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        publisher.published = ["rsa"]
        await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.published = ["ec"]
        later = NOW + REFRESH_INTERVAL
        assert (await user_tokens.verify(RULES, publisher.token("ec"), later)).user_id == "ada"
        with pytest.raises(Exception, match="kid"):
            await user_tokens.verify(RULES, publisher.token("rsa"), later)

    async def test_unknown_kids_do_not_cause_repeated_fetches(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        for number in range(20):
            with pytest.raises(Exception, match="kid"):
                await user_tokens.verify(RULES, publisher.token("rsa", kid=f"made-up-{number}"), NOW)
        assert publisher.request_count == 2  # the first fetch, and one for a `kid` that might be new

    async def test_an_immediately_replaced_key_is_accepted(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        publisher.published = ["rsa"]
        await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.published = ["ec"]
        assert (await user_tokens.verify(RULES, publisher.token("ec"), NOW)).user_id == "ada"

    async def test_a_public_key_is_not_accepted_as_a_shared_secret(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        public = json.dumps(publisher.document()["keys"][0])
        body = {"sub": "ada", "iss": "https://id.example", "exp": NOW.timestamp() + 600}
        segments = [{"alg": "HS256", "typ": "JWT", "kid": "rsa"}, body]
        signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in segments)
        signature = base64.urlsafe_b64encode(hmac.digest(public.encode(), signed, "sha256")).rstrip(b"=")
        forged = b".".join([signed, signature]).decode()
        with pytest.raises(Exception, match="not signed"):
            await user_tokens.verify(RULES, forged, NOW)

    @pytest.mark.parametrize(
        "response",
        [
            lambda: httpx.Response(500),
            lambda: httpx.Response(302, headers={"Location": "http://169.254.169.254/keys"}),
            lambda: httpx.Response(200, content=b"x" * (MAX_KEY_SET_BYTES + 1)),
            lambda: httpx.Response(200, content=b"not json"),
            lambda: httpx.Response(200, json={"keys": "none"}),
            lambda: httpx.Response(200, content=b"[" * 100_000),
        ],
        ids=["fails", "redirects", "huge", "garbage", "wrong shape", "bottomless"],
    )
    async def test_a_failing_provider_is_a_clear_error_and_cached_keys_remain_valid(
        self, publisher: Publisher, user_tokens: JwtVerifier, response: Callable[[], httpx.Response]
    ) -> None:
        publisher.respond = response
        with pytest.raises(Exception, match="cannot be fetched"):
            await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.respond = None
        later = NOW + REFRESH_INTERVAL
        assert (await user_tokens.verify(RULES, publisher.token("rsa"), later)).user_id == "ada"
        publisher.respond = response
        stale = later + REFRESH_AFTER + timedelta(seconds=1)
        bearer = publisher.token("rsa", exp=stale.timestamp() + 60)
        assert (await user_tokens.verify(RULES, bearer, stale)).user_id == "ada"

    async def test_a_slow_provider_delays_only_unknown_keys_and_no_longer_than_the_limit(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.delay = 60
        stale = NOW + REFRESH_AFTER + timedelta(seconds=1)
        await user_tokens.verify(RULES, publisher.token("rsa", exp=stale.timestamp() + 60), stale)
        assert publisher.response_count == 1
        assert publisher.cancelled_count == 0
        async with asyncio.timeout(publisher.delay / 2):
            with pytest.raises(Exception, match="kid"):
                await user_tokens.verify(RULES, publisher.token("ec", kid="new", exp=stale.timestamp() + 60), stale)


async def test_validity_depends_on_the_clock_of_the_service(token_tenant: Tenant, clock: MovableClock) -> None:
    await token_tenant.book(starts_in=timedelta(minutes=5))
    bearer = token(secret_of(token_tenant))
    assert (await send(token_tenant, bearer, "POST", "/v1/bookings/lesson-1/join", {})).status_code == 200
    clock.move(minutes=11)
    late = await send(token_tenant, bearer, "POST", "/v1/bookings/lesson-1/join", {})
    assert late.json()["code"] == "user_token_expired"
