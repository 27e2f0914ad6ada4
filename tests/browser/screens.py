"""Pictures of the pages for the docs: `make screens` takes them anew, from the very states that the tests reach."""

import os
from pathlib import Path

from playwright.async_api import Page

_FOLDER = Path(__file__).parents[2] / "docs" / "screens"


async def shot(page: Page, name: str) -> None:
    """Take a picture into `docs/screens/NAME.png`, if pictures are wanted."""
    if os.environ.get("SCREENS") != "1":
        return
    _FOLDER.mkdir(parents=True, exist_ok=True)
    # Moving things stand still, so that the same page is the same picture.
    await page.screenshot(path=_FOLDER / f"{name}.png", animations="disabled", scale="css")
