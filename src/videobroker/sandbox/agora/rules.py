"""Kicking rules: removing users from channels, and blocking them for some time."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from videobroker.sandbox.agora import users
from videobroker.sandbox.agora.channels import KickingRule
from videobroker.sandbox.agora.requests import AgoraError, AgoraRequest
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.state import SandboxState

PRIVILEGES = frozenset({"join_channel", "publish_audio", "publish_video"})
DEFAULT_RULE_DURATION = timedelta(minutes=60)
_MAX_UID = 2**32 - 1
_FILTERS = frozenset({frozenset({"ip"}), frozenset({"cname"}), frozenset({"uid"}), frozenset({"cname", "uid"})})
"""The combinations that Agora documents."""


def create(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """Create a rule, and remove the users that it matches. A rule without a duration only removes."""
    now = state.now()
    rule = KickingRule(
        id=secrets.randbelow(2**31),
        opid=secrets.randbelow(2**31),
        **_filters(request.body),
        privileges=_privileges(request.body),
        created_at=now,
        updated_at=now,
        ends_at=now + _duration_of(request.body),
    )
    state.agora.store_rule(rule)
    users.remove_blocked_users(state, rule)
    return {"status": "success", "id": rule.id}


def list_rules(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """The rules that have not expired."""
    appid = str(request.named_app_id)
    return {"status": "success", "rules": [_as_json(rule, appid) for rule in state.agora.rules(state.now())]}


def update(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """Change the expiry of a rule, measured from now."""
    now = state.now()
    rule = replace(_rule(state, request), ends_at=now + _duration_of(request.body), updated_at=now)
    state.agora.store_rule(rule)
    return {"status": "success", "result": {"id": rule.id, "ts": _format_time(rule.ends_at)}}


def delete(state: SandboxState, request: AgoraRequest) -> JsonObject:
    """Delete a rule, so that the users that it blocks can join again."""
    rule = _rule(state, request)
    state.agora.delete_rule(rule)
    return {"status": "success", "id": rule.id}


def _rule(state: SandboxState, request: AgoraRequest) -> KickingRule:
    rule_id = request.body.get("id")
    if not isinstance(rule_id, int) or isinstance(rule_id, bool):
        raise AgoraError(400, "id must be a number")
    rule = state.agora.rule(rule_id)
    if rule is None or not rule.is_active_at(state.now()):
        raise AgoraError(404, "the rule does not exist")
    return rule


def _filters(body: JsonObject) -> dict[str, Any]:
    given = {name: body[name] for name in ("cname", "uid", "ip") if body.get(name) not in (None, "")}
    if frozenset(given) not in _FILTERS:
        raise AgoraError(400, "name ip, cname, uid, or cname and uid")
    if "uid" in given and not (_is_integer(given["uid"]) and 1 <= given["uid"] <= _MAX_UID):
        raise AgoraError(400, f"uid must be a number from 1 to {_MAX_UID}")
    if not all(isinstance(given.get(name, ""), str) for name in ("cname", "ip")):
        raise AgoraError(400, "cname and ip must be strings")
    return {"cname": None, "uid": None, "ip": None} | given


def _privileges(body: JsonObject) -> tuple[str, ...]:
    given = body.get("privileges")
    if not isinstance(given, list) or not given or not all(each in PRIVILEGES for each in given):
        raise AgoraError(400, f"privileges must be some of {', '.join(sorted(PRIVILEGES))}")
    return tuple(given)


def _duration_of(body: JsonObject) -> timedelta:
    # Seconds take precedence over minutes. Values out of range are clamped. Zero is no duration.
    for field, unit, low, high in (("time_in_seconds", 1, 10, 86_430), ("time", 60, 1, 1_440)):
        value = body.get(field)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise AgoraError(400, f"{field} must be a number")
        return timedelta(seconds=unit * min(max(value, low), high)) if value else timedelta()
    return DEFAULT_RULE_DURATION


def _as_json(rule: KickingRule, appid: str) -> JsonObject:
    return {
        "id": rule.id,
        "appid": appid,
        "uid": rule.uid,
        "opid": rule.opid,
        "cname": rule.cname,
        "ip": rule.ip,
        "ts": _format_time(rule.ends_at),
        "privileges": list(rule.privileges),
        "createAt": _format_time(rule.created_at),
        "updateAt": _format_time(rule.updated_at),
    }


def _format_time(moment: datetime) -> str:
    milliseconds = moment.microsecond // 1000
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
