"""Reads JSON objects from requests, with any content type."""

import json
from typing import Any

from fastapi import Request

from videobroker.sandbox.errors import VendorError

JsonObject = dict[str, Any]


async def read_object(request: Request) -> JsonObject:
    """The body of the request. Raises `VendorError` if it is empty, malformed, or not an object."""
    raw = await request.body()
    if not raw.strip():
        raise VendorError(400, "request body must not be empty")
    try:
        body = json.loads(raw)
    except json.JSONDecodeError as error:
        message = f"request body contains badly-formed JSON (at position {error.pos + 1})"
        raise VendorError(400, message) from None
    except (UnicodeDecodeError, RecursionError):
        raise VendorError(400, "request body contains badly-formed JSON") from None
    if not isinstance(body, dict):
        raise VendorError(400, "request body must be a JSON object")
    return body


def optional_string(body: JsonObject, field: str) -> str | None:
    """The string in `field`; None if it is absent or null. Raises `VendorError` for other values."""
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise VendorError(400, "Invalid body param", f"Invalid body param: {field} must be a string")
    return value


def required_string(body: JsonObject, field: str) -> str:
    """The string in `field`. Raises `VendorError` if it is absent or empty."""
    value = optional_string(body, field)
    if not value:
        raise VendorError(400, "Invalid body param", f"Invalid body param: {field} is required")
    return value


async def read_optional_object(request: Request) -> JsonObject:
    """Like `read_object`, but a missing body is an empty object."""
    return await read_object(request) if (await request.body()).strip() else {}


def optional_seconds(body: JsonObject, field: str, default: float) -> float:
    """The seconds in `field`, from zero to an hour. Raises `VendorError` for other values."""
    value = body.get(field)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 3_600:
        raise VendorError(400, "Invalid body param", f"Invalid body param: {field} must be a number from 0 to 3600")
    return float(value)


def optional_whole_number(body: JsonObject, field: str, *, low: int, high: int) -> int | None:
    """The integer in `field`; None if it is absent or null. Raises `VendorError` for other values."""
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        message = f"Invalid body param: {field} must be a whole number from {low} to {high}"
        raise VendorError(400, "Invalid body param", message)
    return value


def required_url(body: JsonObject, field: str) -> str:
    """The HTTP URL in `field`. Raises `VendorError` if it is absent or another URL."""
    url = required_string(body, field)
    if not url.startswith(("http://", "https://")):
        raise VendorError(400, "Invalid body param", f"Invalid body param: {field} must begin with http:// or https://")
    return url
