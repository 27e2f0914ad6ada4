"""Maps failures of the 100ms REST API to errors of this service.

Source: server-side/v2/how-to-guides/make-api-calls and get-started/v2/security-and-tokens of the 100ms docs.
"""

from videobroker.errors import ProviderError, ProviderRefused, ProviderUnavailable
from videobroker.providers.retrying import DEFAULT_RETRY_AFTER_SECONDS, AttemptError
from videobroker.translatable import TranslatableText

_ADVICE = {
    401: TranslatableText(
        "check the access key and the secret (HMS_ACCESS_KEY, HMS_SECRET), and the clock of this machine"
    ),
    403: TranslatableText("the room is disabled, belongs to another workspace, or the access key lacks the permission"),
    404: TranslatableText("check that the access key belongs to the workspace of the room and its template"),
}
_TEMPLATE_ADVICE = TranslatableText("check template_id (HMS_TEMPLATE_ID): it must be a template of the same workspace")
_OTHER_ADVICE = TranslatableText("a repetition will not help")


class HmsForbidden(ProviderRefused):
    """The video provider does not permit this operation."""


class HmsNotFound(ProviderRefused):
    """The video provider does not have this resource."""


_REFUSALS: dict[int | None, type[ProviderRefused]] = {403: HmsForbidden, 404: HmsNotFound}


def provider_error(failure: AttemptError, operation: str) -> ProviderError:
    """The error to raise after the last attempt of an operation failed."""
    if failure.is_transient:
        return ProviderUnavailable(
            TranslatableText(
                "%(provider)s did not complete %(operation)s (%(failure)s). Try again later.",
                provider="100ms",
                operation=operation,
                failure=str(failure),
            ),
            retry_after=failure.retry_after or DEFAULT_RETRY_AFTER_SECONDS,
        )
    detail = TranslatableText(
        "%(provider)s refused %(operation)s (%(failure)s): %(advice)s.",
        provider="100ms",
        operation=operation,
        failure=str(failure),
        advice=_advice(failure),
    )
    return _REFUSALS.get(failure.status, ProviderRefused)(detail)


def _advice(failure: AttemptError) -> str:
    if "template not found" in failure.message.lower():
        return _TEMPLATE_ADVICE
    return _ADVICE.get(failure.status or 0, _OTHER_ADVICE)
