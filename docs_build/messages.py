"""`python -m docs_build.messages`: update the catalogs of the console with the messages in code and templates."""

import tomllib
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from videobroker.web.console.i18n import LANGUAGES, LOCALE_FOLDER, read_catalog

ROOT = Path(__file__).parents[1]
KEYWORDS = {
    "_": None,
    "N_": None,
    "TranslatableText": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
HEADER = """\
# {name} texts of the console and the demo page. `make messages` adds new messages.
msgid ""
msgstr ""
"Language: {code}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""


def extract() -> Catalog:
    """The messages in code, templates, and scripts; `[tool.babel]` in pyproject.toml says where."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    found = Catalog()
    for mapping in mappings:
        options = {name: value for name, value in mapping.items() if name not in {"method", "pattern"}}
        for file in sorted(ROOT.glob(mapping["pattern"])):
            for _, message, comments, context in extract_from_file(
                mapping["method"], file, keywords=KEYWORDS, options=options
            ):
                found.add(
                    message, locations=[(str(file.relative_to(ROOT)), 0)], auto_comments=comments, context=context
                )
    return found


def updated(code: str) -> Catalog:
    """The catalog of a language with all messages; new ones have no translation."""
    catalog = read_catalog(code)
    catalog.update(extract(), no_fuzzy_matching=True)
    return catalog


def write(code: str) -> None:
    """Write the updated catalog, in the order of the messages, so that branches rarely conflict."""
    catalog, content = updated(code), BytesIO()
    write_po(content, catalog, width=0, sort_output=True, ignore_obsolete=True, include_lineno=False, omit_header=True)
    header = HEADER.format(code=code, name=LANGUAGES[code].locale.english_name, plurals=catalog.plural_forms)
    (LOCALE_FOLDER / f"{code}.po").write_text(header + content.getvalue().decode().lstrip("\n"))


def main() -> None:
    for code in LANGUAGES:
        if code != "en":
            write(code)


if __name__ == "__main__":
    main()
