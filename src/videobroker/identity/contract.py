"""The interfaces to identity providers, of the apps and of the operators."""

from datetime import datetime
from typing import Protocol

from videobroker.domain.operator_sign_in import Claims, SignInAttempt
from videobroker.domain.user_tokens import TokenRules, UnverifiedToken, VerifiedUser


class UserTokenVerifier(Protocol):
    """Checks user tokens."""

    async def verify(self, rules: TokenRules, token: str, now: datetime) -> VerifiedUser:
        """The user that a valid token names, and its expiry.

        Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`, or
        `IdentityUnavailable` when the keys cannot be fetched.
        """
        ...

    def read_unverified(self, token: str) -> UnverifiedToken:
        """What the token says of itself, to choose the rules to try. Raises `UserTokenInvalid`."""
        ...

    async def aclose(self) -> None:
        """Release the connections."""
        ...


class OperatorIdentityProvider(Protocol):
    """The OpenID Connect provider that signs operators in."""

    async def authorization_url(self, attempt: SignInAttempt, now: datetime) -> str:
        """Where the browser starts the sign-in. Raises `SignInUnavailable`."""
        ...

    async def exchange(self, code: str, attempt: SignInAttempt, now: datetime) -> Claims:
        """The claims of the ID token for this code, with verified signature, issuer, and audience.

        Raises `SignInInvalid`, `SignInUnavailable`.
        """
        ...

    async def logout_url(self, return_to: str, now: datetime) -> str | None:
        """Where the browser signs out at the provider; None if it has no such page. Raises `SignInUnavailable`."""
        ...
