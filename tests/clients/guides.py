"""Reads the guides about the clients."""

import re
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs/how-to"


def blocks(guide: str, language: str) -> list[str]:
    """The blocks of code of this language."""
    text = (GUIDES / guide).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
