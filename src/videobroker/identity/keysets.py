"""The keys of identity providers: fetched when they are needed, kept, and renewed before they are missed.

A request waits for a fetch only when there is no key to check its token with. Keys that are there go on working while
their provider is slow, down or wrong.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import jwt
import structlog

from videobroker.domain.users import Algorithm
from videobroker.errors import IdentityUnavailable, UserTokenInvalid

FETCH_SECONDS = 2.0
"""No request waits longer for keys."""
LARGEST_ANSWER = 256 * 1024
"""Bytes; a provider with a hundred keys needs a tenth of it."""
FRESH = timedelta(minutes=10)
"""Keys older than this are renewed in the background."""
ASK_AGAIN = timedelta(seconds=10)
"""A key that is not there, or a provider that failed, is asked for at most so often."""
SIGNING_ALGORITHMS = frozenset({Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: dict[str | None, jwt.PyJWK]
    fetched_at: datetime


class KeySets:
    """The key sets of all identity providers."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            timeout=FETCH_SECONDS, follow_redirects=False, trust_env=False, transport=transport
        )
        self._kept: dict[str, _KeySet] = {}
        self._asked_at: dict[str, datetime] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}

    async def key(self, url: str, kid: str | None, now: datetime) -> jwt.PyJWK:
        """The key with this id at this URL. Raises `UserTokenInvalid`, `IdentityUnavailable`."""
        kept = self._kept.get(url)
        if kept is not None and kid in kept.keys:
            if now - kept.fetched_at > FRESH:
                self._begin(url, now)
            return kept.keys[kid]
        task = self._begin(url, now)
        if task is not None:
            # Shielded: a caller who goes away must not take the keys of the others along.
            await asyncio.shield(task)
        return self._found(url, kid)

    def _found(self, url: str, kid: str | None) -> jwt.PyJWK:
        kept = self._kept.get(url)
        if kept is None:
            raise IdentityUnavailable("The keys of this app's identity provider cannot be had just now.", retry_after=5)
        if kid not in kept.keys:
            raise UserTokenInvalid("The user token names a key (`kid`) that its identity provider does not publish.")
        return kept.keys[kid]

    def _begin(self, url: str, now: datetime) -> asyncio.Task[None] | None:
        """The fetch that runs, or a new one; None when it is too soon to ask again."""
        running = self._fetching.get(url)
        if running is not None:
            return running
        asked_at = self._asked_at.get(url)
        if asked_at is not None and now - asked_at < ASK_AGAIN:
            return None
        if url in self._kept:
            # Not after the first time: the first key that is missing then may be one that was just published.
            self._asked_at[url] = now
        task = asyncio.create_task(self._fetch(url, now))
        self._fetching[url] = task
        task.add_done_callback(lambda _: self._fetching.pop(url, None))
        return task

    async def _fetch(self, url: str, now: datetime) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await self._read(url)
            keys = _signing_keys(json.loads(content))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            log.warning("the keys of an identity provider could not be fetched", error=type(error).__name__)
            self._asked_at[url] = now
            return
        self._kept[url] = _KeySet(keys, now)

    async def _read(self, url: str) -> bytes:
        content = bytearray()
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"answered {answer.status_code}")
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise ValueError("answered too much")
        return bytes(content)

    async def aclose(self) -> None:
        """Let go of connections."""
        for task in list(self._fetching.values()):
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        await self._client.aclose()


def _signing_keys(document: object) -> dict[str | None, jwt.PyJWK]:
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a key set (RFC 7517)")  # noqa: TRY004  what was sent is wrong, not our types
    keys: dict[str | None, jwt.PyJWK] = {}
    for entry in document["keys"]:
        try:
            key = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            continue  # a kind of key that we do not know is none of ours to refuse
        if key.algorithm_name in SIGNING_ALGORITHMS:
            keys[key.key_id] = key
    if len(keys) == 1:
        # A token without a `kid` is checked with the only key there is.
        keys[None] = next(iter(keys.values()))
    return keys
