"""Attempts with wrong credentials: what is counted, and for whom."""

from enum import StrEnum
from ipaddress import ip_address, ip_network


class AttemptKind(StrEnum):
    """What was guessed."""

    CREDENTIAL = "credential"
    """An API key, an operator key, a user token, or a ticket."""
    ADMIN_KEY = "admin_key"
    """The admin key of the console."""


GUESSES = frozenset({"api_key_invalid", "operator_key_invalid", "user_token_invalid", "ticket_invalid"})
"""Error codes of credentials that may be guesses. One that has expired or was revoked is none: someone issued it."""


def client_network(address: str | None) -> str:
    """The IPv4 address, or the IPv6 /64 network: subscribers are assigned whole /64 networks."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
