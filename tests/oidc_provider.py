"""An OpenID Connect provider with a sign-in page, discovery, PKCE, client authentication, and signed ID tokens."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from servers import serving

CLIENT_ID, CLIENT_SECRET = "videobroker", "an invented+secret/of the client"
Claims = dict[str, Any]


@dataclass
class _Grant:
    """A code that was not redeemed yet."""

    query: Mapping[str, str]
    user: str


@cache
def _signing_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class OidcProvider:
    """The provider. Tests add users, and change what it answers."""

    now: Callable[[], datetime]
    redirect_uris: set[str]
    issuer: str = ""
    client_secret: str | None = CLIENT_SECRET
    users: dict[str, Claims] = field(default_factory=dict)
    auth_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    tamper: Callable[[Claims], Claims] = lambda claims: claims
    discovery: Claims = field(default_factory=dict)
    """Fields that differ from the truth."""
    signing_key: RSAPrivateKey = field(default_factory=_signing_key)
    published_key: RSAPrivateKey | None = None
    """None: the one that signs."""
    is_down: bool = False
    signed_out: list[Mapping[str, str]] = field(default_factory=list)
    grants: dict[str, _Grant] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discover),
                Route("/jwks", self._keys),
                Route("/authorize", self._page),
                Route("/authorize", self._decide, methods=["POST"]),
                Route("/token", self._redeem, methods=["POST"]),
                Route("/end_session", self._end_session),
            ]
        )

    async def _discover(self, _: Request) -> Response:
        if self.is_down:
            return Response("maintenance", 503)
        paths = {"authorization": "authorize", "token": "token", "end_session": "end_session"}
        document = {
            "issuer": self.issuer,
            **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in paths.items()},
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
        }
        return JSONResponse({**document, **self.discovery})

    async def _keys(self, _: Request) -> Response:
        key = (self.published_key or self.signing_key).public_key()
        return JSONResponse({"keys": [{**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": "1", "use": "sig"}]})

    async def _page(self, request: Request) -> Response:
        query = dict(request.query_params)
        # RFC 6749, section 4.1.2.1: never redirect to a URI that is not registered.
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") not in self.redirect_uris:
            return Response("unknown client", 400)
        required = {"response_type": "code", "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in required.items()) or "openid" not in query.get("scope", ""):
            return Response("unsupported", 400)
        if not all(query.get(name) for name in ("state", "nonce", "code_challenge")):
            return Response("unprotected", 400)
        fields = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in query.items())
        buttons = "".join(
            f'<button name="user" value="{escape(user)}">Continue as {escape(user)}</button>' for user in self.users
        )
        cancel = '<button name="user" value="">Cancel</button>'
        return HTMLResponse(f'<title>Identity</title><form method="post">{fields}{buttons}{cancel}</form>')

    async def _decide(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        answer = {"code": self.grant(form, form["user"])} if "user" in form else {"error": "access_denied"}
        query = urlencode({**answer, "state": form["state"], "iss": self.issuer})
        return RedirectResponse(f"{form['redirect_uri']}?{query}", 303)

    def grant(self, query: Mapping[str, str], user: str) -> str:
        """A code for this user, who asked with this query."""
        code = secrets.token_urlsafe(16)
        self.grants[code] = _Grant(query, user)
        return code

    async def _redeem(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if not self._is_client(request.headers.get("authorization"), form):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self.grants.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            grant is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != grant.query["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != grant.query["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(self.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": grant.query["nonce"]}
        claims = self.tamper({**claims, "sub": f"sub-of-{grant.user}", **self.users[grant.user]})
        token = jwt.encode(claims, self.signing_key, "RS256", headers={"kid": "1"})
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": token})

    def _is_client(self, authorization: str | None, form: Mapping[str, str]) -> bool:
        if self.client_secret is None:
            return authorization is None and form.get("client_id") == CLIENT_ID and "client_secret" not in form
        if authorization is not None and "client_secret_basic" in self.auth_methods:
            name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, self.client_secret)
        is_allowed = "client_secret_post" in self.auth_methods
        return is_allowed and (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, self.client_secret)

    async def _end_session(self, request: Request) -> Response:
        self.signed_out.append(dict(request.query_params))
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)


@asynccontextmanager
async def serving_provider(now: Callable[[], datetime], *redirect_uris: str) -> AsyncIterator[OidcProvider]:
    """A provider on a port of this machine."""
    provider = OidcProvider(now, set(redirect_uris))
    async with serving(provider.app(), ws="none", force_exit=True) as url:
        provider.issuer = url
        yield provider
