"""Tests of the suite that plant something themselves, each test a plant: what they hold isn't copied here."""

from __future__ import annotations

import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from ground import Ground
from plants import Missed, NotHere, Plant, Point, Tally

ROOT = Path(__file__).resolve().parents[2]

#: Test files, or names within them, by what they are of.
SUITES: dict[tuple[str, Point], tuple[str, ...]] = {
    ("converters with a planted fault", Point.FORGED): (
        "tests/worker/test_planted_faults.py",
        "tests/worker/test_planted_targets.py",
        "tests/worker/test_last_words.py",
    ),
    ("a sandbox", Point.REACH): ("tests/worker/test_sandbox.py", "tests/worker/test_referee.py"),
    ("killed runs and workers", Point.SIGNALS): (
        "tests/worker/test_killed_runs.py",
        "tests/worker/test_orphans.py",
        "tests/end_to_end/test_signals.py",
    ),
    ("a damaged store", Point.FILES): ("tests/unit/test_store.py",),
    ("bad input from outside", Point.FILES): ("tests/end_to_end/test_bad_input.py",),
}

#: Fifty faithful converters are no plants, and a fresh process does what a fork does.
NOT = ("--deselect", "tests/worker/test_planted_faults.py::test_a_faithful_converter_always_works", "-k", "not fresh")


def _suite(files: tuple[str, ...]) -> Callable[[Ground, Tally, random.Random, int], None]:
    def function(ground: Ground, tally: Tally, chance: random.Random, times: int) -> None:
        report = ground.root / "suite.xml"
        command = [sys.executable, "-m", "pytest", *files, *NOT, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if not report.is_file():
            raise RuntimeError(done.stdout[-300:] + done.stderr[-300:])
        for test in ET.parse(report).getroot().iter("testcase"):
            tally.one(f"{test.get('classname')}.{test.get('name')}", lambda test=test: _came(test))  # type: ignore[misc]
        report.unlink()

    return function


def _came(test: ET.Element) -> None:
    for result in test:
        if result.tag in ("failure", "error"):
            raise Missed((result.get("message") or "")[:300])
        if result.tag == "skipped":
            raise NotHere(result.get("message") or "skipped")


PLANTS: tuple[Plant, ...] = tuple(
    Plant(f"suite: {name}", "tests of the suite", point, _suite(files), slow=120, whole=True)
    for (name, point), files in SUITES.items()
)
