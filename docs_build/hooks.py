"""Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks)."""

import json
import posixpath
import re
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from docs_build import errors
from docs_build.api import ApiReference, title_of

ROOT = Path(__file__).parents[1]
PAGES_OF_ROOT = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
}
"""Documents that a repository has in its root folder, and their pages."""
_API, _ERRORS = "reference/api", "reference/errors"
_LINK = re.compile(r"(!?)\[([^\]]+)\]\(([^)\s]+)\)")
_CODE_OF_ERROR = re.compile(r"(<a id=\"\w+\"></a>)`(\w+)`")
_TAGS = "<!-- tags of the API -->"
_REDOC = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>videobroker API</title><meta name="viewport" content="width=device-width">
<script src="redoc.standalone.js"></script><script src="openapi.js"></script></head>
<body><div id="redoc"></div><script>Redoc.init(openapi, {}, document.getElementById("redoc"));</script></body>
</html>
"""
_markdown: dict[str, tuple[str, str]] = {}
"""Title and Markdown of each page, for `llms.txt`."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs`."""
    for source, page in PAGES_OF_ROOT.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    _api.cache_clear()
    api = _api()
    for name, content in api.pages():
        files.append(File.generated(config, f"{_API}/{name}", content=content))
    for name, content in errors.pages(api):
        files.append(File.generated(config, f"{_ERRORS}/{name}", content=content))
    # Redoc reads the document from a script, because a page without a web server cannot fetch a file.
    redoc = resources("fastapi_offline").joinpath("static", "redoc.standalone.js").read_text()
    redoc = redoc.replace("https://cdn.redoc.ly/redoc/logo-mini.svg", "data:,")
    for name, content in {
        "redoc.html": _REDOC,
        "redoc.standalone.js": redoc,
        "openapi.js": f"const openapi = {json.dumps(api.document)};\n",
        "openapi.yaml": (ROOT / "openapi.yaml").read_text(),
    }.items():
        files.append(File.generated(config, f"{_API}/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links between documents of the repository valid on the site, and add links to pages that only it has."""
    uri = page.file.src_uri
    document = {page: source for source, page in PAGES_OF_ROOT.items()}.get(uri, f"docs/{uri}")
    if uri == "reference/errors.md":
        markdown = _CODE_OF_ERROR.sub(r"\1[`\2`](errors/\2.md)", markdown)
    if uri == f"{_API}/index.md":
        markdown = markdown.replace(_TAGS, "\n".join(_tag_rows()))
    if not uri.startswith((f"{_API}/", f"{_ERRORS}/")) or uri == f"{_API}/index.md":
        markdown = _LINK.sub(lambda link: _on_site(link, document, uri), markdown)
    _markdown[uri] = (str(page.title), markdown)
    return markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Write the Markdown of every page next to its HTML, and `llms.txt` (https://llmstxt.org)."""
    site = Path(config.site_dir)
    for uri, (title, markdown) in _markdown.items():
        text = markdown if re.match(r"(---\n.*?\n---\n\s*)?# ", markdown, re.DOTALL) else f"# {title}\n\n{markdown}"
        (site / uri).write_text(re.sub(r"\A---\n.*?\n---\n\s*", "", text, flags=re.DOTALL))
    (site / "llms.txt").write_text(_llms(config))


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Remember the order of the pages."""
    _markdown.clear()
    for page in nav.pages:
        _markdown[page.file.src_uri] = ("", "")
    return nav


def _llms(config: MkDocsConfig) -> str:
    sections: dict[str, list[str]] = {}
    names = {"tutorial": "Tutorial", "how-to": "How-to guides", "reference": "Reference", "explanation": "Explanation"}
    for uri, (title, _) in _markdown.items():
        heading = names.get(uri.split("/")[0], "Project")
        sections.setdefault("Errors" if uri.startswith(f"{_ERRORS}/") else heading, []).append(f"- [{title}]({uri})")
    parts = [f"# {config.site_name}", f"> {config.site_description}"]
    parts.append(f"The contract of the API is [openapi.yaml]({_API}/openapi.yaml). All links lead to Markdown.")
    order = [*names.values(), "Project", "Errors"]
    parts += [f"## {name}\n\n" + "\n".join(sections[name]) for name in order if name in sections]
    return "\n\n".join(parts) + "\n"


@cache
def _api() -> ApiReference:
    return ApiReference.read((ROOT / "openapi.yaml").read_text())


def _tag_rows() -> list[str]:
    rows = [f"| [{title_of(name)}]({name}.md) | {description} |" for name, description in _api().tags()]
    return ["| operations | |", "|---|---|", *rows, "| [Schemas](schemas.md) | All request and response bodies. |"]


def _on_site(link: re.Match[str], document: str, page: str) -> str:
    """A link of a document, as a link of its page. A file that is not on the site is only named."""
    picture, label, target = link.groups()
    if picture or re.match(r"[a-z]+:|#|/", target):
        return link[0]
    path, hash_sign, anchor = target.partition("#")
    named = posixpath.normpath(posixpath.join(posixpath.dirname(document), path))
    if not (ROOT / named).exists():
        return link[0]
    on_site = PAGES_OF_ROOT.get(named) or (named.removeprefix("docs/") if named.startswith("docs/") else None)
    if on_site is None:
        return label
    return f"[{label}]({posixpath.relpath(on_site, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"
