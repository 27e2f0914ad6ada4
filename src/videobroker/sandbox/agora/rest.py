"""Agora's REST API under `/dev/v1`: routes, credentials, errors."""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from videobroker.sandbox.agora import queries, rules
from videobroker.sandbox.agora.requests import AgoraError, AgoraRequest
from videobroker.sandbox.config import AgoraProject
from videobroker.sandbox.json_body import JsonObject, read_object
from videobroker.sandbox.operations import Instrumentation, Operation
from videobroker.sandbox.state import SandboxState

_APP_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class _AgoraEndpoint:
    name: str
    method: str
    path: str
    handle: Callable[[SandboxState, AgoraRequest], JsonObject]
    reads_body: bool = False


_ENDPOINTS = (
    _AgoraEndpoint("agora_create_rule", "POST", "/kicking-rule", rules.create, reads_body=True),
    _AgoraEndpoint("agora_list_rules", "GET", "/kicking-rule", rules.list_rules),
    _AgoraEndpoint("agora_update_rule", "PUT", "/kicking-rule", rules.update, reads_body=True),
    _AgoraEndpoint("agora_delete_rule", "DELETE", "/kicking-rule", rules.delete, reads_body=True),
    _AgoraEndpoint("agora_list_channels", "GET", "/channel/{appid}", queries.channels),
    _AgoraEndpoint("agora_user_property", "GET", "/channel/user/property/{appid}/{uid}/{channel}", queries.user),
    _AgoraEndpoint("agora_list_users", "GET", "/channel/user/{appid}/{channel}", queries.users),
    _AgoraEndpoint("agora_list_hosts", "GET", "/channel/user/{appid}/{channel}/hosts_only", queries.hosts),
)


def agora_operations(state: SandboxState, instrumentation: Instrumentation) -> list[Operation]:
    """The routes of the REST API."""
    return [_operation(spec, state.config.agora, state, instrumentation) for spec in _ENDPOINTS]


def _operation(
    spec: _AgoraEndpoint, project: AgoraProject, state: SandboxState, instrumentation: Instrumentation
) -> Operation:
    async def endpoint(request: Request) -> Response:
        _check_credentials(request.headers.get("authorization", ""), project)
        if spec.reads_body and request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise AgoraError(415, "the content type must be application/json")
        authenticated = AgoraRequest(
            path=request.path_params,
            query=request.query_params,
            body=await read_object(request) if spec.reads_body else {},
        )
        _check_app_id(authenticated.named_app_id, project)
        return JSONResponse(spec.handle(state, authenticated))

    return Operation(spec.name, spec.method, f"/dev/v1{spec.path}", endpoint, instrumentation)


def _check_credentials(authorization: str, project: AgoraProject) -> None:
    grant = base64.b64encode(f"{project.customer_id}:{project.customer_secret}".encode()).decode()
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic" or not hmac.compare_digest(given.strip().encode(), grant.encode()):
        raise AgoraError(401, "Invalid authentication credentials")


def _check_app_id(named: object, project: AgoraProject) -> None:
    if not isinstance(named, str) or not _APP_ID.fullmatch(named):
        raise AgoraError(400, "invalid appid")
    if named != project.app_id:
        raise AgoraError(401, "the App ID is not of this account")
