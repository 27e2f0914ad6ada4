"""Health checks and metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict

from videobroker.usecases.operations.metrics import DatabaseMetrics
from videobroker.web.http.problems import described
from videobroker.web.http.requests import by_name

router = APIRouter(tags=["operations"], generate_unique_id_function=by_name)


class Health(BaseModel):
    """The process is healthy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str = "ok"


@router.get("/healthz", summary="Check liveness")
async def get_health() -> Health:
    """Returns 200 if the process can respond. Does not check the database."""
    return Health()


@router.get("/readyz", summary="Check readiness", responses=described("storage_unavailable"))
async def get_readiness(request: Request) -> Health:
    """Returns 200 if this process can serve requests: the database responds to a query, and can be written.

    Does not check the background work, because a missing worker must not stop people from joining."""
    await request.app.state.broker.store.ping()
    return Health()


@router.get("/metrics", summary="Get metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """Returns metrics in the Prometheus text format."""
    metrics: DatabaseMetrics = request.app.state.database_metrics
    return Response(generate_latest() + await metrics.render(request.app.state.broker), media_type=CONTENT_TYPE_LATEST)
