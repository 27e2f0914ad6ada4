"""What we ask of an app's identity provider."""

from datetime import datetime
from typing import Protocol

from videobroker.domain.users import TokenRules


class UserTokens(Protocol):
    """Checks user tokens."""

    async def user_id(self, rules: TokenRules, token: str, now: datetime) -> str:
        """The user whom a valid token names.

        Raises `UserTokenInvalid`, `UserTokenExpired`, `UserTokenNotYetValid`, or `IdentityUnavailable` when the keys
        cannot be had.
        """
        ...

    def claimed_issuer(self, token: str) -> str | None:
        """What the token says of its issuer, unchecked: good for finding out whom to ask. Raises `UserTokenInvalid`."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
