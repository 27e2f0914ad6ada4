"""Operator keys, with which programs manage this installation."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.ids import KeyId
from videobroker.domain.operators import OperatorRole
from videobroker.errors import InvalidInput
from videobroker.usecases import management
from videobroker.web.console.app_credentials import expiry_of
from videobroker.web.console.app_page import DONE_TEXT, KEYS_PER_PAGE, AppForm
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.managed_apps import Cursor, Did
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, FormRequest, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/operator-keys", route_class=ConsoleRoute, generate_unique_id_function=by_name)


@router.get("")
async def console_operator_keys(console: ViewRequest, did: Did = "", cursor: Cursor = "") -> Response:
    """All operator keys, page by page."""
    return await _page(console, AppForm(), did=did, cursor=cursor)


async def _page(
    console: ConsoleRequest, state: AppForm, *, did: str = "", cursor: str = "", status: int = 200
) -> Response:
    context = console.service_context()
    return rendered(
        "operator_keys.html",
        operator=console.operator,
        here="apps",
        status=status,
        keys=await management.list_operator_keys(context, limit=KEYS_PER_PAGE, cursor=cursor or None),
        first=not cursor,
        roles=[role.value for role in OperatorRole],
        state=state,
        notice_text=_(DONE_TEXT[did]) if did in DONE_TEXT else "",
        now=console.now,
    )


@router.post("")
async def console_create_operator_key(console: FormRequest) -> Response:
    """Create an operator key, and show it once."""
    form = console.submitted()
    try:
        role = OperatorRole(form.text("role")) if form.text("role") in set(OperatorRole) else OperatorRole.VIEWER
        secret, key = await management.create_operator_key(
            console.service_context(), form.text("name"), role=role, expires_at=expiry_of(console, form)
        )
    except InvalidInput as error:
        listed = error.fields.get("errors") or [{"pointer": "body/name", "message": error.detail}]
        errors = {each["pointer"].removeprefix("body/"): each["message"] for each in listed}
        return await _page(console, AppForm(form, errors), status=error.status)
    shown = AppForm(secret=secret, secret_label=_("Operator key %(name)s", name=key.name))
    return await _page(console, shown, status=HTTPStatus.CREATED)


@router.post("/revoke")
async def console_revoke_operator_key(console: FormRequest) -> Response:
    """Revoke an operator key."""
    try:
        key_id = KeyId(UUID(console.submitted().text("key")))
    except ValueError:
        raise InvalidInput(_("The form cannot be read. Go back and send it again.")) from None
    await management.revoke_operator_key(console.service_context(), key_id)
    return RedirectResponse("/console/operator-keys?did=revoked", HTTPStatus.SEE_OTHER)
