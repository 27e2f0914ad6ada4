"""Authenticated requests to Agora's REST API, and their errors."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.responses import JSONResponse, Response
from starlette.datastructures import QueryParams

from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject


class AgoraError(VendorError):
    """An error response of Agora, which documents only its `message`."""

    def as_response(self, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse({"message": self.message}, self.status, headers=headers)


@dataclass(frozen=True, slots=True)
class AgoraRequest:
    """A request with valid credentials."""

    path: Mapping[str, str]
    query: QueryParams
    body: JsonObject

    @property
    def named_app_id(self) -> object:
        """The App ID, which is in the path, the body, or the query of every request."""
        return self.path.get("appid") or self.body.get("appid") or self.query.get("appid")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """An integer query parameter; `default` if it is absent. Raises `AgoraError` if it is out of range."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise AgoraError(400, f"invalid {name}")
        return int(text)
