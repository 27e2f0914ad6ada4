"""Who is in the call besides the person who is about to join it."""

from collections.abc import Sequence

from videobroker.domain.struct import Struct

MAX_NAMES = 3
"""A page shows a name or two, and how many others there are."""


class PersonInCall(Struct):
    """A person in a call."""

    user_id: str | None
    """None for a person who joined without credentials from us."""
    display_name: str | None
    """None for guests, and for participants without a name."""
    role: str | None
    """The app role; None for a person who is not a participant."""


class OthersInCall(Struct):
    """The others in the call, as one of the people who may join it sees them."""

    count: int
    names: tuple[str, ...]
    """The first `MAX_NAMES` of them, by arrival. Empty for people who may not see names."""


def list_others(people: Sequence[PersonInCall], user_id: str, *, sees_names: bool) -> OthersInCall:
    """The people in the call other than this user."""
    others = [person for person in people if person.user_id != user_id]
    names = [person.display_name for person in others if person.display_name] if sees_names else []
    return OthersInCall(len(others), tuple(names[:MAX_NAMES]))
