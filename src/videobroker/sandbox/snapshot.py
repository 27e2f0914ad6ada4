"""The state file, with which the state of a sandbox survives a restart."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from videobroker.sandbox.agora.channels import AgoraSnapshot, AgoraUser, Channel, KickingRule, Profile, UserRole
from videobroker.sandbox.rooms import RoomCode, SandboxRoom
from videobroker.sandbox.sessions import Peer, SandboxSession
from videobroker.sandbox.targets import NotificationTarget, Targets, WebhookTarget

FORMAT = 2
FORMAT_WITHOUT_AGORA = 1
"""Files in this format have no targets and no Agora state; both are empty then."""

T = TypeVar("T", SandboxRoom, RoomCode, Peer, AgoraUser, KickingRule, WebhookTarget, NotificationTarget)
V = TypeVar("V")


class InvalidSnapshot(Exception):
    """The state file is invalid. It is an error, because an empty state would hide the damage."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The complete state of a sandbox."""

    rooms: tuple[SandboxRoom, ...] = ()
    codes: tuple[RoomCode, ...] = ()
    sessions: tuple[SandboxSession, ...] = ()
    targets: Targets | None = None
    """None while the targets of the configuration are used."""
    agora: AgoraSnapshot = field(default_factory=AgoraSnapshot)


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the file atomically: after a crash, it has the old state or the new one."""
    text = json.dumps({"format": FORMAT, **asdict(snapshot)}, default=_moment_as_text, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def read_snapshot(path: Path) -> Snapshot:
    """The content of the file; an empty snapshot if there is no file.

    Raises `InvalidSnapshot` if the file is invalid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Snapshot()
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from error
    try:
        return _snapshot(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, cause: Exception) -> InvalidSnapshot:
    reason = f"{type(cause).__name__}: {cause}"
    return InvalidSnapshot(
        f"The sandbox state in {path} is damaged ({reason}). Repair the file, or delete it to start empty."
    )


def _snapshot(document: dict[str, Any]) -> Snapshot:
    if document["format"] not in (FORMAT, FORMAT_WITHOUT_AGORA):
        raise ValueError(
            f"its format is {document['format']!r}, this program reads {FORMAT_WITHOUT_AGORA} and {FORMAT}"
        )
    newer = document["format"] == FORMAT
    return Snapshot(
        rooms=_decode_all(document["rooms"], _room),
        codes=_decode_all(document["codes"], lambda row: _decode(RoomCode, row)),
        sessions=_decode_all(document["sessions"], _session),
        targets=_targets(document["targets"]) if newer else None,
        agora=_agora(document["agora"]) if newer else AgoraSnapshot(),
    )


def _decode_all(rows: Iterable[dict[str, Any]], revive: Callable[[dict[str, Any]], V]) -> tuple[V, ...]:
    return tuple(revive(row) for row in rows)


def _room(row: dict[str, Any]) -> SandboxRoom:
    return _decode(SandboxRoom, row | {"polls": tuple(row["polls"])})


def _session(row: dict[str, Any]) -> SandboxSession:
    peers = _decode_all(row["peers"], lambda peer: _decode(Peer, peer))
    return SandboxSession(**_moments(row) | {"peers": peers})


def _targets(row: dict[str, Any] | None) -> Targets | None:
    if row is None:
        return None
    webhook, notifications = row["webhook"], row["notifications"]
    return Targets(
        webhook=webhook and _decode(WebhookTarget, webhook),
        notifications=notifications and _decode(NotificationTarget, notifications),
    )


def _agora(row: dict[str, Any]) -> AgoraSnapshot:
    return AgoraSnapshot(
        channels=_decode_all(row["channels"], _channel),
        rules=_decode_all(
            row["rules"], lambda rule: _decode(KickingRule, rule | {"privileges": tuple(rule["privileges"])})
        ),
    )


def _channel(row: dict[str, Any]) -> Channel:
    users = _decode_all(row["users"], lambda user: _decode(AgoraUser, user | {"role": UserRole(user["role"])}))
    return Channel(name=row["name"], profile=Profile(row["profile"]), users=users)


def _decode(kind: type[T], row: dict[str, Any]) -> T:
    absent = {each.name for each in fields(kind)} - row.keys()
    if absent:
        raise ValueError(f"a {kind.__name__} lacks {', '.join(sorted(absent))}")
    return kind(**_moments(row))


def _moments(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value
        for name, value in row.items()
    }


def _moment_as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be stored in a snapshot")
