"""Where output goes: closed, full, in another encoding than UTF-8. No traceback, and a code that is true."""

from __future__ import annotations

import subprocess
import sys

import pytest
from folders import Folder

PRINTING = ("--help", "plan --help", "plan", "cases", "cases --json")
#: A command, and what it ends with where its output can be written.
COMMANDS = [*((command, 0) for command in PRINTING), ("plan --toolchain none", 2)]


def ended(small: Folder, arguments: str, redirected: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command under a shell's redirections. Its output is buffered, as it is for who doesn't say otherwise."""
    given = {name: value for name, value in small.environment.items() if name != "PYTHONUNBUFFERED"}
    command = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-m", "tfparity", *arguments.split()]
    done = subprocess.run(
        command,
        cwd=small.root,
        env={**given, **variables},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(("arguments", "code"), COMMANDS)
@pytest.mark.parametrize("redirected", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_stream_that_is_closed_changes_no_code(small: Folder, arguments: str, code: int, redirected: str):
    assert ended(small, arguments, redirected).returncode == code


@pytest.mark.parametrize("arguments", PRINTING)
def test_output_that_finds_no_room_is_a_full_disk(small: Folder, arguments: str):
    done = ended(small, arguments, ">/dev/full")
    assert done.returncode == 18
    assert done.stderr == "tfparity: No space left on device, where the output goes\n"


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_reader_that_went_away_is_no_error(small: Folder, arguments: str):
    assert ended(small, arguments, "| true").stderr == ""


@pytest.mark.parametrize(
    "variables",
    [
        *({"PYTHONIOENCODING": name} for name in ("ascii", "latin-1", "cp1252", "ascii:strict")),
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("arguments", "code"), COMMANDS)
def test_every_encoding_can_be_written(small: Folder, arguments: str, code: int, variables: dict[str, str]):
    assert ended(small, arguments, "", **variables).returncode == code


def test_a_relative_cache_of_the_users_is_not_taken(small: Folder):
    """Its specification asks so; it would lie in another folder for every command, and for workers."""
    variables = {"XDG_CACHE_HOME": "relative", "TFPARITY_CACHE": "", "HOME": str(small.root)}
    assert ended(small, "plan", "", **variables).returncode == 0
    assert not (small.root / "relative").exists()
