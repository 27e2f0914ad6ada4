"""Asynchronous resources. Generated from openapi.yaml by `make clients`: do not edit."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from videobroker_client._async_transport import AsyncTransport
from videobroker_client._json import list_of
from videobroker_client._pagination import AsyncPaginator
from videobroker_client._requests import OMIT, ApiRequest, Omit, given, segment
from videobroker_client._streaming import AsyncStream
from videobroker_client.inputs import (
    CallOrder,
    CallProblem,
    DeliveryState,
    EventType,
    LinkGuestInput,
    Modality,
    ParticipantInput,
    PolicyInput,
    ProviderName,
    SessionKind,
    SessionOrder,
    SessionStatus,
    Surface,
)
from videobroker_client.models import (
    AccessDecision,
    Attendance,
    Booking,
    BookingSummary,
    Call,
    CallPerson,
    CallWithAttendance,
    Diagnostics,
    Event,
    Feedback,
    Group,
    GroupSummary,
    IncomingWebhookCount,
    JoinCredentials,
    Link,
    LinkRevocation,
    LinkWithUrl,
    LobbyEntry,
    Me,
    Participant,
    Readmission,
    Removal,
    ReplayResult,
    SessionPerson,
    Visit,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryWithAttempts,
    WebhookEndpoint,
    WebhookEndpointWithSecret,
    decode_event,
    decode_join_credentials,
    decode_me,
)


class AsyncBookingsResource:
    """The operations of `client.bookings`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
        reference: str,
    ) -> Booking:
        """Get a booking.

        Returns the session with its first participants. To list all of them, use `GET .../participants`.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Booking.from_json)

    async def create(
        self,
        reference: str,
        *,
        starts_at: datetime | str,
        title: str | Omit | None = OMIT,
        providers: Sequence[ProviderName] | Omit = OMIT,
        policy: PolicyInput | Omit = OMIT,
        participants: Sequence[ParticipantInput] | Omit | None = OMIT,
        metadata: Mapping[str, Any] | Omit = OMIT,
        status: SessionStatus | Omit = OMIT,
        modality: Modality | Omit = OMIT,
        ends_at: datetime | str | Omit | None = OMIT,
        duration_minutes: int | Omit | None = OMIT,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Booking:
        """Create or replace a booking.

        Creates the session, or replaces it. A field that you omit gets its default, so a canceled or completed
        session is open again unless you send its `status`. Participants are the exception: omit `participants` to
        keep those that are registered, and send an empty list to remove them all. To change single fields, use
        `PATCH`.

        Returns 201 if the session was created, and 200 if it existed. The request is idempotent: repeating it
        with the same body changes nothing, not even `updated_at`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            starts_at: When the booking starts.
            title: Shown to participants. Never sent to a provider.
            providers: The providers to use, in order of preference. If empty, the app's default applies. While a
                room or call of the session is open, it stays at its provider.
            policy: The policy settings of this session that differ from those of the app.
            participants: All participants. Omit it to keep the participants unchanged.
            metadata: Custom data of your app: at most 16 KiB.
            status: People can only join bookings that are `confirmed`.
            modality: `virtual` bookings take place on video, `physical` ones do not.
            ends_at: Send either `ends_at` or `duration_minutes`.
            duration_minutes: Send either `ends_at` or `duration_minutes`.
        """
        request = ApiRequest(
            "PUT",
            f"/v1/bookings/{segment(reference)}",
            body=given(
                title=title,
                providers=providers,
                policy=policy,
                participants=participants,
                metadata=metadata,
                status=status,
                modality=modality,
                starts_at=starts_at,
                ends_at=ends_at,
                duration_minutes=duration_minutes,
            ),
            if_match=if_match,
            if_none_match=if_none_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Booking.from_json)

    async def update(
        self,
        reference: str,
        *,
        title: str | Omit | None = OMIT,
        status: SessionStatus | Omit | None = OMIT,
        modality: Modality | Omit | None = OMIT,
        starts_at: datetime | str | Omit | None = OMIT,
        ends_at: datetime | str | Omit | None = OMIT,
        duration_minutes: int | Omit | None = OMIT,
        providers: Sequence[ProviderName] | Omit | None = OMIT,
        policy: PolicyInput | Omit | None = OMIT,
        metadata: Mapping[str, Any] | Omit | None = OMIT,
        if_match: str | None = None,
    ) -> Booking:
        """Update a booking.

        Updates the given fields. The reference, the participants, and the room do not change. A user token needs
        one of the policy's `booking_roles`, and can only change the title, the schedule, and the status.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            title: Shown to participants. Never sent to a provider.
            status: The status.
            modality: Where the booking takes place.
            starts_at: When it is scheduled to start.
            ends_at: When it is scheduled to end.
            duration_minutes: Changes the end. Send either `ends_at` or `duration_minutes`.
            providers: The providers to use, in order of preference.
            policy: The policy settings of this session that differ from those of the app.
            metadata: Custom data of your app. Null for end users.
        """
        request = ApiRequest(
            "PATCH",
            f"/v1/bookings/{segment(reference)}",
            body=given(
                title=title,
                status=status,
                modality=modality,
                starts_at=starts_at,
                ends_at=ends_at,
                duration_minutes=duration_minutes,
                providers=providers,
                policy=policy,
                metadata=metadata,
            ),
            if_match=if_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Booking.from_json)

    async def delete(
        self,
        reference: str,
        *,
        if_match: str | None = None,
    ) -> None:
        """Delete a booking.

        Deletes the session with its participants, links, calls, and attendance. A running call ends, and everyone
        in it is disconnected. The journal keeps its events, and you get `session.deleted`. The reference is free:
        a new session with it gets a new room. To keep calls and attendance, cancel the session instead.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/bookings/{segment(reference)}",
            if_match=if_match,
            is_repeatable=True,
        )
        await self._transport.send(request)

    async def cancel(
        self,
        reference: str,
        *,
        idempotency_key: str | None = None,
    ) -> Booking:
        """Cancel a booking.

        Ends the call, closes the room, and prevents anyone from joining. Canceling again has no effect. To reopen
        the session, send `PUT` again. A user token needs one of the policy's `booking_roles`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/cancel",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Booking.from_json)

    def list(
        self,
        *,
        sort: SessionOrder | Omit = OMIT,
        limit: int | Omit = OMIT,
        status: Sequence[SessionStatus] | Omit = OMIT,
        starts_after: datetime | str | Omit = OMIT,
        starts_before: datetime | str | Omit = OMIT,
        ended: bool | Omit = OMIT,
        participant: str | Omit = OMIT,
        role: str | Omit = OMIT,
        provider: ProviderName | Omit = OMIT,
        updated_after: datetime | str | Omit = OMIT,
        updated_before: datetime | str | Omit = OMIT,
        reference_prefix: str | Omit = OMIT,
        q: str | Omit = OMIT,
        metadata: Sequence[str] | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[BookingSummary]:
        """List bookings.

        Returns the app's bookings, by default by start time. With a user token or `X-User-Id`, only those of the
        user. All parameters but `limit` must be those of the first page.

        An API key needs the scope `sessions:read`.

        Args:
            sort: The order of the list. `-` is descending.
            limit: The maximum number of items to return.
            status: Only bookings with this status. Repeat it to allow several.
            starts_after: Only bookings that start at this time or later.
            starts_before: Only bookings that start before this time.
            ended: Only bookings whose end has passed (`true`), or has not (`false`).
            participant: Only sessions with this participant.
            role: Only sessions in which `participant` has this role in your app.
            provider: Only sessions with a room at this provider.
            updated_after: Only sessions whose `updated_at` is this time or later. To synchronize a copy, sort by
                `updated_at`, and start each time a minute before the last `updated_at` that you have.
            updated_before: Only sessions whose `updated_at` is before this time.
            reference_prefix: Only sessions whose reference begins with this text.
            q: Only sessions whose title has all of these words, ignoring case.
            metadata: Only sessions with this member of `metadata`, as `name:value`. The value is a string, a
                number, or a boolean; nested values are not searched. Repeat it to require several. Only with an
                API key.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            "/v1/bookings",
            query=given(
                sort=sort,
                limit=limit,
                cursor=cursor,
                status=status,
                starts_after=starts_after,
                starts_before=starts_before,
                ended=ended,
                participant=participant,
                role=role,
                provider=provider,
                updated_after=updated_after,
                updated_before=updated_before,
                reference_prefix=reference_prefix,
                q=q,
                metadata=metadata,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, BookingSummary.from_json)

    def list_participants(
        self,
        reference: str,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Participant]:
        """List participants.

        Returns the participants of the session by user ID. Users who are not hosts see only their own entry.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/participants",
            query=given(
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Participant.from_json)

    async def get_participant(
        self,
        reference: str,
        user_id: str,
    ) -> Participant:
        """Get a participant.

        Returns the role and display name of one participant.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/participants/{segment(user_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Participant.from_json)

    async def add_participant(
        self,
        reference: str,
        user_id: str,
        *,
        role: str,
        display_name: str | Omit | None = OMIT,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Participant:
        """Add or update a participant.

        Returns 201 if the participant is new, and 200 if they were already registered.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
            role: The person's role in your app.
            display_name: Shown to others in the call.
        """
        request = ApiRequest(
            "PUT",
            f"/v1/bookings/{segment(reference)}/participants/{segment(user_id)}",
            body=given(
                role=role,
                display_name=display_name,
            ),
            if_match=if_match,
            if_none_match=if_none_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Participant.from_json)

    async def delete_participant(
        self,
        reference: str,
        user_id: str,
        *,
        if_match: str | None = None,
    ) -> None:
        """Delete a participant.

        The person gets no new join credentials. To disconnect them from a running call, also remove them with
        `POST .../remove`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/bookings/{segment(reference)}/participants/{segment(user_id)}",
            if_match=if_match,
            is_repeatable=True,
        )
        await self._transport.send(request)

    async def check_access(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
    ) -> AccessDecision:
        """Check access.

        Returns the access decision. Creates nothing, and records nothing in the journal.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Omit it to check the access of a guest.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/access",
            body=given(
                user_id=user_id,
            ),
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, AccessDecision.from_json)

    async def join(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        display_name: str | Omit | None = OMIT,
        surface: Surface | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> JoinCredentials:
        """Get join credentials.

        Checks access, and returns join credentials. The first join opens the room and the call. Joining again
        repeats the check and renews the credentials.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session. Optional with a user token, a ticket, or `X-User-Id`.
            display_name: With an API key: replaces the participant's name. End users cannot choose a name.
            surface: The vendor's SDK, or its ready-made page.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/join",
            body=given(
                user_id=user_id,
                display_name=display_name,
                surface=surface,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_join_credentials)

    async def join_as_guest(
        self,
        reference: str,
        *,
        name: str,
        guest_id: str | Omit | None = OMIT,
        surface: Surface | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> JoinCredentials:
        """Get join credentials for a guest.

        Checks access, and returns join credentials for a guest. Every request without `guest_id` creates a new
        guest, unless it repeats an `Idempotency-Key`. If a guest has to wait, the error contains their
        `guest_id`: try again with it.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            name: The name of the guest.
            guest_id: The ID from an earlier response, to join again as that guest. Omit it for a new guest.
            surface: The vendor's SDK, or its ready-made page.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/guests",
            body=given(
                name=name,
                guest_id=guest_id,
                surface=surface,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_join_credentials)

    async def start_call(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Call:
        """Start a call.

        Opens the room, and starts a call in it. If a call is running, returns that call.

        An API key needs the scope `calls:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session; null for the backend itself.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/start",
            body=given(
                user_id=user_id,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Call.from_json)

    async def end_call(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Call:
        """End the call.

        Ends the call for everyone, and closes the room. If no call is running, returns the last one.

        An API key needs the scope `calls:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session; null for the backend itself.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/end",
            body=given(
                user_id=user_id,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Call.from_json)

    def list_calls(
        self,
        reference: str,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Call]:
        """List the calls of a session.

        Returns all calls of the session, oldest first, with their durations.

        An API key needs the scope `calls:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/calls",
            query=given(
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Call.from_json)

    def list_links(
        self,
        reference: str,
        *,
        user_id: str | Omit = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Link]:
        """List join links.

        Returns the active links of the session: neither revoked nor expired.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Only links for this person.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/links",
            query=given(
                user_id=user_id,
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Link.from_json)

    async def create_link(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        guest: LinkGuestInput | Omit | None = OMIT,
        display_name: str | Omit | None = OMIT,
        expires_in_seconds: int | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> LinkWithUrl:
        """Create a join link.

        Creates a signed URL of the hosted page for one person. Access is checked every time the link is used, so
        you can create it long before the session opens. It is valid until the session's window closes, also if
        the session is rescheduled. A link never grants more than its creator may do: a link created with an API
        key has the scopes of that key, and no link outlives the credential that created it. A person can have 100
        active links per session; creating another one revokes the oldest.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: The participant. Optional with a user token or `X-User-Id`. Only a backend or a host can
                create links for other people.
            guest: Use instead of `user_id` for a guest. Every link creates a new guest.
            display_name: Replaces the participant's registered display name.
            expires_in_seconds: A shorter lifetime. By default, the link is valid until the session's window
                closes, but not longer than the policy's `ticket_seconds`. For sessions without a schedule, the
                default is 12 hours.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/links",
            body=given(
                user_id=user_id,
                guest=guest,
                display_name=display_name,
                expires_in_seconds=expires_in_seconds,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkWithUrl.from_json)

    async def revoke_links(
        self,
        reference: str,
        *,
        user_id: str | Omit = OMIT,
    ) -> LinkRevocation:
        """Revoke join links.

        Takes effect immediately: the links are rejected with `ticket_revoked`, and open streams end. Links that
        are created later are not affected. Join credentials that were already issued stay valid; to invalidate
        them, remove the participant.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Only links for this person. If omitted, all links of the session are revoked.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/bookings/{segment(reference)}/links",
            query=given(
                user_id=user_id,
            ),
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkRevocation.from_json)

    async def revoke_link(
        self,
        reference: str,
        link_id: str,
    ) -> LinkRevocation:
        """Revoke a join link.

        Takes effect immediately. Revoking a link again has no effect.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            link_id: The `id` of the link.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/bookings/{segment(reference)}/links/{segment(link_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkRevocation.from_json)

    async def list_lobby(
        self,
        reference: str,
    ) -> builtins.list[LobbyEntry]:
        """List the waiting room.

        Returns the people who are waiting to be admitted, and those who were admitted or denied since the room
        was opened. People who cannot join for another reason are not listed. A user token needs one of the
        policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/lobby",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, lambda page: list_of(LobbyEntry.from_json)(page["data"]))

    async def admit_lobby(
        self,
        reference: str,
        *,
        idempotency_key: str | None = None,
    ) -> builtins.list[LobbyEntry]:
        """Admit everyone.

        Admits everyone who is waiting, and returns those who were admitted by this request. People who were
        denied are not admitted. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/lobby/admit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, lambda page: list_of(LobbyEntry.from_json)(page["data"]))

    async def admit_lobby_entry(
        self,
        reference: str,
        entry: str,
        *,
        idempotency_key: str | None = None,
    ) -> LobbyEntry:
        """Admit a participant.

        The person gets join credentials with their next join request. The admission is valid until the room
        closes or the person is removed. You can also admit a person who was denied. Admitting a person again has
        no effect. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            entry: The `entry` of the person in the waiting room.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/lobby/{segment(entry)}/admit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LobbyEntry.from_json)

    async def deny_lobby_entry(
        self,
        reference: str,
        entry: str,
        *,
        idempotency_key: str | None = None,
    ) -> LobbyEntry:
        """Deny entry.

        The person's join requests are refused until the room closes. Denying a person again has no effect. A
        person who was already admitted cannot be denied: remove them instead. A user token needs one of the
        policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            entry: The `entry` of the person in the waiting room.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/lobby/{segment(entry)}/deny",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LobbyEntry.from_json)

    async def remove_participant(
        self,
        reference: str,
        user_id: str,
        *,
        ban: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Removal:
        """Remove a participant.

        Disconnects all devices of the person from the call, and invalidates their join credentials, as far as the
        provider supports it. Unless they are also blocked with `ban`, they can request new credentials. A user
        token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
            ban: Also block the person: they get no new credentials for this session.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/participants/{segment(user_id)}/remove",
            body=given(
                ban=ban,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Removal.from_json)

    async def readmit_participant(
        self,
        reference: str,
        user_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Readmission:
        """Unblock a participant.

        Allows the person to request new join credentials. Credentials from before the removal stay invalid. Has
        no effect if the person is not blocked. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/participants/{segment(user_id)}/readmit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Readmission.from_json)

    async def list_people(
        self,
        reference: str,
    ) -> builtins.list[SessionPerson]:
        """List who is in the call.

        Returns the participants and the guests in the call, and who of them is in the call now or is blocked. For
        people who are waiting to be admitted, see `GET .../lobby`. A user token needs one of the policy's
        `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/people",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(
            request, lambda page: list_of(SessionPerson.from_json)(page["data"])
        )

    async def give_feedback(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        call: str | Omit | None = OMIT,
        rating: int | Omit | None = OMIT,
        problems: Sequence[CallProblem] | Omit = OMIT,
        comment: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Feedback:
        """Give feedback about a call.

        Writes a `feedback.given` event into the journal, which is also streamed and sent to webhook endpoints.
        Each person who was in the call can give feedback about it once. A ticket is accepted for a day after the
        end of the window.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: The person. Optional with a user token, a ticket, or `X-User-Id`.
            call: The ID of the call. By default the latest one.
            rating: From 1, bad, to 5, very good.
            problems: What did not work.
            comment: The person's own words. Credentials are removed.
        """
        request = ApiRequest(
            "POST",
            f"/v1/bookings/{segment(reference)}/feedback",
            body=given(
                user_id=user_id,
                call=call,
                rating=rating,
                problems=problems,
                comment=comment,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Feedback.from_json)

    async def get_attendance(
        self,
        reference: str,
    ) -> Attendance:
        """Get the attendance of a booking.

        Returns the attendance verdict of each participant, with the minutes and the rule that determined it.
        Until the booking has closed, verdicts are provisional. Users who are not hosts see only their own entry.

        An API key needs the scope `calls:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/bookings/{segment(reference)}/attendance",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Attendance.from_json)

    async def get_attendance_csv(self, reference: str) -> str:
        """Get the attendance of a booking, as CSV for spreadsheets."""
        request = ApiRequest(
            "GET", f"/v1/bookings/{segment(reference)}/attendance", query={"format": "csv"}, is_repeatable=True
        )
        return (await self._transport.send(request)).text


class AsyncGroupsResource:
    """The operations of `client.groups`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
        reference: str,
    ) -> Group:
        """Get a group.

        Returns the session with its first participants. To list all of them, use `GET .../participants`.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Group.from_json)

    async def create(
        self,
        reference: str,
        *,
        title: str | Omit | None = OMIT,
        providers: Sequence[ProviderName] | Omit = OMIT,
        policy: PolicyInput | Omit = OMIT,
        participants: Sequence[ParticipantInput] | Omit | None = OMIT,
        metadata: Mapping[str, Any] | Omit = OMIT,
        video_enabled: bool | Omit = OMIT,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Group:
        """Create or replace a group.

        Creates the session, or replaces it. A field that you omit gets its default, so a canceled or completed
        session is open again unless you send its `status`. Participants are the exception: omit `participants` to
        keep those that are registered, and send an empty list to remove them all. To change single fields, use
        `PATCH`.

        Returns 201 if the session was created, and 200 if it existed. The request is idempotent: repeating it
        with the same body changes nothing, not even `updated_at`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            title: Shown to participants. Never sent to a provider.
            providers: The providers to use, in order of preference. If empty, the app's default applies. While a
                room or call of the session is open, it stays at its provider.
            policy: The policy settings of this session that differ from those of the app.
            participants: All participants. Omit it to keep the participants unchanged.
            metadata: Custom data of your app: at most 16 KiB.
            video_enabled: Whether the group can meet on video.
        """
        request = ApiRequest(
            "PUT",
            f"/v1/groups/{segment(reference)}",
            body=given(
                title=title,
                providers=providers,
                policy=policy,
                participants=participants,
                metadata=metadata,
                video_enabled=video_enabled,
            ),
            if_match=if_match,
            if_none_match=if_none_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Group.from_json)

    async def update(
        self,
        reference: str,
        *,
        title: str | Omit | None = OMIT,
        video_enabled: bool | Omit | None = OMIT,
        providers: Sequence[ProviderName] | Omit | None = OMIT,
        policy: PolicyInput | Omit | None = OMIT,
        metadata: Mapping[str, Any] | Omit | None = OMIT,
        if_match: str | None = None,
    ) -> Group:
        """Update a group.

        Updates the given fields. The reference, the participants, and the room do not change. A user token needs
        one of the policy's `booking_roles`, and can only change the title, the schedule, and the status.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            title: Shown to participants. Never sent to a provider.
            video_enabled: Whether the group can meet on video.
            providers: The providers to use, in order of preference.
            policy: The policy settings of this session that differ from those of the app.
            metadata: Custom data of your app. Null for end users.
        """
        request = ApiRequest(
            "PATCH",
            f"/v1/groups/{segment(reference)}",
            body=given(
                title=title,
                video_enabled=video_enabled,
                providers=providers,
                policy=policy,
                metadata=metadata,
            ),
            if_match=if_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Group.from_json)

    async def delete(
        self,
        reference: str,
        *,
        if_match: str | None = None,
    ) -> None:
        """Delete a group.

        Deletes the session with its participants, links, calls, and attendance. A running call ends, and everyone
        in it is disconnected. The journal keeps its events, and you get `session.deleted`. The reference is free:
        a new session with it gets a new room. To keep calls and attendance, cancel the session instead.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/groups/{segment(reference)}",
            if_match=if_match,
            is_repeatable=True,
        )
        await self._transport.send(request)

    async def cancel(
        self,
        reference: str,
        *,
        idempotency_key: str | None = None,
    ) -> Group:
        """Cancel a group.

        Ends the call, closes the room, and prevents anyone from joining. Canceling again has no effect. To reopen
        the session, send `PUT` again. A user token needs one of the policy's `booking_roles`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/cancel",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Group.from_json)

    def list(
        self,
        *,
        sort: Literal["created_at", "-created_at", "updated_at", "-updated_at"] | Omit = OMIT,
        limit: int | Omit = OMIT,
        participant: str | Omit = OMIT,
        role: str | Omit = OMIT,
        provider: ProviderName | Omit = OMIT,
        updated_after: datetime | str | Omit = OMIT,
        updated_before: datetime | str | Omit = OMIT,
        reference_prefix: str | Omit = OMIT,
        q: str | Omit = OMIT,
        metadata: Sequence[str] | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[GroupSummary]:
        """List groups.

        Returns the app's groups, by default oldest first. With a user token or `X-User-Id`, only those of the
        user. All parameters but `limit` must be those of the first page.

        An API key needs the scope `sessions:read`.

        Args:
            sort: The order of the list. `-` is descending.
            limit: The maximum number of items to return.
            participant: Only sessions with this participant.
            role: Only sessions in which `participant` has this role in your app.
            provider: Only sessions with a room at this provider.
            updated_after: Only sessions whose `updated_at` is this time or later. To synchronize a copy, sort by
                `updated_at`, and start each time a minute before the last `updated_at` that you have.
            updated_before: Only sessions whose `updated_at` is before this time.
            reference_prefix: Only sessions whose reference begins with this text.
            q: Only sessions whose title has all of these words, ignoring case.
            metadata: Only sessions with this member of `metadata`, as `name:value`. The value is a string, a
                number, or a boolean; nested values are not searched. Repeat it to require several. Only with an
                API key.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            "/v1/groups",
            query=given(
                sort=sort,
                limit=limit,
                cursor=cursor,
                participant=participant,
                role=role,
                provider=provider,
                updated_after=updated_after,
                updated_before=updated_before,
                reference_prefix=reference_prefix,
                q=q,
                metadata=metadata,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, GroupSummary.from_json)

    def list_participants(
        self,
        reference: str,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Participant]:
        """List participants.

        Returns the participants of the session by user ID. Users who are not hosts see only their own entry.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/participants",
            query=given(
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Participant.from_json)

    async def get_participant(
        self,
        reference: str,
        user_id: str,
    ) -> Participant:
        """Get a participant.

        Returns the role and display name of one participant.

        An API key needs the scope `sessions:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/participants/{segment(user_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Participant.from_json)

    async def add_participant(
        self,
        reference: str,
        user_id: str,
        *,
        role: str,
        display_name: str | Omit | None = OMIT,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Participant:
        """Add or update a participant.

        Returns 201 if the participant is new, and 200 if they were already registered.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
            role: The person's role in your app.
            display_name: Shown to others in the call.
        """
        request = ApiRequest(
            "PUT",
            f"/v1/groups/{segment(reference)}/participants/{segment(user_id)}",
            body=given(
                role=role,
                display_name=display_name,
            ),
            if_match=if_match,
            if_none_match=if_none_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Participant.from_json)

    async def delete_participant(
        self,
        reference: str,
        user_id: str,
        *,
        if_match: str | None = None,
    ) -> None:
        """Delete a participant.

        The person gets no new join credentials. To disconnect them from a running call, also remove them with
        `POST .../remove`.

        An API key needs the scope `sessions:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/groups/{segment(reference)}/participants/{segment(user_id)}",
            if_match=if_match,
            is_repeatable=True,
        )
        await self._transport.send(request)

    async def check_access(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
    ) -> AccessDecision:
        """Check access.

        Returns the access decision. Creates nothing, and records nothing in the journal.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Omit it to check the access of a guest.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/access",
            body=given(
                user_id=user_id,
            ),
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, AccessDecision.from_json)

    async def join(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        display_name: str | Omit | None = OMIT,
        surface: Surface | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> JoinCredentials:
        """Get join credentials.

        Checks access, and returns join credentials. The first join opens the room and the call. Joining again
        repeats the check and renews the credentials.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session. Optional with a user token, a ticket, or `X-User-Id`.
            display_name: With an API key: replaces the participant's name. End users cannot choose a name.
            surface: The vendor's SDK, or its ready-made page.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/join",
            body=given(
                user_id=user_id,
                display_name=display_name,
                surface=surface,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_join_credentials)

    async def join_as_guest(
        self,
        reference: str,
        *,
        name: str,
        guest_id: str | Omit | None = OMIT,
        surface: Surface | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> JoinCredentials:
        """Get join credentials for a guest.

        Checks access, and returns join credentials for a guest. Every request without `guest_id` creates a new
        guest, unless it repeats an `Idempotency-Key`. If a guest has to wait, the error contains their
        `guest_id`: try again with it.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            name: The name of the guest.
            guest_id: The ID from an earlier response, to join again as that guest. Omit it for a new guest.
            surface: The vendor's SDK, or its ready-made page.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/guests",
            body=given(
                name=name,
                guest_id=guest_id,
                surface=surface,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_join_credentials)

    async def start_call(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Call:
        """Start a call.

        Opens the room, and starts a call in it. If a call is running, returns that call.

        An API key needs the scope `calls:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session; null for the backend itself.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/start",
            body=given(
                user_id=user_id,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Call.from_json)

    async def end_call(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Call:
        """End the call.

        Ends the call for everyone, and closes the room. If no call is running, returns the last one.

        An API key needs the scope `calls:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: A participant of the session; null for the backend itself.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/end",
            body=given(
                user_id=user_id,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Call.from_json)

    def list_calls(
        self,
        reference: str,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Call]:
        """List the calls of a session.

        Returns all calls of the session, oldest first, with their durations.

        An API key needs the scope `calls:read`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/calls",
            query=given(
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Call.from_json)

    def list_links(
        self,
        reference: str,
        *,
        user_id: str | Omit = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Link]:
        """List join links.

        Returns the active links of the session: neither revoked nor expired.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Only links for this person.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/links",
            query=given(
                user_id=user_id,
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Link.from_json)

    async def create_link(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        guest: LinkGuestInput | Omit | None = OMIT,
        display_name: str | Omit | None = OMIT,
        expires_in_seconds: int | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> LinkWithUrl:
        """Create a join link.

        Creates a signed URL of the hosted page for one person. Access is checked every time the link is used, so
        you can create it long before the session opens. It is valid until the session's window closes, also if
        the session is rescheduled. A link never grants more than its creator may do: a link created with an API
        key has the scopes of that key, and no link outlives the credential that created it. A person can have 100
        active links per session; creating another one revokes the oldest.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: The participant. Optional with a user token or `X-User-Id`. Only a backend or a host can
                create links for other people.
            guest: Use instead of `user_id` for a guest. Every link creates a new guest.
            display_name: Replaces the participant's registered display name.
            expires_in_seconds: A shorter lifetime. By default, the link is valid until the session's window
                closes, but not longer than the policy's `ticket_seconds`. For sessions without a schedule, the
                default is 12 hours.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/links",
            body=given(
                user_id=user_id,
                guest=guest,
                display_name=display_name,
                expires_in_seconds=expires_in_seconds,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkWithUrl.from_json)

    async def revoke_links(
        self,
        reference: str,
        *,
        user_id: str | Omit = OMIT,
    ) -> LinkRevocation:
        """Revoke join links.

        Takes effect immediately: the links are rejected with `ticket_revoked`, and open streams end. Links that
        are created later are not affected. Join credentials that were already issued stay valid; to invalidate
        them, remove the participant.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Only links for this person. If omitted, all links of the session are revoked.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/groups/{segment(reference)}/links",
            query=given(
                user_id=user_id,
            ),
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkRevocation.from_json)

    async def revoke_link(
        self,
        reference: str,
        link_id: str,
    ) -> LinkRevocation:
        """Revoke a join link.

        Takes effect immediately. Revoking a link again has no effect.

        An API key needs the scope `links:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            link_id: The `id` of the link.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/groups/{segment(reference)}/links/{segment(link_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LinkRevocation.from_json)

    async def list_lobby(
        self,
        reference: str,
    ) -> builtins.list[LobbyEntry]:
        """List the waiting room.

        Returns the people who are waiting to be admitted, and those who were admitted or denied since the room
        was opened. People who cannot join for another reason are not listed. A user token needs one of the
        policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/lobby",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, lambda page: list_of(LobbyEntry.from_json)(page["data"]))

    async def admit_lobby(
        self,
        reference: str,
        *,
        idempotency_key: str | None = None,
    ) -> builtins.list[LobbyEntry]:
        """Admit everyone.

        Admits everyone who is waiting, and returns those who were admitted by this request. People who were
        denied are not admitted. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/lobby/admit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, lambda page: list_of(LobbyEntry.from_json)(page["data"]))

    async def admit_lobby_entry(
        self,
        reference: str,
        entry: str,
        *,
        idempotency_key: str | None = None,
    ) -> LobbyEntry:
        """Admit a participant.

        The person gets join credentials with their next join request. The admission is valid until the room
        closes or the person is removed. You can also admit a person who was denied. Admitting a person again has
        no effect. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            entry: The `entry` of the person in the waiting room.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/lobby/{segment(entry)}/admit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LobbyEntry.from_json)

    async def deny_lobby_entry(
        self,
        reference: str,
        entry: str,
        *,
        idempotency_key: str | None = None,
    ) -> LobbyEntry:
        """Deny entry.

        The person's join requests are refused until the room closes. Denying a person again has no effect. A
        person who was already admitted cannot be denied: remove them instead. A user token needs one of the
        policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            entry: The `entry` of the person in the waiting room.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/lobby/{segment(entry)}/deny",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, LobbyEntry.from_json)

    async def remove_participant(
        self,
        reference: str,
        user_id: str,
        *,
        ban: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Removal:
        """Remove a participant.

        Disconnects all devices of the person from the call, and invalidates their join credentials, as far as the
        provider supports it. Unless they are also blocked with `ban`, they can request new credentials. A user
        token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
            ban: Also block the person: they get no new credentials for this session.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/participants/{segment(user_id)}/remove",
            body=given(
                ban=ban,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Removal.from_json)

    async def readmit_participant(
        self,
        reference: str,
        user_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Readmission:
        """Unblock a participant.

        Allows the person to request new join credentials. Credentials from before the removal stay invalid. Has
        no effect if the person is not blocked. A user token needs one of the policy's `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: Your ID of the person.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/participants/{segment(user_id)}/readmit",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Readmission.from_json)

    async def list_people(
        self,
        reference: str,
    ) -> builtins.list[SessionPerson]:
        """List who is in the call.

        Returns the participants and the guests in the call, and who of them is in the call now or is blocked. For
        people who are waiting to be admitted, see `GET .../lobby`. A user token needs one of the policy's
        `host_roles`.

        An API key needs the scope `moderation:write`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
        """
        request = ApiRequest(
            "GET",
            f"/v1/groups/{segment(reference)}/people",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(
            request, lambda page: list_of(SessionPerson.from_json)(page["data"])
        )

    async def give_feedback(
        self,
        reference: str,
        *,
        user_id: str | Omit | None = OMIT,
        call: str | Omit | None = OMIT,
        rating: int | Omit | None = OMIT,
        problems: Sequence[CallProblem] | Omit = OMIT,
        comment: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Feedback:
        """Give feedback about a call.

        Writes a `feedback.given` event into the journal, which is also streamed and sent to webhook endpoints.
        Each person who was in the call can give feedback about it once. A ticket is accepted for a day after the
        end of the window.

        An API key needs the scope `join`.

        Args:
            reference: Your ID of the session: 1 to 128 characters, without control characters and `/`.
            user_id: The person. Optional with a user token, a ticket, or `X-User-Id`.
            call: The ID of the call. By default the latest one.
            rating: From 1, bad, to 5, very good.
            problems: What did not work.
            comment: The person's own words. Credentials are removed.
        """
        request = ApiRequest(
            "POST",
            f"/v1/groups/{segment(reference)}/feedback",
            body=given(
                user_id=user_id,
                call=call,
                rating=rating,
                problems=problems,
                comment=comment,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Feedback.from_json)


class AsyncVisitResource:
    """The operations of `client.visit`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
    ) -> Visit:
        """Get my session.

        Returns the session for the holder of a ticket: the access decision, the waiting room, and the call. The
        request changes nothing, except that it counts as a poll of a person who is waiting to be admitted.
        """
        request = ApiRequest(
            "GET",
            "/v1/visit",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Visit.from_json)

    async def request_admission(
        self,
    ) -> Visit:
        """Ask to join.

        Adds the person to the waiting room, like a join request, but without requesting credentials. Asking again
        has no effect. If the person can join already, or cannot join for another reason, nothing changes; see
        `decision`.
        """
        request = ApiRequest(
            "POST",
            "/v1/visit/knock",
            is_repeatable=False,
        )
        return await self._transport.send_for_value(request, Visit.from_json)

    async def withdraw_admission_request(
        self,
    ) -> Visit:
        """Withdraw my request to join.

        Removes the person from the waiting room. Has no effect if there is no request, or if it was already
        decided.
        """
        request = ApiRequest(
            "DELETE",
            "/v1/visit/knock",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Visit.from_json)

    async def list_people(
        self,
        *,
        uid: Sequence[int],
    ) -> builtins.list[CallPerson]:
        """Get the names of people in the call.

        Returns the display names for Agora uids, for pages that show a call. The ticket holder must be able to
        join now. Unknown uids are omitted.

        Args:
            uid: An Agora uid, as reported by the SDK. Repeat the parameter for several uids.
        """
        request = ApiRequest(
            "GET",
            "/v1/visit/people",
            query=given(
                uid=uid,
            ),
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, lambda page: list_of(CallPerson.from_json)(page["data"]))

    def stream(
        self,
    ) -> AsyncStream[Visit]:
        """Stream my session.

        Sends the session immediately, and again after each change. A stream ends after ten minutes, and when the
        ticket expires or is revoked; then reconnect. While a person is waiting to be admitted, an open stream
        shows that they are still there.
        """
        request = ApiRequest(
            "GET",
            "/v1/visit/stream",
            is_repeatable=True,
        )
        return AsyncStream(self._transport, request, Visit.from_json)


class AsyncCallsResource:
    """The operations of `client.calls`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        kind: SessionKind | Omit = OMIT,
        reference: str | Omit = OMIT,
        running: bool | Omit = OMIT,
        started_after: datetime | str | Omit = OMIT,
        started_before: datetime | str | Omit = OMIT,
        provider: ProviderName | Omit = OMIT,
        participant: str | Omit = OMIT,
        sort: CallOrder | Omit = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Call]:
        """List all calls.

        Returns the calls of all sessions, by default the newest first. Only for backends: users list the calls of
        a session with `GET .../calls`, because what they see depends on their role in it. All parameters but
        `limit` must be those of the first page.

        An API key needs the scope `calls:read`.

        Args:
            kind: Only calls of the session with this kind. Requires `reference`.
            reference: Only calls of the session with this reference. Requires `kind`.
            running: Only calls that are running (`true`), or have ended (`false`).
            started_after: Only calls that started at this time or later.
            started_before: Only calls that started before this time.
            provider: Only calls at this provider.
            participant: Only calls in which this person was present.
            sort: The order of the list. `-` is descending.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            "/v1/calls",
            query=given(
                kind=kind,
                reference=reference,
                running=running,
                started_after=started_after,
                started_before=started_before,
                provider=provider,
                participant=participant,
                sort=sort,
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, Call.from_json)

    async def get(
        self,
        call_id: str,
    ) -> CallWithAttendance:
        """Get a call.

        Returns a call with its attendance, and the observations that each stay is based on.

        An API key needs the scope `calls:read`.

        Args:
            call_id: The ID of the call.
        """
        request = ApiRequest(
            "GET",
            f"/v1/calls/{segment(call_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, CallWithAttendance.from_json)


class AsyncEventsResource:
    """The operations of `client.events`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        type: Sequence[EventType] | Omit = OMIT,
        kind: SessionKind | Omit = OMIT,
        reference: str | Omit = OMIT,
        user_id: str | Omit = OMIT,
        since: datetime | str | Omit = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[Event]:
        """List events.

        Returns the events of the app, oldest first. Clients that follow the cursor do not miss events.

        An API key needs the scope `events:read`.

        Args:
            type: Only events of this type. Repeat the parameter for several types.
            kind: Only events of the session with this kind. Requires `reference`.
            reference: Only events of the session with this reference. Requires `kind`.
            user_id: Only events about this person.
            since: Only events that happened at this time or later.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            "/v1/events",
            query=given(
                type=type,
                kind=kind,
                reference=reference,
                user_id=user_id,
                since=since,
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, decode_event)

    async def report(
        self,
        *,
        event: str,
        kind: SessionKind | Omit | None = OMIT,
        reference: str | Omit | None = OMIT,
        user_id: str | Omit | None = OMIT,
        details: Mapping[str, Any] | Omit = OMIT,
        occurred_at: datetime | str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Event:
        """Report an event.

        Writes an `app.reported` event into the journal. Like all events, it is also streamed and sent to webhook
        endpoints. With a user token, the session must be one of the user's, and the event can only be about the
        user.

        An API key needs the scope `events:write`.

        Args:
            event: Your name for the event: letters, digits, `_`, `.`, `:`, and `-`.
            kind: The kind of the session in which it happened. Requires `reference`.
            reference: The reference of the session in which it happened. Requires `kind`.
            user_id: The person that the event is about. With a user token, only the user of the token.
            details: Additional data: at most 4096 bytes as JSON, and 8 levels of nesting. Credentials are
                removed.
            occurred_at: When it happened, by your app's clock: within the last 30 days. The event contains it as
                `reported_at`; the event's own `occurred_at` is the time of the request.
        """
        request = ApiRequest(
            "POST",
            "/v1/events",
            body=given(
                kind=kind,
                reference=reference,
                user_id=user_id,
                event=event,
                details=details,
                occurred_at=occurred_at,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_event)

    def stream(
        self,
        *,
        type: Sequence[EventType] | Omit = OMIT,
        kind: SessionKind | Omit = OMIT,
        reference: str | Omit = OMIT,
        user_id: str | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncStream[Event]:
        """Stream events.

        Streams events as they happen, from now on or after a cursor, which can also be one of the list. A stream
        ends after ten minutes. Reconnect with `Last-Event-ID`, to any replica, to continue without gaps and
        duplicates.

        An API key needs the scope `events:read`.

        Args:
            type: Only events of this type. Repeat the parameter for several types.
            kind: Only events of the session with this kind. Requires `reference`.
            reference: Only events of the session with this reference. Requires `kind`.
            user_id: Only events about this person.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            "/v1/events/stream",
            query=given(
                type=type,
                kind=kind,
                reference=reference,
                user_id=user_id,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncStream(self._transport, request, decode_event)


class AsyncWebhookEndpointsResource:
    """The operations of `client.webhook_endpoints`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(
        self,
    ) -> builtins.list[WebhookEndpoint]:
        """List webhook endpoints.

        Returns all webhook endpoints, oldest first.

        An API key needs the scope `webhooks:read`.
        """
        request = ApiRequest(
            "GET",
            "/v1/webhook-endpoints",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(
            request, lambda page: list_of(WebhookEndpoint.from_json)(page["data"])
        )

    async def create(
        self,
        *,
        url: str,
        description: str | Omit = OMIT,
        types: Sequence[EventType] | Omit = OMIT,
        ordered: bool | Omit = OMIT,
        enabled: bool | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> WebhookEndpointWithSecret:
        """Create a webhook endpoint.

        The endpoint receives events from now on, signed with Standard Webhooks. The secret is returned only in
        this response, and if you repeat the request with the same `Idempotency-Key` before the secret is rotated
        or the endpoint deleted. The API key also needs `events:read`.

        An API key needs the scopes `events:read` and `webhooks:write`.

        Args:
            url: An HTTPS URL on the public internet.
            description: A note for your own use.
            types: The event types to send. If empty, all types except those about the configuration of the app,
                which must be listed explicitly.
            ordered: Deliver the events of a session one after the other: each event waits until the previous one
                was accepted.
            enabled: Whether events are sent to the endpoint.
        """
        request = ApiRequest(
            "POST",
            "/v1/webhook-endpoints",
            body=given(
                url=url,
                description=description,
                types=types,
                ordered=ordered,
                enabled=enabled,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookEndpointWithSecret.from_json)

    async def get(
        self,
        endpoint_id: str,
    ) -> WebhookEndpoint:
        """Get a webhook endpoint.

        Returns the settings of the endpoint, and whether its deliveries fail.

        An API key needs the scope `webhooks:read`.

        Args:
            endpoint_id: The `id` of the endpoint.
        """
        request = ApiRequest(
            "GET",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookEndpoint.from_json)

    async def update(
        self,
        endpoint_id: str,
        *,
        url: str | Omit | None = OMIT,
        description: str | Omit | None = OMIT,
        types: Sequence[EventType] | Omit | None = OMIT,
        ordered: bool | Omit | None = OMIT,
        enabled: bool | Omit | None = OMIT,
        if_match: str | None = None,
    ) -> WebhookEndpoint:
        """Update a webhook endpoint.

        Updates the given fields. When you enable a disabled endpoint, the events that it missed are sent.

        An API key needs the scopes `events:read` and `webhooks:write`.

        Args:
            endpoint_id: The `id` of the endpoint.
            url: The URL.
            description: A note for your own use.
            types: The event types that are sent. If empty, all types except those about the configuration of the
                app.
            ordered: Whether the events of a session are delivered one after the other.
            enabled: Whether events are sent to the endpoint.
        """
        request = ApiRequest(
            "PATCH",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}",
            body=given(
                url=url,
                description=description,
                types=types,
                ordered=ordered,
                enabled=enabled,
            ),
            if_match=if_match,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookEndpoint.from_json)

    async def delete(
        self,
        endpoint_id: str,
        *,
        if_match: str | None = None,
    ) -> None:
        """Delete a webhook endpoint.

        Pending deliveries to the endpoint are discarded. The events stay in the journal.

        An API key needs the scope `webhooks:write`.

        Args:
            endpoint_id: The `id` of the endpoint.
        """
        request = ApiRequest(
            "DELETE",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}",
            if_match=if_match,
            is_repeatable=True,
        )
        await self._transport.send(request)

    async def rotate_secret(
        self,
        endpoint_id: str,
        *,
        overlap_seconds: int | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> WebhookEndpointWithSecret:
        """Rotate the secret of an endpoint.

        Returns a new secret. Deliveries are signed with both secrets for `overlap_seconds`.

        An API key needs the scope `webhooks:write`.

        Args:
            endpoint_id: The `id` of the endpoint.
            overlap_seconds: How long deliveries are signed with both secrets.
        """
        request = ApiRequest(
            "POST",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}/rotate-secret",
            body=given(
                overlap_seconds=overlap_seconds,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookEndpointWithSecret.from_json)

    async def test(
        self,
        endpoint_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookAttempt:
        """Send a test event to an endpoint.

        Sends a signed event of type `endpoint.test` immediately, and returns the result.

        An API key needs the scope `webhooks:write`.

        Args:
            endpoint_id: The `id` of the endpoint.
        """
        request = ApiRequest(
            "POST",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}/test",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookAttempt.from_json)

    async def replay_events(
        self,
        endpoint_id: str,
        *,
        since: datetime | str,
        until: datetime | str,
        types: Sequence[EventType] | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> ReplayResult:
        """Replay events.

        Sends the events of a period again, with their original IDs, so that receivers can detect duplicates.

        An API key needs the scopes `events:read` and `webhooks:write`.

        Args:
            endpoint_id: The `id` of the endpoint.
            since: Inclusive.
            until: Exclusive.
            types: Only events of these types. If empty, all types that the endpoint receives.
        """
        request = ApiRequest(
            "POST",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}/replay",
            body=given(
                since=since,
                until=until,
                types=types,
            ),
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, ReplayResult.from_json)

    def list_deliveries(
        self,
        endpoint_id: str,
        *,
        state: DeliveryState | Omit = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit = OMIT,
    ) -> AsyncPaginator[WebhookDelivery]:
        """List deliveries.

        Returns the deliveries to an endpoint, newest first.

        An API key needs the scope `webhooks:read`.

        Args:
            endpoint_id: The `id` of the endpoint.
            state: Only deliveries in this state.
            limit: The maximum number of items to return.
            cursor: The `next` of the previous page. Omit it for the first page.
        """
        request = ApiRequest(
            "GET",
            f"/v1/webhook-endpoints/{segment(endpoint_id)}/deliveries",
            query=given(
                state=state,
                limit=limit,
                cursor=cursor,
            ),
            is_repeatable=True,
        )
        return AsyncPaginator(self._transport, request, WebhookDelivery.from_json)

    async def get_delivery(
        self,
        delivery_id: str,
    ) -> WebhookDeliveryWithAttempts:
        """Get a delivery.

        Returns a delivery with all attempts.

        An API key needs the scope `webhooks:read`.

        Args:
            delivery_id: The `id` of the delivery.
        """
        request = ApiRequest(
            "GET",
            f"/v1/deliveries/{segment(delivery_id)}",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookDeliveryWithAttempts.from_json)

    async def retry_delivery(
        self,
        delivery_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookDelivery:
        """Retry a delivery.

        Sends the event again, whatever the state of the delivery.

        An API key needs the scopes `events:read` and `webhooks:write`.

        Args:
            delivery_id: The `id` of the delivery.
        """
        request = ApiRequest(
            "POST",
            f"/v1/deliveries/{segment(delivery_id)}/retry",
            idempotency_key=idempotency_key,
            takes_idempotency_key=True,
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, WebhookDelivery.from_json)


class AsyncDiagnosticsResource:
    """The operations of `client.diagnostics`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
    ) -> Diagnostics:
        """Run configuration checks.

        Runs the checks of `videobroker doctor` for this app: database, provider credentials, clocks, template
        roles, webhooks, and the ready-made call page.

        An API key needs the scope `diagnostics:read`.
        """
        request = ApiRequest(
            "GET",
            "/v1/diagnostics",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, Diagnostics.from_json)

    async def get_incoming_webhook_counts(
        self,
    ) -> builtins.list[IncomingWebhookCount]:
        """Count incoming webhooks.

        Returns the number of provider webhooks of the last seven days, by type and processing state. Use it to
        see whether webhooks arrive, and which types are ignored.

        An API key needs the scope `diagnostics:read`.
        """
        request = ApiRequest(
            "GET",
            "/v1/diagnostics/webhooks",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(
            request, lambda page: list_of(IncomingWebhookCount.from_json)(page["data"])
        )


class AsyncMeResource:
    """The operations of `client.me`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
    ) -> Me:
        """Get the caller's identity.

        Returns what the credential of the request is, and what it may do. Needs no scope. With an API key, also
        the settings of the app: policy, providers, role maps, and limits. Use it to check a deployment, and in
        support.
        """
        request = ApiRequest(
            "GET",
            "/v1/me",
            is_repeatable=True,
        )
        return await self._transport.send_for_value(request, decode_me)
