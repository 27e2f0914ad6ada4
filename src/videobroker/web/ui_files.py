"""The files of the UI kit, which every page of the service may load."""

from fastapi import APIRouter, Request, Response

from videobroker import ui
from videobroker.web.http.requests import by_name
from videobroker.web.http.static_files import static_file

router = APIRouter(include_in_schema=False, generate_unique_id_function=by_name)


@router.get("/ui/{name}")
async def send_ui_file(request: Request, name: str) -> Response:
    return static_file(ui.FOLDER, name).response(request)
