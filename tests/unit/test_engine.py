"""The engine: which cells run in which order, what becomes of those that the machine ends, what a record holds."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import builders
import pytest
from builders import SOURCE, SPLIT, TARGET, attempt, broken, case, context, facts

from tfparity.cli import commands
from tfparity.engine import assembly
from tfparity.engine import engine as engines
from tfparity.engine.context import Context
from tfparity.engine.engine import Engine
from tfparity.errors import DiskError, MachineFault, TfparityError
from tfparity.planning.keys import Crossing, Where
from tfparity.records.cells import Attempt, CellId, CellRecord, EnvironmentFacts, PlannedCell
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Outcome, Verdict

SECONDS = 10

#: What comes of a cell's run, in turn: attempts, or what is raised; or a function that gives them.
Ending = Sequence[Attempt] | BaseException | Callable[[], Sequence[Attempt]]

WORKS: Ending = (attempt(),)
KILLED = MachineFault("ended by SIGKILL from outside", "convert", 100.0)


@dataclass
class Planned:
    """Runs of cells without a process, by case; keeps what was run, and whether it ran alone."""

    endings: dict[str, list[Ending]] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)
    tries: list[bool] = field(default_factory=list)
    known: dict[str, list[Attempt]] = field(default_factory=dict)

    def of_planned(self, _: Context, __: object, crossing: Crossing, *, tries_remedies: bool) -> Run:
        self.tries.append(tries_remedies)
        return Run(self, crossing.planned.case, _.options.jobs == 1)

    def ending(self, case: str) -> Ending:
        left = self.endings.get(case, [])
        return left.pop(0) if left else WORKS


@dataclass
class Run:
    planned: Planned
    case: str
    alone: bool
    extra: tuple[Attempt, ...] = (attempt(9), broken(opset=10))
    going: Callable[[], None] = lambda: None

    @property
    def ran(self) -> bool:
        return self.case not in self.planned.stored | self.planned.known.keys()

    def attempts(self) -> list[Attempt]:
        if self.case in self.planned.known:
            return self.planned.known[self.case]
        if self.case in self.planned.stored:
            return [attempt()]
        self.going()
        self.planned.begun.append(self.case)
        self.planned.alone.append(self.alone)
        ending = self.planned.ending(self.case)
        if isinstance(ending, BaseException):
            raise ending
        return list(ending() if callable(ending) else ending)

    def extra_attempts(self, made: Sequence[Attempt]) -> list[Attempt]:
        return list(self.extra)


class Pool:
    def __init__(self, planned: Planned) -> None:
        planned.pools.append(self)
        self.killed = threading.Event()

    def kill(self) -> None:
        self.killed.set()

    #: Of environments of which nothing is known.
    lost: ClassVar[dict[str, Any]] = {}

    def facts(self, side: Where) -> EnvironmentFacts:
        return facts(lock_sha256=side.environment.id, **self.lost)


class Heard(Silent):
    """What an observer was told."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.finished: list[CellRecord] = []
        self.said: list[tuple[str, str]] = []

    def environment(self, id: str, text: str) -> None:
        self.said.append((id, text))

    def cell_started(self, cell: PlannedCell) -> None:
        self.started.append(cell.case)

    def cell_finished(self, record: CellRecord) -> None:
        self.finished.append(record)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    made = Planned()
    monkeypatch.setattr(assembly, "of_planned", made.of_planned)
    monkeypatch.setattr(engines, "WorkerPool", lambda context, stack: Pool(made))
    return made


@pytest.fixture
def heard() -> Heard:
    return Heard()


NAMES = ("zoo/a", "zoo/b", "zoo/c", "zoo/d")

Make = Callable[..., Engine]


@pytest.fixture
def engine(tmp_path: Path, planned: Planned, heard: Heard) -> Make:
    """An engine over a zoo of four, with options of the run."""
    (tmp_path / "zoo.py").write_text("def net():\n    return 1\n")

    def made(seconds: dict[CellId, float] | None = None, tagged: str | None = None, **given: Any) -> Engine:
        zoo = [
            case(
                id=name, file=str(tmp_path / "zoo.py"), factory=lambda: None, tags=("smoke",) if name == tagged else ()
            )
            for name in NAMES
        ]
        return Engine(context(tmp_path, *zoo, observer=heard, **given), seconds)

    return made


def cells(*names: str, toolchain: str = "both") -> list[PlannedCell]:
    return [PlannedCell(toolchain, name, "onnx-tf") for name in names or NAMES]


def run(engine: Engine, planned: Sequence[PlannedCell] | None = None) -> list[CellRecord]:
    with engine:
        return list(engine.run(planned or cells()))


# Records


def test_a_record_holds_the_cell_its_attempts_and_both_environments(engine: Make, planned: Planned) -> None:
    failed = broken()
    planned.endings["zoo/a"] = [[failed, attempt(12)]]
    made = engine()
    (record,) = run(made, cells("zoo/a"))
    assert record.place == CellId("both", "zoo/a", "onnx-tf")
    assert (record.verdict, record.reason, record.cached, record.interrupted) == (
        "works-with-remedy",
        None,
        False,
        False,
    )
    assert record.attempts == (failed, attempt(12))
    assert {id: told.lock_sha256 for id, told in record.environments.items()} == {SOURCE: SOURCE, TARGET: TARGET}
    assert record.cell is not None
    assert (record.cell.verdict, record.cell.opset, record.cell.case) == (record.verdict, 12, "zoo/a")
    assert record.cell.key == made.context.keys.cell(cells("zoo/a")[0], record.cell)


@pytest.mark.parametrize(
    ("asks", "own", "matrix_says", "tries"),
    [(False, False, "*", True), (False, True, "*", False), (True, True, "*", True), (True, False, "other/*", False)],
)
def test_remedies_are_tried_on_the_zoo_and_where_they_are_asked_for_on_ones_own(
    engine: Make,
    planned: Planned,
    monkeypatch: pytest.MonkeyPatch,
    asks: bool,
    own: bool,
    matrix_says: str,
    tries: bool,
) -> None:
    made = engine(try_remedies=asks)
    keys = made.context.keys
    toolchain = keys.matrix.toolchains["both"]
    monkeypatch.setitem(keys.matrix.toolchains, "both", toolchain.model_copy(update={"remedies": (matrix_says,)}))
    monkeypatch.setattr(keys, "own", frozenset({"zoo/a"} if own else ()))
    run(made, cells("zoo/a"))
    assert set(planned.tries) == {tries}


@pytest.mark.parametrize(("route", "tries"), [("onnx-tf", True), ("another", False)])
def test_remedies_are_tried_where_they_were_before(
    engine: Make, planned: Planned, monkeypatch: pytest.MonkeyPatch, route: str, tries: bool
) -> None:
    made = engine(tried_before=frozenset({("zoo/a", route)}))
    monkeypatch.setattr(made.context.keys, "own", frozenset({"zoo/a"}))
    run(made, cells("zoo/a"))
    assert set(planned.tries) == {tries}


@pytest.mark.parametrize("stored", [False, True])
def test_what_the_route_does_not_take_is_not_applicable_with_its_reason(
    engine: Make, planned: Planned, heard: Heard, stored: bool
) -> None:
    refused = attempt(13, "export", "not-applicable", "takes models of transformers alone", "NotApplicable")
    planned.endings["zoo/a"] = [[refused]]
    if stored:
        planned.known["zoo/a"] = [refused]
    records = run(engine(), cells("zoo/a", "zoo/b"))
    (record,) = (record for record in records if record.case == "zoo/a")
    assert (record.verdict, record.reason) == ("not-applicable", "takes models of transformers alone")
    assert (record.cell, record.interrupted, record.cached) == (None, False, stored)
    assert record in heard.finished
    assert {record.verdict for record in records} == {"works", "not-applicable"}


def test_what_the_store_has_is_told_first_and_runs_nothing(engine: Make, planned: Planned, heard: Heard) -> None:
    planned.stored = {"zoo/b", "zoo/d"}
    records = run(engine(jobs=1))
    assert [(record.case, record.cached) for record in records] == [
        ("zoo/b", True),
        ("zoo/d", True),
        ("zoo/a", False),
        ("zoo/c", False),
    ]
    assert planned.begun == heard.started == ["zoo/a", "zoo/c"]
    assert records[0].cell == replace(records[2].cell, case="zoo/b", key=records[0].cell.key)  # type: ignore[union-attr,type-var]
    assert heard.finished == records


def test_what_the_store_has_is_told_after_the_budget_is_spent_too(engine: Make, planned: Planned) -> None:
    planned.stored = {"zoo/b"}
    records = run(engine(budget=0.0))
    assert [(record.case, record.verdict) for record in records if record.verdict != "untested"] == [("zoo/b", "works")]
    assert planned.begun == []


def test_further_opsets_are_recorded_and_decide_nothing(engine: Make, planned: Planned) -> None:
    (plain,), (more,) = (run(engine(all_opsets=asked), cells("zoo/a")) for asked in (False, True))
    assert [one.opset for one in more.attempts] == [13, 9, 10]
    assert plain.cell is not None
    assert more.cell is not None
    assert [line.opset for line in more.cell.attempts] == [13, 9, 10]
    assert replace(more.cell, attempts=plain.cell.attempts) == plain.cell


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (attempt(13), "pass"),
        (attempt(13, "build", "fail", "no such module"), "pass"),
        (attempt(13, "import", "fail", "no such module"), "untested"),
        (attempt(13, "install", "fail", "no wheel"), "untested"),
    ],
)
def test_an_attempt_tells_of_an_environment_where_nothing_else_does(
    engine: Make, planned: Planned, monkeypatch: pytest.MonkeyPatch, made: Attempt, told: str
) -> None:
    """As where the store lost how its imports went."""
    monkeypatch.setattr(Pool, "lost", {"install": Outcome.UNTESTED, "import_": Outcome.UNTESTED})
    planned.endings["zoo/a"] = [[made]]
    (record,) = run(engine(), cells("zoo/a"))
    assert {(facts.install, facts.import_) for facts in record.environments.values()} == {(told, told)}


def test_the_shims_of_both_environments_are_remedies(engine: Make) -> None:
    shimmed = SPLIT.environments[TARGET].model_copy(update={"shims": ("onnx-mapping",)})
    matrix = SPLIT.model_copy(update={"environments": {**SPLIT.environments, TARGET: shimmed}})
    (record,) = run(engine(matrix=matrix), cells("zoo/a"))
    assert record.cell is not None
    assert (record.verdict, record.cell.remedies) == ("works-with-remedy", ("shim:onnx-mapping",))


def test_cells_that_need_no_run_come_first_with_the_plans_reason(engine: Make, planned: Planned) -> None:
    known = PlannedCell("both", "zoo/d", "onnx-tf", Verdict.NOT_APPLICABLE, "needs torch >= 2")
    first, *others = run(engine(), [*cells("zoo/a", "zoo/b"), known])
    assert (first.case, first.verdict, first.reason, first.cell) == (
        "zoo/d",
        "not-applicable",
        "needs torch >= 2",
        None,
    )
    assert sorted(record.case for record in others) == ["zoo/a", "zoo/b"]
    assert sorted(planned.begun) == ["zoo/a", "zoo/b"]


def test_an_observer_hears_of_every_cell_that_begins_and_ends(engine: Make, heard: Heard) -> None:
    records = run(engine())
    assert sorted(heard.started) == list(NAMES)
    assert heard.finished == records


def test_so_many_cells_run_at_once(engine: Make, planned: Planned) -> None:
    """Each waits until the other has begun: one after the other, neither would come to its end."""
    together = threading.Barrier(2, timeout=SECONDS)

    def meets() -> Sequence[Attempt]:
        together.wait()
        return [attempt()]

    planned.endings = {name: [meets] for name in NAMES}
    assert len(run(engine(jobs=2))) == 4


def test_a_toolchain_has_workers_of_its_own(engine: Make, planned: Planned) -> None:
    other = SPLIT.toolchains["both"].model_copy(update={"id": "other"})
    matrix = SPLIT.model_copy(update={"toolchains": {**SPLIT.toolchains, "other": other}})
    both = [*cells("zoo/a", "zoo/b"), *cells("zoo/a", toolchain="other")]
    records = run(engine(matrix=matrix, jobs=1), both)
    assert [record.toolchain for record in records] == ["both", "both", "other"]
    assert len(planned.pools) == 2


# What this machine ends


def test_what_the_machine_ends_runs_once_more_alone_after_the_others(
    engine: Make, planned: Planned, heard: Heard
) -> None:
    planned.endings["zoo/a"] = [KILLED]
    records = run(engine(jobs=2))
    assert {record.case: record.verdict for record in records} == dict.fromkeys(NAMES, "works")
    assert records[-1].case == "zoo/a"
    assert (planned.begun[-1], planned.begun.count("zoo/a"), len(planned.begun)) == ("zoo/a", 2, 5)
    assert planned.alone == [False] * 4 + [True]
    ((id, said),) = heard.said
    assert id == "both"
    assert said.startswith("zoo/a: ended by SIGKILL from outside, during convert; it runs once more, alone")
    assert heard.finished == records


def test_it_waits_until_the_last_of_the_others_has_ended(engine: Make, planned: Planned) -> None:
    ended = []

    def late() -> Sequence[Attempt]:
        ended.append(1)
        return [attempt()]

    def again() -> Sequence[Attempt]:
        assert len(ended) == 3
        return [attempt()]

    planned.endings = {"zoo/a": [KILLED, again], **{name: [late] for name in NAMES[1:]}}
    assert all(record.verdict.works for record in run(engine(jobs=2)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_it_ends_again_is_untested_with_nothing_to_keep(
    engine: Make, planned: Planned, tmp_path: Path, jobs: int
) -> None:
    planned.endings["zoo/b"] = [KILLED, MachineFault("the disk is full or failing", "load")]
    records = run(engine(jobs=jobs))
    (record,) = (record for record in records if record.case == "zoo/b")
    assert (record.verdict, record.interrupted, record.cell, record.attempts) == ("untested", True, None, ())
    assert record.reason == "the disk is full or failing, during load"
    assert planned.begun.count("zoo/b") == 2
    assert [record.verdict for record in records if record.case != "zoo/b"] == ["works"] * 3
    assert list((tmp_path / "cache" / "store").rglob("*.json")) == []


def test_a_fault_that_knows_no_stage_is_told_without(engine: Make, planned: Planned) -> None:
    gone = MachineFault("the worker's parent process is gone")
    planned.endings["zoo/a"] = [gone, gone]
    (record,) = run(engine(), cells("zoo/a"))
    assert record.reason == "the worker's parent process is gone"


def test_many_that_the_machine_ends_run_again_one_by_one(engine: Make, planned: Planned) -> None:
    running: list[int] = []

    def again() -> Sequence[Attempt]:
        running.append(1)
        assert len(running) == 1
        running.pop()
        return [attempt()]

    planned.endings = {name: [KILLED, again] for name in NAMES}
    assert len(run(engine(jobs=4))) == 4
    assert planned.alone == [False] * 4 + [True] * 4


@pytest.fixture
def beside(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> list[MachineFault]:
    """What this machine does, in turn, to the probes of zoo/a; else they find nothing."""
    faults: list[MachineFault] = []

    class Probed(Run):
        target, artifacts = None, MappingProxyType({})

    class Asks:
        def __init__(self, *given: Any) -> None:
            self.case = given[6].case

        def found(self) -> dict[str, Any]:
            if self.case == "zoo/a" and faults:
                raise faults.pop(0)
            return {}

    monkeypatch.setattr(
        assembly, "of_planned", lambda *given, **_: Probed(planned, given[2].planned.case, given[0].options.jobs == 1)
    )
    monkeypatch.setattr(assembly, "source_side", lambda *_: None)
    monkeypatch.setattr(engines, "Probing", Asks)
    return faults


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_machine_ends_once_beside_a_verdict_runs_again_alone(
    engine: Make, beside: list[MachineFault], planned: Planned, heard: Heard, jobs: int
) -> None:
    beside[:] = [KILLED]
    records = {record.case: record for record in run(engine(level=2, jobs=jobs))}
    assert {name: (record.verdict, record.whole) for name, record in records.items()} == dict.fromkeys(
        NAMES, ("works", True)
    )
    assert {record.cell.level for record in records.values() if record.cell} == {2}
    assert (planned.begun.count("zoo/a"), planned.alone[-1]) == (2, True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_it_ends_twice_beside_a_verdict_is_left_out(
    engine: Make, beside: list[MachineFault], planned: Planned, jobs: int
) -> None:
    beside[:] = [KILLED, MachineFault("the disk is full or failing", "probe")]
    records = {record.case: record for record in run(engine(level=2, jobs=jobs))}
    ended = records["zoo/a"]
    assert ended.cell is not None
    assert (ended.verdict, ended.interrupted, ended.whole, ended.cell.level) == ("works", False, False, 1)
    assert ended.left_out == {"level 2": "the disk is full or failing, during probe"}
    assert all(records[name].whole for name in NAMES[1:])


def test_a_verdict_stays_where_the_machine_ends_its_second_run(
    engine: Make, beside: list[MachineFault], planned: Planned
) -> None:
    beside[:] = [KILLED]
    planned.endings["zoo/a"] = [[attempt()], KILLED]
    (record,) = run(engine(level=2), cells("zoo/a"))
    assert record.cell is not None
    assert (record.verdict, list(record.left_out)) == ("works", ["level 2"])


def test_what_is_left_out_of_a_record_has_the_exit_code_of_an_interrupted_cell(
    engine: Make, beside: list[MachineFault], capsys: pytest.CaptureFixture[str]
) -> None:
    beside[:] = [KILLED, KILLED]
    records = run(engine(level=2))
    with pytest.raises(MachineFault, match="this machine ended 1 of 4 cells"):
        commands.raise_for_machine(records)
    told = capsys.readouterr().err
    assert "zoo/a" in told
    assert "level 2 was not tried: ended by SIGKILL from outside, during convert" in told
    commands.raise_for_machine([record for record in records if record.case != "zoo/a"])


@pytest.mark.parametrize("flakes", [1, 2])
def test_what_worked_before_and_does_not_now_ends_no_other_cell(
    engine: Make, planned: Planned, monkeypatch: pytest.MonkeyPatch, flakes: int
) -> None:
    ends = [broken()] * flakes

    class Probed(Run):
        ran = True
        target = None

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.artifacts: dict[Any, Path] = {}

        def drop_changed(self) -> None: ...

        def attempt(self, opset: int, remedies: tuple[str, ...]) -> Attempt:
            made = ends.pop() if self.case == "zoo/a" and ends else attempt(opset)
            if made.outcome.passed:
                self.artifacts[opset, remedies] = Path("artifact")
            return made

    class Asks:
        def __init__(self, *given: Any) -> None:
            self.artifact = given[4]

        def found(self) -> dict[str, Any]:
            self.artifact()
            return {}

    monkeypatch.setattr(assembly, "of_planned", lambda *given, **_: Probed(planned, given[2].planned.case, False))
    monkeypatch.setattr(assembly, "source_side", lambda *_: None)
    monkeypatch.setattr(engines, "Probing", Asks)
    made = engine(level=2, jobs=1)
    records = {record.case: record for record in run(made)}
    assert not made.context.aborted.is_set()
    assert [records[name].verdict for name in NAMES[1:]] == ["works"] * 3
    first = records["zoo/a"]
    assert (first.verdict, first.interrupted) == (("works", False) if flakes == 1 else ("untested", True))
    assert flakes == 1 or "worked before and does not now; run it with --again" in str(first.reason)


@pytest.mark.parametrize(("level", "recorded", "found"), [(None, 2, 2), (1, 2, 1), (2, 1, 2), (None, None, 1)])
def test_a_cell_is_checked_at_the_level_that_is_asked_for_else_at_its_own(
    engine: Make, level: int | None, recorded: int | None, found: int
) -> None:
    (planned,) = cells("zoo/a")
    cell = replace(builders.cell("zoo/a", attempt()), level=recorded or 1)
    made = engine(level=level, as_recorded={planned.place: cell} if recorded else {})
    assert made._level(planned) == found


# An end before the end


@pytest.mark.parametrize(
    "wrong", [DiskError("full"), TfparityError("no Python 3.11"), KeyboardInterrupt(), KeyError("a")]
)
def test_what_says_nothing_of_a_cell_ends_the_run_and_all_that_runs(
    engine: Make, planned: Planned, wrong: BaseException
) -> None:
    begun = threading.Event()

    def until_killed() -> Sequence[Attempt]:
        begun.set()
        assert planned.pools[0].killed.wait(SECONDS)
        raise MachineFault("ended by SIGKILL", "convert")

    def after() -> Sequence[Attempt]:
        assert begun.wait(SECONDS)
        raise wrong

    planned.endings = {"zoo/a": [until_killed], "zoo/b": [after]}
    made = engine(jobs=2)
    with pytest.raises(type(wrong)):
        run(made)
    assert made.context.aborted.is_set()
    assert sorted(planned.begun) == ["zoo/a", "zoo/b"]


@pytest.mark.parametrize("wrong", [DiskError("full"), OSError(errno.ENOSPC, "No space left on device", "store/x")])
def test_cells_that_had_ended_are_told_before_what_ends_the_run(
    engine: Make, planned: Planned, heard: Heard, wrong: BaseException
) -> None:
    ended = threading.Event()

    def works() -> Sequence[Attempt]:
        ended.set()
        return [attempt()]

    def after() -> Sequence[Attempt]:
        assert ended.wait(SECONDS)
        time.sleep(0.1)
        raise wrong

    planned.endings = {"zoo/a": [after], "zoo/b": [works], "zoo/c": [after], "zoo/d": [after]}
    with pytest.raises(type(wrong)):
        run(engine(jobs=2))
    assert [(record.case, record.verdict) for record in heard.finished] == [("zoo/b", "works")]


def test_after_a_stop_what_runs_comes_to_its_end_and_nothing_else_begins(engine: Make, planned: Planned) -> None:
    made = engine(jobs=1)

    def stopping() -> Sequence[Attempt]:
        made.stop()
        return [attempt()]

    planned.endings["zoo/a"] = [stopping]
    records = run(made)
    assert [(record.verdict, record.reason) for record in records] == [
        ("works", None),
        *[("untested", "the run was stopped")] * 3,
    ]
    assert not records[1].interrupted
    assert planned.begun == ["zoo/a"]


def test_who_has_enough_stops_it_and_ends_nothing(engine: Make, planned: Planned) -> None:
    made, begun = engine(jobs=1), threading.Event()

    def until_stopped() -> Sequence[Attempt]:
        begun.set()
        assert made._stop.wait(SECONDS)
        return [attempt()]

    planned.endings["zoo/b"] = [until_stopped]
    with made:
        records = made.run(cells())
        next(records)
        assert begun.wait(SECONDS)
        records.close()
    assert not planned.pools[0].killed.is_set()
    assert not made.context.aborted.is_set()
    assert planned.begun == ["zoo/a", "zoo/b"]


def test_a_budget_that_is_spent_leaves_cells_untested(engine: Make, planned: Planned) -> None:
    records = run(engine(budget=0.0))
    assert [(record.verdict, record.reason) for record in records] == [("untested", "the budget was spent")] * 4
    assert planned.begun == []


def test_a_cell_that_would_go_beyond_the_budget_is_not_begun(engine: Make, planned: Planned) -> None:
    seconds = {CellId("both", "zoo/b", "onnx-tf"): 7200.0, CellId("both", "zoo/c", "onnx-tf"): 1.0}
    records = run(engine(seconds, budget=3600.0, jobs=1))
    assert [record.case for record in records if record.verdict == "untested"] == ["zoo/b"]


def test_under_a_budget_smoke_cells_of_every_toolchain_come_first(engine: Make, planned: Planned) -> None:
    other = SPLIT.toolchains["both"].model_copy(update={"id": "other"})
    matrix = SPLIT.model_copy(update={"toolchains": {**SPLIT.toolchains, "other": other}})
    both = [*cells("zoo/a", "zoo/b"), *cells("zoo/a", "zoo/b", toolchain="other")]
    found = [
        [
            (record.toolchain, record.case)
            for record in run(engine(matrix=matrix, jobs=1, tagged="zoo/b", budget=budget), both)
        ]
        for budget in (None, 3600.0)
    ]
    assert found[0] == [("both", "zoo/a"), ("both", "zoo/b"), ("other", "zoo/a"), ("other", "zoo/b")]
    assert found[1] == [("both", "zoo/b"), ("other", "zoo/b"), ("both", "zoo/a"), ("other", "zoo/a")]


def test_workers_end_with_the_run_of_their_toolchain(
    engine: Make, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def pool(_: Context, stack: ExitStack) -> Pool:
        stack.callback(ended.append, "a pool")
        return Pool(planned)

    monkeypatch.setattr(engines, "WorkerPool", pool)
    run(engine())
    assert ended == ["a pool"]


# One cell


def test_a_cell_that_is_opened_for_itself_runs_alone_with_warm_workers(
    engine: Make, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    class One(Run):
        def attempt(self, opset: int, remedies: tuple[str, ...]) -> Attempt:
            opened.append((self.case, self.alone, opset, remedies))
            return attempt(opset, remedies=remedies)

    def of_planned(_: Context, pool: Pool, crossing: Crossing, *, tries_remedies: bool) -> One:
        assert not tries_remedies
        return One(planned, crossing.planned.case, alone=False)

    monkeypatch.setattr(assembly, "of_planned", of_planned)
    with engine(jobs=2) as made:
        for name in ("zoo/a", "zoo/b"):
            assert made.attempt(cells(name)[0], 12, ("auto-cast",)) == attempt(12, remedies=["auto-cast"])
    assert opened == [(name, True, 12, ("auto-cast",)) for name in ("zoo/a", "zoo/b")]
    assert len(planned.pools) == 1
