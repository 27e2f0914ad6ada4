"""Validation of the fields of a room."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from videobroker.sandbox.config import Workspace
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject

REGIONS = ("in", "us", "eu", "auto")
UPLOAD_TYPES = ("s3", "gs", "oss", "azure")

_NAME = re.compile(r"[A-Za-z0-9.\-:_]+")
_MAX_ROOM_SIZE = 20_000
_MAX_ROOM_SIZE_WITHOUT_LARGE_ROOM = 2_500
_MIN_DURATION_SECONDS, _MAX_DURATION_SECONDS = 120, 43_200


def creation_fields(body: JsonObject, workspace: Workspace) -> dict[str, Any]:
    """The validated fields of a request to create a room, without absent ones."""
    if "template" in body:
        _refuse("Invalid body param: template. Use template_id")
    template_id = body.get("template_id")
    if template_id and (not isinstance(template_id, str) or workspace.template(template_id) is None):
        _refuse("Error: template not found")
    chosen = {"template_id": template_id} if template_id else {}
    return chosen | _validated_fields(body, _FIELDS)


def update_fields(body: JsonObject) -> dict[str, Any]:
    """The validated fields of a request to update a room. The template cannot be changed."""
    return _validated_fields(body, _FIELDS | {"enabled": _flag})


def check_size(size: int | None, *, large_room: bool) -> None:
    """Raise `VendorError` if the size exceeds the limit for this kind of room."""
    if (size or 0) > _MAX_ROOM_SIZE:
        _refuse("Invalid body param: room size greater than 20000")
    if (size or 0) > _MAX_ROOM_SIZE_WITHOUT_LARGE_ROOM and not large_room:
        _refuse("Invalid body param: room size greater than 2500, set large_room flag as true")


def _validated_fields(body: JsonObject, readers: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    """The validated fields. Null counts as absent, and so does an empty string without a meaning."""
    return {
        field: read(field, body[field])
        for field, read in readers.items()
        if body.get(field) is not None and (body[field] != "" or field == "description")
    }


def _refuse(text: str) -> NoReturn:
    message = "Invalid body param" if text.startswith("Invalid body param") else text
    raise VendorError(400, message, text)


def _string(field: str, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(f"Invalid body param: {field} must be a string")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(f"Invalid body param: {field} must be a boolean")
    return value


def _number(field: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        _refuse(f"Invalid body param: {field} must be a whole number")
    return value


def _name(field: str, value: Any) -> str:
    name = _string(field, value)
    if not _NAME.fullmatch(name):
        _refuse("Invalid body param: name may contain letters, digits and . - : _ only")
    return name


def _region(field: str, value: Any) -> str:
    if value not in REGIONS:
        _refuse(f"Error: {field} not supported")
    return str(value)


def _duration(field: str, value: Any) -> int:
    seconds = _number(field, value)
    if seconds < _MIN_DURATION_SECONDS:
        _refuse(f"Invalid body param: {field} less than {_MIN_DURATION_SECONDS} seconds")
    if seconds > _MAX_DURATION_SECONDS:
        _refuse(f"Invalid body param: {field} greater than {_MAX_DURATION_SECONDS} seconds")
    return seconds


def _object(field: str, value: Any) -> JsonObject:
    if not isinstance(value, dict):
        _refuse(f"Invalid body param: {field} must be an object")
    return value


def _polls(field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        _refuse(f"Invalid body param: {field} must be a list")
    return tuple(_string(field, poll) for poll in value)


def _webhook(field: str, value: Any) -> JsonObject:
    webhook = _object(field, value)
    if not _string("webhook.url", webhook.get("url", "")):
        _refuse("Invalid body param: webhook.url is required")
    for header in _object("webhook.headers", webhook.get("headers") or {}).values():
        _string("webhook.headers", header)
    return webhook


def _recording_info(field: str, value: Any) -> JsonObject:
    recording = _object(field, value)
    upload = recording.get("upload_info")
    if upload is not None:
        if _object("upload_info", upload).get("type") not in UPLOAD_TYPES:
            _refuse("Invalid upload configuration")
        if not upload.get("location"):
            _refuse("Bucket location is missing")
    return recording


_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "description": _string,
    "region": _region,
    "large_room": _flag,
    "size": _number,
    "max_duration_seconds": _duration,
    "recording_info": _recording_info,
    "polls": _polls,
    "webhook": _webhook,
}
