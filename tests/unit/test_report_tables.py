"""The terminal's table and the generated pages, from records and evidence made by hand."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace

import builders
import pytest
from builders import attempt, broken, lost_axis, not_run
from rich.console import Console

from tfparity.evidence.query import Standing
from tfparity.evidence.schema import Run
from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import Failure, PlannedCell, Said
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import markdown, pages, terminal, words
from tfparity.report.why import why

RULE = Limitation(
    id="no-handler",
    stage="convert",
    matches="Unsqueeze version 13 is not implemented",
    cause="The release lacks the handler.",
    link="https://github.com/onnx/onnx-tensorflow/issues/997",
    remedy="Export at opset 12.",
)


REMEDIED = attempt(12)


def cell(verdict, case="f/one", route="onnx-tf", **changes):
    """A cell of that verdict, made by attempts."""
    made = {
        "works": (attempt(),),
        "works-with-remedy": (broken(), REMEDIED),
        "partial": (lost_axis("batch"),),
        "broken": (broken(),),
    }[verdict]
    return builders.cell(case, *made, route=route, toolchain="t1", **changes)


def record(verdict, case="f/one", route="onnx-tf", **changes):
    if verdict in ("not-applicable", "untested", "unresolvable"):
        return not_run(case, verdict, changes.get("reason", "why not"), route=route, toolchain="t1")
    made = {"works": (attempt(),), "works-with-remedy": (broken(), REMEDIED), "broken": (broken(),)}
    made["partial"] = (lost_axis("batch"),)
    return builders.record(case, *made[verdict], route=route, toolchain="t1", **changes)


def standing(verdict, **changes):
    recorded = None if verdict == "untested" else cell("works")
    run = None if recorded is None else Run("f/one", "onnx-tf", None, None, 1.0, {}, max_abs=1.7e-6)
    made = Standing(PlannedCell("t1", "f/one", "onnx-tf"), Verdict(verdict), recorded, None, None, run)
    return replace(made, **changes)


def shown(records, explain=lambda record: None, *, width=160):
    stream = io.StringIO()
    terminal.show(Console(file=stream, width=width, highlight=False), records, explain)
    return stream.getvalue()


def test_a_row_has_verdict_error_opset_and_axes():
    row = next(line for line in shown([record("works")]).splitlines() if line.startswith("f/one"))
    assert re.fullmatch(r"f/one\s+✓ works\s+1\.7e-06\s+13\s+batch\s*", row)


def test_a_broken_cell_is_told_with_cause_and_remedy():
    text = shown([record("broken")], lambda record: RULE)
    assert "The release lacks the handler. Remedy: Export at opset 12." in text


def test_a_narrow_terminal_has_the_reasons_below():
    text = shown([record("works-with-remedy")], width=70)
    assert "f/one (onnx-tf): by opset 12" in text
    assert all(len(line) <= 70 for line in text.splitlines())


def test_routes_are_a_column_where_there_are_several():
    text = shown([record("works"), record("works", route="onnx-tf-dynamo")])
    assert "onnx-tf-dynamo" in text


def test_cells_that_did_not_run_are_told_together_by_reason():
    text = shown([record("not-applicable", f"f/{name}") for name in "abcde"])
    assert "not applicable: f/a (onnx-tf), f/b (onnx-tf), f/c (onnx-tf) and 2 more: why not" in text


def test_totals_add_up_to_the_number_of_records():
    records = [record(verdict, f"f/{verdict}") for verdict in words.VERDICTS if verdict != "stale"]
    line = terminal.totals(records).plain
    assert sum(int(number) for number in re.findall(r"\d+(?= )", line.split(": ")[1])) == len(records)
    assert line.startswith(f"{len(records)} cells: ")


@pytest.mark.parametrize(
    ("verdict", "changes", "said"),
    [
        ("works", {}, ""),
        ("works-with-remedy", {"shims": ["onnx-mapping"]}, "by shim onnx-mapping, opset 12"),
        ("partial", {}, "the axis batch is lost"),
        ("partial", {"dynamic": {}, "signature": False}, "names or their order are lost"),
        ("partial", {"dynamic": {}, "grade": Grade.WITHIN_1E3}, "numbers agree to 1e-3 only"),
    ],
)
def test_the_reason_of_a_verdict(verdict, changes, said):
    assert why(cell(verdict, **changes), None, None) == said


def test_an_unexplained_failure_shows_its_own_words():
    error = Failure(Stage.CONVERT, "RuntimeError", "Unsqueeze\n version 13")
    assert why(cell("broken"), error, None) == "convert: RuntimeError: Unsqueeze version 13"


def counts(by_verdict):
    return {Verdict(name): count for name, count in by_verdict.items()}


def test_a_count_says_how_many_of_those_run_work():
    assert pages.working(counts({"works": 3, "works-with-remedy": 2, "broken": 1, "not-applicable": 9})) == "5 of 6"
    assert pages.working(counts({"untested": 4})) == "untested"
    assert pages.working(counts({"unresolvable": 4})) == "no such environment"
    assert pages.working(counts({"not-applicable": 4})) == "not applicable"
    assert pages.working(counts({"not-applicable": 4, "untested": 1})) == "untested"


def test_stale_cells_are_neither_untested_nor_left_out():
    assert pages.working(counts({"works": 9, "broken": 1, "stale": 30})) == "9 of 10, 30 stale"
    assert pages.working(counts({"stale": 30, "untested": 2})) == "stale"
    assert pages.brief(pages.best([standing("untested"), standing("stale")])) == "~ stale"
    assert pages.brief(pages.best([standing("stale"), standing("works")])) == "✓ 1.7e-06"


def test_a_case_is_counted_over_what_was_run_as_it_now_is():
    text = pages.by_case({"f/one": [standing("works"), standing("stale"), standing("untested")]})
    assert "`f/one`: works in 1 of 1 cells that were run, 1 stale" in text.replace("<code>", "`").replace(
        "</code>", "`"
    )
    assert "| ~ stale |" in text
    assert "1 untested." in text


def test_a_file_of_cases_counts_those_that_ran_somewhere():
    cases = {"f/one": [standing("works"), standing("untested")], "f/two": [standing("untested"), standing("stale")]}
    text = pages.families(SimpleNamespace(case_files={"layers": cases}))
    assert "| [layers](zoo/layers.md) | 2 | 1 | 1 of 1, 1 stale |" in text


@pytest.mark.parametrize(
    ("torch", "tensorflow", "said"),
    [
        ("440 Hz", "440 Hz", "torch and TensorFlow say: 440 Hz"),
        ("440 Hz", "441 Hz", "torch says: 440 Hz; TensorFlow says: 441 Hz"),
        ("440 Hz", None, "torch says: 440 Hz; TensorFlow says: nothing"),
        (None, None, "neither side has an answer"),
    ],
)
def test_what_the_outputs_mean_is_told_for_both_sides(torch, tensorflow, said):
    answer = Said(torch, tensorflow)
    made = builders.record("f/one", attempt(answer=answer), toolchain="t1")
    assert f"f/one: {said}" in shown([made])
    run = Run("f/one", "onnx-tf", None, None, 1.0, {}, answer=answer)
    told = pages.by_case({"f/one": [standing("works", run=run)]})
    assert f"t1, onnx-tf: {markdown.text(said)}." in told
