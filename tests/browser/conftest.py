"""A browser for tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, but not in CI."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{what}, and in CI nothing may be skipped")
    pytest.skip(f"{what} (`make test` installs it)")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the machine."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("Chromium is not installed")
    api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, headless=True, args=flags)
        yield browser
        browser.close()
