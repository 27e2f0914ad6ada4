"""One authenticated request to Agora's REST API, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.responses import JSONResponse, Response
from starlette.datastructures import QueryParams

from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.problems import Problem


class AgoraProblem(Problem):
    """Agora says no; all it promises about the answer is a `message`."""

    def as_response(self, headers: dict[str, str] | None = None) -> Response:
        """The answer a caller sees."""
        return JSONResponse({"message": self.message}, self.status, headers=headers)


@dataclass(frozen=True, slots=True)
class AgoraAsk:
    """A request with valid credentials."""

    path: Mapping[str, str]
    query: QueryParams
    body: JsonObject

    @property
    def named_app_id(self) -> object:
        """The App ID, which every request names in its path, its body or its query."""
        return self.path.get("appid") or self.body.get("appid") or self.query.get("appid")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """A query parameter that is a whole number in this range; `default` when it is absent."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise AgoraProblem(400, f"invalid {name}")
        return int(text)
