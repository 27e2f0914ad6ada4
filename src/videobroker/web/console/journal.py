"""The audit log across the sessions of an app: filters, pages, and export."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from videobroker.domain.apps import App
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.exports import ExportContent, ExportFormat
from videobroker.domain.ids import SERVICE_ID, AppId
from videobroker.domain.journal_search import JournalFilter
from videobroker.errors import InvalidInput
from videobroker.usecases.journal.search import search_journal, stream_journal
from videobroker.usecases.operations.exports import record_export
from videobroker.usecases.tenants import SERVICE
from videobroker.web.console import event_text
from videobroker.web.console.bidi import without_isolates
from videobroker.web.console.files import Cell, csv_response, json_lines_response
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/journal", route_class=ConsoleRoute, generate_unique_id_function=by_name)

EVENTS_PER_PAGE = 50
MAX_EXPORTED_EVENTS = 100_000
CSV_HEADER = (
    "occurred_at",
    "type",
    "sentence",
    "kind",
    "reference",
    "user_id",
    "operator",
    "requested_by_user_id",
    "key_id",
    "ip",
    "event_id",
    "data",
)

Text = Annotated[str, Query(max_length=128)]
Time = Annotated[str, Query(max_length=32)]


@dataclass(frozen=True, slots=True)
class JournalForm:
    """The values of the filters, as entered."""

    app: UUID | Literal[""] = ""
    type: EventType | Literal[""] = ""
    person: str = ""
    reference: str = ""
    operator: str = ""
    reason: str = ""
    since: str = ""
    until: str = ""

    def query(self, **others: str) -> str:
        """The query string of this search, with other parameters."""
        values = {name: str(getattr(self, name)) for name in self.__slots__}
        return urlencode({name: value for name, value in {**values, **others}.items() if value})

    def chosen(self, console: ConsoleRequest) -> JournalFilter:
        """Raises `InvalidInput` for a time that is none."""
        return JournalFilter(
            types=frozenset({self.type}) if self.type else None,
            user_id=self.person or None,
            reference=self.reference or None,
            operator=self.operator or None,
            reason=self.reason or None,
            since=_moment(console, self.since),
            until=_moment(console, self.until),
        )


def _moment(console: ConsoleRequest, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=console.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(_("Enter date and time, like 2026-03-12T14:00.")) from None


def _form(
    app: UUID | Literal[""] = "",
    type: EventType | Literal[""] = "",
    person: Text = "",
    reference: Text = "",
    operator: Text = "",
    reason: Text = "",
    since: Time = "",
    until: Time = "",
) -> JournalForm:
    stripped = [each.replace("\x00", "").strip() for each in (person, reference, operator, reason, since, until)]
    return JournalForm(app, type, *stripped)


Filters = Annotated[JournalForm, Depends(_form)]


@dataclass(frozen=True, slots=True)
class JournalLine:
    """An event on the page."""

    recorded: RecordedEvent
    sentence: str
    actor: str
    kind: str


@router.get("")
async def console_journal(
    console: ViewRequest, form: Filters, before: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """The newest matching events of an app, page by page."""
    apps = await console.apps()
    app = await _app(console, form, apps)
    lines: list[JournalLine] = []
    following, searched_back_to = None, None
    if app is not None:
        page = await search_journal(
            console.context(app), form.chosen(console), limit=EVENTS_PER_PAGE, before=before or None
        )
        lines, following, searched_back_to = [_line(each) for each in page.items], *page[1:]
    return rendered(
        "journal.html",
        operator=console.operator,
        here="journal",
        app=app,
        apps=apps,
        service=SERVICE,
        form=form,
        types=list(EventType),
        lines=lines,
        following=following,
        searched_back_to=searched_back_to,
        is_first=not before,
        now=console.now,
    )


async def _app(console: ConsoleRequest, form: JournalForm, apps: Sequence[App]) -> App | None:
    """The chosen app, or else the first one."""
    if not form.app:
        return apps[0] if apps else None
    return SERVICE if AppId(form.app) == SERVICE_ID else await console.app(form.app)


def _line(recorded: RecordedEvent) -> JournalLine:
    return JournalLine(
        recorded, event_text.sentence(recorded, {}), event_text.actor_text(recorded), event_text.kind(recorded)
    )


@router.get("/export/{file_format}")
async def console_export_journal(console: ViewRequest, form: Filters, file_format: ExportFormat) -> Response:
    """The newest matching events as a file, at most `MAX_EXPORTED_EVENTS`."""
    app = await _app(console, form, await console.apps())
    if app is None:
        raise InvalidInput(_("Choose the app first."))
    chosen, context = form.chosen(console), console.context(app)
    # The first page, before the response begins: an error must not look like an empty file.
    await search_journal(context, chosen, limit=1, before=None)
    await record_export(context, ExportContent.JOURNAL, file_format, filters=chosen.names)
    events = stream_journal(context, chosen, limit=MAX_EXPORTED_EVENTS)
    name = f"journal-{console.now:%Y-%m-%d}"
    if file_format is ExportFormat.CSV:
        return csv_response(name, CSV_HEADER, _rows(events))
    return json_lines_response(name, _objects(events))


async def _rows(events: AsyncIterator[RecordedEvent]) -> AsyncIterator[Sequence[Cell]]:
    async for recorded in events:
        event, actor = recorded.event, recorded.event.actor
        yield (
            event.occurred_at,
            event.type.value,
            without_isolates(event_text.sentence(recorded, {})),
            None if event.session is None else event.session.kind.value,
            None if event.session is None else event.session.reference,
            event.user_id,
            actor.operator,
            actor.user_id,
            None if actor.key_id is None else str(actor.key_id),
            actor.ip,
            str(event.id),
            json.dumps(dict(event.data or {}), ensure_ascii=False, sort_keys=True),
        )


async def _objects(events: AsyncIterator[RecordedEvent]) -> AsyncIterator[Mapping[str, Any]]:
    async for recorded in events:
        yield recorded.to_json()
