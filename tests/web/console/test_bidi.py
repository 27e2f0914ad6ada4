"""Text of other people cannot reorder the text around it: every occurrence is isolated on every page."""

import re
from html.parser import HTMLParser

import pytest

from consoles import Console
from tenants import MovableClock, Sandbox, Tenant
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.console.bidi import bdi, isolated, isolated_if_needed, with_bdi

RLO, RLI, PDI, FSI = "\u202e", "\u2067", "\u2069", "\u2068"
HEBREW = "\u05d0\u05d1\u05d2"
NASTY = f"{HEBREW}{RLO}{RLI}marker{PDI}{PDI}"
SHOWN = f"{HEBREW}marker"
# Requests with directional controls are rejected, but older rows can contain them: see the unit tests below.
NAME = f"{HEBREW}\u200fmarker"
CONTROLS = re.compile("[\u202a-\u202e\u2066\u2067\u2069]")
VOID = {"input", "link", "meta", "img", "br", "rect", "line"}
# Not displayed: values of forms, URLs, attributes for tests and scripts, and JSON in <pre>, which is a block.
NOT_DISPLAYED = {"value", "href", "action", "data-from", "data-person", "id", "name"}


class Occurrences(HTMLParser):
    """Finds where the marker is displayed without isolation."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.count = 0
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and "marker" in value and name not in NOT_DISPLAYED:
                self.check(f"{tag} {name}", value)
        if tag not in VOID:
            self.path.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.path.pop() == tag

    def handle_data(self, data: str) -> None:
        if "marker" in data:
            self.count += 1
            if self.path[-1] != "bdi" and "pre" not in self.path:
                self.check(">".join(self.path), data)
            elif CONTROLS.search(data):
                self.faults.append(f"controls in {self.path}: {data!r}")

    def check(self, place: str, text: str) -> None:
        """Where markup is impossible, isolate characters have to enclose it."""
        bare = re.sub(f"{FSI}[^{FSI}{PDI}]*{PDI}", "", text)
        if "marker" in bare or CONTROLS.search(bare):
            self.faults.append(f"{place}: {text!r}")


def occurrences(page: str) -> Occurrences:
    found = Occurrences()
    found.feed(page)
    return found


@pytest.fixture
async def tenant_with_bidi_text(webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> Tenant:
    """An app in which every text of other people contains the marker."""
    people = [
        {"user_id": f"{HEBREW}-marker-1", "role": "tutor", "display_name": NAME},
        {"user_id": f"{HEBREW}-marker-2", "role": "student"},
    ]
    policy = {"waiting_room": "admit", "guests_allowed": True}
    await webhook_tenant.book("marker-1", title=NAME, participants=people, policy=policy, metadata={"note": NASTY})
    clock.move(minutes=2)
    joined = (await webhook_tenant.join("marker-1", user_id=f"{HEBREW}-marker-1")).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    await webhook_tenant.join("marker-1", user_id=f"{HEBREW}-marker-2")
    await webhook_tenant.join("marker-1", user_id=f"{HEBREW}-marker-stranger")
    await webhook_tenant.post("/v1/bookings/marker-1/guests", {"name": NAME})
    await webhook_tenant.create_group(f"{HEBREW}-marker", title=None, participants=people)
    return webhook_tenant


async def test_every_occurrence_on_every_page_is_isolated(console: Console, tenant_with_bidi_text: Tenant) -> None:
    app = tenant_with_bidi_text.app.id
    endpoint = await endpoints.create(
        tenant_with_bidi_text.context,
        EndpointRequest("https://backend.example/", NASTY),
    )
    await console.sign_in(name=f"{HEBREW}marker")
    today = (await console.get(f"/console?app={app}")).text
    session = re.findall(rf"/console/sessions/{app}/[0-9a-f-]+", today)[0]
    pages = [
        today,
        *[
            (await console.get(path)).text
            for path in (
                session,
                f"/console/search?app={app}&q=marker",
                f"/console/list/in_progress?app={app}",
                f"/console/groups?app={app}",
                f"/console/deliveries?app={app}",
                f"/console/deliveries/{app}/{endpoint.id}",
                f"/console/diagnostics?app={app}",
                "/console/health",
                f"/console/book?app={app}",
            )
        ],
        (await console.post(f"{session}/links", page=session)).text,
        (await console.post(f"{session}/remove", page=session, user_id=f"{HEBREW}-marker-none")).text,
    ]
    await console.post(f"{session}/remove", page=session, user_id=f"{HEBREW}-marker-2", ban="on")
    pages.append((await console.get(session)).text)
    found = [occurrences(page) for page in pages]
    assert [each.faults for each in found] == [[]] * len(pages)
    assert found[1].count > 15
    assert all(each.count for each in found)


def test_markup_isolates_and_escapes() -> None:
    assert bdi(f"<b>{NASTY}") == f"<bdi>&lt;b&gt;{SHOWN}</bdi>"
    assert with_bdi(f"{isolated(NASTY)} <left> & {isolated('<i>')}") == (
        f"<bdi>{SHOWN}</bdi> &lt;left&gt; &amp; <bdi>&lt;i&gt;</bdi>"
    )


@pytest.mark.parametrize("text", ["Ada Lovelace", "Zo\u00eb (2)", "\u5f20\u4f1f", "100% <x>", ""])
def test_a_label_of_left_to_right_text_contains_no_invisible_characters(text: str) -> None:
    assert isolated_if_needed(text) == text


@pytest.mark.parametrize("text", [HEBREW, "\u0639\u0644\u064a", f"Ada{RLO}", f"Ada{PDI}", "\u0661\u0662", "Ada\u200f"])
def test_a_label_of_other_text_is_isolated(text: str) -> None:
    assert isolated_if_needed(text) == FSI + CONTROLS.sub("", text) + PDI
