"""Pictures of the pages for the docs: `make screens` takes them anew, from the very states that the tests reach."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "screens"
_COLOURS = 64
"""Enough for pages of a few flat colours, and a third of the bytes."""


def wanted() -> bool:
    """Whether this run of the tests takes pictures."""
    return os.environ.get("SCREENS") == "1"


async def shot(page: Page, name: str) -> None:
    """Take a picture into `docs/screens/NAME.png`, if pictures are wanted."""
    if not wanted():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Moving things stand still, so that the same page is the same picture.
    taken = await page.screenshot(animations="disabled", scale="css")
    picture = Image.open(io.BytesIO(taken)).convert("RGB")
    small = picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(FOLDER / f"{name}.png", optimize=True)
