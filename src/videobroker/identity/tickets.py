"""Signs tickets, and reads them again: JSON Web Tokens (RFC 7519) without the header that they would all share."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.tickets import TICKET_PREFIX, Ticket
from videobroker.errors import TicketInvalid

MAX_TICKET_LENGTH = 8192
"""Characters."""
ALGORITHM = "HS256"
# One algorithm, and the header is put in front here: what a sender says about it is not even read.
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
_PURPOSE = b"videobroker tickets 1"

_REFUSED = "This link is not one of ours, or it was cut off. Open the whole link, or ask for a new one."

_signatures = jwt.PyJWS(algorithms=[ALGORITHM])


class TicketSigner:
    """The keys of tickets are derived from the deployment's secret keys: the first signs, all verify."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """`secret_keys` are those of the seal: 32 bytes in URL-safe base64."""
        self._keys = [_derived(key) for key in secret_keys]

    def sign(self, ticket: Ticket) -> str:
        """The ticket as a text that fits into the path of a URL."""
        payload = json.dumps(_claims_of(ticket), ensure_ascii=False, separators=(",", ":")).encode()
        signed = _signatures.encode(payload, self._keys[0], ALGORITHM, headers={"typ": ""})
        return TICKET_PREFIX + signed.partition(".")[2]

    def read(self, text: str) -> Ticket:
        """What a ticket says, whether it has expired or not. Raises `TicketInvalid`."""
        if len(text) > MAX_TICKET_LENGTH or not text.startswith(TICKET_PREFIX):
            raise TicketInvalid(_REFUSED)
        signed = f"{_HEADER}.{text.removeprefix(TICKET_PREFIX)}"
        for key in self._keys:
            try:
                return _ticket_from(json.loads(_signatures.decode(signed, key, algorithms=[ALGORITHM])))
            except (jwt.InvalidTokenError, ValueError, KeyError, TypeError):
                # Another key may have signed it, or a later version of this program.
                continue
        raise TicketInvalid(_REFUSED)


def _derived(key: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return derivation.derive(base64.urlsafe_b64decode(key))


def _claims_of(ticket: Ticket) -> dict[str, Any]:
    return {
        "app": _short(ticket.session.app_id),
        "kind": ticket.session.kind,
        "ref": ticket.session.reference,
        "sub": ticket.user_id,
        **({} if ticket.display_name is None else {"name": ticket.display_name}),
        **({"guest": True} if ticket.is_guest else {}),
        "jti": _short(ticket.id),
        "iat": int(ticket.issued_at.timestamp()),
        "exp": int(ticket.expires_at.timestamp()),
    }


def _ticket_from(claims: Mapping[str, Any]) -> Ticket:
    return Ticket(
        id=_long(claims["jti"]),
        session=SessionKey(AppId(_long(claims["app"])), SessionKind(claims["kind"]), claims["ref"]),
        user_id=claims["sub"],
        display_name=claims.get("name"),
        is_guest=claims.get("guest", False),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _short(identifier: UUID) -> str:
    return base64.urlsafe_b64encode(identifier.bytes).decode().rstrip("=")


def _long(short: str) -> UUID:
    return UUID(bytes=base64.urlsafe_b64decode(short + "=="))
