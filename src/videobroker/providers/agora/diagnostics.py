"""Checks of an Agora account."""

from collections.abc import Collection

from videobroker.domain.diagnostics import CheckResult, failed, ok, warning
from videobroker.errors import ProviderError
from videobroker.providers.agora.client import AgoraClient
from videobroker.providers.agora.errors import AgoraUnauthorized
from videobroker.providers.agora.rtc_token import Role
from videobroker.translatable import TranslatableText


def examine_roles(roles: Collection[str]) -> list[CheckResult]:
    """Whether Agora has the roles. Also warns that a subscriber can publish without co-host authentication."""
    results = []
    if unknown := sorted(set(roles) - {role.value for role in Role}):
        results.append(
            failed(
                TranslatableText("agora roles"),
                TranslatableText("Agora has no role %(roles)s.", roles=", ".join(unknown)),
                TranslatableText("Map every role of the app to publisher or subscriber."),
            )
        )
    if Role.SUBSCRIBER in roles:
        results.append(
            warning(
                TranslatableText("agora co-host authentication"),
                TranslatableText("Subscribers can publish until co-host authentication is enabled for the project."),
                TranslatableText("Enable it in the Agora console. This check cannot read the setting."),
            )
        )
    return results


async def examine_rest(client: AgoraClient | None) -> CheckResult:
    """Whether the credentials for the REST API are set and accepted. Sends one request."""
    check = TranslatableText("agora customer credentials")
    if client is None:
        return warning(
            check,
            TranslatableText("None are set: channels cannot be closed, and participants cannot be removed or listed."),
            TranslatableText(
                "Set AGORA_CUSTOMER_ID and AGORA_CUSTOMER_SECRET, from the page RESTful API of the console."
            ),
        )
    try:
        await client.list_channels()
    except AgoraUnauthorized as error:
        step = TranslatableText("Copy them again from the page RESTful API of the console.")
        return failed(check, error.detail, step)
    except ProviderError as error:
        step = TranslatableText("Check whether this machine can reach the API, and try again.")
        return failed(check, error.detail, step)
    return ok(check, TranslatableText("Credentials are valid."))


def examine_webhooks(secret: str | None) -> CheckResult:
    """Whether Agora can send us webhooks. The settings in its console cannot be read."""
    check = TranslatableText("agora webhooks")
    if secret is not None:
        return ok(check, TranslatableText("They are accepted if they are signed with the Notifications secret."))
    return warning(
        check,
        TranslatableText("None are taken: participants are only found by polling."),
        TranslatableText(
            "Configure Notifications for the project in the Agora console, and set AGORA_NOTIFICATIONS_SECRET."
        ),
    )
