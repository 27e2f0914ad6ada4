"""Putting the pretend vendor together."""

from fastapi import FastAPI

from videobroker.sandbox.config import SandboxConfig
from videobroker.sandbox.control import control_routes
from videobroker.sandbox.exchange import exchange_operations
from videobroker.sandbox.operations import Vendor
from videobroker.sandbox.pages import page_routes
from videobroker.sandbox.problems import answer_problems
from videobroker.sandbox.rest import rest_operations
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.traffic import Listening, RequestLog


def create_sandbox(config: SandboxConfig, state: SandboxState | None = None) -> FastAPI:
    """A pretend vendor with the workspaces of `config`.

    Hand in a `state` to keep hold of it, or to give the sandbox another clock. Without one, the state file of
    `config` is read, if it names one; `DamagedSnapshot` is raised when the file makes no sense.
    """
    if state is None:
        state = SandboxState(config)
    vendor, log = Vendor(), RequestLog()
    operations = [*rest_operations(state, vendor), *exchange_operations(state, vendor)]
    names = frozenset(operation.name for operation in operations)
    app = FastAPI(
        title="videobroker sandbox",
        openapi_url=None,
        redirect_slashes=False,
        routes=[*operations, *control_routes(state, vendor, log, names), *page_routes(state)],
    )
    app.add_middleware(Listening, log=log)
    answer_problems(app)
    return app
