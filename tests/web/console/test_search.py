"""The search finds sessions and people on any date, by the beginnings of words, without regard to accents and case."""

import re
from datetime import timedelta
from html import unescape

import pytest

from consoles import Console
from tenants import Tenant

Participants = list[dict[str, str]]


def named(name: str, user_id: str = "p-1") -> Participants:
    """A participant with this name."""
    return [{"user_id": user_id, "role": "tutor", "display_name": name}]


async def search(console: Console, tenant: Tenant, words: str) -> str:
    """The page of results."""
    response = await console.client.get("/console/search", params={"q": words, "app": str(tenant.app.id)})
    assert response.status_code == 200
    return response.text


def titles(page: str) -> list[str]:
    """The titles of the sessions, in order."""
    return re.findall(r'<a href="/console/sessions/[^"]+"><strong><bdi>([^<]+)</bdi></strong>', page)


def people(page: str) -> list[str]:
    """The names of the people, in order."""
    return re.findall(r'<a href="/console/search[^"]+"><strong><bdi>([^<]+)</bdi></strong>', page)


async def found(console: Console, tenant: Tenant, words: str) -> set[str]:
    return set(titles(await search(console, tenant, words)))


async def test_by_reference_user_and_title(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("les_son-100%", title="Algebra")
    await tutoring.book("other-1", title="Geometry", participants=[{"user_id": "zoe", "role": "tutor"}])
    await tutoring.create_group("circle", title="Evening circle")
    assert await found(console, tutoring, "les_") == {"Algebra"}
    assert await found(console, tutoring, "les_son-100%") == {"Algebra"}
    assert await found(console, tutoring, "lesx") == set()
    assert await found(console, tutoring, "zoe") == {"Geometry"}
    assert await found(console, tutoring, "zo") == set()
    assert await found(console, tutoring, "GEOM") == {"Geometry"}
    assert await found(console, tutoring, "circ even") == {"Evening circle"}
    assert await found(console, tutoring, "vening") == set()
    assert await found(console, tutoring, "tutor-1") == {"Algebra", "Evening circle"}
    assert await found(console, tutoring, "%") == set()


SPELLINGS = {
    "Ada Lovelace": ("ada love", "LOV"),
    "José Núñez": ("jose nunez", "JOSÉ", "núñ"),
    "Jose Perez": ("JOSÉ P",),
    "Karin Müller": ("muller", "mueller", "Müller k"),
    "Mueller": ("Müller",),
    "Straße": ("strasse", "STRASSE"),
    "Łukasz Øster": ("lukasz oster",),
    "Grace O'Hara": ("o'hara", "ohara", "hara"),
    "Jean-Luc": ("luc", "jean-l"),
    "ИВАН ЁЛКИН": ("елкин", "иван"),
    "ΣΊΣΥΦΟΣ": ("Σίσυφος",),
    "李 小龍": ("小",),
    "Ada" * 40: ("ada" * 40,),
}
"""Names, and what finds them."""


async def test_by_the_name_of_a_participant_on_any_date(console: Console, tutoring: Tenant) -> None:
    everyone = [
        {"user_id": f"p-{number}", "role": "student", "display_name": name} for number, name in enumerate(SPELLINGS)
    ]
    await tutoring.book("one", title="Algebra", participants=everyone, starts_in=timedelta(days=400))
    await tutoring.book("two", title="Geometry", participants=named("Ben Other", "ben"))
    for name, searches in SPELLINGS.items():
        for words in searches:
            page = await search(console, tutoring, words)
            assert name in map(unescape, people(page)), words
            assert titles(page) == ["Algebra"], words
            assert "Ben Other" not in people(page)


async def test_every_word_has_to_match_in_one_name(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("one", title="Algebra", participants=[*named("Ada Byron", "p-1"), *named("Ben King", "p-2")])
    assert await found(console, tutoring, "ada byron") == {"Algebra"}
    assert await found(console, tutoring, "ada king") == set()


async def test_by_the_name_of_a_guest_in_an_agora_call(console: Console, agora: Tenant) -> None:
    await agora.book(title="Algebra", policy={"guests_allowed": True})
    joined = await agora.post("/v1/bookings/lesson-1/guests", {"name": "Zoë Guest"})
    assert joined.status_code == 200, joined.text
    assert await found(console, agora, "zoe") == {"Algebra"}


async def test_a_person_is_listed_once_with_the_newest_name_and_their_sessions(
    console: Console, tutoring: Tenant
) -> None:
    await tutoring.book("one", title="First", participants=named("Ada Byron", "ada"))
    await tutoring.book("two", title="Second", participants=named("Ada Lovelace", "ada"))
    await tutoring.book("three", title="Third", participants=named("Adam", "adam"))
    page = await search(console, tutoring, "ad")
    assert people(page) == ["Adam", "Ada Lovelace"]
    assert re.findall(r"\d+ sessions?(?=</span>)", page) == ["1 session", "2 sessions"]
    (theirs,) = re.findall(r'<a href="(/console/search[^"]+)"><strong><bdi>Ada Lovelace', page)
    assert set(titles((await console.get(theirs.replace("&amp;", "&"))).text)) == {"First", "Second"}


async def test_a_changed_name_is_found_at_once_and_the_old_one_no_more(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("one", title="Algebra", participants=named("Ada Byron"))
    await tutoring.book("one", title="Geometry", participants=named("Ada Lovelace"))
    assert await found(console, tutoring, "lovelace") == {"Geometry"}
    assert await found(console, tutoring, "byron") == set()
    assert await found(console, tutoring, "algebra") == set()


async def test_the_session_with_exactly_this_reference_is_first(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("a-1", title="Exact", starts_in=timedelta(hours=1))
    await tutoring.book("a-10", title="Later", starts_in=timedelta(hours=2))
    assert titles(await search(console, tutoring, "a-1")) == ["Exact", "Later"]


async def test_more_results_than_a_page_shows_are_reported(console: Console, tutoring: Tenant) -> None:
    for number in range(51):
        await tutoring.book(f"lesson-{number}", title="Algebra", participants=named("Ada", f"ada-{number}"))
    page = await search(console, tutoring, "algebra")
    assert len(titles(page)) == 50
    assert "More than 50 sessions, latest first." in page
    page = await search(console, tutoring, "ada")
    assert len(people(page)) == 20
    assert "Showing 20 people" in page


async def test_sessions_of_another_app_are_not_found(console: Console, tutoring: Tenant, other: Tenant) -> None:
    await other.book("only-theirs", title="Theirs", participants=named("Only Theirs"))
    for words in ("only-theirs", "theirs", "only"):
        assert await found(console, tutoring, words) == set()
        assert await found(console, other, words) == {"Theirs"}


@pytest.mark.parametrize("words", ["", "   ", "...", "'", "\\", "':* | 'x'", "a" * 128, "\N{COMBINING DIAERESIS}"])
async def test_any_text_can_be_searched(console: Console, tutoring: Tenant, words: str) -> None:
    await tutoring.book("one", title="... ''", participants=named("'!"))
    assert titles(await search(console, tutoring, words)) == []


async def test_a_search_that_is_too_long_is_refused(console: Console) -> None:
    assert (await console.get("/console/search?q=" + "x" * 200)).status_code == 422


async def test_every_page_leads_to_the_search(console: Console) -> None:
    for path in ("/console", "/console/groups", "/console/journal", "/console/health", "/console/nowhere"):
        assert '<a href="/console/search"' in (await console.get(path)).text, path
