"""Webhooks of the emulated vendors: pending, delivered, failed, or dropped on purpose."""

from videobroker.sandbox.outbox.behavior import DeliveryBehavior, read_behavior
from videobroker.sandbox.outbox.outbox import Outbox
from videobroker.sandbox.outbox.webhooks import OutboxEntry, Webhook, WebhookContent, WebhookOrigin, WebhookState

__all__ = [
    "DeliveryBehavior",
    "Outbox",
    "OutboxEntry",
    "Webhook",
    "WebhookContent",
    "WebhookOrigin",
    "WebhookState",
    "read_behavior",
]
