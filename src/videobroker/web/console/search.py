"""The search for sessions and people, on any date."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from videobroker.usecases.operations import overviews
from videobroker.usecases.operations.overviews import SearchResult
from videobroker.web.console.requests import ConsoleRoute, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.console.today import AppChoice, select_day
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/search", route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_SESSIONS = 50
MAX_PEOPLE = 20
Words = Annotated[str, Query(max_length=128)]


@router.get("")
async def console_search(console: ViewRequest, app: AppChoice = "", q: Words = "", person: Words = "") -> Response:
    """The form, and the results of a search, or the sessions of the person with this user ID."""
    choice = await select_day(console, app, "")
    words, person = q.replace("\x00", "").strip(), person.replace("\x00", "")
    found = SearchResult([], [], more_sessions=False, more_people=False)
    if words:
        found = await overviews.search(
            console.broker,
            choice.app_ids,
            words,
            now=console.now,
            max_sessions=MAX_SESSIONS,
            max_people=MAX_PEOPLE,
        )
    elif person:
        found = await overviews.list_sessions_of(
            console.broker, choice.app_ids, person, now=console.now, max_sessions=MAX_SESSIONS
        )
    return rendered(
        "search.html",
        operator=console.operator,
        here="search",
        choice=choice,
        words=words,
        person=person,
        found=found,
        max_people=MAX_PEOPLE,
        max_sessions=MAX_SESSIONS,
        now=console.now,
    )
