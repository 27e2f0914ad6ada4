"""What we ask of an app's identity provider."""

from datetime import datetime
from typing import Protocol

from videobroker.domain.users import TokenRules, VerifiedUser


class UserTokens(Protocol):
    """Checks user tokens."""

    async def verify(self, rules: TokenRules, token: str, now: datetime) -> VerifiedUser:
        """The user whom a valid token names, and its expiry.

        Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, `UserTokenLivesTooLong`, or
        `IdentityUnavailable` when the keys cannot be fetched.
        """
        ...

    def claimed_issuer(self, token: str) -> str | None:
        """What the token says of its issuer, unchecked: good for finding out whom to ask. Raises `UserTokenInvalid`."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
