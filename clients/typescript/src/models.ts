// What the service receives and responds with. Generated from openapi.yaml by `make clients`: do not edit.

/** A known value, or one that a newer service sends. */
export type Open<Known extends string> = Known | (string & {});

/**
 * Why a person cannot join. The values are also error codes. More values can be added: clients must accept unknown
 * values.
 */
export type AccessReason = "video_disabled" | "session_cancelled" | "session_completed" | "session_not_confirmed" | "not_a_participant" | "guests_not_allowed" | "participant_removed" | "too_early" | "session_over" | "waiting_for_host" | "waiting_for_admission" | "admission_denied";

/** How a person attended a booking. More values can be added: clients must accept unknown values. */
export type AttendanceVerdict = "attended" | "late" | "left_early" | "absent";

/** Whether a person is in the call. More values can be added: clients must accept unknown values. */
export type CallPresence = "in_call" | "absent" | "unknown";

/** What did not work in a call. More values can be added: clients must accept unknown values. */
export type CallProblem = "audio" | "video" | "connection" | "screen_share" | "people" | "other";

/** Where a configuration was changed. More values can be added: clients must accept unknown values. */
export type ChangeInterface = "api" | "console" | "admin_api" | "command_line" | "environment";

/** The outcome of a check. More values can be added: clients must accept unknown values. */
export type CheckStatus = "ok" | "warning" | "failed";

/** The state of a delivery. More values can be added: clients must accept unknown values. */
export type DeliveryState = "pending" | "delivered" | "failed";

/** Why an endpoint is disabled. More values can be added: clients must accept unknown values. */
export type DisabledReason = "by_app" | "gone" | "failing";

/** Why a call ended. More values can be added: clients must accept unknown values. */
export type EndReason = "requested" | "window_closed" | "session_shut" | "session_moved" | "empty";

/** An operator's action on an endpoint in the console. More values can be added: clients must accept unknown values. */
export type EndpointAction = "enabled" | "disabled" | "tested" | "retried" | "replayed";

/** The state of an entry in the waiting room. More values can be added: clients must accept unknown values. */
export type EntryState = "waiting" | "stranded" | "admitted" | "denied";

/** The type of an event. More values can be added: clients must accept unknown values. */
export type EventType = "session.registered" | "session.updated" | "session.cancelled" | "session.deleted" | "participant.added" | "participant.updated" | "participant.dropped" | "credentials.issued" | "credentials.denied" | "link.issued" | "link.revoked" | "participant.joined" | "participant.left" | "participant.removed" | "participant.readmitted" | "participant.waiting" | "participant.withdrew" | "participant.admitted" | "participant.denied" | "participant.no_show" | "feedback.given" | "attendance.corrected" | "attendance.reconciled" | "session.closed" | "call.started" | "call.ended" | "call.settled" | "recording.started" | "recording.ready" | "recording.failed" | "room.opened" | "room.closed" | "provider.switched" | "endpoint.disabled" | "endpoint.operated" | "app.reported" | "person.erased" | "journal.retired" | "journal.sealed" | "app_settings.created" | "app_settings.changed" | "api_key.created" | "api_key.revoked" | "provider_account.changed" | "user_token_rules.changed" | "user_token_rules.removed" | "endpoint.created" | "endpoint.changed" | "endpoint.secret_rotated" | "endpoint.removed" | "retention.changed" | "data.exported" | "operator.signed_in" | "operator.signed_out" | "operator_key.created" | "operator_key.revoked" | "authentication.rejected";

/**
 * The source of a fact. The order is from the strongest evidence to the weakest. More values can be added: clients
 * must accept unknown values.
 */
export type EvidenceSource = "observed" | "reconciled" | "inferred";

/** What a file contains. More values can be added: clients must accept unknown values. */
export type ExportContent = "sessions" | "attendance" | "deliveries" | "journal";

/** The format of a file. More values can be added: clients must accept unknown values. */
export type ExportFormat = "csv" | "json_lines";

/**
 * The endpoints of a former product, served for apps that enable them. More values can be added: clients must accept
 * unknown values.
 */
export type LegacyFamily = "tutoring" | "appointments" | "groups" | "therapy";

/** Where a booking takes place. More values can be added: clients must accept unknown values. */
export type Modality = "virtual" | "physical";

/** The kind of an observation. More values can be added: clients must accept unknown values. */
export type ObservationType = "arrived" | "left" | "role_changed" | "absent" | "present" | "opened" | "emptied";

/**
 * The role of an operator, from the least to the most powerful. More values can be added: clients must accept
 * unknown values.
 */
export type OperatorRole = "viewer" | "support" | "admin";

/** A video provider. More values can be added: clients must accept unknown values. */
export type ProviderName = "100ms" | "agora";

/** The content of a recording. More values can be added: clients must accept unknown values. */
export type RecordingKind = "composite" | "live_stream";

/** Whether the provider has enforced a removal. More values can be added: clients must accept unknown values. */
export type RemovalEnforcement = "done" | "pending" | "impossible";

/** A permission of an API key. More values can be added: clients must accept unknown values. */
export type Scope = "sessions:read" | "sessions:write" | "join" | "links:write" | "calls:read" | "calls:write" | "moderation:write" | "events:read" | "events:write" | "webhooks:read" | "webhooks:write" | "diagnostics:read";

/**
 * A booking has a schedule and a status; a group is open while its video is on. More values can be added: clients
 * must accept unknown values.
 */
export type SessionKind = "booking" | "group";

/**
 * The status of a booking. A group is `confirmed` until it is cancelled. More values can be added: clients must
 * accept unknown values.
 */
export type SessionStatus = "pending" | "confirmed" | "cancelled" | "completed";

/** How an operator proved who they are. More values can be added: clients must accept unknown values. */
export type SignInMethod = "admin_key" | "openid_connect" | "sign_in_link";

/**
 * How a frontend shows the call: with the vendor's SDK, or on the vendor's ready-made page. More values can be
 * added: clients must accept unknown values.
 */
export type Surface = "sdk" | "prebuilt";

/** The rule that determined a verdict. More values can be added: clients must accept unknown values. */
export type VerdictRule = "there_in_time" | "late_after" | "left_early_before" | "minimum_presence" | "never_there" | "cancelled" | "not_confirmed" | "video_disabled" | "removed" | "not_over" | "no_evidence";

/** Who has to wait although the window is open. More values can be added: clients must accept unknown values. */
export type WaitingRoom = "off" | "until_host" | "admit";

/** The order of a list of calls; `-` for descending. More values can be added: clients must accept unknown values. */
export type CallOrder = "started_at" | "-started_at";

/**
 * The order of a session list; `-` for descending. Groups have no start. More values can be added: clients must
 * accept unknown values.
 */
export type SessionOrder = "starts_at" | "-starts_at" | "created_at" | "-created_at" | "updated_at" | "-updated_at";

/** The access decision. */
export interface AccessDecision {
  /** Whether the person can join: now (`admit`), later (`wait`), or not at all (`refuse`). */
  decision: Open<"admit" | "wait" | "refuse">;
  /** Why the person cannot join. Not with `admit`. */
  reason?: Open<AccessReason> | null;
  /** The role at the provider. Only with `admit`. */
  role?: string | null;
  /** When this person can join. */
  opens_at?: string | null;
  /** Until when this person can join. */
  closes_at?: string | null;
  /** When join credentials expire at the latest. Only with `admit`. */
  until?: string | null;
  /**
   * Seconds to wait before the next request: with `too_early`, until `opens_at`. The header `Retry-After` has the
   * same value, but at most 3600. Only with `wait`.
   */
  retry_after?: number | null;
}

/** For the Agora SDK: join with exactly this `channel`, `token` and `uid`. */
export interface AgoraTokenCredentials {
  /** The role at the provider. */
  role: string;
  /** Your ID of the person. */
  user_id: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string;
  /** Join again before then. The access check is repeated. */
  expires_at: string;
  /**
   * Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
   * changes to another ID, the person has joined somewhere else.
   */
  join_id: string;
  /** The session. */
  session: SessionName;
  /** The call. */
  call: Call;
  /** Credentials for the Agora SDK. */
  type: "agora_token";
  /** The video provider. */
  provider: "agora";
  /** The vendor's SDK, or its ready-made page. */
  surface: "sdk";
  /** The token to join with. */
  token: string;
  /** The Agora channel. */
  channel: string;
  /** The person's Agora uid in this session. */
  uid: number;
  /** The ID of the Agora project. */
  app_id: string;
  /** Where the account names one: a page that shows the call with these credentials. */
  page?: string | null;
}

/** A new API key. */
export interface ApiKeyCreatedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the API key. */
  key: string;
  /** The name. */
  name: string;
  /** What the API key permits. */
  scopes: string[];
  /** When it expires. Null if it does not expire. */
  expires_at: string | null;
}

/** An API key was created. Sent to webhook endpoints only if their `types` include it. */
export interface ApiKeyCreatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "api_key.created";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ApiKeyCreatedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** An API key. */
export interface ApiKeyData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the API key. */
  key: string;
  /** The name. */
  name: string;
  /** What the API key permits. */
  scopes: string[];
}

/** A backend with an API key. */
export interface ApiKeyIdentity {
  /** The type. */
  type: "api_key";
  /** The app that the credential belongs to. */
  app: AppRef;
  /** The ID of the key, as in `asked_by.key_id` of events. */
  key_id: string;
  /** The name that the key got when it was created. */
  key_name: string;
  /** The first characters of the key. */
  key_hint: string;
  /** What the key may do. */
  scopes: Array<Open<Scope>>;
  /** When the key was created. */
  created_at: string;
  /** Null if the key does not expire. */
  expires_at: string | null;
  /** The policy of sessions that have none of their own. */
  policy: EffectivePolicy;
  /** In the order in which sessions use them by default. */
  providers: ConfiguredProvider[];
  /** The legacy endpoints that the app has enabled. */
  legacy_families: Array<Open<LegacyFamily>>;
  /** Web origins that may call the API and embed the hosted page. */
  allowed_origins: string[];
  /** What the service accepts at most. */
  limits: Limits;
}

/** An API key was revoked. Sent to webhook endpoints only if their `types` include it. */
export interface ApiKeyRevokedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "api_key.revoked";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ApiKeyData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** Identifies an app. */
export interface AppRef {
  /** Our ID of the app. */
  id: string;
  /** The name of the app, as in `videobroker apps list`. */
  name: string;
}

/** An event that the app reported. */
export interface AppReportedData {
  /** The app's name for the event. */
  event: string;
  /** When it happened, by the app's clock. */
  reported_at: string | null;
  /** Additional data from the app. */
  details: Record<string, unknown>;
}

/** The app reported an event. */
export interface AppReportedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "app.reported";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AppReportedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** Changed settings of an app. */
export interface AppSettingsChangedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** By name: `policy.guests_allowed`, `role_maps.100ms`, ... */
  changes: Record<string, SettingChange>;
}

/**
 * The app's policy, role maps, origins, or legacy endpoints were changed. Sent to webhook endpoints only if their
 * `types` include it.
 */
export interface AppSettingsChangedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "app_settings.changed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AppSettingsChangedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A new app. */
export interface AppSettingsCreatedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The name. */
  name: string;
  /** By name: `policy.guests_allowed`, `role_maps.100ms`, ... */
  settings: Record<string, unknown>;
}

/** The app was created. Sent to webhook endpoints only if their `types` include it. */
export interface AppSettingsCreatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "app_settings.created";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AppSettingsCreatedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The attendance of a booking. */
export interface Attendance {
  /** Your ID of the session. */
  reference: string;
  /** When the booking is scheduled to start. Null for a group. */
  starts_at: string | null;
  /** When the booking is scheduled to end. Null for a group. */
  ends_at: string | null;
  /** The booking has closed, and the verdicts are final. */
  final: boolean;
  /** All participants. */
  participants: PersonAttendance[];
  /** Guests, and people who are not registered. They get no verdict. */
  others: PersonAttendance[];
  /** IDs of the calls that this is based on. For details, use `GET /v1/calls/{id}`. */
  calls: string[];
}

/** A corrected stay. */
export interface AttendanceCorrectedData {
  /** The ID of the call. */
  call: string;
  /** The role at the provider. */
  role: string | null;
  /**
   * How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
   * other facts.
   */
  source: Open<EvidenceSource>;
  /** When the person joined. */
  joined_at: string;
  /** The person's ID at the provider, if it is different from `user_id`. */
  provider_user_id?: string | null;
  /** When the person left. Null if they are in the call. */
  left_at: string | null;
  /** Why the person left, as reported by the provider. */
  reason: string | null;
  /** The times before the correction. */
  former?: FormerStay | null;
  /** Whether the stay is withdrawn: it did not take place. */
  withdrawn?: boolean;
}

/** Attendance that was reported before was corrected. */
export interface AttendanceCorrectedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "attendance.corrected";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AttendanceCorrectedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A period in which the person was in the call, on any device. */
export interface AttendancePeriod {
  /** When the person joined. */
  joined_at: string;
  /** When the person left. Null while they are in the call. */
  left_at: string | null;
  /** How this is known. */
  source: Open<EvidenceSource>;
}

/** Observations that were learned from a query to the provider instead of its webhooks. */
export interface AttendanceReconciledData {
  /** The ID of the call. */
  call: string;
  /** The ID of the query. */
  roll_call: string;
  /** The number of new observations by kind. */
  learned: Record<string, number>;
}

/** A query to the provider recovered missed observations. */
export interface AttendanceReconciledEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "attendance.reconciled";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AttendanceReconciledData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** Rejected credentials, counted over about a minute. */
export interface AuthenticationRejectedData {
  /** The error code, such as `api_key_expired` or `ticket_revoked`. */
  reason: string;
  /** The number of rejected requests. */
  count: number;
  /** The number of distinct IP addresses, at most 100. A single address is in `asked_by.ip`. */
  addresses: number;
  /** When the first one happened. */
  first_at: string;
  /** When the last one happened. */
  last_at: string;
}

/**
 * Credentials were rejected. One event counts all rejections for the same reason in a minute. Sent to webhook
 * endpoints only if their `types` include it.
 */
export interface AuthenticationRejectedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "authentication.rejected";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: AuthenticationRejectedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A booking. */
export interface Booking {
  /** Your ID of the session. */
  reference: string;
  /** Shown to participants. Never sent to a provider. */
  title: string | null;
  /** The providers to use, in order of preference. */
  providers: Array<Open<ProviderName>>;
  /** The provider of the session's room. Null before the first join. */
  provider: Open<ProviderName> | null;
  /** The number of participants. */
  participant_count: number;
  /** The entry of the user of the user token; in lists, also of the user in the query. Otherwise null. */
  participant: Participant | null;
  /** The policy settings of this session that differ from those of the app. Null for end users. */
  policy: SessionPolicy | null;
  /** Custom data of your app. Null for end users. */
  metadata: Record<string, unknown> | null;
  /** Incremented when the session's fields change, and when its participants are replaced. */
  version: number;
  /** When it was created. */
  created_at: string;
  /** When it was last changed. */
  updated_at: string;
  /**
   * The first 100 participants by user ID. `participants_truncated` is true if there are more. Null for end users
   * who are not hosts.
   */
  participants: Participant[] | null;
  /** The display names of these participants, if they have one. Null for guests. */
  participant_names: string[] | null;
  /** Whether there are more than 100 participants. To list all of them, use `GET .../participants`. */
  participants_truncated: boolean;
  /** The status. */
  status: Open<SessionStatus>;
  /** Where the booking takes place. */
  modality: Open<Modality>;
  /** When it is scheduled to start. */
  starts_at: string;
  /** When it is scheduled to end. */
  ends_at: string;
  /** The scheduled duration. */
  duration_minutes: number;
}

/** One page of bookings. */
export interface BookingList {
  /** The items of this page. */
  data: BookingSummary[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** A booking as an item of a list. */
export interface BookingSummary {
  /** Your ID of the session. */
  reference: string;
  /** Shown to participants. Never sent to a provider. */
  title: string | null;
  /** The providers to use, in order of preference. */
  providers: Array<Open<ProviderName>>;
  /** The provider of the session's room. Null before the first join. */
  provider: Open<ProviderName> | null;
  /** The number of participants. */
  participant_count: number;
  /** The entry of the user of the user token; in lists, also of the user in the query. Otherwise null. */
  participant: Participant | null;
  /** The policy settings of this session that differ from those of the app. Null for end users. */
  policy: SessionPolicy | null;
  /** Custom data of your app. Null for end users. */
  metadata: Record<string, unknown> | null;
  /** Incremented when the session's fields change, and when its participants are replaced. */
  version: number;
  /** When it was created. */
  created_at: string;
  /** When it was last changed. */
  updated_at: string;
  /** The status. */
  status: Open<SessionStatus>;
  /** Where the booking takes place. */
  modality: Open<Modality>;
  /** When it is scheduled to start. */
  starts_at: string;
  /** When it is scheduled to end. */
  ends_at: string;
  /** The scheduled duration. */
  duration_minutes: number;
}

/** One meeting of a session, from start to end. */
export interface Call {
  /** The ID, which never changes. */
  id: string;
  /** The session. */
  session: SessionRef;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** When it started. */
  started_at: string;
  /**
   * The user who started the call, by joining or with a request. Null if your backend started it without naming a
   * user.
   */
  started_by: string | null;
  /** Null while the call is running. */
  ended_at: string | null;
  /** The user who ended the call, if any. */
  ended_by: string | null;
  /** Null while the call is running. */
  end_reason: Open<EndReason> | null;
  /** Whole seconds from start to end. Null while the call is running. */
  duration_seconds: number | null;
  /** IDs of the call at the provider. 100ms creates a new session ID each time that people join an empty room. */
  provider_call_ids: string[];
  /** How many different people have been in the call. */
  people: number;
  /** The highest number of people in the call at the same time. */
  peak: number;
  /** How many people are in the call now. */
  present: number;
  /** When the first person joined. */
  first_joined_at: string | null;
  /** Null while anyone is in the call. */
  last_left_at: string | null;
  /** The call has ended, and its attendance is final. */
  settled: boolean;
}

/** A person who was in a call, across all devices. */
export interface CallAttendance {
  /** Null if this service never issued credentials to the person. */
  user_id: string | null;
  /** The person's ID at the provider, if `user_id` is null. */
  provider_user_id?: string | null;
  /** When the person joined. */
  joined_at: string;
  /** When the person left. */
  left_at: string;
  /** Seconds in the call, on any device. */
  present_seconds: number;
}

/** A call. */
export interface CallData {
  /** The ID of the call. */
  call: string;
  /** The video provider. */
  provider: Open<ProviderName>;
}

/** A call that ended. Its numbers can still change until `call.settled`. */
export interface CallEndedData {
  /** The ID of the call. */
  call: string;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** Why the call ended. */
  reason: Open<EndReason>;
  /** Whole seconds from the start to the end of the call. */
  duration_seconds: number;
  /** How many different people were in the call. */
  people: number;
  /** The highest number of people in the call at the same time. */
  peak: number;
}

/** A call ended. */
export interface CallEndedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "call.ended";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: CallEndedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** One page of calls. */
export interface CallList {
  /** The items of this page. */
  data: Call[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** A person in the call. */
export interface CallPerson {
  /** The Agora uid. */
  uid: number;
  /** The user ID if the participant has no display name. */
  display_name: string;
  /** Whether the person's role is one of the policy's `host_roles`. */
  is_host: boolean;
  /** Whether the person is not a participant: a guest, or deleted from the participants. */
  is_guest: boolean;
}

/** People in the call, by uid. */
export interface CallPersonList {
  /** The items of this page. */
  data: CallPerson[];
}

/** A call whose attendance is final. */
export interface CallSettledData {
  /** The ID of the call. */
  call: string;
  /** Whole seconds from the start to the end of the call. */
  duration_seconds: number;
  /** How many different people were in the call. */
  people: number;
  /** The highest number of people in the call at the same time. */
  peak: number;
  /** Whether the provider confirmed the attendance. */
  reconciled: boolean;
  /** The first 100 people. For all, use `GET /v1/calls/{id}`. */
  attendance: CallAttendance[];
}

/** The attendance of a call is final. */
export interface CallSettledEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "call.settled";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: CallSettledData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A call started. */
export interface CallStartedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "call.started";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: CallData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A call with its attendance. */
export interface CallWithAttendance {
  /** The ID, which never changes. */
  id: string;
  /** The session. */
  session: SessionRef;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** When it started. */
  started_at: string;
  /**
   * The user who started the call, by joining or with a request. Null if your backend started it without naming a
   * user.
   */
  started_by: string | null;
  /** Null while the call is running. */
  ended_at: string | null;
  /** The user who ended the call, if any. */
  ended_by: string | null;
  /** Null while the call is running. */
  end_reason: Open<EndReason> | null;
  /** Whole seconds from start to end. Null while the call is running. */
  duration_seconds: number | null;
  /** IDs of the call at the provider. 100ms creates a new session ID each time that people join an empty room. */
  provider_call_ids: string[];
  /** How many different people have been in the call. */
  people: number;
  /** The highest number of people in the call at the same time. */
  peak: number;
  /** How many people are in the call now. */
  present: number;
  /** When the first person joined. */
  first_joined_at: string | null;
  /** Null while anyone is in the call. */
  last_left_at: string | null;
  /** The call has ended, and its attendance is final. */
  settled: boolean;
  /** By time of joining. Users see only their own stays, unless they are hosts. */
  attendance: Stay[];
}

/** The result of one check. */
export interface CheckResult {
  /** The name of the check. */
  check: string;
  /** The outcome of the check. */
  verdict: Open<CheckStatus>;
  /** What was found. */
  sentence: string;
  /** A suggested fix. Null if there is no problem. */
  next_step: string | null;
}

/** A change of the app's configuration. Never contains secrets. */
export interface ConfigurationData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
}

/** A provider of the app. */
export interface ConfiguredProvider {
  /** The name of the provider. */
  provider: Open<ProviderName>;
  /** How its join credentials can be used. Empty if it is not set up. */
  surfaces: Array<Open<Surface>>;
  /** The role map: the provider's role for each app role. */
  roles: Record<string, string>;
}

/** Denied join credentials. */
export interface CredentialsDeniedData {
  /** Whether the person can join later (`wait`), or not at all (`refuse`). */
  decision: Open<"wait" | "refuse">;
  /** Why the person cannot join. */
  reason: Open<AccessReason>;
  /** The person's role in your app. Null if they are not a participant. */
  role: string | null;
  /** Whether the person is a guest. */
  guest: boolean;
}

/**
 * A request for join credentials was denied. A person in a waiting room gets one event, however often their client
 * requests them.
 */
export interface CredentialsDeniedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "credentials.denied";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: CredentialsDeniedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** Issued join credentials. */
export interface CredentialsIssuedData {
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The vendor's SDK, or its ready-made page. */
  surface: Open<Surface>;
  /** The role at the provider. */
  role: string;
  /** Whether the person is a guest. */
  guest: boolean;
  /** Identifies the token or the room code. Not a secret. */
  token_id: string;
  /** Null for a room code, which does not expire by itself. */
  expires_at: string | null;
  /** The person's ID at the provider, if it is different from `user_id`. */
  provider_user_id?: string | null;
  /**
   * True if a repeated request with an `Idempotency-Key` got credentials that were issued before. `token_id` and
   * `expires_at` are those of the earlier credentials.
   */
  replayed?: boolean;
}

/** Join credentials were issued. */
export interface CredentialsIssuedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "credentials.issued";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: CredentialsIssuedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A file that an operator exported. `asked_by.operator` is the operator's name. */
export interface DataExportedData {
  /** What the file contains. */
  content: Open<ExportContent>;
  /** The format of the file. */
  format: Open<ExportFormat>;
  /** The names of the filters that were used. Their values are not recorded. */
  filters: string[];
}

/** An operator exported data as a file. Sent to webhook endpoints only if their `types` include it. */
export interface DataExportedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "data.exported";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: DataExportedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The results of all checks. */
export interface Diagnostics {
  /** Whether no check has failed. */
  healthy: boolean;
  /** The results of all checks. */
  findings: CheckResult[];
}

/** The policy of sessions that have none of their own: the defaults with the app's changes. */
export interface EffectivePolicy {
  /** How long before the start participants can join. */
  opens_before_seconds: number;
  /** The same for individual app roles. */
  opens_before_seconds_by_role: Record<string, number>;
  /** How long after the end participants can still join. */
  grace_seconds: number;
  /** How much longer a running call stays open for joining. */
  overrun_seconds: number;
  /** Who has to wait: no one, or all until a host is there or admits them. */
  waiting_room: Open<WaitingRoom>;
  /** App roles that never wait, and that can moderate. */
  host_roles: string[];
  /** App roles that can start a call with a user token, besides hosts. */
  call_roles: string[];
  /** App roles that can create and reschedule with a user token. */
  booking_roles: string[];
  /** Whether people who are not participants can join. */
  guests_allowed: boolean;
  /** Maximum lifetime of a participant's token. Null: the provider's default. */
  token_seconds: number | null;
  /** Maximum lifetime of a guest's token. */
  guest_token_seconds: number;
  /** Maximum lifetime of a link. Null: until the window closes. */
  ticket_seconds: number | null;
  /** Participants who join later than this are `late`. */
  late_after_seconds: number;
  /** Participants who leave earlier than this have `left_early`. */
  left_early_before_seconds: number;
  /** Participants who were present for less are `absent`. */
  minimum_presence_seconds: number;
  /** When participants are reported as no-shows. */
  no_show_after_seconds: number;
  /** A group's call ends when it has been empty for this long. */
  empty_seconds: number;
}

/** No data. */
export interface EmptyData {
}

/** The settings of a webhook endpoint after a change. */
export interface EndpointChangedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** The host of the URL, with the port if it has one. */
  host: string;
  /** The event types that are sent. If empty, all types except those about the configuration of the app. */
  types: Array<Open<EventType>>;
  /** Whether the events of a session are delivered one after the other. */
  ordered: boolean;
  /** Whether events are sent to the endpoint. */
  enabled: boolean;
  /** The names of the settings that changed. */
  changed: string[];
}

/** A webhook endpoint was changed. Sent to webhook endpoints only if their `types` include it. */
export interface EndpointChangedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.changed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointChangedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A webhook endpoint was created. Sent to webhook endpoints only if their `types` include it. */
export interface EndpointCreatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.created";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The settings of a webhook endpoint. */
export interface EndpointData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** The host of the URL, with the port if it has one. */
  host: string;
  /** The event types that are sent. If empty, all types except those about the configuration of the app. */
  types: Array<Open<EventType>>;
  /** Whether the events of a session are delivered one after the other. */
  ordered: boolean;
  /** Whether events are sent to the endpoint. */
  enabled: boolean;
}

/** A webhook endpoint that was disabled. */
export interface EndpointDisabledData {
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** Why the endpoint is disabled. */
  reason: Open<DisabledReason>;
}

/** A webhook endpoint was disabled. */
export interface EndpointDisabledEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.disabled";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointDisabledData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** An action of an operator in the console. `asked_by.operator` is the operator's name. */
export interface EndpointOperatedData {
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** What the operator did. */
  action: Open<EndpointAction>;
  /** The retried delivery. Null for other actions. */
  delivery: string | null;
  /** The start of the replayed period. Null for other actions. */
  since: string | null;
  /** The end of the replayed period. Null for other actions. */
  until: string | null;
  /** The number of replayed events. Null for other actions. */
  events: number | null;
}

/** An operator enabled, disabled, or tested a webhook endpoint, or resent events to it. */
export interface EndpointOperatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.operated";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointOperatedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A webhook endpoint that was deleted. */
export interface EndpointRemovedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** The host of the URL, with the port if it has one. */
  host: string;
}

/** A webhook endpoint was deleted. Sent to webhook endpoints only if their `types` include it. */
export interface EndpointRemovedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.removed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointRemovedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A webhook endpoint with a new secret. */
export interface EndpointSecretRotatedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** How long deliveries are also signed with the previous secret. */
  overlap_seconds: number;
}

/** The secret of a webhook endpoint was rotated. Sent to webhook endpoints only if their `types` include it. */
export interface EndpointSecretRotatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.secret_rotated";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointSecretRotatedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The tested endpoint. */
export interface EndpointTestData {
  /** The ID of the webhook endpoint. */
  endpoint: string;
}

/** A test of a webhook endpoint. It is sent to this endpoint only. */
export interface EndpointTestEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "endpoint.test";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EndpointTestData;
  /** Null: the event is not in the journal. */
  cursor: string | null;
}

/** One page of the journal, oldest first. */
export interface EventList {
  /** The items of this page. */
  data: Event[];
  /**
   * The `cursor` of the next page. Null if there are no more events yet: to follow the journal, continue from the
   * `cursor` of the last event.
   */
  next: string | null;
}

/** Who made the request that caused the event. */
export interface EventRequester {
  /** The ID of the API key, or of the operator key, whose name is `operator`. Null for a user. */
  key_id: string | null;
  /** The user of the user token or the ticket. Null for a backend. */
  user_id: string | null;
  /** The name of the operator who used the console or the command line. Otherwise null. */
  operator: string | null;
  /** The operator's `sub` at the OpenID Connect issuer. Null for a sign-in with the admin key. */
  operator_subject: string | null;
  /** The ID of the link whose ticket was used. Otherwise null. */
  ticket_id: string | null;
  /** The IP address of the client. */
  ip: string | null;
  /** The `User-Agent` of the client. */
  user_agent: string | null;
}

/** An observation from the provider that a stay is based on. */
export interface Evidence {
  /** The ID of the stored webhook or of the roll call, a query for the people in the call. */
  id: string;
  /** Whether a webhook or a query to the provider reported it. */
  kind: Open<"webhook" | "roll_call">;
  /** The provider's event type. Null for a roll call. */
  type: string | null;
  /** What was observed. */
  sign: Open<ObservationType>;
  /** When it happened, by the provider's clock. */
  at: string;
  /** When this service received it. */
  received_at: string;
}

/** Feedback that was recorded. `id` is the ID of the event `feedback.given`. */
export interface Feedback {
  /** The ID, which never changes. */
  id: string;
  /** The ID of the call. */
  call: string;
  /** Your ID of the person. */
  user_id: string;
  /** When the person gave it. */
  given_at: string;
}

/** What a person says about a call in detail. */
export interface FeedbackDetails {
  /** What did not work. */
  problems: Array<Open<CallProblem>>;
  /** The person's own words. Null if they wrote none. */
  comment: string | null;
}

/** Feedback about a call. */
export interface FeedbackGivenData {
  /** The ID of the call. */
  call: string;
  /** From 1, bad, to 5, very good. Null if the person did not rate the call. */
  rating: number | null;
  /** What the person says in detail. */
  details: FeedbackDetails;
}

/** A person gave feedback about a call in which they were. */
export interface FeedbackGivenEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "feedback.given";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: FeedbackGivenData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A stay as it was reported before. */
export interface FormerStay {
  /** When the person joined. */
  joined_at: string;
  /** When the person left. Null if they are in the call. */
  left_at: string | null;
}

/** A group. */
export interface Group {
  /** Your ID of the session. */
  reference: string;
  /** Shown to participants. Never sent to a provider. */
  title: string | null;
  /** The providers to use, in order of preference. */
  providers: Array<Open<ProviderName>>;
  /** The provider of the session's room. Null before the first join. */
  provider: Open<ProviderName> | null;
  /** The number of participants. */
  participant_count: number;
  /** The entry of the user of the user token; in lists, also of the user in the query. Otherwise null. */
  participant: Participant | null;
  /** The policy settings of this session that differ from those of the app. Null for end users. */
  policy: SessionPolicy | null;
  /** Custom data of your app. Null for end users. */
  metadata: Record<string, unknown> | null;
  /** Incremented when the session's fields change, and when its participants are replaced. */
  version: number;
  /** When it was created. */
  created_at: string;
  /** When it was last changed. */
  updated_at: string;
  /**
   * The first 100 participants by user ID. `participants_truncated` is true if there are more. Null for end users
   * who are not hosts.
   */
  participants: Participant[] | null;
  /** The display names of these participants, if they have one. Null for guests. */
  participant_names: string[] | null;
  /** Whether there are more than 100 participants. To list all of them, use `GET .../participants`. */
  participants_truncated: boolean;
  /** Whether the group can meet on video. */
  video_enabled: boolean;
  /** Whether the group was canceled. */
  cancelled: boolean;
}

/** One page of groups. */
export interface GroupList {
  /** The items of this page. */
  data: GroupSummary[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** A group as an item of a list. */
export interface GroupSummary {
  /** Your ID of the session. */
  reference: string;
  /** Shown to participants. Never sent to a provider. */
  title: string | null;
  /** The providers to use, in order of preference. */
  providers: Array<Open<ProviderName>>;
  /** The provider of the session's room. Null before the first join. */
  provider: Open<ProviderName> | null;
  /** The number of participants. */
  participant_count: number;
  /** The entry of the user of the user token; in lists, also of the user in the query. Otherwise null. */
  participant: Participant | null;
  /** The policy settings of this session that differ from those of the app. Null for end users. */
  policy: SessionPolicy | null;
  /** Custom data of your app. Null for end users. */
  metadata: Record<string, unknown> | null;
  /** Incremented when the session's fields change, and when its participants are replaced. */
  version: number;
  /** When it was created. */
  created_at: string;
  /** When it was last changed. */
  updated_at: string;
  /** Whether the group can meet on video. */
  video_enabled: boolean;
  /** Whether the group was canceled. */
  cancelled: boolean;
}

/** For the 100ms ready-made page: open `url`, or give `room_code` to the Prebuilt component. */
export interface HmsRoomCodeCredentials {
  /** The role at the provider. */
  role: string;
  /** Your ID of the person. */
  user_id: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string;
  /** Join again before then. The access check is repeated. */
  expires_at: string;
  /**
   * Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
   * changes to another ID, the person has joined somewhere else.
   */
  join_id: string;
  /** The session. */
  session: SessionName;
  /** The call. */
  call: Call;
  /** Credentials for the 100ms Prebuilt component or page. */
  type: "100ms_room_code";
  /** The video provider. */
  provider: "100ms";
  /** The vendor's SDK, or its ready-made page. */
  surface: "prebuilt";
  /** The 100ms room code. */
  room_code: string;
  /** The 100ms ID of the room. */
  room_id: string;
  /** The ready-made page of 100ms, with the person's name. */
  url: string;
}

/** For the 100ms SDK: join with `token`. */
export interface HmsTokenCredentials {
  /** The role at the provider. */
  role: string;
  /** Your ID of the person. */
  user_id: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string;
  /** Join again before then. The access check is repeated. */
  expires_at: string;
  /**
   * Identifies this join: the ID of the event `credentials.issued`. If `latest_join` of the visit of the ticket
   * changes to another ID, the person has joined somewhere else.
   */
  join_id: string;
  /** The session. */
  session: SessionName;
  /** The call. */
  call: Call;
  /** Credentials for the 100ms SDK. */
  type: "100ms_token";
  /** The video provider. */
  provider: "100ms";
  /** The vendor's SDK, or its ready-made page. */
  surface: "sdk";
  /** The token to join with. */
  token: string;
  /** The 100ms ID of the room. */
  room_id: string;
  /** The access key of the 100ms workspace. Not a secret. */
  app_id: string;
}

/** The number of incoming webhooks of one type and processing state. */
export interface IncomingWebhookCount {
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The provider's event type. */
  type: string;
  /** `pending`: not processed yet. `applied`: processed. `ignored`: see `note`. */
  state: Open<"pending" | "applied" | "ignored">;
  /** Why the webhooks were ignored. Only with `ignored`. */
  note: string | null;
  /** How many there were. */
  count: number;
  /** When the last one was received. */
  last_received_at: string;
}

/** The counts of incoming webhooks. */
export interface IncomingWebhookCountList {
  /** The items of this page. */
  data: IncomingWebhookCount[];
  /** Always null: there is only one page. */
  next?: string | null;
}

/** Events that were deleted at the end of their retention period. */
export interface JournalRetiredData {
  /** The first word of the event types. */
  class: string;
  /** All events of the class that happened before this time were deleted. */
  before: string;
  /** The number of deleted events. */
  rows: number;
  /** A digest of the deleted events. See `docs/explanation/journal.md`. */
  digest: string;
}

/** Events were deleted from the journal at the end of their retention period. */
export interface JournalRetiredEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "journal.retired";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: JournalRetiredData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The newest seal of the journal. Store it where the owner of the service's database cannot change it. */
export interface JournalSealedData {
  /** The number of the seal. The first one has the number 1. */
  seal: number;
  /**
   * The hash of the seal, which depends on all events before: 64 hexadecimal digits. `videobroker journal verify
   * --head` verifies that the journal still has it.
   */
  hash: string;
  /** When the seal was made. */
  sealed_at: string;
}

/** The head of the journal: once an hour if there are new events, and only if a webhook endpoint lists the type. */
export interface JournalSealedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "journal.sealed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: JournalSealedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The limits of the service. */
export interface Limits {
  /** The size of a request body. */
  body_bytes: number;
  /** The size of `metadata`. */
  metadata_bytes: number;
  /** Registered for one session. */
  participants_per_session: number;
  /** Of the app. */
  webhook_endpoints: number;
  /** In one session. Another one replaces the oldest. */
  active_links_per_person: number;
}

/** An active link. Its URL is only in the response that created it. */
export interface Link {
  /** The ID, which never changes. */
  id: string;
  /** Your ID of the person. */
  user_id: string;
  /** Whether the person is a guest. */
  guest: boolean;
  /** The display name that the link sets, if any. */
  display_name: string | null;
  /** When it was created. */
  issued_at: string;
  /** Based on the current schedule and policy of the session. */
  expires_at: string;
}

/** An issued link. */
export interface LinkIssuedData {
  /** Whether the person is a guest. */
  guest: boolean;
  /** Identifies the ticket. Not a secret. */
  token_id: string;
  /** At the time of the event. Changes when the session is rescheduled. */
  expires_at: string;
  /** True if a repeated request with an `Idempotency-Key` got a link that was issued before. */
  replayed?: boolean;
}

/** A join link was created. */
export interface LinkIssuedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "link.issued";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: LinkIssuedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** One page of links, oldest first. A page can have fewer items than `limit`, even if it is not the last one. */
export interface LinkList {
  /** The items of this page. */
  data: Link[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** The result of revoking links. */
export interface LinkRevocation {
  /** The number of links that this request revoked. */
  revoked: number;
}

/** A revoked link. */
export interface LinkRevokedData {
  /** Whether the person is a guest. */
  guest: boolean;
  /** Identifies the ticket, as in `link.issued`. */
  token_id: string;
  /** The link that replaced it, if the person had more than 100 active links. */
  replaced_by?: string | null;
}

/** A join link was revoked. */
export interface LinkRevokedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "link.revoked";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: LinkRevokedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A link. Anyone who has it can join the session as this person. */
export interface LinkWithUrl {
  /** The ID of the link. Use it to revoke the link, and to find it in the journal. */
  id: string;
  /** The URL of the hosted page. Send it to the person. */
  url: string;
  /** The ticket in the URL, for use from your own page: `Authorization: Bearer vbt_...`. */
  ticket: string;
  /**
   * The earliest of: the end of the window (with the overrun while a call is running), `expires_in_seconds`, the
   * policy's `ticket_seconds`, and the expiry of the API key or user token that created the link. Changes when the
   * session is rescheduled.
   */
  expires_at: string;
  /** For a guest, a generated ID that stays the same for this link. */
  user_id: string;
  /** The display name that the link sets, if any. */
  display_name: string | null;
  /** The session. */
  session: SessionName;
}

/** A person in the waiting room. */
export interface LobbyEntry {
  /** The ID to admit or deny the person with. */
  entry: string;
  /** Your ID of the person. */
  user_id: string;
  /** The person's name. Null if the participant has none. */
  display_name: string | null;
  /** Whether the person is a guest. */
  is_guest: boolean;
  /** The person's role in your app. */
  role: string | null;
  /**
   * `stranded` means that the person is waiting, but their client has not polled for 30 seconds. The next poll
   * changes it back to `waiting`.
   */
  state: Open<EntryState>;
  /** When the person asked to join. */
  asked_at: string;
  /** When the person's client last polled. */
  seen_at: string;
  /** When the person was admitted or denied. */
  decided_at: string | null;
  /** The user ID of the host. Null if your backend decided, or if there is no decision yet. */
  decided_by: string | null;
}

/** A person's entry in the waiting room. */
export interface LobbyEntryData {
  /** The ID for `POST .../lobby/{entry}/admit` and `.../deny`. */
  entry: string;
  /** Whether the person is a guest. */
  guest: boolean;
}

/** The waiting room. Waiting people come first, those who have been waiting longest at the top. */
export interface LobbyEntryList {
  /** The items of this page. */
  data: LobbyEntry[];
  /** Always null: there is only one page, with at most 1,000 items. */
  next: string | null;
}

/** A participant who did not join in time. */
export interface NoShowData {
  /** The person's role in your app. */
  role: string;
  /** The scheduled start of the booking. */
  starts_at: string;
  /** The call that was running, if any. */
  call: string | null;
}

/** A new operator key. */
export interface OperatorKeyCreatedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the operator key. */
  key: string;
  /** The name. */
  name: string;
  /** The person's role in your app. */
  role: Open<OperatorRole>;
  /** When it expires. Null if it does not expire. */
  expires_at: string | null;
}

/** An operator key was created. Only in the journal of the service. */
export interface OperatorKeyCreatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "operator_key.created";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: OperatorKeyCreatedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** An operator key. */
export interface OperatorKeyData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The ID of the operator key. */
  key: string;
  /** The name. */
  name: string;
  /** The person's role in your app. */
  role: Open<OperatorRole>;
}

/** An operator key was revoked. Only in the journal of the service. */
export interface OperatorKeyRevokedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "operator_key.revoked";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: OperatorKeyData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A sign-in to the console. */
export interface OperatorSignedInData {
  /** How the operator signed in. */
  method: Open<SignInMethod>;
  /** The role of the operator until they sign in again. */
  role: Open<OperatorRole>;
  /** The OpenID Connect issuer. Null for other methods. */
  issuer: string | null;
}

/** An operator signed in to the console. Only in the journal of the service. */
export interface OperatorSignedInEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "operator.signed_in";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: OperatorSignedInData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** An operator signed out of the console. Only in the journal of the service. */
export interface OperatorSignedOutEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "operator.signed_out";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EmptyData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A person who is registered for a session. */
export interface Participant {
  /** Your ID of the person. */
  user_id: string;
  /** The person's role in your app. */
  role: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string | null;
}

/** A participant was added. */
export interface ParticipantAddedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.added";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A person was admitted from the waiting room. */
export interface ParticipantAdmittedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.admitted";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: LobbyEntryData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant. */
export interface ParticipantData {
  /** The person's role in your app. */
  role: string;
}

/** A person was denied entry. */
export interface ParticipantDeniedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.denied";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: LobbyEntryData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant was deleted. */
export interface ParticipantDroppedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.dropped";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A person joined a call. */
export interface ParticipantJoinedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.joined";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: StayData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** One device of a person that left a call. */
export interface ParticipantLeftData {
  /** The ID of the call. */
  call: string;
  /** The role at the provider. */
  role: string | null;
  /**
   * How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
   * other facts.
   */
  source: Open<EvidenceSource>;
  /** When the person joined. */
  joined_at: string;
  /** The person's ID at the provider, if it is different from `user_id`. */
  provider_user_id?: string | null;
  /** When the person left. Null if they are in the call. */
  left_at: string | null;
  /** Why the person left, as reported by the provider. */
  reason: string | null;
}

/** A person left a call. */
export interface ParticipantLeftEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.left";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantLeftData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** One page of participants, by user ID. */
export interface ParticipantList {
  /** The items of this page. */
  data: Participant[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** A participant has not joined `no_show_after_seconds` after the start. */
export interface ParticipantNoShowEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.no_show";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: NoShowData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant was unblocked. */
export interface ParticipantReadmittedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.readmitted";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: EmptyData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The removal of a participant. */
export interface ParticipantRemovedData {
  /** Whether the person is also blocked from new credentials. */
  ban: boolean;
}

/** A participant was removed from a session. */
export interface ParticipantRemovedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.removed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantRemovedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant's role or name was changed. */
export interface ParticipantUpdatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.updated";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The attendance verdict of one person. */
export interface ParticipantVerdict {
  /** Your ID of the person. */
  user_id: string;
  /** The attendance verdict. Null if there is none. */
  verdict: Open<AttendanceVerdict> | null;
  /** The rule that determined the verdict. */
  rule: Open<VerdictRule>;
}

/** A person who is waiting to be admitted. */
export interface ParticipantWaitingData {
  /** The ID for `POST .../lobby/{entry}/admit` and `.../deny`. */
  entry: string;
  /** Whether the person is a guest. */
  guest: boolean;
  /** The person's role in your app. */
  role: string;
}

/** A person asked to join, and is waiting to be admitted. */
export interface ParticipantWaitingEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.waiting";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ParticipantWaitingData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A person withdrew their request to join. */
export interface ParticipantWithdrewEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "participant.withdrew";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: LobbyEntryData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** One person's attendance of a booking. */
export interface PersonAttendance {
  /** Your ID of the person. */
  user_id: string;
  /** The person's role in your app. Null if they are not a participant. */
  role: string | null;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string | null;
  /** Null if there is no verdict, or none yet. See `rule` for the reason. */
  verdict: Open<AttendanceVerdict> | null;
  /** The rule that determined the verdict. */
  rule: Open<VerdictRule>;
  /** Time in calls with at least one device, including time before the start and after the end. */
  present_seconds: number;
  /** `present_seconds` in minutes, rounded down. */
  present_minutes: number;
  /** How long after the start the person joined, or 0. */
  late_by_seconds: number;
  /** How long before the end the person left, or 0. */
  left_early_by_seconds: number;
  /** Null if the person never joined. */
  first_joined_at: string | null;
  /** Null while the person is in the call. */
  last_left_at: string | null;
  /**
   * How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
   * other facts. The weakest source of all stays.
   */
  source: Open<EvidenceSource> | null;
  /** Periods in the call on any device. */
  stays: AttendancePeriod[];
}

/** The erasure of a person's data. */
export interface PersonErasedData {
  /** The pseudonym that the erasure returned. */
  person: string;
  /** The number of journal events that were changed. */
  rows: number;
  /** The number of fields that were erased from these events. */
  fields: number;
  /** Rows of other tables (sessions, calls, and others) that were deleted or pseudonymized. */
  records?: number;
  /** A digest of the data that was erased from the journal. See `docs/explanation/journal.md`. */
  digest: string;
}

/** The data of a person was erased. */
export interface PersonErasedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "person.erased";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: PersonErasedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A provider account. */
export interface ProviderAccountChangedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The names of the settings that changed. */
  changed: string[];
  /** Whether the app had no account at this provider before. */
  is_new: boolean;
}

/** A provider account of the app was added or changed. Sent to webhook endpoints only if their `types` include it. */
export interface ProviderAccountChangedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "provider_account.changed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ProviderAccountChangedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A provider role and the time from which it applies. */
export interface ProviderRole {
  /** The role at the provider. */
  role: string;
  /** From when on the person has this role. */
  since: string;
}

/** A session uses a provider other than before, or than its first choice. */
export interface ProviderSwitchedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "provider.switched";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RoomData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant who is not blocked any more. */
export interface Readmission {
  /** Your ID of the person. */
  user_id: string;
  /** Whether the person was blocked before the request. */
  was_banned: boolean;
}

/** A recording at a provider. Events never contain file URLs. */
export interface RecordingData {
  /** The call that was recorded. Null if it is unknown. */
  call: string | null;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The provider's ID of the recording, or of the meeting if the recording has none. */
  recording: string;
  /** The content of the recording. */
  kind: Open<RecordingKind>;
  /** When it happened, by the provider's clock. */
  at: string;
}

/** A recording that failed. */
export interface RecordingFailedData {
  /** The call that was recorded. Null if it is unknown. */
  call: string | null;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The provider's ID of the recording, or of the meeting if the recording has none. */
  recording: string;
  /** The content of the recording. */
  kind: Open<RecordingKind>;
  /** When it happened, by the provider's clock. */
  at: string;
  /** The duration in whole seconds. Null if it is not known. */
  duration_seconds: number | null;
  /** The provider's error code. */
  reason: string | null;
  /** The provider's error message, without URLs, paths, and keys. */
  message: string | null;
}

/** A recording failed, completely or in part. */
export interface RecordingFailedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "recording.failed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RecordingFailedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A recording that is ready. */
export interface RecordingReadyData {
  /** The call that was recorded. Null if it is unknown. */
  call: string | null;
  /** The video provider. */
  provider: Open<ProviderName>;
  /** The provider's ID of the recording, or of the meeting if the recording has none. */
  recording: string;
  /** The content of the recording. */
  kind: Open<RecordingKind>;
  /** When it happened, by the provider's clock. */
  at: string;
  /** When the recording started. Null if it is not known. */
  started_at: string | null;
  /** When it stopped. Null if it is not known. */
  stopped_at: string | null;
  /** The duration in whole seconds. Null if it is not known. */
  duration_seconds: number | null;
  /** The size in bytes. Null if it is not known. */
  size_bytes: number | null;
}

/** A recording is available at the provider. */
export interface RecordingReadyEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "recording.ready";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RecordingReadyData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A recording started. */
export interface RecordingStartedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "recording.started";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RecordingData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A participant who was removed. */
export interface Removal {
  /** Your ID of the person. */
  user_id: string;
  /** Whether the person is blocked from new credentials. */
  banned: boolean;
  /** When the person was removed. */
  removed_at: string;
  /**
   * `done`: the provider enforced the removal as far as it can. `pending`: the provider could not be reached; the
   * service retries until it succeeds. `impossible`: with the settings of this account, the provider cannot remove
   * anyone.
   */
  enforcement: Open<RemovalEnforcement>;
}

/** The result of a replay. */
export interface ReplayResult {
  /** The number of events that are sent again. */
  events: number;
}

/** The retention period of a class of events. */
export interface RetentionChangedData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The first word of the event types. */
  class: string;
  /** The previous period in days. Null for unlimited. */
  before: number | null;
  /** The new period in days. Null for unlimited. */
  days: number | null;
}

/** The retention period of a class of events was changed. Sent to webhook endpoints only if their `types` include it. */
export interface RetentionChangedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "retention.changed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RetentionChangedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A room was closed, and its room codes are invalid. */
export interface RoomClosedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "room.closed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RoomData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A room. */
export interface RoomData {
  /** The video provider. */
  provider: Open<ProviderName>;
}

/** A room was created at a provider. */
export interface RoomOpenedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "room.opened";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: RoomData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The running call. */
export interface RunningCall {
  /** The ID, which never changes. */
  id: string;
  /** When it started. */
  started_at: string;
}

/** A session was canceled. */
export interface SessionCancelledEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "session.cancelled";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: SessionData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The attendance verdicts of a booking that has closed. */
export interface SessionClosedData {
  /** The number of participants by verdict. */
  counts: Record<string, number>;
  /** The first 100. For all, use `GET .../attendance`. */
  verdicts: ParticipantVerdict[];
  /** Whether this replaces earlier verdicts, because of late information. */
  corrected: boolean;
}

/** A booking has closed, and its attendance verdicts are final. */
export interface SessionClosedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "session.closed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: SessionClosedData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A session after the change. */
export interface SessionData {
  /** Incremented with each change of the session. */
  version: number;
  /** The status. */
  status: Open<SessionStatus>;
}

/** A session was deleted with its participants, calls, and attendance. Its reference can be used again. */
export interface SessionDeletedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "session.deleted";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: SessionData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A session, by kind and reference. */
export interface SessionName {
  /** The kind of session. */
  kind: Open<SessionKind>;
  /** Your ID of the session. */
  reference: string;
  /** Shown to participants. Never sent to a provider. */
  title: string | null;
}

/** A participant, or a guest who is in the call or blocked. */
export interface SessionPerson {
  /** Your ID of the person. */
  user_id: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string | null;
  /** The person's role in your app. Null for guests and other people. */
  role: string | null;
  /** Whether the person's role is one of the policy's `host_roles`. */
  is_host: boolean;
  /** Whether the person is in the call. `unknown`: a call is running, but the provider has not reported on it yet. */
  presence: Open<CallPresence>;
  /** When the person joined. Null if they are not in the call. */
  in_call_since: string | null;
  /** Whether the person is blocked from new credentials. */
  is_blocked: boolean;
}

/** The people of a session: those in the call first, then the others by user ID. */
export interface SessionPersonList {
  /** The items of this page. */
  data: SessionPerson[];
  /** Always null: there is only one page, with the first 500 participants, and everyone who is in the call. */
  next: string | null;
}

/** Policy settings of this session that differ from those of the app. Durations are in whole seconds. */
export interface SessionPolicy {
  /** How long before the start participants can join. */
  opens_before_seconds?: number;
  /** Overrides `opens_before_seconds` for individual app roles. */
  opens_before_seconds_by_role?: Record<string, number>;
  /** How long after the end participants can still join. */
  grace_seconds?: number;
  /** How much longer participants can join a call that is running when the window closes. */
  overrun_seconds?: number;
  /**
   * Who has to wait although the window is open: no one (`off`), everyone until a host is in the call
   * (`until_host`), or everyone until a host admits them (`admit`).
   */
  waiting_room?: Open<WaitingRoom>;
  /** App roles that never have to wait, and that can moderate the session. */
  host_roles?: string[];
  /** App roles that can start a call with a user token, in addition to `host_roles`. Only hosts can end a call. */
  call_roles?: string[];
  /**
   * App roles that can reschedule and cancel the session with a user token. To let users create sessions, set it on
   * the app.
   */
  booking_roles?: string[];
  /** Whether people who are not participants can join as guests. */
  guests_allowed?: boolean;
  /** Maximum lifetime of a participant's token. */
  token_seconds?: number;
  /** Maximum lifetime of a guest's token. */
  guest_token_seconds?: number;
  /** Maximum lifetime of a link, from its creation. */
  ticket_seconds?: number;
  /** Participants who join later than this after the start are `late`. */
  late_after_seconds?: number;
  /** Participants who leave earlier than this before the end have `left_early`. */
  left_early_before_seconds?: number;
  /** Participants who were in the call for less than this are `absent`. */
  minimum_presence_seconds?: number;
  /** Participants who have not joined this long after the start are reported as no-shows. */
  no_show_after_seconds?: number;
  /** A group's call ends when it has been empty for this long. */
  empty_seconds?: number;
}

/** Identifies a session. */
export interface SessionRef {
  /** The kind of session. */
  kind: Open<SessionKind>;
  /** Your ID of the session. */
  reference: string;
}

/** A session was created. */
export interface SessionRegisteredEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "session.registered";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: SessionData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** A session or its participants were updated. */
export interface SessionUpdatedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "session.updated";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: SessionData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The values of a setting before and after a change. Null if it is not set. */
export interface SettingChange {
  /** The value before the change. Null if the setting was not set. */
  before: unknown;
  /** The value after the change. Null if the setting is not set. */
  after: unknown;
}

/** The time that one device of a person was in a call. */
export interface Stay {
  /** Null if this service never issued credentials to the person. */
  user_id: string | null;
  /** The person's ID at the provider. */
  provider_user_id: string;
  /** The provider's ID of the device: a 100ms peer ID or an Agora uid. */
  connection: string;
  /** Roles at the provider, in order. The first one applies from `joined_at`. */
  roles: ProviderRole[];
  /** When the person joined. */
  joined_at: string;
  /** Null while the device is in the call. */
  left_at: string | null;
  /** Null while the device is in the call. */
  present_seconds: number | null;
  /**
   * How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
   * other facts. The weaker of `joined_source` and `left_source`.
   */
  source: Open<EvidenceSource>;
  /** How the time of joining is known. */
  joined_source: Open<EvidenceSource>;
  /** How the time of leaving is known. Null while the person is in the call. */
  left_source: Open<EvidenceSource> | null;
  /** Why the person left, as reported by the provider. */
  reason: string | null;
  /** All observations that this stay is based on. */
  evidence: Evidence[];
}

/** One device of a person in a call. */
export interface StayData {
  /** The ID of the call. */
  call: string;
  /** The role at the provider. */
  role: string | null;
  /**
   * How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from
   * other facts.
   */
  source: Open<EvidenceSource>;
  /** When the person joined. */
  joined_at: string;
  /** The person's ID at the provider, if it is different from `user_id`. */
  provider_user_id?: string | null;
}

/** A person with the ticket of a link. */
export interface TicketIdentity {
  /** The type. */
  type: "ticket";
  /** The app that the credential belongs to. */
  app: AppRef;
  /** The ID of the link. */
  ticket_id: string;
  /** The only session in which the ticket is valid. */
  session: SessionRef;
  /** The person that the link is for. */
  user_id: string;
  /** The person's role in your app. Null if they are not a participant any more. */
  role: string | null;
  /** Whether the person is not registered for the session. */
  is_guest: boolean;
  /** The scopes of the API key that created the link. Null if a user created it. */
  scopes: Array<Open<Scope>> | null;
  /** When the ticket expires, by the present schedule and policy. */
  expires_at: string;
}

/** An end user with a user token. */
export interface UserIdentity {
  /** The type. */
  type: "user_token";
  /** The app that the credential belongs to. */
  app: AppRef;
  /** The `sub` of the token. */
  user_id: string;
  /** When the token expires. */
  expires_at: string;
}

/** The rules for user tokens were changed. Sent to webhook endpoints only if their `types` include it. */
export interface UserTokenRulesChangedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "user_token_rules.changed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: UserTokenRulesData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The rules for user tokens. */
export interface UserTokenRulesData {
  /** How it was changed. `asked_by` has the API key, or the operator or operator key. */
  via: Open<ChangeInterface>;
  /** The names of the rules that changed, such as `secret`. */
  changed: string[];
  /** The `iss` that tokens must have. Null if it is not checked. */
  issuer: string | null;
  /** The `aud` that tokens must have. Null if it is not checked. */
  audience: string | null;
  /** The longest lifetime of a token that is accepted. */
  max_lifetime_seconds: number;
}

/**
 * The rules for user tokens were removed; user tokens are rejected. Sent to webhook endpoints only if their `types`
 * include it.
 */
export interface UserTokenRulesRemovedEvent {
  /** The ID, which never changes. */
  id: string;
  /** The type. */
  type: "user_token_rules.removed";
  /** When it happened. */
  occurred_at: string;
  /** Null if the event is not about a session. */
  session: SessionRef | null;
  /** The person that the event is about. */
  user_id: string | null;
  /** Who made the request that caused the event. */
  asked_by: EventRequester;
  /** The items of this page. */
  data: ConfigurationData;
  /** The position of the event in the journal. Use it to continue after this event. */
  cursor: string;
}

/** The state of the session for the person who opened the link. */
export interface Visit {
  /** The time of the service. Use it for countdowns instead of the clock of the device. */
  now: string;
  /** The session. */
  session: VisitSession;
  /** The person that the ticket is for. */
  visitor: VisitPerson;
  /** The access decision for this person. */
  decision: AccessDecision;
  /** Null if the person has not asked to join. */
  lobby: VisitLobby | null;
  /** The provider of the session. When it changes, the session has moved: join again. */
  provider: Open<ProviderName> | null;
  /** The running call, if any. */
  call: RunningCall | null;
  /** Whether a host is in the call. Null if it is unknown. */
  host_present: boolean | null;
  /** Who else is in the call. Null if it is unknown, or if the person cannot join. */
  others: VisitOthers | null;
  /**
   * How many people are waiting to be admitted. Only for hosts, with `waiting_room: admit`. To list them, use `GET
   * .../lobby`.
   */
  waiting: number | null;
  /**
   * The display name of the host, for a participant who cannot join or was removed. Null for everyone else, for
   * people who may not see names, and if the session has no host or several.
   */
  host_name: string | null;
  /**
   * Changes when the list of `GET .../people` changes: who is in the call, registered, or blocked. Only for hosts,
   * while a call is running. Compare it with the previous one; it has no other meaning.
   */
  people_version: string | null;
  /**
   * The `join_id` of the latest join credentials that this person got with a ticket, while a call at 100ms is
   * running. A page that has joined with others can leave: the person has joined somewhere else. Null if there are
   * none, or if it is unknown.
   */
  latest_join: string | null;
}

/** The person's entry in the waiting room. */
export interface VisitLobby {
  /** The ID of the entry in the waiting room. */
  entry: string;
  /** The current state. */
  state: Open<EntryState>;
  /** When the person asked to join, or when they were admitted or denied. */
  since: string;
}

/** Who else is in the call. */
export interface VisitOthers {
  /** How many people are in the call, without this person. */
  count: number;
  /**
   * Display names of at most three of them, by arrival. Empty for guests, and for people who are waiting to be
   * admitted.
   */
  names: string[];
}

/** The person that the ticket is for. */
export interface VisitPerson {
  /** Your ID of the person. */
  user_id: string;
  /** The person's name, as others see it. Null if it is not known. */
  display_name: string | null;
  /** Whether the person is a guest. */
  is_guest: boolean;
  /** The person's role in your app. Null if they are not a participant any more. */
  role: string | null;
  /** Whether the role is one of the policy's `host_roles`. */
  is_host: boolean;
  /**
   * Based on the current schedule and policy of the session: changes when the session is rescheduled. The visit can
   * still be read for a day after the end of the window.
   */
  ticket_expires_at: string;
}

/** The session. */
export interface VisitSession {
  /** The kind of session. */
  kind: Open<SessionKind>;
  /** Your ID of the session. */
  reference: string;
  /** Null if the session has no title, or if the person is not a participant any more. */
  title: string | null;
  /** For a group, `confirmed` or `cancelled`. */
  status: Open<SessionStatus>;
  /** When the booking is scheduled to start. Null for a group. */
  starts_at: string | null;
  /** When the booking is scheduled to end. Null for a group. */
  ends_at: string | null;
}

/** One attempt to send an event. */
export interface WebhookAttempt {
  /** Counts the attempts of the delivery, from 1. */
  number: number;
  /** When it happened. */
  at: string;
  /** The HTTP status. Null if there was no response. */
  status: number | null;
  /** Milliseconds until the response or the failure. */
  latency_ms: number;
  /** The beginning of the response body. */
  body: string;
  /** Why there was no response. */
  error: string | null;
  /** Whether the endpoint accepted the event, with any 2xx status. */
  taken: boolean;
}

/** The delivery of one event to one endpoint. */
export interface WebhookDelivery {
  /** The ID, which never changes. */
  id: string;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** The ID of the event. Sent as `webhook-id` in every attempt. */
  event: string;
  /** The type of the event. */
  type: string;
  /** The current state. */
  state: Open<DeliveryState>;
  /** The number of attempts so far. */
  attempts: number;
  /** When the next attempt is made. Null if there is none. */
  next_at: string | null;
  /** When it was created. */
  created_at: string;
}

/** One page of deliveries, newest first. */
export interface WebhookDeliveryList {
  /** The items of this page. */
  data: WebhookDelivery[];
  /** The `cursor` of the next page. Null on the last page. */
  next: string | null;
}

/** A delivery with all attempts. */
export interface WebhookDeliveryWithAttempts {
  /** The ID, which never changes. */
  id: string;
  /** The ID of the webhook endpoint. */
  endpoint: string;
  /** The ID of the event. Sent as `webhook-id` in every attempt. */
  event: string;
  /** The type of the event. */
  type: string;
  /** The current state. */
  state: Open<DeliveryState>;
  /** The number of attempts so far. */
  attempts: number;
  /** When the next attempt is made. Null if there is none. */
  next_at: string | null;
  /** When it was created. */
  created_at: string;
  /** All attempts, oldest first. */
  log: WebhookAttempt[];
}

/** A webhook endpoint. Its secret is returned only on creation and rotation. */
export interface WebhookEndpoint {
  /** The ID, which never changes. */
  id: string;
  /** The URL. */
  url: string;
  /** A note for your own use. */
  description: string;
  /** The event types that are sent. If empty, all types except those about the configuration of the app. */
  types: Array<Open<EventType>>;
  /** Whether the events of a session are delivered one after the other. */
  ordered: boolean;
  /** Whether events are sent to the endpoint. */
  enabled: boolean;
  /** Why it is disabled: `by_app`, `gone` (it responded with 410), or `failing` (it failed for days). */
  disabled: Open<DisabledReason> | null;
  /** The first failure since the last success. */
  failing_since: string | null;
  /** When it was created. */
  created_at: string;
}

/** All endpoints of the app. */
export interface WebhookEndpointList {
  /** The items of this page. */
  data: WebhookEndpoint[];
  /** Always null: there is only one page. */
  next?: string | null;
}

/** A webhook endpoint with its new secret. */
export interface WebhookEndpointWithSecret {
  /** The ID, which never changes. */
  id: string;
  /** The URL. */
  url: string;
  /** A note for your own use. */
  description: string;
  /** The event types that are sent. If empty, all types except those about the configuration of the app. */
  types: Array<Open<EventType>>;
  /** Whether the events of a session are delivered one after the other. */
  ordered: boolean;
  /** Whether events are sent to the endpoint. */
  enabled: boolean;
  /** Why it is disabled: `by_app`, `gone` (it responded with 410), or `failing` (it failed for days). */
  disabled: Open<DisabledReason> | null;
  /** The first failure since the last success. */
  failing_since: string | null;
  /** When it was created. */
  created_at: string;
  /** Signs deliveries (Standard Webhooks). It is shown only once, so store it. */
  secret: string;
}

/**
 * An event of the journal. `type` determines the schema of `data`. New types can be added: clients must ignore
 * events whose type they do not know.
 */
export type Event =
  | SessionRegisteredEvent
  | SessionUpdatedEvent
  | SessionCancelledEvent
  | SessionDeletedEvent
  | SessionClosedEvent
  | ParticipantAddedEvent
  | ParticipantUpdatedEvent
  | ParticipantDroppedEvent
  | ParticipantJoinedEvent
  | ParticipantLeftEvent
  | ParticipantRemovedEvent
  | ParticipantReadmittedEvent
  | ParticipantWaitingEvent
  | ParticipantWithdrewEvent
  | ParticipantAdmittedEvent
  | ParticipantDeniedEvent
  | ParticipantNoShowEvent
  | AttendanceCorrectedEvent
  | AttendanceReconciledEvent
  | CredentialsIssuedEvent
  | CredentialsDeniedEvent
  | LinkIssuedEvent
  | LinkRevokedEvent
  | CallStartedEvent
  | CallEndedEvent
  | CallSettledEvent
  | RecordingStartedEvent
  | RecordingReadyEvent
  | RecordingFailedEvent
  | RoomOpenedEvent
  | RoomClosedEvent
  | ProviderSwitchedEvent
  | EndpointDisabledEvent
  | EndpointOperatedEvent
  | DataExportedEvent
  | AppReportedEvent
  | FeedbackGivenEvent
  | PersonErasedEvent
  | JournalRetiredEvent
  | JournalSealedEvent
  | AppSettingsCreatedEvent
  | AppSettingsChangedEvent
  | ApiKeyCreatedEvent
  | ApiKeyRevokedEvent
  | ProviderAccountChangedEvent
  | UserTokenRulesChangedEvent
  | UserTokenRulesRemovedEvent
  | EndpointCreatedEvent
  | EndpointChangedEvent
  | EndpointSecretRotatedEvent
  | EndpointRemovedEvent
  | OperatorSignedInEvent
  | OperatorSignedOutEvent
  | OperatorKeyCreatedEvent
  | OperatorKeyRevokedEvent
  | AuthenticationRejectedEvent
  | RetentionChangedEvent
  | EndpointTestEvent;

/** Join credentials. `type` is their kind. */
export type JoinCredentials =
  | HmsRoomCodeCredentials
  | HmsTokenCredentials
  | AgoraTokenCredentials;

/** The caller, by the type of its credential. */
export type Me =
  | ApiKeyIdentity
  | TicketIdentity
  | UserIdentity;

/** A person who is not registered for the session. */
export interface LinkGuestInput {
  /** The guest's name. */
  display_name: string;
}

/** A person who is registered for a session. */
export interface ParticipantInput {
  /** Your ID of the person. */
  user_id: string;
  /** The person's role in your app. The app's role map translates it to a provider role. */
  role: string;
  /** Shown to others in the call. */
  display_name?: string | null | undefined;
}

/** Policy settings of this session that differ from those of the app. Durations are in whole seconds. */
export interface PolicyInput {
  /** How long before the start participants can join. */
  opens_before_seconds?: number | null | undefined;
  /** Overrides `opens_before_seconds` for individual app roles. */
  opens_before_seconds_by_role?: Record<string, number> | null | undefined;
  /** How long after the end participants can still join. */
  grace_seconds?: number | null | undefined;
  /** How much longer participants can join a call that is running when the window closes. */
  overrun_seconds?: number | null | undefined;
  /**
   * Who has to wait although the window is open: no one (`off`), everyone until a host is in the call
   * (`until_host`), or everyone until a host admits them (`admit`).
   */
  waiting_room?: WaitingRoom | null | undefined;
  /** App roles that never have to wait, and that can moderate the session. */
  host_roles?: string[] | null | undefined;
  /** App roles that can start a call with a user token, in addition to `host_roles`. Only hosts can end a call. */
  call_roles?: string[] | null | undefined;
  /**
   * App roles that can reschedule and cancel the session with a user token. To let users create sessions, set it on
   * the app.
   */
  booking_roles?: string[] | null | undefined;
  /** Whether people who are not participants can join as guests. */
  guests_allowed?: boolean | null | undefined;
  /** Maximum lifetime of a participant's token. */
  token_seconds?: number | null | undefined;
  /** Maximum lifetime of a guest's token. */
  guest_token_seconds?: number | null | undefined;
  /** Maximum lifetime of a link, from its creation. */
  ticket_seconds?: number | null | undefined;
  /** Participants who join later than this after the start are `late`. */
  late_after_seconds?: number | null | undefined;
  /** Participants who leave earlier than this before the end have `left_early`. */
  left_early_before_seconds?: number | null | undefined;
  /** Participants who were in the call for less than this are `absent`. */
  minimum_presence_seconds?: number | null | undefined;
  /** Participants who have not joined this long after the start are reported as no-shows. */
  no_show_after_seconds?: number | null | undefined;
  /** A group's call ends when it has been empty for this long. */
  empty_seconds?: number | null | undefined;
}
