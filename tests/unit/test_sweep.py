"""The sweep: which cells still need a run, in which pieces, what is recorded as they end, what makes room."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import builders
import pytest
import small_project
from builders import attempt, broken, lost_axis
from small_project import RULE, UNSQUEEZE, current, record

from tfparity import cli
from tfparity.environments import estimate as disk
from tfparity.environments import install
from tfparity.errors import MachineFault, UsageError
from tfparity.evidence import needs
from tfparity.evidence.query import Query, Table
from tfparity.features import sweep
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning import keys, probes
from tfparity.planning.estimate import CELL_SECONDS, INSTALL_SECONDS, WARM_SECONDS
from tfparity.planning.needs import Need
from tfparity.planning.options import Choice, chosen
from tfparity.planning.selection import Selection
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Outcome, Verdict
from tfparity.report import words

START = WARM_SECONDS + INSTALL_SECONDS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Its one rule names two remedies."""
    made = small_project.make(tmp_path, monkeypatch)
    made.limitations.write_text(RULE + "  remedies: [auto-cast, squeeze-handlers]\n")
    return made


def session(**choice: Any) -> Session:
    """Of the whole matrix and zoo by onnx-tf if nothing is chosen, read anew each time."""
    given = {"toolchains": ("all",), "tier": "all", "routes": ("onnx-tf",), "jobs": 1, "record": True}
    return Session(Choice(**{**given, **choice}))


def failing(case: str, *tried: str, toolchain: str = "old", seconds: float = 10.0) -> CellRecord:
    """A record of one plain attempt that took so long, and of those by remedies, none of which helped."""
    plain = broken(UNSQUEEZE, total_seconds=seconds)
    return record(
        case, plain, *(broken(UNSQUEEZE, remedies=[name], total_seconds=0.0) for name in tried), toolchain=toolchain
    )


def recorded() -> None:
    """Four cells of two toolchains: one works, two have remedies to try, one has tried all."""
    made = (
        record("add"),
        failing("gru"),
        failing("mish", "auto-cast"),
        failing("gelu", "auto-cast", "squeeze-handlers"),
        failing("gru", toolchain="new"),
    )
    session().recorder.record(current(*made))


# What needs a run


def test_every_need_has_a_test_of_its_own() -> None:
    assert list(needs.NEEDS) == list(Need)


@pytest.mark.parametrize(
    ("need", "found"),
    [
        (Need.UNTRIED, {"old/zoo/gru", "old/zoo/mish", "new/zoo/gru"}),
        (Need.STALE, {"old/zoo/add"}),
        (Need.UNTESTED, {f"new/zoo/{name}" for name in ("add", "gelu", "mish", "relu")}),
        (Need.NOT_PROBED, set()),
    ],
)
def test_a_need_selects_its_cells(project: Project, need: Need, found: set[str]) -> None:
    recorded()
    session().recorder.record([record("add", key="of another revision")])
    chosen = session(needs=(need,)).cells
    assert {cell.id.removesuffix("/onnx-tf") for cell in chosen} == found


def probed(name: str, *, but: str = "", stale: str = "", outcome: Outcome = Outcome.PASS) -> CellRecord:
    """A record of a cell that works and of what every probe found of it; without that one, with an entry of an older
    revision of that one."""
    (plain,) = current(record(name))
    assert plain.cell is not None
    entries = {
        one: builders.entry("older" if one == stale else keys.probe(plain.cell.key, one), outcome=outcome)
        for one in probes.NAMES
        if one != but
    }
    return replace(plain, cell=replace(plain.cell, level=2, probes=entries))


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda: current(record("add")), True),
        (lambda: current(record("add", broken(UNSQUEEZE), attempt(12))), True),  # works with a remedy
        (lambda: [probed("add")], False),
        (lambda: [probed("add", but="masks")], True),
        (lambda: [probed("add", stale="sizes")], True),
        (lambda: [probed("add", outcome=Outcome.TIMEOUT)], False),  # another run ends so, too
        (lambda: current(failing("add", "auto-cast", "squeeze-handlers")), False),
        (lambda: current(record("add", lost_axis())), False),
        (lambda: [record("add", key="of another revision")], False),
    ],
)
def test_what_works_is_not_probed_until_every_probe_of_today_has_an_entry(
    project: Project, made: Callable[[], list[CellRecord]], found: bool
) -> None:
    session().recorder.record(made())
    chosen = session(needs=(Need.NOT_PROBED,)).cells
    assert [cell.id for cell in chosen] == (["old/zoo/add/onnx-tf"] if found else [])


def test_what_has_a_remedy_to_try_is_told_beside_the_verdict(project: Project) -> None:
    recorded()
    query = Query(Selection(small_project.EVERYTHING))
    table = Table(query)
    standing = {one.planned.id: one for one in table.cells["old"]}
    assert standing["old/zoo/gru/onnx-tf"].untried == ("auto-cast", "squeeze-handlers")
    assert standing["old/zoo/mish/onnx-tf"].untried == ("squeeze-handlers",)
    assert standing["old/zoo/gelu/onnx-tf"].untried == standing["old/zoo/add/onnx-tf"].untried == ()
    assert (tuple(table.untried("old")), tuple(table.untried())) == ((3, 2, 0), (4, 3, 0))
    assert table.counts()["broken"] == 4  # the verdict is what it was


def test_a_stale_cell_has_nothing_to_try(project: Project) -> None:
    session().recorder.record([failing("gru")])
    (cell,) = (one for one in session().cells if one.id == "old/zoo/gru/onnx-tf")
    assert (session().query.standing(cell).verdict, session().query.standing(cell).untried) == ("stale", ())


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((3, 0, 0), ""),
        ((3, 2, 0), "2 of 3 that are broken or partly have a remedy not yet tried"),
        ((3, 0, 1), "1 had no time left for one"),
        ((3, 1, 1), "1 of 3 that are broken or partly have a remedy not yet tried, 1 had no time left for one"),
    ],
)
def test_how_many_have_a_remedy_to_try_in_words(counted: tuple[int, int, int], said: str) -> None:
    from tfparity.evidence.query import Untried

    assert words.untried(Untried(*counted)) == said


# In which pieces


def test_a_cell_takes_as_long_again_for_each_remedy_and_half_as_long_for_its_probes(project: Project) -> None:
    recorded()
    for level, times in ((None, 1.0), (1, 1.0), (2, 1.5)):
        asked = session(level=level)
        found = {cell.case: asked.cost(cell) for cell in asked.cells if cell.toolchain == "old"}
        expected = {"zoo/gru": 30.0 * times, "zoo/mish": 20.0 * times, "zoo/gelu": 10.0 * times}
        assert {case: found[case] for case in expected} == expected


def test_smoke_and_core_of_every_toolchain_come_before_the_rest(project: Project) -> None:
    text = (project.cases / "zoo.py").read_text()
    early = {"gelu": '"core"', "gru": '"smoke"'}
    parts = text.split("@case(")
    for number, part in enumerate(parts):
        tag = next((tag for name, tag in early.items() if f'"zoo/{name}"' in part), None)
        parts[number] = part.replace("tags={'smoke'}", f"tags={{{tag}}}" if tag else "tags=()").replace(
            'tags={"smoke"}', f"tags={{{tag}}}" if tag else "tags=()"
        )
    (project.cases / "zoo.py").write_text("@case(".join(parts))
    made = sweep.pieces(session())
    assert [(piece.toolchain, piece.early) for piece in made] == [
        ("old", True),
        ("new", True),
        ("old", False),
        ("new", False),
    ]
    assert [cell.case for cell in made[0].cells] == ["zoo/gelu", "zoo/gru"]


def test_a_piece_is_no_longer_than_it_may_be_and_begins_with_the_cheapest(project: Project) -> None:
    recorded()
    made = sweep.pieces(session(toolchains=("old",), needs=(Need.UNTRIED,)), longest=START + 45)
    assert [([cell.case for cell in piece.cells], piece.seconds) for piece in made] == [
        (["zoo/mish"], START + 20),
        (["zoo/gru"], START + 30),
    ]
    both = sweep.pieces(session(toolchains=("old",), needs=(Need.UNTRIED,)), longest=START + 50)
    assert [[cell.case for cell in piece.cells] for piece in both] == [["zoo/mish", "zoo/gru"]]


def test_a_cell_that_takes_longer_alone_is_a_piece_of_its_own(project: Project) -> None:
    made = sweep.pieces(session(toolchains=("old",)), longest=1.0)
    assert [len(piece.cells) for piece in made] == [1] * 4
    assert {piece.seconds for piece in made} == {START + CELL_SECONDS}


def test_side_by_side_a_piece_takes_less(project: Project) -> None:
    (one,), (two,) = (sweep.pieces(session(toolchains=("old",), jobs=jobs)) for jobs in (1, 2))
    assert one.seconds - START == 2 * (two.seconds - START)


# The run


@dataclass
class Engines:
    """Stands for the engine: what comes of a cell, by its id; keeps budgets and the order of cells."""

    comes: Callable[[PlannedCell], CellRecord | BaseException]
    ran: list[str] = field(default_factory=list)
    budgets: list[float | None] = field(default_factory=list)

    def put_in(self, patch: pytest.MonkeyPatch) -> Engines:
        def of(asked: Session, _: object) -> Any:
            self.budgets.append(asked.choice.budget)
            return nullcontext(self)

        patch.setattr(Session, "engine", of)
        return self

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        for cell in cells:
            self.ran.append(cell.id)
            made = self.comes(cell)
            if isinstance(made, BaseException):
                raise made
            yield made


def swept(
    monkeypatch: pytest.MonkeyPatch, comes: Callable[[PlannedCell], CellRecord | BaseException], **choice: Any
) -> tuple[Engines, sweep.Swept]:
    """What a sweep over cells with remedies to try came to, each a piece of its own, if an engine gives that."""
    engines = Engines(comes).put_in(monkeypatch)
    asked = session(needs=(Need.UNTRIED,), **choice)
    todo = sweep.pieces(asked, longest=1.0)
    return engines, sweep.sweep(asked, todo, lambda _: nullcontext(Silent()), lambda _: None)


def helped(cell: PlannedCell) -> CellRecord:
    name = cell.case.removeprefix("zoo/")
    (made,) = current(
        record(name, broken(UNSQUEEZE), attempt(remedies=["auto-cast"]), toolchain=cell.toolchain),
    )
    return made


def test_a_sweep_records_what_came_out_and_run_again_has_nothing_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded()
    engines, done = swept(monkeypatch, helped)
    assert engines.ran == [f"{name}/onnx-tf" for name in ("old/zoo/mish", "old/zoo/gru", "new/zoo/gru")]
    assert engines.budgets == [sweep.LONGEST] * 3
    assert (done.turned, done.left, done.interrupted) == ({("broken", "works-with-remedy"): 3}, 0, [])
    again, _ = swept(monkeypatch, helped)
    assert again.ran == []
    assert session().query.recorded["old"].cell("zoo/gelu", "onnx-tf") is not None


def test_what_ended_before_an_error_is_recorded_and_the_sweep_goes_on_from_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded()
    Engines(lambda cell: MachineFault("the disk is full") if "gru" in cell.id else helped(cell)).put_in(monkeypatch)
    asked = session(needs=(Need.UNTRIED,))
    with pytest.raises(MachineFault, match="the disk is full"):
        sweep.sweep(asked, sweep.pieces(asked), lambda _: nullcontext(Silent()), lambda _: None)
    assert [cell.id for cell in session(needs=(Need.UNTRIED,)).cells] == [
        "old/zoo/gru/onnx-tf",
        "new/zoo/gru/onnx-tf",
    ]


def test_what_did_not_run_or_was_cut_off_stays_as_it_was_recorded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded()

    def comes(cell: PlannedCell) -> CellRecord:
        cut_off = cell.toolchain == "old"
        return CellRecord(*cell.place, Verdict.UNTESTED, "the budget was spent", interrupted=cut_off)

    _, done = swept(monkeypatch, comes)
    assert (done.turned, done.left, len(done.interrupted)) == ({}, 3, 2)
    assert len(session(needs=(Need.UNTRIED,)).cells) == 3


@pytest.mark.parametrize("need", [Need.UNTRIED, Need.STALE])
def test_what_a_route_turns_out_not_to_take_is_left_no_more(
    project: Project, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    recorded()
    session().recorder.record([record("add", key="of another revision")])

    def comes(cell: PlannedCell) -> CellRecord:
        return CellRecord(*cell.place, Verdict.NOT_APPLICABLE, "takes models of transformers alone")

    Engines(comes).put_in(monkeypatch)
    asked = session(needs=(need,))
    done = sweep.sweep(asked, sweep.pieces(asked), lambda _: nullcontext(Silent()), lambda _: None)
    was = "stale" if need is Need.STALE else "broken"
    assert (done.turned, done.left) == ({(was, "not-applicable"): len(asked.cells)}, 0)
    assert len(asked.cells) > 0
    assert session(needs=(need,)).cells == []
    assert session().query.recorded["old"].cell("zoo/gelu", "onnx-tf") is not None


def test_a_spent_budget_begins_no_other_piece(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded()
    engines, done = swept(monkeypatch, helped, budget=0.0)
    assert (engines.ran, done.left) == ([], 3)
    engines, done = swept(monkeypatch, helped, budget=600.0)
    assert done.left == 0
    assert all(given is not None and 0 < given <= 600.0 for given in engines.budgets)


# Room on the disk


class Usage(NamedTuple):
    free: float


def test_where_the_disk_asks_for_it_what_the_sweep_installed_itself_goes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = project.matrix.read_text()
    third = '  - {id: third, python: "3.11", as-of: 2026-11-20, pins: {torch: 2.14.0}}\n'
    project.matrix.write_text(text + third)
    asked = session()
    selection = asked.selection
    monkeypatch.setattr(disk, "installed_gb", lambda _: 5.0)
    free = {"gb": 100.0}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free["gb"] * 1e9))
    removed: list[str] = []
    monkeypatch.setattr(install, "remove", lambda environment, *_: removed.append(environment.id) or True)
    there = {"old"}  # before the sweep began
    monkeypatch.setattr(Selection, "installed", lambda _, environment: environment.id in there)
    said: list[str] = []
    room = sweep._Room(asked, said.append)
    for name in ("old", "new"):
        room.make(sweep.Piece(name, True, (), 0.0))
        there.add(name)
    assert removed == []
    free["gb"] = 5.0 + install.LEFT_FREE_GB + 0.1
    room.make(sweep.Piece("third", True, (), 0.0))
    assert removed == []  # there is room
    free["gb"] = 1.0
    room.make(sweep.Piece("third", True, (), 0.0))
    assert removed == ["new"]
    assert said == ["new: removed to make room; it is installed again where it is needed"]
    room.make(sweep.Piece("old", True, (), 0.0))
    assert removed == ["new"]  # what is there asks for no room
    assert selection.matrix.toolchains["third"].environments() == ["third"]


def test_a_removed_environment_is_no_environment_any_more(project: Project) -> None:
    selection = session().selection
    environment = selection.matrix.environments["old"]
    locked = selection.keys.locked(environment)
    place = install.place(environment, locked, selection.cache)
    (place / "lib").mkdir(parents=True)
    (place / install.COMPLETE).touch()
    assert selection.installed(environment)
    install.remove(environment, locked, selection.cache)
    assert not selection.installed(environment)
    assert not place.exists()
    install.remove(environment, locked, selection.cache)  # once more does no harm


# The command


def test_the_list_says_the_hours_and_runs_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded()
    monkeypatch.setattr(sweep, "sweep", lambda *_, **__: pytest.fail("something ran"))
    assert cli.main(["sweep", "--list", "--need", "untried"]) == 0
    said = capsys.readouterr().err
    assert "1. old, smoke and core: 2 cells" in said
    assert "2. new, smoke and core: 1 cell, at most about" in said
    assert "3 cells that need it: at most about" in said


def test_the_command_takes_what_is_untried_and_what_is_stale_if_nothing_is_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded()
    session().recorder.record([record("add", key="of another revision")])
    assert cli.main(["sweep", "--list"]) == 0
    assert "4 cells that need it" in capsys.readouterr().err


def test_the_command_tells_what_turned_and_ends_as_a_machine_that_cut_cells_off(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded()
    Engines(helped).put_in(monkeypatch)
    assert cli.main(["sweep"]) == 0
    assert "3 cells: broken → works-with-remedy" in capsys.readouterr().err
    session().recorder.record(current(failing("gru")))

    def killed(cell: PlannedCell) -> CellRecord:
        return CellRecord(*cell.place, Verdict.UNTESTED, "killed", interrupted=True)

    Engines(killed).put_in(monkeypatch)
    assert cli.main(["sweep"]) == MachineFault.exit_code
    assert "1 cell left: the same command goes on with them" in capsys.readouterr().err


def test_cells_that_were_not_probed_run_at_level_2_and_what_probes_find_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session().recorder.record(current(record("add"), record("mish"), failing("gru")))
    levels: list[int | None] = []

    def of(asked: Session, _: object) -> Any:
        levels.append(asked.choice.level)
        return nullcontext(Engines(lambda cell: probed(cell.case.removeprefix("zoo/"))))

    monkeypatch.setattr(Session, "engine", of)
    assert cli.main(["sweep", "--need", "not-probed"]) == 0
    said = capsys.readouterr().err
    assert "2 cells that need it" in said
    assert "probed: 2 of 2 that work" in said
    assert levels == [2]
    assert cli.main(["sweep", "--need", "not-probed"]) == 0
    assert "0 cells that need it" in capsys.readouterr().err
    kept = session().query.recorded["old"]
    assert {cell.case: (cell.level, len(cell.probes)) for cell in kept.cells} == {
        "zoo/add": (2, len(probes.NAMES)),
        "zoo/mish": (2, len(probes.NAMES)),
        "zoo/gru": (1, 0),
    }


@pytest.mark.parametrize("command", ["run", "sweep", "gate"])
def test_what_was_not_probed_is_not_asked_of_level_1(
    project: Project, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--need", "not-probed", "--level", "1"]) == UsageError.exit_code
    assert "--need not-probed is of level 2: leave out --level 1" in capsys.readouterr().err


def test_a_need_says_the_level_where_nothing_else_does() -> None:
    def level(**given: Any) -> int | None:
        return chosen(given.get).level

    assert level(need=["not-probed"]) == level(need=["stale", "not-probed"]) == level(level=2) == 2
    assert level() is level(need=["untried", "stale", "untested"]) is None  # the gate's is the recorded one
    assert level(need=["stale"], level=2) == 2


def test_checking_the_tables_tells_of_each_toolchain_how_many_have_a_remedy_to_try(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded()
    for path in (project.readme, project.docs / "compatibility.md"):
        path.parent.mkdir(exist_ok=True)
        names = ("versions", "tools", "counts", "compatibility") if path == project.readme else ("compatibility",)
        path.write_text("".join(f"<!-- table {name}: -->\n<!-- end {name} -->\n" for name in names))
    cli.main(["table"])
    capsys.readouterr()
    cli.main(["table", "--check"])
    said = capsys.readouterr().out
    assert "old: 2 of 3 that are broken or partly have a remedy not yet tried\n" in said
    assert "new: 1 of 1 that are broken or partly have a remedy not yet tried\n" in said
    assert "never:" not in said
