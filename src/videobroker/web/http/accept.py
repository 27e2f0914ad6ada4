"""Content negotiation by `Accept` (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence
from functools import lru_cache

import mimeparse
from starlette.datastructures import Headers

JSON_TYPES = ("application/problem+json", "application/json")
"""The media types of all operations: of their errors, and of their results. The last is the default."""


@lru_cache(maxsize=256)
def preferred_type(accept: str, offered: Sequence[str]) -> str | None:
    """The offered media type that fits `Accept` best; None if none does. The last one wins a tie.

    Any `application/*+json` accepts JSON. A header that cannot be parsed is ignored, like a missing one.
    """
    ranges = accept.lower() or "*/*"
    try:
        best = str(mimeparse.best_match(offered, ranges))
        return best or ("application/json" if _accepts_json_suffix(ranges) else None)
    except mimeparse.MimeTypeParseException:
        return offered[-1]


def _accepts_json_suffix(accept: str) -> bool:
    ranges = [mimeparse.parse_media_range(each) for each in accept.split(",")]
    return any(
        kind == "application" and subtype.endswith("+json") and float(parameters["q"]) > 0
        for kind, subtype, parameters in ranges
    )


def accept_of(headers: Headers) -> str:
    """The value of `Accept`, of all lines together; empty without one."""
    return ", ".join(headers.getlist("accept"))


@lru_cache(maxsize=256)
def accepts_json(accept: bytes) -> bool:
    """Whether JSON fits this value of `Accept`."""
    return preferred_type(accept.decode("latin-1"), JSON_TYPES) is not None
