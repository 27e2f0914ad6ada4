"""The audit log of an app: filters, pages, bounded searches, and exports."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from consoles import OPERATOR, Console
from tenants import MovableClock, Tenant
from videobroker.storage.journal import journal as journal_storage
from videobroker.usecases.operations.statistics import update_statistics
from videobroker.web.console import journal
from videobroker.web.console.files import BYTE_ORDER_MARK, csv_line


def sentences(page: str) -> list[str]:
    """The sentences on a page, newest first, without markup."""
    return [
        re.sub("<[^>]+>", "", each) for each in re.findall(r"<p>(.*?)</p>\s*<div class=\"small quiet event-more", page)
    ]


async def search(console: Console, tenant: Tenant, **filters: str) -> list[str]:
    response = await console.client.get("/console/journal", params={"app": str(tenant.app.id), **filters})
    assert response.status_code == 200, response.text
    return sentences(response.text)


@pytest.fixture
async def busy(tutoring: Tenant) -> Tenant:
    """An app with events of two sessions."""
    await tutoring.book(title="Algebra", starts_in=timedelta(minutes=1))
    await tutoring.join()
    await tutoring.book("lesson-2", title="Geometry", starts_in=timedelta(days=1))
    await tutoring.join("lesson-2", "student-1")
    return tutoring


class TestFilters:
    async def test_events_of_all_sessions_are_listed_newest_first(self, console: Console, busy: Tenant) -> None:
        found = await search(console, busy)
        assert "too early" in found[0]
        assert found[1] == "Session created (confirmed)."
        assert found.count("Session created (confirmed).") == 2
        # Below them are the events of the app's set-up.
        assert len(found) > len(await busy.events())

    @pytest.mark.parametrize(
        ("filters", "count"),
        [
            ({"type": "session.registered"}, 2),
            ({"type": "credentials.denied"}, 1),
            ({"reference": "lesson-2"}, 2),
            ({"person": "tutor-1", "type": "credentials.issued"}, 1),
            ({"reason": "too_early"}, 1),
            ({"reason": "nothing"}, 0),
            ({"operator": OPERATOR}, 0),
            ({"type": "session.registered", "reference": "lesson-1"}, 1),
        ],
    )
    async def test_filters_combine(self, console: Console, busy: Tenant, filters: dict[str, str], count: int) -> None:
        assert len(await search(console, busy, **filters)) == count

    async def test_a_period_is_in_the_operators_time_zone(
        self, signed_out: Console, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book()
        clock.move(hours=3)
        await tutoring.book("lesson-2", starts_in=timedelta(days=1))
        await update_statistics(tutoring.broker)
        await signed_out.sign_in(zone="Asia/Tokyo")
        split = (clock() - timedelta(hours=1) + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
        created = {"type": "session.registered"}
        assert len(await search(signed_out, tutoring, **created)) == 2
        assert len(await search(signed_out, tutoring, **created, since=split)) == 1
        assert len(await search(signed_out, tutoring, **created, until=split)) == 1
        assert len(await search(signed_out, tutoring, **created, since=split, reference="lesson-2")) == 1

    async def test_invalid_filters_are_explained(self, console: Console, tutoring: Tenant) -> None:
        for query in ("since=yesterday", "type=unknown", "before=x"):
            response = await console.get(f"/console/journal?app={tutoring.app.id}&{query}")
            assert response.status_code in {400, 422}, query

    async def test_another_apps_events_are_not_listed(self, console: Console, busy: Tenant, other: Tenant) -> None:
        assert await search(console, other, reference="lesson-1") == []


class TestPages:
    async def test_pages_contain_every_event_once(
        self, console: Console, busy: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        everything = await search(console, busy)
        monkeypatch.setattr(journal, "EVENTS_PER_PAGE", 2)
        assert await self.walk(console, busy) == everything

    async def test_a_search_that_reads_much_continues_on_request(
        self, console: Console, busy: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal_storage, "SEARCH_ROWS", 3)
        page = (await console.get(f"/console/journal?app={busy.app.id}&type=session.registered")).text
        assert "Searched back to" in page
        assert "Search further back" in page
        assert await self.walk(console, busy, type="session.registered") == ["Session created (confirmed)."] * 2

    async def walk(self, console: Console, tenant: Tenant, **filters: str) -> list[str]:
        response = await console.client.get("/console/journal", params={"app": str(tenant.app.id), **filters})
        found, pages = sentences(response.text), 1
        while following := re.search(r'rel="next" href="([^"]+)"', response.text):
            response = await console.get(following[1].replace("&amp;", "&"))
            found += sentences(response.text)
            pages += 1
        assert pages > 1
        return found


class TestExports:
    async def test_csv_has_every_event_and_the_export_is_journaled(self, console: Console, busy: Tenant) -> None:
        response = await console.get(f"/console/journal/export/csv?app={busy.app.id}&reference=lesson-1")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.headers["content-disposition"].startswith('attachment; filename="journal-')
        assert response.text.startswith(BYTE_ORDER_MARK)
        assert "\r\n" in response.text
        rows = list(csv.DictReader(io.StringIO(response.text.removeprefix(BYTE_ORDER_MARK))))
        assert {row["reference"] for row in rows} == {"lesson-1"}
        assert [row["type"] for row in rows][-1] == "session.registered"
        (event,) = await busy.events("data.exported")
        assert event["asked_by"]["operator"] == OPERATOR
        assert event["data"] == {"content": "journal", "format": "csv", "filters": ["reference"]}

    async def test_json_lines_have_the_events_as_they_are(self, console: Console, busy: Tenant) -> None:
        response = await console.get(f"/console/journal/export/json_lines?app={busy.app.id}&type=credentials.denied")
        (line,) = response.text.splitlines()
        (event,) = await busy.events("credentials.denied")
        exported: dict[str, Any] = json.loads(line)
        assert (exported["id"], exported["data"]) == (event["id"], event["data"])

    async def test_attendance_and_the_sessions_of_a_day_are_exported(self, console: Console, tutoring: Tenant) -> None:
        people = [{"user_id": "tutor-1", "role": "tutor", "display_name": "=cmd|' /C calc'!A0"}]
        await tutoring.book(title="+1", participants=people, starts_in=timedelta(seconds=1))
        page = (await console.get(f"/console/search?q=lesson-1&app={tutoring.app.id}")).text
        path = re.search(rf"/console/sessions/{tutoring.app.id}/[0-9a-f-]+", page)
        assert path
        attendance = (await console.get(f"{path[0]}/attendance.csv")).text
        assert "tutor-1,'=cmd|' /C calc'!A0,tutor,," in attendance
        day = (await console.get(f"/console/export/sessions?app={tutoring.app.id}")).text
        assert ",lesson-1,'+1,confirmed," in day
        exported = await tutoring.events("data.exported")
        assert [each["data"]["content"] for each in exported] == ["attendance", "sessions"]
        assert exported[0]["session"] == {"kind": "booking", "reference": "lesson-1"}


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("=1+1", "'=1+1\r\n"),
        ("-2", "'-2\r\n"),
        ("@x", "'@x\r\n"),
        ("\tx", "'\tx\r\n"),
        (-2, "-2\r\n"),
        ('say "hi", twice', '"say ""hi"", twice"\r\n'),
        ("two\nlines", '"two\nlines"\r\n'),
        (None, "\r\n"),
    ],
)
def test_a_cell_is_quoted_and_never_a_formula(cell: Any, line: str) -> None:
    # The csv module writes an only, empty field as quotes, so that the record is not an empty line.
    assert csv_line([cell]) == line or (cell is None and csv_line([cell]) == '""\r\n')
