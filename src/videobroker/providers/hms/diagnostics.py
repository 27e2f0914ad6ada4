"""Checks of a 100ms account."""

from collections.abc import Collection
from datetime import datetime, timedelta

from videobroker.domain.diagnostics import CheckResult, failed, ok, warning
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsNotFound
from videobroker.providers.hms.webhooks import SECRET_HEADER, WebhookKeys

UNKNOWN_ROOM = "0" * 24
"""A valid ID that no room has. A request for it shows whether the credentials are accepted."""

MAX_CLOCK_SKEW = timedelta(seconds=8)
"""Below the ten seconds by which tokens are backdated: the `Date` header is rounded down to seconds, and delayed."""

EXPIRY_WARNING = timedelta(days=2)
"""Before the expiry of a configured token. Covers a weekend."""


async def examine_template(client: HmsClient, template_id: str | None, roles: Collection[str]) -> list[CheckResult]:
    """Whether 100ms accepts the credentials, and whether the template has all `roles`."""
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
        return [
            failed("100ms credentials", error.detail, "Check whether this machine can reach the API, and try again.")
        ]
    return [_credentials_ok(), _compare_roles(template.name, template.roles, roles)]


_COPY_TEMPLATE = "Copy the template ID from the dashboard into HMS_TEMPLATE_ID."


def _credentials_ok() -> CheckResult:
    return ok("100ms credentials", "Credentials are valid.")


def _no_template() -> CheckResult:
    return warning("100ms template", "None is set: rooms use the default template of the workspace.", _COPY_TEMPLATE)


def _compare_roles(template: str, offered: Collection[str], wanted: Collection[str]) -> CheckResult:
    missing = sorted(set(wanted) - set(offered))
    if not missing:
        return ok("100ms roles", f"The template {template} has every role of the role map.")
    return failed(
        "100ms roles",
        f"The template {template} lacks {', '.join(missing)}; it has {', '.join(sorted(offered))}.",
        "Roles are case-sensitive: correct the role map of the app, or add the role to the template.",
    )


def examine_clock(difference: timedelta | None) -> CheckResult:
    """Whether the clocks differ by at most `MAX_CLOCK_SKEW`. With more, 100ms rejects our tokens."""
    if difference is None:
        return warning("100ms clock", "100ms did not send its time.", "Try again when it is reachable.")
    seconds = difference.total_seconds()
    if abs(difference) <= MAX_CLOCK_SKEW:
        return ok("100ms clock", "In sync.")
    return failed(
        "100ms clock", f"The clock of 100ms differs from ours by {seconds:+.0f} s.", "Set this machine's clock (NTP)."
    )


def examine_page(prebuilt_url: str | None) -> CheckResult:
    """Whether the account has a ready-made page. Its absence is a warning, not a failure."""
    if prebuilt_url is not None:
        return ok("100ms page", f"The ready-made page is {prebuilt_url}.")
    return warning("100ms page", "This account has no ready-made page.", "To use it, set HMS_SUBDOMAIN.")


def examine_given_token(expires_at: datetime | None, now: datetime) -> list[CheckResult]:
    """Whether the configured management token expires soon. Empty if there is none."""
    check, next_step = "100ms management token", "Remove HMS_MANAGEMENT_TOKEN: tokens are signed with the secret."
    if expires_at is None:
        return []
    if expires_at <= now:
        return [warning(check, f"It expired at {rfc3339(expires_at)}; signed tokens are used instead.", next_step)]
    if expires_at - now < EXPIRY_WARNING:
        return [warning(check, f"It expires at {rfc3339(expires_at)}; signed tokens are used from then on.", next_step)]
    return [ok(check, f"It is used until {rfc3339(expires_at)}.")]


def examine_webhooks(keys: WebhookKeys, *, url: str | None, has_fixed_room: bool) -> CheckResult:
    """Whether 100ms can send us webhooks. The settings in its dashboard cannot be read."""
    check = "100ms webhooks"
    if not keys:
        return warning(
            check,
            "None are taken: participants are only found by polling.",
            "Set HMS_WEBHOOK_SECRET, and HMS_WEBHOOK_URL to the URL at which 100ms can reach this service.",
        )
    if url is not None and not has_fixed_room:
        return ok(check, f"New rooms send webhooks to {url}, with the secret.")
    proof = f"the header {SECRET_HEADER}" if keys.header_secret is not None else "their signature"
    reason = "The fixed room has no webhook URL" if url is not None else "New rooms get no webhook URL"
    return warning(
        check,
        f"They are taken with {proof}. {reason} from us, so set it in the dashboard.",
        "In the 100ms dashboard, check the URL and the header under Developer, Webhooks.",
    )
