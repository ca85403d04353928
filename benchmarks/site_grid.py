"""How fast the site's grid opens and its searches answer with 50,000 cells, in the system's Chromium.

    PYTHONPATH=src python benchmarks/site_grid.py [--cells 50000] [--keep FOLDER]

The home page is built with generated cells, all of them recorded, and opened from a file: from the navigation's start
to the first rows drawn (and painted); then searches are typed, each from its input event to its rows painted; then
questions into the search of the pages. Printed are medians and the slowest, and of searches what the page's main thread
worked, to which other programs of the machine add nothing; ends with 1 where the median of opening is over a second, or
that of any search over 100 ms.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tfparity.evidence.query import Query, Table
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.report.site import build, pages
from tfparity.report.site.collect import Facts
from tfparity.report.site.grid import Chain, Grid

#: Seconds to open, seconds for a search.
OPENS, ANSWERS = 1.0, 0.1

FAMILIES = ("torchvision", "huggingface", "operators", "blocks", "pitfalls")
SEARCHES = ("m", "model-12", "tf2.15", "broken issue-7", "huggingface works torch2.1", "nothing of that name", "")
QUESTIONS = ("gru", "TF 2.15, BERT and ResNet-50: what do I install?", "is it slower?", "e")

#: From an event to the frame after it was answered: milliseconds.
TYPED = """async ([box, text, until]) => {
  const field = document.querySelector(box), seen = () => performance.getEntriesByName('tfparity-drawn').length;
  const count = document.getElementById('found-count');
  async function type(value) {
    const before = seen(), start = performance.now();
    count.textContent = '';
    field.value = value;
    field.dispatchEvent(new Event('input', {bubbles: true}));
    while (!(until === 'drawn' ? seen() > before : count.textContent)) await new Promise(go => setTimeout(go));
    await new Promise(go => requestAnimationFrame(() => setTimeout(go)));
    return performance.now() - start;
  }
  await type('zz');  // what is there already is not drawn again
  return type(text); }"""


def generated(count: int) -> Grid:
    """A grid of about so many recorded cells: 50 ways, every case by each."""
    drawn = random.Random(0)
    toolchains = tuple(
        Chain(f"tf2.{4 + i % 18}-torch2.{i}", f"2.{4 + i % 18}", f"3.{8 + i % 6}", f"2.{i}", "1.10.0", i % 3 == 0)
        for i in range(25)
    )
    ways = tuple((chain, route) for chain in range(25) for route in (0, 1))
    cases = tuple(f"{FAMILIES[i % 5]}/model-{i}" for i in range(round(count / len(ways))))
    states = tuple("".join(drawn.choices("wrpb", (5, 3, 1, 2), k=len(cases))) for _ in ways)
    ran = tuple(
        (
            *(way, case, drawn.randrange(4), drawn.randrange(11, 19), 10.0 ** -drawn.randrange(1, 9)),
            *(drawn.randrange(5), drawn.randrange(100), drawn.random() * 60, "2026-11-20", "tflite-float32: pass", "w"),
        )
        for way in range(len(ways))
        for case in range(len(cases))
    )
    return Grid(
        toolchains,
        ("onnx-tf", "onnx-tf-dynamo"),
        (("saved-model", "tflite-float32"),) * 2,
        cases,
        tuple(range(0, len(cases), 10)),
        ways,
        states,
        ran,
        ("", "opset 12", "opset 11", "gru-handler", "squeeze-handlers, opset 14"),
        ("", *(f"issue-{i}" for i in range(99))),
        0,
        tuple(range(len(toolchains))),
        (),
    )


def write(folder: Path, grid: Grid) -> None:
    """The home page with that grid, and the real site's search."""
    found = Facts(Table(Query(Selection(Choice(toolchains=("all",), tier="all")))), {})
    home = next(pages.every(found))
    text = build.environment().get_template(home.template).render(page=home, root="", **home.values)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / home.path).write_text(text, encoding="utf-8")
    build.write_assets(folder)
    build.write_data(found, folder)
    build.write_grid(grid, folder)


class Clock:
    """What the page's main thread worked, in seconds."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def opening(page: Page, address: str) -> float:
    """Seconds from the navigation's start until the first rows are painted."""
    page.goto("about:blank")
    page.goto(f"{address}#state=all")
    page.wait_for_selector("#cells-table tbody a")
    painted = "new Promise(go => requestAnimationFrame(() => setTimeout(() => go(performance.now()))))"
    drawn: float = page.evaluate("performance.getEntriesByName('tfparity-drawn')[0].startTime")
    late: float = page.evaluate(painted)
    # what the paint itself takes is at most a frame more than from here to there
    return (drawn + min(late - drawn, 17)) / 1000


def measured(page: Page, rounds: int, once: Callable[[], float]) -> tuple[list[float], float]:
    """Seconds of every round, and how many the main thread worked in a round."""
    clock = Clock(page)
    before = clock.read()
    seconds = [once() for _ in range(rounds)]
    return seconds, (clock.read() - before) / rounds


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--cells", type=int, default=50_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the page there")
    given = asked.parse_args()
    executable = next((path for path in map(shutil.which, ("chromium", "chromium-browser")) if path), None)
    if executable is None:
        sys.exit("no Chromium here: apt-get install chromium")
    grid = generated(given.cells)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = given.keep or Path(temporary) / "site"
        write(folder, grid)
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable, args=[*root, "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        address = (folder.resolve() / "index.html").as_uri()
        opened = [opening(page, address) for _ in range(given.rounds)]
        cells = page.inner_text("#cells-count")
        page.evaluate(TYPED, ["#question", "warm", "found"])  # reads the index
        took: dict[str, tuple[list[float], float]] = {}
        for box, until, texts in (("#f-q", "drawn", SEARCHES), ("#question", "found", QUESTIONS)):
            for text in texts:
                asked_for = [box, text, until]
                once = lambda asked_for=asked_for: page.evaluate(TYPED, asked_for) / 1000  # noqa: E731
                took[f"{box} {text!r}"] = measured(page, given.rounds, once)
        browser.close()
    print(f"{cells}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {given.rounds} rounds")
    late = told("opens", opened, limit=OPENS)
    for name, seconds in took.items():
        late |= told(name, *seconds, limit=ANSWERS)
    return int(late)


def told(name: str, seconds: list[float], worked: float | None = None, *, limit: float) -> bool:
    """Print a line; whether the median is over the limit. A search's work is that of the one typed before it, too."""
    median, slowest = statistics.median(seconds) * 1000, max(seconds) * 1000
    beside = "" if worked is None else f", main thread {worked * 1000:.0f}"
    print(f"{name}: {median:.0f} ms (slowest {slowest:.0f}{beside}; limit {limit * 1000:.0f})")
    return statistics.median(seconds) > limit


if __name__ == "__main__":
    sys.exit(main())
