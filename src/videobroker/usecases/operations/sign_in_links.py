"""One-time links with which operators sign in to the console, from the command line."""

import hashlib
import secrets
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.operator_sign_in import MAX_OPERATOR_NAME_LENGTH
from videobroker.domain.operators import OperatorIdentity
from videobroker.domain.texts import is_name
from videobroker.errors import InvalidInput, SignInLinkInvalid
from videobroker.storage import operator_sign_in_links

LIFETIME = timedelta(minutes=10)
PATH = "/console/link"
MAX_TOKEN_LENGTH = 200


async def create(broker: Broker, identity: OperatorIdentity, *, now: datetime) -> str:
    """The path of a new link. Its secret is in the fragment, which browsers do not send. Raises `InvalidInput`."""
    if not is_name(identity.name) or len(identity.name) > MAX_OPERATOR_NAME_LENGTH:
        raise InvalidInput(f"The name of an operator has 1 to {MAX_OPERATOR_NAME_LENGTH} characters.")
    token = secrets.token_urlsafe(32)
    async with broker.store.transaction() as unit_of_work:
        await operator_sign_in_links.add(unit_of_work, _digest(token), identity, expires_at=now + LIFETIME)
    return f"{PATH}#{token}"


async def redeem(broker: Broker, token: str, *, ip: str | None, now: datetime) -> OperatorIdentity:
    """The operator of a link, which works no more. Raises `SignInLinkInvalid`, which is counted for the journal."""
    identity = None
    if 0 < len(token) <= MAX_TOKEN_LENGTH:
        async with broker.store.transaction() as unit_of_work:
            identity = await operator_sign_in_links.take(unit_of_work, _digest(token), now=now)
    if identity is None:
        broker.rejections.count(None, SignInLinkInvalid.kind.code, ip, now=now)
        raise SignInLinkInvalid
    return identity


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
