"""An Agora account with invented keys, and the URLs of its REST API."""

import json
from datetime import UTC, datetime
from typing import Any

import respx

from videobroker.providers.agora.provider import AgoraProvider

APP_ID = "0123456789abcdef0123456789abcdef"
CERTIFICATE = "fedcba9876543210fedcba9876543210"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
API = "https://api.agora.io/dev/v1"
FALLBACK = "https://api.sd-rtn.com/dev/v1"
RULES = f"{API}/kicking-rule"

PROJECT = {"app_id": APP_ID, "app_certificate": CERTIFICATE}
CUSTOMER = {"customer_id": "fake-customer-id", "customer_secret": "fake-customer-s3cret"}


def account(**settings: str) -> AgoraProvider:
    """The provider of an account with customer credentials, at noon."""
    return AgoraProvider.from_settings({**PROJECT, **CUSTOMER, **settings}, clock=lambda: NOON)


def sent(vendor: respx.MockRouter) -> list[tuple[str, str, Any]]:
    """Method, path, and body of all requests, in order."""
    return [
        (
            call.request.method,
            call.request.url.raw_path.decode().removeprefix("/dev/v1"),
            json.loads(call.request.content or b"null"),
        )
        for call in vendor.calls
    ]
