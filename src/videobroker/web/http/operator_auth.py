"""Authentication of `/v1/admin` with operator keys, as dependencies of routes.

Use cases decide what the role of a key permits.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from videobroker.broker import Broker
from videobroker.current_request import record_caller
from videobroker.domain.actors import Actor
from videobroker.domain.ids import SERVICE_ID
from videobroker.domain.rate_limits import RateLimitPolicy
from videobroker.errors import NotAuthenticated, OperatorKeyMissing
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.operator_keys import authenticate_operator_key
from videobroker.usecases.tenants import SERVICE, find_app
from videobroker.web.http.auth import LIMIT_PROBLEMS, Caller, host_of, record_rejection, stored_user_agent
from videobroker.web.http.cors import only_pages_of
from videobroker.web.http.rate_limits import require_within_limit
from videobroker.web.http.schemas import Identifier

OPERATOR_PROBLEMS = (
    "operator_key_missing",
    "operator_key_invalid",
    "operator_key_expired",
    "operator_key_revoked",
    "operator_role_not_allowed",
    *LIMIT_PROBLEMS,
)
"""Error codes for operator keys that are invalid or not sufficient."""

_operator_key = HTTPBearer(
    scheme_name="operatorKey",
    description="A key of an operator of this installation: `Authorization: Bearer vbo_...`. Create one with "
    "`videobroker operator-keys create`. It has a role: `viewer`, `support`, or `admin`.",
    auto_error=False,
)


async def identify_operator(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_operator_key)]
) -> Caller:
    """The program with this operator key. Its context is that of the service."""
    if credentials is None:
        raise OperatorKeyMissing("Send an operator key: `Authorization: Bearer vbo_...`.")
    broker: Broker = request.app.state.broker
    now, host = broker.now(), host_of(request)
    try:
        key = await authenticate_operator_key(broker, credentials.credentials, now=now)
    except NotAuthenticated as error:
        await record_rejection(broker, error, host, now)
        raise
    record_caller(SERVICE.name, "operator_key", str(key.id))
    require_within_limit(broker, RateLimitPolicy.API_KEY, str(key.id))
    only_pages_of(request, None)
    actor = Actor(
        SERVICE_ID,
        key.id,
        host,
        stored_user_agent(request.headers.get("user-agent")),
        operator=key.name,
        operator_role=key.role,
        credential_expires_at=key.expires_at,
    )
    return Caller(RequestContext(broker, SERVICE, actor, now))


Operator = Annotated[Caller, Security(identify_operator)]

AppName = Annotated[Identifier, Path(description="The name of the app.", examples=["tutoring"])]


async def identify_app_operator(operator: Operator, app: AppName) -> Caller:
    """The program with this operator key, in the context of the app in the path. Raises `AppNotFound`."""
    context = operator.context
    found = await find_app(context.broker, app)
    return Caller(replace(context, app=found, actor=replace(context.actor, app_id=found.id)))


AppOperator = Annotated[Caller, Security(identify_app_operator)]
