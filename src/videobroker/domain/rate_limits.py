"""The policies by which requests are limited."""

from enum import StrEnum


class RateLimitPolicy(StrEnum):
    """Whose requests are counted together. The value is the name of the policy in response headers."""

    API_KEY = "api-key"
    USER = "user"
    """The user of a user token, in one app."""
    TICKET = "ticket"
    ADDRESS = "address"
    """The network of a client without credentials."""


UNLIMITED = "off"
"""The value of a setting for no limit."""
