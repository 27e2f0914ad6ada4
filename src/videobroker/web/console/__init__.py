"""The console: what an operator sees and does, as pages. Rendered here, without a build step."""

from fastapi import APIRouter, FastAPI

from videobroker.web.console import booking, deliveries, diagnosis, session, signing_in, today
from videobroker.web.console.access import ConsoleAccess
from videobroker.web.console.visits import ConsoleRoute
from videobroker.web.reading import by_name

router = APIRouter(
    prefix="/console", include_in_schema=False, route_class=ConsoleRoute, generate_unique_id_function=by_name
)
for part in (signing_in, today, session, booking, deliveries, diagnosis):
    router.include_router(part.router)
# Last: whatever no page answers to.
router.include_router(signing_in.nowhere)


def install(app: FastAPI, door: ConsoleAccess) -> None:
    """Give the service a console behind this door."""
    app.state.console = door
    app.state.console_examinations = {}
    app.include_router(router)
