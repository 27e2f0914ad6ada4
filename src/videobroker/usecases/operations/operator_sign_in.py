"""Signs operators in with OpenID Connect. The browser carries the attempt in an encrypted cookie."""

import base64
from dataclasses import dataclass
from datetime import datetime

import structlog

from videobroker.broker import Broker, OperatorSignIn
from videobroker.domain.operator_sign_in import SignInAttempt, identify_operator
from videobroker.domain.operators import OperatorIdentity
from videobroker.errors import (
    BrokerError,
    DecryptionFailed,
    PathNotFound,
    SignInDenied,
    SignInExpired,
    SignInInvalid,
    SignInUnavailable,
)
from videobroker.translatable import TranslatableText

MAX_COOKIE_LENGTH = 4000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartedSignIn:
    """Where the browser continues, and the cookie that it needs to return."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Callback:
    """The query of the redirect from the provider (RFC 6749, section 4.1.2; `iss`: RFC 9207)."""

    state: str
    code: str
    error: str
    issuer: str


def _required(broker: Broker) -> OperatorSignIn:
    if broker.operator_sign_in is None:
        raise PathNotFound(TranslatableText("Sign-in with OpenID Connect is not set up here."))
    return broker.operator_sign_in


async def start(broker: Broker, *, redirect_uri: str, next_path: str, zone: str, now: datetime) -> StartedSignIn:
    """Start a sign-in. Raises `SignInUnavailable`, `PathNotFound` if it is not set up."""
    sign_in = _required(broker)
    attempt = SignInAttempt.start(redirect_uri=redirect_uri, next_path=next_path, zone=zone, now=now)
    url = await sign_in.provider.authorization_url(attempt, now)
    return StartedSignIn(url, base64.urlsafe_b64encode(broker.secret_box.encrypt(attempt.to_json())).decode())


async def complete(
    broker: Broker, cookie: str | None, callback: Callback, *, ip: str | None, now: datetime
) -> tuple[OperatorIdentity, SignInAttempt]:
    """The operator who returned from the provider, and the attempt.

    Raises `SignInExpired`, `SignInDenied`, `SignInInvalid`, `SignInClockSkew`, `OperatorWithoutRole`,
    `SignInUnavailable`, and `PathNotFound` if it is not set up. Rejections are counted for the journal.
    """
    sign_in = _required(broker)
    try:
        return await _complete(broker, sign_in, cookie, callback, now)
    except BrokerError as error:
        log.warning("console.sign_in_failed", ip=ip, code=error.code)
        if not isinstance(error, SignInUnavailable):
            broker.rejections.count(None, error.code, ip, now=now)
        raise


async def _complete(
    broker: Broker, sign_in: OperatorSignIn, cookie: str | None, callback: Callback, now: datetime
) -> tuple[OperatorIdentity, SignInAttempt]:
    attempt = _read(broker, cookie)
    attempt.check(callback.state, now)
    if callback.issuer and callback.issuer != sign_in.issuer:
        raise SignInInvalid
    if callback.error:
        raise SignInDenied
    if not callback.code:
        raise SignInInvalid
    claims = await sign_in.provider.exchange(callback.code, attempt, now)
    identity = identify_operator(
        claims, sign_in.rules, issuer=sign_in.issuer, client_id=sign_in.client_id, nonce=attempt.nonce, now=now
    )
    return identity, attempt


def _read(broker: Broker, cookie: str | None) -> SignInAttempt:
    if not cookie or len(cookie) > MAX_COOKIE_LENGTH:
        raise SignInExpired
    try:
        return SignInAttempt.from_json(broker.secret_box.decrypt(base64.urlsafe_b64decode(cookie)))
    except (DecryptionFailed, ValueError):
        raise SignInExpired from None


async def logout_url(broker: Broker, *, return_to: str, now: datetime) -> str | None:
    """Where the browser also signs out at the provider; None if that is not possible."""
    if broker.operator_sign_in is None:
        return None
    try:
        return await broker.operator_sign_in.provider.logout_url(return_to, now)
    except SignInUnavailable:
        return None
