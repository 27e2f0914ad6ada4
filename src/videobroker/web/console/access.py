"""Who may use the console: the admin key and sessions."""

import hmac
import math
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from zoneinfo import ZoneInfo, available_timezones

from videobroker.broker import Broker
from videobroker.domain.console_sessions import ConsoleSession
from videobroker.domain.failed_attempts import AttemptKind
from videobroker.domain.operators import OperatorIdentity, OperatorRole, SignInMethod
from videobroker.errors import NotSignedIn, TooManyAttempts
from videobroker.usecases.operations import console_sessions
from videobroker.usecases.operations.console_sessions import ClientInfo
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.i18n import ngettext

COOKIE = "videobroker_console"
LIFETIME = timedelta(hours=12)
"""Absolute lifetime of a session, from sign-in."""
IDLE_TIMEOUT = timedelta(minutes=30)
"""The default of the setting."""
MAX_TOKEN_LENGTH = 200


@cache
def zones() -> frozenset[str]:
    """Every IANA time zone; `available_timezones` reads the file system on each call."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who is signed in."""

    name: str
    """As entered at sign-in; the journal records it with each of their actions."""
    role: OperatorRole
    zone: ZoneInfo
    """The time zone of their browser."""
    csrf: str = field(repr=False)
    """Proves that a form was rendered for this session."""
    subject: str | None = None
    """Their identifier at the OpenID Connect issuer; None for a sign-in with the admin key."""

    @property
    def may_support(self) -> bool:
        """Whether they may act on sessions, see `domain/operators.py`."""
        return self.role.includes(OperatorRole.SUPPORT)

    @property
    def may_administer(self) -> bool:
        """Whether they may manage the installation."""
        return self.role.includes(OperatorRole.ADMIN)


class ConsoleAccess:
    """Admits operators who know the admin key, or whose identity was verified elsewhere."""

    def __init__(
        self,
        admin_key: str | None,
        *,
        session_secret: str = "",
        issuer: str | None = None,
        idle_timeout: timedelta = IDLE_TIMEOUT,
    ) -> None:
        """Without an `admin_key`, no key is accepted, and `session_secret` must be a secret of the deployment.

        `issuer` is the OpenID Connect issuer, if operators can sign in there.
        """
        if admin_key is None and not session_secret:
            raise ValueError("a session secret is required without an admin key")
        self.issuer = issuer
        self._key_digest = None if admin_key is None else _digest(admin_key)
        # Sessions are stored under a keyed digest of their token, so a new admin key ends all sessions.
        secret = self._key_digest or _digest(session_secret)
        self._session_key = hmac.digest(secret, b"videobroker console session", "sha256")
        self._idle_timeout = idle_timeout

    @property
    def has_key(self) -> bool:
        """Whether there is an admin key."""
        return self._key_digest is not None

    async def sign_in(
        self,
        broker: Broker,
        key: str,
        *,
        name: str,
        zone: str,
        origin: ClientInfo,
        replaces: str | None,
        now: datetime,
    ) -> str | None:
        """Returns the token of a new session, or None for a wrong key. Raises `TooManyAttempts`.

        The correct key is always accepted. Ends the session of the token `replaces`.
        """
        # In constant time, and before failed attempts are counted.
        if self._key_digest is None or not hmac.compare_digest(_digest(key), self._key_digest):
            console_sessions.reject(broker, origin, now=now)
            await _penalize(broker, origin.ip)
            return None
        await broker.failed_attempts.forgive(AttemptKind.ADMIN_KEY, origin.ip)
        return await self.start(
            broker,
            OperatorIdentity(name, OperatorRole.ADMIN),
            SignInMethod.ADMIN_KEY,
            zone=zone,
            origin=origin,
            replaces=replaces,
            now=now,
        )

    async def start(
        self,
        broker: Broker,
        identity: OperatorIdentity,
        method: SignInMethod,
        *,
        zone: str,
        origin: ClientInfo,
        replaces: str | None,
        now: datetime,
    ) -> str:
        """Start a session for a person whose identity was verified. Returns its token.

        Ends the session of the token `replaces`.
        """
        token = secrets.token_urlsafe(32)
        session = ConsoleSession(
            identity.name,
            identity.role,
            zone if zone in zones() else "UTC",
            now + LIFETIME,
            issuer=identity.issuer,
            subject=identity.subject,
        )
        former = self._token_digest(replaces) if replaces else None
        await console_sessions.start(
            broker, self._token_digest(token), session, method, replaces=former, origin=origin, now=now
        )
        return token

    async def operator(self, broker: Broker, token: str | None, *, is_activity: bool, now: datetime) -> Operator:
        """The operator with this session token. `is_activity` restarts the idle timeout. Raises `NotSignedIn`."""
        session = None
        if token and len(token) <= MAX_TOKEN_LENGTH:
            session = await console_sessions.authenticate(
                broker, self._token_digest(token), idle_timeout=self._idle_timeout, is_activity=is_activity, now=now
            )
        if session is None or token is None:
            raise NotSignedIn(_("Sign in to use the console."))
        csrf = hmac.digest(self._session_key, b"csrf " + _digest(token), "sha256").hex()
        return Operator(session.operator, session.role, ZoneInfo(session.zone), csrf, session.subject)

    async def sign_out(
        self, broker: Broker, token: str | None, *, operator: Operator, origin: ClientInfo, now: datetime
    ) -> None:
        """End the operator's session of this token, on every replica."""
        if token:
            await console_sessions.revoke(
                broker,
                self._token_digest(token),
                operator=operator.name,
                subject=operator.subject,
                origin=origin,
                now=now,
            )

    def _token_digest(self, token: str) -> bytes:
        return hmac.digest(self._session_key, b"token " + _digest(token), "sha256")


async def _penalize(broker: Broker, address: str | None) -> None:
    penalty = await broker.failed_attempts.penalize(AttemptKind.ADMIN_KEY, address)
    if penalty is not None:
        seconds = math.ceil(penalty.retry_after)
        sentence = ngettext(
            "Too many failed attempts. Try again in %(num)s second.",
            "Too many failed attempts. Try again in %(num)s seconds.",
            seconds,
        )
        raise TooManyAttempts(sentence, retry_after=penalty.retry_after)


def secrets_equal(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
