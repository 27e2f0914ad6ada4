"""Routes that are declared once and mounted for bookings and for groups."""

import httpx
from fastapi import FastAPI

from videobroker.domain.sessions import SessionKind
from videobroker.web.v1.session_router import Kind, SessionRouter

router = SessionRouter()


@router.get("/size", operation_id="get{Kind}Size", summary="The size of a {kind}")
async def read_size(kind: Kind, reference: str) -> str:
    return f"{kind} {reference}"


@router.delete("", operation_id="delete{Kind}", summary="Delete", status_code=204)
async def delete(kind: Kind, reference: str) -> None: ...


def application() -> FastAPI:
    app = FastAPI()
    for kind in SessionKind:
        app.include_router(router.for_kind(kind), prefix="/v1")
    return app


async def test_the_handler_gets_the_kind_of_the_path() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application()), base_url="http://here") as client:
        for kind in SessionKind:
            assert (await client.get(f"/v1/{kind}s/one/size")).json() == f"{kind} one"
            assert (await client.delete(f"/v1/{kind}s/one")).status_code == 204


def test_each_kind_has_its_own_operation_id_summary_and_tag() -> None:
    paths = application().openapi()["paths"]
    for kind in SessionKind:
        operation = paths[f"/v1/{kind}s/{{reference}}/size"]["get"]
        assert operation["operationId"] == f"get{kind.title()}Size"
        assert operation["summary"] == f"The size of a {kind}"
        assert operation["tags"] == [f"{kind}s"]
        assert [each["name"] for each in operation["parameters"]] == ["reference"]
