"""Who is asking, and may they."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.journal import Asker
from videobroker.domain.keys import ApiKey, Scope
from videobroker.errors import ApiKeyMissing
from videobroker.usecases.tenants import authenticate

LONGEST_USER_AGENT = 256

_bearer = HTTPBearer(
    scheme_name="apiKey",
    bearerFormat="vb_...",
    description="An API key of the app: `Authorization: Bearer vb_...`. Made with `videobroker keys create`.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A backend whose key was checked, and the moment of its request."""

    broker: Broker
    app: App
    asker: Asker
    now: datetime


async def identify(
    request: Request,
    needed: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """The caller, if the key is valid and has the scope that the route names."""
    if credentials is None:
        raise ApiKeyMissing("Send an API key: `Authorization: Bearer vb_...`.")
    broker: Broker = request.app.state.broker
    now = broker.now()
    key, app = await authenticate(broker, credentials.credentials, now=now)
    for scope in needed.scopes:
        key.require(Scope(scope))
    return Caller(broker, app, _asker(request, app, key), now)


def _asker(request: Request, app: App, key: ApiKey) -> Asker:
    user_agent = request.headers.get("user-agent")
    return Asker(
        app_id=app.id,
        key_id=key.id,
        ip=request.client.host if request.client else None,
        user_agent=None if user_agent is None else user_agent.replace("\x00", "")[:LONGEST_USER_AGENT],
    )


SessionsReader = Annotated[Caller, Security(identify, scopes=[Scope.SESSIONS_READ.value])]
SessionsWriter = Annotated[Caller, Security(identify, scopes=[Scope.SESSIONS_WRITE.value])]
Joiner = Annotated[Caller, Security(identify, scopes=[Scope.JOIN.value])]
CallsReader = Annotated[Caller, Security(identify, scopes=[Scope.CALLS_READ.value])]
CallsWriter = Annotated[Caller, Security(identify, scopes=[Scope.CALLS_WRITE.value])]
EventsReader = Annotated[Caller, Security(identify, scopes=[Scope.EVENTS_READ.value])]

AUTH_PROBLEMS = ("api_key_missing", "api_key_invalid", "api_key_expired", "api_key_revoked", "scope_missing")
"""What every operation with a key may answer."""
