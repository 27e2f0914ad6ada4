"""Maps failures of Agora's REST API to errors of this service.

Source: the pages "Response status codes" and "Ensure service reliability" of the Agora docs.
"""

from videobroker.errors import ProviderError, ProviderRefused, ProviderUnavailable
from videobroker.providers.retrying import DEFAULT_RETRY_AFTER_SECONDS, AttemptError
from videobroker.translatable import TranslatableText

_ADVICE = {
    400: TranslatableText("check app_id (AGORA_APP_ID): it must be a project of the account"),
    401: TranslatableText(
        "check the customer ID and secret (AGORA_CUSTOMER_ID, AGORA_CUSTOMER_SECRET), and that the app ID belongs to "
        "the same account"
    ),
    403: TranslatableText("the customer ID lacks the permission"),
    404: TranslatableText("check api_url (AGORA_API_URL)"),
}
_OTHER_ADVICE = TranslatableText("a repetition will not help")


class AgoraNotFound(ProviderRefused):
    """The video provider does not have this resource."""


class AgoraBadRequest(ProviderRefused):
    """The video provider rejects the request as malformed."""


class AgoraUnauthorized(ProviderRefused):
    """The video provider does not accept the account's credentials."""


_REFUSALS: dict[int | None, type[ProviderRefused]] = {
    400: AgoraBadRequest,
    401: AgoraUnauthorized,
    403: AgoraUnauthorized,
    404: AgoraNotFound,
}


def provider_error(failure: AttemptError, operation: str) -> ProviderError:
    """The error to raise after the last attempt of an operation failed."""
    if failure.is_transient:
        return ProviderUnavailable(
            TranslatableText(
                "%(provider)s did not complete %(operation)s (%(failure)s). Try again later.",
                provider="Agora",
                operation=operation,
                failure=str(failure),
            ),
            retry_after=failure.retry_after or DEFAULT_RETRY_AFTER_SECONDS,
        )
    advice = _ADVICE.get(failure.status or 0, _OTHER_ADVICE)
    detail = TranslatableText(
        "%(provider)s refused %(operation)s (%(failure)s): %(advice)s.",
        provider="Agora",
        operation=operation,
        failure=str(failure),
        advice=advice,
    )
    return _REFUSALS.get(failure.status, ProviderRefused)(detail)
