"""pytest's front and nox's menu: what is selected is what runs, and outcomes say what happened."""

import os
import re
import subprocess
import sys

import pytest
from folders import REPOSITORY, Folder

from tfparity.inputs import matrix


def test_cells_end_as_tests_do_and_a_table_follows(small: Folder):
    done = small.pytest("-rxs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1 passed, 2 skipped, 2 xfailed", done.stdout)
    assert "XFAIL" in done.stdout
    assert "swapped" in done.stdout
    assert re.search(r"✓ works\b", done.stdout)
    assert re.search(r"✗ broken\b.*The planted converter swaps its outputs\.", done.stdout), done.stdout
    assert "Remedy" not in done.stdout  # none is known
    assert "5 cells: 1 works, 1 partly, 1 broken, 2 not applicable" in done.stdout
    assert "3 cells to run" in done.stdout


def test_a_failure_without_a_rule_fails_and_names_stage_and_reason(small: Folder):
    (small.root / "limitations.yaml").write_text("[]\n")
    done = small.pytest("-k", "swap")
    assert done.returncode == 1
    assert "is broken and no limitation says why" in done.stdout
    assert "parity: Diverged" in done.stdout
    assert "Traceback" not in done.stdout


def test_only_what_is_selected_runs(small: Folder):
    done = small.pytest("-k", "freeze", "--record")
    assert done.returncode == 0, done.stdout + done.stderr
    recorded = (small.root / "results" / "small.json").read_text()
    assert "freeze-batch.py" in recorded
    assert '"route": "faithful.py"' not in recorded


def test_a_second_run_does_nothing_again(small: Folder):
    assert small.pytest().returncode == 0
    done = small.pytest()
    assert done.stderr.count("done before") == 3


def test_nothing_is_left_in_the_home_folder(small: Folder, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "ORT_DISABLE_TELEMETRY"):
        small.environment.pop(name, None)
    assert small.run("run", "--again", "--case", "planted/net", HOME=str(home)).returncode in (0, 1)
    assert list(home.rglob("*")) == []


def test_a_budget_leaves_cells_untested(small: Folder):
    done = small.pytest("--budget", "0s", "--again", "-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 skipped" in done.stdout
    assert "untested: the budget was spent" in done.stdout


def test_collecting_runs_nothing(small: Folder):
    done = small.pytest("--collect-only", "-q")
    assert done.returncode == 0
    assert "test_cell[small/planted/net/faithful.py]" in done.stdout
    assert "works" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--toolchain", "smal"], "did you mean 'small'", 2),
        (["--case", "nothing/*"], "no case matches", 2),
        (["--jobs", "0"], "1 or more", 4),
        (["--budget", "soon"], "is no duration", 4),
    ],
)
def test_an_option_that_cannot_be_is_said_in_a_line(small: Folder, arguments, said, code):
    done = small.pytest(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def nox(*arguments: str) -> str:
    # Without the COLUMNS that reading a terminal's line sets in pytest's own environment.
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "nox", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_menu_has_a_session_per_toolchain_and_a_line_for_each():
    menu = nox("--list")
    declared = matrix.load(REPOSITORY / "matrix.yaml").toolchains
    assert len(declared) >= 14
    for toolchain in declared:
        assert f"compat({toolchain})" in menu
    for name in ("compat", "gate", "table", "lock", "latency", "tests", "end-to-end", "lint"):
        assert re.search(rf"^[*-] {re.escape(name)} -> \S", menu, re.MULTILINE)


def test_any_command_runs_in_a_clone():
    assert "usage: python -m tfparity" in nox("-s", "tfparity", "--", "--help")
    assert re.search(
        r"^operators/gelu ", nox("-s", "tfparity", "--", "cases", "--case", "operators/gelu"), re.MULTILINE
    )


def test_what_a_python_lacks_is_said_with_what_to_do(small: Folder):
    done = subprocess.run(
        [sys.executable, "-S", "-m", "tfparity", "cases"],  # -S: without what is installed
        env={**small.environment, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"tfparity: \S+ has no [\w.]+: in a clone, `python -m nox -s tfparity -- COMMAND`.*\n", done.stderr
    )


def test_a_toolchain_is_selected_by_its_exact_name():
    chosen = [line for line in nox("--list", "-s", "compat(tf2.12-torch1.13)").splitlines() if line.startswith("*")]
    assert len(chosen) == 1
    assert chosen[0].startswith("* compat(tf2.12-torch1.13) ")


def test_a_bare_compat_is_one_session():
    assert sum(line.startswith("* ") for line in nox("--list", "-s", "compat").splitlines()) == 1
