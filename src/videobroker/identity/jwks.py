"""JSON Web Key Sets (RFC 7517) of identity providers: a stale-while-revalidate cache in front of each JWKS URL.

A request waits for a fetch only when no cached key verifies its token. Cached keys stay in use while their provider is
slow, unavailable, or answers garbage.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from videobroker.domain.user_tokens import Algorithm
from videobroker.errors import IdentityUnavailable

MAX_FETCH_SECONDS = 2.0
"""No request waits longer for keys."""
MAX_KEY_SET_BYTES = 1024 * 1024
"""Room for several hundred keys with their certificate chains (`x5c`)."""
MAX_KEYS = 1000
"""Keys of a set beyond this are ignored."""
MAX_KEYS_TRIED = 100
"""Bounds the work for one token that does not name its key: about 3 ms."""
ALLOWED_RSA_BITS = range(2048, 8192 + 1)
"""RFC 7518, section 3.3, requires 2048 bits. The upper bound limits the cost of a verification."""
REFRESH_AFTER = timedelta(minutes=10)
"""Older key sets are refreshed in the background."""
REFRESH_INTERVAL = timedelta(seconds=10)
"""Least time between two fetches that tokens without a matching key cause, and after a fetch that failed."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one provider that may verify user tokens."""

    keys: Mapping[tuple[Algorithm, str | None], tuple[PublicKey, ...]]
    """By algorithm and `kid`. Several keys can have the same `kid`, or none."""
    fetched_at: datetime

    def select_keys(self, algorithm: Algorithm, kid: str | None) -> Sequence[PublicKey]:
        """The keys to try for a token with this `alg` and `kid`, at most `MAX_KEYS_TRIED`.

        A `kid` selects the keys with the same `kid`, or else those without one. A token without a `kid` may be signed
        with any of the keys (RFC 7515, section 4.1.4: `kid` is a hint).
        """
        if kid is not None:
            found = self.keys.get((algorithm, kid)) or self.keys.get((algorithm, None), ())
        else:
            found = tuple(key for (of, _), keys in self.keys.items() if of is algorithm for key in keys)
        return found[:MAX_KEYS_TRIED]


class JwksCache:
    """The key sets of all identity providers."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        # No redirects: the operator named the URL, and its answer decides which keys we trust.
        self._client = httpx.AsyncClient(
            timeout=MAX_FETCH_SECONDS, follow_redirects=False, trust_env=False, transport=transport
        )
        self._cached: dict[str, KeySet] = {}
        self._limited_since: dict[str, datetime] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}

    async def get(self, url: str, now: datetime) -> KeySet:
        """The cached key set, or a new one if there is none. Raises `IdentityUnavailable`."""
        cached = self._cached.get(url)
        if cached is None:
            return await self.refresh(url, now)
        if now - cached.fetched_at > REFRESH_AFTER:
            self._start_fetch(url, now)
        return cached

    async def refresh(self, url: str, now: datetime) -> KeySet:
        """The key set after a fetch; the cached one if the last fetch was just now. Raises `IdentityUnavailable`."""
        task = self._start_fetch(url, now)
        if task is not None:
            # Shielded: other requests wait for the same fetch when this one is cancelled.
            await asyncio.shield(task)
        cached = self._cached.get(url)
        if cached is None:
            raise IdentityUnavailable(
                "The keys of this app's identity provider cannot be fetched at the moment. Try again; if it lasts, "
                "check the `jwks_url` of the app.",
                retry_after=5,
            )
        return cached

    def _start_fetch(self, url: str, now: datetime) -> asyncio.Task[None] | None:
        """The running fetch, or a new one; None if the last one was less than `REFRESH_INTERVAL` ago."""
        running = self._fetches.get(url)
        if running is not None:
            return running
        limited_since = self._limited_since.get(url)
        if limited_since is not None and now - limited_since < REFRESH_INTERVAL:
            return None
        if url in self._cached:
            # The first fetch does not count, so that a key that is published right after it is found.
            self._limited_since[url] = now
        task = asyncio.create_task(self._fetch(url, now))
        self._fetches[url] = task
        task.add_done_callback(lambda _: self._fetches.pop(url, None))
        return task

    async def _fetch(self, url: str, now: datetime) -> None:
        try:
            async with asyncio.timeout(MAX_FETCH_SECONDS):
                content = await self._read(url)
                # In a thread: parsing a thousand keys takes about 50 ms.
                keys = await asyncio.to_thread(parse_key_set, content)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            log.warning("jwks.fetch_failed", error=type(error).__name__)
            self._limited_since[url] = now
            return
        self._cached[url] = KeySet(keys, now)

    async def _read(self, url: str) -> bytes:
        content = bytearray()
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"answered {response.status_code}")
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_KEY_SET_BYTES:
                    raise ValueError(f"answered more than {MAX_KEY_SET_BYTES} bytes")
        return bytes(content)

    async def aclose(self) -> None:
        """Cancel running fetches and close the connections."""
        for task in list(self._fetches.values()):
            task.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)
        await self._client.aclose()


def parse_key_set(content: bytes) -> dict[tuple[Algorithm, str | None], tuple[PublicKey, ...]]:
    """The keys of a JWK Set that may verify user tokens, by algorithm and `kid`.

    Other keys do not make the set invalid (RFC 7517, section 5): keys for encryption, of other types and curves, too
    short, secret, or malformed. Raises `ValueError` when the content is not a JWK Set, `RecursionError`.
    """
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a key set (RFC 7517)")  # noqa: TRY004  the content is wrong, not our types
    entries = document["keys"]
    if len(entries) > MAX_KEYS:
        log.warning("jwks.keys_ignored", keys=len(entries), limit=MAX_KEYS)
    keys: defaultdict[tuple[Algorithm, str | None], list[PublicKey]] = defaultdict(list)
    for entry in entries[:MAX_KEYS]:
        key_type = _key_type(entry)
        key = None if key_type is None else _public_key(entry, key_type)
        if key_type is not None and key is not None:
            keys[key_type.algorithm, entry.get("kid")].append(key)
    return {name: tuple(found) for name, found in keys.items()}


@dataclass(frozen=True, slots=True)
class _KeyType:
    algorithm: Algorithm
    curve: str | None
    members: tuple[str, ...]
    """The public ones."""


_KEY_TYPES: Mapping[object, _KeyType] = {
    "RSA": _KeyType(Algorithm.RS256, None, ("n", "e")),
    "EC": _KeyType(Algorithm.ES256, "P-256", ("crv", "x", "y")),
    "OKP": _KeyType(Algorithm.EDDSA, "Ed25519", ("crv", "x")),
}
"""By `kty`. There is no `oct`: a secret that is published verifies nothing, and a public key is never a secret."""
SIGNING_ALGORITHMS = frozenset(key_type.algorithm for key_type in _KEY_TYPES.values())


def _key_type(jwk: object) -> _KeyType | None:
    """The type of a key that may verify signatures; None for any other (RFC 7517, section 4)."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
        return None
    key_type = _KEY_TYPES.get(jwk["kty"])
    if key_type is None:
        return None
    operations, kid = jwk.get("key_ops"), jwk.get("kid")
    fits = (
        (key_type.curve is None or jwk.get("crv") == key_type.curve)
        and jwk.get("use") in (None, "sig")
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and jwk.get("alg") in (None, key_type.algorithm)
        and (kid is None or isinstance(kid, str))
    )
    return key_type if fits else None


def _public_key(jwk: Mapping[str, Any], key_type: _KeyType) -> PublicKey | None:
    if jwk.get("d") is not None:
        # Anyone can sign with a private key that is published.
        log.warning("jwks.private_key_ignored", kid=jwk.get("kid"))
        return None
    members = {"kty": jwk["kty"]} | {name: jwk.get(name) for name in key_type.members}
    try:
        key = jwt.PyJWK(members, key_type.algorithm).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, AttributeError, OverflowError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size not in ALLOWED_RSA_BITS:
        return None
    return key if isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey) else None
