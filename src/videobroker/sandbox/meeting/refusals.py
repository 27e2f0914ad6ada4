"""Reasons why a person cannot join, as texts for this person."""

from dataclasses import dataclass

from videobroker.sandbox.errors import VendorError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stable code for the embedding page, and the text for the person."""

    code: str
    title: str
    sentence: str


_CLOSED = "This meeting is closed"
_SWITCHED_OFF = "The room or its code is disabled."
_FULL = "This meeting is full"
_WRONG = "Invalid invitation"
KNOWN_REFUSALS = {
    "Code not found": Refusal("code_unknown", "Meeting not found", "Check the link."),
    "Room is disabled": Refusal("room_disabled", _CLOSED, _SWITCHED_OFF),
    "Code is disabled": Refusal("code_disabled", _CLOSED, _SWITCHED_OFF),
    "room limit reached": Refusal("room_full", _FULL, "The room has no free place. Try again later."),
    "role limit reached": Refusal("role_full", _FULL, "Your role has no free place. Try again later."),
    "Invalid App ID": Refusal("token_refused", _WRONG, "It is for another App ID. Ask for a new one."),
    "the token is expired": Refusal(
        "token_expired", "Your invitation has expired", "Ask for a new one and join again."
    ),
    "the token is for another channel or uid": Refusal(
        "token_refused", _WRONG, "It is for another channel or another person. Ask for a new one."
    ),
    "banned by a kicking rule": Refusal(
        "banned", "You can't join", "You were removed from this channel and can't rejoin yet."
    ),
}
_TOKEN = Refusal("token_refused", _WRONG, "Invalid token. Ask for a new one.")


def refusal_of(error: VendorError) -> Refusal:
    """The text for an error of the vendor."""
    known = KNOWN_REFUSALS.get(error.message)
    if known is not None:
        return known
    if error.status == 401:
        return _TOKEN
    return Refusal("refused", "You can't join", f"The sandbox says: {error.message}.")
