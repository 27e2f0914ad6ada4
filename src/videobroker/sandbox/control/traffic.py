"""Request counts, the request log, and fault injection."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.control.routes import route
from videobroker.sandbox.faults import read_fault
from videobroker.sandbox.json_body import read_object
from videobroker.sandbox.operations import Instrumentation
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.traffic import RequestLog


def traffic_routes(state: SandboxState, instrumentation: Instrumentation, log: RequestLog) -> list[Route]:
    """Routes for counts and recent requests."""

    def counts() -> Response:
        return JSONResponse(instrumentation.counters.as_json() | {"rooms_created": state.rooms_created})

    async def counters(_: Request) -> Response:
        return counts()

    async def reset(_: Request) -> Response:
        instrumentation.counters.reset()
        state.rooms_created = 0
        return counts()

    async def requests(_: Request) -> Response:
        return JSONResponse({"requests": [request.as_json() for request in log.latest()]})

    return [
        route("GET", "/counters", counters),
        route("POST", "/counters/reset", reset),
        route("GET", "/requests", requests),
    ]


def fault_routes(instrumentation: Instrumentation, operations: frozenset[str]) -> list[Route]:
    """Routes that inject and list faults."""

    def pending() -> Response:
        return JSONResponse({"faults": [fault.as_json() for fault in instrumentation.faults.pending()]})

    async def inject_fault(request: Request) -> Response:
        instrumentation.faults.add(read_fault(await read_object(request), operations))
        return pending()

    async def show(_: Request) -> Response:
        return pending()

    async def clear(_: Request) -> Response:
        instrumentation.faults.clear()
        return pending()

    return [
        route("POST", "/faults", inject_fault),
        route("GET", "/faults", show),
        route("DELETE", "/faults", clear),
    ]
