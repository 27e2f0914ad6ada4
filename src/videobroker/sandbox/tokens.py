"""Management and app tokens of the vendor: verification and creation."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from videobroker.sandbox.config import SandboxConfig, Workspace

LEEWAY_SECONDS = 5
TOKEN_LIFETIME = timedelta(hours=24)
UNKNOWN_KEY = "not found"

_VERSION = 2


class TokenRejected(Exception):
    """A token is invalid; the message is the vendor's reason."""


@dataclass(frozen=True, slots=True)
class AppClaims:
    """Claims of a valid app token: person, room, and role."""

    workspace: Workspace
    room_id: str
    role: str
    user_id: str


def verify_management_token(authorization: str | None, config: SandboxConfig, now: datetime) -> Workspace:
    """The workspace of a management token. Raises `TokenRejected`."""
    workspace, _ = _verify_token(authorization, "management", config, now)
    return workspace


def verify_app_token(authorization: str | None, config: SandboxConfig, now: datetime) -> AppClaims:
    """The claims of an app token. Raises `TokenRejected`."""
    workspace, claims = _verify_token(authorization, "app", config, now)
    return AppClaims(
        workspace=workspace,
        room_id=str(claims.get("room_id", "")),
        role=str(claims.get("role", "")),
        user_id=str(claims.get("user_id", "")),
    )


def new_app_token(workspace: Workspace, *, room_id: str, role: str, user_id: str | None, now: datetime) -> str:
    """An app token for a browser, valid for a day. Without a `user_id`, it has no such claim."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "access_key": workspace.access_key,
        "type": "app",
        "version": _VERSION,
        "room_id": room_id,
        "role": role,
        "jti": str(uuid.uuid4()),
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(TOKEN_LIFETIME.total_seconds()),
    }
    if user_id:
        claims["user_id"] = user_id
    return jwt.encode(claims, workspace.secret, algorithm="HS256")


def _verify_token(
    authorization: str | None, kind: str, config: SandboxConfig, now: datetime
) -> tuple[Workspace, dict[str, Any]]:
    token = _bearer(authorization)
    workspace = config.workspace(_claimed_access_key(token))
    if workspace is None:
        raise TokenRejected(UNKNOWN_KEY)
    claims = _verified(token, workspace)
    if claims.get("type") != kind or claims.get("version") != _VERSION:
        raise TokenRejected(f"token is not a version {_VERSION} {kind} token")
    _check_times(claims, now.timestamp())
    return workspace, claims


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRejected("missing token")
    return token.strip()


def _claimed_access_key(token: str) -> str:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise TokenRejected("token is malformed") from None
    return str(claims.get("access_key", ""))


def _verified(token: str, workspace: Workspace) -> dict[str, Any]:
    # Times are checked against the sandbox's clock, which a test may move.
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        claims: dict[str, Any] = jwt.decode(token, workspace.secret, algorithms=["HS256"], options=options)
    except jwt.InvalidTokenError:
        raise TokenRejected("signature is invalid") from None
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    if now >= _seconds(claims, "exp") + LEEWAY_SECONDS:
        raise TokenRejected("token is expired")
    if now < _seconds(claims, "nbf") - LEEWAY_SECONDS:
        raise TokenRejected("token is not valid yet")
    if "iat" in claims and now < _seconds(claims, "iat") - LEEWAY_SECONDS:
        raise TokenRejected("token used before issued")


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float):
        raise TokenRejected(f"claim {name} is missing")
    return value
