"""Errors in the vendor's format: the HTTP status as `code`, a short `message`, and sometimes `details`."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException


class VendorError(Exception):
    """An error response of the vendor."""

    def __init__(self, status: int, message: str, *details: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details

    def as_response(self, headers: dict[str, str] | None = None) -> Response:
        body: dict[str, Any] = {"code": self.status, "message": self.message}
        if self.details:
            body["details"] = list(self.details)
        return JSONResponse(body, self.status, headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    """Format every error of `app` like the vendor, including unknown routes and internal errors."""
    app.add_exception_handler(VendorError, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _internal_error)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, VendorError)  # noqa: S101 - registered for nothing else
    return error.as_response()


async def _not_routed(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return VendorError(error.status_code, HTTPStatus(error.status_code).phrase).as_response()


async def _internal_error(_: Request, __: Exception) -> Response:
    return VendorError(500, "internal server error").as_response()
