"""The database, and a backup of it, contain no readable secret."""

import base64

from sqlalchemy import text

from tenants import HOOK_SECRET, Sandbox, Tenant, context_of
from videobroker.domain.user_tokens import TokenRules
from videobroker.storage.tables import metadata
from videobroker.usecases import management

USER_TOKEN_SECRET = "invented-secret-of-user-tokens-0123456789"


async def everything(tenant: Tenant) -> dict[str, str]:
    """All rows of the app in all tables, as text."""
    dump = {}
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        for table in metadata.sorted_tables:
            if table.name in {"console_sessions", "failed_attempts", "operator_keys", "operator_sign_in_links"}:
                continue  # without an app
            key = "id" if table.name == "apps" else "app_id"
            statement = text(f"select t::text from {table.fullname} t where {key} = :app")  # noqa: S608
            rows = await unit_of_work.execute(statement, {"app": tenant.app.id})
            dump[table.name] = "\n".join(rows.scalars())
    return dump


async def test_no_secret_of_an_app_is_readable_in_the_database(webhook_tenant: Tenant, sandbox: Sandbox) -> None:
    await management.set_token_rules(
        context_of(webhook_tenant.broker, webhook_tenant.app), TokenRules(secret=USER_TOKEN_SECRET)
    )
    endpoint = (await webhook_tenant.post("/v1/webhook-endpoints", {"url": "https://backend.example/"})).json()
    await webhook_tenant.book()
    credentials = (await webhook_tenant.join()).json()
    secrets = {
        "the API key": webhook_tenant.key,
        "the account's access key": sandbox.account("tutoring")["access_key"],
        "the account's secret": sandbox.account("tutoring")["secret"],
        "the secret of the provider's webhooks": HOOK_SECRET,
        "the endpoint's secret": endpoint["secret"].removeprefix("whsec_"),
        "the secret of user tokens": USER_TOKEN_SECRET,
        "a token": credentials["token"],
    }
    dump = await everything(webhook_tenant)
    assert webhook_tenant.app.name in dump["apps"]
    for what, secret in secrets.items():
        raw = secret.encode()
        for form in (secret, raw.hex(), base64.b64encode(raw).decode()):
            assert [name for name, rows in dump.items() if form in rows] == [], what
    assert base64.b64decode(secrets["the endpoint's secret"]).hex() not in dump["webhook_endpoints"]
