"""`videobroker doctor`."""

import asyncio
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.text import Text

from videobroker import wiring
from videobroker.cli.terminal import AsJson, print_json, stdout
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.diagnostics import CheckResult, CheckStatus, is_healthy, warning
from videobroker.errors import DecryptionFailed
from videobroker.settings import Settings
from videobroker.usecases import tenants
from videobroker.usecases.operations.diagnostics import (
    check_app,
    check_background_work,
    check_database,
    check_pooler,
    check_rooms,
    check_secret_keys,
    check_tenant_isolation,
)

_COLORS = {CheckStatus.OK: "green", CheckStatus.WARNING: "yellow", CheckStatus.FAILED: "red"}


def doctor(
    app: Annotated[str | None, typer.Option(help="Check only this app.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, the database, and the provider accounts, and suggest fixes.

    Checks the database, pooler, migrations, tenant isolation, background work, and secret keys, and for each app the
    credentials, clock, role map, and call page of its accounts. Exit code 0 if no check failed, otherwise 1.
    Warnings do not count as failures.
    """
    settings = Settings()
    with wiring.database(settings) as url:
        findings = asyncio.run(_examine(settings, url, app))
    if as_json:
        print_json([{"app": name, **_row(finding)} for name, finding in findings])
    else:
        for name, finding in findings:
            _print(name, finding)
    raise typer.Exit(0 if is_healthy([finding for _, finding in findings]) else 1)


async def _examine(settings: Settings, url: str, only: str | None) -> list[tuple[str | None, CheckResult]]:
    async with wiring.broker(settings, url) as broker:
        findings: list[tuple[str | None, CheckResult]] = [(None, each) for each in await check_database(broker)]
        if findings[0][1].verdict is CheckStatus.OK:
            findings += [(None, each) for each in await check_pooler(broker)]
        if not is_healthy([finding for _, finding in findings]):
            return findings
        findings.append((None, await check_tenant_isolation(broker)))
        findings += [(None, each) for each in await check_background_work(broker, now=broker.now())]
        findings.append((None, await check_rooms(broker, now=broker.now())))
        findings += [(None, each) for each in await check_secret_keys(broker)]
        try:
            apps = [await tenants.find_app(broker, only)] if only else await tenants.list_apps(broker)
        except DecryptionFailed:
            # No account can be decrypted. The check of the secret keys reports the missing key.
            return findings
        for app in apps:
            findings += [(app.name, each) for each in await check_app(broker, app)]
            findings += [(app.name, each) for each in examine_call_url(settings, app)]
    return findings


def examine_call_url(settings: Settings, app: App) -> list[CheckResult]:
    """Check that the hosted page can show Agora calls: with a console, they need a host name of their own."""
    account = app.accounts.get(ProviderName.AGORA)
    if account is None or "prebuilt_url" in account.settings:
        return []
    if settings.admin_key is None or settings.call_url is not None:
        return []
    if settings.public_url is not None and urlsplit(settings.public_url).hostname in {"localhost", "127.0.0.1"}:
        return []
    sentence = "The console is enabled, but VIDEOBROKER_CALL_URL is not set: links show Agora calls on localhost only."
    return [
        warning("call page", sentence, "Point a second host name at the service, and set VIDEOBROKER_CALL_URL to it.")
    ]


def _row(finding: CheckResult) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "next_step": finding.next_step,
    }


def _print(name: str | None, finding: CheckResult) -> None:
    place = f"{name}: " if name else ""
    step = f" {finding.next_step}" if finding.next_step else ""
    verdict = (f"{finding.verdict:8}", _COLORS[finding.verdict])
    stdout.print(Text.assemble(verdict, f" {place}{finding.check}: {finding.sentence}{step}"))
