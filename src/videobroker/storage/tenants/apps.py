"""Apps, their API keys, accounts with providers, and user token rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from videobroker.domain.api_keys import ApiKey, Scope
from videobroker.domain.apps import App, LegacyFamily, ProviderAccount, ProviderName
from videobroker.domain.branding import Branding, Logo
from videobroker.domain.ids import AccountId, AppId, KeyId
from videobroker.domain.pages import Page
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, StoredRules, TokenRules
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.notifications import app_topic, notify
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import api_keys, app_logos, apps, provider_accounts, user_token_rules


async def save_account(
    unit_of_work: UnitOfWork, app_id: AppId, account: ProviderAccount, *, now: datetime
) -> ProviderAccount | None:
    """Write the app's account with a provider; returns the former one, if there was one.

    The same settings change nothing: then the former account has the settings of `account`.
    """
    former = (
        await unit_of_work.execute(
            select(provider_accounts)
            .where(provider_accounts.c.app_id == app_id, provider_accounts.c.provider == account.provider)
            .with_for_update()
        )
    ).one_or_none()
    known = None
    if former is not None:
        settings = unit_of_work.secret_box.decrypt(former.sealed_settings)
        known = ProviderAccount(AccountId(former.id), account.provider, settings, version=former.version)
        if settings == dict(account.settings):
            return known
    statement = insert(provider_accounts).values(
        app_id=app_id,
        id=account.id,
        provider=account.provider,
        sealed_settings=unit_of_work.secret_box.encrypt(account.settings),
        sealed_with=unit_of_work.secret_box.key_id,
        version=1,
        updated_at=now,
    )
    await unit_of_work.execute(
        statement.on_conflict_do_update(
            index_elements=["app_id", "provider"],
            set_={
                "sealed_settings": statement.excluded.sealed_settings,
                "sealed_with": statement.excluded.sealed_with,
                "version": provider_accounts.c.version + 1,
                "updated_at": now,
            },
        )
    )
    await notify(unit_of_work, app_topic(app_id))
    return known


async def find_app(unit_of_work: UnitOfWork, name: str) -> App | None:
    row = (await unit_of_work.execute(_apps().where(apps.c.name == name))).one_or_none()
    return None if row is None else _app_from(row, unit_of_work.secret_box)


async def all_apps(unit_of_work: UnitOfWork) -> list[App]:
    """All apps, by name."""
    return [
        _app_from(row, unit_of_work.secret_box) for row in await unit_of_work.execute(_apps().order_by(apps.c.name))
    ]


async def page(unit_of_work: UnitOfWork, *, limit: int, cursor: str | None) -> Page[App]:
    """One page of all apps, by name. Raises `InvalidCursor`."""
    statement = _apps().order_by(apps.c.name).limit(limit + 1)
    if cursor is not None:
        (name,) = pagination.read(cursor, pagination.text)
        statement = statement.where(apps.c.name > name)
    found = [_app_from(row, unit_of_work.secret_box) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda app: pagination.write([app.name]))


async def find_by_key(unit_of_work: UnitOfWork, digest: bytes) -> tuple[ApiKey, App] | None:
    """The key with this digest and its app, in one round trip."""
    statement = (
        _apps()
        .add_columns(*(column.label(f"key_{column.name}") for column in api_keys.c))
        .join(api_keys, api_keys.c.app_id == apps.c.id)
        .where(api_keys.c.digest == digest)
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else (_key_from(row._mapping, prefix="key_"), _app_from(row, unit_of_work.secret_box))


async def app_by_id(unit_of_work: UnitOfWork, app_id: AppId) -> App | None:
    row = (await unit_of_work.execute(_apps().where(apps.c.id == app_id))).one_or_none()
    return None if row is None else _app_from(row, unit_of_work.secret_box)


async def lock_app(unit_of_work: UnitOfWork, app_id: AppId) -> App | None:
    """`app_by_id`, and lock the app until the transaction ends."""
    await unit_of_work.execute(select(apps.c.id).where(apps.c.id == app_id).with_for_update())
    return await app_by_id(unit_of_work, app_id)


async def save_rules(unit_of_work: UnitOfWork, app_id: AppId, rules: TokenRules, *, now: datetime) -> None:
    """Replace the rules by which the app's user tokens are verified."""
    values = {
        "issuer": rules.issuer,
        "sealed_rules": unit_of_work.secret_box.encrypt(_rules_json(rules)),
        "sealed_with": unit_of_work.secret_box.key_id,
        "updated_at": now,
    }
    statement = insert(user_token_rules).values(app_id=app_id, **values)
    await unit_of_work.execute(statement.on_conflict_do_update(index_elements=["app_id"], set_=values))


async def find_rules(unit_of_work: UnitOfWork, app_id: AppId) -> StoredRules | None:
    statement = select(user_token_rules).where(user_token_rules.c.app_id == app_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    if row is None:
        return None
    return StoredRules(TokenRules(**unit_of_work.secret_box.decrypt(row.sealed_rules)), row.updated_at)


async def delete_rules(unit_of_work: UnitOfWork, app_id: AppId) -> bool:
    """False if the app had no rules."""
    statement = delete(user_token_rules).where(user_token_rules.c.app_id == app_id)
    removed = await unit_of_work.execute(statement.returning(user_token_rules.c.app_id))
    return removed.one_or_none() is not None


async def rules_for_issuer(unit_of_work: UnitOfWork, issuer: str | None) -> list[tuple[AppId, TokenRules]]:
    """The rules that may apply to a token of this issuer: its own, and those without an issuer."""
    return await _rules(unit_of_work, or_(user_token_rules.c.issuer.is_(None), user_token_rules.c.issuer == issuer))


async def lock_rules(unit_of_work: UnitOfWork) -> None:
    """Let no other transaction change rules until this one ends."""
    await unit_of_work.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("user_token_rules", 0))))


async def overlapping_rules(unit_of_work: UnitOfWork, rules: TokenRules) -> list[tuple[AppId, TokenRules]]:
    """All rules that may accept the same tokens as these."""
    if rules.issuer is None:
        return await _rules(unit_of_work, true())
    return await rules_for_issuer(unit_of_work, rules.issuer)


async def _rules(unit_of_work: UnitOfWork, condition: ColumnElement[bool]) -> list[tuple[AppId, TokenRules]]:
    statement = select(user_token_rules).where(condition).order_by(user_token_rules.c.app_id)
    return [
        (AppId(row.app_id), TokenRules(**unit_of_work.secret_box.decrypt(row.sealed_rules)))
        for row in await unit_of_work.execute(statement)
    ]


def _app_from(row: Row[Any], secret_box: SecretBox) -> App:
    columns = row._mapping
    accounts = (_account_from(stored, secret_box) for stored in columns["accounts"] or ())
    return App(
        id=columns["id"],
        name=columns["name"],
        policy=columns["policy"],
        role_maps={ProviderName(name): roles for name, roles in columns["role_maps"].items()},
        accounts={account.provider: account for account in accounts},
        allowed_origins=tuple(columns["allowed_origins"]),
        legacy_families=frozenset(map(LegacyFamily, columns["legacy_families"])),
        branding=Branding.from_json(columns["branding"]),
    )


def _account_from(stored: Mapping[str, Any], secret_box: SecretBox) -> ProviderAccount:
    return ProviderAccount(
        id=AccountId(stored["id"]),
        provider=ProviderName(stored["provider"]),
        settings=secret_box.decrypt(stored["sealed_settings"].encode()),
        version=stored["version"],
    )


async def add_app(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    name: str,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, Mapping[str, str]],
    allowed_origins: Sequence[str] = (),
    legacy_families: Collection[LegacyFamily] = frozenset(),
    now: datetime,
) -> bool:
    """Write a new app. False if the name is taken."""
    statement = (
        insert(apps)
        .values(
            id=app_id,
            name=name,
            policy=dict(policy),
            role_maps={provider: dict(roles) for provider, roles in role_maps.items()},
            allowed_origins=list(allowed_origins),
            legacy_families=sorted(legacy_families),
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(apps.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def change_app(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    *,
    policy: Mapping[str, Any],
    role_maps: Mapping[ProviderName, Mapping[str, str]],
    allowed_origins: Sequence[str],
    legacy_families: Collection[LegacyFamily],
) -> None:
    await unit_of_work.execute(
        update(apps)
        .where(apps.c.id == app_id)
        .values(
            policy=dict(policy),
            role_maps={provider: dict(roles) for provider, roles in role_maps.items()},
            allowed_origins=list(allowed_origins),
            legacy_families=sorted(legacy_families),
        )
    )
    await notify(unit_of_work, app_topic(app_id))


async def change_branding(unit_of_work: UnitOfWork, app_id: AppId, branding: Branding) -> None:
    await unit_of_work.execute(update(apps).where(apps.c.id == app_id).values(branding=branding.to_json()))
    await notify(unit_of_work, app_topic(app_id))


async def save_logo(unit_of_work: UnitOfWork, app_id: AppId, logo: Logo, content: bytes) -> None:
    """Replace the app's logo."""
    values = {"digest": logo.digest, "media_type": logo.media_type, "content": content}
    statement = insert(app_logos).values(app_id=app_id, **values)
    await unit_of_work.execute(statement.on_conflict_do_update(index_elements=["app_id"], set_=values))


async def delete_logo(unit_of_work: UnitOfWork, app_id: AppId) -> None:
    await unit_of_work.execute(delete(app_logos).where(app_logos.c.app_id == app_id))


async def find_logo(unit_of_work: UnitOfWork, app_id: AppId, digest: str) -> tuple[Logo, bytes] | None:
    """The app's logo and its content, if it has this digest."""
    statement = select(app_logos).where(app_logos.c.app_id == app_id, app_logos.c.digest == digest)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else (Logo(row.digest, row.media_type), bytes(row.content))


async def all_origins(unit_of_work: UnitOfWork) -> set[str]:
    """The allowed origins of all apps."""
    return set((await unit_of_work.execute(select(func.unnest(apps.c.allowed_origins)).distinct())).scalars())


async def add_key(unit_of_work: UnitOfWork, key: ApiKey, digest: bytes) -> bool:
    """Write a new key. False if this key exists already."""
    statement = (
        insert(api_keys)
        .values(
            app_id=key.app_id,
            id=key.id,
            name=key.name,
            shown=key.shown,
            digest=digest,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(api_keys.c.id)
    )
    return (await unit_of_work.execute(statement)).one_or_none() is not None


async def page_of_keys(unit_of_work: UnitOfWork, app_id: AppId, *, limit: int, cursor: str | None) -> Page[ApiKey]:
    """One page of the app's keys, oldest first. Raises `InvalidCursor`."""
    statement = select(api_keys).where(api_keys.c.app_id == app_id).order_by(api_keys.c.id).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(api_keys.c.id > pagination.read(cursor, UUID)[0])
    found = [_key_from(row._mapping) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda key: pagination.write([str(key.id)]))


async def find_key(unit_of_work: UnitOfWork, app_id: AppId, key_id: KeyId) -> ApiKey | None:
    statement = select(api_keys).where(api_keys.c.app_id == app_id, api_keys.c.id == key_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _key_from(row._mapping)


async def keys_of(unit_of_work: UnitOfWork, app_id: AppId) -> Sequence[ApiKey]:
    """The app's keys, oldest first."""
    statement = select(api_keys).where(api_keys.c.app_id == app_id).order_by(api_keys.c.id)
    return [_key_from(row._mapping) for row in await unit_of_work.execute(statement)]


async def lock_key(unit_of_work: UnitOfWork, app_id: AppId, key_id: KeyId) -> ApiKey | None:
    """The app's key, locked until the transaction ends."""
    statement = select(api_keys).where(api_keys.c.app_id == app_id, api_keys.c.id == key_id).with_for_update()
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _key_from(row._mapping)


async def revoke_key(unit_of_work: UnitOfWork, app_id: AppId, key_id: KeyId, *, now: datetime) -> None:
    await unit_of_work.execute(
        update(api_keys)
        .where(api_keys.c.app_id == app_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    await notify(unit_of_work, app_topic(app_id))


def _rules_json(rules: TokenRules) -> dict[str, Any]:
    # Older versions may read these rules during a rolling upgrade, and refuse unknown fields.
    values = asdict(rules)
    if rules.max_lifetime_seconds == DEFAULT_LIFETIME_SECONDS:
        del values["max_lifetime_seconds"]
    return values


def _apps() -> Select[Any]:
    accounts = (
        select(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_object(
                        "id",
                        provider_accounts.c.id,
                        "provider",
                        provider_accounts.c.provider,
                        "sealed_settings",
                        func.convert_from(provider_accounts.c.sealed_settings, "UTF8"),
                        "version",
                        provider_accounts.c.version,
                    ),
                    provider_accounts.c.provider,
                )
            )
        )
        .where(provider_accounts.c.app_id == apps.c.id)
        .scalar_subquery()
    )
    return select(apps, accounts.label("accounts"))


def _key_from(columns: Mapping[Any, Any], *, prefix: str = "") -> ApiKey:
    return ApiKey(
        id=columns[f"{prefix}id"],
        app_id=columns[f"{prefix}app_id"],
        name=columns[f"{prefix}name"],
        shown=columns[f"{prefix}shown"],
        scopes=frozenset(Scope(scope) for scope in columns[f"{prefix}scopes"]),
        created_at=columns[f"{prefix}created_at"],
        expires_at=columns[f"{prefix}expires_at"],
        revoked_at=columns[f"{prefix}revoked_at"],
        last_used_at=columns[f"{prefix}last_used_at"],
    )
