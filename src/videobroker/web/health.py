"""Health checks, metrics, and the explanation of error codes."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from videobroker.errors import CATALOG, PathNotFound
from videobroker.web.http.problems import described
from videobroker.web.http.requests import by_name

router = APIRouter(tags=["operations"], generate_unique_id_function=by_name)


class Health(BaseModel):
    """The process is healthy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str = "ok"


class ProblemKind(BaseModel):
    """An error code."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "too_early",
                    "status": 403,
                    "title": CATALOG["too_early"].title,
                    "hint": CATALOG["too_early"].hint,
                }
            ]
        }
    )

    code: str
    status: int
    title: str = Field(description="A short name of the problem.")
    hint: str = Field(description="What to do next.")


@router.get("/healthz", summary="Check liveness")
async def get_health() -> Health:
    """Returns 200 if the process can respond. Does not check the database."""
    return Health()


@router.get("/readyz", summary="Check readiness", responses=described("storage_unavailable"))
async def get_readiness(request: Request) -> Health:
    """Returns 200 if the service can serve requests: the database responds to a query."""
    await request.app.state.broker.store.ping()
    return Health()


@router.get("/metrics", summary="Get metrics", response_class=Response)
async def get_metrics() -> Response:
    """Returns metrics in the Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{code}", summary="Explain an error code", responses=described("path_not_found", "invalid_request")
)
async def get_problem(
    code: Annotated[str, Path(description="The error code.", examples=["too_early"])],
) -> ProblemKind:
    """Returns the explanation of an error code. This is the URL in the `type` of problem documents."""
    kind = CATALOG.get(code)
    if kind is None:
        raise PathNotFound(f"There is no error code {code!r}. See `/docs`.")
    return ProblemKind(code=kind.code, status=kind.status, title=kind.title, hint=kind.hint)
