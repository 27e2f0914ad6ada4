"""All links in Markdown files are valid, and all pictures are used."""

import html
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images"
_IGNORED_FOLDERS = {"node_modules", "build", "site", "dist", "site-packages"}
_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HTML = re.compile(r"""<(?:img|a)\b[^>]*?\b(?:src|href)=["']([^"']+)["']""")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_ANCHOR = re.compile(r"""<a\b[^>]*?\b(?:id|name)=["']([^"']+)["']""")


def _documents() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        inside = path.relative_to(ROOT).parts
        if not any(part in _IGNORED_FOLDERS or part.startswith(".") for part in inside):
            yield path


DOCUMENTS = list(_documents())


@cache
def _prose(path: Path) -> str:
    """The text without code blocks, which contain no links."""
    return _CODE.sub("", path.read_text())


@cache
def _links(path: Path) -> tuple[str, ...]:
    # Inline code contains no links either.
    text = re.sub(r"`[^`\n]*`", "", _prose(path))
    return tuple(html.unescape(found) for pattern in (_LINK, _REFERENCE, _HTML) for found in pattern.findall(text))


@cache
def _anchors(path: Path) -> frozenset[str]:
    """The anchors of a document, as GitHub generates them."""
    text = _prose(path)
    found: dict[str, int] = {}
    for heading in _HEADING.findall(text):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        number = found.get(name, 0)
        found[name] = number + 1
        if number:
            found[f"{name}-{number}"] = 1
    return frozenset(found) | frozenset(_ANCHOR.findall(text))


def _broken(document: Path, link: str) -> str | None:
    """The problem of a link; None if it is valid or external."""
    if re.match(r"[a-z][a-z0-9+.-]*:|//", link):
        return None
    named, _, anchor = unquote(link).partition("#")
    target = (document.parent / named).resolve() if named else document
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the repository"
    if not target.exists():
        return f"{link}: there is no such file"
    if anchor and target.suffix == ".md" and anchor not in _anchors(target):
        return f"{link}: there is no such heading"
    return None


def test_there_are_documents() -> None:
    assert {ROOT / "README.md", ROOT / "docs" / "reference" / "hosted-page.md"} <= set(DOCUMENTS)
    assert sum(len(_links(document)) for document in DOCUMENTS) > 100


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_is_valid(document: Path) -> None:
    assert [issues for link in _links(document) if (issues := _broken(document, link)) is not None] == []


def test_every_picture_is_shown_by_a_document() -> None:
    shown = {
        (document.parent / unquote(link)).resolve()
        for document in DOCUMENTS
        for link in _links(document)
        if link.endswith(".webp")
    }
    assert {path for path in PICTURES.iterdir() if path.resolve() not in shown} == set()


@pytest.mark.parametrize(
    ("text", "issues"),
    [
        ("[a](there.md)", []),
        ("[a](there.md#a-heading-of-it)", []),
        ("[a](#here-1)", []),
        ("[a](missing.md)", ["missing.md: there is no such file"]),
        ('<img src="missing.png" alt="">', ["missing.png: there is no such file"]),
        ("![a](missing.png)", ["missing.png: there is no such file"]),
        ("[a](there.md#nowhere)", ["there.md#nowhere: there is no such heading"]),
        ("[a]: gone.md", ["gone.md: there is no such file"]),
        ("`[a](missing.md)`", []),
        ("[a](https://example.org/x#y)", []),
    ],
)
def test_broken_links_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, issues: list[str]) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "there.md").write_text("## A `heading` of it\n")
    document = tmp_path / "document.md"
    document.write_text(f"# Here\n\n# Here\n\n{text}\n")

    assert [found for link in _links(document) if (found := _broken(document, link))] == issues
