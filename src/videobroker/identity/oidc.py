"""Client of an OpenID Connect provider: authorization code flow with PKCE, for operators of the console.

The issuer is configured by the administrator, so its host is trusted. Requests have a timeout, follow no redirects, and
read at most `MAX_DOCUMENT_BYTES`.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import structlog

from videobroker.domain.operator_sign_in import Claims, SignInAttempt
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import IdentityUnavailable, SignInInvalid, SignInUnavailable, UserTokenInvalid
from videobroker.identity.user_tokens import JwtVerifier

REQUEST_SECONDS = 5.0
MAX_DOCUMENT_BYTES = 1024 * 1024
REFRESH_AFTER = timedelta(minutes=10)
"""Older discovery documents are fetched again. If that fails, they stay in use."""
DISCOVERY_PATH = "/.well-known/openid-configuration"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """How this service is registered at the provider."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    """None for a public client, which PKCE protects."""
    scopes: Sequence[str] = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class _Discovery:
    """The part of the discovery document that we use."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    is_basic_supported: bool
    """Whether the token endpoint takes the secret in the `Authorization` header."""
    fetched_at: datetime


class OidcClient:
    """A relying party of one issuer."""

    def __init__(
        self, settings: OidcSettings, tokens: JwtVerifier, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.settings = settings
        self._tokens = tokens
        self._client = httpx.AsyncClient(
            timeout=REQUEST_SECONDS, follow_redirects=False, trust_env=False, transport=transport
        )
        self._discovery: _Discovery | None = None

    async def authorization_url(self, attempt: SignInAttempt, now: datetime) -> str:
        """Where the browser starts the sign-in. Raises `SignInUnavailable`."""
        discovery = await self._discover(now)
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(discovery.authorization_endpoint, query)

    async def exchange(self, code: str, attempt: SignInAttempt, now: datetime) -> Claims:
        """The claims of the ID token for this code, with verified signature, issuer, and audience.

        Raises `SignInInvalid`, `SignInUnavailable`.
        """
        discovery = await self._discover(now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth = None
        secret = self.settings.client_secret
        if secret is not None and discovery.is_basic_supported:
            # RFC 6749, section 2.3.1: both are form-encoded first.
            auth = httpx.BasicAuth(quote(self.settings.client_id, safe=""), quote(secret, safe=""))
        else:
            form["client_id"] = self.settings.client_id
            if secret is not None:
                form["client_secret"] = secret
        status, document = await self._fetch("POST", discovery.token_endpoint, data=form, auth=auth)
        token = document.get("id_token")
        if status != httpx.codes.OK or not isinstance(token, str):
            log.warning("oidc.code_rejected", status=status, error=_short(document.get("error")))
            raise SignInInvalid
        return await self._verified(token, discovery, now)

    async def _verified(self, token: str, discovery: _Discovery, now: datetime) -> Claims:
        rules = TokenRules(jwks_url=discovery.jwks_uri, issuer=self.settings.issuer, audience=self.settings.client_id)
        try:
            return await self._tokens.verify_claims(rules, token, now)
        except UserTokenInvalid:
            log.warning("oidc.token_rejected")
            raise SignInInvalid from None
        except IdentityUnavailable:
            raise SignInUnavailable from None

    async def logout_url(self, return_to: str, now: datetime) -> str | None:
        """Where the browser signs out at the provider (RP-Initiated Logout 1.0); None if the provider has no such page.

        Raises `SignInUnavailable`.
        """
        endpoint = (await self._discover(now)).end_session_endpoint
        if endpoint is None:
            return None
        return _with_query(endpoint, {"client_id": self.settings.client_id, "post_logout_redirect_uri": return_to})

    async def _discover(self, now: datetime) -> _Discovery:
        known = self._discovery
        if known is not None and now - known.fetched_at < REFRESH_AFTER:
            return known
        try:
            status, document = await self._fetch("GET", self.settings.issuer.rstrip("/") + DISCOVERY_PATH)
            self._discovery = _read_discovery(status, document, self.settings.issuer, now)
        except SignInUnavailable:
            if known is None:
                raise
            return known
        return self._discovery

    async def _fetch(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of the response. Raises `SignInUnavailable`."""
        headers = {"Accept": "application/json"}
        content = bytearray()
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._client.stream(method, url, headers=headers, **options) as response,
            ):
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MAX_DOCUMENT_BYTES:
                        raise ValueError("too large")  # noqa: TRY301
            document = json.loads(content)
            if not isinstance(document, dict):
                raise ValueError("not an object")  # noqa: TRY004, TRY301
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            log.warning("oidc.request_failed", host=urlsplit(url).hostname, error=type(error).__name__)
            raise SignInUnavailable from None
        return response.status_code, document

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read_discovery(status: int, document: dict[str, Any], issuer: str, now: datetime) -> _Discovery:
    if status != httpx.codes.OK:
        log.warning("oidc.discovery_failed", status=status)
        raise SignInUnavailable
    if document.get("issuer") != issuer:
        # OpenID Connect Discovery 1.0, section 4.3: otherwise another provider could speak for this one.
        log.error("oidc.issuer_differs", configured=issuer, published=_short(document.get("issuer")))
        raise SignInUnavailable
    endpoints = {name: document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    end_session = document.get("end_session_endpoint")
    used = [*endpoints.values(), *([] if end_session is None else [end_session])]
    if not all(is_trusted_endpoint(url, issuer) for url in used):
        log.error("oidc.endpoint_unusable", endpoints=sorted(endpoints))
        raise SignInUnavailable
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    is_basic_supported = not isinstance(methods, list) or "client_secret_basic" in methods
    return _Discovery(
        **{name: str(url) for name, url in endpoints.items()},
        end_session_endpoint=end_session,
        is_basic_supported=is_basic_supported,
        fetched_at=now,
    )


def is_trusted_endpoint(url: object, issuer: str) -> bool:
    """Whether the URL is one of HTTPS; HTTP only if the issuer has it too, as in development."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and parts.scheme in {"https", urlsplit(issuer).scheme}


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _short(value: object) -> str | None:
    return value[:100] if isinstance(value, str) else None
