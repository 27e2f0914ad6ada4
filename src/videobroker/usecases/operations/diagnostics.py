"""Looks at everything that has to be right, and says what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.diagnostics import CheckResult, CheckStatus, failed, ok, warning
from videobroker.errors import BrokerError, StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.attendance.webhook_inbox import WebhookCount
from videobroker.storage.jobs import Waiting
from videobroker.storage.journal import seals
from videobroker.storage.journal.seals import LastSeal
from videobroker.storage.postgres import migrations, pgbouncer
from videobroker.usecases.operations.secret_keys import key_report

LOOKS_BACK = timedelta(days=7)
LATE = timedelta(minutes=1)
"""A worker that runs takes a job within seconds."""


async def check_database(broker: Broker) -> list[CheckResult]:
    """Whether the database answers and has this program's schema."""
    try:
        await broker.store.ping()
        current, newest = await migrations.current_revision(broker.store), migrations.newest_revision()
    except StorageUnavailable as error:
        # Without the advice to come again soon, it says what is wrong.
        sentence = error.detail if error.retry_after is None else "The database does not answer."
        return [failed("database", sentence, "Check DATABASE_URL, and that the server runs.")]
    found = ok("database", "The database answers.")
    if current != newest:
        sentence = f"The database is at revision {current or 'none'}, this program needs {newest}."
        return [found, failed("migrations", sentence, "Run `videobroker migrate`.")]
    return [found, ok("migrations", f"The database is at revision {newest}."), await _check_workload(broker)]


async def check_pooler(broker: Broker) -> list[CheckResult]:
    """Whether there is a way past a pooler, for what needs a session to itself. Nothing to tell where there is none.

    It opens connections of its own: for those who run the service, not for its callers.
    """
    store = broker.store
    setting = "VIDEOBROKER_DIRECT_DATABASE_URL" if store.is_pooled else "DATABASE_URL"
    try:
        async with store.translated():
            keeps = await pgbouncer.keeps_sessions(store.direct)
            same = not store.is_pooled or await pgbouncer.is_same_database(store.url, store.direct)
    except StorageUnavailable:
        return [failed("pooler", f"The database does not answer at {setting}.", f"Check {setting}.")]
    if not keeps:
        sentence = f"{setting} leads to a pooler in transaction mode: nobody would be woken, and no migration is safe."
        return [failed("pooler", sentence, "Set VIDEOBROKER_DIRECT_DATABASE_URL to the URL of PostgreSQL itself.")]
    if not same:
        sentence = "DATABASE_URL and VIDEOBROKER_DIRECT_DATABASE_URL lead to different databases."
        return [failed("pooler", sentence, "Let both lead to the same one.")]
    return [ok("pooler", "There is a way past the pooler.")] if store.is_pooled else []


def can_be_asked(findings: Sequence[CheckResult]) -> bool:
    """Whether the database can be asked for more, as far as `check_database` found; whatever waits in it."""
    verdicts = {finding.check: finding.verdict for finding in findings}
    return verdicts.get("migrations") is CheckStatus.OK


async def _check_workload(broker: Broker) -> CheckResult:
    async with broker.store.transaction() as transaction:
        if not await jobs.is_installed(transaction):
            return failed("background work", "The database lacks the queue.", "Run `videobroker migrate`.")
        waited = await jobs.longest_wait(transaction)
    if waited > LATE:
        sentence = f"A job has been waiting for {int(waited.total_seconds())} s."
        return failed("background work", sentence, "Run `videobroker work`, or serve without --no-work.")
    return ok("background work", "No job waits for a worker.")


async def check_secret_keys(broker: Broker) -> list[CheckResult]:
    """Whether rows depend on an old secret key, or on one that is not configured."""
    report = await key_report(broker)
    if report.missing_key_ids:
        sentence = f"Rows are encrypted with keys that are not configured: {', '.join(report.missing_key_ids)}."
        return [failed("secret keys", sentence, "Add them to the end of VIDEOBROKER_SECRET_KEY.")]
    if not report.may_drop_old_keys:
        tables = ", ".join(f"{use.table} {use.rows:,}" for use in report.outdated)
        sentence = f"{report.outdated_rows:,} rows depend on an old secret key ({tables})."
        return [warning("secret keys", sentence, "Run `videobroker secrets rotate`.")]
    return [ok("secret keys", f"Every encrypted row uses the first secret key, {report.key_ids[0]}.")]


async def count_webhooks(broker: Broker, app: App, *, now: datetime) -> list[WebhookCount]:
    """What the providers told about the app's calls in the last week, and what became of it."""
    async with broker.store.transaction() as transaction:
        return await webhook_inbox.count_by_type(transaction, app.id, since=now - LOOKS_BACK)


@dataclass(frozen=True, slots=True)
class Workload:
    """What waits for workers, and what they did last."""

    waiting: Sequence[Waiting]
    seals: Sequence[LastSeal]


async def workload(broker: Broker) -> Workload:
    """The jobs that wait, and the newest seal of every app's journal."""
    async with broker.store.transaction() as transaction:
        return Workload(await jobs.waiting(transaction), await seals.last_seals(transaction))


async def check_app(broker: Broker, app: App) -> list[CheckResult]:
    """What is right and wrong with the app's accounts and role maps."""
    if not app.accounts:
        step = f"Add one: `videobroker accounts set {app.name} 100ms`."
        return [failed("accounts", "The app has no account with any provider.", step)]
    return [finding for name in app.accounts for finding in await _check_account(broker, app, name)]


async def _check_account(broker: Broker, app: App, name: ProviderName) -> list[CheckResult]:
    try:
        provider = broker.provider(app, name)
    except BrokerError as error:
        return [failed(f"{name} account", error.detail, f"Set it again: `videobroker accounts set {app.name} {name}`.")]
    return await provider.examine(frozenset(app.role_maps.get(name, {}).values()))
