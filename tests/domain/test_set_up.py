"""Events about the configuration of an app: what they name, and that they contain no secrets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tenants import uuid7_time
from videobroker.domain import set_up
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App, LegacyFamily, ProviderName
from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import AppId, EndpointId, KeyId
from videobroker.domain.user_tokens import TokenRules
from videobroker.domain.webhooks import DisabledReason, Endpoint

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
ACTOR = Actor(AppId(UUID(int=1)), ip="192.0.2.1")
APP = App(
    id=AppId(UUID(int=1)),
    name="tutoring",
    policy={"grace_seconds": 60},
    role_maps={ProviderName.HMS: {"tutor": "teacher"}},
    accounts={},
    allowed_origins=("https://shop.example",),
    legacy_families=frozenset({LegacyFamily.TUTORING, LegacyFamily.GROUPS}),
)
ENDPOINT = Endpoint(
    id=EndpointId(UUID(int=2)),
    app_id=AppId(UUID(int=1)),
    url="https://backend.example:8443/hooks?key=secret",
    description="",
    types=frozenset({EventType.CALL_STARTED, EventType.CALL_ENDED}),
    ordered=True,
    disabled=None,
    created_at=NOW,
)


def test_an_event_states_how_the_change_was_made() -> None:
    event = set_up.create_set_up_event(
        EventType.API_KEY_CREATED, actor=ACTOR, via=ChangeInterface.COMMAND_LINE, now=NOW, label="a"
    )
    assert (event.type, event.occurred_at, event.actor) == (EventType.API_KEY_CREATED, NOW, ACTOR)
    assert event.data == {"label": "a", "via": "command_line"}
    assert uuid7_time(event.id) == NOW
    assert (event.session, event.session_id, event.user_id) == (None, None, None)


def test_the_interface_of_a_change_is_that_of_its_actor() -> None:
    key_id = KeyId(UUID(int=7))
    assert set_up.determine_interface(Actor(ACTOR.app_id)) is ChangeInterface.COMMAND_LINE
    assert set_up.determine_interface(Actor(ACTOR.app_id, key_id)) is ChangeInterface.API
    assert set_up.determine_interface(Actor(ACTOR.app_id, operator="Mia")) is ChangeInterface.CONSOLE
    assert set_up.determine_interface(Actor(ACTOR.app_id, key_id, operator="terraform")) is ChangeInterface.ADMIN_API


def test_settings_are_listed_by_name() -> None:
    assert set_up.list_settings(APP) == {
        "policy.grace_seconds": 60,
        "role_maps.100ms": {"tutor": "teacher"},
        "allowed_origins": ["https://shop.example"],
        "legacy": ["groups", "tutoring"],
    }


def test_settings_that_differ_are_named_with_both_values() -> None:
    before, after = {"b": 1, "a": 2, "same": 3}, {"b": 4, "c": 5, "same": 3}
    changes = set_up.compare_settings(before, after)
    assert changes == {
        "a": {"before": 2, "after": None},
        "b": {"before": 1, "after": 4},
        "c": {"before": None, "after": 5},
    }
    assert list(changes) == set_up.list_changed_names(before, after) == ["a", "b", "c"]


def test_rules_of_user_tokens_are_described_without_the_secret() -> None:
    rules = TokenRules(secret="s" * 32, issuer="https://id.example", audience="video")
    first = set_up.describe_rules_change(None, rules)
    assert "secret" in first["changed"]
    assert {name: first[name] for name in first if name != "changed"} == {
        "issuer": "https://id.example",
        "audience": "video",
        "max_lifetime_seconds": rules.max_lifetime_seconds,
    }
    assert "s" * 32 not in str(first)
    assert set_up.describe_rules_change(rules, replace(rules, audience="other"))["changed"] == ["audience"]


def test_an_endpoint_is_described_by_its_host() -> None:
    assert set_up.describe_endpoint(ENDPOINT) == {
        "endpoint": str(UUID(int=2)),
        "host": "backend.example:8443",
        "types": ["call.ended", "call.started"],
        "ordered": True,
        "enabled": True,
    }


def test_changed_settings_of_an_endpoint_are_named() -> None:
    for changed, names in (
        (ENDPOINT, []),
        (replace(ENDPOINT, url="https://other.example"), ["url"]),
        (replace(ENDPOINT, description="new"), ["description"]),
        (replace(ENDPOINT, types=frozenset()), ["types"]),
        (replace(ENDPOINT, ordered=False), ["ordered"]),
        (replace(ENDPOINT, disabled=DisabledReason.BY_APP), ["enabled"]),
        (replace(ENDPOINT, url="https://other.example", disabled=DisabledReason.GONE), ["url", "enabled"]),
        (replace(ENDPOINT, created_at=NOW + timedelta(days=1)), []),
    ):
        assert set_up.list_changed_endpoint_settings(ENDPOINT, changed) == names


def test_another_reason_of_a_disabled_endpoint_changes_no_setting() -> None:
    disabled = replace(ENDPOINT, disabled=DisabledReason.FAILING)
    assert set_up.list_changed_endpoint_settings(disabled, replace(disabled, disabled=DisabledReason.GONE)) == []
    assert set_up.list_changed_endpoint_settings(disabled, ENDPOINT) == ["enabled"]
