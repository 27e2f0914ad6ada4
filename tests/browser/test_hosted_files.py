"""The files of the hosted page: texts, content security policies, caching, and what is logged about requests."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from browser.hosted_page import call_texts
from browser.visitors import create_ticket
from node_packages import node_modules
from tenants import Sandbox, Tenant
from videobroker import ui
from videobroker.domain.branding import SUPPORTED_LANGUAGES
from videobroker.domain.feedback import MAX_COMMENT_LENGTH, MAX_RATING, MIN_RATING, CallProblem
from videobroker.web import pages
from videobroker.web.http.static_files import static_file
from videobroker.web.pages.call_site import CallSite
from videobroker.web.pages.hosted import PINNED_AGORA_SDK
from videobroker.web.pages.policy import CALL_FEATURES, SdkScript, agora_headers, lobby_headers

ROOT = Path(__file__).parents[2]
STATIC = Path(pages.__file__).parent / "static"
TEMPLATES = Path(pages.__file__).parent / "templates"
NAME_OF_TEXT = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""")
FILES = re.compile(r"\.(js|css|svg|html|ics)$")
MADE_OF_PARTS = {
    *(f"devices.{state}" for state in ("asking", "denied", "none", "busy", "no_camera", "no_microphone")),
    *(f"devices.{role}.turn_{state}" for role in ("camera", "microphone") for state in ("on", "off")),
    *(f"after.problem.{problem.value}" for problem in CallProblem),
    *(f"after.rating.{rating}" for rating in range(MIN_RATING, MAX_RATING + 1)),
}
"""The texts whose names are composed, from states and roles of the device check."""


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, str]]:
    """The texts of the hosted page, exported from its JavaScript."""
    script = "import(process.argv[1]).then(({ texts }) => console.log(JSON.stringify(texts)))"
    try:
        done = subprocess.run(
            ["node", "--input-type=commonjs", "-e", script, (STATIC / "texts.js").as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("node is not installed")
    texts: dict[str, dict[str, str]] = json.loads(done.stdout)
    return texts


def _used() -> set[str]:
    found: set[str] = set(re.findall(r'say\("([\w.]+)"', (STATIC / "texts.js").read_text()))
    for path in (*STATIC.glob("*.js"), *TEMPLATES.glob("*.html")):
        if path.name != "texts.js":
            found |= {name for name in NAME_OF_TEXT.findall(path.read_text()) if not FILES.search(name)}
    return found | MADE_OF_PARTS


def test_both_languages_have_the_same_texts(texts: dict[str, dict[str, str]]) -> None:
    assert set(texts) == set(SUPPORTED_LANGUAGES)
    assert list(texts["en"]) == list(texts["de"])
    for name, sentence in texts["en"].items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", texts["de"][name])), name


def test_every_used_text_exists_and_every_text_is_used(texts: dict[str, dict[str, str]]) -> None:
    # The page around Agora's SDK also uses texts of the call view.
    assert _used() - set(texts["en"]) - set(call_texts()["en"]) == set()
    assert set(texts["en"]) - _used() == set()


def test_the_feedback_form_has_the_problems_and_the_limit_of_the_service() -> None:
    script = (STATIC / "after-call.js").read_text()
    assert f"const PROBLEMS = {json.dumps([problem.value for problem in CallProblem])};" in script
    assert f"const MAX_COMMENT_LENGTH = {MAX_COMMENT_LENGTH};" in script


def test_every_imported_script_exists_and_is_preloaded() -> None:
    shell = (TEMPLATES / "join.html").read_text()
    for path in STATIC.glob("*.js"):
        for name in re.findall(r'from "\.\./ui/([\w.-]+)"', path.read_text()):
            assert static_file(ui.FOLDER, name).body, f"{path.name} imports {name}"
        for name in re.findall(r'from "\./([\w.-]+)"', path.read_text()):
            assert static_file(STATIC, name).body, f"{path.name} imports {name}"
            if path.name == "join.js":
                assert f'rel="modulepreload" href="../pages/{name}"' in shell
            if path.name == "test.js":
                assert f'rel="modulepreload" href="pages/{name}"' in (TEMPLATES / "test.html").read_text()
            if path.name == "agora.js":
                assert f'rel="modulepreload" href="../../pages/{name}"' in (TEMPLATES / "agora.html").read_text()


@pytest.mark.parametrize(
    "policy",
    [
        lobby_headers(embedders=["https://shop.example"], call_pages=["https://acme.app.100ms.live"]),
        agora_headers(SdkScript("https://cdn.example/sdk.js"), embedders=["https://shop.example"]),
    ],
)
def test_no_policy_allows_inline_scripts(policy: dict[str, str]) -> None:
    directives = policy["Content-Security-Policy"]

    # Agora's SDK sets style attributes. Nothing else is inline.
    assert "unsafe" not in directives.replace("style-src-attr 'unsafe-inline'; ", "")
    assert ("style-src-attr" in directives) == ("agora" in directives)
    assert directives.startswith("default-src 'none'")
    assert "frame-ancestors 'self' https://shop.example" in directives
    assert "base-uri 'none'; form-action 'none'" in directives


async def test_the_policy_allows_the_apps_vendor_page_and_its_devices(
    api: httpx.AsyncClient, tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book()

    response = await api.get(f"/join/{await create_ticket(tutoring)}")

    policy = response.headers["content-security-policy"]
    assert f"frame-src 'self' {sandbox.url};" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert policy.endswith("frame-ancestors 'self'")
    for feature in CALL_FEATURES:
        assert f'{feature}=(self "{sandbox.url}")' in response.headers["permissions-policy"]
    assert "geolocation=()" in response.headers["permissions-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "src/videobroker/web/pages/static/frame.js",
        "src/videobroker/web/pages/static/embed.js",
        "clients/typescript/element/index.js",
    ],
)
def test_frames_get_what_a_call_needs(path: str) -> None:
    [features] = re.findall(r"const ALLOWED = \[(.*?)\];", (ROOT / path).read_text(), re.DOTALL)

    assert tuple(re.findall(r'"([a-z-]+)"', features)) == CALL_FEATURES


def test_documented_frames_get_what_a_call_needs() -> None:
    # Decisions describe what was decided then.
    guides = [each for each in ROOT.glob("docs/**/*.md") if "decisions" not in each.parts]
    files = [*guides, *ROOT.glob("examples/*/public/*.html")]
    found = {
        str(path.relative_to(ROOT)): features
        for path in files
        for features in re.findall(r'allow="([^"]*camera[^"]*)"', path.read_text())
    }

    assert "docs/how-to/embed-the-hosted-page.md" in found
    assert found == dict.fromkeys(found, "; ".join(CALL_FEATURES))


async def test_the_html_contains_nothing_about_the_session(api: httpx.AsyncClient, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")

    response = await api.get(f"/join/{await create_ticket(tutoring)}")

    for secret in ("Algebra", "lesson-1", "Ben", "student-1", tutoring.app.name):
        assert secret not in response.text


async def test_only_the_page_around_agoras_sdk_can_load_it(api: httpx.AsyncClient, agora: Tenant) -> None:
    await agora.book()
    text = await create_ticket(agora)

    lobby = (await api.get(f"/join/{text}")).headers["content-security-policy"]
    around = await api.get(f"http://call.localhost/call/agora/{agora.app.id}")

    assert "agora" not in lobby
    policy = around.headers["content-security-policy"]
    assert f"script-src 'self' {PINNED_AGORA_SDK.url};" in policy
    assert "https://*.agora.io:*" in policy
    assert "connect-src 'self'" not in policy
    assert f'content="{PINNED_AGORA_SDK.url}"' in around.text
    assert f'content="{PINNED_AGORA_SDK.integrity}"' in around.text
    assert text not in around.text
    assert (await api.get(f"http://call.localhost/call/agora/{UUID(int=7)}")).status_code == 404


async def test_the_log_contains_the_operation_but_not_the_url(
    api: httpx.AsyncClient, tutoring: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    await tutoring.book()
    text = await create_ticket(tutoring)
    caplog.clear()

    await api.get(f"/join/{text}")
    await api.get(f"http://call.localhost/call/agora/{tutoring.app.id}")
    await api.get("/pages/join.js")

    assert text[:20] not in caplog.text
    operations = re.findall(r'"operation": "(\w+)"', caplog.text)
    assert operations == ["showHostedPage", "showAgoraPage", "sendPageFile"]


async def test_files_are_compressed_and_sent_again_only_after_a_change(api: httpx.AsyncClient) -> None:
    first = await api.get("/pages/join.js", headers={"Accept-Encoding": "gzip"})
    repeated = await api.get("/pages/join.js", headers={"If-None-Match": first.headers["etag"]})
    plain = await api.get("/pages/join.js", headers={"Accept-Encoding": "identity"})

    assert first.headers["content-encoding"] == "gzip"
    assert first.text == plain.text == (STATIC / "join.js").read_text()
    assert first.headers["cache-control"] == "no-cache"
    assert repeated.status_code == 304
    assert repeated.content == b""


@pytest.mark.parametrize("name", ["join.html", "nothing.js", ".js", "hosted.py", "%2e%2e"])
async def test_no_other_file_is_served(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.get(f"/pages/{name}")).status_code == 404


async def test_any_page_can_load_the_embedding_script(api: httpx.AsyncClient) -> None:
    response = await api.get("/embed.js")

    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


APP = UUID(int=1)


@pytest.mark.parametrize(
    ("site", "url", "page"),
    [
        (CallSite(), "http://127.0.0.1:8000/join/x", f"http://call.localhost:8000/call/agora/{APP}"),
        (CallSite(), "http://localhost/join/x", f"http://call.localhost/call/agora/{APP}"),
        (CallSite(), "https://video.example/join/x", None),
        (CallSite(shares_origin_with_console=False), "https://video.example/join/x", f"../call/agora/{APP}"),
        (
            CallSite("https://video.example", "https://call.example"),
            "http://10.0.0.7/join/x",
            f"https://call.example/call/agora/{APP}",
        ),
    ],
)
def test_with_a_console_the_call_page_has_another_host(site: CallSite, url: str, page: str | None) -> None:
    assert site.page(url, APP) == page


def test_the_pinned_sdk_is_the_file_of_the_npm_package() -> None:
    script = (node_modules() / "agora-rtc-sdk-ng" / "AgoraRTC_N-production.js").read_bytes()
    assert PINNED_AGORA_SDK.integrity == f"sha384-{base64.b64encode(hashlib.sha384(script).digest()).decode()}"
    version = json.loads((node_modules() / "agora-rtc-sdk-ng" / "package.json").read_text())["version"]
    assert f"@{version}/" in PINNED_AGORA_SDK.url
