"""The texts of the call view: both languages are complete, and every text is used."""

import re

import pytest

from browser.hosted_page import call_texts
from videobroker import ui

FOLDERS = (ui.FOLDER, ui.FOLDER.parent / "sandbox" / "page", ui.FOLDER.parent / "web" / "pages" / "static")
_NAME = re.compile(r"""["'`]([a-z]+\.[a-z_.-]+)["'`]""")
_PREFIX = re.compile(r"`([a-z]+\.(?:[a-z]+[._])*)\$\{")


def _scripts() -> str:
    files = [*FOLDERS[0].glob("call-*.js"), FOLDERS[1] / "session.js", FOLDERS[1] / "call.js"]
    files += [FOLDERS[2] / "agora.js", FOLDERS[2] / "agora-session.js"]
    return "\n".join(path.read_text() for path in files if path.name != "call-texts.js")


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    texts = call_texts()
    assert set(texts) == {"en", "de"}
    assert list(texts["en"]) == list(texts["de"])
    for name, sentence in texts["en"].items():
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", texts["de"][name])), name


@pytest.mark.parametrize("name", call_texts()["en"])
def test_every_text_is_used(name: str) -> None:
    scripts = _scripts()
    assert name in _NAME.findall(scripts) or any(name.startswith(each) for each in _PREFIX.findall(scripts))
