"""Webhook targets of a sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Receives the events of 100ms rooms."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent unchanged with each request."""
    signing_secret: str | None = field(default=None, repr=False)
    """With it, the body is signed in `x-100ms-signature`."""


@dataclass(frozen=True, slots=True)
class NotificationTarget:
    """Receives the events of Agora channels."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Targets:
    """Both of them; None if not configured."""

    webhook: WebhookTarget | None = None
    notifications: NotificationTarget | None = None
