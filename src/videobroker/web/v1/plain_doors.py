"""The plainest requests at a door: a backend asks, with its key, for one named user or for one guest, and no more."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pydantic_core

from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope as KeyScope
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.struct import Struct
from videobroker.usecases.access import access
from videobroker.usecases.joining.join import JoinRequester, guest_id, join
from videobroker.web.fast_lane import Client
from videobroker.web.http.auth import Caller, backend
from videobroker.web.http.schemas import access_json
from videobroker.web.http.semantics import is_host
from videobroker.web.v1.joining import AccessIn, GuestIn, JoinIn, join_json
from videobroker.web.v1.session_schemas import session_key

Wish = JoinIn | GuestIn | AccessIn

# Only what nobody could read in two ways: nothing encoded, no dots alone.
_PATH = re.compile(rb"/v1/(booking|group)s/([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127})/(join|guests|access)")
_KEY = re.compile(rb"Bearer (vb_[A-Za-z0-9_-]+)")
_SAY_MORE = {b"idempotency-key", b"x-user-id", b"origin", b"content-encoding"}
_JSON = b"application/json"
_KINDS = {kind.encode(): kind for kind in SessionKind}
_OPERATIONS = {
    (kind, door): f"{name}_of_{kind}"
    for kind in SessionKind
    for door, name in ((b"join", "join_session"), (b"guests", "join_as_guest"), (b"access", "ask_access"))
}
_SHAPES: dict[bytes, type[Wish]] = {b"join": JoinIn, b"guests": GuestIn, b"access": AccessIn}


class PlainDoor(Struct):
    """Such a request."""

    kind: SessionKind
    reference: str
    door: bytes
    """`join`, `guests` or `access`."""
    key: str
    host: str | None
    user_agent: str | None
    longest: ClassVar[int] = 4096
    """A join has a hundred."""
    hidden_from_repr = ("key",)

    @property
    def operation(self) -> str:
        """As in the contract."""
        return _OPERATIONS[self.kind, self.door]

    def wish(self, body: bytes) -> Wish | None:
        """Who wants to enter, and how."""
        try:
            wish = _SHAPES[self.door].model_validate(pydantic_core.from_json(body, allow_inf_nan=False))
        except ValueError:
            return None
        match wish:
            case JoinIn(user_id=None):
                return None  # who it is may have been said elsewhere
            case GuestIn(guest_id=str()):
                return None  # a guest who comes again has to be known
            case _:
                return wish

    async def answer(self, broker: Broker, wish: Wish) -> dict[str, Any]:
        """Join credentials, or the decision alone."""
        caller = await backend(broker, self.key, (KeyScope.JOIN,), host=self.host, user_agent=self.user_agent)
        key = session_key(caller, self.kind, self.reference)
        if isinstance(wish, AccessIn):
            return access_json(await access(caller.context, key, user_id=wish.user_id))
        return await _join(caller, key, wish)


async def _join(caller: Caller, key: SessionKey, wish: JoinIn | GuestIn) -> dict[str, Any]:
    visitor = _visitor(caller, wish)
    joined = await join(caller.context, key, visitor, surface=wish.surface)
    return join_json(joined)


def _visitor(caller: Caller, wish: JoinIn | GuestIn) -> JoinRequester:
    if isinstance(wish, GuestIn):
        return JoinRequester(guest_id(caller.context, idempotency_key=None), wish.name, is_guest=True)
    return JoinRequester(caller.must_speak_for(wish.user_id), wish.display_name)


def plain_door(path: bytes, headers: Mapping[bytes, bytes], client: Client) -> PlainDoor | None:
    """The request, if it is one of these."""
    found = _PATH.fullmatch(path)
    if found is None or not _SAY_MORE.isdisjoint(headers) or headers.get(b"content-type", _JSON) != _JSON:
        return None
    key = _KEY.fullmatch(headers.get(b"authorization", b""))
    if key is None or not is_host(headers.get(b"host", b"")):
        return None
    user_agent = headers.get(b"user-agent")
    return PlainDoor(
        kind=_KINDS[found[1]],
        reference=found[2].decode(),
        door=found[3],
        key=key[1].decode(),
        host=client[0] if client else None,
        user_agent=None if user_agent is None else user_agent.decode("latin-1"),
    )
