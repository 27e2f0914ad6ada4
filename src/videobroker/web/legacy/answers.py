"""Errors in a family's old words: every family has a small table, and everything else is a sentence with its status."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from videobroker.errors import BrokerError
from videobroker.web.problems import code_of, headers_of, invalid_request, status_of
from videobroker.web.reading import JsonRoute


@dataclass(frozen=True, slots=True)
class OldErrors:
    """What a family answers to each of our codes: `{"error": sentence}` with a status."""

    table: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Our code -> the family's status and sentence."""

    def response(self, error: BrokerError) -> JSONResponse:
        """The error in the family's words; what the table does not name keeps our status and sentence.

        Our stable code stands beside it as `code`, and the access decision is not repeated: old clients read `error`.
        """
        code = code_of(error)
        status, sentence = self.table.get(code, (status_of(error), error.detail))
        return JSONResponse({"error": sentence, "code": code}, status, headers=headers_of(error, status))


def old_route(errors: OldErrors) -> type[APIRoute]:
    """A kind of route that reads strict JSON and answers errors in the family's words."""

    class OldRoute(JsonRoute):
        """Reads JSON, and speaks of errors as its family does."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler, with errors in old words."""
            handle = super().get_route_handler()

            async def handle_in_old_words(request: Request) -> Response:
                try:
                    return await handle(request)
                except BrokerError as error:
                    return errors.response(error)
                except RequestValidationError as error:
                    return errors.response(invalid_request(error))

            return handle_in_old_words

    return OldRoute
