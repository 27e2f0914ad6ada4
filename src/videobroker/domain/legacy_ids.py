"""User IDs of the tutoring endpoints at 100ms: `{userId}-{bookingId}`, made unambiguous."""

import re

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID_FIRST = re.compile(rf"({_UUID})-(.*)", re.DOTALL)
_UUID_LAST = re.compile(rf"(.*)-({_UUID})", re.DOTALL)
_ENCODED = re.compile(r".*:[0-9]+", re.DOTALL)


def build_tutoring_user_id(user_id: str, booking_id: str, *, is_taken: bool = False) -> str:
    """`{user_id}-{booking_id}` if no other pair has this ID, otherwise `{user_id}-{booking_id}:{length}`.

    Injective: different pairs have different IDs. `length` is the length of `user_id` in characters. The plain form is
    used for every pair that `_split` restores: pairs with a UUID, IDs with equally many hyphens on both sides, and
    otherwise bookings without hyphens. `is_taken` means that another participant has the plain form as user ID.

    The suffix does not use `~`, which the web SDK of 100ms cannot read in every token.
    """
    plain = f"{user_id}-{booking_id}"
    is_unambiguous = not is_taken and _split(plain) == (user_id, booking_id) and not _ENCODED.fullmatch(plain)
    return plain if is_unambiguous else f"{plain}:{len(user_id)}"


def _split(plain: str) -> tuple[str, str]:
    """The only pair that may use the plain form `plain`."""
    match = _UUID_FIRST.fullmatch(plain) or _UUID_LAST.fullmatch(plain)
    if match is not None:
        return match[1], match[2]
    hyphens = [place for place, character in enumerate(plain) if character == "-"]
    place = hyphens[len(hyphens) // 2] if len(hyphens) % 2 else hyphens[-1]
    return plain[:place], plain[place + 1 :]
