"""An upgrade from the command line: converters that turn faulty with HEAD's Python, each under its word and code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from folders import CASES, LIMITATIONS, PLANTED, REPOSITORY, Folder, several, variables
from test_action import ACTION, environment_of

#: What each route does from Python 3.12 on → the word for it, its code, and what is said.
TURNS = {
    "faithful": ("same", 0, ""),
    "drift": ("less-exact", 38, "grade 1e-5 instead of float32-noise"),
    "freeze-batch": ("regressed", 30, "axis 'batch' is lost"),
    "die-by-signal": ("regressed", 30, "ended by SIGSEGV"),
}

MATRIX = """\
schema: 1
default: base
toolchains:
  - {id: base, python: "3.11", as-of: 2026-11-20, pins: {numpy: 2.3.5}, routes: {BASE}}
  - {id: head, python: "3.12", as-of: 2026-11-20, pins: {numpy: 2.3.5}, routes: {HEAD}}
"""

GONE = '''

@case("planted/gone", inputs=IMAGES, outputs=["z_scores", "attention"], tags={"smoke"})
def gone():
    """As net, and gone later."""
    return net()
'''


@pytest.fixture
def two(tmp_path: Path, cache: Path) -> Folder:
    """Two toolchains that differ in their Python, and a route for each of TURNS."""
    root = tmp_path / "project"
    for folder in ("cases", "lockfiles"):
        (root / folder).mkdir(parents=True)
    planted = (PLANTED / "planted.py").read_text(encoding="utf-8")
    always = "FAULT = os.path.basename(__file__)[:-3]"
    assert always in planted
    turning = planted.replace(always, f'{always} if sys.version_info >= (3, 12) else "faithful"')
    for name in TURNS:
        (root / f"{name}.py").write_text(turning, encoding="utf-8")
    matrix = MATRIX
    for id, version in (("base", "3.11"), ("head", "3.12")):
        matrix = matrix.replace(id.upper(), ", ".join(f"{name}.py: {id}" for name in TURNS))
        shutil.copy(PLANTED / "lockfiles" / f"numpy-py{version}.txt", root / "lockfiles" / f"{id}.txt")
    (root / "matrix.yaml").write_text(matrix, encoding="utf-8")
    (root / "cases" / "planted_cases.py").write_text(CASES, encoding="utf-8")
    (root / "limitations.yaml").write_text(LIMITATIONS, encoding="utf-8")
    return Folder(root, variables(root, cache))


@pytest.fixture
def recorded(two: Folder) -> Folder:
    """Both toolchains recorded, with a case that is then no more."""
    cases = two.root / "cases" / "planted_cases.py"
    cases.write_text(CASES + GONE, encoding="utf-8")
    done = two.run("run", "--record", "--toolchain", "all")
    assert done.returncode in (0, 1), done.stderr  # a limitation for the crash there is none
    cases.write_text(CASES, encoding="utf-8")
    return two


def test_planted_regressions_have_their_word_and_code(recorded: Folder) -> None:
    for route, (word, code, why) in TURNS.items():
        only = ("--route", f"{route}.py", "--case", "planted/net")
        done = recorded.run("upgrade", "base", "head", *only, "--json", f"{route}.json")
        assert done.returncode == code, done.stdout + done.stderr
        said = json.loads((recorded.root / f"{route}.json").read_text())
        assert {kind: count for kind, count in said["counts"].items() if count} == {word: 1}
        assert [why in cell["message"] for group in said["groups"] for cell in group["cells"]] == [True] * bool(code)
        assert done.stdout.splitlines()[-1].startswith(f"upgrade: exit code {code}")
    done = recorded.run("upgrade", "base", "head", "--route", "faithful.py")
    assert done.returncode == 31, done.stdout + done.stderr
    assert "planted/gone" in done.stdout
    # To itself nothing changes, in under a minute.
    began = time.monotonic()
    done = recorded.run("upgrade", "base", "base", "--case", "planted/net")
    assert (done.returncode, time.monotonic() - began < 60) == (0, True), done.stdout + done.stderr
    assert done.stdout.startswith("Nothing changes on base: 4 cells known on both sides, all the same.")
    # Nor in runs after each other, whose flaky cells the next gate takes.
    again = ("--case", "planted/net", "--repeat", "2", "--flaky", "flaky.yaml")
    done = recorded.run("upgrade", "base", "base", *again)
    assert (done.returncode, done.stderr.count("again, to see whether it repeats")) == (0, 2), done.stdout + done.stderr
    assert (recorded.root / "flaky.yaml").read_text() == "[]\n"
    done = recorded.run("gate", "--toolchain", "base", "--case", "planted/net")
    assert (done.returncode, "quarantine" in done.stdout) == (31, False), done.stdout  # planted/gone alone


def test_what_is_not_recorded_is_run_and_a_difference_again(two: Folder) -> None:
    asked = ("upgrade", "base", "head", "--run", "--route", "faithful.py", "--route", "freeze-batch.py")
    done = two.run(*asked, "--retry", "again.txt")
    assert done.returncode == 30, done.stdout + done.stderr
    assert "4 cells to run" in done.stderr
    assert "again, to see whether it repeats: 2 cells to run" in done.stderr
    listed = (two.root / "again.txt").read_text().splitlines()
    assert listed[1:] == ["planted/net freeze-batch.py"]
    done = two.run("upgrade", "base", "head", "--run", "--case", "@again.txt")
    assert done.returncode == 30, done.stdout + done.stderr
    assert not (two.root / "results").exists()


def test_models_of_ones_own_are_compared_and_kept_in_ones_own_folder(two: Folder) -> None:
    (two.root / "own.py").write_text(CASES.replace("planted/net", "mine/net"), encoding="utf-8")
    asked = ("upgrade", "base", "head", "--cases", "own.py", "--results", "mine", "--route", "freeze-batch.py")
    for run in ((), ("--run",), ()):
        done = two.run(*asked, *run)
        known = bool(run) or (two.root / "mine").exists()
        assert done.returncode == (30 if known else 41), done.stdout + done.stderr
    assert {path.name for path in (two.root / "mine").glob("*.json")} == {"base.json", "head.json"}
    assert not (two.root / "results").exists()
    assert "mine/net" in done.stdout


#: In the place of python in the action's steps: what nox does for them, without an environment of its own.
NOX = """\
#!/bin/sh
[ "$2" = pip ] && exit 0
cd "$(dirname "$4")" && shift 7 && {python} -m tfparity gate "$@" || exit 1
"""


@dataclass
class Shop:
    """A scratch repository with three models of its own, beside a checkout of the action."""

    root: Path
    action: Folder

    def gate(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """The steps of action.yml in it, one after the other, as GitHub runs them."""
        stand_in = self.root.parent / "bin" / "python"
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(NOX.format(python=sys.executable), encoding="utf-8")
        stand_in.chmod(0o755)
        given = {"cases": "models.py", "results": "conversions", "toolchain": "base", **inputs}
        of_github = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.root),
            "GITHUB_OUTPUT": str(self.root.parent / "output"),
            "GITHUB_STEP_SUMMARY": str(self.root.parent / "summary.md"),
            "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        }
        for step in (step for step in ACTION["runs"]["steps"] if "run" in step):
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                env={**self.action.environment, **of_github, **environment_of(step, self.action.root, given)},
                cwd=self.root,
                capture_output=True,
                text=True,
                timeout=300,
            )
            if done.returncode:
                break
        return done


@pytest.fixture
def shop(two: Folder, tmp_path: Path) -> Shop:
    for name in ("noxfile.py", "requirements.txt"):
        shutil.copy(REPOSITORY / name, two.root / name)
    made = Shop(tmp_path / "my shop", two)
    made.root.mkdir()
    (made.root / "models.py").write_text(several(["rings", "hats", "coats"]), encoding="utf-8")
    return made


def test_a_repository_with_models_of_its_own_gates_itself_and_gets_its_upgrade_report(shop: Shop) -> None:
    routes = "--route=freeze-batch.py"
    done = shop.gate(options=f"{routes}\n--update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"digest=[0-9a-f]{16}\n+", (shop.root.parent / "output").read_text())
    recorded = json.loads((shop.root / "conversions" / "base.json").read_text())
    assert [cell["verdict"] for cell in recorded["cells"]] == ["works"] * 3
    done = shop.gate(options=routes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gate: nothing moved in 3 cells" in done.stdout
    assert "planted/hats" in (shop.root.parent / "summary.md").read_text()
    assert (shop.root / "reports" / "tfparity.xml").is_file()
    # What the next toolchain does to them.
    asked = ("--cases", str(shop.root / "models.py"), "--results", str(shop.root / "conversions"))
    report = shop.root / "upgrade.md"
    only = ("--route", "freeze-batch.py", "--markdown", str(report))
    done = shop.action.run("upgrade", "base", "head", "--run", *asked, *only)
    assert done.returncode == 30, done.stdout + done.stderr
    assert done.stdout.startswith("head is worse for 3 models: of 3 cells known on both sides, 3 regressed")
    assert all(f"planted/{name}" in report.read_text() for name in ("rings", "hats", "coats"))
    # A model that is no more, at its place in the workflow.
    (shop.root / "models.py").write_text(several(["rings", "hats"]), encoding="utf-8")
    done = shop.gate(options=routes)
    assert done.returncode == 1
    assert "::error title=missing%3A base/planted/coats/freeze-batch.py::" in done.stdout
    assert "gate: 1 finding, exit code 31, missing: " in done.stdout
    assert not (shop.action.root / "results").exists()


def test_what_is_asked_wrongly_is_told_in_a_line(two: Folder) -> None:
    for words, said in (
        (("heat",), "did you mean 'head'"),
        (("head", "--case", "@none.txt"), "none.txt: cannot be read"),
        (("head", "--json", "."), "is a folder"),
    ):
        done = two.run("upgrade", "base", *words)
        assert done.returncode == 2, done.stdout + done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


# A HEAD that no matrix names, and who is to blame. These ask the package index.

NUMPIES = """\
schema: 1
default: base
toolchains:
  - {id: base, python: "3.11", as-of: 2026-11-20, pins: {numpy: 1.26.4}, routes: {freeze-batch.py: base}}
  - {id: head, python: "3.11", as-of: 2026-11-20, pins: {numpy: 2.0.2}, routes: {freeze-batch.py: head}}
"""


@pytest.fixture
def numpies(two: Folder) -> Folder:
    """Two toolchains that differ in numpy, from 2.0 on of which the converter freezes the batch."""
    route = two.root / "freeze-batch.py"
    turns = "sys.version_info >= (3, 12)"
    text = route.read_text(encoding="utf-8")
    assert turns in text
    known = '__import__("importlib.metadata").metadata.version("numpy").startswith("2")'
    route.write_text(text.replace(turns, known), encoding="utf-8")
    (two.root / "matrix.yaml").write_text(NUMPIES, encoding="utf-8")
    for lockfile in (two.root / "lockfiles").iterdir():
        lockfile.unlink()
    locked = two.run("lock")
    assert locked.returncode == 0, locked.stderr
    return two


def test_an_unnamed_head_is_resolved_and_run_on_the_spot(numpies: Folder) -> None:
    done = numpies.run("upgrade", "base", "numpy==2.0.2", "--html", "up.html")
    assert done.returncode == 30, done.stdout + done.stderr
    assert done.stdout.startswith("base with numpy==2.0.2 is worse for 1 model")
    assert re.search(r"\n2 cells to run: about .*, with \d environments? to install \(.*GB\)\n", done.stderr)
    done = numpies.run("upgrade", "base", "numpy==2.0.2", "tensorflow==2.15.1")
    assert done.returncode == 37, done.stdout + done.stderr
    assert "numpy>=1.23.5,<2.0.0" in done.stdout
    done = numpies.run("upgrade", "base", "numpy==99")
    assert (done.returncode, done.stdout) == (2, "")
    assert "numpy==99: the index has no such version of numpy as of " in done.stderr
    (numpies.root / "requirements.txt").write_text("numpy<2\n-e .\n")
    done = numpies.run("upgrade", "base", "requirements.txt")
    assert (done.returncode, done.stdout) == (22, "")
    assert "requirements.txt:2: -e is not taken" in done.stderr
    assert not (numpies.root / "results").exists()


def test_bisect_names_the_package_and_its_first_bad_release(numpies: Folder) -> None:
    asked = ("bisect", "base", "head", "--case", "planted/net", "--route", "freeze-batch.py")
    done = numpies.run(*asked)
    assert done.returncode == 0, done.stdout + done.stderr
    cost, said, works, fails, again = done.stdout.splitlines()
    assert "1 differs: 1 to 8 mixtures" in cost
    assert said == ("planted/net by freeze-batch.py fails from numpy 2.0.0 on (numpy 1.26.4 is the last that works).")
    assert works.endswith("lockfiles/base.txt")
    assert "adhoc_" in fails
    assert again.endswith("upgrade -- base numpy==2.0.0 --case planted/net --route freeze-batch.py")
