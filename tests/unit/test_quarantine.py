"""flaky.yaml: cells that are known to be flaky are said and not counted until their day, and never longer."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import small_project
from small_project import current

from tfparity import cli
from tfparity.errors import QuarantineError
from tfparity.features.gate import report
from tfparity.features.gate.compare import GateReport
from tfparity.features.gate.junit import junit
from tfparity.features.session import Session
from tfparity.features.upgrade import outputs, sides
from tfparity.features.upgrade.report import Upgrade
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.inputs import quarantine
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import Attempt, CellRecord, PlannedCell

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
        ("until: 2026-12-31", "until: soon", "flaky.yaml:5: until: "),
        ("until: 2026-12-31", "until: 5", "flaky.yaml:5: until: write a day"),
        ("until: 2026-12-31", "until: 2027-12-31", "flaky.yaml:5: until: 2027-12-31 is more than 90 days ahead"),
        ("  until: 2026-12-31\n", "", "flaky.yaml:1: the key 'until' is missing"),
        ("until:", "untill:", "flaky.yaml:5: unknown key 'untill', did you mean 'until'?"),
        (
            "reason: the order of its threads moves the answer",
            "reason: flaky",
            "flaky.yaml:4: reason: 'flaky' is no re",
        ),
        ("id: gru", "id: ''", "flaky.yaml:1: id: "),
        ("- id: gru\n", "id: gru\n", "flaky.yaml"),
    ],
)
def test_what_is_wrong_with_it_is_one_message(
    project: Project, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    text = GRU.format(until="2026-12-31")
    assert old in text
    project.flaky.write_text(text.replace(old, new))
    for words in (["gate"], ["upgrade", "old", "new"]):
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
        ({"case": "zoo/*", "toolchain": "o*"}, True),
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


@pytest.mark.parametrize("toolchain", ["'*'", "old", "new"])
def test_a_known_flaky_cell_is_said_under_its_word_and_not_counted(project: Project, toolchain: str) -> None:
    put(project, "2026-11-10", GRU.rstrip() + f"\n  toolchain: {toolchain}\n")
    Session(small_project.EVERYTHING).recorder.record(
        current(*(zoo("add", toolchain=id) for id in ("old", "new")), zoo("gru"), zoo("gru", BROKEN, toolchain="new"))
    )
    session, both = sides.read("old", ["new"], Choice(case_globs=("zoo/add", "zoo/gru"), routes=("onnx-tf",)))
    said = upgrade(session, both)
    assert (said.exit_code, said.counts["quarantined"], said.counts["regressed"]) == (0, 1, 0)
    assert said.verdict == "Nothing is worse on new: of 2 cells known on both sides, 1 quarantined."
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
    assert said == "flaky.yaml: gru ended on 2026-11-09, and counts again: the order of its threads moves the answer\n"


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
