"""What the system refuses ends a command with one line and an exit code, never with a traceback."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
import small_project

from tfparity import cli
from tfparity.errors import DiskError, TfparityError, UsageError
from tfparity.features import bundle_exchange
from tfparity.report import terminal
from tfparity.report.ending import in_a_line


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: BaseException) -> tuple[int, str]:
    """Exit code and error stream of a command that ends with this."""

    def interpreters(_: object) -> int:
        """List nothing."""
        raise wrong

    monkeypatch.setattr(cli.environments, "interpreters", interpreters)
    return cli.main(["interpreters"]), capsys.readouterr().err


def test_a_refused_path_is_named_with_the_reason(monkeypatch, capsys):
    wrong = NotADirectoryError(errno.ENOTDIR, "Not a directory", "/dev/null/x")
    assert ended(monkeypatch, capsys, wrong) == (10, "tfparity: /dev/null/x: Not a directory\n")


def test_both_paths_of_a_rename_are_named(monkeypatch, capsys):
    wrong = OSError(errno.EXDEV, "Invalid cross-device link", "here", None, "there")
    assert ended(monkeypatch, capsys, wrong) == (10, "tfparity: here → there: Invalid cross-device link\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_disk_error(monkeypatch, capsys, number):
    monkeypatch.setenv("TFPARITY_CACHE", "/mine")
    code, said = ended(monkeypatch, capsys, OSError(number, os.strerror(number), "results/small.json"))
    assert code == DiskError.exit_code
    assert said == f"tfparity: results/small.json: {os.strerror(number)}; make room: /mine is safe to delete\n"


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.EFBIG, 18, "; raise the limit of a file's size (ulimit -f)"),
        (errno.EIO, 18, "; look at the disk"),
        (errno.EMFILE, 10, ""),
        (errno.ENOMEM, 10, ""),
        (errno.EACCES, 10, ""),
    ],
)
@pytest.mark.parametrize("place", ["results/small.json", None])
def test_a_disk_that_fails_otherwise_has_its_own_remedy(monkeypatch, capsys, number, code, remedy, place):
    wrong = OSError(number, os.strerror(number), place) if place else OSError(number, os.strerror(number))
    named = f"results/small.json: {os.strerror(number)}" if place else os.strerror(number)
    output = ", where the output goes" if place is None and code == 18 else ""
    assert ended(monkeypatch, capsys, wrong) == (code, f"tfparity: {named}{output}{remedy}\n")


def test_an_error_of_the_system_without_words_has_its_name(monkeypatch, capsys):
    assert ended(monkeypatch, capsys, TimeoutError()) == (10, "tfparity: TimeoutError\n")


def test_an_error_of_ours_keeps_its_code():
    wrong = UsageError("no")
    assert in_a_line(wrong) is wrong
    assert type(in_a_line(OSError(errno.EACCES, "Permission denied"))) is TfparityError


def test_an_interruption_has_its_own_code(monkeypatch, capsys):
    assert ended(monkeypatch, capsys, KeyboardInterrupt()) == (130, "tfparity: interrupted\n")


@pytest.mark.parametrize(
    ("place", "said"),
    [("folder", "--junit folder: is a folder"), ("file/gate.xml", "--junit file/gate.xml: its folder cannot be made")],
)
def test_a_file_that_could_not_be_written_is_refused_before_the_run(tmp_path, monkeypatch, capsys, place, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(cli.commands, "carried_out", lambda *_: pytest.fail("it ran"))
    assert cli.main(["gate", "--junit", place]) == UsageError.exit_code
    assert said in capsys.readouterr().err


def test_the_folder_of_a_report_is_made_before_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    there = []

    def carried_out(*_: object) -> None:
        there.append(Path("out").is_dir())
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.commands, "carried_out", carried_out)
    assert cli.main(["gate", "--junit", "out/gate.xml"]) == 130
    assert there == [True]


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--resolve"], "to resolve and write, use --again"), (["--check", "--again"], "use --check --resolve")],
)
def test_options_of_lock_that_exclude_each_other_are_refused(capsys, options, said):
    assert cli.main(["lock", *options]) == UsageError.exit_code
    assert said in capsys.readouterr().err


#: What a terminal would obey; in a path as it may stand there.
SEQUENCE = "\x1b[2J\x1b]0;owned\x07\u202e"


def _case_file(tmp_path: Path, _: pytest.MonkeyPatch) -> list[str]:
    file = tmp_path / "evil.py"
    file.write_text(f"raise ValueError({SEQUENCE!r} + 'evil')\n")
    return ["plan", "--cases", str(file)]


def _path_of_cases(tmp_path: Path, _: pytest.MonkeyPatch) -> list[str]:
    return ["plan", "--cases", str(tmp_path / f"{SEQUENCE}evil.py")]


def _folder_of_bundles(tmp_path: Path, _: pytest.MonkeyPatch) -> list[str]:
    return ["bundles", "run", str(tmp_path / f"{SEQUENCE}evil")]


def _exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    def exported(asked: Any, _: Path, told: Any) -> int:
        told(asked.cells[0]._replace(case=f"{SEQUENCE}evil"), 13, f"{SEQUENCE}evil")
        return 0

    monkeypatch.setattr(bundle_exchange, "export", exported)
    return ["bundles", "export", str(tmp_path / f"{SEQUENCE}evil")]


def _handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    named = replace(small_project.record("add", builders.attempt()), case=f"{SEQUENCE}evil")
    monkeypatch.setattr(bundle_exchange, "read", lambda *_: [named])
    monkeypatch.setattr(bundle_exchange, "target", lambda *_: ("old", None))
    monkeypatch.setattr(bundle_exchange, "run", lambda *_: iter([named]))
    return ["bundles", "run", str(tmp_path)]


def _cause(_: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    def recommend(_: object) -> int:
        """Say a rule's cause."""
        cause = builders.rule("mine", cause=f"{SEQUENCE}evil")
        broken = small_project.record("add", builders.broken())
        terminal.show(cli.commands.console(), [broken], lambda _: cause)
        return 0

    monkeypatch.setattr(cli.environments, "interpreters", recommend)
    return ["interpreters"]


@pytest.mark.parametrize(
    "hostile",
    [_case_file, _path_of_cases, _folder_of_bundles, _exported, _handed_on, _cause],
    ids=lambda one: one.__name__,
)
def test_no_sequence_of_others_reaches_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hostile: Any
) -> None:
    small_project.make(tmp_path / "project", monkeypatch)
    arguments = hostile(tmp_path, monkeypatch)
    cli.main(arguments)
    said = "".join(capsys.readouterr())
    assert "evil" in said
    assert all(character.isprintable() or character == "\n" for character in said)
