"""How the hosted page presents an app."""

import binascii
from base64 import b64decode
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import App
from videobroker.domain.branding import MAX_LOGO_BYTES, MAX_URL_LENGTH, Branding
from videobroker.errors import InvalidInput
from videobroker.usecases import management
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import RequestModel, ShortName
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS

router = management_router("/apps/{app}/branding")

_WRITE_PROBLEMS = (*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed")
Color = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH)]
Language = Literal["en", "de"]
_EXAMPLE: dict[str, Any] = {
    "display_name": "Acme Lessons",
    "color": "#1a73e8",
    "dark_color": None,
    "contact_email": "help@shop.example",
    "contact_phone": None,
    "contact_url": None,
    "return_url": "https://shop.example/lessons/{reference}",
    "languages": ["en", "de"],
    "default_language": None,
}


class BrandingInput(RequestModel):
    """How the hosted page presents an app. The logo is set separately."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    display_name: ShortName | None = Field(default=None, description="The name of the product as people know it.")
    color: Color | None = Field(default=None, description="The brand color. The page uses a readable shade of it.")
    dark_color: Color | None = Field(default=None, description="The brand color in dark mode. Requires `color`.")
    contact_email: Annotated[str, Field(max_length=320)] | None = Field(
        default=None, description="The email address for people who need help."
    )
    contact_phone: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="The phone number for people who need help."
    )
    contact_url: Url | None = Field(default=None, description="The help page.")
    return_url: Url | None = Field(
        default=None,
        description="Where people go after a call. `{reference}` becomes the reference of the session.",
    )
    languages: Annotated[list[Language], Field(max_length=10)] = Field(
        default=[], description="The languages that the page may use. Empty: all supported ones."
    )
    default_language: Language | None = Field(
        default=None, description="The language for people whose languages are not offered."
    )


class BrandingLogoOut(BaseModel):
    """The logo of an app."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"digest": "5f70bf18a086007016e948b04aed3b82", "media_type": "image/png"}]}
    )

    digest: str = Field(description="Identifies the image.")
    media_type: str = Field(description="The media type of the image.")


class BrandingOut(BaseModel):
    """How the hosted page presents an app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "logo": None}]})

    display_name: str | None = Field(description="The name of the product as people know it.")
    color: str | None = Field(description="The brand color.")
    dark_color: str | None = Field(description="The brand color in dark mode. Null: derived from `color`.")
    contact_email: str | None = Field(description="The email address for people who need help.")
    contact_phone: str | None = Field(description="The phone number for people who need help.")
    contact_url: str | None = Field(description="The help page.")
    return_url: str | None = Field(description="Where people go after a call.")
    languages: list[str] = Field(description="The languages that the page may use. Empty: all supported ones.")
    default_language: str | None = Field(description="The language for people whose languages are not offered.")
    logo: BrandingLogoOut | None = Field(description="The logo. Null if there is none.")


class LogoInput(RequestModel):
    """An image."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"content": "iVBORw0KGgoAAAANSUhEUgAAAAE="}]})

    content: Annotated[
        str, Field(min_length=1, max_length=MAX_LOGO_BYTES * 4 // 3 + 8, pattern="^[A-Za-z0-9+/]+={0,2}$")
    ] = Field(description="A PNG, JPEG, or WebP image of at most 200 kB, encoded in base64.")


def _branding_out(app: App) -> BrandingOut:
    branding = app.branding
    fields = {name: getattr(branding, name) for name in BrandingInput.model_fields}
    logo = branding.logo
    return BrandingOut(
        **fields | {"languages": list(branding.languages)},
        logo=None if logo is None else BrandingLogoOut(digest=logo.digest, media_type=logo.media_type),
    )


@router.get(
    "",
    summary="Get the branding of an app",
    response_model=BrandingOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_branding(operator: AppOperator, conditions: ReadConditions) -> BrandingOut | Response:
    """Returns how the hosted page presents the app."""
    return conditions.read(_branding_out(await management.read_app(operator.context)))


@router.put("", summary="Replace the branding of an app", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def replace_branding(operator: AppOperator, body: BrandingInput, conditions: ChangeConditions) -> BrandingOut:
    """Replaces everything but the logo. Omitted and null values are removed."""
    values = body.model_dump() | {"languages": tuple(body.languages)}
    changed = await management.change_branding(
        operator.context, Branding(**values), precondition=conditions.on(_branding_out)
    )
    return conditions.tagged(_branding_out(changed))


@router.put("/logo", summary="Set the logo of an app", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def set_logo(operator: AppOperator, body: LogoInput, conditions: ChangeConditions) -> BrandingOut:
    """The hosted page shows the logo. The service stores it, so that people's addresses do not reach third parties.
    The `ETag` is that of the branding."""
    try:
        content = b64decode(body.content, validate=True)
    except binascii.Error:
        raise InvalidInput("`content` must be base64.") from None
    changed = await management.set_logo(operator.context, content, precondition=conditions.on(_branding_out))
    return conditions.tagged(_branding_out(changed))


@router.delete(
    "/logo",
    summary="Remove the logo of an app",
    responses=described(*APP_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def remove_logo(operator: AppOperator, conditions: ChangeConditions) -> BrandingOut:
    """The hosted page shows the name of the app instead. The `ETag` is that of the branding."""
    changed = await management.set_logo(operator.context, None, precondition=conditions.on(_branding_out))
    return conditions.tagged(_branding_out(changed))
