"""Toolchains that no matrix names: a named one with other versions, or a set of one's own."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import small_project
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfparity import paths
from tfparity.environments import changed, in_use, install, interpreters, lock
from tfparity.environments.adhoc import AdhocEnvironment
from tfparity.environments.changed import Resolver
from tfparity.environments.uv_command import Completed
from tfparity.errors import AbsentError, RequirementsError, UsageError
from tfparity.features import unnamed
from tfparity.features.session import Session
from tfparity.features.upgrade import sides
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Matrix
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import CellRecord, PlannedCell

MATRIX = """\
schema: 1
default: one
environments:
  - {id: torch-side, python: "3.11", as-of: 2024-05-20, pins: {torch: 2.2.2, torchvision: 0.17.2, onnx: 1.16.0}}
  - {id: tf-side, python: "3.10", as-of: 2024-05-20, pins: {onnx: 1.16.0, tensorflow: 2.15.1}}
toolchains:
  - id: one
    python: "3.11"
    as-of: 2024-05-20
    shims: [legacy-keras]
    pins: {torch: 2.2.2, torchvision: 0.17.2, onnx: 1.16.0, tensorflow: 2.15.1}
    overrides: ["tensorflow-addons; python_version < '3'", "numpy==1.26.4"]
  - {id: two, source: torch-side, routes: {onnx-tf: tf-side}}
"""

DAY = datetime.date(2026, 11, 1)

#: What each of its environments is locked at beside its pins.
BROUGHT = {"numpy": "1.26.4", "keras": "2.15.0"}


class Uv:
    """uv as planned: resolves whatever is asked, or nothing; keeps what it was asked, and the file that it found.
    lacks: what it says of requirements that the index does not have."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.lacks: dict[str, str] = {}
        self.asked: list[str] = []
        self.near: list[str] = []

    def __call__(self, command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
        lacking = next((said for line, said in self.lacks.items() if line in stdin.splitlines()), None)
        if lacking is not None:
            return Completed(1, "", f"error: No solution found when resolving dependencies\n  cause: {lacking}")
        if "--output-file" not in command:
            return Completed(0, "".join(f"{name}==2.9.0\n" for name in stdin.split() if "=" not in name), "")
        path = Path(command[command.index("--output-file") + 1])
        self.asked = stdin.splitlines()
        self.near = path.read_text().splitlines() if path.exists() else []
        if self.refusal:
            return Completed(1, "", self.refusal)
        lines = [line if "==" in line else f"{line.partition('>')[0]}==9.9" for line in self.asked]
        held = {line.partition("==")[0] for line in lines}
        lines += [line for line in self.near if line.partition("==")[0] not in held]
        path.write_text("".join(f"{line} --hash=sha256:aa\n" for line in lines))
        return Completed(0, "", "")


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    return Uv()


@pytest.fixture
def declared(tmp_path: Path) -> Matrix:
    file = tmp_path / "matrix.yaml"
    file.write_text(MATRIX)
    return matrix.load(file)


@pytest.fixture
def resolver(tmp_path: Path, declared: Matrix, uv: Uv) -> Resolver:
    """Of a project whose environments are locked at their pins and at BROUGHT."""
    project = Project(tmp_path)
    project.lockfiles.mkdir()
    for environment in declared.environments.values():
        lines = "".join(
            f"{name}=={version} --hash=sha256:aa\n" for name, version in {**environment.pins, **BROUGHT}.items()
        )
        lock.write(project.lockfiles, environment, lock.Resolved(lines, None))
    return Resolver(project, Cache(tmp_path / "cache"), DAY, run=uv)


def made(made: tuple[Matrix, str]) -> AdhocEnvironment:
    """The environment of an unnamed toolchain of one."""
    declared, id = made
    environment = declared.environments[declared.toolchains[id].source]
    assert isinstance(environment, AdhocEnvironment)
    return environment


def test_only_what_is_changed_leaves_its_pin(declared: Matrix, resolver: Resolver, uv: Uv) -> None:
    environment = made(changed.over(declared, "one", ["tensorflow==2.16.2"], resolver))
    assert environment.pins == {"torch": "2.2.2", "torchvision": "0.17.2", "onnx": "1.16.0", "tensorflow": "2.16.2"}
    assert (environment.python, environment.as_of, environment.shims) == ("3.11", DAY, ("legacy-keras",))
    assert sorted(uv.asked) == sorted(environment.asked())
    assert set(uv.near) == {"torch==2.2.2", "torchvision==0.17.2", "onnx==1.16.0", "numpy==1.26.4", "keras==2.15.0"}


def test_what_goes_with_one_release_follows_it(declared: Matrix, resolver: Resolver) -> None:
    environment = made(changed.over(declared, "one", ["torch>=2.4"], resolver))
    assert (environment.pins, environment.wanted) == (
        {"onnx": "1.16.0", "tensorflow": "2.15.1"},
        ("torch>=2.4", "torchvision"),
    )
    named = made(changed.over(declared, "one", ["torch>=2.4", "torchvision==0.19.0"], resolver))
    assert named.wanted == ("torch>=2.4",)
    assert named.pins["torchvision"] == "0.19.0"


def test_an_override_of_what_is_changed_goes(declared: Matrix, resolver: Resolver) -> None:
    environment = made(changed.over(declared, "one", ["numpy>=2"], resolver))
    assert environment.overrides == ("tensorflow-addons; python_version < '3'",)
    assert environment.wanted == ("numpy>=2",)


def test_of_two_sides_the_one_changes_that_holds_the_package(declared: Matrix, resolver: Resolver) -> None:
    one_side, id = changed.over(declared, "two", ["tensorflow==2.16.2"], resolver)
    assert one_side.toolchains[id].source == "torch-side"
    assert one_side.environments[one_side.toolchains[id].routes["onnx-tf"]].python == "3.10"
    both, id = changed.over(declared, "two", ["onnx==1.17.0"], resolver)
    assert all(name.startswith("adhoc_") for name in both.toolchains[id].environments())
    smaller, id = changed.over(declared, "two", ["tensorflow-cpu==2.16.2"], resolver)
    assert smaller.environments[smaller.toolchains[id].routes["onnx-tf"]].pins == {
        "onnx": "1.16.0",
        "tensorflow-cpu": "2.16.2",
    }
    with pytest.raises(UsageError, match="jax: no environment of two holds it"):
        changed.over(declared, "two", ["jax==0.4"], resolver)
    assert "jax" in made(changed.over(declared, "one", ["jax==0.4"], resolver)).pins


@pytest.mark.parametrize("text", ["torch", "torch @ https://example.org/t.whl", "torch>=2; python_version>'3'", "a b"])
def test_a_change_names_versions_on_the_index(declared: Matrix, resolver: Resolver, text: str) -> None:
    with pytest.raises(UsageError, match=r"such as 'torch>=2\.4'"):
        changed.over(declared, "one", [text], resolver)


def test_the_same_question_is_resolved_once(declared: Matrix, resolver: Resolver, uv: Uv) -> None:
    first = changed.over(declared, "one", ["torch>=2.4"], resolver)
    uv.asked = []
    assert changed.over(declared, "one", ["torch>=2.4"], resolver)[1] == first[1]
    assert uv.asked == []
    assert changed.over(declared, "one", ["torch>=2.5"], resolver)[1] != first[1]


def test_a_set_of_ones_own_is_one_environment_for_the_routes_of_base(declared: Matrix, resolver: Resolver) -> None:
    own, id = changed.of_requirements(declared, "two", Path("own.txt"), ["torch>=2.4", "onnx"], "3.12", resolver)
    assert own.toolchains[id].environments() == [id]
    assert own.toolchains[id].routes == {"onnx-tf": id}
    assert own.environments[id].python == "3.12"


# When a command ends


def install_at(resolver: Resolver, environment: matrix.Environment) -> Path:
    """A planned install of it; where it is."""
    folder = install.place(environment, lock.status(resolver.project, environment), resolver.cache)
    folder.mkdir(parents=True)
    (folder / install.COMPLETE).touch()
    return folder


@pytest.mark.parametrize(
    ("keep", "before", "wrong", "stays"),
    [
        (False, False, None, False),
        (False, False, KeyboardInterrupt, False),
        (True, False, None, True),
        (True, False, KeyboardInterrupt, True),
        (False, True, None, True),
    ],
)
def test_what_a_command_installed_of_no_matrix_goes_with_it(
    declared: Matrix, resolver: Resolver, keep: bool, before: bool, wrong: type[BaseException] | None, stays: bool
) -> None:
    own = made(changed.over(declared, "one", ["torch==2.4.0"], resolver))
    named = declared.environments["tf-side"]
    folder = install_at(resolver, own) if before else None
    with (
        pytest.raises(wrong) if wrong else nullcontext(),
        unnamed.gone([own, named], resolver.project, resolver.cache, keep=keep),
    ):
        folder = folder or install_at(resolver, own)
        beside = install_at(resolver, named)
        if wrong:
            raise wrong
    assert folder is not None
    assert (folder.exists(), beside.exists()) == (stays, True)


def test_what_cannot_be_or_was_never_installed_is_no_fault_when_a_command_ends(
    declared: Matrix, resolver: Resolver, uv: Uv
) -> None:
    never = made(changed.over(declared, "one", ["torch==2.4.0"], resolver))
    uv.refusal = "error: No solution found when resolving dependencies"
    refused = made(changed.over(declared, "one", ["torch==9.9.0"], resolver))
    with unnamed.gone([never, refused], resolver.project, resolver.cache, keep=False):
        pass
    assert list(resolver.cache.environments.iterdir()) == []


@pytest.mark.parametrize("runs", [True, False])
def test_what_another_command_has_in_use_stays_until_that_ends(
    declared: Matrix, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    monkeypatch.setattr(paths, "is_running", lambda pid: pid == 4711 and runs)
    own = made(changed.over(declared, "one", ["torch==2.4.0"], resolver))
    folder = install_at(resolver, own)
    other = folder.with_name(f".{folder.name}.4711.user")
    other.touch()
    with unnamed.gone([own], resolver.project, resolver.cache, keep=False):
        pass
    assert folder.exists()  # in use, or left by a killed command that asked to keep it
    with unnamed.gone([own], resolver.project, resolver.cache, keep=False):
        other.unlink()  # it ends, and leaves it to the one that goes on
    assert folder.exists() is not runs


@pytest.mark.parametrize("pid", ["²", "-1", "", "0x1", "1e3", "9" * 200, "4711x", "a.b"])
def test_a_mark_of_no_process_of_this_machine_keeps_nothing(tmp_path: Path, pid: str) -> None:
    folder = tmp_path / "e"
    (tmp_path / f".e.{pid}.user").touch()
    assert not in_use.elsewhere(folder)
    in_use.forget(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("published", [True, False])
def test_a_command_says_what_it_has_in_use_for_as_long_as_it_lasts(
    declared: Matrix, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, keep: bool, published: bool
) -> None:
    """Whether or not it removes it itself: another one's clean-up leaves it alone."""
    own = made(changed.over(declared, "one", ["torch==2.4.0"], resolver))
    one = declared.environments["tf-side"] if published else own
    locked = lock.status(resolver.project, one)
    folder = install_at(resolver, one)
    mine = os.getpid()
    with unnamed.gone([one], resolver.project, resolver.cache, keep=keep):
        monkeypatch.setattr(os, "getpid", lambda: 4711)  # another command that cleans up
        monkeypatch.setattr(paths, "is_running", lambda pid: pid == mine)
        assert not install.remove(one, locked, resolver.cache)
        assert (folder / install.COMPLETE).exists()
        monkeypatch.undo()
    assert install.remove(one, locked, resolver.cache)
    assert list(resolver.cache.environments.glob("*.user")) == []


def test_what_is_marked_while_it_is_removed_stays_whole(
    declared: Matrix, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that marks it and finds it whole keeps it; one that comes later finds it unmade."""
    own = made(changed.over(declared, "one", ["torch==2.4.0"], resolver))
    folder = install_at(resolver, own)
    seen = []

    def elsewhere(_: Path) -> bool:
        seen.append((folder / install.COMPLETE).exists())
        return True

    monkeypatch.setattr(in_use, "elsewhere", elsewhere)
    assert not install.remove(own, lock.status(resolver.project, own), resolver.cache)
    assert seen == [False]
    assert [file.name for file in folder.iterdir()] == [install.COMPLETE]


# As an upgrade's HEAD


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """small_project, whose unnamed environments are read from the cache as they are."""
    project = small_project.make(tmp_path, monkeypatch)
    as_planned = lock.status

    def status(_: Project, environment: matrix.Environment) -> lock.LockStatus:
        if isinstance(environment, AdhocEnvironment):
            return lock.status_in(environment.folder, environment)
        return as_planned(_, environment)

    monkeypatch.setattr(lock, "status", status)
    return project


def test_a_set_that_cannot_be_resolved_is_environment_broken_and_nothing_is_written(project: Project, uv: Uv) -> None:
    uv.refusal = "error: No solution found when resolving dependencies\n  cause: torch 9.9 is not there"
    record = small_project.record("add", toolchain="old")
    Session(small_project.EVERYTHING).recorder.record(small_project.current(record))
    before = sorted(project.root.rglob("*"))
    session, both = sides.read("old", ["torch==9.9"], Choice(), run=uv)
    said = upgrade(session, both)
    (group,) = said.groups
    assert (said.exit_code, group.kind, group.title) == (37, "environment-broken", "torch 9.9 is not there")
    assert said.head.label == "old with torch==9.9"
    assert said.command == "nox -s upgrade -- old torch==9.9"
    assert sorted(project.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "across"),
    [
        ("numpy==2.3.0", ["newer"]),  # the other toolchains hold an older one
        ("numpy>=2.0", ["newer"]),
        ("numpy<1.27", ["older"]),
        ("numpy==9.9", []),
        ("pandas==2.2.0", []),  # that none of them holds
        ("torch==2.1", ["newer", "older"]),
    ],
)
def test_only_what_has_what_was_asked_for_gets_across(
    project: Project, uv: Uv, monkeypatch: pytest.MonkeyPatch, change: str, across: list[str]
) -> None:
    """Of a set that cannot be resolved: nothing of it ran, so what others do says nothing unless they have it."""
    text = project.matrix.read_text()
    torch = {"older": "2.2.0", "newer": "2.2.0", "lower": "1.12.0"}  # the last is below BASE's
    for id, version in torch.items():
        text += f"  - {{id: {id}, python: '3.11', as-of: 2026-11-20, pins: {{torch: {version}}}}}\n"
    project.matrix.write_text(text)
    as_planned = lock.status

    def status(of: Project, environment: matrix.Environment) -> lock.LockStatus:
        found = as_planned(of, environment)
        numpy = {"older": "1.26.0", "newer": "2.3.1", "lower": "2.3.1", "old": "1.27.0"}.get(environment.id)
        return replace(found, packages={**found.packages, "numpy": numpy}) if numpy else found

    monkeypatch.setattr(lock, "status", status)
    uv.refusal = "error: No solution found when resolving dependencies\n  cause: they do not go together"
    records = [small_project.record("add", toolchain=id) for id in ("old", *torch)]
    Session(small_project.EVERYTHING).recorder.record(small_project.current(*records))
    (group,) = upgrade(*sides.read("old", [change], Choice(), run=uv)).groups
    assert sorted(way.name for way in group.across) == sorted(across)


#: Requirements that an index does not have, what uv says of each, and what a person is told.
ABSENT = [
    (
        "torch==99",
        "Because there is no version of torch==99 and you require torch==99, we can conclude …",
        "torch==99: the index has no such version of torch as of 2026-11-28; the newest for Python 3.10 is 2.9.0",
    ),
    (
        "torch>99",
        "Because only torch<=2.9.0 is available and you require torch>99, we can conclude …",
        "torch>99: the index has no such version of torch as of 2026-11-28; the newest for Python 3.10 is 2.9.0",
    ),
    (
        "torch>2.6,<2.6.1",
        "Because only the following versions of torch are available:\n   torch<=2.6\n   torch>=2.6.1\n and you …",
        "torch<2.6.1,>2.6: the index has no such version of torch as of",
    ),
    (
        "tourch==2.0.1",
        "Because tourch was not found in the package registry and you require tourch==2.0.1, we can …",
        "tourch==2.0.1: the index has no package 'tourch', did you mean 'torch'?",
    ),
    (
        "no.such_package==1",
        "Because no-such-package was not found in the package registry and you require …",
        "no-such-package==1: the index has no package 'no-such-package'",
    ),
]


def index_lacks(uv: Uv, line: str, said: str) -> None:
    """Of a requirement in any form in which it may be asked for."""
    asked = Requirement(line)
    uv.lacks = {f"{name}{asked.specifier}": said for name in (asked.name, canonicalize_name(asked.name))}


@pytest.mark.parametrize(("line", "uv_says", "told"), ABSENT)
def test_what_the_index_does_not_have_is_bad_input_and_nothing_is_kept(
    project: Project, uv: Uv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, uv_says: str, told: str
) -> None:
    """Not an environment that breaks every model: as a change, in a file, and in a bisection's end."""
    monkeypatch.setattr(changed, "yesterday", lambda: datetime.date(2026, 11, 28))
    project.lockfiles.mkdir(exist_ok=True)
    (project.lockfiles / "old.txt").write_text("# made\n\ntorch==1.13.1 --hash=sha256:aa\n")
    index_lacks(uv, line, uv_says)
    before = sorted(project.root.rglob("*"))
    with pytest.raises(AbsentError) as wrong:
        sides.read("old", [line], Choice(), run=uv)
    said = str(wrong.value)
    assert said.startswith(told.replace(line, str(Requirement(line)))) or told in said
    assert (wrong.value.exit_code, "\n" in said) == (2, False)
    file = tmp_path / "requirements.txt"
    file.write_text(f"# ours\nonnx==1.16.0\n{line}\n")
    with pytest.raises(RequirementsError, match=r"requirements\.txt:3: ") as wrong_file:
        sides.read("old", [str(file)], Choice(), run=uv)
    assert wrong_file.value.exit_code == 22
    file.unlink()
    assert sorted(project.root.rglob("*")) == before
    assert list(Selection(Choice()).cache.adhoc.glob("*.txt")) == []


@pytest.mark.parametrize(
    "said",
    [
        "Because tensorflow==2.4.1 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require …",
        "Because the requested Python version (3.10) does not satisfy Python>=3.11 and only tensorflow>2.5 is …",
        "Because you require tensorflow==2.4.1 and tensorflow==2.5.0, we can conclude …",
        "Because only tensorflow==2.4.1 is available and tensorflow==2.4.1 was yanked (reason: broken), we can …",
        "Because torch==2.0.1 depends on sympy==99 and there is no version of sympy==99, we can conclude …",
    ],
)
def test_what_the_index_has_and_is_of_no_use_here_is_a_result(project: Project, uv: Uv, said: str) -> None:
    uv.lacks = {"tensorflow==2.4.1": said}
    _, both = sides.read("old", ["tensorflow==2.4.1"], Choice(), run=uv)
    assert both.head_label == "old with tensorflow==2.4.1"


def test_a_file_is_for_the_python_of_base_unless_it_says_otherwise(project: Project, uv: Uv, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    for pythons, given, python in ((">=3.9", None, "3.10"), (">=3.11,<3.13", None, "3.12"), (">=3.9", "3.13", "3.13")):
        file.write_text(f'[project]\nrequires-python = "{pythons}"\ndependencies = ["torch>=2"]\n')
        session, both = sides.read("old", [str(file)], Choice(), python=given, run=uv)
        assert session.selection.matrix.environments[both.head].python == python
        assert both.head_label == "pyproject.toml"


@pytest.mark.parametrize(
    ("words", "python", "said"),
    [
        (["neu"], None, r"did you mean 'new'"),
        (["torch"], None, r"to change a package, say which versions: 'torch>=2\.4'"),
        (["all"], None, "is not one toolchain"),
        (["own.txt", "torch==2"], None, "write the changes into the file"),
        (["new"], "3.12", "--python is for a HEAD that is a file"),
        (["pyproject.toml"], "3.12", "is for 3.9, 3.10"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    project: Project,
    uv: Uv,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    python: str | None,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project]\nrequires-python = ">=3.9,<3.11"\ndependencies = ["torch>=2"]\n')
    with pytest.raises(UsageError, match=said):
        sides.read("old", words, Choice(), python=python, run=uv)


class Works:
    """Runs cells, all of which work."""

    def __init__(self, session: Session) -> None:
        self.keys = session.selection.keys

    def __call__(self, cells: Sequence[PlannedCell], *, again: bool) -> list[CellRecord]:
        made = []
        for planned in cells:
            one = small_project.record("add", toolchain=planned.toolchain)
            assert one.cell is not None
            made.append(replace(one, cell=replace(one.cell, key=self.keys.cell(planned, one.cell))))
        return made


def test_what_ran_of_it_is_kept_in_a_folder_of_ones_own_and_nowhere_else(
    project: Project, uv: Uv, tmp_path: Path
) -> None:
    for results in (None, tmp_path / "mine"):
        session, both = sides.read("old", ["torch==2.0.1"], Choice(case_globs=("zoo/add",), results=results), run=uv)
        assert upgrade(session, both, Works(session)).counts["same"] == 1
        assert not project.results.exists()
    assert {path.name for path in (tmp_path / "mine").glob("*.json")} == {"old.json", f"{both.head}.json"}
    assert upgrade(*sides.read("old", ["torch==2.0.1"], session.choice, run=uv)).rests.compared == 1
