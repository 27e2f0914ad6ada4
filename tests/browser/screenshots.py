"""Screenshots of every state that the tests reach. `make screens` takes them."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDER = ROOT / "build" / "screens"
"""Not in the repository: screenshots of every version would bloat its history."""
_COLORS = 64
"""Enough for pages with a few flat colors, in a third of the bytes."""


def is_recording() -> bool:
    """Whether this test run takes screenshots."""
    return os.environ.get("SCREENS") == "1"


async def take_screenshot(page: Page, name: str) -> None:
    """Write `build/screens/NAME.png`, if this test run takes screenshots."""
    if not is_recording():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Without animations, so that equal pages give equal screenshots.
    content = await page.screenshot(animations="disabled", scale="css")
    image = Image.open(io.BytesIO(content)).convert("RGB")
    reduced = image.quantize(_COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.save(FOLDER / f"{name}.png", optimize=True)
