"""What every view of the Pilot page must keep: targets for fingers, nothing cut off.

SCREENSHOTS=directory keeps the pictures.
"""

import os
from pathlib import Path

from playwright.sync_api import Page

SMALLEST_TARGET = 44


def picture(page: Page, directory: Path, name: str) -> None:
    page.screenshot(path=Path(os.environ.get("SCREENSHOTS", directory)) / f"pilot-{name}.png")


def small_targets(page: Page) -> list[str]:
    """Visible controls that are lower or narrower than a finger."""
    return list(
        page.evaluate(
            """(least) => [...document.querySelectorAll("button, input, a")].filter((node) => {
                const box = node.getBoundingClientRect();
                return box.width > 0 && (box.height < least || box.width < least);
            }).map((node) => node.outerHTML)""",
            SMALLEST_TARGET,
        )
    )


def fits(page: Page) -> bool:
    """Nothing is cut off to the right."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def check(page: Page, directory: Path, name: str) -> None:
    assert small_targets(page) == []
    assert fits(page)
    picture(page, directory, name)
