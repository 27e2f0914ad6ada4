"""Uses up the room codes of a room."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.control.routes import room_in_path, route
from videobroker.sandbox.json_body import optional_whole_number, read_optional_object
from videobroker.sandbox.rest.room_codes import MAX_ROOM_CODES, use_up_codes
from videobroker.sandbox.state import SandboxState


def code_routes(state: SandboxState) -> list[Route]:
    """Routes that use up room codes, as many calls would."""

    async def use_up(request: Request) -> Response:
        room, body = room_in_path(state, request), await read_optional_object(request)
        leave = optional_whole_number(body, "leave", low=0, high=MAX_ROOM_CODES) or 0
        return JSONResponse({"codes": use_up_codes(state, room, leave=leave), "most": MAX_ROOM_CODES})

    return [route("POST", "/rooms/{room_id}/used-up-codes", use_up)]
