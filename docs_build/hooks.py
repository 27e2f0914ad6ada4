"""Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks)."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES_OF_ROOT = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
}
"""Documents that a repository has in its root folder, and their pages."""
_LINK = re.compile(r"(!?)\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs`."""
    for source, page in PAGES_OF_ROOT.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links between documents of the repository valid on the site."""
    document = {page: source for source, page in PAGES_OF_ROOT.items()}.get(
        page.file.src_uri, f"docs/{page.file.src_uri}"
    )
    return _LINK.sub(lambda link: _on_site(link, document, page.file.src_uri), markdown)


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
