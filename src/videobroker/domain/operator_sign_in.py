"""Sign-in of operators with OpenID Connect: the attempt, the claims of the ID token, and the role that they give.

Claims must have been verified: their signature, issuer, and audience (`identity/oidc.py`).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.domain.texts import is_name
from videobroker.errors import OperatorWithoutRole, SignInClockSkew, SignInExpired, SignInInvalid

ATTEMPT_LIFETIME = timedelta(minutes=10)
MAX_CLOCK_SKEW = timedelta(minutes=1)
MAX_OPERATOR_NAME_LENGTH = 64
MAX_SUBJECT_LENGTH = 255
"""OpenID Connect Core 1.0, section 2."""
MAX_POSIX_SECONDS = 1e12
EMAIL_CLAIM = "email"

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in that was started. The browser carries it in an encrypted cookie, so any replica can complete it."""

    state: str = field(repr=False)
    """Binds the callback to the browser (RFC 6749, section 10.12)."""
    nonce: str = field(repr=False)
    """Binds the ID token to the attempt."""
    verifier: str = field(repr=False)
    """Proves to the provider that we started the attempt (PKCE, RFC 7636)."""
    redirect_uri: str
    next_path: str
    zone: str
    started_at: float
    """POSIX time in seconds."""

    @classmethod
    def start(cls, *, redirect_uri: str, next_path: str, zone: str, now: datetime) -> Self:
        """A new attempt with random secrets."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, redirect_uri, next_path, zone, now.timestamp())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises `SignInExpired` if the value has other fields."""
        try:
            return cls(**value)
        except TypeError:
            raise SignInExpired from None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def challenge(self) -> str:
        """The code challenge, method `S256`."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def check(self, state: str, now: datetime) -> None:
        """Raise `SignInExpired` unless the callback with this state belongs to the attempt."""
        age = now.timestamp() - self.started_at
        is_same = hmac.compare_digest(self.state.encode(), state.encode("utf-8", "surrogatepass"))
        if not is_same or not 0 <= age <= ATTEMPT_LIFETIME.total_seconds():
            raise SignInExpired


@dataclass(frozen=True, slots=True)
class RoleRules:
    """Which claim values give which role. No one else gets in."""

    claim: str
    """The name of a claim, or the path to it: `groups`, `realm_access.roles`."""
    roles: Mapping[str, OperatorRole]

    def find_role(self, claims: Claims) -> OperatorRole | None:
        """The most powerful role that the values of the claim give; None without one.

        An email address counts only if the provider has verified it.
        """
        if self.claim == EMAIL_CLAIM and claims.get("email_verified") is not True:
            return None
        found = {self.roles[value] for value in self._values(claims) if value in self.roles}
        return next((role for role in reversed(OperatorRole) if role in found), None)

    def _values(self, claims: Claims) -> Iterator[str]:
        value: object = claims.get(self.claim)
        if value is None:
            value = claims
            for part in self.claim.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield each


def identify_operator(
    claims: Claims, rules: RoleRules, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> OperatorIdentity:
    """The operator named by the claims of an ID token.

    Raises `SignInInvalid`, `SignInClockSkew`, and `OperatorWithoutRole`.
    """
    _check_binding(claims, client_id, nonce)
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise SignInInvalid
    role = rules.find_role(claims)
    if role is None:
        raise OperatorWithoutRole
    return OperatorIdentity(_name_of(claims, subject), role, issuer=issuer, subject=subject)


def _check_binding(claims: Claims, client_id: str, nonce: str) -> None:
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), nonce.encode()):
        raise SignInInvalid
    # OpenID Connect Core 1.0, section 3.1.3.7: a token for several audiences names the client that asked for it.
    audience, party = claims.get("aud"), claims.get("azp")
    if party not in (None, client_id) or (isinstance(audience, list) and len(audience) > 1 and party is None):
        raise SignInInvalid


def _check_times(claims: Claims, now: datetime) -> None:
    skew, moment = MAX_CLOCK_SKEW.total_seconds(), now.timestamp()
    expires_at, issued_at = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    if expires_at is None or issued_at is None:
        raise SignInInvalid
    if moment > expires_at + skew or issued_at > moment + skew:
        raise SignInClockSkew
    not_before = claims.get("nbf")
    if not_before is not None:
        seconds = _seconds(not_before)
        if seconds is None:
            raise SignInInvalid
        if seconds > moment + skew:
            raise SignInClockSkew


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_POSIX_SECONDS:
        return None
    return float(value)


def _name_of(claims: Claims, subject: str) -> str:
    """A name for the journal: the first of these that is one."""
    for value in (claims.get("name"), claims.get("preferred_username"), claims.get(EMAIL_CLAIM), subject):
        if isinstance(value, str) and is_name(name := value.strip()[:MAX_OPERATOR_NAME_LENGTH].strip()):
            return name
    return "Operator"
