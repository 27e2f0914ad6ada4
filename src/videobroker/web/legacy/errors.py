"""Errors on legacy endpoints: the catalog (`videobroker.errors`) in the shape and the texts of each legacy family.

The body is `{"error": text}`, as the old backends sent it; the header `Videobroker-Code` has the code of the catalog.
Errors that a table does not list have the status and the detail of the catalog.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from videobroker.current_request import record_error_code
from videobroker.domain.apps import LegacyFamily
from videobroker.errors import CATALOG, BrokerError
from videobroker.web.http.problems import (
    described,
    grouped_by_status,
    headers_of,
    invalid_request,
    listed,
    log_failure,
    unexpected,
)
from videobroker.web.http.requests import JsonRoute

CODE_HEADER = "Videobroker-Code"
DEPRECATED_AT_SECONDS = 1_796_083_200
"""2026-12-01: since then, the operations are deprecated in favor of `/v1`. Their end is not planned: there is no
`Sunset`. `docs/explanation/versioning.md` has the policy."""


class LegacyError(BaseModel):
    """An error in the format of the legacy API."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": "Booking not found"}]})

    error: str = Field(description="The error message. The header `Videobroker-Code` has the stable error code.")


class LegacyErrorResponse(NamedTuple):
    """What a family responds with instead of an error of the catalog."""

    status: int
    text: str | None = None
    """None: the detail of the error."""


@dataclass(frozen=True, slots=True)
class LegacyErrors:
    """The errors of one kind of endpoint of a family."""

    endpoints: str
    """Which endpoints, for `docs/reference/errors.md`."""
    table: Mapping[str, LegacyErrorResponse] = field(default_factory=dict)
    """By code of the catalog."""

    def response(self, error: BrokerError) -> JSONResponse:
        """The error as a response."""
        record_error_code(error.code)
        status, text = self.table.get(error.code) or LegacyErrorResponse(error.status)
        headers = headers_of(error, status) | {CODE_HEADER: error.code}
        return JSONResponse({"error": error.detail if text is None else text}, status, headers=headers)

    def described(self, *codes: str) -> dict[int | str, dict[str, Any]]:
        """The responses of an operation in the OpenAPI document.

        Bodies that are too large are rejected before the family is known, with a problem document.
        """
        legacy = [code for code in codes if code != "body_too_large"]
        responses: dict[int | str, dict[str, Any]] = {
            status: {"model": LegacyError, "description": listed(codes_of_status)}
            for status, codes_of_status in grouped_by_status(legacy, self._status).items()
        }
        return responses | (described("body_too_large") if "body_too_large" in codes else {})

    def _status(self, code: str) -> int:
        return self.table[code].status if code in self.table else CATALOG[code].status


VENDOR_PROBLEMS = ("provider_unavailable", "provider_refused", "provider_not_configured", "room_not_ready")

TUTORING = LegacyErrors(
    "tutoring: tokens and calls of a booking",
    MappingProxyType(
        {
            "session_not_found": LegacyErrorResponse(404, "Booking not found"),
            "call_not_found": LegacyErrorResponse(404, "Video session not found"),
            "role_may_not": LegacyErrorResponse(403, "You may not start or end the call of this booking"),
            "not_a_participant": LegacyErrorResponse(403, "You are not a participant of this booking"),
            "participant_removed": LegacyErrorResponse(403, "You were removed from this booking"),
            "session_not_confirmed": LegacyErrorResponse(403, "Booking is not confirmed"),
            "session_cancelled": LegacyErrorResponse(403, "Booking was cancelled"),
            "session_completed": LegacyErrorResponse(403, "Booking is completed"),
            "video_disabled": LegacyErrorResponse(403, "Video is not enabled for this booking"),
            "too_early": LegacyErrorResponse(403, "It is too early to join this booking"),
            "session_over": LegacyErrorResponse(403, "This booking is over"),
            "waiting_for_host": LegacyErrorResponse(403, "The host has not joined yet"),
            "waiting_for_admission": LegacyErrorResponse(403, "The host has not admitted you yet"),
        }
    ),
)
"""Their frontends show the text, and distinguish errors by the status only."""


def _group_errors(endpoints: str, failure: str) -> LegacyErrors:
    """`failure` is the text of all errors that the caller did not cause."""
    failures = {code: LegacyErrorResponse(500, failure) for code, kind in CATALOG.items() if kind.status >= 500}
    return LegacyErrors(
        endpoints,
        MappingProxyType(
            {
                **failures,
                "role_not_mapped": LegacyErrorResponse(500, failure),
                "invalid_group_id": LegacyErrorResponse(400, "Invalid group ID"),
                "invalid_request_body": LegacyErrorResponse(400, "Invalid request body"),
                "guest_name_required": LegacyErrorResponse(400, "Guest name is required"),
                "session_not_found": LegacyErrorResponse(404, "Group not found"),
                "not_a_participant": LegacyErrorResponse(403, "Not a member of this group"),
                "video_disabled": LegacyErrorResponse(400, "Video is not enabled for this group"),
                "guests_not_allowed": LegacyErrorResponse(403, "Guests are not allowed in this group"),
                "participant_removed": LegacyErrorResponse(403, "You were removed from this group"),
                "session_cancelled": LegacyErrorResponse(403, "This group was closed"),
                "waiting_for_host": LegacyErrorResponse(403, "The host has not joined yet"),
                "waiting_for_admission": LegacyErrorResponse(403, "The host has not admitted you yet"),
            }
        ),
    )


GROUP_MEMBERS = _group_errors("groups: tokens of members", "Failed to generate video token")
GROUP_GUESTS = _group_errors("groups: tokens of guests", "Failed to generate guest token")

NO_VIDEO_ROOM = "No video room for this booking"
_NO_ROOM_CODE = "Failed to create room code"
_NO_VIDEO_INFO = LegacyErrorResponse(500, "Failed to get video info")
WITHOUT_VIDEO_ROOM = (
    "session_not_found",
    "video_disabled",
    "session_cancelled",
    "session_completed",
    "session_not_confirmed",
    "session_over",
    "not_a_participant",
    "participant_removed",
)

APPOINTMENT_CREATION = LegacyErrors(
    "appointments: creation",
    MappingProxyType(
        {
            "invalid_request": LegacyErrorResponse(400),
            "duplicate_participant": LegacyErrorResponse(400),
            "provider_unavailable": LegacyErrorResponse(503, _NO_ROOM_CODE),
            "room_not_ready": LegacyErrorResponse(503, _NO_ROOM_CODE),
            "provider_not_configured": LegacyErrorResponse(503, _NO_ROOM_CODE),
            "provider_refused": LegacyErrorResponse(502, _NO_ROOM_CODE),
            "internal_error": LegacyErrorResponse(500, "Failed to create booking"),
        }
    ),
)
APPOINTMENT_INFO = LegacyErrors(
    "appointments: video information",
    MappingProxyType(
        {
            **dict.fromkeys(WITHOUT_VIDEO_ROOM, LegacyErrorResponse(404, NO_VIDEO_ROOM)),
            **dict.fromkeys(VENDOR_PROBLEMS, _NO_VIDEO_INFO),
            "storage_unavailable": _NO_VIDEO_INFO,
            "seal_broken": _NO_VIDEO_INFO,
            "internal_error": _NO_VIDEO_INFO,
        }
    ),
)

_THERAPY = {
    "session_not_found": LegacyErrorResponse(404, "Booking not found"),
    "internal_error": LegacyErrorResponse(500, "Internal server error"),
}
THERAPY_READS = LegacyErrors("video calls: reading", MappingProxyType(_THERAPY))
THERAPY_WRITES = LegacyErrors(
    "video calls: creation and changes",
    MappingProxyType(
        {**_THERAPY, "invalid_request": LegacyErrorResponse(400), "duplicate_participant": LegacyErrorResponse(400)}
    ),
)
THERAPY_ROOM_CODES = LegacyErrors(
    "video calls: resolving a room code",
    MappingProxyType({**_THERAPY, "session_not_found": LegacyErrorResponse(404, "Room not found")}),
)

LEGACY_ERRORS = (
    TUTORING,
    GROUP_MEMBERS,
    GROUP_GUESTS,
    APPOINTMENT_CREATION,
    APPOINTMENT_INFO,
    THERAPY_READS,
    THERAPY_WRITES,
    THERAPY_ROOM_CODES,
)


def legacy_route(errors: LegacyErrors, family: LegacyFamily) -> type[APIRoute]:
    """A route class that reads strict JSON, responds to errors as the family does, and forbids caching.

    `videobroker.web.http.auth` rejects requests of apps that do not enable the family.
    """

    class LegacyRoute(JsonRoute):
        strict_query = False
        negotiates = False
        legacy_family = family

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler, with the family's errors."""
            handle = super().get_route_handler()

            async def respond(request: Request) -> Response:
                try:
                    return await handle(request)
                except BrokerError as error:
                    log_failure(error)
                    return errors.response(error)
                except RequestValidationError as error:
                    return errors.response(invalid_request(error))
                except HTTPException:
                    raise
                except Exception as error:  # noqa: BLE001  clients of the family expect its shape for every error
                    return errors.response(unexpected(error))

            async def respond_as_deprecated(request: Request) -> Response:
                response = await respond(request)
                response.headers.setdefault("Cache-Control", "no-store")
                response.headers["Deprecation"] = f"@{DEPRECATED_AT_SECONDS}"
                response.headers["Link"] = (
                    f'<{request.scope.get("root_path", "")}/docs>; rel="deprecation"; type="text/html"'
                )
                return response

            return respond_as_deprecated

    return LegacyRoute
