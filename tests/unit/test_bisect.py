"""Bisecting two toolchains over a planned index: mixtures, the packages that are blamed, the first bad release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import small_project

from tfparity import cli, paths
from tfparity.environments import changed, install, interpreters, lock, mixed, uv_command
from tfparity.environments.adhoc import AdhocEnvironment
from tfparity.environments.changed import Resolver
from tfparity.environments.lock import LockStatus
from tfparity.environments.uv_command import Completed
from tfparity.errors import MachineFault, UsageError
from tfparity.features.bisect import choice
from tfparity.features.bisect.bisect import Bisection, Found
from tfparity.features.session import Session
from tfparity.features.upgrade import sides
from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import CellChange, Group
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.inputs.matrix import Environment
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import Attempt, CellRecord, PlannedCell

MATRIX = """\
schema: 1
default: good
toolchains:
  - id: good
    python: "3.11"
    as-of: 2024-01-10
    pins: {torch: 2.1.0, torchvision: 0.16.0, onnx: 1.15.0, onnx-tf: 1.10.0, tensorflow: 2.15.1}
  - id: bad
    python: "3.11"
    as-of: 2026-11-20
    pins: {torch: 2.2.0, torchvision: 0.17.0, onnx: 1.19.1, onnx-tf: 1.10.0, tensorflow: 2.18.0}
  - id: never
    python: "3.11"
    as-of: 2026-11-20
    pins: {torch: 2.2.0, torchvision: 0.17.0, onnx: 1.19.1, onnx-tf: 1.10.0, tensorflow: 2.15.1}
"""

#: What the index has between the two.
RELEASES = {
    "tensorflow": ["2.16.1", "2.16.2", "2.17.0"],
    "onnx": ["1.16.0", "1.17.0", "1.18.0", "1.19.0"],
    "torch": ["2.1.1", "2.1.2"],
}

#: What goes with which torch.
TORCHVISION = {"2.1.0": "0.16.0", "2.1.1": "0.16.1", "2.1.2": "0.16.2", "2.2.0": "0.17.0"}

CONFLICT = (
    "error: No solution found when resolving dependencies\n"
    "  cause: onnx==1.19.1 and tensorflow==2.15.1 want other ml-dtypes<0.4"
)

NO_KERAS = builders.attempt(None, "import", "fail", "import onnx_tf: No module named 'tf_keras'", "ModuleNotFoundError")


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


class Index:
    """uv over a planned index: keras 3 comes with TensorFlow 2.16, torch and torchvision go together, onnx 1.19 does
    not go with TensorFlow 2.15. Keeps how often it resolved."""

    def __init__(self) -> None:
        self.resolved = 0

    def __call__(self, command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
        if "--output-file" not in command:
            return Completed(0, "", "") if ">" not in stdin else self._newest(stdin.strip())
        self.resolved += 1
        pins = dict(line.split("==") for line in stdin.split() if "==" in line)
        if "torch>=2.1.0,<=2.2.0" in stdin.split():
            pins["torch"] = "2.2.0"
        if "torchvision>=0.16.0,<=0.17.0" in stdin.split():
            pins["torchvision"] = TORCHVISION[pins["torch"]]
        if TORCHVISION[pins["torch"]] != pins["torchvision"]:
            said = "No solution found: torch and torchvision"
            return Completed(1, "", said)
        if version(pins["onnx"]) >= (1, 19) and version(pins["tensorflow"]) < (2, 16):
            return Completed(1, "", CONFLICT.replace("1.19.1", pins["onnx"]))
        pins["keras"] = "3.0.5" if version(pins["tensorflow"]) >= (2, 16) else "2.15.0"
        path = Path(command[command.index("--output-file") + 1])
        path.write_text("".join(f"{name}=={number} --hash=sha256:aa\n" for name, number in pins.items()))
        return Completed(0, "", "")

    def _newest(self, asked: str) -> Completed:
        name, _, bounds = asked.partition(">")
        low, _, high = bounds.partition(",<")
        found = [one for one in RELEASES[name] if version(low) < version(one) < version(high)]
        if not found:
            return Completed(1, "", "No solution found when resolving dependencies")
        return Completed(0, f"{name}=={found[-1]}\n", "")


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    made = Index()
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    monkeypatch.setattr(uv_command, "run", made)
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Index) -> Project:
    """Three toolchains of the matrix, the last of which cannot be resolved; mixtures are resolved by the index."""
    made = small_project.make(tmp_path, monkeypatch)
    made.matrix.write_text(MATRIX)

    def status(_: Project, environment: Environment) -> LockStatus:
        if isinstance(environment, AdhocEnvironment):
            return lock.status_in(environment.folder, environment)
        path = Path(f"lockfiles/{environment.id}.txt")
        if environment.id == "never":
            return LockStatus("unresolvable", path, "00", {}, CONFLICT)
        keras = "2.15.0" if environment.id == "good" else "3.0.5"
        return LockStatus("locked", path, "00", {**environment.pins, "keras": keras}, None)

    monkeypatch.setattr(lock, "status", status)
    return made


#: What comes of a toolchain by its packages.
World = Callable[[dict[str, str]], Attempt | Sequence[Attempt]]


def keras_breaks(packages: dict[str, str]) -> Attempt:
    return NO_KERAS if packages["keras"].startswith("3") else builders.attempt()


class Runs:
    """Runs cells by what their toolchain holds; keeps which."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[str] = []

    def __call__(self, session: Session, cells: Sequence[PlannedCell]) -> list[CellRecord]:
        made = []
        for planned in cells:
            self.asked.append(planned.toolchain)
            keys, toolchain = session.selection.keys, session.selection.matrix.toolchains[planned.toolchain]
            packages = keys.locked(session.selection.matrix.environments[toolchain.source]).packages
            facts = {toolchain.source: builders.facts(packages=packages)}
            came = self.world(packages)
            tried = [came] if isinstance(came, Attempt) else came
            made.append(small_project.record("add", *tried, toolchain=planned.toolchain, environments=facts))
        return made


def bisection(world: World, bad: str = "bad", said: list[str] | None = None) -> tuple[Bisection, Runs]:
    session = Session(Choice(toolchains=("good", bad), case_globs=("zoo/add",), routes=("onnx-tf",)))
    selection = session.selection
    runs = Runs(world)
    resolver = Resolver(selection.project, selection.cache, changed.yesterday(), run=uv_command.run)
    search = Bisection(session, "good", bad, resolver, runs, (said if said is not None else []).append)
    search.begin()
    return search, runs


def found(world: World, bad: str = "bad") -> Found:
    return bisection(world, bad)[0].found()


#: An attempt that a remedy gets across, behind one that fails.
OPSET_12 = (builders.broken(small_project.UNSQUEEZE), builders.attempt(12))


def test_a_remedy_that_becomes_necessary_is_bisected(project: Project) -> None:
    def world(packages: dict[str, str]) -> Sequence[Attempt]:
        return OPSET_12 if version(packages["tensorflow"]) >= (2, 16, 2) else [builders.attempt()]

    said: list[str] = []
    search, _ = bisection(world, said=said)
    assert search.found().sentence == (
        "zoo/add by onnx-tf needs opset 12 from tensorflow 2.16.2 on (tensorflow 2.16.1 is the last that does without)."
    )
    assert any(line.startswith("tensorflow 2.16.1: needs no remedy") for line in said)
    assert any(line.startswith("tensorflow 2.16.2: needs a remedy (opset 12)") for line in said)


def test_another_remedy_than_before_is_bisected_and_a_failure_tells_nothing_of_it(project: Project) -> None:
    """Where torch moves alone the model fails, so that torch and what moves with it are blamed together."""
    lower = (builders.broken("no such thing"), builders.attempt(11))

    def world(packages: dict[str, str]) -> Sequence[Attempt]:
        if version(packages["tensorflow"]) >= (2, 17):
            return OPSET_12
        return lower

    assert "needs opset 12 from tensorflow 2.17.0 on" in found(world).sentence


@pytest.mark.parametrize("both", [[builders.attempt()], OPSET_12])
def test_what_works_alike_on_both_is_not_bisected(project: Project, both: Sequence[Attempt]) -> None:
    with pytest.raises(UsageError, match="by no remedy that it does not need on good, too"):
        bisection(lambda _: both)


def changes(*rows: tuple[str, str, str, str]) -> tuple[CellChange, ...]:
    return tuple(CellChange(case, route, base, head, "") for case, route, base, head in rows)


def group(kind: Kind, *cells: CellChange) -> Group:
    models = len({cell.case for cell in cells})
    return Group(kind, "why", models, models, None, None, None, None, None, None, (), cells)


WORKS, REMEDY, BROKEN = "works", "works-with-remedy", "broken"


@pytest.mark.parametrize(
    ("groups", "chosen"),
    [
        # Of a case that two routes are worse by, the other is named.
        ([("b", "x", WORKS, BROKEN), ("b", "y", WORKS, BROKEN)], ("b", "x", "; it is worse by y, too")),
        # What fails goes before what needs a remedy, whichever is more.
        ([("a", "x", WORKS, REMEDY), ("b", "x", WORKS, REMEDY), ("c", "y", WORKS, BROKEN)], ("c", "y", "")),
        ([("a", "y", REMEDY, REMEDY)], ("a", "y", "")),
        # Of what did not work there is nothing to find.
        (
            [("a", "x", BROKEN, "unresolvable"), ("b", "x", "partial", BROKEN), ("c", "x", REMEDY, BROKEN)],
            ("c", "x", ""),
        ),
    ],
)
def test_the_case_and_the_route_are_found_by_what_is_worse(
    project: Project, groups: list[tuple[str, str, str, str]], chosen: tuple[str, str, str]
) -> None:
    session = Session(Choice(toolchains=("good", "bad"), tier="all"))
    both = sides.named("good", "bad")
    said = replace(upgrade(session, both), groups=(group(Kind.REGRESSED, *changes(*groups)),))
    found = choice.chosen(session, both, said)
    assert (found.case, found.route) == chosen[:2]
    assert found.others.startswith(chosen[2])
    assert bool(found.others) is bool(chosen[2])


def test_what_is_worse_in_another_way_is_said_where_nothing_can_be_bisected(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    record_both(builders.attempt())
    gone = builders.record("zoo/gone", builders.attempt(), toolchain="good")
    session = Session(Choice(toolchains=("all",), tier="all"))
    session.recorder.record([gone])
    record_both(builders.attempt())
    assert cli.main(["bisect", "good", "bad"]) == UsageError.exit_code
    said = capsys.readouterr().err
    assert "no case is known to work on good and to fail on bad, or to need a remedy there" in said
    assert "worse in other ways: 1 missing; name one with --case and --route" in said


def test_bad_may_be_a_change_and_is_called_as_it_was_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.commands, "ran", Runs(keras_breaks))
    asked = ["bisect", "good", "tensorflow==2.17.0", "--case", "zoo/add", "--route", "onnx-tf"]
    assert cli.main(asked) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("zoo/add by onnx-tf, good to good with tensorflow==2.17.0: ")
    assert "1 differs: 1 to 8 mixtures (6 of them for the release" in lines[0]
    assert lines[1].startswith("zoo/add by onnx-tf fails from tensorflow 2.16.1 on, which brings keras 3.0.5")
    assert lines[-1] == "again:  nox -s upgrade -- good tensorflow==2.16.1 --case zoo/add --route onnx-tf"
    assert "adhoc_" not in "".join(line for line in lines if not line.startswith(("works:", "fails:"))) + said.err


def test_a_message_has_no_id_of_a_toolchain_that_no_matrix_names(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.commands, "ran", Runs(lambda _: builders.attempt()))
    asked = ["bisect", "good", "tensorflow==2.17.0", "--case", "zoo/add", "--route", "onnx-tf"]
    assert cli.main(asked) == UsageError.exit_code
    assert "is not broken on good with tensorflow==2.17.0 but works" in capsys.readouterr().err


def test_a_package_is_blamed_with_its_first_bad_release_and_what_it_brings(project: Project) -> None:
    said = found(keras_breaks)
    assert said.sentence == (
        "zoo/add by onnx-tf fails from tensorflow 2.16.1 on, which brings keras 3.0.5 "
        "(tensorflow 2.15.1 is the last that works)."
    )
    assert said.works == "lockfiles/good.txt"
    assert said.fails.endswith(".txt")
    assert said.command == "nox -s upgrade -- good tensorflow==2.16.1 --case zoo/add --route onnx-tf"


def test_packages_that_only_resolve_together_are_blamed_together(project: Project) -> None:
    def torch_breaks(packages: dict[str, str]) -> Attempt:
        return builders.broken() if packages["torch"] == "2.2.0" else builders.attempt()

    said = found(torch_breaks)
    assert "fails from torch 2.2.0 and torchvision 0.17.0 on" in said.sentence
    assert "cannot be told apart" in said.sentence
    assert said.sentence.endswith("(torch 2.1.2 is the last that works).")
    assert said.command.startswith("nox -s upgrade -- good torch==2.2.0 torchvision==0.17.0 ")


@pytest.mark.parametrize(("first", "before", "along"), [("2.1.1", "2.1.0", "0.16.1"), ("2.1.2", "2.1.1", "0.16.2")])
def test_of_packages_that_move_together_the_releases_of_the_one_that_leads_are_searched(
    project: Project, first: str, before: str, along: str
) -> None:
    """The other goes along at whatever version the resolver finds for it."""

    def torch_breaks(packages: dict[str, str]) -> Attempt:
        return builders.broken() if version(packages["torch"]) >= version(first) else builders.attempt()

    said = found(torch_breaks)
    assert f"fails from torch {first} and torchvision {along} on, which cannot be told apart" in said.sentence
    assert said.sentence.endswith(f"(torch {before} is the last that works).")
    assert (said.works == "lockfiles/good.txt") is (before == "2.1.0")
    assert said.command.startswith(f"nox -s upgrade -- good torch=={first} torchvision=={along} ")


def test_releases_of_which_nothing_can_be_told_are_not_called_working(project: Project) -> None:
    def world(packages: dict[str, str]) -> Attempt:
        if packages["tensorflow"].startswith("2.16"):
            return builders.broken("another reason than that")
        return NO_KERAS if packages["keras"].startswith("3") else builders.attempt()

    assert found(world).sentence.endswith(
        "(tensorflow 2.15.1 is the last known to work: of 2 releases after it nothing can be told)."
    )


def test_releases_that_are_too_many_to_list_are_not_called_tried(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed, "MOST_RELEASES", 2)
    assert found(keras_breaks).sentence == (
        "zoo/add by onnx-tf fails from tensorflow 2.18.0 on, which brings keras 3.0.5 "
        "(tensorflow 2.15.1 works; more than 2 releases lie between, and none of them was tried)."
    )


def test_a_set_that_does_not_resolve_is_bisected_without_a_run(project: Project) -> None:
    search, runs = bisection(lambda _: builders.attempt(), "never")
    runs.asked.clear()
    said = search.found()
    assert runs.asked == []
    assert said.sentence == (
        "zoo/add by onnx-tf cannot be resolved from onnx 1.19.0 on (onnx 1.18.0 is the last that resolves): "
        "it does not go with ml-dtypes and tensorflow."
    )
    assert said.fails.endswith(".unresolvable.txt")
    assert "none to install" in search.budget()


def test_a_failure_at_another_stage_tells_nothing(project: Project) -> None:
    """Where TensorFlow alone fails otherwise, it is not blamed alone."""

    def world(packages: dict[str, str]) -> Attempt:
        if packages["keras"].startswith("3"):
            return NO_KERAS if packages["torch"] == "2.2.0" else builders.broken("another reason than that")
        return builders.attempt()

    said = found(world)
    assert "tensorflow" in said.sentence
    assert "torch" in said.sentence


def test_the_same_search_again_resolves_nothing(project: Project, index: Index) -> None:
    first = found(keras_breaks)
    index.resolved = 0
    assert found(keras_breaks) == first
    assert index.resolved == 0


def test_what_is_recorded_is_not_run_again(project: Project) -> None:
    record_both(NO_KERAS)
    _, runs = bisection(keras_breaks)
    assert runs.asked == []


def record_both(failing: Attempt, names: Sequence[str] = ("add",)) -> None:
    """Record cases as working on "good" and as failing so on "bad"."""
    session = Session(Choice(toolchains=("all",), tier="all"))
    for name in names:
        for toolchain, attempt in (("good", builders.attempt()), ("bad", failing)):
            one = small_project.record(name, attempt, toolchain=toolchain)
            assert one.cell is not None
            key = session.selection.keys.cell(PlannedCell(*one.place), one.cell)
            session.recorder.record([replace(one, cell=replace(one.cell, key=key))])


def test_a_recorded_failure_with_a_remedy_to_try_is_run(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Mixtures try remedies: held against what has not, every one of them would work."""
    project.limitations.write_text(f"{small_project.RULE}  remedies: [squeeze-handlers]\n")
    record_both(builders.broken(small_project.UNSQUEEZE))
    with pytest.raises(UsageError, match="is not broken on bad but works"):
        bisection(lambda _: builders.attempt())
    _, runs = bisection(lambda packages: builders.broken() if packages["torch"] == "2.2.0" else builders.attempt())
    assert runs.asked == ["bad"]
    assert cli.main(["bisect", "good", "bad", "--plan"]) == UsageError.exit_code
    assert "no case is known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (lambda _: builders.broken(), "does not work on good"),
        (lambda _: builders.attempt(), "is not broken on bad but works"),
    ],
)
def test_where_there_is_nothing_to_bisect_it_is_said(project: Project, world: World, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bisection(world)


def test_two_toolchains_that_are_one_are_refused_before_a_cost_is_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bisect", "good", "good", "--case", "zoo/add", "--route", "onnx-tf"]) == UsageError.exit_code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "tfparity: good and good have the same pins, Python and shims\n")


def test_what_this_machine_ended_ends_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    search, _ = bisection(keras_breaks)
    ended = replace(builders.not_run("zoo/add", "untested", "a full disk"), interrupted=True)
    monkeypatch.setattr(Runs, "__call__", lambda *_: [ended])
    with pytest.raises(MachineFault, match="a full disk; the same command goes on"):
        search.found()


def test_the_budget_is_said_first(project: Project) -> None:
    record_both(NO_KERAS)
    search, _ = bisection(keras_breaks)
    assert search.budget().startswith(
        "4 differ: 2 to 14 mixtures (6 of them for the release at which it begins), each an environment of about "
    )


@pytest.mark.parametrize("bad", ["bad", "never"])
def test_a_plan_says_the_cost_of_ends_that_are_not_recorded_and_runs_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    asked = ["bisect", "good", bad, "--case", "zoo/add", "--route", "onnx-tf"]
    monkeypatch.setattr(cli.commands, "ran", lambda *_, **__: pytest.fail("something ran"))
    assert cli.main([*asked, "--plan"]) == 0
    ends = {"bad": "2 cells", "never": "1 cell"}[bad]
    assert capsys.readouterr().out.startswith(f"zoo/add by onnx-tf, good to {bad}: {ends} to run: about ")
    order: list[str] = []

    def ran(_: Session, cells: Sequence[PlannedCell]) -> list[CellRecord]:
        order.append(capsys.readouterr().out)
        return [small_project.record("add", builders.broken(), toolchain=cells[0].toolchain)]

    monkeypatch.setattr(cli.commands, "ran", ran)
    assert cli.main(asked) == UsageError.exit_code
    assert "first, to know how both do; " in order[0]  # the cost, before anything ran


def test_what_another_command_has_in_use_of_a_mixture_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two searches between the same toolchains make the same mixtures, in one cache: the last one out removes them."""
    monkeypatch.setattr(paths, "is_running", lambda pid: pid == 4711)
    search, _ = bisection(keras_breaks)
    selection = search.session.selection
    made = search.mixture([change for change in search.changes() if change.name == "onnx"])
    (environment,) = [made.matrix.environments[id] for id in made.matrix.toolchains[made.id].environments()]
    folder = install.place(environment, made.locks[0], selection.cache)
    folder.mkdir(parents=True)
    (folder / install.COMPLETE).write_text("{}")
    other = folder.with_name(f".{folder.name}.4711.user")
    other.touch()
    over = Session(Choice(toolchains=(made.id,)), selection.project, selection.cache, made.matrix)
    search._make_room(over)
    search.clear()
    assert (folder / install.COMPLETE).read_text() == "{}"
    search._make_room(over)
    other.unlink()
    search.clear()
    assert not folder.exists()


def test_the_command_takes_the_case_of_the_largest_group(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    record_both(NO_KERAS, ("add", "gru"))
    assert cli.main(["bisect", "good", "bad", "--plan"]) == 0
    assert capsys.readouterr().out.startswith("zoo/add by onnx-tf, good to bad: 4 differ")
    assert cli.main(["bisect", "good", "bad", "--case", "zoo/gru", "--route", "onnx-tf", "--plan"]) == 0
    assert capsys.readouterr().out.startswith("zoo/gru by onnx-tf")
    assert cli.main(["bisect", "good", "bad", "--case", "zoo/mish", "--plan"]) == 0  # the one way to take it
    assert capsys.readouterr().out.startswith("zoo/mish by onnx-tf")
    assert cli.main(["bisect", "good", "bad", "--case", "zoo/mish", "--case", "zoo/relu"]) == 2
    assert "no case is known to work on good" in capsys.readouterr().err


# Mixtures


def environment(**changed: object) -> Environment:
    given = {"id": "one", "python": "3.11", "as_of": "2024-01-10", "pins": {"torch": "2.1.0"}, **changed}
    return Environment.model_validate(given)


def test_shims_pythons_and_overrides_differ_too() -> None:
    one = environment(shims=["legacy-keras"], overrides=["numpy==1.26.4"])
    other = environment(python="3.12", overrides=["numpy==2.0"], pins={"torch": "2.1.0", "onnx": "1.16.0"})
    assert mixed.differing(one, other) == ["python", "onnx", "numpy", "shim legacy-keras"]
    assert mixed.differing(one, one) == []


def test_of_what_a_package_brings_the_leaps_are_named_where_there_are_any() -> None:
    before, now = {"a": "1.0", "keras": "2.15.0", "z": "1.0"}, {"a": "1.1", "keras": "3.0.5", "tf": "2.16", "new": "1"}
    assert [str(one) for one in mixed.brought(before, now, ["tf"])] == ["keras 3.0.5"]
    assert [str(one) for one in mixed.brought(before, {**now, "keras": "2.15.1"}, ["tf"])] == [
        "a 1.1",
        "keras 2.15.1",
        "new 1",
    ]


def test_a_conflict_is_the_packages_that_it_names() -> None:
    assert mixed.conflict(CONFLICT) == {"onnx", "tensorflow", "ml-dtypes"}
