"""Settings, read from the environment and from `.env`. `docs/reference/settings.md` is generated from them."""

import json
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from videobroker.domain.apps import LegacyFamily, ProviderName
from videobroker.domain.failed_attempts import AttemptKind
from videobroker.domain.operators import OperatorRole
from videobroker.domain.rate_limits import UNLIMITED, RateLimitPolicy
from videobroker.domain.retention import MIN_RETENTION, RetentionPolicy
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, TokenRules
from videobroker.errors import SettingsConflict
from videobroker.storage.failed_attempts import AttemptLimits
from videobroker.storage.postgres.database import database_url
from videobroker.storage.postgres.encryption import SecretBox

MIN_ADMIN_KEY_CHARACTERS = 24
ADMIN_KEY_ATTEMPTS = "5/minute; 20/hour"
"""Wrong admin keys from one network that are free. Operators type few."""
ALL_ADMIN_KEY_ATTEMPTS = "60/minute"
"""From all networks together."""
MAX_RETENTION_DAYS = 36_500

SYNONYMS = (
    ("HMS_ACCESS_KEY", "HMS_APP_ACCESS_KEY", "HMS100_APP_ID"),
    ("HMS_SECRET", "HMS_APP_SECRET", "HMS100_APP_SECRET"),
    ("HMS_SUBDOMAIN", "NEXT_PUBLIC_HMS_SUBDOMAIN"),
)
"""Setting names that different products use in their `.env` for the same value."""


class ServerName(StrEnum):
    """HTTP servers that can serve the application."""

    UVICORN = "uvicorn"
    GRANIAN = "granian"


class Settings(BaseSettings):
    """Settings of the service."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True, frozen=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL to use, `postgresql://user:password@host/name`. Unset: an embedded server is "
        "started in the data directory.",
    )
    direct_database_url: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_DIRECT_DATABASE_URL",
        description="Direct connection to PostgreSQL, if `DATABASE_URL` is a pooler in transaction mode "
        "(PgBouncer): for notifications, migrations, and the job queue.",
    )
    data_dir: Path = Field(
        default=Path(".videobroker"),
        alias="VIDEOBROKER_DATA_DIR",
        description="Directory of the embedded server and the generated key.",
    )
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        alias="VIDEOBROKER_SECRET_KEY",
        description="Encrypts stored secrets, room codes, and responses. A Fernet key, or several separated by commas: "
        "the first encrypts, all decrypt. Unset: generated in the data directory, which "
        "suits one machine only.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on. 0: a free port.")
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        alias="VIDEOBROKER_HEALTH_PORT",
        description="Port of `/healthz`, `/readyz`, and `/metrics` of `videobroker work`, on `HOST`. Unset: none. "
        "0: a free port.",
    )
    server: ServerName = Field(
        default=ServerName.UVICORN,
        alias="VIDEOBROKER_SERVER",
        description="HTTP server of `videobroker serve`: `uvicorn`, or `granian` (`pip install "
        "'videobroker[granian]'`).",
    )
    pool_size: int = Field(
        default=10, ge=2, le=100, alias="VIDEOBROKER_POOL_SIZE", description="Database connections per process."
    )
    log_format: str = Field(
        default="json",
        pattern="^(json|console)$",
        alias="VIDEOBROKER_LOG_FORMAT",
        description="Format of the log: `json` or `console`.",
    )
    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        alias="VIDEOBROKER_LOG_LEVEL",
        description="Minimum level to log: `debug`, `info`, `warning`, or `error`.",
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1",
        description="Proxies whose `X-Forwarded-For` is trusted, separated by commas.",
    )

    webhooks_anywhere: bool = Field(
        default=False,
        alias="VIDEOBROKER_WEBHOOKS_ANYWHERE",
        description="Also deliver webhooks over plain HTTP and to private networks. For development only; `make "
        "run` sets it.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        alias="VIDEOBROKER_ALLOWED_ORIGINS",
        description="Origins whose pages may call the API from a browser (CORS), separated by commas: "
        "`https://app.example`.",
    )

    inbox_days: int = Field(
        default=30,
        ge=0,
        le=MAX_RETENTION_DAYS,
        alias="VIDEOBROKER_INBOX_DAYS",
        description="Days to store processed provider webhooks, at least 7. 0: forever.",
    )
    deliveries_days: int = Field(
        default=30,
        ge=0,
        le=MAX_RETENTION_DAYS,
        alias="VIDEOBROKER_DELIVERIES_DAYS",
        description="Days to store finished deliveries to webhook endpoints, with their attempts, at least 7. "
        "0: forever.",
    )

    public_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_PUBLIC_URL",
        description="Public URL of this service: links begin with it. Unset: the URL of the request.",
    )
    call_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_CALL_URL",
        description="URL of this service with another host name, such as `https://call.video.example`. The hosted page "
        "runs Agora's SDK there, isolated from the console. Required for Agora calls if the console is enabled.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        min_length=MIN_ADMIN_KEY_CHARACTERS,
        alias="VIDEOBROKER_ADMIN_KEY",
        description=f"Enables the console at `/console`. At least {MIN_ADMIN_KEY_CHARACTERS} characters, "
        "preferably 43 random ones. Changing it signs out all operators. Unset: no console, unless "
        "`VIDEOBROKER_OIDC_ISSUER` is set.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        alias="VIDEOBROKER_OIDC_ISSUER",
        description="Enables sign-in to the console with OpenID Connect: URL of the issuer, exactly as the provider "
        "publishes it. The admin key remains valid for emergencies; unset it to disable it.",
    )
    oidc_client_id: str | None = Field(
        default=None,
        alias="VIDEOBROKER_OIDC_CLIENT_ID",
        description="Client ID of this service at the issuer. Its redirect URI is `VIDEOBROKER_PUBLIC_URL` with "
        "`/console/oidc/callback`.",
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_OIDC_CLIENT_SECRET",
        description="Client secret at the issuer. Unset: a public client, which PKCE protects.",
    )
    oidc_role_claim: str = Field(
        default="groups",
        min_length=1,
        alias="VIDEOBROKER_OIDC_ROLE_CLAIM",
        description="Claim of the ID token that determines the role, or the path to it: `groups`, `roles`, "
        "`realm_access.roles`, `email`. An email address must be verified.",
    )
    oidc_roles: Annotated[dict[str, OperatorRole], NoDecode] = Field(
        default={},
        alias="VIDEOBROKER_OIDC_ROLES",
        description="Roles by values of that claim, `video-admins=admin,helpdesk=support,staff=viewer`, or a JSON "
        "object. Without a matching value, no one gets in.",
    )
    oidc_scopes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("openid", "profile", "email"),
        alias="VIDEOBROKER_OIDC_SCOPES",
        description="Scopes to request, separated by commas or spaces. `openid` is required.",
    )

    console_idle_minutes: int = Field(
        default=30,
        ge=1,
        le=720,
        alias="VIDEOBROKER_CONSOLE_IDLE_MINUTES",
        description="Minutes without activity after which operators are signed out of the console. A page that "
        "refreshes itself is no activity. A sign-in ends after 12 hours in any case.",
    )

    rate_limit_api_key: str = Field(
        default="120000/minute",
        alias="VIDEOBROKER_RATE_LIMIT_API_KEY",
        description="Requests that a process accepts with one API key: `120000/minute`, `3000/second`, or `off`.",
    )
    rate_limit_user: str = Field(
        default="600/minute",
        alias="VIDEOBROKER_RATE_LIMIT_USER",
        description="The same for one user with user tokens.",
    )
    rate_limit_ticket: str = Field(
        default="600/minute",
        alias="VIDEOBROKER_RATE_LIMIT_TICKET",
        description="The same for one ticket.",
    )
    rate_limit_address: str = Field(
        default="12000/minute",
        alias="VIDEOBROKER_RATE_LIMIT_ADDRESS",
        description="The same for requests without credentials from one IPv4 address or IPv6 /64 network, except for "
        "static files, health checks, and provider webhooks. Requires FORWARDED_ALLOW_IPS behind a proxy.",
    )
    failed_attempts: str = Field(
        default="30/minute; 300/hour",
        alias="VIDEOBROKER_FAILED_ATTEMPTS",
        description="Wrong API keys, user tokens, and tickets from one network that are refused at once, on all "
        "replicas together. Further ones are refused late. Correct ones are not affected.",
    )

    app_name: str = Field(
        default="default",
        alias="VIDEOBROKER_APP",
        description="Name of the app with the key and accounts below. Created at start if it does not exist.",
    )
    legacy: Annotated[tuple[LegacyFamily, ...] | None, NoDecode] = Field(
        default=None,
        alias="VIDEOBROKER_LEGACY",
        description="Legacy endpoints of that app, separated by commas: `tutoring`, `appointments`, `groups`, "
        "`therapy`. Unset: no change. Empty: none.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_API_KEY",
        description="API key of that app: `vb_` and at least 21 more characters, preferably 43 random ones.",
    )

    user_token_secret: SecretStr | None = Field(
        default=None,
        alias="VIDEOBROKER_USER_TOKEN_SECRET",
        description="Enables user tokens of that app: their secret (HS256), at least 32 bytes.",
    )
    user_token_jwks_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_USER_TOKEN_JWKS_URL",
        description="Instead of a secret: URL of the published keys (RS256, ES256, EdDSA). Requires the issuer.",
    )
    user_token_issuer: str | None = Field(
        default=None, alias="VIDEOBROKER_USER_TOKEN_ISSUER", description="Required `iss` of user tokens."
    )
    user_token_audience: str | None = Field(
        default=None, alias="VIDEOBROKER_USER_TOKEN_AUDIENCE", description="Required `aud` of user tokens."
    )
    user_token_max_lifetime_seconds: int = Field(
        default=DEFAULT_LIFETIME_SECONDS,
        alias="VIDEOBROKER_USER_TOKEN_MAX_LIFETIME_SECONDS",
        ge=1,
        le=MAX_LIFETIME_SECONDS,
        description="Maximum lifetime of user tokens (`exp` minus `iat`), up to 30 days. Tokens with a longer one"
        " are refused.",
    )

    hms_access_key: str | None = Field(
        default=None,
        validation_alias=AliasChoices(*SYNONYMS[0]),
        description="100ms access key of that app. The names are synonyms; different values of them are an error "
        "at start.",
    )
    hms_secret: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices(*SYNONYMS[1]), description="100ms secret of that app."
    )
    hms_template_id: str | None = Field(
        default=None, description="100ms template of new rooms. Unset: the workspace's default."
    )
    hms_subdomain: str | None = Field(
        default=None,
        validation_alias=AliasChoices(*SYNONYMS[2]),
        description="100ms subdomain. Required for the ready-made page.",
    )
    hms_management_token: SecretStr | None = Field(
        default=None,
        description="100ms management token from the dashboard, used while it is valid. Otherwise the service "
        "signs its own.",
    )
    hms100_room_id: str | None = Field(
        default=None, description="One 100ms room for all sessions of that app. It is never closed."
    )
    hms_room_code_prefix: str | None = Field(
        default=None, pattern="^[a-z0-9-]{1,32}$", description="Prefix of room codes in `/api/video-calls`."
    )
    hms_environment: str | None = Field(
        default=None, description="`production`: refuse an `HMS_API_URL` that is not https."
    )
    hms_api_url: str | None = Field(
        default=None,
        description="Base URL of the 100ms API, such as that of the sandbox. Unset: `https://api.100ms.live/v2`.",
    )
    hms_prebuilt_url: str | None = Field(
        default=None, description="Base URL of the ready-made page. Unset: `https://SUBDOMAIN.app.100ms.live`."
    )
    hms_webhook_secret: SecretStr | None = Field(
        default=None,
        description="Value of the header `Videobroker-Hook-Secret` in 100ms webhooks. Without it and the next "
        "one, they are refused.",
    )
    hms_webhook_signing_secret: SecretStr | None = Field(
        default=None, description="Signing secret of a HIPAA workspace at 100ms. If both are set, both are required."
    )
    hms_webhook_url: str | None = Field(
        default=None,
        description="Webhook URL configured for new 100ms rooms; requires `HMS_WEBHOOK_SECRET`. Unset: the URL of"
        " the dashboard.",
    )
    hms_recorder_roles: str | None = Field(
        default=None, description="100ms roles of recorders, separated by commas. `__internal_recorder` always is one."
    )
    agora_app_id: str | None = Field(default=None, description="Agora app ID of that app.")
    agora_app_certificate: SecretStr | None = Field(default=None, description="Agora app certificate of that app.")
    agora_customer_id: str | None = Field(
        default=None,
        description="Customer ID of Agora's REST API. Required to close channels, remove participants, and query "
        "who is present.",
    )
    agora_customer_secret: SecretStr | None = Field(default=None, description="Customer secret of Agora's REST API.")
    agora_notifications_secret: SecretStr | None = Field(
        default=None, description="Secret of the project's webhooks. Without it they are refused."
    )
    agora_prebuilt_url: str | None = Field(
        default=None,
        description="Page that shows calls at Agora with given credentials, such as that of the sandbox. Unset: "
        "the hosted page shows them itself.",
    )
    agora_sdk_url: str | None = Field(
        default=None,
        alias="VIDEOBROKER_AGORA_SDK_URL",
        pattern="^https?://[^\\s;,'\"]+$",
        description="Another copy of Agora's Web SDK 4.x for the hosted page. Unset: version 4.24.8.",
    )
    agora_sdk_integrity: str | None = Field(
        default=None,
        alias="VIDEOBROKER_AGORA_SDK_INTEGRITY",
        pattern="^sha(256|384|512)-[A-Za-z0-9+/=]+$",
        description="Digest of that copy, `sha384-...`. Required with `VIDEOBROKER_AGORA_SDK_URL`.",
    )
    agora_api_url: str | None = Field(
        default=None,
        description="Base URL of Agora's REST API, such as that of the sandbox. Unset: `https://api.agora.io`, then "
        "`https://api.sd-rtn.com`.",
    )

    @field_validator("secret_key", "allowed_origins", "legacy", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("oidc_scopes", mode="before")
    @classmethod
    def _scopes(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            return json.loads(value)
        pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
        if not all(name.strip() for name, _, _ in pairs):
            raise ValueError("must be pairs such as video-admins=admin, separated by commas, or a JSON object")
        return {name.strip(): role.strip() for name, _, role in pairs}

    @model_validator(mode="after")
    def _oidc_is_complete(self) -> Self:
        if self.oidc_issuer is None:
            return self
        parts = urlsplit(self.oidc_issuer)
        is_local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or (parts.scheme != "https" and not is_local) or parts.query or parts.fragment:
            raise ValueError("VIDEOBROKER_OIDC_ISSUER must be an https:// URL without query and fragment")
        if self.oidc_client_id is None:
            raise ValueError("VIDEOBROKER_OIDC_ISSUER requires VIDEOBROKER_OIDC_CLIENT_ID")
        if not self.oidc_roles:
            raise ValueError("VIDEOBROKER_OIDC_ISSUER requires VIDEOBROKER_OIDC_ROLES: otherwise no one gets in")
        if "openid" not in self.oidc_scopes:
            raise ValueError("VIDEOBROKER_OIDC_SCOPES must contain openid")
        return self

    @field_validator("secret_key")
    @classmethod
    def _keys_fit(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            if keys:
                SecretBox([key.get_secret_value() for key in keys])
        except ValueError:
            raise ValueError("each key must be 32 bytes in URL-safe base64") from None
        return keys

    @field_validator("rate_limit_api_key", "rate_limit_user", "rate_limit_ticket", "rate_limit_address")
    @classmethod
    def _is_limit(cls, limit: str) -> str:
        if limit != UNLIMITED and len(parse_many(limit)) != 1:
            raise ValueError(f"must be one limit such as 600/minute, or {UNLIMITED}")
        return limit

    @field_validator("failed_attempts")
    @classmethod
    def _are_limits(cls, several: str) -> str:
        parse_many(several)
        return several

    @field_validator("public_url", "call_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be a URL such as https://video.example, without query and fragment")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _isolates_third_party_scripts(self) -> Self:
        if self.agora_sdk_url is not None and self.agora_sdk_integrity is None:
            raise ValueError(
                "VIDEOBROKER_AGORA_SDK_URL requires VIDEOBROKER_AGORA_SDK_INTEGRITY: "
                "`sha384-$(openssl dgst -sha384 -binary FILE | base64 -w0)`"
            )
        if self.call_url is not None:
            if self.public_url is None:
                raise ValueError("VIDEOBROKER_CALL_URL requires VIDEOBROKER_PUBLIC_URL")
            if urlsplit(self.call_url).hostname == urlsplit(self.public_url).hostname:
                raise ValueError(
                    "VIDEOBROKER_CALL_URL must have another host name than VIDEOBROKER_PUBLIC_URL: "
                    "cookies do not distinguish ports"
                )
        return self

    @field_validator("inbox_days", "deliveries_days")
    @classmethod
    def _is_long_enough(cls, days: int) -> int:
        if 0 < days < MIN_RETENTION.days:
            raise ValueError(f"must be at least {MIN_RETENTION.days} days, or 0 for forever")
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
        """Retention of processed webhooks and finished deliveries."""
        return RetentionPolicy(webhooks=_days(self.inbox_days), deliveries=_days(self.deliveries_days))

    def rate_limits(self) -> dict[RateLimitPolicy, str]:
        """The limit of each policy that has one, in the notation of `limits`."""
        limits = {
            RateLimitPolicy.API_KEY: self.rate_limit_api_key,
            RateLimitPolicy.USER: self.rate_limit_user,
            RateLimitPolicy.TICKET: self.rate_limit_ticket,
            RateLimitPolicy.ADDRESS: self.rate_limit_address,
        }
        return {policy: limit for policy, limit in limits.items() if limit != UNLIMITED}

    def attempt_limits(self) -> dict[AttemptKind, AttemptLimits]:
        """How many wrong credentials are free."""
        return {
            AttemptKind.CREDENTIAL: AttemptLimits(self.failed_attempts),
            AttemptKind.ADMIN_KEY: AttemptLimits(ADMIN_KEY_ATTEMPTS, total=ALL_ADMIN_KEY_ATTEMPTS),
        }

    def token_rules(self) -> TokenRules | None:
        """Rules for user tokens of the environment's app; None if neither a secret nor a JWKS URL is set."""
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
        """The default sources. Raises `SettingsConflict` if synonyms have different values."""
        given: dict[str, str | None] = {}
        for source in (dotenv_settings, env_settings):
            given |= {name.upper(): value for name, value in getattr(source, "env_vars", {}).items()}
        for names in SYNONYMS:
            _require_agreement([(name, given[name]) for name in names if given.get(name)])
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @model_validator(mode="after")
    def _production_is_encrypted(self) -> "Settings":
        if self.hms_environment == "production" and self.hms_api_url and not self.hms_api_url.startswith("https://"):
            raise ValueError("with HMS_ENVIRONMENT=production, HMS_API_URL must begin with https:// or be unset")
        return self

    @model_validator(mode="after")
    def _pooler_is_named(self) -> "Settings":
        if self.direct_database_url is not None and self.database_url is None:
            raise ValueError("VIDEOBROKER_DIRECT_DATABASE_URL requires DATABASE_URL, the URL of the pooler")
        return self

    @model_validator(mode="after")
    def _rules_fit(self) -> "Settings":
        try:
            self.token_rules()
        except ValueError as error:
            raise ValueError(f"VIDEOBROKER_USER_TOKEN_SECRET or a related setting: {error}") from None
        return self

    def accounts(self) -> dict[ProviderName, dict[str, str]]:
        """Provider accounts of the environment's app, with the setting names that the providers define."""
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
