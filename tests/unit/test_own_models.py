"""Models of a user's own: explained whatever `cases:` lists, converted by some route or not, and what is left to do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import builders
import pytest
import small_project
from builders import attempt, broken, not_run, record
from small_project import RULE, UNSQUEEZE

from tfparity import cli, pytest_cells
from tfparity.errors import DiskError, UsageError
from tfparity.evidence import files
from tfparity.evidence.explain import explain
from tfparity.features import own_models
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import CellRecord, Failure, PlannedCell
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Stage
from tfparity.report import progress, terminal

OF_THE_ZOO = RULE.replace("  stage:", '  remedies: [pad-handler, squeeze-handlers]\n  cases: ["zoo/gru"]\n  stage:')

#: Named like a case of the zoo, which a user's own may be.
MINE = small_project.CASES.format(cases=small_project.ONE.format(name="add", requires={}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = small_project.make(tmp_path, monkeypatch)
    made.limitations.write_text(OF_THE_ZOO)
    (tmp_path / "mine.py").write_text(MINE.replace("zoo/", "mine/"))
    (tmp_path / "alike.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return made


def session(source: str = "mine.py", **choice: Any) -> Session:
    return Session(Choice(toolchains=("old",), sources=(source,), **choice))


def cell(*attempts: Any, case: str = "mine/add", route: str = "onnx-tf") -> CellRecord:
    return record(case, *attempts, route=route, toolchain="old")


FAILS = cell(broken(UNSQUEEZE))
WORKS = cell(attempt(), route="onnx-tf-dynamo")
NONE = not_run("mine/add", "not-applicable", "takes models of transformers alone", route="hf-from-pt", toolchain="old")
UNTESTED = not_run("mine/add", "untested", "the budget was spent", route="onnx-tf-dynamo", toolchain="old")
UNKNOWN = cell(broken("something else"))


# Explained


@pytest.mark.parametrize(("source", "case"), [("mine.py", "mine/add"), ("alike.py", "zoo/add")])
def test_a_rule_holds_for_a_users_own_whatever_cases_it_lists(project: Project, source: str, case: str) -> None:
    rule = session(source).explain(cell(broken(UNSQUEEZE), case=case))
    assert rule is not None and rule.id == "unsqueeze"


def test_a_rule_holds_for_the_cases_of_the_zoo_that_it_lists_alone(project: Project) -> None:
    asked = Session(Choice(toolchains=("old",)))
    assert asked.explain(cell(broken(UNSQUEEZE), case="zoo/add")) is None
    assert asked.explain(cell(broken(UNSQUEEZE), case="zoo/gru")) is not None


@pytest.mark.parametrize(("listed", "explained"), [("mine/*", True), ("mine/other", False), ("zoo/*", False)])
def test_a_rule_of_the_users_file_lists_the_users_cases(
    project: Project, tmp_path: Path, listed: str, explained: bool
) -> None:
    project.limitations.write_text("[]\n")
    rules = tmp_path / "rules.yaml"
    rules.write_text(OF_THE_ZOO.replace("zoo/gru", listed))
    asked = session(limitations=rules)
    assert (asked.explain(FAILS) is not None) == explained
    crossing = asked.selection.keys.crossing(PlannedCell(*FAILS.place))
    named = asked.selection.keys.remedies_named(crossing, broken(UNSQUEEZE).error, 13, ())
    assert bool(named) == explained


def test_what_explains_and_what_names_remedies_are_the_same_rules(project: Project) -> None:
    for asked, expected in ((session(), ["pad-handler", "squeeze-handlers"]), (session("alike.py"), None)):
        keys = asked.selection.keys
        ((case, _),) = asked.selection.cases.items()
        planned = PlannedCell("old", case, "onnx-tf")
        named = keys.remedies_named(keys.crossing(planned), broken(UNSQUEEZE).error, 13, ())
        assert list(named) == (expected or ["pad-handler", "squeeze-handlers"])
        assert asked.explain(cell(broken(UNSQUEEZE), case=case)) is not None


def test_evidence_of_ones_own_keeps_its_explanations_when_another_file_is_recorded(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "other.py").write_text(MINE.replace("zoo/", "other/"))
    results = tmp_path / "results"
    session(results=results).recorder.record([FAILS])
    asked = session("other.py", results=results)
    asked.recorder.record([cell(attempt(), case="other/add")])
    assert [found.limitation for found in asked.query.recorded["old"].cells] == ["unsqueeze", None]


def test_a_pure_reading_of_evidence_takes_every_case_for_the_zoos(project: Project) -> None:
    asked = session()
    content = asked.recorder.document("old", [FAILS])
    assert [one.limitation for one in explain(content, asked.selection.limitations).cells] == [None]
    assert [one.limitation for one in explain(content, asked.selection.limitations, lambda _: True).cells] == [
        "unsqueeze"
    ]


# Converted by some route or not


@pytest.mark.parametrize(
    ("records", "stuck"),
    [
        ([WORKS], False),
        ([FAILS, WORKS], False),
        ([UNKNOWN, NONE, WORKS], False),
        ([FAILS], True),
        ([UNKNOWN, NONE], True),
        ([NONE], True),
        ([FAILS, UNTESTED], False),
        ([UNTESTED], False),
    ],
)
def test_a_model_is_stuck_where_no_chosen_route_converts_it(
    project: Project, records: Sequence[CellRecord], stuck: bool
) -> None:
    assert list(own_models.stuck(session(), records)) == (["mine/add"] if stuck else [])


def test_models_of_the_zoo_are_none_of_a_users_own(project: Project) -> None:
    assert own_models.stuck(Session(Choice()), [cell(broken(UNSQUEEZE), case="zoo/add")]) == {}


class Engine:
    def __init__(self, records: Sequence[CellRecord]) -> None:
        self.records = records

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, cells: Sequence[PlannedCell]) -> Sequence[CellRecord]:
        known = {record.place: record for record in self.records}
        assert known.keys() == {cell.place for cell in cells}
        return self.records


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([FAILS, WORKS], 0),
        ([UNKNOWN, WORKS], 0),
        ([cell(attempt()), cell(attempt(13, "load", "fail", "odd"), route="onnx-tf-dynamo")], 0),
        ([FAILS, cell(broken(UNSQUEEZE), route="onnx-tf-dynamo")], 1),
        ([UNKNOWN, cell(broken("odd"), route="onnx-tf-dynamo")], 1),
    ],
)
def test_a_run_ends_with_0_where_some_route_converts_every_model(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    records: Sequence[CellRecord],
    code: int,
) -> None:
    monkeypatch.setattr(Session, "engine", lambda *_: Engine(records))
    monkeypatch.setattr(progress, "progress", lambda *_: nullcontext())
    assert cli.main(["run", "--cases", "mine.py"]) == code
    assert ("What to do" in capsys.readouterr().out) == bool(code)


# As tests


def outcome(one: CellRecord, *others: CellRecord, own: bool = True, regressed: bool = False) -> tuple[str, str]:
    """How its test ends, and with what words."""
    asked = session()
    try:
        pytest_cells.test_cell(
            one, asked.explain(one), regressed, asked.falls(one), [one, *others] if own else None, {}
        )
    except (pytest.fail.Exception, pytest.skip.Exception, pytest.xfail.Exception) as ended:
        return type(ended).__name__, str(ended)
    return "passed", ""


def test_what_this_machine_left_out_of_a_cell_that_works_fails_its_test(project: Project) -> None:
    assert outcome(WORKS) == ("passed", "")
    how, said = outcome(replace(WORKS, left_out={"level 2": "ended by SIGKILL from outside"}))
    assert how == "Failed"
    assert said.endswith("works, and level 2 was not tried: ended by SIGKILL from outside; run it again")


def test_a_cell_is_expected_to_fail_where_another_route_converts_the_model(project: Project) -> None:
    assert outcome(UNKNOWN, WORKS) == ("XFailed", "onnx-tf-dynamo converts it")
    assert outcome(UNKNOWN, UNTESTED) == ("XFailed", "another route is untested")
    assert outcome(WORKS, UNKNOWN) == ("passed", "")
    assert outcome(NONE, FAILS) == ("Skipped", "not-applicable: takes models of transformers alone")


def test_a_cell_fails_where_no_route_converts_the_model(project: Project) -> None:
    kind, said = outcome(FAILS, NONE)
    assert (kind, said) == (
        "Failed",
        (
            "old/mine/add/onnx-tf is broken and no chosen route converts it: The release lacks the handler. "
            "Remedy: Export at opset 12 (automatic: pad-handler, squeeze-handlers). "
            "(unsqueeze, https://example.org/issues/1)"
        ),
    )
    kind, said = outcome(UNKNOWN)
    assert (kind, "no limitation says why" in said, "something else" in said) == ("Failed", True, True)
    assert outcome(NONE)[0] == "Failed"


def test_what_worked_before_fails_whatever_another_route_does(project: Project) -> None:
    kind, said = outcome(FAILS, WORKS, regressed=True)
    assert (kind, "results/ has it working" in said, UNSQUEEZE in said) == ("Failed", True, True)


def test_of_the_zoo_a_limitation_is_reason_enough(project: Project) -> None:
    assert outcome(FAILS, own=False) == ("XFailed", "unsqueeze")


# What to do


def shown(asked: Session, *records: CellRecord, capsys: pytest.CaptureFixture[str]) -> str:
    left = {**own_models.stuck(asked, records), **own_models.fallen(asked, records)}
    own_models.show(terminal.console(sys.stdout), asked, left)
    return " ".join(capsys.readouterr().out.split())


def test_what_is_left_to_do_names_cause_remedy_and_remedies_not_tried(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = cell(broken(UNSQUEEZE), broken(UNSQUEEZE, remedies=("pad-handler",)))
    said = shown(session(), tried, capsys=capsys)
    assert "mine/add onnx-tf on old: The release lacks the handler. Remedy: Export at opset 12 (automatic: pad-" in said
    assert "not tried yet: squeeze-handlers; run it again with --try-remedies" in said
    assert UNSQUEEZE not in said
    both = cell(
        broken(UNSQUEEZE), *(broken(UNSQUEEZE, remedies=(name,)) for name in ("pad-handler", "squeeze-handlers"))
    )
    said = shown(session(), both, capsys=capsys)
    assert "not tried" not in said
    assert "nothing is left that is tried by itself" in said


def test_a_case_that_does_not_build_is_sent_back_to_where_it_fails(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    unbuilt = cell(attempt(13, "build", "fail", "2x4 and 3x2 cannot be multiplied", "RuntimeError", where="mine.py:3"))
    said = shown(session(), unbuilt, capsys=capsys)
    assert "mend the case at mine.py:3" in said
    assert "convert" not in said


def test_a_case_that_does_not_build_is_told_once_with_every_hint(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    message = f"No module named 'einops' {'and so on ' * 60}"
    unbuilt = attempt(13, "build", "fail", message, "ModuleNotFoundError", where="mine.py:3")
    said = shown(session(), cell(unbuilt), cell(unbuilt, route="hf-from-pt"), capsys=capsys)
    assert said.count("No module named") == 1
    assert "onnx-tf, hf-from-pt on old: build: ModuleNotFoundError" in said
    assert "the toolchain has no einops: name a folder that has it with --path" in said


SIZES = Failure(Stage.PROBE, "ProbeSizes", "at width=1: output 'y' diverged")
PROBES = """\
- id: of-one
  stage: probe
  matches: "output 'y' diverged"
  cause: The step is infinite.
  link: https://example.org/issues/2
  remedy: Clamp it.
  remedies: [stable-functions]
"""


def probed(*found: Failure, **given: Any) -> CellRecord:
    record = cell(attempt(), **given)
    assert record.cell is not None
    entries = {one.type.removeprefix("Probe").lower(): builders.entry(error=one) for one in found}
    return replace(record, cell=replace(record.cell, level=2, probes=entries), beside=found)


@pytest.mark.parametrize(
    ("records", "fallen"),
    [
        ([WORKS], False),
        ([probed(SIZES)], True),
        ([probed(SIZES), FAILS], True),
        ([probed(SIZES), cell(attempt(), route="onnx-tf-dynamo")], False),
        ([FAILS], False),
        ([probed(Failure(Stage.PROBE, "ProbeDomain", "right for x < 89"))], False),
    ],
)
def test_a_model_falls_where_every_route_that_converts_it_is_found_wrong(
    project: Project, records: Sequence[CellRecord], fallen: bool
) -> None:
    assert list(own_models.fallen(session(), records)) == (["mine/add"] if fallen else [])


def test_what_is_left_to_do_for_a_model_that_a_probe_finds_wrong(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shown(session(), probed(SIZES), capsys=capsys)
    assert (
        "mine/add onnx-tf on old: partly at level 2 sizes: at width=1: output 'y' diverged no limitation says" in said
    )
    project.limitations.write_text(project.limitations.read_text() + PROBES)
    said = shown(session(), probed(SIZES), capsys=capsys)
    assert (
        "diverged: The step is infinite. Remedy: Clamp it (automatic: stable-functions). (of-one, https://example.org/issues/2)"
        in said
    )
    assert "cured by stable-functions, see docs/remedies.md" in said
    assert "no limitation" not in said


def test_in_a_pipe_a_line_ends_where_its_words_do(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    asked = session()
    own_models.show(terminal.console(sys.stdout), asked, own_models.stuck(asked, [FAILS, UNKNOWN]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert lines == [line.rstrip() for line in lines]


def test_what_is_left_to_do_names_the_way_by_which_what_fails_alike_converts(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = [
        record("zoo/gru", broken(UNSQUEEZE), toolchain="old"),
        record("zoo/gru", attempt(), toolchain="new"),
        record("zoo/mish", attempt(), toolchain="new"),
    ]
    Session(Choice(toolchains=("all",), tier="all")).recorder.record(recorded)
    for asked in (session(), session(results=tmp_path / "results")):
        said = shown(asked, FAILS, capsys=capsys)
        assert "of 1 recorded models that fail so, 1 convert by another way: --toolchain new --route onnx-tf" in said


def test_a_way_that_does_not_take_the_model_is_not_named(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = project.matrix.read_text()
    project.matrix.write_text(text.replace("{id: new,", "{id: new, routes: {hf-from-pt: new},"))
    recorded = [
        record("zoo/gru", broken(UNSQUEEZE), toolchain="old"),
        record("zoo/gru", attempt(), toolchain="new", route="hf-from-pt"),
    ]
    Session(Choice(toolchains=("all",), tier="all")).recorder.record(recorded)
    assert "another way" not in shown(session(), FAILS, capsys=capsys)


def test_what_nothing_explains_is_told_raw_and_sent_to_convert(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shown(session(), UNKNOWN, NONE, capsys=capsys)
    assert "convert: RuntimeError: something else no limitation says why; convert tries other toolchains" in said
    assert "no chosen route takes it" in shown(session(), NONE, capsys=capsys)


# Remedies on request


def test_remedies_are_tried_on_request_for_a_users_own_alone(project: Project) -> None:
    with pytest.raises(UsageError, match="name them with --cases"):
        Session(Choice(try_remedies=True)).read()


@pytest.mark.parametrize(("source", "asked", "tries"), [("mine.py", True, True), ("mine.py", False, False)])
def test_the_engine_tries_the_remedies_that_were_asked_for(
    project: Project, source: str, asked: bool, tries: bool
) -> None:
    made = session(source, try_remedies=asked)
    (planned,) = (cell for cell in made.cells if cell.route == "onnx-tf")
    with made.engine(Silent()) as engine:
        _, run = engine._run_of(planned, SimpleNamespace(places={}))  # type: ignore[arg-type]
    assert (run.remedies is not None) == tries


def test_a_failing_cells_key_rests_on_the_remedies_that_were_tried(project: Project) -> None:
    keys = session().selection.keys
    planned = PlannedCell("old", "mine/add", "onnx-tf")
    plain, tried = FAILS.cell, cell(broken(UNSQUEEZE), broken(UNSQUEEZE, remedies=("pad-handler",))).cell
    assert plain is not None and tried is not None
    assert keys.cell(planned, plain) != keys.cell(planned, tried)


# An end before the end


class Ends(Engine):
    """Ends before the second cell."""

    def __init__(self, records: Sequence[CellRecord], wrong: BaseException) -> None:
        super().__init__(records)
        self.wrong = wrong

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:  # type: ignore[override]
        yield self.records[0]
        raise self.wrong


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "store/x"),
            18,
            "store/x: No space left on device; make room",
        ),
        (DiskError("12 GB are free"), 18, "12 GB are free"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("command", [("run", "--record"), ("gate", "--update")])
def test_what_had_ended_is_recorded_where_something_ends_the_run(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: BaseException,
    code: int,
    said: str,
    full: bool,
    command: tuple[str, str],
) -> None:
    monkeypatch.setattr(Session, "engine", lambda *_: Ends([FAILS], wrong))
    monkeypatch.setattr(progress, "progress", lambda *_: nullcontext())
    if full:
        monkeypatch.setattr(files, "save", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space", "old")))
    assert cli.main([*command, "--cases", "mine.py", "--results", "results"]) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfparity: ")]
    assert (len(lines), said in lines[0]) == (1, True)
    kept = session(results=tmp_path / "results").query.recorded
    assert [cell.case for cell in kept["old"].cells] == ["mine/add"] if not full else not kept


def test_nothing_is_recorded_that_was_not_asked_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "engine", lambda *_: Ends([FAILS], DiskError("full")))
    monkeypatch.setattr(progress, "progress", lambda *_: nullcontext())
    assert cli.main(["run", "--cases", "mine.py", "--results", "results"]) == 18
    assert not Path("results").exists()
