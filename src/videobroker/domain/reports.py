"""What an app reports about a call, made fit for the journal: no credential may ever stand there."""

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[removed]"
"""Stands where a credential, or what may be one, was reported."""

_SECRET_NAME = re.compile(
    r"token|secret|password|passwd|authori[sz]ation|credential|cookie|api_?key|room_?code|jwt", re.I
)
_SECRET = re.compile(
    r"eyJ[\w-]{6,}\.[\w-]+"  # a JSON Web Token
    r"|007eJ[\w+/=]{16,}"  # an Agora token
    r"|\bvb_[\w-]{16,}"  # an API key of ours
    r"|\b[a-z]{3}-[a-z]{4}-[a-z]{3}\b"  # a room code
)


def without_secrets(value: Any) -> Any:
    """The JSON value without what is called like a credential or looks like one, at any depth."""
    if isinstance(value, Mapping):
        return {
            without_secrets(key): REMOVED if _SECRET_NAME.search(key) else without_secrets(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    return _SECRET.sub(REMOVED, value) if isinstance(value, str) else value
