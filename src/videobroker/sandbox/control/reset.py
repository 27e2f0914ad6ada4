"""Resets all switches."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.sandbox.control.routes import route
from videobroker.sandbox.operations import Instrumentation
from videobroker.sandbox.outbox import Outbox
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import Targets


def reset_routes(state: SandboxState, instrumentation: Instrumentation, outbox: Outbox) -> list[Route]:
    """A route that clears counts, faults, and webhooks, for tests. Rooms and people stay."""

    async def reset(_: Request) -> Response:
        instrumentation.counters.reset()
        state.rooms_created = 0
        instrumentation.faults.clear()
        state.set_targets(Targets())
        outbox.set_behavior(outbox.default_behavior)
        await outbox.clear()
        return JSONResponse({})

    return [route("POST", "/reset", reset)]
