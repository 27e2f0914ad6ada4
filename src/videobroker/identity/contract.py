"""The interface to the apps' identity providers."""

from datetime import datetime
from typing import Protocol

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
