"""Files to download: CSV (RFC 4180) and JSON Lines, streamed.

CSV files begin with a byte order mark: without it, Excel reads UTF-8 as another encoding. A text that a spreadsheet
would execute as a formula gets an apostrophe in front (OWASP, "CSV Injection").
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi.responses import StreamingResponse

from videobroker.domain.times import rfc3339
from videobroker.web.console import i18n
from videobroker.web.console.templating import HEADERS

BYTE_ORDER_MARK = "\ufeff"
ROWS_PER_CHUNK = 200
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | datetime | None


def csv_response(name: str, header: Sequence[str], rows: AsyncIterator[Sequence[Cell]]) -> StreamingResponse:
    """A CSV file with these rows, which are made in the language of the request."""
    chunks = _csv_chunks(header, _in_language(i18n.current(), rows))
    return _download(chunks, f"{name}.csv", "text/csv; charset=utf-8")


def json_lines_response(name: str, objects: AsyncIterator[Mapping[str, Any]]) -> StreamingResponse:
    """A file with one JSON object in each line."""
    return _download(_json_lines(objects), f"{name}.jsonl", "application/jsonl")


async def _in_language(
    localization: i18n.Localization, rows: AsyncIterator[Sequence[Cell]]
) -> AsyncIterator[Sequence[Cell]]:
    """These rows. The response is streamed after the route has ended, and with it the language of the request."""
    while True:
        with i18n.localized(localization):
            row = await anext(rows, None)
        if row is None:
            return
        yield row


async def rows_of(rows: Iterable[Sequence[Cell]]) -> AsyncIterator[Sequence[Cell]]:
    """These rows, one by one."""
    for row in rows:
        yield row


def csv_line(cells: Iterable[Cell]) -> str:
    """One record, ending with CRLF."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_text(each) for each in cells])
    return line.getvalue()


def _text(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return rfc3339(cell)
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell


async def _csv_chunks(header: Sequence[str], rows: AsyncIterator[Sequence[Cell]]) -> AsyncIterator[bytes]:
    chunk = [BYTE_ORDER_MARK, csv_line(header)]
    async for row in rows:
        chunk.append(csv_line(row))
        if len(chunk) >= ROWS_PER_CHUNK:
            yield "".join(chunk).encode()
            chunk = []
    yield "".join(chunk).encode()


async def _json_lines(objects: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    async for each in objects:
        yield json.dumps(each, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"


def _download(chunks: AsyncIterator[bytes], name: str, media_type: str) -> StreamingResponse:
    # The name contains only characters that need no quoting.
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, media_type=media_type, headers=headers)
