"""The built site in a real headless Chromium, the system's. Without one these tests are named as not run; an error on
CI."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright
from window import Opened

UNIT = Path(__file__).resolve().parents[1] / "unit"
sys.path.insert(0, str(UNIT))  # its builders and its small project

from tfparity.evidence.query import Query, Table  # noqa: E402
from tfparity.planning.options import Choice  # noqa: E402
from tfparity.planning.selection import Selection  # noqa: E402
from tfparity.report.site.build import build  # noqa: E402

#: Milliseconds that a busy machine may take for what is done at once.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Its executable; skips what asks without one, fails it where CI is set and no failed install is the reason."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        message = "not run: no Chromium here (apt-get install chromium)"
        unreachable = bool(os.environ.get("TFPARITY_NO_BROWSER"))  # see .ci/run
        if os.environ.get("CI", "").lower() in ("1", "true", "yes") and not unreachable:
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    made = playwright.chromium.launch(executable_path=chromium(), args=[*root, "--disable-gpu"])
    yield made
    made.close()


@pytest.fixture(scope="session")
def table() -> Table:
    """The committed evidence."""
    return Table(Query(Selection(Choice(toolchains=("all",), tier="all"))))


@pytest.fixture(scope="session")
def site(table: Table, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the committed evidence."""
    from tfparity.cli.site import latencies

    folder = tmp_path_factory.mktemp("built") / "site"
    build(table, latencies(table.selection), folder)
    return folder


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Opens a site in a window of its own; at the end nothing may have gone wrong on it."""
    made: list[Opened] = []

    def open_site(root: Path, **settings: object) -> Opened:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        made.append(Opened(context.new_page(), root))
        return made[-1]

    yield open_site
    for one in made:
        one.page.context.close()
    assert [fault for one in made for fault in one.wrong] == []
