"""Journal events about changes of an app's configuration. They name the changed settings and contain no secrets."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.events import ChangeInterface, Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.domain.user_tokens import TokenRules
from videobroker.domain.webhooks import Endpoint


def create_set_up_event(
    event_type: EventType, *, actor: Actor, via: ChangeInterface, now: datetime, **data: Any
) -> Event:
    """An event with a new ID about the configuration of an app, dated `now`. It is not stored yet."""
    return Event(EventId(uuid7(now)), event_type, now, actor, data={**data, "via": via.value})


def determine_interface(actor: Actor) -> ChangeInterface:
    """The interface that an actor uses."""
    if actor.operator is not None:
        return ChangeInterface.CONSOLE if actor.key_id is None else ChangeInterface.ADMIN_API
    return ChangeInterface.COMMAND_LINE if actor.key_id is None else ChangeInterface.API


def list_settings(app: App) -> dict[str, Any]:
    """The settings of an app as JSON values, by name."""
    return {
        **{f"policy.{name}": value for name, value in app.policy.items()},
        **{f"role_maps.{provider.value}": dict(roles) for provider, roles in app.role_maps.items()},
        "allowed_origins": list(app.allowed_origins),
        "legacy": sorted(family.value for family in app.legacy_families),
        **{f"branding.{name}": value for name, value in app.branding.to_json().items()},
    }


def compare_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The values that differ, by name; None for values that are not set."""
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def list_changed_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of the values that differ."""
    return list(compare_settings(before, after))


def describe_rules_change(before: TokenRules | None, after: TokenRules) -> dict[str, Any]:
    """Event data: the names of the rules that differ, and the rules that are not secret."""
    return {
        "changed": list_changed_names({} if before is None else asdict(before), asdict(after)),
        "issuer": after.issuer,
        "audience": after.audience,
        "max_lifetime_seconds": after.max_lifetime_seconds,
    }


def describe_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Event data: the settings of an endpoint. Of the URL only the host, since the rest may contain a credential."""
    return {
        "endpoint": str(endpoint.id),
        "host": endpoint.host,
        "types": sorted(each.value for each in endpoint.types),
        "ordered": endpoint.ordered,
        "enabled": endpoint.disabled is None,
    }


def list_changed_endpoint_settings(before: Endpoint, after: Endpoint) -> list[str]:
    """The names of an endpoint's settings that differ."""
    names = ("url", "description", "types", "ordered")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return changed + (["enabled"] if (before.disabled is None) != (after.disabled is None) else [])
