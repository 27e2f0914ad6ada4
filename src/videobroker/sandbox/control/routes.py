"""How a route of the control API is written."""

from starlette.routing import Route

from videobroker.sandbox.operations import Endpoint


def route(method: str, path: str, endpoint: Endpoint) -> Route:
    """One method on one path under `/_sandbox`."""
    return Route(f"/_sandbox{path}", endpoint, methods=[method])
