// The operations. Generated from openapi.yaml by `make clients`: do not edit.

import type {
  AccessDecision,
  Attendance,
  Booking,
  BookingSummary,
  Call,
  CallOrder,
  CallPerson,
  CallProblem,
  CallWithAttendance,
  DeliveryState,
  Diagnostics,
  Event,
  EventType,
  Feedback,
  Group,
  GroupSummary,
  IncomingWebhookCount,
  JoinCredentials,
  Link,
  LinkGuestInput,
  LinkRevocation,
  LinkWithUrl,
  LobbyEntry,
  Me,
  Modality,
  Participant,
  ParticipantInput,
  PolicyInput,
  ProviderName,
  Readmission,
  Removal,
  ReplayResult,
  SessionKind,
  SessionOrder,
  SessionPerson,
  SessionStatus,
  Surface,
  Visit,
  WebhookAttempt,
  WebhookDelivery,
  WebhookDeliveryWithAttempts,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
} from "./models.js";
import { Paginator } from "./pagination.js";
import { EventStream } from "./streaming.js";
import { type RequestOptions, segment, type Transport } from "./transport.js";

/** Parameters of `client.bookings.create`. */
export interface CreateBookingParameters {
  /** When the booking starts. */
  starts_at: string | Date;
  /** Shown to participants. Never sent to a provider. */
  title?: string | null | undefined;
  /**
   * The providers to use, in order of preference. If empty, the app's default applies. While a room or call of the
   * session is open, it stays at its provider.
   */
  providers?: ProviderName[] | undefined;
  /** The policy settings of this session that differ from those of the app. */
  policy?: PolicyInput | undefined;
  /** All participants. Omit it to keep the participants unchanged. */
  participants?: ParticipantInput[] | null | undefined;
  /** Custom data of your app: at most 16 KiB. */
  metadata?: Record<string, unknown> | undefined;
  /** People can only join bookings that are `confirmed`. */
  status?: SessionStatus | undefined;
  /** `virtual` bookings take place on video, `physical` ones do not. */
  modality?: Modality | undefined;
  /** Send either `ends_at` or `duration_minutes`. */
  ends_at?: string | Date | null | undefined;
  /** Send either `ends_at` or `duration_minutes`. */
  duration_minutes?: number | null | undefined;
}

/** Parameters of `client.bookings.update`. */
export interface UpdateBookingParameters {
  /** Shown to participants. Never sent to a provider. */
  title?: string | null | undefined;
  /** The status. */
  status?: SessionStatus | null | undefined;
  /** Where the booking takes place. */
  modality?: Modality | null | undefined;
  /** When it is scheduled to start. */
  starts_at?: string | Date | null | undefined;
  /** When it is scheduled to end. */
  ends_at?: string | Date | null | undefined;
  /** Changes the end. Send either `ends_at` or `duration_minutes`. */
  duration_minutes?: number | null | undefined;
  /** The providers to use, in order of preference. */
  providers?: ProviderName[] | null | undefined;
  /** The policy settings of this session that differ from those of the app. */
  policy?: PolicyInput | null | undefined;
  /** Custom data of your app. Null for end users. */
  metadata?: Record<string, unknown> | null | undefined;
}

/** Parameters of `client.bookings.list`. */
export interface ListBookingsParameters {
  /** The order of the list. `-` is descending. */
  sort?: SessionOrder | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
  /** Only bookings with this status. Repeat it to allow several. */
  status?: SessionStatus[] | undefined;
  /** Only bookings that start at this time or later. */
  starts_after?: string | Date | undefined;
  /** Only bookings that start before this time. */
  starts_before?: string | Date | undefined;
  /** Only bookings whose end has passed (`true`), or has not (`false`). */
  ended?: boolean | undefined;
  /** Only sessions with this participant. */
  participant?: string | undefined;
  /** Only sessions in which `participant` has this role in your app. */
  role?: string | undefined;
  /** Only sessions with a room at this provider. */
  provider?: ProviderName | undefined;
  /**
   * Only sessions whose `updated_at` is this time or later. To synchronize a copy, sort by `updated_at`, and start
   * each time a minute before the last `updated_at` that you have.
   */
  updated_after?: string | Date | undefined;
  /** Only sessions whose `updated_at` is before this time. */
  updated_before?: string | Date | undefined;
  /** Only sessions whose reference begins with this text. */
  reference_prefix?: string | undefined;
  /** Only sessions whose title has all of these words, ignoring case. */
  q?: string | undefined;
  /**
   * Only sessions with this member of `metadata`, as `name:value`. The value is a string, a number, or a boolean;
   * nested values are not searched. Repeat it to require several. Only with an API key.
   */
  metadata?: string[] | undefined;
}

/** Parameters of `client.bookings.listParticipants`. */
export interface ListBookingParticipantsParameters {
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.bookings.addParticipant`. */
export interface AddBookingParticipantParameters {
  /** The person's role in your app. */
  role: string;
  /** Shown to others in the call. */
  display_name?: string | null | undefined;
}

/** Parameters of `client.bookings.checkAccess`. */
export interface CheckBookingAccessParameters {
  /** Omit it to check the access of a guest. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.bookings.join`. */
export interface JoinBookingParameters {
  /** A participant of the session. Optional with a user token, a ticket, or `X-User-Id`. */
  user_id?: string | null | undefined;
  /** With an API key: replaces the participant's name. End users cannot choose a name. */
  display_name?: string | null | undefined;
  /** The vendor's SDK, or its ready-made page. */
  surface?: Surface | undefined;
}

/** Parameters of `client.bookings.joinAsGuest`. */
export interface JoinBookingAsGuestParameters {
  /** The name of the guest. */
  name: string;
  /** The ID from an earlier response, to join again as that guest. Omit it for a new guest. */
  guest_id?: string | null | undefined;
  /** The vendor's SDK, or its ready-made page. */
  surface?: Surface | undefined;
}

/** Parameters of `client.bookings.startCall`. */
export interface StartBookingCallParameters {
  /** A participant of the session; null for the backend itself. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.bookings.endCall`. */
export interface EndBookingCallParameters {
  /** A participant of the session; null for the backend itself. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.bookings.listCalls`. */
export interface ListBookingCallsParameters {
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.bookings.listLinks`. */
export interface ListBookingLinksParameters {
  /** Only links for this person. */
  user_id?: string | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.bookings.createLink`. */
export interface CreateBookingLinkParameters {
  /**
   * The participant. Optional with a user token or `X-User-Id`. Only a backend or a host can create links for other
   * people.
   */
  user_id?: string | null | undefined;
  /** Use instead of `user_id` for a guest. Every link creates a new guest. */
  guest?: LinkGuestInput | null | undefined;
  /** Replaces the participant's registered display name. */
  display_name?: string | null | undefined;
  /**
   * A shorter lifetime. By default, the link is valid until the session's window closes, but not longer than the
   * policy's `ticket_seconds`. For sessions without a schedule, the default is 12 hours.
   */
  expires_in_seconds?: number | null | undefined;
}

/** Parameters of `client.bookings.revokeLinks`. */
export interface RevokeBookingLinksParameters {
  /** Only links for this person. If omitted, all links of the session are revoked. */
  user_id?: string | undefined;
}

/** Parameters of `client.bookings.removeParticipant`. */
export interface RemoveBookingParticipantParameters {
  /** Also block the person: they get no new credentials for this session. */
  ban?: boolean | undefined;
}

/** Parameters of `client.bookings.giveFeedback`. */
export interface GiveBookingFeedbackParameters {
  /** The person. Optional with a user token, a ticket, or `X-User-Id`. */
  user_id?: string | null | undefined;
  /** The ID of the call. By default the latest one. */
  call?: string | null | undefined;
  /** From 1, bad, to 5, very good. */
  rating?: number | null | undefined;
  /** What did not work. */
  problems?: CallProblem[] | undefined;
  /** The person's own words. Credentials are removed. */
  comment?: string | null | undefined;
}

/** The operations of `client.bookings`. */
export class BookingsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Get a booking.
   *
   * Returns the session with its first participants. To list all of them, use `GET .../participants`.
   *
   * An API key needs the scope `sessions:read`.
   */
  get(
    reference: string,
    options: RequestOptions = {},
  ): Promise<Booking> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Create or replace a booking.
   *
   * Creates the session, or replaces it. A field that you omit gets its default, so a canceled or completed session
   * is open again unless you send its `status`. Participants are the exception: omit `participants` to keep those
   * that are registered, and send an empty list to remove them all. To change single fields, use `PATCH`.
   *
   * Returns 201 if the session was created, and 200 if it existed. The request is idempotent: repeating it with the
   * same body changes nothing, not even `updated_at`.
   *
   * An API key needs the scope `sessions:write`.
   */
  create(
    reference: string,
    parameters: CreateBookingParameters,
    options: RequestOptions = {},
  ): Promise<Booking> {
    const request = {
      method: "PUT",
      path: `/v1/bookings/${segment(reference)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Update a booking.
   *
   * Updates the given fields. The reference, the participants, and the room do not change. A user token needs one of
   * the policy's `booking_roles`, and can only change the title, the schedule, and the status.
   *
   * An API key needs the scope `sessions:write`.
   */
  update(
    reference: string,
    parameters: UpdateBookingParameters = {},
    options: RequestOptions = {},
  ): Promise<Booking> {
    const request = {
      method: "PATCH",
      path: `/v1/bookings/${segment(reference)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Delete a booking.
   *
   * Deletes the session with its participants, links, calls, and attendance. A running call ends, and everyone in it
   * is disconnected. The journal keeps its events, and you get `session.deleted`. The reference is free: a new
   * session with it gets a new room. To keep calls and attendance, cancel the session instead.
   *
   * An API key needs the scope `sessions:write`.
   */
  delete(
    reference: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const request = {
      method: "DELETE",
      path: `/v1/bookings/${segment(reference)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForNothing(request);
  }

  /**
   * Cancel a booking.
   *
   * Ends the call, closes the room, and prevents anyone from joining. Canceling again has no effect. To reopen the
   * session, send `PUT` again. A user token needs one of the policy's `booking_roles`.
   *
   * An API key needs the scope `sessions:write`.
   */
  cancel(
    reference: string,
    options: RequestOptions = {},
  ): Promise<Booking> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/cancel`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List bookings.
   *
   * Returns the app's bookings, by default by start time. With a user token or `X-User-Id`, only those of the user.
   * All parameters but `limit` must be those of the first page.
   *
   * An API key needs the scope `sessions:read`.
   */
  list(
    parameters: ListBookingsParameters = {},
    options: RequestOptions = {},
  ): Paginator<BookingSummary> {
    const request = {
      method: "GET",
      path: "/v1/bookings",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * List participants.
   *
   * Returns the participants of the session by user ID. Users who are not hosts see only their own entry.
   *
   * An API key needs the scope `sessions:read`.
   */
  listParticipants(
    reference: string,
    parameters: ListBookingParticipantsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Participant> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/participants`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Get a participant.
   *
   * Returns the role and display name of one participant.
   *
   * An API key needs the scope `sessions:read`.
   */
  getParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<Participant> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/participants/${segment(userId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Add or update a participant.
   *
   * Returns 201 if the participant is new, and 200 if they were already registered.
   *
   * An API key needs the scope `sessions:write`.
   */
  addParticipant(
    reference: string,
    userId: string,
    parameters: AddBookingParticipantParameters,
    options: RequestOptions = {},
  ): Promise<Participant> {
    const request = {
      method: "PUT",
      path: `/v1/bookings/${segment(reference)}/participants/${segment(userId)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Delete a participant.
   *
   * The person gets no new join credentials. To disconnect them from a running call, also remove them with `POST
   * .../remove`.
   *
   * An API key needs the scope `sessions:write`.
   */
  deleteParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const request = {
      method: "DELETE",
      path: `/v1/bookings/${segment(reference)}/participants/${segment(userId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForNothing(request);
  }

  /**
   * Check access.
   *
   * Returns the access decision. Creates nothing, and records nothing in the journal.
   *
   * An API key needs the scope `join`.
   */
  checkAccess(
    reference: string,
    parameters: CheckBookingAccessParameters = {},
    options: RequestOptions = {},
  ): Promise<AccessDecision> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/access`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get join credentials.
   *
   * Checks access, and returns join credentials. The first join opens the room and the call. Joining again repeats
   * the check and renews the credentials.
   *
   * An API key needs the scope `join`.
   */
  join(
    reference: string,
    parameters: JoinBookingParameters = {},
    options: RequestOptions = {},
  ): Promise<JoinCredentials> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/join`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get join credentials for a guest.
   *
   * Checks access, and returns join credentials for a guest. Every request without `guest_id` creates a new guest,
   * unless it repeats an `Idempotency-Key`. If a guest has to wait, the error contains their `guest_id`: try again
   * with it.
   *
   * An API key needs the scope `join`.
   */
  joinAsGuest(
    reference: string,
    parameters: JoinBookingAsGuestParameters,
    options: RequestOptions = {},
  ): Promise<JoinCredentials> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/guests`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Start a call.
   *
   * Opens the room, and starts a call in it. If a call is running, returns that call.
   *
   * An API key needs the scope `calls:write`.
   */
  startCall(
    reference: string,
    parameters: StartBookingCallParameters = {},
    options: RequestOptions = {},
  ): Promise<Call> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/start`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * End the call.
   *
   * Ends the call for everyone, and closes the room. If no call is running, returns the last one.
   *
   * An API key needs the scope `calls:write`.
   */
  endCall(
    reference: string,
    parameters: EndBookingCallParameters = {},
    options: RequestOptions = {},
  ): Promise<Call> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/end`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List the calls of a session.
   *
   * Returns all calls of the session, oldest first, with their durations.
   *
   * An API key needs the scope `calls:read`.
   */
  listCalls(
    reference: string,
    parameters: ListBookingCallsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Call> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/calls`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * List join links.
   *
   * Returns the active links of the session: neither revoked nor expired.
   *
   * An API key needs the scope `links:write`.
   */
  listLinks(
    reference: string,
    parameters: ListBookingLinksParameters = {},
    options: RequestOptions = {},
  ): Paginator<Link> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/links`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Create a join link.
   *
   * Creates a signed URL of the hosted page for one person. Access is checked every time the link is used, so you
   * can create it long before the session opens. It is valid until the session's window closes, also if the session
   * is rescheduled. A link never grants more than its creator may do: a link created with an API key has the scopes
   * of that key, and no link outlives the credential that created it. A person can have 100 active links per
   * session; creating another one revokes the oldest.
   *
   * An API key needs the scope `links:write`.
   */
  createLink(
    reference: string,
    parameters: CreateBookingLinkParameters = {},
    options: RequestOptions = {},
  ): Promise<LinkWithUrl> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/links`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Revoke join links.
   *
   * Takes effect immediately: the links are rejected with `ticket_revoked`, and open streams end. Links that are
   * created later are not affected. Join credentials that were already issued stay valid; to invalidate them, remove
   * the participant.
   *
   * An API key needs the scope `links:write`.
   */
  revokeLinks(
    reference: string,
    parameters: RevokeBookingLinksParameters = {},
    options: RequestOptions = {},
  ): Promise<LinkRevocation> {
    const request = {
      method: "DELETE",
      path: `/v1/bookings/${segment(reference)}/links`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Revoke a join link.
   *
   * Takes effect immediately. Revoking a link again has no effect.
   *
   * An API key needs the scope `links:write`.
   */
  revokeLink(
    reference: string,
    linkId: string,
    options: RequestOptions = {},
  ): Promise<LinkRevocation> {
    const request = {
      method: "DELETE",
      path: `/v1/bookings/${segment(reference)}/links/${segment(linkId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List the waiting room.
   *
   * Returns the people who are waiting to be admitted, and those who were admitted or denied since the room was
   * opened. People who cannot join for another reason are not listed. A user token needs one of the policy's
   * `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  listLobby(
    reference: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry[]> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/lobby`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Admit everyone.
   *
   * Admits everyone who is waiting, and returns those who were admitted by this request. People who were denied are
   * not admitted. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  admitLobby(
    reference: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry[]> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/lobby/admit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Admit a participant.
   *
   * The person gets join credentials with their next join request. The admission is valid until the room closes or
   * the person is removed. You can also admit a person who was denied. Admitting a person again has no effect. A
   * user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  admitLobbyEntry(
    reference: string,
    entry: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/lobby/${segment(entry)}/admit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Deny entry.
   *
   * The person's join requests are refused until the room closes. Denying a person again has no effect. A person who
   * was already admitted cannot be denied: remove them instead. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  denyLobbyEntry(
    reference: string,
    entry: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/lobby/${segment(entry)}/deny`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Remove a participant.
   *
   * Disconnects all devices of the person from the call, and invalidates their join credentials, as far as the
   * provider supports it. Unless they are also blocked with `ban`, they can request new credentials. A user token
   * needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  removeParticipant(
    reference: string,
    userId: string,
    parameters: RemoveBookingParticipantParameters = {},
    options: RequestOptions = {},
  ): Promise<Removal> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/participants/${segment(userId)}/remove`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Unblock a participant.
   *
   * Allows the person to request new join credentials. Credentials from before the removal stay invalid. Has no
   * effect if the person is not blocked. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  readmitParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<Readmission> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/participants/${segment(userId)}/readmit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List who is in the call.
   *
   * Returns the participants and the guests in the call, and who of them is in the call now or is blocked. For
   * people who are waiting to be admitted, see `GET .../lobby`. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  listPeople(
    reference: string,
    options: RequestOptions = {},
  ): Promise<SessionPerson[]> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/people`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Give feedback about a call.
   *
   * Writes a `feedback.given` event into the journal, which is also streamed and sent to webhook endpoints. Each
   * person who was in the call can give feedback about it once. A ticket is accepted for a day after the end of the
   * window.
   *
   * An API key needs the scope `join`.
   */
  giveFeedback(
    reference: string,
    parameters: GiveBookingFeedbackParameters = {},
    options: RequestOptions = {},
  ): Promise<Feedback> {
    const request = {
      method: "POST",
      path: `/v1/bookings/${segment(reference)}/feedback`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get the attendance of a booking.
   *
   * Returns the attendance verdict of each participant, with the minutes and the rule that determined it. Until the
   * booking has closed, verdicts are provisional. Users who are not hosts see only their own entry.
   *
   * An API key needs the scope `calls:read`.
   */
  getAttendance(
    reference: string,
    options: RequestOptions = {},
  ): Promise<Attendance> {
    const request = {
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/attendance`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /** Get the attendance of a booking, as CSV for spreadsheets. */
  getAttendanceCsv(
    reference: string,
    options: RequestOptions = {},
  ): Promise<string> {
    return this.#transport.sendForText({
      method: "GET",
      path: `/v1/bookings/${segment(reference)}/attendance`,
      query: { format: "csv" },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    });
  }
}

/** Parameters of `client.groups.create`. */
export interface CreateGroupParameters {
  /** Shown to participants. Never sent to a provider. */
  title?: string | null | undefined;
  /**
   * The providers to use, in order of preference. If empty, the app's default applies. While a room or call of the
   * session is open, it stays at its provider.
   */
  providers?: ProviderName[] | undefined;
  /** The policy settings of this session that differ from those of the app. */
  policy?: PolicyInput | undefined;
  /** All participants. Omit it to keep the participants unchanged. */
  participants?: ParticipantInput[] | null | undefined;
  /** Custom data of your app: at most 16 KiB. */
  metadata?: Record<string, unknown> | undefined;
  /** Whether the group can meet on video. */
  video_enabled?: boolean | undefined;
}

/** Parameters of `client.groups.update`. */
export interface UpdateGroupParameters {
  /** Shown to participants. Never sent to a provider. */
  title?: string | null | undefined;
  /** Whether the group can meet on video. */
  video_enabled?: boolean | null | undefined;
  /** The providers to use, in order of preference. */
  providers?: ProviderName[] | null | undefined;
  /** The policy settings of this session that differ from those of the app. */
  policy?: PolicyInput | null | undefined;
  /** Custom data of your app. Null for end users. */
  metadata?: Record<string, unknown> | null | undefined;
}

/** Parameters of `client.groups.list`. */
export interface ListGroupsParameters {
  /** The order of the list. `-` is descending. */
  sort?: "created_at" | "-created_at" | "updated_at" | "-updated_at" | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
  /** Only sessions with this participant. */
  participant?: string | undefined;
  /** Only sessions in which `participant` has this role in your app. */
  role?: string | undefined;
  /** Only sessions with a room at this provider. */
  provider?: ProviderName | undefined;
  /**
   * Only sessions whose `updated_at` is this time or later. To synchronize a copy, sort by `updated_at`, and start
   * each time a minute before the last `updated_at` that you have.
   */
  updated_after?: string | Date | undefined;
  /** Only sessions whose `updated_at` is before this time. */
  updated_before?: string | Date | undefined;
  /** Only sessions whose reference begins with this text. */
  reference_prefix?: string | undefined;
  /** Only sessions whose title has all of these words, ignoring case. */
  q?: string | undefined;
  /**
   * Only sessions with this member of `metadata`, as `name:value`. The value is a string, a number, or a boolean;
   * nested values are not searched. Repeat it to require several. Only with an API key.
   */
  metadata?: string[] | undefined;
}

/** Parameters of `client.groups.listParticipants`. */
export interface ListGroupParticipantsParameters {
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.groups.addParticipant`. */
export interface AddGroupParticipantParameters {
  /** The person's role in your app. */
  role: string;
  /** Shown to others in the call. */
  display_name?: string | null | undefined;
}

/** Parameters of `client.groups.checkAccess`. */
export interface CheckGroupAccessParameters {
  /** Omit it to check the access of a guest. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.groups.join`. */
export interface JoinGroupParameters {
  /** A participant of the session. Optional with a user token, a ticket, or `X-User-Id`. */
  user_id?: string | null | undefined;
  /** With an API key: replaces the participant's name. End users cannot choose a name. */
  display_name?: string | null | undefined;
  /** The vendor's SDK, or its ready-made page. */
  surface?: Surface | undefined;
}

/** Parameters of `client.groups.joinAsGuest`. */
export interface JoinGroupAsGuestParameters {
  /** The name of the guest. */
  name: string;
  /** The ID from an earlier response, to join again as that guest. Omit it for a new guest. */
  guest_id?: string | null | undefined;
  /** The vendor's SDK, or its ready-made page. */
  surface?: Surface | undefined;
}

/** Parameters of `client.groups.startCall`. */
export interface StartGroupCallParameters {
  /** A participant of the session; null for the backend itself. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.groups.endCall`. */
export interface EndGroupCallParameters {
  /** A participant of the session; null for the backend itself. */
  user_id?: string | null | undefined;
}

/** Parameters of `client.groups.listCalls`. */
export interface ListGroupCallsParameters {
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.groups.listLinks`. */
export interface ListGroupLinksParameters {
  /** Only links for this person. */
  user_id?: string | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.groups.createLink`. */
export interface CreateGroupLinkParameters {
  /**
   * The participant. Optional with a user token or `X-User-Id`. Only a backend or a host can create links for other
   * people.
   */
  user_id?: string | null | undefined;
  /** Use instead of `user_id` for a guest. Every link creates a new guest. */
  guest?: LinkGuestInput | null | undefined;
  /** Replaces the participant's registered display name. */
  display_name?: string | null | undefined;
  /**
   * A shorter lifetime. By default, the link is valid until the session's window closes, but not longer than the
   * policy's `ticket_seconds`. For sessions without a schedule, the default is 12 hours.
   */
  expires_in_seconds?: number | null | undefined;
}

/** Parameters of `client.groups.revokeLinks`. */
export interface RevokeGroupLinksParameters {
  /** Only links for this person. If omitted, all links of the session are revoked. */
  user_id?: string | undefined;
}

/** Parameters of `client.groups.removeParticipant`. */
export interface RemoveGroupParticipantParameters {
  /** Also block the person: they get no new credentials for this session. */
  ban?: boolean | undefined;
}

/** Parameters of `client.groups.giveFeedback`. */
export interface GiveGroupFeedbackParameters {
  /** The person. Optional with a user token, a ticket, or `X-User-Id`. */
  user_id?: string | null | undefined;
  /** The ID of the call. By default the latest one. */
  call?: string | null | undefined;
  /** From 1, bad, to 5, very good. */
  rating?: number | null | undefined;
  /** What did not work. */
  problems?: CallProblem[] | undefined;
  /** The person's own words. Credentials are removed. */
  comment?: string | null | undefined;
}

/** The operations of `client.groups`. */
export class GroupsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Get a group.
   *
   * Returns the session with its first participants. To list all of them, use `GET .../participants`.
   *
   * An API key needs the scope `sessions:read`.
   */
  get(
    reference: string,
    options: RequestOptions = {},
  ): Promise<Group> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Create or replace a group.
   *
   * Creates the session, or replaces it. A field that you omit gets its default, so a canceled or completed session
   * is open again unless you send its `status`. Participants are the exception: omit `participants` to keep those
   * that are registered, and send an empty list to remove them all. To change single fields, use `PATCH`.
   *
   * Returns 201 if the session was created, and 200 if it existed. The request is idempotent: repeating it with the
   * same body changes nothing, not even `updated_at`.
   *
   * An API key needs the scope `sessions:write`.
   */
  create(
    reference: string,
    parameters: CreateGroupParameters = {},
    options: RequestOptions = {},
  ): Promise<Group> {
    const request = {
      method: "PUT",
      path: `/v1/groups/${segment(reference)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Update a group.
   *
   * Updates the given fields. The reference, the participants, and the room do not change. A user token needs one of
   * the policy's `booking_roles`, and can only change the title, the schedule, and the status.
   *
   * An API key needs the scope `sessions:write`.
   */
  update(
    reference: string,
    parameters: UpdateGroupParameters = {},
    options: RequestOptions = {},
  ): Promise<Group> {
    const request = {
      method: "PATCH",
      path: `/v1/groups/${segment(reference)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Delete a group.
   *
   * Deletes the session with its participants, links, calls, and attendance. A running call ends, and everyone in it
   * is disconnected. The journal keeps its events, and you get `session.deleted`. The reference is free: a new
   * session with it gets a new room. To keep calls and attendance, cancel the session instead.
   *
   * An API key needs the scope `sessions:write`.
   */
  delete(
    reference: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const request = {
      method: "DELETE",
      path: `/v1/groups/${segment(reference)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForNothing(request);
  }

  /**
   * Cancel a group.
   *
   * Ends the call, closes the room, and prevents anyone from joining. Canceling again has no effect. To reopen the
   * session, send `PUT` again. A user token needs one of the policy's `booking_roles`.
   *
   * An API key needs the scope `sessions:write`.
   */
  cancel(
    reference: string,
    options: RequestOptions = {},
  ): Promise<Group> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/cancel`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List groups.
   *
   * Returns the app's groups, by default oldest first. With a user token or `X-User-Id`, only those of the user. All
   * parameters but `limit` must be those of the first page.
   *
   * An API key needs the scope `sessions:read`.
   */
  list(
    parameters: ListGroupsParameters = {},
    options: RequestOptions = {},
  ): Paginator<GroupSummary> {
    const request = {
      method: "GET",
      path: "/v1/groups",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * List participants.
   *
   * Returns the participants of the session by user ID. Users who are not hosts see only their own entry.
   *
   * An API key needs the scope `sessions:read`.
   */
  listParticipants(
    reference: string,
    parameters: ListGroupParticipantsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Participant> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/participants`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Get a participant.
   *
   * Returns the role and display name of one participant.
   *
   * An API key needs the scope `sessions:read`.
   */
  getParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<Participant> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/participants/${segment(userId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Add or update a participant.
   *
   * Returns 201 if the participant is new, and 200 if they were already registered.
   *
   * An API key needs the scope `sessions:write`.
   */
  addParticipant(
    reference: string,
    userId: string,
    parameters: AddGroupParticipantParameters,
    options: RequestOptions = {},
  ): Promise<Participant> {
    const request = {
      method: "PUT",
      path: `/v1/groups/${segment(reference)}/participants/${segment(userId)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Delete a participant.
   *
   * The person gets no new join credentials. To disconnect them from a running call, also remove them with `POST
   * .../remove`.
   *
   * An API key needs the scope `sessions:write`.
   */
  deleteParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const request = {
      method: "DELETE",
      path: `/v1/groups/${segment(reference)}/participants/${segment(userId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForNothing(request);
  }

  /**
   * Check access.
   *
   * Returns the access decision. Creates nothing, and records nothing in the journal.
   *
   * An API key needs the scope `join`.
   */
  checkAccess(
    reference: string,
    parameters: CheckGroupAccessParameters = {},
    options: RequestOptions = {},
  ): Promise<AccessDecision> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/access`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get join credentials.
   *
   * Checks access, and returns join credentials. The first join opens the room and the call. Joining again repeats
   * the check and renews the credentials.
   *
   * An API key needs the scope `join`.
   */
  join(
    reference: string,
    parameters: JoinGroupParameters = {},
    options: RequestOptions = {},
  ): Promise<JoinCredentials> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/join`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get join credentials for a guest.
   *
   * Checks access, and returns join credentials for a guest. Every request without `guest_id` creates a new guest,
   * unless it repeats an `Idempotency-Key`. If a guest has to wait, the error contains their `guest_id`: try again
   * with it.
   *
   * An API key needs the scope `join`.
   */
  joinAsGuest(
    reference: string,
    parameters: JoinGroupAsGuestParameters,
    options: RequestOptions = {},
  ): Promise<JoinCredentials> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/guests`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Start a call.
   *
   * Opens the room, and starts a call in it. If a call is running, returns that call.
   *
   * An API key needs the scope `calls:write`.
   */
  startCall(
    reference: string,
    parameters: StartGroupCallParameters = {},
    options: RequestOptions = {},
  ): Promise<Call> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/start`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * End the call.
   *
   * Ends the call for everyone, and closes the room. If no call is running, returns the last one.
   *
   * An API key needs the scope `calls:write`.
   */
  endCall(
    reference: string,
    parameters: EndGroupCallParameters = {},
    options: RequestOptions = {},
  ): Promise<Call> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/end`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List the calls of a session.
   *
   * Returns all calls of the session, oldest first, with their durations.
   *
   * An API key needs the scope `calls:read`.
   */
  listCalls(
    reference: string,
    parameters: ListGroupCallsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Call> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/calls`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * List join links.
   *
   * Returns the active links of the session: neither revoked nor expired.
   *
   * An API key needs the scope `links:write`.
   */
  listLinks(
    reference: string,
    parameters: ListGroupLinksParameters = {},
    options: RequestOptions = {},
  ): Paginator<Link> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/links`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Create a join link.
   *
   * Creates a signed URL of the hosted page for one person. Access is checked every time the link is used, so you
   * can create it long before the session opens. It is valid until the session's window closes, also if the session
   * is rescheduled. A link never grants more than its creator may do: a link created with an API key has the scopes
   * of that key, and no link outlives the credential that created it. A person can have 100 active links per
   * session; creating another one revokes the oldest.
   *
   * An API key needs the scope `links:write`.
   */
  createLink(
    reference: string,
    parameters: CreateGroupLinkParameters = {},
    options: RequestOptions = {},
  ): Promise<LinkWithUrl> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/links`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Revoke join links.
   *
   * Takes effect immediately: the links are rejected with `ticket_revoked`, and open streams end. Links that are
   * created later are not affected. Join credentials that were already issued stay valid; to invalidate them, remove
   * the participant.
   *
   * An API key needs the scope `links:write`.
   */
  revokeLinks(
    reference: string,
    parameters: RevokeGroupLinksParameters = {},
    options: RequestOptions = {},
  ): Promise<LinkRevocation> {
    const request = {
      method: "DELETE",
      path: `/v1/groups/${segment(reference)}/links`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Revoke a join link.
   *
   * Takes effect immediately. Revoking a link again has no effect.
   *
   * An API key needs the scope `links:write`.
   */
  revokeLink(
    reference: string,
    linkId: string,
    options: RequestOptions = {},
  ): Promise<LinkRevocation> {
    const request = {
      method: "DELETE",
      path: `/v1/groups/${segment(reference)}/links/${segment(linkId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List the waiting room.
   *
   * Returns the people who are waiting to be admitted, and those who were admitted or denied since the room was
   * opened. People who cannot join for another reason are not listed. A user token needs one of the policy's
   * `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  listLobby(
    reference: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry[]> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/lobby`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Admit everyone.
   *
   * Admits everyone who is waiting, and returns those who were admitted by this request. People who were denied are
   * not admitted. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  admitLobby(
    reference: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry[]> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/lobby/admit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Admit a participant.
   *
   * The person gets join credentials with their next join request. The admission is valid until the room closes or
   * the person is removed. You can also admit a person who was denied. Admitting a person again has no effect. A
   * user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  admitLobbyEntry(
    reference: string,
    entry: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/lobby/${segment(entry)}/admit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Deny entry.
   *
   * The person's join requests are refused until the room closes. Denying a person again has no effect. A person who
   * was already admitted cannot be denied: remove them instead. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  denyLobbyEntry(
    reference: string,
    entry: string,
    options: RequestOptions = {},
  ): Promise<LobbyEntry> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/lobby/${segment(entry)}/deny`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Remove a participant.
   *
   * Disconnects all devices of the person from the call, and invalidates their join credentials, as far as the
   * provider supports it. Unless they are also blocked with `ban`, they can request new credentials. A user token
   * needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  removeParticipant(
    reference: string,
    userId: string,
    parameters: RemoveGroupParticipantParameters = {},
    options: RequestOptions = {},
  ): Promise<Removal> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/participants/${segment(userId)}/remove`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Unblock a participant.
   *
   * Allows the person to request new join credentials. Credentials from before the removal stay invalid. Has no
   * effect if the person is not blocked. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  readmitParticipant(
    reference: string,
    userId: string,
    options: RequestOptions = {},
  ): Promise<Readmission> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/participants/${segment(userId)}/readmit`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List who is in the call.
   *
   * Returns the participants and the guests in the call, and who of them is in the call now or is blocked. For
   * people who are waiting to be admitted, see `GET .../lobby`. A user token needs one of the policy's `host_roles`.
   *
   * An API key needs the scope `moderation:write`.
   */
  listPeople(
    reference: string,
    options: RequestOptions = {},
  ): Promise<SessionPerson[]> {
    const request = {
      method: "GET",
      path: `/v1/groups/${segment(reference)}/people`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Give feedback about a call.
   *
   * Writes a `feedback.given` event into the journal, which is also streamed and sent to webhook endpoints. Each
   * person who was in the call can give feedback about it once. A ticket is accepted for a day after the end of the
   * window.
   *
   * An API key needs the scope `join`.
   */
  giveFeedback(
    reference: string,
    parameters: GiveGroupFeedbackParameters = {},
    options: RequestOptions = {},
  ): Promise<Feedback> {
    const request = {
      method: "POST",
      path: `/v1/groups/${segment(reference)}/feedback`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }
}

/** Parameters of `client.visit.listPeople`. */
export interface ListVisitPeopleParameters {
  /** An Agora uid, as reported by the SDK. Repeat the parameter for several uids. */
  uid: number[];
}

/** The operations of `client.visit`. */
export class VisitResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Get my session.
   *
   * Returns the session for the holder of a ticket: the access decision, the waiting room, and the call. The request
   * changes nothing, except that it counts as a poll of a person who is waiting to be admitted.
   */
  get(
    options: RequestOptions = {},
  ): Promise<Visit> {
    const request = {
      method: "GET",
      path: "/v1/visit",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Ask to join.
   *
   * Adds the person to the waiting room, like a join request, but without requesting credentials. Asking again has
   * no effect. If the person can join already, or cannot join for another reason, nothing changes; see `decision`.
   */
  requestAdmission(
    options: RequestOptions = {},
  ): Promise<Visit> {
    const request = {
      method: "POST",
      path: "/v1/visit/knock",
      takesIdempotencyKey: false,
      isRepeatable: false,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Withdraw my request to join.
   *
   * Removes the person from the waiting room. Has no effect if there is no request, or if it was already decided.
   */
  withdrawAdmissionRequest(
    options: RequestOptions = {},
  ): Promise<Visit> {
    const request = {
      method: "DELETE",
      path: "/v1/visit/knock",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get the names of people in the call.
   *
   * Returns the display names for Agora uids, for pages that show a call. The ticket holder must be able to join
   * now. Unknown uids are omitted.
   */
  listPeople(
    parameters: ListVisitPeopleParameters,
    options: RequestOptions = {},
  ): Promise<CallPerson[]> {
    const request = {
      method: "GET",
      path: "/v1/visit/people",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Stream my session.
   *
   * Sends the session immediately, and again after each change. A stream ends after ten minutes, and when the ticket
   * expires or is revoked; then reconnect. While a person is waiting to be admitted, an open stream shows that they
   * are still there.
   */
  stream(
    options: RequestOptions = {},
  ): EventStream<Visit> {
    const request = {
      method: "GET",
      path: "/v1/visit/stream",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new EventStream(this.#transport, request);
  }
}

/** Parameters of `client.calls.list`. */
export interface ListCallsParameters {
  /** Only calls of the session with this kind. Requires `reference`. */
  kind?: SessionKind | undefined;
  /** Only calls of the session with this reference. Requires `kind`. */
  reference?: string | undefined;
  /** Only calls that are running (`true`), or have ended (`false`). */
  running?: boolean | undefined;
  /** Only calls that started at this time or later. */
  started_after?: string | Date | undefined;
  /** Only calls that started before this time. */
  started_before?: string | Date | undefined;
  /** Only calls at this provider. */
  provider?: ProviderName | undefined;
  /** Only calls in which this person was present. */
  participant?: string | undefined;
  /** The order of the list. `-` is descending. */
  sort?: CallOrder | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** The operations of `client.calls`. */
export class CallsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * List all calls.
   *
   * Returns the calls of all sessions, by default the newest first. Only for backends: users list the calls of a
   * session with `GET .../calls`, because what they see depends on their role in it. All parameters but `limit` must
   * be those of the first page.
   *
   * An API key needs the scope `calls:read`.
   */
  list(
    parameters: ListCallsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Call> {
    const request = {
      method: "GET",
      path: "/v1/calls",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Get a call.
   *
   * Returns a call with its attendance, and the observations that each stay is based on.
   *
   * An API key needs the scope `calls:read`.
   */
  get(
    callId: string,
    options: RequestOptions = {},
  ): Promise<CallWithAttendance> {
    const request = {
      method: "GET",
      path: `/v1/calls/${segment(callId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }
}

/** Parameters of `client.events.list`. */
export interface ListEventsParameters {
  /** Only events of this type. Repeat the parameter for several types. */
  type?: EventType[] | undefined;
  /** Only events of the session with this kind. Requires `reference`. */
  kind?: SessionKind | undefined;
  /** Only events of the session with this reference. Requires `kind`. */
  reference?: string | undefined;
  /** Only events about this person. */
  user_id?: string | undefined;
  /** Only events that happened at this time or later. */
  since?: string | Date | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** Parameters of `client.events.report`. */
export interface ReportEventParameters {
  /** Your name for the event: letters, digits, `_`, `.`, `:`, and `-`. */
  event: string;
  /** The kind of the session in which it happened. Requires `reference`. */
  kind?: SessionKind | null | undefined;
  /** The reference of the session in which it happened. Requires `kind`. */
  reference?: string | null | undefined;
  /** The person that the event is about. With a user token, only the user of the token. */
  user_id?: string | null | undefined;
  /** Additional data: at most 4096 bytes as JSON, and 8 levels of nesting. Credentials are removed. */
  details?: Record<string, unknown> | undefined;
  /**
   * When it happened, by your app's clock: within the last 30 days. The event contains it as `reported_at`; the
   * event's own `occurred_at` is the time of the request.
   */
  occurred_at?: string | Date | null | undefined;
}

/** Parameters of `client.events.stream`. */
export interface StreamEventsParameters {
  /** Only events of this type. Repeat the parameter for several types. */
  type?: EventType[] | undefined;
  /** Only events of the session with this kind. Requires `reference`. */
  kind?: SessionKind | undefined;
  /** Only events of the session with this reference. Requires `kind`. */
  reference?: string | undefined;
  /** Only events about this person. */
  user_id?: string | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** The operations of `client.events`. */
export class EventsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * List events.
   *
   * Returns the events of the app, oldest first. Clients that follow the cursor do not miss events.
   *
   * An API key needs the scope `events:read`.
   */
  list(
    parameters: ListEventsParameters = {},
    options: RequestOptions = {},
  ): Paginator<Event> {
    const request = {
      method: "GET",
      path: "/v1/events",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Report an event.
   *
   * Writes an `app.reported` event into the journal. Like all events, it is also streamed and sent to webhook
   * endpoints. With a user token, the session must be one of the user's, and the event can only be about the user.
   *
   * An API key needs the scope `events:write`.
   */
  report(
    parameters: ReportEventParameters,
    options: RequestOptions = {},
  ): Promise<Event> {
    const request = {
      method: "POST",
      path: "/v1/events",
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Stream events.
   *
   * Streams events as they happen, from now on or after a cursor, which can also be one of the list. A stream ends
   * after ten minutes. Reconnect with `Last-Event-ID`, to any replica, to continue without gaps and duplicates.
   *
   * An API key needs the scope `events:read`.
   */
  stream(
    parameters: StreamEventsParameters = {},
    options: RequestOptions = {},
  ): EventStream<Event> {
    const request = {
      method: "GET",
      path: "/v1/events/stream",
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new EventStream(this.#transport, request);
  }
}

/** Parameters of `client.webhookEndpoints.create`. */
export interface CreateWebhookEndpointParameters {
  /** An HTTPS URL on the public internet. */
  url: string;
  /** A note for your own use. */
  description?: string | undefined;
  /**
   * The event types to send. If empty, all types except those about the configuration of the app, which must be
   * listed explicitly.
   */
  types?: EventType[] | undefined;
  /** Deliver the events of a session one after the other: each event waits until the previous one was accepted. */
  ordered?: boolean | undefined;
  /** Whether events are sent to the endpoint. */
  enabled?: boolean | undefined;
}

/** Parameters of `client.webhookEndpoints.update`. */
export interface UpdateWebhookEndpointParameters {
  /** The URL. */
  url?: string | null | undefined;
  /** A note for your own use. */
  description?: string | null | undefined;
  /** The event types that are sent. If empty, all types except those about the configuration of the app. */
  types?: EventType[] | null | undefined;
  /** Whether the events of a session are delivered one after the other. */
  ordered?: boolean | null | undefined;
  /** Whether events are sent to the endpoint. */
  enabled?: boolean | null | undefined;
}

/** Parameters of `client.webhookEndpoints.rotateSecret`. */
export interface RotateWebhookEndpointSecretParameters {
  /** How long deliveries are signed with both secrets. */
  overlap_seconds?: number | undefined;
}

/** Parameters of `client.webhookEndpoints.replayEvents`. */
export interface ReplayEventsParameters {
  /** Inclusive. */
  since: string | Date;
  /** Exclusive. */
  until: string | Date;
  /** Only events of these types. If empty, all types that the endpoint receives. */
  types?: EventType[] | undefined;
}

/** Parameters of `client.webhookEndpoints.listDeliveries`. */
export interface ListWebhookDeliveriesParameters {
  /** Only deliveries in this state. */
  state?: DeliveryState | undefined;
  /** The maximum number of items to return. */
  limit?: number | undefined;
  /** The `next` of the previous page. Omit it for the first page. */
  cursor?: string | undefined;
}

/** The operations of `client.webhookEndpoints`. */
export class WebhookEndpointsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * List webhook endpoints.
   *
   * Returns all webhook endpoints, oldest first.
   *
   * An API key needs the scope `webhooks:read`.
   */
  list(
    options: RequestOptions = {},
  ): Promise<WebhookEndpoint[]> {
    const request = {
      method: "GET",
      path: "/v1/webhook-endpoints",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }

  /**
   * Create a webhook endpoint.
   *
   * The endpoint receives events from now on, signed with Standard Webhooks. The secret is returned only in this
   * response, and if you repeat the request with the same `Idempotency-Key` before the secret is rotated or the
   * endpoint deleted. The API key also needs `events:read`.
   *
   * An API key needs the scopes `events:read` and `webhooks:write`.
   */
  create(
    parameters: CreateWebhookEndpointParameters,
    options: RequestOptions = {},
  ): Promise<WebhookEndpointWithSecret> {
    const request = {
      method: "POST",
      path: "/v1/webhook-endpoints",
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Get a webhook endpoint.
   *
   * Returns the settings of the endpoint, and whether its deliveries fail.
   *
   * An API key needs the scope `webhooks:read`.
   */
  get(
    endpointId: string,
    options: RequestOptions = {},
  ): Promise<WebhookEndpoint> {
    const request = {
      method: "GET",
      path: `/v1/webhook-endpoints/${segment(endpointId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Update a webhook endpoint.
   *
   * Updates the given fields. When you enable a disabled endpoint, the events that it missed are sent.
   *
   * An API key needs the scopes `events:read` and `webhooks:write`.
   */
  update(
    endpointId: string,
    parameters: UpdateWebhookEndpointParameters = {},
    options: RequestOptions = {},
  ): Promise<WebhookEndpoint> {
    const request = {
      method: "PATCH",
      path: `/v1/webhook-endpoints/${segment(endpointId)}`,
      body: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Delete a webhook endpoint.
   *
   * Pending deliveries to the endpoint are discarded. The events stay in the journal.
   *
   * An API key needs the scope `webhooks:write`.
   */
  delete(
    endpointId: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const request = {
      method: "DELETE",
      path: `/v1/webhook-endpoints/${segment(endpointId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForNothing(request);
  }

  /**
   * Rotate the secret of an endpoint.
   *
   * Returns a new secret. Deliveries are signed with both secrets for `overlap_seconds`.
   *
   * An API key needs the scope `webhooks:write`.
   */
  rotateSecret(
    endpointId: string,
    parameters: RotateWebhookEndpointSecretParameters = {},
    options: RequestOptions = {},
  ): Promise<WebhookEndpointWithSecret> {
    const request = {
      method: "POST",
      path: `/v1/webhook-endpoints/${segment(endpointId)}/rotate-secret`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Send a test event to an endpoint.
   *
   * Sends a signed event of type `endpoint.test` immediately, and returns the result.
   *
   * An API key needs the scope `webhooks:write`.
   */
  test(
    endpointId: string,
    options: RequestOptions = {},
  ): Promise<WebhookAttempt> {
    const request = {
      method: "POST",
      path: `/v1/webhook-endpoints/${segment(endpointId)}/test`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Replay events.
   *
   * Sends the events of a period again, with their original IDs, so that receivers can detect duplicates.
   *
   * An API key needs the scopes `events:read` and `webhooks:write`.
   */
  replayEvents(
    endpointId: string,
    parameters: ReplayEventsParameters,
    options: RequestOptions = {},
  ): Promise<ReplayResult> {
    const request = {
      method: "POST",
      path: `/v1/webhook-endpoints/${segment(endpointId)}/replay`,
      body: { ...parameters },
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * List deliveries.
   *
   * Returns the deliveries to an endpoint, newest first.
   *
   * An API key needs the scope `webhooks:read`.
   */
  listDeliveries(
    endpointId: string,
    parameters: ListWebhookDeliveriesParameters = {},
    options: RequestOptions = {},
  ): Paginator<WebhookDelivery> {
    const request = {
      method: "GET",
      path: `/v1/webhook-endpoints/${segment(endpointId)}/deliveries`,
      query: { ...parameters },
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return new Paginator(this.#transport, request);
  }

  /**
   * Get a delivery.
   *
   * Returns a delivery with all attempts.
   *
   * An API key needs the scope `webhooks:read`.
   */
  getDelivery(
    deliveryId: string,
    options: RequestOptions = {},
  ): Promise<WebhookDeliveryWithAttempts> {
    const request = {
      method: "GET",
      path: `/v1/deliveries/${segment(deliveryId)}`,
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Retry a delivery.
   *
   * Sends the event again, whatever the state of the delivery.
   *
   * An API key needs the scopes `events:read` and `webhooks:write`.
   */
  retryDelivery(
    deliveryId: string,
    options: RequestOptions = {},
  ): Promise<WebhookDelivery> {
    const request = {
      method: "POST",
      path: `/v1/deliveries/${segment(deliveryId)}/retry`,
      takesIdempotencyKey: true,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }
}

/** The operations of `client.diagnostics`. */
export class DiagnosticsResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Run configuration checks.
   *
   * Runs the checks of `videobroker doctor` for this app: database, provider credentials, clocks, template roles,
   * webhooks, and the ready-made call page.
   *
   * An API key needs the scope `diagnostics:read`.
   */
  get(
    options: RequestOptions = {},
  ): Promise<Diagnostics> {
    const request = {
      method: "GET",
      path: "/v1/diagnostics",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }

  /**
   * Count incoming webhooks.
   *
   * Returns the number of provider webhooks of the last seven days, by type and processing state. Use it to see
   * whether webhooks arrive, and which types are ignored.
   *
   * An API key needs the scope `diagnostics:read`.
   */
  getIncomingWebhookCounts(
    options: RequestOptions = {},
  ): Promise<IncomingWebhookCount[]> {
    const request = {
      method: "GET",
      path: "/v1/diagnostics/webhooks",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForList(request);
  }
}

/** The operations of `client.me`. */
export class MeResource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Get the caller's identity.
   *
   * Returns what the credential of the request is, and what it may do. Needs no scope. With an API key, also the
   * settings of the app: policy, providers, role maps, and limits. Use it to check a deployment, and in support.
   */
  get(
    options: RequestOptions = {},
  ): Promise<Me> {
    const request = {
      method: "GET",
      path: "/v1/me",
      takesIdempotencyKey: false,
      isRepeatable: true,
      options,
    };
    return this.#transport.sendForJson(request);
  }
}
