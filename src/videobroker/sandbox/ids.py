"""IDs in the vendor's formats."""

import hashlib
import itertools
import re
import secrets
import string
from datetime import datetime

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_PROCESS = secrets.token_hex(5)
_COUNT = itertools.count(secrets.randbelow(2**20))


def is_object_id(text: str) -> bool:
    """Whether `text` has the format of a room, session, template, or workspace ID."""
    return _OBJECT_ID.fullmatch(text) is not None


def new_object_id(now: datetime) -> str:
    """24 hex digits that begin with the time; later IDs of a process sort after earlier ones."""
    return f"{int(now.timestamp()):08x}{_PROCESS}{next(_COUNT) % 2**24:06x}"


def object_id_from(text: str) -> str:
    """24 hex digits derived from the text, equal in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def new_room_code() -> str:
    """Ten random letters in three groups, such as `qzt-mbwr-kfa`."""
    return "-".join("".join(secrets.choice(string.ascii_lowercase) for _ in range(run)) for run in (3, 4, 3))
