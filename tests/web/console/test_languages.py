"""The console and the demo page in every language."""

import ast
import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from babel.messages.catalog import Message

from consoles import Console, base_of
from docs_build.messages import updated
from tenants import Sandbox, Tenant
from videobroker import errors
from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.domain.attendance.verdicts import AttendanceVerdict
from videobroker.domain.overview import Phase
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.rooms import RoomState
from videobroker.domain.sessions import SessionKind, SessionStatus
from videobroker.domain.texts import check_identifier, check_name
from videobroker.domain.webhooks import DeliveryState
from videobroker.errors import CATALOG
from videobroker.providers.agora import provider as agora
from videobroker.providers.hms import provider as hms
from videobroker.translatable import TranslatableText
from videobroker.web.console import templating
from videobroker.web.console.booking import VALIDATION_TEXTS
from videobroker.web.console.i18n import COOKIE, LANGUAGES, Localization, localized, ngettext, translate_text
from videobroker.web.console.requests import ERROR_TITLES
from videobroker.web.console.session import VERDICT_TEXT
from videobroker.web.http.schemas import MAX_YEAR, MIN_YEAR

TRANSLATED = [code for code in LANGUAGES if code != "en"]
HOW_TO_FIX = (
    "Run `make messages`, translate the empty `msgstr` in src/videobroker/web/console/locale, and remove `#, fuzzy`."
)
PLACEHOLDER = re.compile(r"%\(\w+\)s")
TAG = re.compile(r"<[^>]+>")


def _texts(message: Message) -> list[tuple[str, str]]:
    """Pairs of a source text and its translation. All languages so far have a singular and a plural."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return list(zip(message.id, message.string or (), strict=True))


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_has_a_translation(code: str) -> None:
    messages = [each for each in updated(code) if each.id]
    assert len(messages) > 300
    missing = [each.id for each in messages if each.fuzzy or not all(text for _, text in _texts(each))]
    assert not missing, f"{HOW_TO_FIX} Missing in {code}: {missing}"


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("pattern", [PLACEHOLDER, TAG], ids=["placeholders", "tags"])
def test_translations_have_the_placeholders_and_tags_of_their_source(code: str, pattern: re.Pattern[str]) -> None:
    pairs = [pair for message in updated(code) if message.id for pair in _texts(message) if pair[1]]
    different = [(one, other) for one, other in pairs if sorted(pattern.findall(one)) != sorted(pattern.findall(other))]
    assert not different, f"Use the same placeholders and tags in {code}: {different}"


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_can_be_attributes(code: str) -> None:
    """Translations are markup. Only `&`, `<`, and straight double quotes could break it."""
    texts = [TAG.sub("", text) for message in updated(code) if message.id for _, text in _texts(message)]
    assert not [text for text in texts if re.search('[&<>"]', text)], "Use typographic quotes."


@pytest.mark.parametrize("code", TRANSLATED)
def test_catalogs_have_no_old_messages(code: str) -> None:
    assert not updated(code).obsolete, "Run `make messages`."


def test_plurals() -> None:
    texts = {code: [_people(code, count) for count in (0, 1, 2, 1234)] for code in LANGUAGES}
    assert texts == {
        "en": ["0 people", "1 person", "2 people", "1,234 people"],
        "de": ["0 Personen", "1 Person", "2 Personen", "1.234 Personen"],
    }


def _people(code: str, count: int) -> str:
    with localized(Localization(LANGUAGES[code])):
        return ngettext("%(num)s person", "%(num)s people", count)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.8,de;q=0.9", "de"),
        ("fr,en-US;q=0.5,de;q=0.3", "en"),
        ("fr", "en"),
        ("de;q=0,en", "en"),
        ("de;q=nonsense", "en"),
        (";;,=,de;q=0.1" + "," * 5000, "de"),
    ],
)
async def test_the_browser_determines_the_language(signed_out: Console, header: str, expected: str) -> None:
    page = await signed_out.get("/console/sign-in", headers={"Accept-Language": header})
    assert page.headers["content-language"] == expected
    assert f'<html lang="{expected}">' in page.text


async def test_a_choice_is_stored_in_a_cookie(signed_out: Console) -> None:
    chosen = await signed_out.get("/console/sign-in?lang=de&next=/console/health")
    assert '<html lang="de">' in chosen.text
    assert "Admin-Schlüssel" in chosen.text
    assert signed_out.client.cookies[COOKIE] == "de"
    later = await signed_out.get("/console/sign-in", headers={"Accept-Language": "en"})
    assert '<html lang="de">' in later.text
    unknown = await signed_out.get("/console/sign-in?lang=xx")
    assert '<html lang="de">' in unknown.text
    again = await signed_out.get("/console/sign-in?lang=en")
    assert "Admin key" in again.text
    assert signed_out.client.cookies[COOKIE] == "en"


async def test_the_footer_links_to_the_same_page_in_other_languages(signed_out: Console) -> None:
    page = (await signed_out.get("/console/sign-in?next=/console/health&lang=de")).text
    for code in LANGUAGES:
        assert f'href="/console/sign-in?next=%2Fconsole%2Fhealth&amp;lang={code}" lang="{code}"' in page
    wrong = await signed_out.sign_in("wrong")
    assert "Falscher Admin-Schlüssel" in wrong.text
    assert "hreflang" not in wrong.text, "a response to a form has no address"


async def test_texts_made_in_python_are_translated(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("algebra", title="<b>Algebra</b>")
    await tutoring.join("algebra")
    await console.get("/console?lang=de")
    today = (await console.get(f"/console?app={tutoring.app.id}")).text
    assert "&lt;b&gt;Algebra&lt;/b&gt;" in today
    assert "Bevorstehend" in today
    (path,) = set(re.findall(rf"/console/sessions/{tutoring.app.id}/[0-9a-f-]+", today))
    page = (await console.get(path)).text
    assert "Sitzung erstellt (bestätigt)." in page
    assert "Backend der App" in page
    ended = await console.post(f"{path}/end", page=path)
    assert "Das Gespräch ist beendet." in (await console.get(ended.headers["location"])).text


def test_every_value_has_a_text() -> None:
    expected = {
        "PHASE_TEXT": Phase,
        "STATUS_TEXT": SessionStatus,
        "KIND_TEXT": SessionKind,
        "WAITING_ROOM_TEXT": WaitingRoom,
        "ROOM_TEXT": RoomState,
        "DELIVERY_TEXT": DeliveryState,
    }
    for name, values in expected.items():
        assert getattr(templating, name).keys() == set(values), name
    assert VERDICT_TEXT.keys() == set(AttendanceVerdict)


def test_titles_of_errors_are_those_of_the_catalog() -> None:
    assert set(ERROR_TITLES) <= {kind.title for kind in CATALOG.values()}


async def test_error_pages_are_translated(console: Console) -> None:
    page = await console.get(f"/console/sessions/{uuid4()}/{uuid4()}?lang=de")
    assert page.status_code == 404
    assert "<h1>App nicht gefunden</h1>" in page.text
    assert "Zur Tagesübersicht" in page.text


def test_every_message_of_a_validator_is_in_the_catalogs() -> None:
    messages = {f"The year must be between {MIN_YEAR} and {MAX_YEAR}."}
    for check, invalid in (
        (check_identifier, ["", "x" * 129, "a\nb", "a/b", " a"]),
        (check_name, ["", "x" * 201, "a\nb", "\u00ad"]),
    ):
        for text in invalid:
            with pytest.raises(ValueError, match="must") as caught:
                check(text)
            sentence = str(caught.value)
            messages.add(f"{sentence[0].upper()}{sentence[1:]}.")
    assert messages == set(VALIDATION_TEXTS)


INVALID_FORMS: Mapping[tuple[str, str], tuple[Mapping[str, str], str]] = {
    ("policy", "policy"): ({"grace_seconds": "soon"}, "Muss eine Anzahl von Sekunden von 0 bis 604800 sein."),
    ("pages", "origins"): ({"origins": "https://*.example"}, "ist kein Origin."),
    ("pages", "branding"): ({"color": "red"}, "`color` muss eine Farbe wie #1a73e8 sein."),
    ("user-tokens", "user-tokens"): (
        {"secret": "short", "max_lifetime_seconds": "60"},
        "Das Geheimnis für Benutzer-Tokens braucht mindestens 32 Bytes",
    ),
    ("journal", "journal"): ({"class": "call", "days": "1"}, "Bewahren Sie Ereignisse mindestens 7 Tage auf"),
    ("accounts", "accounts"): ({"provider": "agora"}, "Dem Agora-Konto fehlt die Einstellung app_id."),
}


async def test_forms_of_an_app_show_their_errors_in_the_language_of_the_page(
    console: Console, tutoring: Tenant
) -> None:
    await console.get("/console?lang=de")
    path = f"/console/apps/{tutoring.app.id}"
    for (section, action), (fields, expected) in INVALID_FORMS.items():
        page = await console.get(f"{path}/{section}")
        own = page.text.replace('name="provider" value="100ms"', "").split('value="agora"')[-1]
        base = base_of(page, f"{path}/{action}") if section != "accounts" else base_after(own)
        wrong = await console.post(f"{path}/{action}", base=base, **fields)
        assert wrong.status_code == 422, action
        assert expected in unescape(wrong.text), action
    key = await console.post(f"{path}/keys", name="x" * 65)
    assert "Ein Schlüssel braucht einen Namen mit 1 bis 64 Zeichen" in key.text
    endpoint = await console.post(f"{path}/webhooks", url="http://backend.example/")
    assert "Die `url` muss mit https:// beginnen" in endpoint.text
    app = await console.post("/console/apps", name="a/b")
    assert "Eine App kann nicht so heißen: eine ID darf kein `/` enthalten" in app.text


def base_after(text: str) -> str:
    found = re.search(r'name="base" value="([^"]*)"', text)
    assert found is not None
    return found[1]


async def test_exported_sentences_are_in_the_language_of_the_operator(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("algebra")
    path = f"/console/journal/export/csv?app={tutoring.app.id}"
    await console.get("/console?lang=de")
    assert "Sitzung erstellt (bestätigt)." in (await console.get(path)).text
    await console.get("/console?lang=en")
    assert "Session created (confirmed)." in (await console.get(path)).text


def test_a_translatable_text_is_english_everywhere_else() -> None:
    reason = TranslatableText("an ID must have 1 to %(maximum)s characters", maximum=128)
    text = TranslatableText("An app cannot have this name: %(reason)s.", reason=reason)
    assert text == "An app cannot have this name: an ID must have 1 to 128 characters."
    assert json.dumps(text) == f'"{text}"'
    with localized(Localization(LANGUAGES["de"])):
        assert translate_text(str(ValueError(text))) == (
            "Eine App kann nicht so heißen: eine ID muss 1 bis 128 Zeichen haben."
        )
        assert translate_text("a plain text") == "a plain text"


API_ONLY_ERRORS = {
    "SecretReplaced",
    "OperatorKeyInvalid",
    "UserTokenInvalid",
    "UserTokenExpired",
    "UserTokenNotYetValid",
    "UserTokenLivesTooLong",
}
"""Of the `Idempotency-Key`, and of tokens in API requests."""
SHOWN_MODULES = (
    "usecases/management/*.py",
    "usecases/journal/retention.py",
    "domain/apps.py",
    "domain/branding.py",
    "domain/policy.py",
    "domain/user_tokens.py",
    "domain/webhooks.py",
)


def test_every_error_of_management_can_be_translated() -> None:
    """A literal text would be shown in English on German pages."""
    root = Path(errors.__file__).parent
    files = [file for pattern in SHOWN_MODULES for file in root.glob(pattern)]
    assert len(files) > 10
    literal = [
        f"{file.name}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id not in API_ONLY_ERRORS
        and any(isinstance(each, ast.Constant | ast.JoinedStr) for each in node.exc.args[:1])
    ]
    assert literal == []


CHECKING_MODULES = ("providers/*/diagnostics.py", "providers/*/errors.py", "usecases/operations/diagnostics.py")


def _sentences(file: Path) -> list[ast.Constant]:
    """Texts of more than one word, except documentation, templates of translatable texts, and what is compared."""
    tree = ast.parse(file.read_text())
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    templates = {
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "TranslatableText"
    }
    compared = {node.left for node in ast.walk(tree) if isinstance(node, ast.Compare)}
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value.split()) > 1
        and node not in documentation | templates | compared
    ]


def test_every_result_of_a_check_can_be_translated() -> None:
    """A literal text would be shown in English on German pages."""
    root = Path(errors.__file__).parent
    files = [file for pattern in CHECKING_MODULES for file in root.glob(pattern)]
    assert len(files) == 5
    assert [f"{file.parent.name}/{file.name}:{node.lineno}" for file in files for node in _sentences(file)] == []


def test_settings_of_providers_and_scopes_are_translated() -> None:
    texts = [*SCOPE_DESCRIPTIONS.values()]
    texts += [setting.description for vendor in (agora, hms) for setting in vendor.ACCOUNT_SETTINGS]
    with localized(Localization(LANGUAGES["de"])):
        assert [text for text in texts if translate_text(text) == str(text)] == []


async def test_checks_settings_and_scopes_are_shown_in_the_language_of_the_page(
    console: Console, tutoring: Tenant, sandbox: Sandbox
) -> None:
    await console.get("/console?lang=de")
    path = f"/console/apps/{tutoring.app.id}"
    health = unescape((await console.get("/console/health")).text)
    assert "Die Datenbank antwortet." in health
    checked = unescape((await console.get(f"/console/diagnostics?app={tutoring.app.id}")).text)
    for text in ("100ms: Zugangsdaten", "Die Zugangsdaten sind gültig.", "Die Vorlage tutoring hat jede Rolle"):
        assert text in checked
    assert 'lang="en"' not in checked.split('class="findings"', 1)[1].split("<footer", 1)[0]
    accounts = unescape((await console.get(f"{path}/accounts")).text)
    assert "Die Vorlage neuer Räume." in accounts
    assert "Das App Secret des 100ms-Workspace." in accounts
    assert "Sitzungen und Teilnehmendenlisten lesen" in unescape((await console.get(f"{path}/keys")).text)
    await sandbox.inject_fault("status", status=401, times=10)
    refused = unescape((await console.post(f"{path}/accounts/check", provider="100ms")).text)
    assert "abgelehnt" in refused
    assert "prüfen Sie den Access Key" in refused
