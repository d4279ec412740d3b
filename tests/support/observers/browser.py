"""Debian's Chromium, driven by Playwright: for what a person sees."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
IS_MISSING = CHROMIUM is None or not find_spec("playwright")


@contextmanager
def browser(*arguments: str) -> Iterator[Any]:
    """A browser that was started with these arguments."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
        try:
            yield started
        finally:
            started.close()
