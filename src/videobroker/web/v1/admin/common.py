"""What all operations of `/v1/admin` have in common."""

from typing import Any

from fastapi import APIRouter

from videobroker.domain.operators import OperatorRole
from videobroker.web.http.operator_auth import OPERATOR_PROBLEMS
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.openapi.operations import ROLE_EXTENSION

ADMIN_PROBLEMS = ("invalid_request", *OPERATOR_PROBLEMS, "storage_unavailable")
APP_PROBLEMS = (*ADMIN_PROBLEMS, "app_not_found")

VIEWER: dict[str, Any] = {ROLE_EXTENSION: OperatorRole.VIEWER.value}
SUPPORT: dict[str, Any] = {ROLE_EXTENSION: OperatorRole.SUPPORT.value}
ADMIN: dict[str, Any] = {ROLE_EXTENSION: OperatorRole.ADMIN.value}
"""The role that an operation needs, for its documentation. Its use case decides."""


def management_router(prefix: str) -> APIRouter:
    return APIRouter(prefix=prefix, tags=["management"], route_class=JsonRoute, generate_unique_id_function=by_name)
