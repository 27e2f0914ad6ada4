"""What the environment says, read once. Every setting has its unit, its default and its consequence."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from videobroker.domain.apps import ProviderName
from videobroker.domain.users import TokenRules

DEFAULT_ROLE_MAPS: dict[ProviderName, dict[str, str]] = {
    ProviderName.HMS: {
        "tutor": "teacher",
        "teacher": "teacher",
        "student": "student",
        "doctor": "host",
        "therapist": "host",
        "admin": "host",
        "host": "host",
        "patient": "guest",
        "client": "guest",
        "member": "guest",
        "guest": "guest",
    },
    ProviderName.AGORA: dict.fromkeys(
        (
            "tutor",
            "teacher",
            "student",
            "doctor",
            "therapist",
            "admin",
            "host",
            "patient",
            "client",
            "member",
            "guest",
        ),
        "publisher",
    ),
}
"""The role map of an app that names none: the roles that lessons, appointments and chats usually have."""


class Settings(BaseSettings):
    """The environment of the service."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True, frozen=True)

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL to use, `postgresql://...`. Unset: the embedded server is started."
    )
    data_dir: Path = Field(
        default=Path(".videobroker"),
        alias="VIDEOBROKER_DATA_DIR",
        description="Where the embedded server and generated secrets are kept.",
    )
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        alias="VIDEOBROKER_SECRET_KEY",
        description="Seals stored provider accounts and remembered answers. Several, separated by commas: the first "
        "seals, all open. Unset: generated in the data directory, which suits one machine only.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    pool_size: int = Field(
        default=10, ge=2, le=100, alias="VIDEOBROKER_POOL_SIZE", description="Database connections per process."
    )
    log_format: str = Field(
        default="json", pattern="^(json|console)$", alias="VIDEOBROKER_LOG_FORMAT", description="`json` or `console`."
    )
    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        alias="VIDEOBROKER_LOG_LEVEL",
        description="Least severity to log.",
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1",
        description="Proxies whose X-Forwarded-For is believed, separated by commas.",
    )

    app_name: str = Field(
        default="default",
        alias="VIDEOBROKER_APP",
        description="Name of the app that gets the key and the accounts below; made at start, if it is not there.",
    )
    api_key: SecretStr | None = Field(
        default=None, alias="VIDEOBROKER_API_KEY", description="Its API key, `vb_` and at least 21 more characters."
    )

    user_token_secret: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_USER_TOKEN_SECRET",
        description="Secret of that app's user tokens (HS256), at least 32 bytes.",
    )
    user_token_jwks_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_USER_TOKEN_JWKS_URL",
        description="Instead of a secret: where the keys of that app's user tokens are (RS256, ES256, EdDSA).",
    )
    user_token_issuer: str | None = Field(
        default=None, alias="VIDEOBROKER_USER_TOKEN_ISSUER", description="What `iss` of user tokens must be."
    )
    user_token_audience: str | None = Field(
        default=None, alias="VIDEOBROKER_USER_TOKEN_AUDIENCE", description="What `aud` of user tokens must hold."
    )

    hms_access_key: str | None = Field(default=None, description="100ms access key of that app.")
    hms_secret: SecretStr | None = Field(default=None, description="100ms secret of that app.")
    hms_template_id: str | None = Field(default=None, description="100ms template; unset: the workspace's default.")
    hms_subdomain: str | None = Field(default=None, description="100ms subdomain, for the ready-made page.")
    hms_api_url: str | None = Field(default=None, description="Another base URL of the 100ms API: the sandbox.")
    hms_prebuilt_url: str | None = Field(default=None, description="Another base URL of the ready-made page.")
    agora_app_id: str | None = Field(default=None, description="Agora app id of that app.")
    agora_app_certificate: SecretStr | None = Field(default=None, description="Agora app certificate of that app.")

    @field_validator("secret_key", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def token_rules(self) -> TokenRules | None:
        """How user tokens are checked, where the environment says so."""
        if self.user_token_secret is None and self.user_token_jwks_url is None:
            return None
        return TokenRules(
            secret=_clear(self.user_token_secret),
            jwks_url=self.user_token_jwks_url,
            issuer=self.user_token_issuer,
            audience=self.user_token_audience,
        )

    @model_validator(mode="after")
    def _rules_fit(self) -> "Settings":
        self.token_rules()  # raises what is wrong with them
        return self

    def accounts(self) -> dict[ProviderName, dict[str, str]]:
        """The provider accounts that the environment names, as the providers want their settings."""
        hms = {
            "access_key": self.hms_access_key,
            "secret": _clear(self.hms_secret),
            "template_id": self.hms_template_id,
            "subdomain": self.hms_subdomain,
            "api_url": self.hms_api_url,
            "prebuilt_url": self.hms_prebuilt_url,
        }
        agora = {"app_id": self.agora_app_id, "app_certificate": _clear(self.agora_app_certificate)}
        named = {
            ProviderName.HMS: _said(hms) if self.hms_access_key or self.hms_secret else {},
            ProviderName.AGORA: _said(agora),
        }
        return {name: settings for name, settings in named.items() if settings}


def _clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _said(settings: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if value}
