"""What is new on a planned index: said, tried over the newest toolchain that pins it, and proposed for matrix.yaml."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import small_project

from tfparity import cli
from tfparity.environments import changed, install, interpreters, lock, news, uv_command
from tfparity.environments.changed import Resolver
from tfparity.environments.uv_command import Completed
from tfparity.errors import NetworkError, UsageError
from tfparity.features.session import Session
from tfparity.features.upgrade import proposal
from tfparity.features.upgrade.scout import FOUND
from tfparity.inputs import matrix
from tfparity.paths import Cache, Project
from tfparity.records.cells import Attempt, CellRecord, PlannedCell
from tfparity.records.vocabulary import Verdict

REAL_STATUS = lock.status

MATRIX = """\
schema: 1
default: tf2.15-torch2.6
environments:
  - {id: source-torch2.6, python: "3.11", as-of: 2026-03-20, pins: {torch: 2.6.0, torchvision: 0.21.0, onnx: 1.17.0}}
  - {id: target-tf2.14, python: "3.11", as-of: 2026-03-20, pins: {tensorflow: 2.14.1, onnx: 1.16.0, onnx-tf: 1.10.0}}
# The runtimes.
runtimes:
  - {id: run-tf, python: "3.11", as-of: 2026-03-20, pins: {tensorflow: 2.14.1}, runs: [saved-model]}
toolchains:
  - {id: tf2.10-torch1.12, python: "3.10", as-of: 2022-11-15, pins: {torch: 1.12.1, tensorflow: 2.10.0, keras: "2.8"}}
  - id: tf2.15-torch2.6          # the newest
    python: "3.11"
    as-of: 2026-03-20
    shims: [legacy-keras]
    routes: {hf-from-pt: tf2.15-torch2.6}
    pins:
      torch: 2.6.0
      torchvision: 0.21.0
      onnx: 1.16.0
      onnx-tf: 1.10.0
      tensorflow: 2.15.1
      numpy: 1.26.4
    overrides: ["tensorflow-addons; python_version < '3'"]
  - {id: tf2.14-split, source: source-torch2.6, routes: {onnx-tf: target-tf2.14}}
"""

#: When the index got what.
RELEASES = {
    "torch": {"2.6.0": "2025-01-29", "2.7.1": "2026-06-04"},
    "torchvision": {"0.21.0": "2025-01-29", "0.22.1": "2026-06-04"},
    "onnx-tf": {"1.10.0": "2022-03-17"},
    "onnx": {"1.16.0": "2024-03-25", "1.17.0": "2024-10-01", "1.18.0": "2026-05-12"},
    "tensorflow": {"2.15.1": "2024-03-08"},
    "numpy": {"1.26.4": "2024-02-06", "2.2.0": "2024-12-08"},
    "keras": {"2.8": "2022-02-01", "3.0": "2023-11-28"},
}

TODAY = "2026-11-01"


class Index:
    """uv over RELEASES. offline: it does not answer; conflict: what a resolution is refused with; unbuilt: a
    requirement that does not build."""

    def __init__(self) -> None:
        self.offline = False
        self.conflict: str | None = None
        self.unbuilt: str | None = None

    def __call__(self, command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
        if self.offline:
            return Completed(2, "", "error: Failed to fetch: dns error")
        day = command[command.index("--exclude-newer") + 1]
        asked = stdin.split()
        if self.unbuilt in asked:
            return Completed(1, "", f"error: Failed to build {self.unbuilt}")
        if "--output-file" not in command and all("==" in name for name in asked):
            return Completed(0, "", "")
        newest = {name: self._newest(name, day) for name in asked if "==" not in name}
        if "--output-file" not in command:
            if None in newest.values():
                return Completed(1, "", "No solution found when resolving dependencies")
            return Completed(0, "".join(f"{name}=={version}\n" for name, version in newest.items()), "")
        if self.conflict:
            return Completed(1, "", f"error: No solution found when resolving dependencies\n  cause: {self.conflict}")
        lines = [f"{name}=={newest[name]}" if name in newest else name for name in asked]
        path = Path(command[command.index("--output-file") + 1])
        path.write_text("".join(f"{line} --hash=sha256:aa\n" for line in lines))
        return Completed(0, "", "")

    def _newest(self, name: str, day: str) -> str | None:
        there = [version for version, came in RELEASES[name].items() if came < day]
        return there[-1] if there else None


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    made = Index()
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    monkeypatch.setattr(uv_command, "run", made)
    monkeypatch.setattr(changed, "yesterday", lambda: datetime.date.fromisoformat(TODAY))
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Index) -> Project:
    """Of that matrix, locked at its pins; what runs works, and is run by nobody."""
    made = small_project.make(tmp_path, monkeypatch)
    made.matrix.write_text(MATRIX)
    monkeypatch.setattr(lock, "status", REAL_STATUS)
    made.lockfiles.mkdir()
    for environment in matrix.load(made.matrix).locked.values():
        lines = "".join(f"{line} --hash=sha256:aa\n" for line in environment.asked())
        lock.write(made.lockfiles, environment, lock.Resolved(lines, None))
    return made


@pytest.fixture
def resolver(project: Project, tmp_path: Path, index: Index) -> Resolver:
    return Resolver(project, Cache(tmp_path / "cache"), datetime.date.fromisoformat(TODAY), run=index)


def runs(monkeypatch: pytest.MonkeyPatch, *attempts: Attempt, only: str = "adhoc_") -> list[str]:
    """Cells come to these attempts on toolchains whose id begins so, and work on others; the cells that ran."""
    asked: list[str] = []

    def ran(session: Session, cells: Sequence[PlannedCell], *, again: bool = False) -> list[CellRecord]:
        made = []
        for cell in cells:
            asked.append(cell.id)
            for environment in session.environments([cell]):
                locked = session.selection.keys.locked(environment)
                folder = install.place(environment, locked, session.selection.cache)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / install.COMPLETE).touch()
            mine = attempts if cell.toolchain.startswith(only) else ()
            record = builders.record(cell.case, *mine, toolchain=cell.toolchain, route=cell.route)
            assert record.cell is not None
            key = session.selection.keys.cell(cell, record.cell)
            made.append(replace(record, cell=replace(record.cell, key=key)))
        return made

    monkeypatch.setattr(cli.commands, "ran", ran)
    return asked


def found(resolver: Resolver, *toolchains: str) -> dict[str, news.News]:
    declared = matrix.load(resolver.project.matrix)
    return {one.package: one for one in news.news(declared, toolchains or declared.toolchains, resolver)}


def scout(*words: str) -> int:
    return cli.main(["scout", *words])


# What is new


def test_what_came_after_the_newest_toolchain_is_new_and_what_was_there_is_held(resolver: Resolver) -> None:
    said = found(resolver)
    assert {name: (one.version, one.held) for name, one in said.items()} == {
        "torch": ("2.7.1", False),
        "onnx": ("1.18.0", False),
        "numpy": ("2.2.0", True),
        "keras": ("3.0", True),
    }
    assert (said["torch"].pinned, said["torch"].base) == ("2.6.0", "tf2.15-torch2.6")
    assert said["onnx"].base == "tf2.14-split"


def test_of_some_toolchains_alone_their_own_pins_and_days_count(resolver: Resolver) -> None:
    said = found(resolver, "tf2.10-torch1.12")
    assert {name: (one.version, one.held) for name, one in said.items()} == {
        "torch": ("2.7.1", False),
        "tensorflow": ("2.15.1", False),
        "keras": ("3.0", False),
    }


def test_a_package_that_the_index_has_not_fails_no_other(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RELEASES, "numpy", {})
    assert set(found(resolver)) == {"torch", "onnx", "keras"}


def test_a_package_that_does_not_build_is_told_and_fails_no_other(
    project: Project, index: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index.unbuilt = "onnx"
    assert scout("--list") == FOUND
    said = capsys.readouterr()
    assert "torch 2.7.1 is new" in said.out
    assert said.err == "uv could not list the releases of onnx: error: Failed to build onnx\n"
    runs(monkeypatch)
    index.unbuilt = "torch==2.7.1"
    assert scout() == FOUND
    said = capsys.readouterr()
    assert (
        "tf2.15-torch2.6 with torch 2.7.1 cannot be resolved:\n  uv could not resolve tf2.15-torch2.6 with torch==2.7.1"
        in said.out
    )
    assert said.out.splitlines()[-1].endswith(": tf2.14-split-onnx1.18.0")


@pytest.mark.parametrize("words", [(), ("--list",), ("--package", "torch")])
def test_without_an_index_there_is_one_message(
    project: Project, index: Index, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    index.offline = True
    assert scout(*words) == NetworkError.exit_code
    said = capsys.readouterr()
    assert said.err.startswith("tfparity: the package index cannot be reached to list the releases of ")
    assert (said.err.count("\n"), said.out) == (1, "")


def test_a_list_tries_nothing_and_its_code_says_whether_something_is_new(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = runs(monkeypatch)
    assert scout("--list") == FOUND
    said = capsys.readouterr().out
    assert "torch 2.7.1 is new: 2.6.0 is pinned, tf2.15-torch2.6 would take it" in said
    assert "not tried unless --package names it: keras 3.0 (pinned: 2.8), numpy 2.2.0 (pinned: 1.26.4)" in said
    monkeypatch.setitem(RELEASES, "torch", {"2.6.0": "2025-01-29"})
    monkeypatch.setitem(RELEASES, "torchvision", {"0.21.0": "2025-01-29"})
    monkeypatch.setitem(RELEASES, "onnx", {"1.17.0": "2024-10-01"})
    assert scout("--list") == 0
    assert asked == []


def test_a_package_that_no_toolchain_pins_is_refused_with_the_one_that_is_meant(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scout("--package", "tourch") == UsageError.exit_code
    assert "did you mean 'torch'?" in capsys.readouterr().err


# Tried and proposed


def test_a_candidate_is_run_held_against_its_base_and_proposed(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = runs(monkeypatch)
    page = tmp_path / "scout.md"
    assert scout("--package", "torch", "--markdown", str(page)) == FOUND
    said = capsys.readouterr()
    assert "1 candidate: 2 environments to install" in said.err
    assert {id.partition("/")[0][:6] for id in asked} == {"tf2.15", "adhoc_"}
    assert "Nothing changes on tf2.15-torch2.6 with torch 2.7.1" in said.out
    assert "Changes: torch 2.6.0 → 2.7.1, torchvision 0.21.0 → 0.22.1." in said.out
    assert said.out.splitlines()[-1] == "scout: exit code 42, something new for matrix.yaml: tf2.15-torch2.7"
    assert "  - id: tf2.15-torch2.7\n    python: '3.11'\n    as-of: 2026-11-01\n" in page.read_text()
    assert project.matrix.read_text() == MATRIX
    assert not list((tmp_path / "cache" / "environments").glob("adhoc_*/*"))


def test_its_environments_stay_where_they_are_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs(monkeypatch)
    scout("--package", "torch", "--keep-environments")
    assert list((tmp_path / "cache" / "environments").glob("adhoc_*/*"))


def test_what_breaks_is_proposed_with_its_reason_and_what_does_not_import_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(monkeypatch, builders.broken())
    assert scout("--package", "torch") == FOUND
    assert "worse for" in (said := capsys.readouterr().out)
    assert "tf2.15-torch2.7" in said
    runs(monkeypatch, builders.attempt(None, "import", "fail", "No module named 'x'", "ModuleNotFoundError"))
    assert scout("--package", "onnx") == 0
    assert "No proposal: its packages do not install or import." in capsys.readouterr().out


def test_what_does_not_resolve_is_told_by_the_resolvers_reason_and_not_run(
    project: Project, index: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, index.conflict = runs(monkeypatch), "torch 2.7.1 wants another numpy"
    assert scout("--package", "torch") == 0
    said = capsys.readouterr().out
    assert "tf2.15-torch2.6 with torch 2.7.1 cannot be resolved:\n  torch 2.7.1 wants another numpy" in said
    assert asked == []


def test_what_is_proposed_goes_into_the_matrix_with_the_lock_that_was_tried(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch)
    assert scout("--write") == FOUND
    text = project.matrix.read_text()
    assert "  - id: tf2.15-torch2.6          # the newest\n" in text
    assert text.index("source-torch2.6-onnx1.18.0") < text.index("# The runtimes.\nruntimes:")
    declared = matrix.load(project.matrix)
    torch, onnx = declared.toolchains["tf2.15-torch2.7"], declared.toolchains["tf2.14-split-onnx1.18.0"]
    environment = declared.environments["tf2.15-torch2.7"]
    assert list(environment.pins) == ["torch", "torchvision", "onnx", "onnx-tf", "tensorflow", "numpy"]
    assert (environment.pins["torch"], environment.pins["torchvision"]) == ("2.7.1", "0.22.1")
    assert (environment.shims, environment.as_of.isoformat()) == (("legacy-keras",), TODAY)
    assert torch.routes["hf-from-pt"] == "tf2.15-torch2.7"
    assert (onnx.source, onnx.routes) == (
        "source-torch2.6-onnx1.18.0",
        {"onnx-tf": "target-tf2.14-onnx1.18.0"},
    )
    assert lock.check(project, declared) == []


def test_a_matrix_into_which_nothing_can_be_put_stays_as_it_is(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = "{torch: 2.6.0, onnx: 1.17.0, onnx-tf: 1.10.0, tensorflow: 2.15.1}"
    one = f"toolchains: [{{id: a, python: '3.11', as-of: 2026-03-20, pins: {pins}}}]"
    project.matrix.write_text(written := f"schema: 1\ndefault: a\n{one}\n")
    (environment,) = matrix.load(project.matrix).environments.values()
    lines = "".join(f"{line} --hash=sha256:aa\n" for line in environment.asked())
    lock.write(project.lockfiles, environment, lock.Resolved(lines, None))
    runs(monkeypatch)
    assert scout("--write") == UsageError.exit_code
    assert "put the entry there by hand" in capsys.readouterr().err
    assert project.matrix.read_text() == written


@pytest.mark.parametrize(
    ("id", "package", "was", "now", "named"),
    [
        ("tf2.15-torch2.6", "torch", "2.6.0", "2.7.1", "tf2.15-torch2.7"),
        ("tf2.15-torch2.6", "torch", "2.6.0", "2.6.1", "tf2.15-torch2.6-torch2.6.1"),
        ("tf2.15-torch2.6", "tensorflow", "2.15.1", "2.16.0", "tf2.16-torch2.6"),
        ("tf2.1-tf2.15", "tensorflow", "2.1.0", "2.2.0", "tf2.2-tf2.15"),
        ("split", "transformers", "5.23.0", "5.24.0", "split-transformers5.24.0"),
        ("split", "torch", "2.6.0", "2.7.0+cpu", "split-torch2.7.0-cpu"),
        ("taken", "torch", "2.6.0", "2.7.0", "taken-torch2.7.0-2"),
    ],
)
def test_a_proposal_is_named_after_its_base(id: str, package: str, was: str, now: str, named: str) -> None:
    one = news.News(package, now, was, id, held=False)
    assert proposal._named(id, one, {"taken-torch2.7.0", id}) == named


def test_every_choice_but_that_of_toolchains_narrows_what_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = runs(monkeypatch)
    scout("--package", "torch", "--case", "zoo/add", "--route", "onnx-tf")
    assert {id.partition("/")[2] for id in asked} == {"zoo/add/onnx-tf"}


def test_what_this_machine_cut_short_is_not_proposed(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the cells that are not known it may be the worst of all."""
    runs(monkeypatch)
    whole = cli.commands.ran
    cut: list[str] = []

    def ran(session: Session, cells: Sequence[PlannedCell], *, again: bool = False) -> list[CellRecord]:
        records = whole(session, cells, again=again)
        if cut:
            return records
        cut.append(records[-1].id)
        short = replace(records[-1], cell=None, verdict=Verdict.UNTESTED, reason="a full disk", interrupted=True)
        return [*records[:-1], short]

    monkeypatch.setattr(cli.commands, "ran", ran)
    before = project.matrix.read_bytes()
    page = tmp_path / "scout.md"
    assert scout("--package", "torch", "--write", "--markdown", str(page)) == 21
    said = " ".join(capsys.readouterr().out.split())
    why = "No proposal: this machine ended 1 cell, of which nothing is known; run it again."
    assert why in said
    assert why in page.read_text()
    assert project.matrix.read_bytes() == before
