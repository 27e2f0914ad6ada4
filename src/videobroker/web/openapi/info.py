"""Texts of the OpenAPI document that belong to no operation."""

DESCRIPTION = """\
Create bookings and groups, check who can join, and get join credentials for 100ms and Agora.

Authenticate with an API key of the app. Errors are problem documents (RFC 9457) with a stable `code`. Times are in the
format of RFC 3339; responses use UTC. Lists have the form `{"data": [...], "next": cursor}`.

Request bodies are JSON in UTF-8: send `Content-Type: application/json`, another `application/*+json`, or no content
type. Compressed bodies are not supported. `HEAD` works for every `GET` operation, and `OPTIONS` returns the methods of
a path.

Every operation can also return the errors `malformed_request` (400: not valid HTTP, or not exactly one `Host`),
`method_not_allowed` (405), `request_timeout` (408: the head of the request took longer than 20 seconds, or its body
longer than 30), `request_head_too_large` (431: more than 64 KiB or 100 headers) and `internal_error` (500).
"""

TAGS = [
    {"name": "bookings", "description": "Sessions with a schedule and a status."},
    {"name": "groups", "description": "Sessions without a schedule, open while their video is on."},
    {"name": "visits", "description": "A session from the view of the person who opened a join link."},
    {"name": "calls", "description": "The actual meetings of a session, past and running."},
    {"name": "events", "description": "The journal: a log of everything that happened."},
    {"name": "webhookEndpoints", "description": "Webhook endpoints that receive events, and their deliveries."},
    {"name": "incomingWebhooks", "description": "Endpoints for the webhooks of the providers."},
    {"name": "legacyTutoring", "description": "Endpoints for existing clients of tutoring products."},
    {"name": "legacyGroups", "description": "Endpoints for existing clients of group chats."},
    {"name": "legacyAppointments", "description": "Endpoints for existing clients of appointment systems."},
    {"name": "legacyTherapy", "description": "Endpoints for existing clients of therapy products."},
    {
        "name": "management",
        "description": "Apps and their settings, for platforms and infrastructure as code. Needs an operator key.",
    },
    {"name": "operations", "description": "Health checks, metrics, and diagnostics for operators."},
]

CONTACT = {"name": "The maintainers of videobroker"}
SERVERS = [{"url": "/", "description": "This deployment"}]
