"""Feedback of a person about a call."""

from enum import StrEnum

from videobroker.domain.struct import Struct

MIN_RATING, MAX_RATING = 1, 5
MAX_COMMENT_LENGTH = 1000


class CallProblem(StrEnum):
    """What did not work in a call."""

    AUDIO = "audio"
    """No sound, from or to others, or an echo."""
    VIDEO = "video"
    CONNECTION = "connection"
    """Interruptions, delays, or could not connect."""
    SCREEN_SHARE = "screen_share"
    PEOPLE = "people"
    """Someone behaved badly, or should not have been there."""
    OTHER = "other"


class Feedback(Struct):
    """What a person says about a call. At least one of the values is set."""

    rating: int | None = None
    """From `MIN_RATING`, bad, to `MAX_RATING`, very good."""
    problems: tuple[CallProblem, ...] = ()
    comment: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.rating is None and not self.problems and not self.comment
