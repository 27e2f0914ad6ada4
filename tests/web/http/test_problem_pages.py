"""Each error code has a page that explains it, at the URL in the `type` of problem documents."""

import json
import re
from html.parser import HTMLParser

import httpx
import pytest

from tenants import Tenant
from videobroker.errors import CATALOG, Interface
from videobroker.web.problem_pages.explanations import EXPLANATIONS

OF_REQUESTS = {Interface.ENDPOINT, Interface.ANY_REQUEST, Interface.LEGACY}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


class Page(HTMLParser):
    """The elements of a page, and the URLs that it loads or links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.urls: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.urls += [value for name, value in attrs if name in {"href", "src"} and value]


def test_every_error_of_a_request_is_explained() -> None:
    assert set(EXPLANATIONS) == {kind.code for kind in CATALOG.values() if kind.interface in OF_REQUESTS}
    for code, explanation in EXPLANATIONS.items():
        for text in (explanation.meaning, *explanation.causes):
            assert re.fullmatch(r"[`A-Zc].*[.]", text), (code, text)
            assert text.count("`") % 2 == 0, (code, text)


@pytest.mark.parametrize("code", CATALOG)
async def test_a_browser_gets_a_page(api: httpx.AsyncClient, code: str) -> None:
    response = await api.get(f"/problems/{code}", headers={"Accept": BROWSER})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Accept" in response.headers["vary"].split(", ")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'none'; style-src 'self'")
    page = Page(response.text)
    assert code in response.text
    assert page.tags.count("h1") == 1
    assert "script" not in page.tags
    assert not {"style", "onclick", "onload"} & page.attributes
    # No other host, and everything exists.
    for url in page.urls:
        assert url.startswith("/")
        assert (await api.get(url)).status_code == 200, url
    assert "`" not in re.sub(r"<pre.*?</pre>", "", response.text, flags=re.DOTALL)


async def test_the_page_says_what_happened_why_and_what_to_do(api: httpx.AsyncClient) -> None:
    text = (await api.get("/problems/not_a_participant", headers={"Accept": "text/html"})).text
    for part in (
        "<h1>Access denied</h1>",
        "403 · <code>not_a_participant</code>",
        "<p>The person is not in the list of participants of this session.</p>",
        "<h2>What to do</h2>",
        "Add them to <code>participants</code>.",
        "<h2>Usual causes</h2>",
        "<li>The person was added to another session.</li>",
        "&#34;code&#34;: &#34;not_a_participant&#34;",
    ):
        assert part in text


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/problem+json", "image/png"])
async def test_a_program_gets_json(api: httpx.AsyncClient, accept: str) -> None:
    response = await api.get("/problems/too_early", headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    explained = response.json()
    assert explained.keys() == {"code", "status", "title", "hint", "meaning", "causes"}
    assert (explained["code"], explained["status"]) == ("too_early", 403)
    assert len(explained["causes"]) == 2


async def test_markdown_is_available(api: httpx.AsyncClient) -> None:
    response = await api.get("/problems/too_early", headers={"Accept": "text/markdown"})
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert response.text.startswith("# Access denied\n\n403 `too_early`\n\nThe window")
    example = re.search(r"```json\n(.*)```", response.text, flags=re.DOTALL)
    assert example is not None
    assert json.loads(example[1])["type"] == "/problems/too_early"


async def test_the_type_of_a_problem_leads_to_its_page(tutoring: Tenant) -> None:
    problem = (await tutoring.get("/v1/bookings/none")).json()
    page = await tutoring.api.get(problem["type"], headers={"Accept": BROWSER})
    assert page.status_code == 200
    assert "session_not_found" in page.text


async def test_an_unknown_code_has_no_page(api: httpx.AsyncClient) -> None:
    assert (await api.get("/problems/nonsense", headers={"Accept": BROWSER})).status_code == 404
    assert (await api.get("/problem-pages/nonsense.css")).status_code == 404
