"""A site opened in a window of its own."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page


class Opened:
    """A page, with what went wrong on it: errors, and requests beyond the site's own files."""

    def __init__(self, page: Page, root: Path) -> None:
        self.page, self.root = page, root
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self._ask(request.url))
        page.on("dialog", lambda dialog: (self.wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))

    def _ask(self, url: str) -> None:
        if not url.startswith((self.root.as_uri(), "about:", "data:")):
            self.wrong.append(f"asks for {url}")

    def go(self, path: str) -> Page:
        """Open a page of the site anew, whatever its hash."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root.as_uri()}/{path}")
        return self.page
