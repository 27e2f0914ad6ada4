"""Roles of operators: what people may do who work in the console.

Each role includes the ones before it:

| role | may |
|---|---|
| viewer | read what the console shows: sessions, participants, attendance, calls, journal, deliveries, health |
| support | act on sessions: create, change, and cancel them; create and revoke links; admit, deny, remove, block; end calls; test endpoints and resend deliveries; export personal data as a file |
| admin | manage the installation: apps, keys, provider accounts, user-token rules, webhook endpoints, erasure, deletion, operators |

No role reads a secret that was stored. `domain/authorization.py` names the role for each action of an app; management
that is not an action of an app needs `ADMIN` or, for exports, `SUPPORT`.
"""  # noqa: E501  rows of a table

from dataclasses import dataclass
from enum import StrEnum


class OperatorRole(StrEnum):
    """The role of an operator, from the least to the most powerful."""

    VIEWER = "viewer"
    SUPPORT = "support"
    ADMIN = "admin"

    def includes(self, other: "OperatorRole") -> bool:
        """Whether this role may do what `other` may."""
        return _RANKS[self] >= _RANKS[other]


class SignInMethod(StrEnum):
    """How an operator proved who they are."""

    ADMIN_KEY = "admin_key"
    OPENID_CONNECT = "openid_connect"
    SIGN_IN_LINK = "sign_in_link"
    """A one-time link from the command line."""


@dataclass(frozen=True, slots=True)
class OperatorIdentity:
    """A person whose sign-in was verified."""

    name: str
    role: OperatorRole
    issuer: str | None = None
    """The OpenID Connect issuer that vouched for them; None for a sign-in with the admin key."""
    subject: str | None = None
    """Their identifier at the issuer."""


_RANKS = {role: rank for rank, role in enumerate(OperatorRole)}
