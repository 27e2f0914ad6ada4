"""What an error means, and its usual causes, for the pages of the codes. What to do is in the catalog."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Explanation(NamedTuple):
    """The explanation of an error code, in Markdown."""

    meaning: str
    causes: tuple[str, ...] = ()


EXPLANATIONS: Mapping[str, Explanation] = MappingProxyType(
    {
        "internal_error": Explanation(
            "The service failed in a way that its developers did not foresee. It logged where.",
            (
                "A bug. Report it with the `request_id`.",
                "An operator finds the log line `request.crashed` with the same `request_id`.",
            ),
        ),
        "invalid_request": Explanation(
            "The request was understood, but some of its fields, parameters, or headers are not valid.",
            (
                "A field is missing, misspelled, or has the wrong type. Unknown fields are rejected, not ignored.",
                "A time has no offset. Send `2026-03-12T14:00:00Z`.",
                "An ID has a space at its end, a `/`, or an invisible character.",
            ),
        ),
        "malformed_json": Explanation(
            "The body is not one JSON object in UTF-8.",
            (
                "A trailing comma, single quotes, or `NaN`.",
                "The client sent a form, or the text representation of an object of its language.",
            ),
        ),
        "not_acceptable": Explanation(
            "The header `Accept` excludes every media type that this operation can return. Nothing was done.",
            ("`Accept: text/html`, copied from a browser.", "`Accept: application/xml`: the API speaks JSON only."),
        ),
        "unsupported_media_type": Explanation(
            "The request says that its body is not JSON.",
            ("curl's `-d` sends `application/x-www-form-urlencoded`: add `-H 'Content-Type: application/json'`.",),
        ),
        "unsupported_content_encoding": Explanation(
            "The body is compressed. The service reads uncompressed bodies only.",
            ("An HTTP client or a proxy compresses requests.",),
        ),
        "body_too_large": Explanation(
            "The body is larger than the service reads at once.",
            ("A booking with tens of thousands of participants.", "A file instead of JSON."),
        ),
        "malformed_request": Explanation(
            "The bytes are not a valid HTTP/1.1 request, or do not have exactly one valid `Host`.",
            (
                "A hand-written client, or a proxy that changes the framing.",
                "HTTPS or HTTP/2 was sent to a port for plain HTTP/1.1.",
                "The URL has characters that are not percent-encoded.",
            ),
        ),
        "request_head_too_large": Explanation(
            "The request line and the headers together are too large, or there are too many headers.",
            ("Cookies of other products on the same domain.", "A filter with a very long value."),
        ),
        "request_timeout": Explanation(
            "The request was not complete in time.",
            ("A slow or interrupted connection.", "A client that announces a body and does not send it."),
        ),
        "unknown_provider": Explanation(
            "The app has no account with a provider that the request names.",
            ("The provider is misspelled.", "The account belongs to another app."),
        ),
        "role_not_mapped": Explanation(
            "A role of the app has no role at the provider.",
            ("A new role is not in the role map yet.", "`Tutor` and `tutor` are different roles."),
        ),
        "duplicate_participant": Explanation(
            "The same person is in the list twice.", ("A database join repeats rows.",)
        ),
        "surface_not_offered": Explanation(
            "The provider's account cannot serve the requested `surface`.",
            ("`prebuilt` needs the account's subdomain (100ms), or a page for calls (Agora).",),
        ),
        "invalid_cursor": Explanation(
            "The cursor is not one that this list has returned.",
            ("The cursor was cut off, or belongs to another list.", "Filters changed between two pages."),
        ),
        "idempotency_key_reused": Explanation(
            "Another request with a different body used this `Idempotency-Key` in the last 24 hours.",
            ("The key is derived from something that several requests share, such as the session.",),
        ),
        "webhook_unreadable": Explanation(
            "A provider's webhook has a valid signature, but cannot be read, or is too old.",
            ("A proxy changes the body.", "The clock of this server is wrong."),
        ),
        "feedback_already_given": Explanation(
            "The person has already given feedback about this call.",
            ("The form was sent twice. Send an `Idempotency-Key` with a repeated request.",),
        ),
        "not_in_call": Explanation(
            "The person was not in the call that the request names.",
            ("The request names no `call`, and the latest one took place without this person.",),
        ),
        "app_exists": Explanation("Another app has this name already.", ("The request was repeated.",)),
        "app_not_found": Explanation(
            "This installation has no app with this name.",
            ("The name is misspelled. Upper and lower case differ.", "The app is in another installation."),
        ),
        "key_not_found": Explanation(
            "The app has no API key with this ID.", ("The ID belongs to a key of another app.",)
        ),
        "account_not_found": Explanation("The app has no account with this provider."),
        "account_invalid": Explanation(
            "A setting of the provider account is missing, unknown, or malformed.",
            ("A value was cut off when it was copied.", "The settings of another provider were sent."),
        ),
        "user_token_rules_not_found": Explanation("The app accepts no user tokens: it has no rules for them."),
        "user_token_rules_overlap": Explanation(
            "A user token could be valid for two apps, so that it would not be clear to which one its user belongs.",
            ("Two apps have the same secret or the same key set, and no `issuer` or `audience` that differs.",),
        ),
        "operator_key_missing": Explanation(
            "The management API needs an operator key, and the request has no credentials.",
            ("The header `Authorization` is missing, or a proxy removed it.",),
        ),
        "operator_key_invalid": Explanation(
            "No operator key of this installation equals the one that was sent.",
            ("The API key of an app was sent.", "The key was cut off, or belongs to another installation."),
        ),
        "operator_key_expired": Explanation("The operator key was valid until a time that has passed."),
        "operator_key_revoked": Explanation("Someone has revoked the operator key."),
        "operator_key_not_found": Explanation("This installation has no operator key with this ID."),
        "operator_role_not_allowed": Explanation(
            "The role of the operator, or of the operator key, does not include this operation.",
            ("A `viewer` tries to change something.", "A `support` operator tries to manage apps."),
        ),
        "invalid_group_id": Explanation("The group ID in the path is not a UUID."),
        "invalid_request_body": Explanation("The body is not a JSON object."),
        "guest_name_required": Explanation("The guest has no name."),
        "api_key_missing": Explanation(
            "The request has no credentials.",
            (
                "The header `Authorization` is missing, or does not begin with `Bearer`.",
                "A proxy or a redirect removed the header.",
            ),
        ),
        "api_key_invalid": Explanation(
            "No API key of this deployment equals the one that was sent.",
            (
                "The key was cut off, or has a space or a line break at its end.",
                "It is a key of another deployment, such as the test system.",
                "A user token is not a JWT with two dots, and was taken for an API key.",
            ),
        ),
        "api_key_expired": Explanation("The API key was valid until its expiry.", ("It was created with an expiry.",)),
        "api_key_revoked": Explanation("The API key was revoked.", ("Someone rotated or revoked it.",)),
        "user_token_invalid": Explanation(
            "No app accepts this user token.",
            (
                "The token is signed with another secret or key than the app's rules have.",
                "`iss` or `aud` differ from the rules.",
                "`alg` is not allowed: HS256 with a secret, RS256, ES256, or EdDSA with a JWKS.",
                "`sub` is missing, or not a valid user ID.",
            ),
        ),
        "user_token_expired": Explanation(
            "The `exp` of the user token has passed.",
            ("The page was open for longer than the token lives.", "The clock of one of the servers is wrong."),
        ),
        "user_token_not_yet_valid": Explanation(
            "The `nbf` of the user token is in the future.", ("The clock of one of the servers is wrong.",)
        ),
        "user_token_lives_too_long": Explanation(
            "The time between `iat` and `exp` is longer than the app's rules allow.",
            ("The identity provider issues tokens for days.",),
        ),
        "user_token_ambiguous": Explanation(
            "More than one app accepts this user token, so it does not say which app it is for.",
            ("Two apps share a secret.", "Two apps use the same JWKS without different audiences."),
        ),
        "ticket_invalid": Explanation(
            "This is not a link, or a ticket, of this deployment.",
            ("The link was cut off by a mail or chat program.", "The secret key of the deployment was replaced."),
        ),
        "ticket_expired": Explanation(
            "The link was valid until its session closed, or until its own expiry.",
            ("The session is over.", "The session was moved to an earlier time."),
        ),
        "ticket_revoked": Explanation(
            "The link was revoked.",
            ("A newer link replaced it.", "A host or the app revoked it."),
        ),
        "webhook_refused": Explanation(
            "The webhook is not signed with the secret of the app's account.",
            (
                "The secret at the provider differs from the account's.",
                "The URL at the provider names another app.",
                "Someone else sent the request.",
            ),
        ),
        "scope_missing": Explanation(
            "The API key is valid, but does not have the permission for this operation. `scope` names it.",
            ("The key was created with fewer scopes.", "The scope is new since an upgrade: see the changelog."),
        ),
        "api_key_needed": Explanation(
            "Only backends can use this operation. The request has a user token or a ticket.",
            ("A page calls an operation that the app's backend has to call.",),
        ),
        "ticket_not_enough": Explanation(
            "A ticket is valid for one person in one session. The request is about something else.",
            ("A page of the app uses a ticket for another session.",),
        ),
        "not_yourself": Explanation(
            "A user token or a ticket can only act for its own user, and the request names another one.",
            ("The app's user ID is not the `sub` of the token.",),
        ),
        "role_may_not": Explanation(
            "The person's role in this session does not have the permission.",
            (
                "Only hosts may do this: those with a role in the policy's `host_roles`.",
                "`call_roles` or `booking_roles` do not list the role.",
            ),
        ),
        "video_disabled": Explanation(
            "The session has no video.", ("A booking is an appointment in person.", "The group has its video off.")
        ),
        "session_cancelled": Explanation("The session was canceled.", ("The app or a host canceled it.",)),
        "session_completed": Explanation("The session is marked as completed.", ("The app completed it early.",)),
        "session_not_confirmed": Explanation(
            "The session is not confirmed. People can join after that.",
            ("The app registered it with the status `pending`.",),
        ),
        "not_a_participant": Explanation(
            "The person is not in the list of participants of this session.",
            (
                "The `user_id` differs from the one that was registered, for example in upper and lower case.",
                "The person was added to another session.",
            ),
        ),
        "guests_not_allowed": Explanation(
            "The session accepts registered participants only.", ("`guests_allowed` is not set in the policy.",)
        ),
        "participant_removed": Explanation(
            "A host or the app removed this person, and blocked them.", ("They were removed during an earlier call.",)
        ),
        "too_early": Explanation(
            "The window in which this role can join has not begun. `access.opens_at` says when it does.",
            (
                "Participants can join ten minutes before the start, if the policy does not say otherwise.",
                "The start was registered in another time zone.",
            ),
        ),
        "session_over": Explanation(
            "The window in which people can join has closed, and no call is running.",
            ("The end and the grace period have passed.", "The end was registered in another time zone."),
        ),
        "waiting_for_host": Explanation(
            "The policy admits people only while a host is present.",
            ("No host has joined yet.", "`host_roles` does not list the role of the person who is there."),
        ),
        "waiting_for_admission": Explanation(
            "The session has a waiting room, and no host has admitted this person yet.",
            ("No host has answered the request.",),
        ),
        "admission_denied": Explanation("A host declined the request to join.", ()),
        "path_not_found": Explanation(
            "The path does not exist.",
            ("The path is misspelled, or has a `/` at its end.", "The operation is part of a newer version."),
        ),
        "method_not_allowed": Explanation(
            "The path exists, but not with this method.",
            ("A redirect turned a `POST` into a `GET`.",),
        ),
        "session_not_found": Explanation(
            "This app has no session with this reference. A session of another app is reported in the same way.",
            (
                "The session was not registered, or was deleted.",
                "It is a group, and the path says `bookings`, or the other way around.",
                "The API key belongs to another app.",
                "A user who is not a participant cannot see it.",
            ),
        ),
        "participant_not_found": Explanation(
            "The session has no participant with this user ID.", ("The person is a guest, or was deleted.",)
        ),
        "call_not_found": Explanation("There is no such call.", ("No call has begun in this session.",)),
        "endpoint_not_found": Explanation("This app has no such webhook endpoint.", ("It was deleted.",)),
        "delivery_not_found": Explanation("There is no such delivery.", ("Its retention has passed.",)),
        "link_not_found": Explanation("There is no such active link.", ("It has expired, or was revoked.",)),
        "entry_not_found": Explanation(
            "This person does not wait to be admitted.", ("They left.", "Another host admitted them already.")
        ),
        "legacy_disabled": Explanation(
            "The app does not use this family of legacy endpoints.", ("New apps have none of them.",)
        ),
        "request_in_flight": Explanation(
            "A request with the same `Idempotency-Key` is still running.",
            ("The client repeated the request before the response to the first one.",),
        ),
        "secret_replaced": Explanation(
            "The stored response has a secret that is not valid any more, so it is not returned again.",
            ("The secret was rotated after the first request.",),
        ),
        "too_many_endpoints": Explanation(
            "The app has as many webhook endpoints as it can have.", ("Endpoints of old deployments were not deleted.",)
        ),
        "precondition_failed": Explanation(
            "The resource does not have the version that `If-Match` or `If-None-Match` requires.",
            ("Someone else changed it.", "`If-None-Match: *` was sent for something that exists."),
        ),
        "already_admitted": Explanation("The person has been admitted, and cannot be denied any more."),
        "provider_unavailable": Explanation(
            "The video provider did not respond, or responded with an error of its own.",
            ("The provider has an outage.", "This server cannot reach it.", "Its rate limit is exceeded."),
        ),
        "provider_refused": Explanation(
            "The video provider understood the request, and rejected it.",
            (
                "The account's credentials were replaced at the provider.",
                "The template or a role does not exist there.",
                "The clock of this server is wrong, so that its tokens are not valid.",
            ),
        ),
        "provider_not_configured": Explanation(
            "The app has no account with a provider that the session can use.",
            ("The account was not set.", "The session requires a provider that the app does not have."),
        ),
        "room_not_ready": Explanation(
            "Another request is creating the room, and it took longer than this request could wait.",
            ("Many people join at the same moment, and the provider is slow.",),
        ),
        "identity_unavailable": Explanation(
            "The public keys of the app's identity provider cannot be fetched, so its tokens cannot be verified.",
            ("The identity provider has an outage.", "The `jwks_url` is wrong, or not reachable from this server."),
        ),
        "storage_unavailable": Explanation(
            "The database did not respond. Nothing was changed, or it is safe to repeat the request.",
            ("PostgreSQL restarts, or fails over.", "All of its connections are in use."),
        ),
        "seal_broken": Explanation(
            "A stored secret was encrypted with a key that this deployment does not have.",
            (
                "`VIDEOBROKER_SECRET_KEY` lacks the previous key.",
                "Replicas have different keys.",
            ),
        ),
        "too_many_tries": Explanation(
            "Too many wrong credentials came from this network. Correct ones are still accepted.",
            (
                "A client repeats requests with a key that was replaced.",
                "Someone behind the same address guesses credentials.",
                "A proxy hides the addresses of all clients: set `FORWARDED_ALLOW_IPS`.",
            ),
        ),
        "rate_limited": Explanation(
            "The caller sent more requests than its limit allows. `RateLimit-Policy` has the limit.",
            (
                "A loop without a pause, or polling instead of webhooks or the event stream.",
                "Several programs share one API key.",
                "A proxy hides the addresses of all clients: set `FORWARDED_ALLOW_IPS`.",
            ),
        ),
    }
)
"""By code: every error that an HTTP request to the API can get."""
