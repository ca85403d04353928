"""Pictures of the built site for docs/site/, below 100 kB each.

PYTHONPATH=src python tests/site/screenshots.py [build/site]
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "site"
LARGEST = 100_000

#: Name → page, width and height, colours, what is typed into the search.
SHOTS = {
    "home": ("index.html", (960, 420), "light", ""),
    "question": ("index.html", (1100, 420), "light", "TF 2.15, BERT and ResNet-50: what do I install?"),
    "grid": ("index.html#state=ran&q=gru&sort=verdict%3Aasc", (1100, 560), "light", ""),
    "cell": ("index.html#state=ran&cell=tf2.15-torch2.15%2Foperators%2Fgru%2Fonnx-tf", (900, 600), "dark", ""),
    "phone": ("cases/huggingface/bert.html", (360, 640), "light", ""),
}


def shoot(browser: Browser, site: Path, name: str) -> Path:
    """One picture."""
    path, (width, height), scheme, typed = SHOTS[name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{site.resolve().as_uri()}/{path}")
    if typed:
        page.fill("#question", typed)
        page.wait_for_selector("#found li")
    if "cell=" in path:
        page.wait_for_selector("dialog[open] dl")
    elif "state=" in path:
        page.wait_for_selector("#cells-table tbody tr")
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    page.close()
    return file


def main() -> int:
    site = Path(sys.argv[1] if len(sys.argv) > 1 else "build/site")
    executable = shutil.which("chromium")
    if executable is None or not (site / "index.html").is_file():
        sys.exit("needs a Chromium and a built site: apt-get install chromium; python -m nox -s site")
    FOLDER.mkdir(parents=True, exist_ok=True)
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*root, "--disable-gpu"])
        made = [shoot(browser, site, name) for name in SHOTS]
        browser.close()
    for file in made:
        print(f"{file}: {file.stat().st_size:,} bytes")
    return int(any(file.stat().st_size >= LARGEST for file in made))


if __name__ == "__main__":
    sys.exit(main())
