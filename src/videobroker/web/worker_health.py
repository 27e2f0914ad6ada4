"""The HTTP endpoints of `videobroker work`: `/healthz`, `/readyz`, and `/metrics`.

They mean what those of the service mean. Made without the framework, which a worker does not need.
"""

from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from videobroker.broker import Broker
from videobroker.concurrency.progress import Progress
from videobroker.errors import StorageUnavailable
from videobroker.usecases.operations.metrics import DatabaseMetrics

LIVE_SECONDS = 60.0
"""A worker checks its queue every five seconds, and without a database, it tries to connect every few seconds. None of
these steps can last this long: a worker that has done neither is stuck, and only a restart helps."""
READY_SECONDS = 30.0
"""The same, for a queue that answers."""


def worker_app(broker: Broker, progress: Progress) -> Starlette:
    """The application of a worker that records its progress there."""
    metrics = DatabaseMetrics()

    async def get_health(_: Request) -> Response:
        if progress.has_attempted_within(LIVE_SECONDS):
            return _ok()
        return _failed(f"The worker has done nothing for more than {LIVE_SECONDS:g} s. Restart it.")

    async def get_readiness(_: Request) -> Response:
        try:
            await broker.store.ping()
        except StorageUnavailable as error:
            return _failed(error.detail)
        if progress.has_succeeded_within(READY_SECONDS):
            return _ok()
        return _failed("The worker has no connection to the job queue. Its log has the error.")

    async def get_metrics(_: Request) -> Response:
        return Response(generate_latest() + await metrics.render(broker), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", get_health, methods=["GET"]),
            Route("/readyz", get_readiness, methods=["GET"]),
            Route("/metrics", get_metrics, methods=["GET"]),
        ]
    )


def _ok() -> Response:
    return JSONResponse({"status": "ok"})


def _failed(detail: str) -> Response:
    return JSONResponse({"status": "failed", "detail": detail}, HTTPStatus.SERVICE_UNAVAILABLE)
