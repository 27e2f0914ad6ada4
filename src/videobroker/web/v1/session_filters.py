"""The query parameters of session lists."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query

from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionFilter, SessionStatus
from videobroker.errors import InvalidInput
from videobroker.web.http.auth import Caller
from videobroker.web.http.schemas import Identifier, Moment, RoleName

MAX_METADATA_FILTERS = 5

Text = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


async def session_filter(
    participant: Annotated[Identifier | None, Query(description="Only sessions with this participant.")] = None,
    role: Annotated[
        RoleName | None, Query(description="Only sessions in which `participant` has this role in your app.")
    ] = None,
    provider: Annotated[ProviderName | None, Query(description="Only sessions with a room at this provider.")] = None,
    updated_after: Annotated[
        Moment | None,
        Query(
            description="Only sessions whose `updated_at` is this time or later. To synchronize a copy, sort by "
            "`updated_at`, and start each time a minute before the last `updated_at` that you have."
        ),
    ] = None,
    updated_before: Annotated[
        Moment | None, Query(description="Only sessions whose `updated_at` is before this time.")
    ] = None,
    reference_prefix: Annotated[
        Identifier | None, Query(description="Only sessions whose reference begins with this text.")
    ] = None,
    q: Annotated[
        Text | None,
        Query(description="Only sessions whose title has all of these words, ignoring case."),
    ] = None,
    metadata: Annotated[
        list[Text] | None,
        Query(
            max_length=MAX_METADATA_FILTERS,
            description="Only sessions with this member of `metadata`, as `name:value`. The value is a string, a "
            "number, or a boolean; nested values are not searched. Repeat it to require several. Only with an API key.",
            examples=[["customer:42"]],
        ),
    ] = None,
) -> SessionFilter:
    return SessionFilter(
        participant=participant,
        role=role,
        provider=provider,
        updated_after=updated_after,
        updated_before=updated_before,
        reference_prefix=reference_prefix,
        words=q,
        metadata=frozenset(_member(each) for each in metadata or ()),
    )


async def booking_filter(
    chosen: Annotated[SessionFilter, Depends(session_filter)],
    status: Annotated[
        list[SessionStatus] | None,
        Query(max_length=len(SessionStatus), description="Only bookings with this status. Repeat it to allow several."),
    ] = None,
    starts_after: Annotated[Moment | None, Query(description="Only bookings that start at this time or later.")] = None,
    starts_before: Annotated[Moment | None, Query(description="Only bookings that start before this time.")] = None,
    ended: Annotated[
        bool | None, Query(description="Only bookings whose end has passed (`true`), or has not (`false`).")
    ] = None,
) -> SessionFilter:
    return replace(
        chosen,
        statuses=frozenset(status or ()),
        starts_after=starts_after,
        starts_before=starts_before,
        has_ended=ended,
    )


def _member(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not name or not separator:
        raise InvalidInput("Send `metadata` as `name:value`, such as `metadata=customer:42`.")
    return name, value


def visible_to(caller: Caller, chosen: SessionFilter) -> SessionFilter:
    """The filter, limited to the user that the request is about. Raises `NotYourself`, `InvalidInput`."""
    participant = caller.speaks_for(chosen.participant)
    if chosen.role is not None and participant is None:
        raise InvalidInput("`role` is the role of a participant: send `participant` too.")
    return replace(chosen, participant=participant)


SessionFilters = Annotated[SessionFilter, Depends(session_filter)]
BookingFilters = Annotated[SessionFilter, Depends(booking_filter)]
