"""Verifies webhooks: `videobroker_client.webhooks.verify(headers, body, secret)`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from standardwebhooks import Webhook, WebhookVerificationError

from videobroker_client.errors import VideobrokerError
from videobroker_client.models import Event, decode_event

__all__ = ["Event", "InvalidWebhook", "verify"]

Secrets: TypeAlias = str | Sequence[str]


class InvalidWebhook(VideobrokerError):
    """The request is not a webhook with a valid signature. Respond with 400, and do nothing else."""


def verify(headers: Mapping[str, str], body: bytes | str, secret: Secrets) -> Event:
    """The event of a webhook. Raises `InvalidWebhook` if its signature is not valid, or older than five minutes.

    Args:
        headers: All headers of the request, in any case: `request.headers` of any framework.
        body: The body as it was received. A body that was parsed and serialized again has another signature.
        secret: The secret of the endpoint, `whsec_...`. During a rotation, pass both.
    """
    text = body if isinstance(body, str) else _decoded(body)
    lower = {name.lower(): value for name, value in headers.items()}
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise ValueError("pass the secret of the endpoint")
    error: Exception | None = None
    for each in secrets:
        try:
            raw: Any = Webhook(each).verify(text, lower)
        except (WebhookVerificationError, json.JSONDecodeError) as failure:
            error = failure
        else:
            return _event(raw)
    raise InvalidWebhook(str(error)) from error


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidWebhook("The body is not UTF-8.") from error


def _event(raw: Any) -> Event:
    try:
        return decode_event(raw["data"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidWebhook(f"The body lacks {error}.") from error
