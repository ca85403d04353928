"""The terminal's table and the generated pages, from records and evidence made by hand."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from builders import attempt, broken, cell, lost_axis, not_run, record, rule, standing
from rich.console import Console

from tfparity.evidence.query import Standing
from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import Attempt, CellRecord, Failure, Note, Said
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import limitations, pages, routes, terminal, words
from tfparity.report.why import why

RULE = rule(
    "no-handler",
    cause="The release lacks the handler.",
    link="https://github.com/onnx/onnx-tensorflow/issues/997",
    remedy="Export at opset 12.",
)

#: Attempts by the verdict that they make.
MAKING: dict[str, tuple[Attempt, ...]] = {
    "works": (attempt(),),
    "works-with-remedy": (broken(), attempt(12)),
    "partial": (lost_axis("batch", dynamic={"batch": False}),),
    "broken": (broken(),),
}

NAMELESS = attempt(13, "signature", "fail", "outputs are output_0", "SignatureLost", signature=False)
DRIFTED = attempt(13, "parity", "fail", "off", "ConverterDrifted", grade=Grade.WITHIN_1E3, max_abs=3e-4)


def made(verdict: str, case: str = "f/one", route: str = "onnx-tf") -> CellRecord:
    """A record of that verdict."""
    if verdict not in MAKING:
        return not_run(case, verdict, "why not", route=route, toolchain="t1")
    return record(case, *MAKING[verdict], route=route, toolchain="t1")


def stands(verdict: str, *attempts: Attempt, case: str = "f/one") -> Standing:
    """A cell of that verdict; a stale one was recorded as working."""
    if verdict in ("untested", "not-applicable", "unresolvable"):
        return standing(verdict)
    return standing(verdict, record(case, *(attempts or MAKING.get(verdict, ())), toolchain="t1"))


def shown(records: list[CellRecord], rule: Limitation | None = None, *, width: int = 160) -> str:
    stream = io.StringIO()
    terminal.show(Console(file=stream, width=width, highlight=False), records, lambda _: rule)
    return stream.getvalue()


# The terminal


def noted(names: tuple[str, ...], *, all_names: bool = False, routes: tuple[str, ...] = ("onnx-tf",)) -> str:
    note = Note(f"{len(names)} weights do not show: {', '.join(names[:2])}", names)
    stream = io.StringIO()
    records = [record("yours/net", attempt(notes=(note,)), route=route) for route in routes]
    out = Console(file=stream, width=160, highlight=False)
    terminal.show(out, records, lambda _: None, all_names=all_names)
    return stream.getvalue()


def test_what_a_verdict_does_not_tell_is_said_once_for_all_routes() -> None:
    found = noted(("a.gamma", "b.gamma"), routes=("onnx-tf", "onnx2tf"))
    assert found.count("yours/net: 2 weights do not show: a.gamma, b.gamma.") == 1
    assert "--all-names" not in found


def test_names_that_a_note_leaves_out_are_told_on_request() -> None:
    names = ("a.gamma", "b.gamma", "c.gamma")
    assert "a.gamma, b.gamma. All names: --all-names." in noted(names)
    assert "c.gamma" not in noted(names)
    assert re.search(r"^ +c\.gamma *$", noted(names, all_names=True), re.MULTILINE)


def test_a_row_has_verdict_error_opset_and_axes() -> None:
    row = next(line for line in shown([made("works")]).splitlines() if line.startswith("f/one"))
    assert re.fullmatch(r"f/one\s+✓ works\s+1\.7e-06\s+13\s+batch\s*", row)


def test_a_row_tells_what_was_measured_and_not_what_evidence_rounds_up() -> None:
    assert " 3.9e-06 " in shown([record("f/one", attempt(max_abs=3.87e-6))])
    assert " 1.0e-05 " not in shown([record("f/one", attempt(max_abs=3.87e-6))])


def test_a_broken_cell_is_told_with_cause_and_remedy() -> None:
    text = shown([made("broken")], RULE)
    assert "The release lacks the handler. Remedy: Export at opset 12." in text


def test_what_a_limitation_says_is_told_whole_and_what_a_converter_says_is_cut() -> None:
    long = RULE.model_copy(update={"cause": "Because. " * 80, "link": f"https://example.org/{'x' * 200}"})
    row = next(line for line in shown([made("broken")], long, width=10_000).splitlines() if line.startswith("f/one"))
    assert row.count("Because.") == 80
    assert row.rstrip().endswith(f"Remedy: Export at opset 12. (no-handler, {long.link})")
    text = shown([record("f/one", broken("no handler " * 80), toolchain="t1")], width=10_000)
    assert text.count("no handler") < 40
    assert "…" in text


def test_hints_of_ours_stand_behind_an_error_that_is_cut() -> None:
    missing = attempt(None, "build", "fail", f"No module named 'einops' {'at a place ' * 60}", "ModuleNotFoundError")  # type: ignore[arg-type]
    assert "the toolchain has no einops: name a folder" in shown([record("f/one", missing)], width=10_000)


def test_a_case_that_does_not_build_is_told_once_for_all_routes() -> None:
    failed = attempt(None, "build", "fail", "no module named x", where="cases/mine.py:7")  # type: ignore[arg-type]
    other = attempt(None, "build", "fail", "no module named y")  # type: ignore[arg-type]
    routes = ("onnx-tf", "hf-from-pt", "onnx2tf")
    records = [record("f/one", failed, route=route) for route in routes[:2]]
    text = shown([*records, record("f/one", other, route="onnx2tf"), record("f/two", failed)], width=250)
    rows = [line for line in text.splitlines() if line.startswith("f/")]
    assert [" ".join(row.split("✗")[0].split()) for row in rows] == [
        "f/one onnx-tf, hf-from-pt",
        "f/one onnx2tf",
        "f/two onnx-tf",
    ]
    assert "4 cells: 4 broken" in text
    at_convert = [record("f/one", broken(), route=route) for route in routes[:2]]
    assert sum(line.startswith("f/one") for line in shown(at_convert).splitlines()) == 2


def test_a_case_that_does_not_build_is_told_with_its_place() -> None:
    failed = attempt(None, "build", "fail", "no module named x", where="cases/mine.py:7")  # type: ignore[arg-type]
    assert "build: RuntimeError: no module named x (cases/mine.py:7)" in shown([record("f/one", failed)])


@pytest.mark.parametrize(
    ("type", "message", "said"),
    [
        (
            "ImportError",
            "cannot import name 'split_torch_state_dict' from 'huggingface_hub' (<env>/huggingface_hub/__init__.py)",
            "the toolchain holds huggingface-hub 0.16.4",
        ),
        ("ImportError", "huggingface-hub>=0.23.2,<1.0 is required for a normal functioning", "huggingface-hub 0.16.4"),
        ("AttributeError", "module 'torch.nn' has no attribute 'RMSNorm'", "the toolchain holds torch 2.15.0"),
        ("ModuleNotFoundError", "No module named 'transformers.modeling_layers'", "the toolchain holds transformers"),
        ("ModuleNotFoundError", "No module named 'einops'", "the toolchain has no einops: name a folder"),
    ],
)
def test_a_model_that_does_not_go_with_the_toolchain_is_told_with_the_package_and_its_version(
    type: str, message: str, said: str
) -> None:
    held = {"huggingface-hub": "0.16.4", "torch": "2.15.0", "transformers": "4.30.0"}
    text = why(record("f/one", failing := attempt(13, "build", "fail", message, type)).cell, failing.error, None, held)  # type: ignore[arg-type]
    assert said in text
    assert text.startswith(f"build: {type}: {message}")


@pytest.mark.parametrize(("stage", "type"), [("build", "RuntimeError"), ("convert", "ImportError")])
def test_of_other_failures_no_package_is_told(stage: str, type: str) -> None:
    failing = attempt(13, stage, "fail", "cannot import name 'x' from 'torch'", type)
    assert "holds" not in why(record("f/one", failing).cell, failing.error, None, {"torch": "1"})  # type: ignore[arg-type]


def test_a_narrow_terminal_has_the_reasons_below() -> None:
    text = shown([made("works-with-remedy")], width=70)
    assert "f/one (onnx-tf): by opset 12" in text
    assert all(len(line) <= 70 for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80])
@pytest.mark.parametrize("verdict", ["works", "works-with-remedy", "partial", "broken"])
def test_on_no_terminal_a_case_or_a_verdict_is_cut(width: int, verdict: str) -> None:
    """A name may fold, and a row become lines."""
    names = ("operators/grid-sample-bicubic-with-reflection", "f/one")
    text = shown([made(verdict, names[0]), made(verdict, names[1], "onnx-tf-dynamo")], width=width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    together = re.sub(r"\s+", "", text)
    for whole in (*names, words.verdict(Verdict(verdict)).words, "onnx-tf-dynamo"):
        halves = any(whole[:cut] in text and whole[cut:] in text for cut in range(1, len(whole)))
        assert halves or re.sub(r"\s+", "", whole) in together


LONG = rule(
    "long",
    cause="A cause that takes up some room in any table, whatever its width",
    remedy="weights-in-the-function, or the-longest-name-of-a-remedy-that-anybody-ever-wrote",
)


@pytest.mark.parametrize("width", range(60, 261, 8))
def test_no_name_of_a_remedy_is_broken_and_no_column_is_a_sliver(width: int) -> None:
    records = [
        made("broken", "operators/grid-sample-bicubic-with-reflection"),
        record("operators/gru", attempt(remedies=["the-longest-name-of-a-remedy-that-anybody-ever-wrote"])),
        made("works", "f/one", "onnx-tf-dynamo"),
    ]
    text = shown(records, LONG, width=width)
    assert all(len(line) <= width for line in text.splitlines())
    assert text.count("the-longest-name-of-a-remedy-that-anybody-ever-wrote") == 2
    assert "weights-in-the-function" in text
    head = next((line for line in text.splitlines() if line.split()[:2] == ["case", "route"]), "")
    assert head or "  route: onnx-tf-dynamo" in text  # on a narrow one rows are lines
    if "why, and" in head:
        assert width - head.index("why, and") >= terminal.ROOM_FOR_REASONS


def piped(records: list[CellRecord], rule: Limitation | None = None, *, colours: bool | None = None) -> list[str]:
    """The lines that a file or a pipe gets."""
    stream = io.StringIO()
    terminal.show(terminal.console(stream, colours=colours), records, lambda _: rule)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("colours", [None, True])
def test_into_a_file_a_row_is_a_line_whatever_its_length(monkeypatch: pytest.MonkeyPatch, colours: bool | None) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    told = rule("long", cause="why " * 60, remedy="the-remedy")
    records = [made(verdict, f"{'f' * 90}/{verdict}") for verdict in MAKING]
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in piped(records, told, colours=colours)]
    rows = [line for line in lines if line.startswith("f" * 90)]
    assert len(rows) == len(MAKING)
    assert sum("Remedy: the-remedy." in row or "…" in row for row in rows) == 2
    table = lines[1 : lines.index("", 1)]
    assert len(table) == 2 + len(MAKING)  # the toolchain, the head, a line for each
    assert all(line == line.rstrip() and line for line in table)


def test_columns_says_how_wide_a_pipe_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    assert terminal.console(io.StringIO()).width == 77


@pytest.mark.parametrize("said", ["9" * 5000, "1e9", "-5", "٣", "", "0x10", "9" * 7])
def test_columns_that_are_no_size_say_nothing(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, said)
    terminal.console(io.StringIO()).print("read")


def test_routes_are_a_column_where_there_are_several() -> None:
    text = shown([made("works"), made("works", route="onnx-tf-dynamo")])
    assert "onnx-tf-dynamo" in text


def test_the_versions_that_matter_stand_over_the_table() -> None:
    assert "t1  torch 1.13.1 · onnx 1.13.1 · onnx-tf 1.10.0 · tensorflow 2.12.1" in shown([made("works")])


def test_cells_that_did_not_run_are_told_together_by_reason() -> None:
    text = shown([made("not-applicable", f"f/{name}") for name in "abcde"])
    assert "not applicable: f/a (onnx-tf), f/b (onnx-tf), f/c (onnx-tf) and 2 more: why not" in text


def test_totals_add_up_to_the_number_of_records() -> None:
    records = [made(verdict, f"f/{verdict}") for verdict in words.VERDICTS if verdict is not Verdict.STALE]
    line = terminal.totals(records).plain
    assert sum(int(number) for number in re.findall(r"\d+(?= )", line.split(": ")[1])) == len(records)
    assert line.startswith(f"{len(records)} cells: ")


# Why


@pytest.mark.parametrize(
    ("attempts", "shims", "said"),
    [
        ([attempt()], [], ""),
        ([broken(), attempt(12)], ["onnx-mapping"], "by shim onnx-mapping, opset 12"),
        ([broken(), attempt(remedies=["auto-cast"])], [], "by auto-cast"),
        ([lost_axis("batch", dynamic={"batch": False})], [], "the axis batch is lost"),
        ([NAMELESS], [], "names or their order are lost"),
        ([DRIFTED], [], "numbers agree to 1e-3 only"),
    ],
)
def test_the_reason_of_a_verdict(attempts: list[Attempt], shims: list[str], said: str) -> None:
    assert why(cell("f/one", *attempts, shims=shims), None, None) == said


def test_an_unexplained_failure_shows_its_own_words() -> None:
    error = Failure(Stage.CONVERT, "RuntimeError", "Unsqueeze\n version 13")
    assert why(cell("f/one", broken()), error, None) == "convert: RuntimeError: Unsqueeze version 13"
    assert why(cell("f/one", broken()), error, RULE) == (
        f"The release lacks the handler. Remedy: Export at opset 12. (no-handler, {RULE.link})"
    )


def test_a_cause_that_nobody_knows_is_told_with_what_was_tried() -> None:
    unknown = rule(cause="unknown", investigated="opsets 11 to 14", remedy="none known")
    assert why(cell("f/one", broken()), None, unknown) == "cause unknown: opsets 11 to 14. (unsqueeze)"


# The pages


def counts(**known: int) -> dict[Verdict, int]:
    return {Verdict(name.replace("_", "-")): count for name, count in known.items()}


def test_a_count_says_how_many_of_those_run_work() -> None:
    assert pages.working(counts(works=3, works_with_remedy=2, broken=1, not_applicable=9)) == "5 of 6"
    assert pages.working(counts(untested=4)) == "untested"
    assert pages.working(counts(unresolvable=4)) == "no such environment"
    assert pages.working(counts(not_applicable=4)) == "not applicable"
    assert pages.working(counts(not_applicable=4, untested=1)) == "untested"


def test_stale_cells_are_neither_untested_nor_left_out() -> None:
    assert pages.working(counts(works=9, broken=1, stale=30)) == "9 of 10, 30 stale"
    assert pages.working(counts(stale=30, untested=2)) == "stale"
    assert pages.brief(pages.best([stands("untested"), stands("stale")])) == "~ stale"
    assert pages.brief(pages.best([stands("stale"), stands("works")])) == "✓ 1.7e-06"


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, "–"),
        (stands("works"), "✓ 1.7e-06"),
        (stands("works-with-remedy"), "✓* 1.7e-06, opset 12"),
        (stands("works-with-remedy", case="f/one-eager"), "✓* 1.7e-06, opset 12, eager attention"),
        (stands("broken"), "✗ convert"),
        (stands("partial"), "◐ partly"),
        (stands("not-applicable"), "– not applicable"),
    ],
)
def test_a_cell_in_a_few_characters(standing: Standing | None, said: str) -> None:
    assert pages.brief(standing) == said


def test_a_file_of_cases_counts_those_that_ran_somewhere() -> None:
    cases = {"f/one": [stands("works"), stands("untested")], "f/two": [stands("untested"), stands("stale")]}
    table: Any = SimpleNamespace(case_files={"layers": cases})
    assert "| [layers](../cases/layers.py) | 2 | 1 | 1 of 1, 1 stale |" in pages.families(table)


def test_the_page_of_limitations_has_the_cells_that_each_explains_now() -> None:
    cells = [replace(stands("broken"), limitation=RULE), replace(stands("stale"), limitation=RULE), stands("works")]
    table: Any = SimpleNamespace(cells={"t1": cells}, limitations=[RULE, rule("idle", "nothing ever says this")])
    made = limitations.pages(table)
    text = made["limitations.md"]
    assert "1 of 3 cells are broken or partial; 1 of them are understood, 0 are not." in text
    assert "1 more were recorded under an older revision." in text
    assert (
        '| <a id="no-handler"></a>[no-handler](limitations/convert.md#no-handler) | everywhere | convert | 1 |' in text
    )
    assert "- recorded: 1 cell: <code>f/one</code> (onnx-tf, 1)" in made["limitations/convert.md"]
    assert made["limitations/convert.md"].count("- recorded: no cell") == 1


def test_the_page_of_a_limitation_names_the_remedies_that_are_tried_and_what_they_cure() -> None:
    by_it = attempt(remedies=["gru-handler"])
    cells = [stands("works-with-remedy", by_it), stands("works-with-remedy", by_it), stands("stale", by_it)]
    gru = rule("gru", "GRU is not there", remedies=["gru-handler", "auto-cast"], shown=["a/case"], operators=["GRU"])
    table: Any = SimpleNamespace(cells={"t1": cells}, limitations=[gru, rule("idle")])
    text = limitations.pages(table)["limitations/convert.md"]
    gru_handler = "[gru-handler](../remedies.md#gru-handler) (cases that work by it: 1)"
    auto_cast = "[auto-cast](../remedies.md#auto-cast) (cases that work by it: 0)"
    assert f"- remedies that are tried automatically: {gru_handler}, {auto_cast}" in text
    assert "- shown by: <code>a/case</code>" in text
    assert "stage convert, of a model of your own with <code>GRU</code> in its file" in text
    assert text.count("tried automatically") == text.count("shown by") == 1


@pytest.mark.parametrize(
    ("torch", "tensorflow", "said"),
    [
        ("440 Hz", "440 Hz", "torch and TensorFlow say: 440 Hz"),
        ("440 Hz", "441 Hz", "torch says: 440 Hz; TensorFlow says: 441 Hz"),
        ("440 Hz", None, "torch says: 440 Hz; TensorFlow says: nothing"),
        (None, None, "neither side has an answer"),
    ],
)
def test_what_the_outputs_mean_is_told_for_both_sides(torch: str | None, tensorflow: str | None, said: str) -> None:
    answered = attempt(answer=Said(torch, tensorflow))
    assert f"f/one: {said}" in shown([record("f/one", broken(), answered)])


def test_the_best_cell_of_a_route_is_told_by_verdict_and_then_by_error() -> None:
    near, far = attempt(max_abs=1.2e-6), attempt(max_abs=3.4e-6)
    cells = [stands("works-with-remedy"), stands("works", far), stands("works", near), stands("stale")]
    assert routes._best(cells, "onnx-tf") == "✓ 1.2e-06"
    assert routes._best([stands("stale"), stands("broken")], "onnx-tf") == "✗ broken"
    assert routes._best([stands("stale")], "onnx-tf") == "stale"
    assert routes._best([stands("works")], "nobuco") == "not applicable"
