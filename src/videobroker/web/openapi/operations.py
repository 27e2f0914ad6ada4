"""What all operations have in common: security, errors that any request can get, headers, and deprecation."""

from typing import Any

from videobroker.web.http.problems import described
from videobroker.web.openapi import walk
from videobroker.web.openapi.headers import add_headers
from videobroker.web.openapi.walk import Json

ENTITY_TAG_HEADERS = {"If-Match", "If-None-Match"}
_TAG = '(W/)?"[!#-~]*"'
ENTITY_TAGS = rf"^([ \t]*\*[ \t]*|[ \t,]*{_TAG}([ \t]*,[ \t,]*{_TAG})*[ \t,]*)$"
"""What `web/http/conditional.py` accepts: `*`, or a list of entity tags."""

ROLE_EXTENSION = "x-required-role"
"""The least role of an operator, for operations of `/v1/admin`."""

REPLACEMENTS = {
    "createTutoring100msToken": "joinBooking",
    "createTutoringAgoraToken": "joinBooking",
    "startVideoSession": "startBookingCall",
    "endVideoSession": "endBookingCall",
    "createGroupVideoToken": "joinGroup",
    "createGroupGuestToken": "joinGroupAsGuest",
    "createAppointment": "createBooking",
    "getAppointmentVideoInfo": "joinBooking",
    "createVideoCall": "createBooking",
    "listVideoCalls": "listBookings",
    "getVideoCall": "getBooking",
    "updateVideoCall": "updateBooking",
    "reportVideoCallEvent": "reportEvent",
    "listVideoCallLog": "listEvents",
    "resolveRoomCode": "joinBooking",
}
"""Legacy operations, and those that replace them."""


def complete(document: Json) -> None:
    """Complete every operation."""
    found = {operation["operationId"]: (path, method) for path, method, operation in walk.operations(document)}
    for _, method, operation in walk.operations(document):
        _name_scopes(operation)
        _name_role(operation)
        if operation["tags"][0].startswith("legacy"):
            _deprecate(operation, *found[REPLACEMENTS[operation["operationId"]]])
        _add_common_errors(operation, method)
        add_headers(operation)
        for parameter in operation.get("parameters", ()):
            _complete_parameter(parameter)


def _complete_parameter(parameter: Json) -> None:
    """A parameter is optional, never null."""
    schema = parameter["schema"]
    schema.pop("description", None)
    if isinstance(schema.get("type"), list):
        (schema["type"],) = (each for each in schema["type"] if each != "null")
    if "anyOf" in schema:
        others = [member for member in schema["anyOf"] if member != {"type": "null"}]
        if len(others) == 1:
            del schema["anyOf"]
            schema.update(others[0])
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if parameter["name"] in ENTITY_TAG_HEADERS:
        schema["pattern"] = ENTITY_TAGS


def _name_scopes(operation: Json) -> None:
    """Only OAuth schemes have scopes in `security`. What a user token may do depends on its user."""
    requirements = operation.get("security", [])
    scopes = sorted({scope for requirement in requirements for listed in requirement.values() for scope in listed})
    operation["security"] = [{name: [] for name in requirement} for requirement in requirements]
    if scopes:
        named = " and ".join(f"`{scope}`" for scope in scopes)
        operation["x-required-scopes"] = scopes
        noun = "scope" if len(scopes) == 1 else "scopes"
        operation["description"] += f"\n\nAn API key needs the {noun} {named}."


def _name_role(operation: Json) -> None:
    if ROLE_EXTENSION in operation:
        operation["description"] += f"\n\nAn operator key needs the role `{operation[ROLE_EXTENSION]}`."


def _deprecate(operation: Json, path: str, method: str) -> None:
    operation["deprecated"] = True
    replacement = REPLACEMENTS[operation["operationId"]]
    operation["description"] += f"\n\nFor existing clients. Use `{replacement}` instead: `{method.upper()} {path}`."


def _add_common_errors(operation: Json, method: str) -> None:
    codes = ["method_not_allowed"]
    if "requestBody" in operation:
        codes += ["unsupported_media_type", "unsupported_content_encoding"]
    if operation["security"] and not operation.get("deprecated"):
        codes.append("not_acceptable")
    missing: dict[str, Any] = {str(status): response for status, response in described(*codes).items()}
    operation["responses"] = dict(sorted((missing | operation["responses"]).items()))
