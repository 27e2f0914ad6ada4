"""Maps failures of the 100ms REST API to errors of this service.

Source: server-side/v2/how-to-guides/make-api-calls and get-started/v2/security-and-tokens of the 100ms docs.
"""

from videobroker.errors import ProviderError, ProviderRefused, ProviderUnavailable
from videobroker.providers.retrying import DEFAULT_RETRY_AFTER_SECONDS, AttemptError

_ADVICE = {
    401: "check the access key and the secret (HMS_ACCESS_KEY, HMS_SECRET), and the clock of this machine",
    403: "the room is disabled, belongs to another workspace, or the access key lacks the permission",
    404: "check that the access key belongs to the workspace of the room and its template",
}
_TEMPLATE_ADVICE = "check template_id (HMS_TEMPLATE_ID): it must be a template of the same workspace"
_OTHER_ADVICE = "a repetition will not help"


class HmsForbidden(ProviderRefused):
    """The video provider does not permit this operation."""


class HmsNotFound(ProviderRefused):
    """The video provider does not have this resource."""


_REFUSALS: dict[int | None, type[ProviderRefused]] = {403: HmsForbidden, 404: HmsNotFound}


def provider_error(failure: AttemptError, operation: str) -> ProviderError:
    """The error to raise after the last attempt of an operation failed."""
    if failure.is_transient:
        return ProviderUnavailable(
            f"100ms did not complete {operation} ({failure}). Try again later.",
            retry_after=failure.retry_after or DEFAULT_RETRY_AFTER_SECONDS,
        )
    detail = f"100ms refused {operation} ({failure}): {_advice(failure)}."
    return _REFUSALS.get(failure.status, ProviderRefused)(detail)


def _advice(failure: AttemptError) -> str:
    if "template not found" in failure.message.lower():
        return _TEMPLATE_ADVICE
    return _ADVICE.get(failure.status or 0, _OTHER_ADVICE)
