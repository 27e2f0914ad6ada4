"""Checks of a 100ms account."""

from collections.abc import Collection
from datetime import datetime, timedelta

from videobroker.domain.diagnostics import CheckResult, failed, ok, warning
from videobroker.domain.times import rfc3339
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsNotFound
from videobroker.providers.hms.webhooks import SECRET_HEADER, WebhookKeys
from videobroker.translatable import TranslatableText

UNKNOWN_ROOM = "0" * 24
"""A valid ID that no room has. A request for it shows whether the credentials are accepted."""

MAX_CLOCK_SKEW = timedelta(seconds=8)
"""Below the ten seconds by which tokens are backdated: the `Date` header is rounded down to seconds, and delayed."""

EXPIRY_WARNING = timedelta(days=2)
"""Before the expiry of a configured token. Covers a weekend."""

_CLOCK = TranslatableText("100ms clock")
_CREDENTIALS = TranslatableText("100ms credentials")
_PAGE = TranslatableText("100ms page")
_ROLES = TranslatableText("100ms roles")
_TEMPLATE = TranslatableText("100ms template")
_TOKEN = TranslatableText("100ms management token")
_WEBHOOKS = TranslatableText("100ms webhooks")
_COPY_TEMPLATE = TranslatableText("Copy the template ID from the dashboard into HMS_TEMPLATE_ID.")


async def examine_template(client: HmsClient, template_id: str | None, roles: Collection[str]) -> list[CheckResult]:
    """Whether 100ms accepts the credentials, and whether the template has all `roles`."""
    try:
        if template_id is None:
            await client.get_active_room(UNKNOWN_ROOM)
            return [_credentials_ok(), _no_template()]
        template = await client.get_template(template_id)
    except HmsNotFound:
        sentence = TranslatableText("There is no template %(template)s.", template=template_id)
        return [_credentials_ok(), failed(_TEMPLATE, sentence, _COPY_TEMPLATE)]
    except ProviderRefused as error:
        step = TranslatableText("Compare HMS_ACCESS_KEY and HMS_SECRET with the dashboard.")
        return [failed(_CREDENTIALS, error.detail, step)]
    except ProviderUnavailable as error:
        step = TranslatableText("Check whether this machine can reach the API, and try again.")
        return [failed(_CREDENTIALS, error.detail, step)]
    return [_credentials_ok(), _compare_roles(template.name, template.roles, roles)]


def _credentials_ok() -> CheckResult:
    return ok(_CREDENTIALS, TranslatableText("Credentials are valid."))


def _no_template() -> CheckResult:
    sentence = TranslatableText("None is set: rooms use the default template of the workspace.")
    return warning(_TEMPLATE, sentence, _COPY_TEMPLATE)


def _compare_roles(template: str, offered: Collection[str], wanted: Collection[str]) -> CheckResult:
    missing = sorted(set(wanted) - set(offered))
    if not missing:
        return ok(
            _ROLES, TranslatableText("The template %(template)s has every role of the role map.", template=template)
        )
    return failed(
        _ROLES,
        TranslatableText(
            "The template %(template)s lacks %(missing)s; it has %(offered)s.",
            template=template,
            missing=", ".join(missing),
            offered=", ".join(sorted(offered)),
        ),
        TranslatableText("Roles are case-sensitive: correct the role map of the app, or add the role to the template."),
    )


def examine_clock(difference: timedelta | None) -> CheckResult:
    """Whether the clocks differ by at most `MAX_CLOCK_SKEW`. With more, 100ms rejects our tokens."""
    if difference is None:
        return warning(
            _CLOCK,
            TranslatableText("100ms did not send its time."),
            TranslatableText("Try again when it is reachable."),
        )
    if abs(difference) <= MAX_CLOCK_SKEW:
        return ok(_CLOCK, TranslatableText("In sync."))
    seconds = f"{difference.total_seconds():+.0f}"
    return failed(
        _CLOCK,
        TranslatableText("The clock of 100ms differs from ours by %(seconds)s s.", seconds=seconds),
        TranslatableText("Set this machine's clock (NTP)."),
    )


def examine_page(prebuilt_url: str | None) -> CheckResult:
    """Whether the account has a ready-made page. Its absence is a warning, not a failure."""
    if prebuilt_url is not None:
        return ok(_PAGE, TranslatableText("The ready-made page is %(url)s.", url=prebuilt_url))
    return warning(
        _PAGE,
        TranslatableText("This account has no ready-made page."),
        TranslatableText("To use it, set HMS_SUBDOMAIN."),
    )


def examine_given_token(expires_at: datetime | None, now: datetime) -> list[CheckResult]:
    """Whether the configured management token expires soon. Empty if there is none."""
    if expires_at is None:
        return []
    step = TranslatableText("Remove HMS_MANAGEMENT_TOKEN: tokens are signed with the secret.")
    time = rfc3339(expires_at)
    if expires_at <= now:
        sentence = TranslatableText("It expired at %(time)s; signed tokens are used instead.", time=time)
        return [warning(_TOKEN, sentence, step)]
    if expires_at - now < EXPIRY_WARNING:
        sentence = TranslatableText("It expires at %(time)s; signed tokens are used from then on.", time=time)
        return [warning(_TOKEN, sentence, step)]
    return [ok(_TOKEN, TranslatableText("It is used until %(time)s.", time=time))]


def examine_webhooks(keys: WebhookKeys, *, url: str | None, has_fixed_room: bool) -> CheckResult:
    """Whether 100ms can send us webhooks. The settings in its dashboard cannot be read."""
    if not keys:
        return warning(
            _WEBHOOKS,
            TranslatableText("None are taken: participants are only found by polling."),
            TranslatableText(
                "Set HMS_WEBHOOK_SECRET, and HMS_WEBHOOK_URL to the URL at which 100ms can reach this service."
            ),
        )
    if url is not None and not has_fixed_room:
        return ok(_WEBHOOKS, TranslatableText("New rooms send webhooks to %(url)s, with the secret.", url=url))
    return warning(
        _WEBHOOKS,
        _proof(keys, has_url=url is not None),
        TranslatableText("In the 100ms dashboard, check the URL and the header under Developer, Webhooks."),
    )


def _proof(keys: WebhookKeys, *, has_url: bool) -> TranslatableText:
    proof: object = TranslatableText("their signature")
    if keys.header_secret is not None:
        proof = TranslatableText("the header %(header)s", header=SECRET_HEADER)
    if has_url:
        return TranslatableText(
            "They are taken with %(proof)s. The fixed room has no webhook URL from us, so set it in the dashboard.",
            proof=proof,
        )
    return TranslatableText(
        "They are taken with %(proof)s. New rooms get no webhook URL from us, so set it in the dashboard.",
        proof=proof,
    )
