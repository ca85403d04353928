"""Signals end a run as Ctrl-C does: at once, with what had ended recorded and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from folders import PLANTED, REPOSITORY, Folder

#: A run of which one cell ends and the other does not.
HANGING = ["--route", "faithful.py", "--route", "hang.py", "--jobs", "1", "--record"]


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Whoever runs these tests may have signals ignored, as nohup and a shell's background do; so would a run."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in kept:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def begun(small: Folder, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tfparity", "run", *arguments],
        env=small.environment,
        cwd=small.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def said_until(run: subprocess.Popen[str], word: str) -> None:
    """Read what a run says on its error stream until a line has that word."""
    assert run.stderr is not None
    for line in run.stderr:
        if word in line:
            return
    pytest.fail(f"it never said {word!r}")


def ended(run: subprocess.Popen[str], number: signal.Signals) -> str:
    """The last line of a run that a signal ends, at once."""
    family = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(number)
    _, errors = run.communicate(timeout=30)
    assert run.returncode == 128 + number, errors
    _, left = psutil.wait_procs(family, 5)
    assert not left
    return errors.splitlines()[-1]


@pytest.fixture
def own_cache(small: Folder, cache: Path, tmp_path: Path) -> Path:
    """A cache of this test's, in which nothing is known yet."""
    own = tmp_path / "cache"
    own.mkdir()
    (own / "environments").symlink_to((cache / "environments").resolve())
    small.environment["TFPARITY_CACHE"] = str(own)
    return own


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_and_what_had_ended_is_recorded(small: Folder, own_cache: Path, number: signal.Signals):
    small.replace("matrix.yaml", "swap-outputs.py", "hang.py")
    shutil.copy(PLANTED / "planted.py", small.root / "hang.py")
    run = begun(small, *HANGING)
    said_until(run, "[1/2]")
    while not list((own_cache / "work").glob("*/*/convert-*/log.txt")):
        time.sleep(0.05)
    time.sleep(0.5)
    assert ended(run, number) == f"tfparity: interrupted by {number.name}"
    assert list((own_cache / "work").iterdir()) == []
    recorded = (small.root / "results" / "small.json").read_text(encoding="utf-8")
    assert ("faithful.py" in recorded, '"hang.py", "verdict"' in recorded) == (True, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_all_is_imported_ends_as_one_does(number: signal.Signals):
    program = f"""
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
class Hit:
    def find_spec(self, name, path=None, target=None):
        if name == "tfparity.cli":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Hit())
from tfparity.__main__ import main
main()
"""
    source = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    ended = subprocess.run([sys.executable, "-c", program, "plan"], env=source, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (128 + number, f"tfparity: interrupted by {number.name}\n")


def test_a_run_that_waits_for_anothers_export_ends_at_once(small: Folder, own_cache: Path):
    export = "def export(model, example, case, output_axes, opset, folder):\n"
    small.replace("faithful.py", export, f"{export}    time.sleep(600)\n")
    first = begun(small, "--route", "faithful.py")
    while not list((own_cache / "work").glob("*/*/source-*/reply.json")):
        time.sleep(0.05)
    second = begun(small, "--route", "faithful.py")
    said_until(second, "importing")
    time.sleep(2)
    assert ended(second, signal.SIGINT) == "tfparity: interrupted by SIGINT"
    assert first.poll() is None
    ended(first, signal.SIGTERM)


def test_a_signal_that_is_ignored_stays_so(small: Folder, own_cache: Path):
    """As nohup has it."""
    script = """
import signal
from tfparity import signals
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signals.take()
signal.raise_signal(signal.SIGHUP)
print("on")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=small.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "on\n"
