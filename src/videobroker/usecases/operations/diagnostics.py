"""Checks of the database, background work, secret keys, and provider accounts, as in `videobroker doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.diagnostics import CheckResult, CheckStatus, failed, ok, warning
from videobroker.errors import BrokerError, StorageUnavailable
from videobroker.storage import background_work, jobs
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.attendance.webhook_inbox import WebhookCount
from videobroker.storage.background_work import Backlog
from videobroker.storage.calls import rooms
from videobroker.storage.jobs import QueuedJobs
from videobroker.storage.journal import positions, seals
from videobroker.storage.journal.seals import LastSeal
from videobroker.storage.postgres import migrations, pgbouncer, privileges
from videobroker.storage.postgres.privileges import TenantIsolation
from videobroker.translatable import TranslatableText
from videobroker.usecases.journal.blocked import HIDDEN_TOO_LONG, describe_transaction
from videobroker.usecases.operations.secret_keys import key_report

WEBHOOK_LOOKBACK = timedelta(days=7)
MAX_JOB_WAIT = timedelta(minutes=1)
"""A running worker takes a job within seconds."""
MAX_WORKER_SILENCE = timedelta(seconds=60)
"""A worker sweeps every five seconds. During an upgrade, there may be none for some seconds."""
MAX_WEBHOOK_WAIT = timedelta(minutes=1)
MAX_STEP_DELAY = timedelta(minutes=1)
MAX_CLOSING_DELAY = timedelta(minutes=5)
MAX_STEP_RETRY_DELAY = timedelta(hours=1)
"""The next attempt at a lifecycle step that failed is at most so far away."""
MAX_SEAL_DELAY = timedelta(minutes=5)
"""Rows are sealed every ten seconds, once no older transaction is open."""
MAX_DELIVERY_DELAY = timedelta(minutes=1)
RUN_A_WORKER = TranslatableText(
    "Run `videobroker work`, or serve without --no-work. If one runs, search its log for errors."
)

_DATABASE = TranslatableText("database")
_JOURNAL = TranslatableText("journal")
_KEYS = TranslatableText("secret keys")
_MIGRATIONS = TranslatableText("migrations")
_POOLER = TranslatableText("pooler")
_TENANTS = TranslatableText("tenant isolation")
_WORK = TranslatableText("background work")
_MIGRATE = TranslatableText("Run `videobroker migrate`.")


async def check_database(broker: Broker) -> list[CheckResult]:
    """Check that the database answers, has the current schema, and that workers take jobs."""
    try:
        await broker.store.ping()
        current, newest = await migrations.current_revision(broker.store), migrations.newest_revision()
    except StorageUnavailable as error:
        # With `retry_after`, the detail is only an advice to retry. Without it, it names the problem.
        message = error.detail if error.retry_after is None else TranslatableText("The database does not answer.")
        return [failed(_DATABASE, message, TranslatableText("Check DATABASE_URL, and that the server runs."))]
    found = ok(_DATABASE, TranslatableText("The database answers."))
    if current is None:
        hint = TranslatableText(
            "Run `videobroker migrate`. If the service uses another database, set DATABASE_URL or VIDEOBROKER_DATA_DIR."
        )
        return [found, failed(_MIGRATIONS, TranslatableText("The database is empty."), hint)]
    if current != newest:
        values = {"current": current, "newest": newest}
        if not migrations.is_known(current):
            if migrations.may_run(await migrations.minimum_revision(broker.store)):
                return [found, _ahead(current), await _check_journal(broker), await _check_workload(broker)]
            message = TranslatableText(
                "The database is at revision %(current)s, which a newer version made. This one needs %(newest)s.",
                **values,
            )
            step = TranslatableText("Upgrade this program to the version of the others.")
            return [found, failed(_MIGRATIONS, message, step)]
        message = TranslatableText(
            "The database is at revision %(current)s, but this version needs %(newest)s.", **values
        )
        return [found, failed(_MIGRATIONS, message, _MIGRATE)]
    at_newest = TranslatableText("The database is at revision %(revision)s.", revision=newest)
    return [found, ok(_MIGRATIONS, at_newest), await _check_journal(broker), await _check_workload(broker)]


async def check_tenant_isolation(broker: Broker) -> CheckResult:
    """Whether row-level security applies to the role of the service. Both are sound, so there is no warning."""
    async with broker.store.transaction() as unit_of_work:
        isolation = await privileges.tenant_isolation(unit_of_work)
    if isolation is TenantIsolation.ENFORCED:
        return ok(_TENANTS, TranslatableText("The database limits each transaction to one app."))
    return ok(
        _TENANTS,
        TranslatableText(
            "The service separates apps, the database does not: its role owns the tables. `videobroker migrate "
            "--grant-to` prepares another role."
        ),
    )


def _ahead(revision: str) -> CheckResult:
    message = TranslatableText(
        "The database is at revision %(revision)s, which a newer version made. This version works with it.",
        revision=revision,
    )
    return warning(_MIGRATIONS, message, TranslatableText("Upgrade this program to the version of the others."))


async def check_pooler(broker: Broker) -> list[CheckResult]:
    """Check that there is a direct connection past a pooler; no result if there is no pooler.

    Opens its own connections, so callers of the API must not trigger it.
    """
    store = broker.store
    setting = "VIDEOBROKER_DIRECT_DATABASE_URL" if store.is_pooled else "DATABASE_URL"
    try:
        async with store.translated():
            keeps = await pgbouncer.keeps_sessions(store.direct)
            same = not store.is_pooled or await pgbouncer.is_same_database(store.url, store.direct)
    except StorageUnavailable:
        message = TranslatableText("The database does not answer at %(setting)s.", setting=setting)
        return [failed(_POOLER, message, TranslatableText("Check %(setting)s.", setting=setting))]
    if not keeps:
        message = TranslatableText(
            "%(setting)s leads to a pooler in transaction mode: notifications get lost, and no migration is safe.",
            setting=setting,
        )
        step = TranslatableText("Set VIDEOBROKER_DIRECT_DATABASE_URL to the URL of PostgreSQL itself.")
        return [failed(_POOLER, message, step)]
    if not same:
        message = TranslatableText("DATABASE_URL and VIDEOBROKER_DIRECT_DATABASE_URL lead to different databases.")
        return [failed(_POOLER, message, TranslatableText("Set both to the same database."))]
    if not store.is_pooled:
        return []
    return [ok(_POOLER, TranslatableText("There is a direct connection past the pooler."))]


def can_be_checked(findings: Sequence[CheckResult]) -> bool:
    """Whether other checks can query the database, by the results of `check_database`."""
    statuses = {finding.check: finding.verdict for finding in findings}
    return statuses.get("migrations") in {CheckStatus.OK, CheckStatus.WARNING}


async def _check_journal(broker: Broker) -> CheckResult:
    async with broker.store.cross_app_transaction() as unit_of_work:
        if not await positions.belong_to_this_server(unit_of_work):
            message = TranslatableText(
                "The database was restored on another server. Old events are hidden, or new ones are ordered before "
                "them."
            )
            return failed(_JOURNAL, message, _MIGRATE)
        hidden = await positions.find_hidden(unit_of_work, now=broker.now())
    if hidden is None or hidden.hidden_for < HIDDEN_TOO_LONG:
        return ok(_JOURNAL, TranslatableText("Readers see all events."))
    return failed(
        _JOURNAL,
        TranslatableText(
            "New events have been hidden from readers and webhook endpoints for %(time)s, until this transaction ends: "
            "%(transaction)s.",
            time=_seconds(hidden.hidden_for),
            transaction=describe_transaction(hidden.transaction),
        ),
        TranslatableText(
            "End it: `select pg_terminate_backend(PID)`, or `rollback prepared 'NAME'` in its database. Transactions "
            "in all databases of the server count."
        ),
    )


async def _check_workload(broker: Broker) -> CheckResult:
    async with broker.store.transaction() as unit_of_work:
        if not await jobs.is_installed(unit_of_work):
            return failed(_WORK, TranslatableText("The database lacks the queue."), _MIGRATE)
        queued = await jobs.queued_jobs(unit_of_work)
    if waiting := [each for each in queued if each.longest_wait > MAX_JOB_WAIT]:
        kinds = ", ".join(f"{each.name} {_seconds(each.longest_wait)} ({each.count:,})" for each in waiting)
        return failed(_WORK, TranslatableText("Jobs have been waiting too long: %(kinds)s.", kinds=kinds), RUN_A_WORKER)
    return ok(_WORK, TranslatableText("No job waits for a worker."))


async def check_background_work(broker: Broker, *, now: datetime) -> list[CheckResult]:
    """Check that a worker runs, and that nothing has waited too long for it."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        work = await background_work.read(unit_of_work, now=now)
    return [
        _check_worker(work.worker_silence),
        _check_backlog(
            TranslatableText("incoming webhooks"),
            work.unprocessed_webhooks,
            MAX_WEBHOOK_WAIT,
            TranslatableText(
                "%(count)s incoming webhooks are not processed; the oldest has waited for %(longest)s.",
                **_measures(work.unprocessed_webhooks),
            ),
            TranslatableText(
                "Attendance is incomplete meanwhile. Search the worker's log for `webhook.parse_failed` and errors."
            ),
        ),
        _check_backlog(
            TranslatableText("lifecycle steps"),
            work.due_steps,
            MAX_STEP_DELAY,
            TranslatableText(
                "%(count)s sessions have a step that is overdue, such as closing their room; the oldest has waited for "
                "%(longest)s.",
                **_measures(work.due_steps),
            ),
            RUN_A_WORKER,
        ),
        _check_backlog(
            TranslatableText("journal seals"),
            work.unsealed_rows,
            MAX_SEAL_DELAY,
            TranslatableText(
                "%(count)s journal rows are not sealed; the oldest has waited for %(longest)s.",
                **_measures(work.unsealed_rows),
            ),
            TranslatableText(
                "Search the worker's log for `journal.seal_failed`, and end transactions that have been open for long: "
                "`select pid, xact_start, datname, query from pg_stat_activity order by xact_start`."
            ),
        ),
        _check_backlog(
            TranslatableText("deliveries"),
            work.due_deliveries,
            MAX_DELIVERY_DELAY,
            TranslatableText(
                "%(count)s deliveries are due and not attempted; the oldest has waited for %(longest)s.",
                **_measures(work.due_deliveries),
            ),
            RUN_A_WORKER,
        ),
    ]


def _check_worker(silence: timedelta | None) -> CheckResult:
    check = TranslatableText("worker")
    if silence is None:
        return warning(check, TranslatableText("No worker has run on this database yet."), RUN_A_WORKER)
    time = _seconds(max(silence, timedelta(0)))
    if silence > MAX_WORKER_SILENCE:
        return failed(check, TranslatableText("No worker has run for %(time)s.", time=time), RUN_A_WORKER)
    return ok(check, TranslatableText("A worker was active %(time)s ago.", time=time))


def _check_backlog(check: str, backlog: Backlog, limit: timedelta, problem: str, next_step: str) -> CheckResult:
    if backlog.longest_wait > limit:
        return failed(check, problem, next_step)
    return ok(check, TranslatableText("Nothing has waited too long."))


def _measures(backlog: Backlog) -> dict[str, str]:
    count = f"{backlog.count:,}"
    return {"count": count, "longest": _seconds(backlog.longest_wait)}


def _seconds(duration: timedelta) -> str:
    return f"{int(duration.total_seconds()):,} s"


async def check_rooms(broker: Broker, *, now: datetime) -> CheckResult:
    """Check that rooms that are to be closed are closed."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        found = await rooms.overdue(
            unit_of_work, before=now - MAX_CLOSING_DELAY, steps_until=now + MAX_STEP_RETRY_DELAY
        )
    check = TranslatableText("rooms")
    if found.since is None:
        return ok(check, TranslatableText("Every room that is to be closed is closed."))
    message = TranslatableText(
        "%(count)s rooms are to be closed, and may still be open; the oldest has waited for %(longest)s.",
        **_measures(Backlog(found.count, now - found.since)),
    )
    next_step = TranslatableText(
        "People may still be in them. Search the worker's log for `room.close_failed`, and check the accounts."
    )
    return failed(check, message, next_step)


def check_circuits(broker: Broker, apps: Sequence[App]) -> CheckResult:
    """Check that this process sends requests to all accounts of these apps. Sends none."""
    names = {account.id: f"{app.name} ({account.provider})" for app in apps for account in app.accounts.values()}
    rejecting = [each.account_id for each in broker.providers.circuits() if each.status.is_rejecting]
    check = TranslatableText("vendors")
    if found := sorted(names[account_id] for account_id in rejecting if account_id in names):
        message = TranslatableText(
            "The server has stopped sending requests, because the last ones failed: %(accounts)s.",
            accounts=", ".join(found),
        )
        step = TranslatableText(
            "It tries again at least every 30 s. Check the status page of the vendor, and `api_url` of the account."
        )
        return failed(check, message, step)
    return ok(check, TranslatableText("The server sends requests to all accounts."))


async def check_secret_keys(broker: Broker) -> list[CheckResult]:
    """Check that no rows depend on an old secret key, or on one that is not configured."""
    report = await key_report(broker)
    if report.missing_key_ids:
        message = TranslatableText(
            "Rows are encrypted with keys that are not configured: %(keys)s.", keys=", ".join(report.missing_key_ids)
        )
        return [failed(_KEYS, message, TranslatableText("Add them to the end of VIDEOBROKER_SECRET_KEY."))]
    if not report.may_drop_old_keys:
        tables = ", ".join(f"{use.table} {use.rows:,}" for use in report.outdated)
        rows = f"{report.outdated_rows:,}"
        message = TranslatableText("%(rows)s rows depend on an old secret key (%(tables)s).", rows=rows, tables=tables)
        return [warning(_KEYS, message, TranslatableText("Run `videobroker secrets rotate`."))]
    message = TranslatableText("Every encrypted row uses the first secret key, %(key)s.", key=report.key_ids[0])
    return [ok(_KEYS, message)]


async def count_webhooks(broker: Broker, app: App, *, now: datetime) -> list[WebhookCount]:
    """The app's provider webhooks of the last `WEBHOOK_LOOKBACK`, by type and state."""
    async with broker.store.transaction(app.id) as unit_of_work:
        return await webhook_inbox.count_by_type(unit_of_work, app.id, since=now - WEBHOOK_LOOKBACK)


@dataclass(frozen=True, slots=True)
class Workload:
    """Waiting jobs, and the newest seal of every app's journal."""

    queued_jobs: Sequence[QueuedJobs]
    seals: Sequence[LastSeal]


async def workload(broker: Broker) -> Workload:
    async with broker.store.cross_app_transaction() as unit_of_work:
        return Workload(await jobs.queued_jobs(unit_of_work), await seals.last_seals(unit_of_work))


async def check_app(broker: Broker, app: App) -> list[CheckResult]:
    """Check the app's provider accounts and role maps, with requests to the providers."""
    if not app.accounts:
        step = TranslatableText("Add one: `videobroker accounts set %(app)s 100ms`.", app=app.name)
        message = TranslatableText("The app has no account with any provider.")
        return [failed(TranslatableText("accounts"), message, step)]
    return [finding for name in app.accounts for finding in await check_account(broker, app, name)]


async def check_account(broker: Broker, app: App, name: ProviderName) -> list[CheckResult]:
    """Check one account and the roles that the app maps to, with requests to the provider."""
    try:
        provider = broker.provider(app, name)
    except BrokerError as error:
        step = TranslatableText(
            "Set it again: `videobroker accounts set %(app)s %(provider)s`.", app=app.name, provider=name.value
        )
        return [failed(TranslatableText("%(provider)s account", provider=name.value), error.detail, step)]
    return await provider.examine(frozenset(app.role_maps.get(name, {}).values()))
