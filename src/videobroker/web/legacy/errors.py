"""Errors in a family's old words: every family has a small table, and everything else is a sentence with its status."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from videobroker.domain.apps import LegacyFamily
from videobroker.errors import BrokerError
from videobroker.web.http.problems import (
    STATUS,
    code_of,
    described,
    headers_of,
    invalid_request,
    log_failure,
    status_of,
    unexpected,
)
from videobroker.web.http.requests import JsonRoute

CODE_HEADER = "Videobroker-Code"


class OldError(BaseModel):
    """An error in the family's words."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": "Booking not found"}]})

    error: str = Field(description="A sentence. Our stable code for it stands in the header `Videobroker-Code`.")


@dataclass(frozen=True, slots=True)
class OldErrors:
    """What a family answers to each of our codes: `{"error": sentence}` with a status."""

    table: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Our code -> the family's status and sentence; an empty sentence leaves ours."""

    def response(self, error: BrokerError) -> JSONResponse:
        """The error in the family's words; what the table does not name keeps our status and sentence.

        The body is the old one and nothing more. Our stable code stands in the header `Videobroker-Code`.
        """
        code = code_of(error)
        status, sentence = self.table.get(code, (status_of(error), error.detail))
        headers = headers_of(error, status) | {CODE_HEADER: code}
        return JSONResponse({"error": sentence or error.detail}, status, headers=headers)

    def described(self, *codes: str) -> dict[int | str, dict[str, Any]]:
        """For the OpenAPI document: the errors an operation may answer with, by status.

        A body that is too large is refused before anybody knows the family, with a problem document.
        """
        by_status: dict[int | str, list[str]] = {}
        for code in codes:
            if code != "body_too_large":
                status, _ = self.table.get(code, (STATUS.get(code, 500), ""))
                by_status.setdefault(status, []).append(code)
        old: dict[int | str, dict[str, Any]] = {
            status: {"model": OldError, "description": ", ".join(f"`{code}`" for code in names)}
            for status, names in by_status.items()
        }
        return old | (described("body_too_large") if "body_too_large" in codes else {})


def old_route(errors: OldErrors, family: LegacyFamily) -> type[APIRoute]:
    """A kind of route that reads strict JSON, answers errors in the family's words, and has no answer stored.

    It exists for the apps that enable the family: `videobroker.web.http.auth` sees to that.
    """

    class OldRoute(JsonRoute):
        """Reads JSON, and speaks of errors as its family does."""

        strict_query = False
        legacy_family = family

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler, with errors in old words."""
            handle = super().get_route_handler()

            async def handle_in_old_words(request: Request) -> Response:
                try:
                    response = await handle(request)
                except BrokerError as error:
                    log_failure(error)
                    return errors.response(error)
                except RequestValidationError as error:
                    return errors.response(invalid_request(error))
                except HTTPException:
                    raise
                except Exception as error:  # noqa: BLE001  the family has words for what nobody expected, too
                    return errors.response(unexpected(error))
                response.headers.setdefault("Cache-Control", "no-store")
                return response

            return handle_in_old_words

    return OldRoute
