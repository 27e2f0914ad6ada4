"""Signs of life, for orchestrators and for scrapers."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict

from videobroker.web.http.problems import STATUS, NoSuchPath, described
from videobroker.web.http.requests import by_name

router = APIRouter(tags=["operations"], generate_unique_id_function=by_name)


class Health(BaseModel):
    """Alive."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str = "ok"


class ProblemKind(BaseModel):
    """A kind of problem."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "too_early", "status": 403}]})

    code: str
    status: int


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Health:
    """Answers without asking anybody."""
    return Health()


@router.get("/readyz", summary="Can it serve requests", responses=described("storage_unavailable"))
async def readyz(request: Request) -> Health:
    """Asks the database."""
    await request.app.state.broker.store.ping()
    return Health()


@router.get("/metrics", summary="Measurements for Prometheus", response_class=Response)
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{code}", summary="Explain an error code", responses=described("path_not_found", "invalid_request")
)
async def explain_problem(code: str) -> ProblemKind:
    """Where `type` of a problem document points."""
    if code not in STATUS:
        raise NoSuchPath(f"There is no error code {code!r}.")
    return ProblemKind(code=code, status=STATUS[code])
