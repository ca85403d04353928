"""flaky.yaml: cells that are known to be flaky are said and not counted until their day, and never longer."""

from __future__ import annotations

import datetime
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import small_project
from small_project import current

from tfparity import cli, pytest_cells
from tfparity.errors import MachineFault, QuarantineError
from tfparity.features import flaky, own_models, score
from tfparity.features.gate import compare, report
from tfparity.features.gate.compare import GateReport
from tfparity.features.gate.junit import junit
from tfparity.features.session import Session
from tfparity.features.upgrade import outputs, sides
from tfparity.features.upgrade.report import Upgrade
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.inputs import quarantine
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellRecord, PlannedCell
from tfparity.records.observer import Silent
from tfparity.report import progress

WORKS, BROKEN = builders.attempt(dynamic={"batch": True}), builders.broken()

DAY = datetime.date(2026, 11, 10)

GRU = """\
- id: gru
  case: zoo/gru
  route: onnx-tf
  reason: the order of its threads moves the answer
  until: {until}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(quarantine, "today", lambda: DAY)
    return small_project.make(tmp_path, monkeypatch)


def put(project: Project, until: str, text: str = GRU) -> None:
    project.flaky.write_text(text.format(until=until))


def zoo(case: str, *attempts: Attempt, toolchain: str = "old") -> CellRecord:
    return small_project.record(case, *(attempts or (WORKS,)), toolchain=toolchain)


# The file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "until: 2026-12-31",
            "until: soon",
            "flaky.yaml:5: until: 'soon' is no day; write year-month-day, such as 2026-11-10",
        ),
        ("until: 2026-12-31", "until: 2026-12-32", "flaky.yaml:5: until: '2026-12-32' is no day"),
        ("until: 2026-12-31", "until: 2026-12-31T10:00:00", "flaky.yaml:5: until: "),
        ("until: 2026-12-31", "until: 5", "flaky.yaml:5: until: '5' is no day"),
        ("until: 2026-12-31", "until: 2027-12-31", "flaky.yaml:5: until: 2027-12-31 is more than 90 days ahead"),
        ("  until: 2026-12-31\n", "", "flaky.yaml:1: the key 'until' is missing"),
        ("until:", "untill:", "flaky.yaml:5: unknown key 'untill', did you mean 'until'?"),
        (
            "reason: the order of its threads moves the answer",
            "reason: flaky",
            "flaky.yaml:4: reason: 'flaky' is no re",
        ),
        ("id: gru", "id: ''", "flaky.yaml:1: id: "),
        *(
            ("case: zoo/gru", f'case: "{wide}"', f"flaky.yaml:2: case: {wide!r} is too wide")
            for wide in ("*", "**", "?*", "*/*", "zoo/*", "zoo/??*", "zoo/[a-z]*", "[a-z]*/gru", "*gru*", "zoo/gr*")
        ),
        ("- id: gru\n", "id: gru\n", "flaky.yaml"),
    ],
)
def test_what_is_wrong_with_it_is_one_message(
    project: Project, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    text = GRU.format(until="2026-12-31")
    assert old in text
    project.flaky.write_text(text.replace(old, new))
    commands = (["gate"], ["upgrade", "old", "new"], ["run"], ["sweep"], ["scout", "--list"])
    for words in commands:
        assert cli.main(words) == QuarantineError.exit_code
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_a_file_of_ones_own_that_is_not_there_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gate", "--quarantine", "nowhere.yaml"]) == QuarantineError.exit_code
    assert capsys.readouterr().err == "tfparity: nowhere.yaml: there is no such file\n"


@pytest.mark.parametrize(
    ("globs", "holds"),
    [
        ({}, True),
        ({"route": "onnx-tf", "toolchain": "old"}, True),
        ({"case": "zoo/gru*", "toolchain": "o*"}, True),
        ({"case": "zoo/add"}, False),
        ({"route": "onnx-tf-dynamo"}, False),
        ({"toolchain": "new"}, False),
    ],
)
def test_an_entry_is_of_the_cells_that_its_globs_match(project: Project, globs: dict[str, str], holds: bool) -> None:
    entry = quarantine.Quarantined(
        **{"id": "gru", "case": "zoo/gru", "reason": "its threads race", "until": DAY, **globs}
    )
    assert entry.holds(("old", "zoo/gru", "onnx-tf")) is holds


def test_the_last_day_counts_and_the_next_does_not(tmp_path: Path) -> None:
    file = tmp_path / "flaky.yaml"
    file.write_text(GRU.format(until=DAY))
    cell = ("old", "zoo/gru", "onnx-tf")
    last, next_day = (quarantine.load(file, DAY + datetime.timedelta(days=n)) for n in (0, 1))
    assert (last.of(cell) is not None, last.over([cell])) == (True, [])
    assert (next_day.of(cell), [one.line for one in next_day.over([cell])]) == (None, [1])
    assert next_day.over([("old", "zoo/add", "onnx-tf")]) == []


# The gate


def gated(*changed: CellRecord) -> GateReport:
    """The gate's report on zoo/add and zoo/gru, recorded to work."""
    Session(small_project.EVERYTHING).recorder.record(current(zoo("add"), zoo("gru")))
    asked = Session(Choice(toolchains=("old",), routes=("onnx-tf",), case_globs=("zoo/add", "zoo/gru")))
    records = {one.case: one for one in (*current(zoo("add"), zoo("gru")), *changed)}
    return report.judged(asked, list(records.values()))


@pytest.mark.parametrize(
    ("record", "came"),
    [
        (zoo("gru"), "as recorded this time"),
        (zoo("gru", BROKEN), "regressed: broken instead of works"),
        (builders.not_run("zoo/gru", "untested", "a signal"), "missing: recorded as works; untested: a signal"),
    ],
)
def test_of_a_flaky_cell_the_gate_says_what_came_out_and_does_not_count_it(
    project: Project, record: CellRecord, came: str
) -> None:
    put(project, "2026-11-10")
    said = gated(replace(record, toolchain="old"))
    (finding,) = said.findings
    assert (finding.kind, said.exit_code, said.moved) == ("quarantined", 0, ())
    expected = f"quarantined as gru until 2026-11-10: the order of its threads moves the answer; {came}"
    assert finding.message.startswith(expected)
    assert "<failure" not in junit(said)


def test_another_cell_still_counts(project: Project) -> None:
    put(project, "2026-11-10")
    said = gated(zoo("add", BROKEN))
    assert (said.exit_code, [finding.kind for finding in said.findings]) == (30, ["regressed", "quarantined"])


def test_an_entry_that_is_over_excuses_nothing_and_is_a_finding_itself(project: Project) -> None:
    put(project, "2026-11-09")
    said = gated()
    (finding,) = said.findings
    assert (finding.kind, finding.subject, said.exit_code) == ("quarantine-over", "gru", 43)
    assert finding.message.startswith("flaky.yaml:1: ended on 2026-11-09: the order of its threads")
    assert 'classname="flaky"' in junit(said)
    worse = gated(zoo("gru", BROKEN))
    assert (worse.exit_code, {finding.kind for finding in worse.findings}) == (30, {"regressed", "quarantine-over"})


def test_an_entry_of_cells_that_this_gate_did_not_choose_is_none_of_its_findings(project: Project) -> None:
    put(project, "2026-11-09", GRU.replace("zoo/gru", "zoo/mish"))
    assert gated().findings == ()


def test_an_update_leaves_a_flaky_cell_as_it_was_recorded(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project, "2026-11-10")
    gated()
    came = current(zoo("add", BROKEN), zoo("gru", BROKEN))
    monkeypatch.setattr(cli.commands, "carried_out", lambda *_: came)
    words = ["--toolchain", "old", "--route", "onnx-tf", "--case", "zoo/add", "--case", "zoo/gru"]
    assert cli.main(["gate", "--update", *words]) == 0
    assert "what came out of 1 cell; 1 cell in quarantine: as recorded before" in capsys.readouterr().out
    recorded = Session(small_project.EVERYTHING).query.recorded["old"].cells
    assert {cell.case: cell.verdict.value for cell in recorded} == {"zoo/add": "broken", "zoo/gru": "works"}


# Entries that are of nothing


@pytest.mark.parametrize(
    ("entry", "toolchains", "idle"),
    [
        ({}, ("old",), ""),
        ({"case": "zoo/grue"}, ("old",), "there is no case 'zoo/grue', did you mean 'zoo/gru'?"),
        ({"case": "zoo/gru2*"}, ("old",), "there is no case 'zoo/gru2*', did you mean 'zoo/gru'?"),
        ({"route": "onnx-tff"}, ("old",), "there is no route 'onnx-tff', did you mean 'onnx-tf'?"),
        ({"toolchain": "older"}, ("old",), "there is no toolchain 'older', did you mean 'old'?"),
        ({"toolchain": "xyzzy"}, ("old",), "there is no toolchain 'xyzzy'; there are old, new, never"),
        (
            {"toolchain": "nwe", "case": "zoo/grue"},
            ("old",),
            "there is no toolchain 'nwe', did you mean 'new'?; there is no case 'zoo/grue', did you mean 'zoo/gru'?",
        ),
        ({"toolchain": "new"}, ("old",), ""),  # that was not chosen: nobody knows
        ({"case": "zoo/relu"}, ("old",), ""),
        ({"case": "zoo/relu"}, ("all",), ""),
        # It needs torch 2: there it cannot be.
        ({"case": "zoo/relu", "toolchain": "old"}, ("old",), "no toolchain has such a cell (zoo/relu)"),
        ({"toolchain": "never"}, ("all",), "no toolchain has such a cell (zoo/gru)"),  # cannot be resolved
        ({"until": "2026-11-09", "case": "zoo/grue"}, ("old",), ""),  # over, and so no excuse anyway
    ],
)
def test_an_entry_of_no_cell_is_a_finding_of_the_gate_and_told_by_the_others(
    project: Project, capsys: pytest.CaptureFixture[str], entry: dict[str, str], toolchains: tuple[str, ...], idle: str
) -> None:
    whole = {"id": "gru", "case": "zoo/gru", "reason": "its threads race", "until": "2026-11-20", **entry}
    project.flaky.write_text("- " + "\n  ".join(f"{name}: {value}" for name, value in whole.items()) + "\n")
    asked = Session(Choice(toolchains=toolchains, tier="all"))
    assert bool(asked.selection.idle_quarantine()) is bool(idle)
    said = [line for line in flaky.notes(asked) if "idle" in line]
    assert said == ([f"flaky.yaml:1: gru is idle: {idle}"] if idle else [])
    findings = [one for one in report.judged(asked, []).findings if one.kind == "quarantine-idle"]
    assert [one.message for one in findings] == (
        [f"flaky.yaml:1: {idle}: remove the entry, or mend it"] if idle else []
    )
    if idle:
        assert compare.EXIT_CODES["quarantine-idle"] == 44
        assert findings[0].place == (str(project.flaky), 1)


def test_of_models_of_ones_own_the_entries_of_the_zoo_are_not_idle(project: Project, tmp_path: Path) -> None:
    put(project, "2026-11-20")
    mine = tmp_path / "mine.py"
    mine.write_text(small_project.CASES.format(cases=small_project.ONE.format(name="own", requires={})))
    own = tmp_path / "own.yaml"
    own.write_text(GRU.format(until="2026-11-20"))
    asked = Session(Choice(toolchains=("old",), sources=(str(mine),), quarantine=own))
    assert [one.listed.file for one in asked.selection.idle_quarantine()] == [own]


# A run, compat, a sweep and a score


class Engine:
    """Gives those records."""

    def __init__(self, records: list[CellRecord]) -> None:
        self.records = records
        self.asked: list[PlannedCell] = []

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, cells: list[PlannedCell]) -> list[CellRecord]:
        self.asked += cells
        return [one for cell in cells for one in self.records if one.place == cell.place]


def engine(monkeypatch: pytest.MonkeyPatch, *records: CellRecord) -> Engine:
    made = Engine(list(records))
    monkeypatch.setattr(Session, "engine", lambda *_: made)
    monkeypatch.setattr(progress, "progress", lambda *_: nullcontext(Silent()))
    return made


def flat(text: str) -> str:
    return " ".join(text.split())


RUN = ["run", "--toolchain", "old", "--route", "onnx-tf", "--case", "zoo/add", "--case", "zoo/gru"]


@pytest.mark.parametrize(
    ("until", "gru", "code", "said"),
    [
        ("2026-11-10", BROKEN, 0, "quarantined as gru until 2026-11-10: the order of its threads"),
        ("2026-11-10", WORKS, 0, "moves the answer; works this time"),
        ("2026-11-09", BROKEN, 1, "flaky.yaml:1: gru ended on 2026-11-09, and counts again"),
    ],
)
def test_a_run_tells_of_a_flaky_cell_and_does_not_count_it(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    until: str,
    gru: Attempt,
    code: int,
    said: str,
) -> None:
    put(project, until)
    Session(small_project.EVERYTHING).recorder.record(current(zoo("add"), zoo("gru")))
    engine(monkeypatch, *current(zoo("add"), zoo("gru", gru)))
    assert cli.main(RUN) == code
    told = capsys.readouterr()
    assert said in flat(told.out + told.err)
    assert ("results/ has it working" in told.err) is bool(code)


def test_what_this_machine_ended_of_a_flaky_cell_is_no_answer(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project, "2026-11-10")
    ended = replace(builders.not_run("zoo/gru", "untested", "a full disk"), toolchain="old", interrupted=True)
    engine(monkeypatch, *current(zoo("add")), ended)
    assert cli.main(RUN) == MachineFault.exit_code


def test_a_flaky_cell_of_the_zoo_may_fail_its_test_and_another_may_not(project: Project) -> None:
    put(project, "2026-11-10")

    def ends(record: CellRecord, *others: CellRecord, own: bool = False) -> str:
        asked = Session(Choice(toolchains=("old",)))
        records = [record, *others]
        try:
            pytest_cells.test_cell(record, None, True, False, records if own else None, flaky.excused(asked, records))
        except (pytest.fail.Exception, pytest.xfail.Exception) as ended:
            return f"{type(ended).__name__}: {ended}"
        return "passed"

    assert ends(zoo("gru")) == "passed"
    assert ends(zoo("gru", BROKEN)).startswith("XFailed: quarantined as gru until 2026-11-10: the order of its threads")
    assert ends(zoo("add", BROKEN)).startswith("Failed: ")
    interrupted = replace(builders.not_run("zoo/gru", "untested", "a full disk"), toolchain="old", interrupted=True)
    assert ends(interrupted).startswith("Failed: ")
    # Of a model by several routes, the flaky one may be the one that converts it.
    other = small_project.record("gru", BROKEN, route="onnx-tf-dynamo")
    assert ends(other, zoo("gru", BROKEN), own=True).startswith("Failed: ")  # recorded to work
    project.flaky.write_text(GRU.format(until="2026-11-10").replace("onnx-tf\n", "hf-from-pt\n"))
    assert ends(zoo("gru", BROKEN), own=True).startswith("Failed: ")


def test_a_model_of_ones_own_is_not_stuck_where_a_flaky_route_may_convert_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project, "2026-11-10")
    asked = Session(Choice(toolchains=("old",)))
    monkeypatch.setattr(type(asked.selection), "is_own", lambda *_: True)
    cells = [zoo("gru", BROKEN), small_project.record("gru", BROKEN, route="onnx-tf-dynamo")]
    assert own_models.stuck(asked, cells) == {}
    assert list(own_models.stuck(asked, cells[1:])) == ["zoo/gru"]


def test_a_sweep_leaves_a_flaky_cell_as_it_was_recorded_and_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project, "2026-11-10")
    project.limitations.write_text(f"{small_project.RULE}  remedies: [squeeze-handlers]\n")
    failing = builders.broken(small_project.UNSQUEEZE)
    Session(small_project.EVERYTHING).recorder.record(current(zoo("add", failing), zoo("gru", failing)))
    helped = builders.attempt(remedies=["squeeze-handlers"])
    ran = engine(monkeypatch, *current(zoo("add", failing, helped), zoo("gru", failing, helped)))
    assert cli.main(["sweep", "--route", "onnx-tf", "--need", "untried"]) == 0
    assert [cell.case for cell in ran.asked] == ["zoo/add"]
    said = flat(capsys.readouterr().err)
    assert "1 cell in quarantine by flaky.yaml: left as recorded: old/zoo/gru/onnx-tf" in said
    recorded = Session(small_project.EVERYTHING).query.recorded["old"].cells
    assert {cell.case: cell.verdict.works for cell in recorded} == {"zoo/add": True, "zoo/gru": False}


@pytest.mark.parametrize(
    ("gru", "message"),
    [(BROKEN, "moves the answer; newly-failing: broken instead of works"), (WORKS, "moves the answer; passing")],
)
def test_a_score_has_a_word_of_its_own_for_a_flaky_cell(project: Project, gru: Attempt, message: str) -> None:
    put(project, "2026-11-10", GRU + "  toolchain: old\n")
    Session(small_project.EVERYTHING).recorder.record(current(zoo("add"), zoo("gru")))
    declared = Selection(small_project.EVERYTHING).matrix
    over = declared.toolchains["old"].model_copy(update={"id": "adhoc_0", "over": "old"})
    matrix = declared.model_copy(update={"toolchains": {**declared.toolchains, "adhoc_0": over}})
    asked = Session(Choice(toolchains=("adhoc_0",), packages=("onnx-tf=mine.whl",)), declared=matrix)
    found = score.score(asked, [zoo("add", toolchain="adhoc_0"), zoo("gru", gru, toolchain="adhoc_0")])
    assert (found.exit_code, found.counts["quarantined"], found.counts["newly-failing"]) == (0, 1, 0)
    (cell,) = [cell for cell in found.cells if cell.kind is score.Kind.QUARANTINED]
    assert message in cell.message
    assert found.compared == 1
    alone = score.score(asked, [zoo("gru", gru, toolchain="adhoc_0")])
    assert alone.exit_code == 41  # nothing is known of what was not compared


# An upgrade


class Runs:
    """Runs cells: what each comes to, time after time, works where nothing is planned."""

    def __init__(self, **attempts: list[Attempt]) -> None:
        self.attempts = attempts
        self.times: dict[str, int] = {}

    def __call__(self, cells: list[PlannedCell], *, again: bool) -> list[CellRecord]:
        made = []
        for cell in cells:
            name = cell.case.rpartition("/")[2]
            planned = self.attempts.get(name, [WORKS])
            number = self.times[cell.id] = self.times.get(cell.id, 0) + 1
            made.append(zoo(name, planned[min(number, len(planned)) - 1], toolchain=cell.toolchain))
        return current(*made)


def repeated(*gru: Attempt, repeat: int = 3) -> Upgrade:
    """zoo/add and zoo/gru on old against itself, which comes out so in its runs; both are recorded to work."""
    Session(small_project.EVERYTHING).recorder.record(current(zoo("add"), zoo("gru")))
    session, both = sides.read("old", ["old"], Choice(case_globs=("zoo/add", "zoo/gru"), routes=("onnx-tf",)))
    return upgrade(session, both, Runs(gru=list(gru)), repeat=repeat)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ((BROKEN, WORKS, WORKS), "2 of 3 runs: same; 1 of 3 runs: regressed (broken instead of works; broken"),
        ((WORKS, WORKS, BROKEN), "2 of 3 runs: same; 1 of 3 runs: regressed (broken instead of works; broken"),
    ],
)
def test_what_comes_out_otherwise_among_runs_is_flaky(
    project: Project, runs: tuple[Attempt, ...], message: str
) -> None:
    said = repeated(*runs)
    assert (said.exit_code, said.counts["flaky"], said.counts["same"]) == (40, 1, 1)
    assert said.groups[0].cells[0].message.startswith(message)


def test_what_comes_out_alike_in_all_runs_and_not_as_recorded_is_not_flaky(project: Project) -> None:
    said = repeated(BROKEN)
    assert (said.exit_code, said.counts["flaky"], said.counts["regressed"]) == (30, 0, 1)
    assert repeated(WORKS).groups == ()
    assert repeated(BROKEN, repeat=1).counts["flaky"] == 1  # of one run nothing else can be told


def test_the_flaky_cells_are_written_as_entries_that_the_next_gate_takes(project: Project) -> None:
    project.flaky.write_text(outputs.flaky(repeated(BROKEN, WORKS)))
    (one,) = quarantine.load(project.flaky).listed
    assert (one.entry.case, one.entry.route, one.entry.toolchain) == ("zoo/gru", "onnx-tf", "old")
    assert (one.entry.until - DAY).days == outputs.QUARANTINE_DAYS
    assert gated(zoo("gru", BROKEN)).exit_code == 0
    assert outputs.flaky(repeated(WORKS)) == "[]\n"


BY_HAND = """\
# what we know of
- id: by-hand
  case: zoo/lstm  # seen on Tuesday
  reason: The reduction's order.
  until: 2026-12-01
"""


@pytest.mark.parametrize("before", [None, "[]\n", "# none yet\n[]\n", BY_HAND])
def test_flaky_cells_are_added_to_what_a_file_has(project: Project, before: str | None) -> None:
    if before is not None:
        project.flaky.write_text(before)
    for _ in range(2):  # the second finds what the first wrote
        outputs.write(repeated(BROKEN, WORKS), {"flaky": project.flaky})
        text = project.flaky.read_text()
        assert [one.entry.id for one in quarantine.load(project.flaky).listed] == [
            *(["by-hand"] if before == BY_HAND else []),
            "zoo-gru-onnx-tf",
        ]
        assert before != BY_HAND or text.startswith(BY_HAND)
    outputs.write(repeated(WORKS), {"flaky": project.flaky})
    assert project.flaky.read_text() == text


def test_a_file_of_something_else_is_left_as_it_is(project: Project) -> None:
    project.flaky.write_text("cases: 3\n")
    with pytest.raises(QuarantineError):
        outputs.write(repeated(BROKEN, WORKS), {"flaky": project.flaky})
    assert project.flaky.read_text() == "cases: 3\n"


@pytest.mark.parametrize("toolchain", ["'*'", "old", "new"])
def test_a_known_flaky_cell_is_said_under_its_word_and_not_counted(project: Project, toolchain: str) -> None:
    put(project, "2026-11-10", GRU.rstrip() + f"\n  toolchain: {toolchain}\n")
    Session(small_project.EVERYTHING).recorder.record(
        current(*(zoo("add", toolchain=id) for id in ("old", "new")), zoo("gru"), zoo("gru", BROKEN, toolchain="new"))
    )
    session, both = sides.read("old", ["new"], Choice(case_globs=("zoo/add", "zoo/gru"), routes=("onnx-tf",)))
    said = upgrade(session, both)
    assert (said.exit_code, said.counts["quarantined"], said.counts["regressed"]) == (0, 1, 0)
    assert said.verdict.startswith("Nothing is worse on new: of 2 cells known on both sides, 1 quarantined;")
    message = said.groups[0].cells[0].message
    assert message.startswith(
        "quarantined as gru until 2026-11-10: the order of its threads moves the answer; regressed"
    )
    assert "<failure" not in outputs.FORMATS["junit"](said)


def test_an_upgrade_tells_of_an_entry_that_is_over_and_counts_its_cells(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project, "2026-11-09")
    Session(small_project.EVERYTHING).recorder.record(current(zoo("gru"), zoo("gru", BROKEN, toolchain="new")))
    assert cli.main(["upgrade", "old", "new", "--case", "zoo/gru", "--route", "onnx-tf"]) == 30
    said = capsys.readouterr().err
    assert (
        said == "flaky.yaml:1: gru ended on 2026-11-09, and counts again: the order of its threads moves the answer\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["old", "new", "--repeat", "3"], "name it twice, as BASE and as HEAD"),
        (["old", "old", "--repeat", "0"], "--repeat 0: 1 or more"),
        (["old", "old", "--repeat", "2", "--no-run"], "leave out --no-run"),
    ],
)
def test_a_repetition_that_means_nothing_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["upgrade", *words]) == 2
    assert said in capsys.readouterr().err
