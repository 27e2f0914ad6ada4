"""What the environment says, read once. Every setting has its unit, its default and its consequence."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.retention import MIN_RETENTION, RetentionPolicy
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, TokenRules
from videobroker.errors import SettingsConflict
from videobroker.storage.postgres.database import database_url
from videobroker.storage.postgres.encryption import SecretBox

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


SHORTEST_ADMIN_KEY = 24
MOST_DAYS = 36_500

SYNONYMS = (
    ("HMS_ACCESS_KEY", "HMS_APP_ACCESS_KEY", "HMS100_APP_ID"),
    ("HMS_SECRET", "HMS_APP_SECRET", "HMS100_APP_SECRET"),
    ("HMS_SUBDOMAIN", "NEXT_PUBLIC_HMS_SUBDOMAIN"),
)
"""Names of the same setting, as different products have them in their `.env`."""


class ServerName(StrEnum):
    """HTTP servers that can serve the application."""

    UVICORN = "uvicorn"
    GRANIAN = "granian"


class Settings(BaseSettings):
    """The environment of the service."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True, frozen=True
    )

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL to use, `postgresql://...`. Unset: the embedded server is started."
    )
    direct_database_url: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_DIRECT_DATABASE_URL",
        description="PostgreSQL itself, where DATABASE_URL leads through a pooler in transaction mode.",
    )
    data_dir: Path = Field(
        default=Path(".videobroker"),
        alias="VIDEOBROKER_DATA_DIR",
        description="Directory of the embedded server and generated secrets.",
    )
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        alias="VIDEOBROKER_SECRET_KEY",
        description="Seals stored provider accounts and remembered answers. Several, separated by commas: the first "
        "seals, all open. Unset: generated in the data directory, which suits one machine only.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    server: ServerName = Field(
        default=ServerName.UVICORN,
        alias="VIDEOBROKER_SERVER",
        description="HTTP server of `videobroker serve`: `uvicorn`, or `granian` (extra `granian`).",
    )
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

    webhooks_anywhere: bool = Field(
        default=False,
        alias="VIDEOBROKER_WEBHOOKS_ANYWHERE",
        description="Deliver webhooks over plain HTTP and into private networks as well: for development only.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        alias="VIDEOBROKER_ALLOWED_ORIGINS",
        description="Origins whose pages may ask from a browser, separated by commas: `https://app.example`.",
    )

    inbox_days: int = Field(
        default=30,
        ge=0,
        le=MOST_DAYS,
        alias="VIDEOBROKER_INBOX_DAYS",
        description="Days for which raw webhooks of providers are stored; 0: forever.",
    )
    deliveries_days: int = Field(
        default=30,
        ge=0,
        le=MOST_DAYS,
        alias="VIDEOBROKER_DELIVERIES_DAYS",
        description="Days for which finished deliveries to webhook endpoints are stored with their attempts; 0: "
        "forever.",
    )

    public_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_PUBLIC_URL",
        description="Where browsers find this service: links begin with it. Unset: the address that was asked.",
    )
    call_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_CALL_URL",
        description="The same service under another host name, such as https://call.video.example. The hosted page "
        "runs Agora's SDK there, apart from the console. Required for Agora calls where there is a console.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        min_length=SHORTEST_ADMIN_KEY,
        alias="VIDEOBROKER_ADMIN_KEY",
        description=f"Opens the console at /console: at least {SHORTEST_ADMIN_KEY} characters. Unset: no console.",
    )

    console_idle_minutes: int = Field(
        default=30,
        ge=1,
        le=720,
        alias="VIDEOBROKER_CONSOLE_IDLE_MINUTES",
        description="Signs operators out of the console after so many minutes without activity.",
    )

    app_name: str = Field(
        default="default",
        alias="VIDEOBROKER_APP",
        description="Name of the app that gets the key and the accounts below; made at start, if it is not there.",
    )
    legacy: Annotated[tuple[LegacyFamily, ...] | None, NoDecode] = Field(
        default=None,
        alias="VIDEOBROKER_LEGACY",
        description="Legacy endpoints of that app, separated by commas: tutoring, appointments, groups, therapy. Unset "
        "leaves the app as it is; empty serves none.",
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
    user_token_max_lifetime_seconds: int = Field(
        default=DEFAULT_LIFETIME_SECONDS,
        alias="VIDEOBROKER_USER_TOKEN_MAX_LIFETIME_SECONDS",
        ge=1,
        le=MAX_LIFETIME_SECONDS,
        description="User tokens with a longer lifetime (`exp` minus `iat`) are refused; at most 30 days.",
    )

    hms_access_key: str | None = Field(
        default=None, validation_alias=AliasChoices(*SYNONYMS[0]), description="100ms access key of that app."
    )
    hms_secret: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices(*SYNONYMS[1]), description="100ms secret of that app."
    )
    hms_template_id: str | None = Field(default=None, description="100ms template; unset: the workspace's default.")
    hms_subdomain: str | None = Field(
        default=None,
        validation_alias=AliasChoices(*SYNONYMS[2]),
        description="100ms subdomain, for the ready-made page.",
    )
    hms_management_token: SecretStr | None = Field(
        default=None, description="100ms management token from the dashboard, used while it is valid."
    )
    hms100_room_id: str | None = Field(default=None, description="One 100ms room for all sessions of that app.")
    hms_room_code_prefix: str | None = Field(
        default=None, pattern="^[a-z0-9-]{1,32}$", description="Put before room codes in seed 003's endpoints."
    )
    hms_environment: str | None = Field(
        default=None, description="`production`: refuse to speak to 100ms over anything but https."
    )
    hms_api_url: str | None = Field(default=None, description="Another base URL of the 100ms API: the sandbox.")
    hms_prebuilt_url: str | None = Field(default=None, description="Another base URL of the ready-made page.")
    hms_webhook_secret: SecretStr | None = Field(
        default=None, description="What 100ms shows in the header Videobroker-Hook-Secret of its webhooks."
    )
    hms_webhook_signing_secret: SecretStr | None = Field(
        default=None, description="With which a HIPAA workspace at 100ms signs its webhooks."
    )
    hms_webhook_url: str | None = Field(
        default=None, description="Where 100ms sends the webhooks of new rooms; needs HMS_WEBHOOK_SECRET."
    )
    hms_recorder_roles: str | None = Field(
        default=None, description="100ms roles of recorders besides the vendor's own, separated by commas."
    )
    agora_app_id: str | None = Field(default=None, description="Agora app id of that app.")
    agora_app_certificate: SecretStr | None = Field(default=None, description="Agora app certificate of that app.")
    agora_customer_id: str | None = Field(
        default=None, description="Agora customer id, for the REST API: closing channels, putting people out."
    )
    agora_customer_secret: SecretStr | None = Field(default=None, description="Agora customer secret, with the id.")
    agora_notifications_secret: SecretStr | None = Field(
        default=None, description="With which Agora signs the project's webhooks."
    )
    agora_prebuilt_url: str | None = Field(
        default=None,
        description="A page that shows calls at Agora with the credentials that it is handed: the sandbox's.",
    )
    agora_sdk_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_AGORA_SDK_URL",
        pattern="^https?://[^\\s;,'\"]+$",
        description="Another copy of Agora's Web SDK 4.x (hosted page). Unset: 4.24.8 of the npm package.",
    )
    agora_sdk_integrity: str | None = Field(
        default=None,
        alias="VIDEOBROKER_AGORA_SDK_INTEGRITY",
        pattern="^sha(256|384|512)-[A-Za-z0-9+/=]+$",
        description="Digest of that copy: `sha384-...`. Required with VIDEOBROKER_AGORA_SDK_URL.",
    )
    agora_api_url: str | None = Field(default=None, description="Another base URL of Agora's REST API: the sandbox.")

    @field_validator("secret_key", "allowed_origins", "legacy", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _keys_fit(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            if keys:
                SecretBox([key.get_secret_value() for key in keys])
        except ValueError:
            raise ValueError("each key must be 32 bytes in URL-safe base64") from None
        return keys

    @field_validator("public_url", "call_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address like https://video.example, without query and fragment")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _isolates_third_party_scripts(self) -> Self:
        if self.agora_sdk_url is not None and self.agora_sdk_integrity is None:
            raise ValueError(
                "VIDEOBROKER_AGORA_SDK_URL needs VIDEOBROKER_AGORA_SDK_INTEGRITY: "
                "`sha384-$(openssl dgst -sha384 -binary FILE | base64 -w0)`"
            )
        if self.call_url is not None:
            if self.public_url is None:
                raise ValueError("VIDEOBROKER_CALL_URL needs VIDEOBROKER_PUBLIC_URL")
            if urlsplit(self.call_url).hostname == urlsplit(self.public_url).hostname:
                raise ValueError(
                    "VIDEOBROKER_CALL_URL needs a host name other than that of VIDEOBROKER_PUBLIC_URL: "
                    "cookies do not distinguish ports"
                )
        return self

    @field_validator("inbox_days", "deliveries_days")
    @classmethod
    def _is_long_enough(cls, days: int) -> int:
        if 0 < days < MIN_RETENTION.days:
            raise ValueError(f"must be {MIN_RETENTION.days} days at least, or 0 to keep them for good")
        return days

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            database_url(url.get_secret_value())
        return url

    @field_validator("direct_database_url")
    @classmethod
    def _is_postgres_too(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            database_url(url.get_secret_value(), name="VIDEOBROKER_DIRECT_DATABASE_URL")
        return url

    def retention_policy(self) -> RetentionPolicy:
        """Retention of data that is no longer needed."""
        return RetentionPolicy(notices=_days(self.inbox_days), deliveries=_days(self.deliveries_days))

    def token_rules(self) -> TokenRules | None:
        """How user tokens are checked, where the environment says so."""
        if self.user_token_secret is None and self.user_token_jwks_url is None:
            return None
        return TokenRules(
            secret=_clear(self.user_token_secret),
            jwks_url=self.user_token_jwks_url,
            issuer=self.user_token_issuer,
            audience=self.user_token_audience,
            max_lifetime_seconds=self.user_token_max_lifetime_seconds,
        )

    @classmethod
    def settings_customise_sources(  # codespell:ignore customise
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The usual sources, once it is sure that no two names of one thing contradict each other."""
        given: dict[str, str | None] = {}
        for source in (dotenv_settings, env_settings):
            given |= {name.upper(): value for name, value in getattr(source, "env_vars", {}).items()}
        for names in SYNONYMS:
            _require_agreement([(name, given[name]) for name in names if given.get(name)])
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @model_validator(mode="after")
    def _production_is_encrypted(self) -> "Settings":
        if self.hms_environment == "production" and self.hms_api_url and not self.hms_api_url.startswith("https://"):
            raise ValueError("with HMS_ENVIRONMENT=production, HMS_API_URL must begin with https:// or be left out")
        return self

    @model_validator(mode="after")
    def _pooler_is_named(self) -> "Settings":
        if self.direct_database_url is not None and self.database_url is None:
            raise ValueError("VIDEOBROKER_DIRECT_DATABASE_URL needs DATABASE_URL, which leads through the pooler")
        return self

    @model_validator(mode="after")
    def _rules_fit(self) -> "Settings":
        try:
            self.token_rules()
        except ValueError as error:
            raise ValueError(f"VIDEOBROKER_USER_TOKEN_SECRET and its siblings: {error}") from None
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
            "management_token": _clear(self.hms_management_token),
            "room_id": self.hms100_room_id,
            "room_code_prefix": self.hms_room_code_prefix,
            "webhook_secret": _clear(self.hms_webhook_secret),
            "webhook_signing_secret": _clear(self.hms_webhook_signing_secret),
            "webhook_url": self.hms_webhook_url,
            "recorder_roles": self.hms_recorder_roles,
        }
        agora = {
            "app_id": self.agora_app_id,
            "app_certificate": _clear(self.agora_app_certificate),
            "customer_id": self.agora_customer_id,
            "customer_secret": _clear(self.agora_customer_secret),
            "notifications_secret": _clear(self.agora_notifications_secret),
            "api_url": self.agora_api_url,
            "prebuilt_url": self.agora_prebuilt_url,
        }
        named = {
            ProviderName.HMS: _without_unset(hms) if self.hms_access_key or self.hms_secret else {},
            ProviderName.AGORA: _without_unset(agora) if self.agora_app_id or self.agora_app_certificate else {},
        }
        return {name: settings for name, settings in named.items() if settings}


def _require_agreement(given: list[tuple[str, str | None]]) -> None:
    for name, value in given[1:]:
        if value != given[0][1]:
            raise SettingsConflict(
                f"{given[0][0]} and {name} are synonyms and have different values. Unset one of them."
            )


def _days(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None


def _clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _without_unset(settings: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if value}
