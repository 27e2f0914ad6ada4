"""What is right and wrong with a 100ms account."""

from collections.abc import Collection
from datetime import datetime, timedelta

from videobroker.domain.diagnostics import CheckResult, failed, ok, warning
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsNotFound
from videobroker.providers.hms.webhooks import SECRET_HEADER, WebhookKeys

UNKNOWN_ROOM = "0" * 24
"""An id that no room has: asking for it shows whether the credentials are good."""

MAX_CLOCK_SKEW = timedelta(seconds=8)
"""Tokens are back-dated by ten seconds; an answer's date is cut to whole seconds and has travelled."""

EXPIRY_WARNING = timedelta(days=2)
"""A token given by hand is warned about so long before it expires: over a weekend, somebody has to see it."""


async def examine_template(client: HmsClient, template_id: str | None, roles: Collection[str]) -> list[CheckResult]:
    """Whether 100ms takes the credentials, and whether the template has every role that people get."""
    try:
        if template_id is None:
            await client.get_active_room(UNKNOWN_ROOM)
            return [_credentials_ok(), _no_template()]
        template = await client.get_template(template_id)
    except HmsNotFound:
        return [_credentials_ok(), failed("100ms template", f"There is no template {template_id}.", _COPY_TEMPLATE)]
    except ProviderRefused as error:
        return [failed("100ms credentials", error.detail, "Compare HMS_ACCESS_KEY and HMS_SECRET with the dashboard.")]
    except ProviderUnavailable as error:
        return [failed("100ms credentials", error.detail, "See whether this machine reaches the API, and try again.")]
    return [_credentials_ok(), _compare_roles(template.name, template.roles, roles)]


_COPY_TEMPLATE = "Copy the template id from the dashboard into HMS_TEMPLATE_ID."


def _credentials_ok() -> CheckResult:
    return ok("100ms credentials", "100ms takes them.")


def _no_template() -> CheckResult:
    return warning("100ms template", "None is named: rooms are made from the workspace's default one.", _COPY_TEMPLATE)


def _compare_roles(template: str, offered: Collection[str], wanted: Collection[str]) -> CheckResult:
    missing = sorted(set(wanted) - set(offered))
    if not missing:
        return ok("100ms roles", f"The template {template} has every role of the role map.")
    return failed(
        "100ms roles",
        f"The template {template} lacks {', '.join(missing)}; it has {', '.join(sorted(offered))}.",
        "Roles are case-sensitive: correct the app's role map, or add the role to the template.",
    )


def examine_clock(difference: timedelta | None) -> CheckResult:
    """Whether our clock and the vendor's agree well enough for tokens."""
    if difference is None:
        return warning("100ms clock", "100ms did not tell its time.", "Try again when it can be reached.")
    seconds = difference.total_seconds()
    if abs(difference) <= MAX_CLOCK_SKEW:
        return ok("100ms clock", f"Ours differs by {seconds:+.0f} s.")
    return failed("100ms clock", f"Theirs is {seconds:+.0f} s from ours.", "Set this machine's clock (NTP).")


def examine_page(prebuilt_url: str | None) -> CheckResult:
    """Whether the ready-made page can be offered."""
    if prebuilt_url is not None:
        return ok("100ms page", f"The ready-made page is {prebuilt_url}.")
    return warning(
        "100ms page", "There is no ready-made page for this account.", "Set HMS_SUBDOMAIN, if you want to use it."
    )


def examine_given_token(expires_at: datetime | None, now: datetime) -> list[CheckResult]:
    """How long the management token that was given by hand still lasts."""
    check, step = "100ms management token", "Leave HMS_MANAGEMENT_TOKEN out: tokens are signed with the secret."
    if expires_at is None:
        return []
    if expires_at <= now:
        return [warning(check, f"It expired at {rfc3339(expires_at)}; own ones are used instead.", step)]
    if expires_at - now < EXPIRY_WARNING:
        return [warning(check, f"It expires at {rfc3339(expires_at)}; own ones are used from then on.", step)]
    return [ok(check, f"It is used until {rfc3339(expires_at)}.")]


def examine_webhooks(keys: WebhookKeys, *, url: str | None, has_fixed_room: bool) -> CheckResult:
    """Whether 100ms can tell us who comes and goes. What its dashboard holds cannot be seen from here."""
    check = "100ms webhooks"
    if not keys:
        return warning(
            check,
            "None are taken: who comes and goes is only known by asking.",
            "Set HMS_WEBHOOK_SECRET, and HMS_WEBHOOK_URL to the address at which 100ms reaches this service.",
        )
    if url is not None and not has_fixed_room:
        return ok(check, f"New rooms send them to {url}, with the secret.")
    proof = f"the header {SECRET_HEADER}" if keys.header_secret is not None else "their signature"
    reason = "Nobody tells the fixed room where to" if url is not None else "No room is told where to"
    return warning(
        check,
        f"They are taken with {proof}. {reason} send them, so the dashboard has to.",
        "Look in 100ms' dashboard whether the URL and the header are set under Developer, Webhooks.",
    )
