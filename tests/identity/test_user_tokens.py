"""User tokens: assignment to an app, and rejection of invalid ones."""

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

from tenants import MovableClock, Tenant
from videobroker.domain.apps import App
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import IdentityUnavailable, UserTokenRulesNotFound, UserTokenRulesOverlap
from videobroker.identity.jwks import MAX_KEY_SET_BYTES, REFRESH_AFTER, REFRESH_INTERVAL, JwksCache
from videobroker.identity.user_tokens import JwtVerifier
from videobroker.storage.tenants import apps
from videobroker.usecases import tenants

SECRET = "a-secret-of-the-apps-own-identity-provider"


def token(secret: Any = SECRET, *, algorithm: Any = "HS256", kid: Any = None, **claims: Any) -> str:
    now = int(time.time())
    body = {"sub": "tutor-1", "iat": now, "exp": now + 600} | claims
    return jwt.encode(body, secret, algorithm=algorithm, headers={"kid": kid} if kid else None)


@pytest.fixture
async def trusting(tutoring: Tenant) -> Tenant:
    """An app whose users may speak for themselves."""
    await trust(tutoring, TokenRules(secret=f"{SECRET}-{tutoring.app.id}"))
    return tutoring


async def trust(tenant: Tenant, rules: TokenRules) -> App:
    await tenants.set_token_rules(tenant.broker, tenant.app, rules, now=tenant.broker.now())
    return tenant.app


def secret_of(tenant: Tenant) -> str:
    return f"{SECRET}-{tenant.app.id}"


async def ask(tenant: Tenant, bearer: str, method: str, path: str, body: Any = None) -> httpx.Response:
    return await tenant.api.request(method, path, json=body, headers={"Authorization": f"Bearer {bearer}"})


class TestWhatAUserMayDo:
    async def test_a_user_joins_as_themselves_without_saying_who_they_are(self, trusting: Tenant) -> None:
        await trusting.book()
        bearer = token(secret_of(trusting))
        joined = await ask(trusting, bearer, "POST", "/v1/bookings/lesson-1/join", {})
        assert (joined.status_code, joined.json()["user_id"]) == (200, "tutor-1")
        (issued,) = await trusting.events("credentials.issued")
        assert (issued["asked_by"]["user_id"], issued["asked_by"]["key_id"]) == ("tutor-1", None)

    @pytest.mark.parametrize("action", ["join", "access", "start", "end"])
    async def test_a_user_never_speaks_for_somebody_else(self, trusting: Tenant, action: str) -> None:
        await trusting.book()
        bearer = token(secret_of(trusting), sub="student-1")
        path = f"/v1/bookings/lesson-1/{action}"
        refused = await ask(trusting, bearer, "POST", path, {"user_id": "tutor-1"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_yourself")

    async def test_a_user_starts_and_ends_a_call_where_their_role_may(self, trusting: Tenant) -> None:
        await trusting.book(policy={"call_roles": ["tutor"]})
        tutor, student = (token(secret_of(trusting), sub=who) for who in ("tutor-1", "student-1"))
        for action in ("start", "end"):
            refused = await ask(trusting, student, "POST", f"/v1/bookings/lesson-1/{action}")
            assert (refused.status_code, refused.json()["code"]) == (403, "role_may_not")
            done = await ask(trusting, tutor, "POST", f"/v1/bookings/lesson-1/{action}")
            assert (done.status_code, done.json()["started_by"]) == (200, "tutor-1")

    async def test_a_user_reads_their_own_sessions_and_no_others(self, trusting: Tenant) -> None:
        await trusting.book("mine")
        await trusting.book("theirs", participants=[{"user_id": "student-1", "role": "student"}])
        bearer = token(secret_of(trusting))
        listed = (await ask(trusting, bearer, "GET", "/v1/bookings")).json()["data"]
        assert [booking["reference"] for booking in listed] == ["mine"]
        assert (await ask(trusting, bearer, "GET", "/v1/bookings/mine")).status_code == 200
        for path in ("", "/participants", "/participants/student-1", "/calls"):
            theirs = await ask(trusting, bearer, "GET", f"/v1/bookings/theirs{path}")
            nothing = await ask(trusting, bearer, "GET", f"/v1/bookings/nothing{path}")
            assert theirs.status_code == 404
            assert theirs.json() | {"detail": ""} == nothing.json() | {"detail": ""}
        other = await ask(trusting, bearer, "GET", "/v1/bookings?participant=student-1")
        assert (other.status_code, other.json()["code"]) == (403, "not_yourself")

    async def test_a_user_reads_calls_of_their_own_sessions_only(self, trusting: Tenant) -> None:
        await trusting.book()
        call = (await trusting.join()).json()["call"]["id"]
        mine = await ask(trusting, token(secret_of(trusting)), "GET", f"/v1/calls/{call}")
        assert mine.status_code == 200
        foreign = await ask(trusting, token(secret_of(trusting), sub="stranger"), "GET", f"/v1/calls/{call}")
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
    async def test_what_is_for_backends_stays_so(self, trusting: Tenant, method: str, path: str) -> None:
        answer = await ask(trusting, token(secret_of(trusting)), method, path, {} if method != "GET" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "api_key_needed")


class TestBackendsForUsers:
    async def test_a_backend_names_the_user_in_a_header(self, tutoring: Tenant) -> None:
        await tutoring.book()
        joined = await tutoring.post("/v1/bookings/lesson-1/join", {}, headers={"X-User-Id": "student-1"})
        assert joined.json()["user_id"] == "student-1"

    async def test_two_different_names_are_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        headers = {"X-User-Id": "student-1"}
        answer = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

    async def test_somebody_has_to_be_named(self, tutoring: Tenant) -> None:
        await tutoring.book()
        answer = await tutoring.post("/v1/bookings/lesson-1/join", {})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "X-User-Id" in answer.json()["detail"]


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
    async def test_each_is_a_401_with_its_code(self, trusting: Tenant, make: Callable[[str], str], code: str) -> None:
        await trusting.book()
        bearer = make(secret_of(trusting))
        headers = {b"Authorization": b"Bearer " + bearer.encode("latin-1")}
        answer = await trusting.api.post("/v1/bookings/lesson-1/join", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    async def test_a_token_a_little_too_early_or_late_is_still_good(self, trusting: Tenant) -> None:
        await trusting.book()
        for claims in ({"exp": int(time.time()) - 20}, {"nbf": int(time.time()) + 20}):
            answer = await ask(trusting, token(secret_of(trusting), **claims), "POST", "/v1/bookings/lesson-1/join", {})
            assert answer.status_code == 200

    async def test_issuer_and_audience_are_checked_where_the_app_names_them(self, tutoring: Tenant) -> None:
        issuer = f"https://id.example/{tutoring.app.id}"
        secret = secret_of(tutoring)
        await trust(tutoring, TokenRules(secret=secret, issuer=issuer, audience="video"))
        await tutoring.book()

        async def status(**claims: Any) -> int:
            return (await ask(tutoring, token(secret, **claims), "POST", "/v1/bookings/lesson-1/join", {})).status_code

        assert await status(iss=issuer, aud="video") == 200
        assert await status(iss=issuer, aud=["mail", "video"]) == 200
        assert await status(iss=issuer) == 401
        assert await status(iss=issuer, aud="mail") == 401
        assert await status(iss="https://id.example/other", aud="video") == 401
        assert await status(aud="video") == 401

    async def test_the_token_of_another_app_sees_nothing_of_this_one(self, trusting: Tenant, other: Tenant) -> None:
        await trust(other, TokenRules(secret=secret_of(other)))
        await trusting.book()
        answer = await ask(trusting, token(secret_of(other)), "POST", "/v1/bookings/lesson-1/join", {})
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")


def one_of(tenant: Tenant) -> str:
    """An issuer of this test's own."""
    return f"https://id.example/{tenant.app.id}"


async def force(tenant: Tenant, rules: TokenRules) -> None:
    """Save rules as versions did that compared less."""
    async with tenant.broker.store.transaction() as unit_of_work:
        await apps.save_rules(unit_of_work, tenant.app.id, rules, now=tenant.broker.now())


class TestTwoAppsOneToken:
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
    async def test_rules_with_one_secret_are_refused(
        self,
        tutoring: Tenant,
        other: Tenant,
        first: tuple[str | None, str | None],
        second: tuple[str | None, str | None],
    ) -> None:
        secret = secret_of(tutoring)
        await trust(tutoring, TokenRules(secret, None, *first))
        with pytest.raises(UserTokenRulesOverlap, match="own"):
            await trust(other, TokenRules(secret, None, *second))

    async def test_rules_with_one_issuer_of_published_keys_are_refused(self, tutoring: Tenant, other: Tenant) -> None:
        issuer = one_of(tutoring)
        await trust(tutoring, TokenRules(jwks_url=f"{issuer}/keys", issuer=issuer, audience="tutoring"))
        with pytest.raises(UserTokenRulesOverlap, match="`audience`"):
            await trust(other, TokenRules(jwks_url=f"{issuer}/other-keys", issuer=issuer))
        await trust(other, TokenRules(jwks_url=f"{issuer}/keys", issuer=issuer, audience="other"))

    async def test_an_app_may_replace_its_own_rules_and_repeat_them(self, trusting: Tenant) -> None:
        await trust(trusting, TokenRules(secret=secret_of(trusting), audience="video"))
        await trust(trusting, TokenRules(secret=secret_of(trusting), audience="video"))

    async def test_removed_rules_leave_the_secret_to_another_app(self, trusting: Tenant, other: Tenant) -> None:
        await trusting.book()
        await tenants.remove_token_rules(trusting.broker, trusting.app, now=trusting.broker.now())
        refused = await ask(trusting, token(secret_of(trusting)), "POST", "/v1/bookings/lesson-1/join", {})
        assert (refused.status_code, refused.json()["code"]) == (401, "user_token_invalid")
        await trust(other, TokenRules(secret=secret_of(trusting)))
        with pytest.raises(UserTokenRulesNotFound):
            await tenants.remove_token_rules(trusting.broker, trusting.app, now=trusting.broker.now())

    async def test_of_two_apps_that_save_one_secret_at_once_only_one_succeeds(
        self, tutoring: Tenant, other: Tenant
    ) -> None:
        for number in range(10):
            shared = TokenRules(secret=f"{secret_of(tutoring)}-{number}")
            results = await asyncio.gather(trust(tutoring, shared), trust(other, shared), return_exceptions=True)
            assert [type(result) for result in results].count(UserTokenRulesOverlap) == 1

    @pytest.mark.parametrize("swapped", [False, True])
    async def test_a_token_that_two_apps_accept_is_refused(
        self, tutoring: Tenant, other: Tenant, swapped: bool
    ) -> None:
        first, second = (other, tutoring) if swapped else (tutoring, other)
        issuer = one_of(tutoring)
        await tutoring.book()
        await force(first, TokenRules(secret=secret_of(tutoring)))
        await force(second, TokenRules(secret=secret_of(tutoring), issuer=issuer))
        refused = await ask(tutoring, token(secret_of(tutoring), iss=issuer), "POST", "/v1/bookings/lesson-1/join", {})
        assert (refused.status_code, refused.json()["code"]) == (401, "user_token_ambiguous")
        unambiguous = await ask(first, token(secret_of(tutoring)), "GET", "/v1/bookings")
        assert unambiguous.status_code == 200, "only one of the two accepts a token without an issuer"

    async def test_a_token_for_two_audiences_is_refused(self, tutoring: Tenant, other: Tenant) -> None:
        secret = secret_of(tutoring)
        await trust(tutoring, TokenRules(secret=secret, audience="tutoring"))
        await trust(other, TokenRules(secret=secret, audience="other"))
        both = await ask(tutoring, token(secret, aud=["tutoring", "other"]), "GET", "/v1/bookings")
        assert (both.status_code, both.json()["code"]) == (401, "user_token_ambiguous")
        assert (await ask(tutoring, token(secret, aud=["tutoring", "third"]), "GET", "/v1/bookings")).status_code == 200

    @pytest.mark.parametrize("swapped", [False, True])
    async def test_keys_that_cannot_be_fetched_neither_block_other_tokens_nor_hide_an_ambiguity(
        self, tutoring: Tenant, other: Tenant, swapped: bool, publisher: "Publisher"
    ) -> None:
        first, second = (other, tutoring) if swapped else (tutoring, other)
        issuer = one_of(tutoring)
        await trust(first, TokenRules(jwks_url=URL, issuer=issuer, audience="first"))
        await trust(second, TokenRules(jwks_url="https://down.example/keys", issuer=issuer, audience="second"))
        user_tokens = JwtVerifier(JwksCache(_Route({URL: publisher})))
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

    async def test_the_expiry_of_the_token_is_that_of_the_credential(self, trusting: Tenant) -> None:
        expires_at = int(time.time()) + 600
        bearer = token(secret_of(trusting), exp=expires_at)
        user, app = await tenants.authenticate_user(trusting.broker, bearer, now=trusting.broker.now())
        assert (user.user_id, user.expires_at.timestamp(), app.id) == ("tutor-1", expires_at, trusting.app.id)


NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
URL = "https://id.example/keys"
RULES = TokenRules(jwks_url=URL, issuer="https://id.example")


class Publisher:
    """An identity provider that publishes keys, and can misbehave."""

    def __init__(self) -> None:
        self.private: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
        self.published = ["rsa", "ec", "ed"]
        self.asked = self.answered = self.given_up = 0
        self.answer: Callable[[], httpx.Response] | None = None
        self.delay = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL, "nobody is sent anywhere else"
        self.asked += 1
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        self.answered += 1
        return self.answer() if self.answer else httpx.Response(200, json=self.document())

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


class _Route(httpx.AsyncBaseTransport):
    """Several identity providers; every other address is down."""

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


class TestPublishedKeys:
    @pytest.mark.parametrize("kind", ["rsa", "ec", "ed"])
    async def test_each_kind_of_key_is_taken(self, publisher: Publisher, user_tokens: JwtVerifier, kind: str) -> None:
        assert (await user_tokens.verify(RULES, publisher.token(kind), NOW)).user_id == "ada"

    async def test_keys_are_asked_for_once(self, publisher: Publisher, user_tokens: JwtVerifier) -> None:
        await asyncio.gather(*(user_tokens.verify(RULES, publisher.token("rsa"), NOW) for _ in range(20)))
        assert publisher.asked == 1

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

    async def test_made_up_keys_do_not_make_us_ask_again_and_again(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        for number in range(20):
            with pytest.raises(Exception, match="kid"):
                await user_tokens.verify(RULES, publisher.token("rsa", kid=f"made-up-{number}"), NOW)
        assert publisher.asked == 2  # at first, and once for a key that might have been new

    async def test_a_key_that_replaces_another_right_away_is_taken(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        publisher.published = ["rsa"]
        await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.published = ["ec"]
        assert (await user_tokens.verify(RULES, publisher.token("ec"), NOW)).user_id == "ada"

    async def test_a_public_key_is_no_shared_secret(self, publisher: Publisher, user_tokens: JwtVerifier) -> None:
        public = json.dumps(publisher.document()["keys"][0])
        body = {"sub": "ada", "iss": "https://id.example", "exp": NOW.timestamp() + 600}
        segments = [{"alg": "HS256", "typ": "JWT", "kid": "rsa"}, body]
        signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in segments)
        signature = base64.urlsafe_b64encode(hmac.digest(public.encode(), signed, "sha256")).rstrip(b"=")
        forged = b".".join([signed, signature]).decode()
        with pytest.raises(Exception, match="not signed"):
            await user_tokens.verify(RULES, forged, NOW)

    @pytest.mark.parametrize(
        "answer",
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
    async def test_a_provider_that_misbehaves_is_a_clear_error_and_kept_keys_go_on_working(
        self, publisher: Publisher, user_tokens: JwtVerifier, answer: Callable[[], httpx.Response]
    ) -> None:
        publisher.answer = answer
        with pytest.raises(Exception, match="cannot be fetched"):
            await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.answer = None
        later = NOW + REFRESH_INTERVAL
        assert (await user_tokens.verify(RULES, publisher.token("rsa"), later)).user_id == "ada"
        publisher.answer = answer
        stale = later + REFRESH_AFTER + timedelta(seconds=1)
        bearer = publisher.token("rsa", exp=stale.timestamp() + 60)
        assert (await user_tokens.verify(RULES, bearer, stale)).user_id == "ada"

    async def test_a_slow_provider_holds_up_nobody_who_has_a_key_and_others_no_longer_than_the_limit(
        self, publisher: Publisher, user_tokens: JwtVerifier
    ) -> None:
        await user_tokens.verify(RULES, publisher.token("rsa"), NOW)
        publisher.delay = 60
        stale = NOW + REFRESH_AFTER + timedelta(seconds=1)
        await user_tokens.verify(RULES, publisher.token("rsa", exp=stale.timestamp() + 60), stale)
        assert publisher.answered == 1
        assert publisher.given_up == 0
        async with asyncio.timeout(publisher.delay / 2):
            with pytest.raises(Exception, match="kid"):
                await user_tokens.verify(RULES, publisher.token("ec", kid="new", exp=stale.timestamp() + 60), stale)


async def test_the_clock_of_the_service_decides(trusting: Tenant, clock: MovableClock) -> None:
    await trusting.book(starts_in=timedelta(minutes=5))
    bearer = token(secret_of(trusting))
    assert (await ask(trusting, bearer, "POST", "/v1/bookings/lesson-1/join", {})).status_code == 200
    clock.move(minutes=11)
    late = await ask(trusting, bearer, "POST", "/v1/bookings/lesson-1/join", {})
    assert late.json()["code"] == "user_token_expired"
