"""What is right and wrong with an Agora account."""

from collections.abc import Collection

from videobroker.domain.diagnostics import CheckResult, failed, ok, warning
from videobroker.errors import ProviderError
from videobroker.providers.agora.client import AgoraClient
from videobroker.providers.agora.errors import AgoraUnauthorized
from videobroker.providers.agora.rtc_token import Role


def examine_roles(roles: Collection[str]) -> list[CheckResult]:
    """Whether Agora has the roles, and whether they mean anything."""
    findings = []
    if unknown := sorted(set(roles) - {role.value for role in Role}):
        findings.append(
            failed(
                "agora roles",
                f"Agora has no role {', '.join(unknown)}.",
                "Map every role of the app to publisher or subscriber.",
            )
        )
    if Role.SUBSCRIBER in roles:
        findings.append(
            warning(
                "agora co-host authentication",
                "Subscribers can publish until co-host authentication is on for the project.",
                "Switch it on in Agora's console; it cannot be seen from here.",
            )
        )
    return findings


async def examine_rest(client: AgoraClient | None) -> CheckResult:
    """Whether channels can be closed and people put out: the channel list is asked for once."""
    check = "agora customer credentials"
    if client is None:
        return warning(
            check,
            "There are none: no channel can be closed, nobody put out, and nobody asked who is there.",
            "Set AGORA_CUSTOMER_ID and AGORA_CUSTOMER_SECRET, from the console's page RESTful API.",
        )
    try:
        await client.list_channels()
    except AgoraUnauthorized as error:
        return failed(check, error.detail, "Copy them again from the console's page RESTful API.")
    except ProviderError as error:
        return failed(check, error.detail, "See whether this machine reaches the API, and try again.")
    return ok(check, "Agora takes them.")


def examine_webhooks(secret: str | None) -> CheckResult:
    """Whether Agora can tell us who comes and goes. What its console holds cannot be seen from here."""
    check = "agora webhooks"
    if secret is not None:
        return ok(check, "They are taken when they are signed with the Notifications secret.")
    return warning(
        check,
        "None are taken: who comes and goes is only known by asking.",
        "Configure Notifications for the project in Agora's console, and set AGORA_NOTIFICATIONS_SECRET.",
    )
