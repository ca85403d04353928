"""The gate names each kind of change by its own word and code, and is silent on a clean re-run."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import builders
import pytest
import small_project
from builders import TOOLCHAIN, attempt, broken, lost_axis, planned, rule
from hypothesis import given, settings
from hypothesis import strategies as st
from small_project import current

from tfparity import cli
from tfparity.evidence.explain import explain
from tfparity.evidence.schema import Evidence
from tfparity.features.gate import annotated as annotating
from tfparity.features.gate import compare as gate
from tfparity.features.gate import report
from tfparity.features.gate.junit import junit
from tfparity.features.session import Session
from tfparity.inputs.limitations import Limitation
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellId, CellRecord, Failure, PlannedCell
from tfparity.records.vocabulary import Grade, Outcome, Stage, Verdict
from tfparity.report import markdown, terminal, why
from tfparity.worker.declare import Case

RULES = (
    rule("no-unsqueeze", "Unsqueeze version 13"),
    rule("no-gru", "GRU with linear_before_reset"),
    rule("lost-axis", "AxisLost: axis 'batch'", stage="dynamic-shape"),
)

#: A package under test lies over "old".
MINE = "adhoc_0123456789ab"

#: Attempts by how they ended. RULES explain all that fail but SEGFAULT, DRIFT and NAME.
WORKS = attempt(dynamic={"batch": True, "height": True})
UNSQUEEZE = broken()
UNSQUEEZE_ELSEWHERE = broken("node 7: Unsqueeze version 13 is not implemented.")
GRU = broken("GRU with linear_before_reset is not supported.", type="NotImplementedError")
SEGFAULT = attempt(13, "load", "crash", "ended by SIGSEGV", "Signal")
DRIFT = attempt(13, "parity", "fail", "output 'y' is off", "ConverterDrifted", grade=Grade.WITHIN_1E3, max_abs=1e-3)
AXIS = lost_axis("batch", dynamic={"batch": False, "height": True}, signature=True)
NAME = attempt(13, "signature", "fail", "outputs are output_0", "SignatureLost", signature=False)


def record(case: str, *attempts: Attempt, **given: Any) -> CellRecord:
    return builders.record(case, *(attempts or (WORKS,)), **given)


def found(*records: CellRecord, rules: Sequence[Limitation] = RULES, toolchain: str = TOOLCHAIN) -> dict[str, Evidence]:
    """The explained evidence of records."""
    return {toolchain: explain(builders.document(*records, toolchain=toolchain), rules)}


Figures = dict[CellId, tuple[float | None, float | None]]


def figures(recorded: Iterable[CellRecord], now: Iterable[CellRecord]) -> Figures:
    """What was measured of both."""
    before, after = ({one.place: one.deciding for one in records} for records in (recorded, now))
    return {
        place: tuple(side[place].max_abs if side.get(place) else None for side in (before, after))  # type: ignore[misc]
        for place in {*before, *after}
    }


RECORDED = (
    record("a/works"),
    record("a/remedied", UNSQUEEZE, replace(WORKS, opset=12, file_opset=12)),
    record("a/partial", AXIS),
    record("a/broken", UNSQUEEZE),
    record("a/gru", GRU),
)
PLAN = [planned(made.case) for made in RECORDED]
DECLARED = {tuple(made.place) for made in RECORDED}


def changed(case: str, *attempts: Attempt, **given: Any) -> list[CellRecord]:
    """The recorded cells with one of them made anew."""
    made = record(case, *attempts, **given)
    return [made if other.case == case else other for other in RECORDED]


def gated(
    now: Sequence[CellRecord],
    recorded: Sequence[CellRecord] = RECORDED,
    plan: Sequence[PlannedCell] = PLAN,
    **given: Any,
) -> gate.GateReport:
    figure = asked(given.pop("measured", figures(recorded, now)))
    options = {"declared": DECLARED, "limitations": RULES, "measured": figure, **given}
    return gate.compare(found(*recorded), found(*now), plan, **options)


def asked(measured: Figures) -> gate.Measured:
    """The figures as compare asks for them."""
    return lambda place: measured.get(place, (None, None))


def one(said: gate.GateReport) -> gate.Finding:
    (finding,) = said.findings
    assert said.exit_code == gate.EXIT_CODES[finding.kind]
    return finding


def at(opset: int) -> Attempt:
    return replace(WORKS, opset=opset, file_opset=opset)


def test_a_clean_rerun_is_silent() -> None:
    said = gated([replace(made) for made in RECORDED], whole=True)
    assert said.findings == ()
    assert said.exit_code == 0
    assert len(said.checked) == len(RECORDED)


def test_a_rerun_under_new_keys_with_the_same_facts_is_silent() -> None:
    now = [record(made.case, *made.attempts, key="k2") for made in RECORDED]
    assert gated(now).findings == ()


def test_noise_on_another_processor_is_silent() -> None:
    moved = replace(WORKS, max_abs=1.9e-6, floor=4e-7, grade=Grade.WITHIN_1E5)
    other = replace(AXIS, max_abs=1.9e-6, floor=4e-7)
    now = [record("a/works", moved), RECORDED[1], record("a/partial", other), *RECORDED[3:]]
    assert gated(now).findings == ()
    assert gated(now, measured={}).findings == ()


@pytest.mark.parametrize(
    ("case", "attempts", "given", "words"),
    [
        ("a/works", [SEGFAULT], {}, "broken instead of works; load: Signal: ended by SIGSEGV"),
        ("a/works", [UNSQUEEZE], {}, "broken instead of works"),
        ("a/works", [DRIFT], {}, "partial instead of works"),
        ("a/works", [UNSQUEEZE, at(12)], {}, "works-with-remedy instead of works"),
        ("a/remedied", [UNSQUEEZE, at(12)], {"shims": ["onnx-mapping"]}, "the remedy shim:onnx-mapping needed"),
        ("a/remedied", [UNSQUEEZE, at(11)], {}, "the remedy opset-11 needed"),
        ("a/remedied", [UNSQUEEZE, replace(at(12), remedies=("auto-cast",))], {}, "the remedy auto-cast needed"),
        ("a/works", [replace(WORKS, grade=Grade.WITHIN_1E5, max_abs=8e-6)], {}, "grade 1e-5 instead of float32-noise"),
        ("a/remedied", [GRU], {}, "broken instead of works-with-remedy"),
        ("a/partial", [SEGFAULT], {}, "broken instead of partial"),
        ("a/partial", [replace(AXIS, dynamic={"batch": False, "height": False})], {}, "axis 'height' lost"),
        ("a/partial", [replace(AXIS, signature=False)], {}, "signature lost"),
    ],
)
def test_a_cell_that_got_worse_regressed(case: str, attempts: list[Attempt], given: dict[str, Any], words: str) -> None:
    finding = one(gated(changed(case, *attempts, **given)))
    assert finding.kind == "regressed"
    assert finding.subject == f"{TOOLCHAIN}/{case}/onnx-tf"
    assert words in finding.message
    assert gate.EXIT_CODES["regressed"] == 30


# Drift: a worse grade, and a distance that grew by more than four


@pytest.mark.parametrize(
    ("now", "measured", "drifted"),
    [
        (6.9e-6, (1.74e-6, 6.9e-6), False),
        (7.0e-6, (1.74e-6, 7.0e-6), True),
        # without both figures, those of the evidence: the next power of ten
        (7.0e-6, None, False),
        (7.0e-6, (None, 7.0e-6), False),
        (7.0e-6, (1.74e-6, None), False),
        (2.0e-5, (None, 2.0e-5), True),
        (2.0e-5, None, True),
        (None, (1.74e-6, None), True),  # not a number any more
    ],
)
def test_drift_is_told_by_what_was_measured_on_both_sides(
    now: float | None, measured: tuple[float | None, float | None] | None, drifted: bool
) -> None:
    given = {CellId(TOOLCHAIN, "a/works", "onnx-tf"): measured} if measured else {}
    worse = replace(WORKS, grade=Grade.WITHIN_1E5, max_abs=now)
    said = gated(changed("a/works", worse), measured=given)
    assert [finding.kind for finding in said.findings] == (["regressed"] if drifted else [])
    same_grade = replace(WORKS, max_abs=now)
    assert gated(changed("a/works", same_grade), measured=given).findings == ()


def test_a_better_grade_is_told_by_what_was_measured_too() -> None:
    recorded = changed("a/works", replace(WORKS, grade=Grade.WITHIN_1E5, max_abs=8e-6))
    assert one(gated(RECORDED, recorded=recorded)).kind == "fixed"
    assert gated(RECORDED, recorded=recorded, measured={}).findings == ()


@pytest.mark.parametrize(("key", "same"), [("k1", True), ("k2", False)])
def test_a_finding_says_whether_the_content_key_moved(key: str, same: bool) -> None:
    finding = one(gated(changed("a/works", SEGFAULT, key=key)))
    assert finding.same_key is same


def test_a_failure_for_another_reason_is_a_changed_failure() -> None:
    finding = one(gated(changed("a/broken", GRU)))
    assert finding.kind == "changed-failure"
    assert "recorded: convert: RuntimeError: Unsqueeze" in finding.message
    assert "now: convert: NotImplementedError: GRU" in finding.message
    assert one(gated(changed("a/broken", SEGFAULT))).kind == "changed-failure"


def test_another_text_under_the_same_limitation_is_the_same_reason() -> None:
    assert gated(changed("a/broken", UNSQUEEZE_ELSEWHERE)).findings == ()


def test_one_text_under_another_limitation_is_the_same_reason() -> None:
    narrow = (rule("narrow", "Unsqueeze version 13", cases=["a/broken"]), *RULES)
    now = found(*changed("a/broken", UNSQUEEZE, key="k2"), rules=narrow)
    assert gate.compare(found(*RECORDED), now, PLAN, declared=DECLARED).findings == ()


def test_a_failure_that_no_limitation_explains_is_unexplained_even_if_it_was_recorded() -> None:
    recorded = changed("a/broken", SEGFAULT)
    assert one(gated(recorded, recorded=recorded)).kind == "unexplained"


def test_a_limitation_of_another_cell_with_the_same_error_explains_nothing_here() -> None:
    narrow = [rule("narrow", "Unsqueeze version 13", cases=["a/other"])]
    both = [record("a/other", UNSQUEEZE), record("a/broken", UNSQUEEZE)]
    plan = [planned(made.case) for made in both]
    finding = one(gate.compare(found(*both, rules=narrow), found(*both, rules=narrow), plan, limitations=narrow))
    assert (finding.kind, finding.subject) == ("unexplained", f"{TOOLCHAIN}/a/broken/onnx-tf")


def test_a_new_failure_that_no_limitation_explains_is_unexplained() -> None:
    said = gated([*RECORDED, record("a/new", SEGFAULT)], plan=[*PLAN, planned("a/new")])
    assert one(said).kind == "unexplained"


def test_a_new_cell_without_evidence_to_compare_with_is_missing() -> None:
    for made in (record("a/new"), record("a/new", GRU)):
        finding = one(gated([*RECORDED, made], plan=[*PLAN, planned("a/new")]))
        assert (finding.kind, finding.now) == ("missing", made.verdict)
        assert "record it" in finding.message


def test_a_planned_cell_without_a_result_is_missing() -> None:
    finding = one(gated(RECORDED[1:]))
    assert (finding.kind, finding.subject) == ("missing", f"{TOOLCHAIN}/a/works/onnx-tf")
    assert finding.was == "works"


def test_a_cell_that_was_not_run_says_why() -> None:
    place = CellId(TOOLCHAIN, "a/works", "onnx-tf")
    finding = one(gated(RECORDED[1:], untested={place: "the budget was spent"}))
    assert (finding.kind, finding.message) == ("missing", "recorded as works; untested: the budget was spent")


def test_a_run_without_any_result_misses_every_cell() -> None:
    said = gate.compare(found(*RECORDED), {}, PLAN)
    assert [finding.kind for finding in said.findings] == ["missing"] * len(RECORDED)


def test_a_case_that_vanished_is_missing() -> None:
    gone = (TOOLCHAIN, RECORDED[0].case, "onnx-tf")
    finding = one(gated(RECORDED[1:], plan=PLAN[1:], declared=DECLARED - {gone}))
    assert (finding.kind, finding.subject) == ("missing", f"{TOOLCHAIN}/a/works/onnx-tf")
    assert "no such cell any more" in finding.message


def test_a_case_that_the_run_did_not_choose_is_not_missing() -> None:
    assert gated(RECORDED[1:], plan=PLAN[1:]).findings == ()
    assert [finding.kind for finding in gated(RECORDED[1:], plan=PLAN[1:], whole=True).findings] == ["missing"]


def test_a_toolchain_that_vanished_is_missing_from_a_whole_run() -> None:
    old = record("a/works", toolchain="tf2.4-torch1.8")
    recorded = {**found(*RECORDED), **found(old, toolchain="tf2.4-torch1.8")}
    assert gate.compare(recorded, found(*RECORDED), PLAN, declared=DECLARED).findings == ()
    finding = one(gate.compare(recorded, found(*RECORDED), PLAN, declared=DECLARED, limitations=RULES, whole=True))
    assert finding.subject == "tf2.4-torch1.8/a/works/onnx-tf"


@pytest.mark.parametrize(("verdict", "kind"), [("not-applicable", "missing"), ("unresolvable", "regressed")])
def test_a_recorded_cell_that_can_no_longer_be_is_reported(verdict: str, kind: str) -> None:
    plan = [planned("a/works", verdict, "needs torch>=3"), *PLAN[1:]]
    finding = one(gated(RECORDED[1:], plan=plan))
    assert finding.kind == kind
    assert "needs torch>=3" in finding.message


def test_a_broken_cell_that_can_no_longer_be_resolved_is_no_regression() -> None:
    plan = [planned("a/gru", "unresolvable", "protobuf disagrees"), *PLAN[:4]]
    assert one(gated(RECORDED[:4], plan=plan)).kind == "missing"


def test_a_cell_that_cannot_be_and_never_was_is_silent() -> None:
    assert gated(RECORDED, plan=[*PLAN, planned("a/never", "not-applicable")]).findings == ()


def test_a_pass_against_a_limitation_is_unexpected() -> None:
    finding = one(gated(changed("a/gru")))
    assert finding.kind == "unexpected-pass"
    assert "no-gru" in finding.message


def test_a_pass_by_a_remedy_leaves_the_limitation_of_the_plain_way() -> None:
    assert one(gated(changed("a/gru", GRU, replace(WORKS, remedies=("auto-cast",))))).kind == "fixed"
    assert one(gated(changed("a/gru", GRU, at(12)))).kind == "unexpected-pass"


@pytest.mark.parametrize(("case", "attempts"), [("a/broken", [AXIS]), ("a/remedied", [WORKS])])
def test_a_cell_that_got_better_is_fixed(case: str, attempts: list[Attempt]) -> None:
    finding = one(gated(changed(case, *attempts)))
    assert finding.kind == "fixed"
    assert "record the cell" in finding.message


def test_a_remedy_that_is_no_longer_needed_is_named() -> None:
    recorded = changed("a/remedied", UNSQUEEZE, at(12), shims=["onnx-mapping"])
    finding = one(gated(changed("a/remedied", WORKS, shims=["onnx-mapping"]), recorded=recorded))
    assert finding.kind == "fixed"
    assert finding.message == "recorded with the remedy opset-12 needed: record the cell"


def test_remedies_that_do_not_help_are_no_difference() -> None:
    assert gated(changed("a/broken", UNSQUEEZE, shims=["new"])).findings == ()


def test_a_pass_after_its_rule_was_removed_is_fixed() -> None:
    kept = found(*RECORDED, rules=[rule for rule in RULES if rule.id != "no-gru"])
    assert one(gate.compare(kept, found(*changed("a/gru")), PLAN, declared=DECLARED)).kind == "fixed"


def test_a_rule_that_matches_nothing_is_red_when_all_evidence_is_there() -> None:
    idle = rule("idle", "nothing ever says this at all")
    assert gated(RECORDED, limitations=[*RULES, idle]).findings == ()
    finding = one(gated(RECORDED, limitations=[*RULES, idle], whole=True))
    assert (finding.kind, finding.subject, finding.cell) == ("unused-limitation", "idle", None)


def test_every_kind_has_its_own_code_and_the_worst_of_several_decides() -> None:
    codes = [code for code in gate.EXIT_CODES.values() if code]
    assert (len(codes), set(gate.EXIT_CODES)) == (len(set(codes)), set(gate.MEANINGS))
    now = [record("a/works", SEGFAULT), record("a/remedied"), *RECORDED[2:4], record("a/gru")]
    said = gated(now)
    assert [finding.kind for finding in said.findings] == ["regressed", "unexpected-pass", "fixed"]
    assert said.exit_code == gate.EXIT_CODES["regressed"]


STATES = st.sampled_from(
    [
        (WORKS,),
        (UNSQUEEZE, at(12)),
        (replace(WORKS, grade=Grade.WITHIN_1E5, max_abs=1e-5),),
        (replace(AXIS, dynamic={"batch": False}),),
        (replace(NAME, grade=Grade.WITHIN_1E5),),
        (UNSQUEEZE,),
        (GRU,),
        (SEGFAULT,),
    ]
)


@settings(deadline=None)
@given(st.lists(STATES, min_size=1, max_size=5), st.lists(STATES, min_size=1, max_size=5))
def test_a_cell_has_at_most_one_finding_and_none_if_it_is_as_recorded_and_explained(
    before: list[tuple[Attempt, ...]], after: list[tuple[Attempt, ...]]
) -> None:
    recorded = [record(f"a/c{i}", *attempts) for i, attempts in enumerate(before)]
    now = [record(f"a/c{i}", *attempts) for i, attempts in enumerate(after)]
    plan = [planned(f"a/c{i}") for i in range(max(len(before), len(after)))]
    said, swapped = (
        gate.compare(found(*old), found(*new), plan, limitations=RULES, measured=asked(figures(old, new)))
        for old, new in ((recorded, now), (now, recorded))
    )
    named = [finding.cell for finding in said.findings]
    assert len(named) == len(set(named))
    for was, made in zip(recorded, now, strict=False):
        explained = not made.verdict.failing or made.attempts[-1] not in UNEXPLAINED_STATES
        if was == made and explained:
            assert made.place not in named
        if was != made:
            assert made.place in {finding.cell for finding in (*said.findings, *swapped.findings)}


UNEXPLAINED_STATES = (SEGFAULT, replace(NAME, grade=Grade.WITHIN_1E5))

NASTY = 'a|b `c` <script>alert(1)</script> & "q" \x1b[31mred\x00\x08 \u202e @everyone [x](http://e.vil) \ud800\nnext'


def nasty() -> gate.GateReport:
    bad = record("a/works", replace(SEGFAULT, error=replace(SEGFAULT.error, message=NASTY)))  # type: ignore[type-var]
    return gate.compare(found(record("a/works")), found(bad), PLAN[:1])


# For a CI server


def suite_of(said: gate.GateReport) -> ElementTree.Element:
    suite = ElementTree.fromstring(junit(said)).find("testsuite")
    assert suite is not None
    return suite


def test_junit_has_a_test_per_cell_and_a_failure_per_finding() -> None:
    idle = rule("idle", "nothing ever says this at all")
    suite = suite_of(gated(changed("a/works", SEGFAULT), limitations=[*RULES, idle], whole=True))
    assert (suite.get("tests"), suite.get("failures")) == ("6", "2")
    failed = {test.get("name"): test[0].get("type") for test in suite if len(test)}
    assert failed == {"a/works[onnx-tf]": "regressed", "idle": "unused-limitation"}
    assert {test.get("classname") for test in suite} == {TOOLCHAIN, "limitations"}


def test_junit_of_a_clean_run_has_no_failure() -> None:
    suite = suite_of(gated(RECORDED))
    assert suite.get("failures") == "0"
    assert len(suite) == len(RECORDED)
    assert not any(len(test) for test in suite)


def test_junit_skips_with_its_reason_what_cannot_be_run() -> None:
    there = planned("a/none", "not-applicable", "takes models of transformers alone")
    suite = suite_of(gate.compare({}, {}, [there]))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "1")
    ((skipped,),) = suite
    assert (skipped.tag, skipped.get("message")) == (
        "skipped",
        "not-applicable: takes models of transformers alone",
    )


def test_junit_holds_any_text() -> None:
    text = junit(nasty())
    failure = ElementTree.fromstring(text.encode("utf-8")).find(".//failure")
    assert failure is not None
    assert "<script>alert(1)</script>" in str(failure.get("message"))
    assert "\x1b" not in text
    assert "\x00" not in text


# For a person


def summary(said: gate.GateReport, records: Sequence[CellRecord] = ()) -> str:
    return report.summary(said, records, found(*records))


def test_a_summary_of_a_clean_run_is_short() -> None:
    assert summary(gated(RECORDED)).strip() == "### Gate: nothing moved\n\n5 cells as recorded."


def test_a_summary_counts_each_kind_and_has_a_row_per_finding() -> None:
    text = summary(gated(changed("a/works", SEGFAULT)))
    assert "- **regressed** 1: " in text
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == 1
    assert f"<code>{TOOLCHAIN}/a/works/onnx-tf</code>" in rows[0]
    assert "Exit code 30." in text


def test_a_summary_holds_any_text() -> None:
    text = summary(nasty())
    text.encode("utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith("| **")]
    assert row.replace("\\|", "").count("|") == 7
    assert "<script>" not in text
    assert "@everyone" not in text.replace("\\@everyone", "")


def test_a_summary_has_the_cells_of_the_run_with_what_was_measured_and_their_totals() -> None:
    text = summary(gated(RECORDED), [*RECORDED, builders.not_run("a/new", "untested", "the run was stopped")])
    assert f"### {TOOLCHAIN}" in text.replace("\\", "")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| <code>")]
    assert [row[0] for row in rows] == [f"| <code>{case}</code>" for case in sorted(made.case for made in RECORDED)]
    assert {row[3] for row in rows} == {"1.7e-06", "–"}
    assert "<code>no-gru</code>" in text
    assert "1 works, 1 works with a remedy, 1 partly, 2 broken, 1 untested." in text


# As annotations of a workflow


def case_at(id: str, file: Path, line: int) -> Case:
    return builders.case("y", id=id, file=str(file), line=line)


def annotated(said: gate.GateReport, workspace: Path, *cases: Case) -> list[str]:
    return annotating.lines(said, {one.id: one for one in cases}, workspace)


def test_a_finding_is_an_error_at_the_line_of_its_case(tmp_path: Path) -> None:
    said = gated([record("a/works", SEGFAULT), *RECORDED[1:]])
    of, elsewhere = tmp_path / "models" / "a.py", Path("/elsewhere/a.py")
    (line,) = annotated(said, tmp_path, case_at("a/works", of, 7))
    cell = f"{TOOLCHAIN}/a/works/onnx-tf"
    message = "broken instead of works; load: Signal: ended by SIGSEGV"
    assert line == f"::error file=models/a.py,line=7,title=regressed%3A {cell}::{message}"
    for cases in ([case_at("a/works", elsewhere, 7)], []):  # outside the workspace, or no more
        assert annotated(said, tmp_path, *cases) == [f"::error title=regressed%3A {cell}::{message}"]


def test_what_does_not_count_is_a_warning_and_an_entry_is_told_at_its_own_line(tmp_path: Path) -> None:
    entries = [
        gate.Finding("quarantine-over", "gru", "ended", place=(str(tmp_path / "flaky.yaml"), 3)),
        gate.Finding("quarantined", "gelu", "until"),
    ]
    assert annotated(gate.GateReport(tuple(entries), ()), tmp_path) == [
        "::error file=flaky.yaml,line=3,title=quarantine-over%3A gru::ended",
        "::warning title=quarantined%3A gelu::until",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\n::set-output name=a::b",
        "\r::stop-commands::x",
        "50%0A::error::b",
        "a,line=1",
        "a::b",
        "\x1b[2J",
        "\u2028::error::",
    ],
)
def test_no_text_of_a_converter_or_a_case_is_a_command_of_its_own(tmp_path: Path, text: str) -> None:
    cell = CellId("t", f"own/{text}", "onnx-tf")
    finding = gate.Finding("regressed", str(cell), f"broken: {text}", cell)
    (line,) = annotated(gate.GateReport((finding,), ()), tmp_path, case_at(cell.case, tmp_path / f"{text}.py", 1))
    assert len(line.splitlines()) == 1
    head, _, message = line.removeprefix("::error ").partition("::")
    names = [part.partition("=")[0] for part in head.split(",")]
    assert names == ["file", "line", "title"]
    assert not any(sign in message for sign in "\r\n\x1b")
    assert "%0A" not in message.replace("%250A", "")


def test_no_more_are_written_than_are_shown(tmp_path: Path) -> None:
    many = [gate.Finding("regressed", str(number), "x" * 5000) for number in range(30)]
    lines = annotated(gate.GateReport(tuple(many), ()), tmp_path)
    assert (len(lines), max(map(len, lines)) < 1100) == (10, True)


@pytest.mark.parametrize("on_github", [True, False])
def test_the_gate_annotates_in_a_workflow_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_github: bool
) -> None:
    session().recorder.record(current(*CELLS))
    came = current(zoo("add", UNSQUEEZE), *CELLS[1:])
    monkeypatch.setattr(cli.commands, "carried_out", lambda *_: came)
    monkeypatch.setenv("GITHUB_ACTIONS", "true" if on_github else "")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    named = [word for cell in CELLS for word in ("--case", cell.case)]
    assert cli.main(["gate", "--toolchain", "old", "--route", "onnx-tf", *named]) == 30
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("::error file=cases/zoo.py,line=4,title=regressed%3A old/zoo/add/onnx-tf::") is on_github


@pytest.mark.parametrize("remedy", ["Export at opset 12.", "none known"])
def test_a_new_failure_names_the_remedy_of_its_limitation_as_a_run_does(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    remedy: str,
) -> None:
    project.limitations.write_text(small_project.RULE.replace("Export at opset 12.", remedy))
    session().recorder.record(current(*CELLS))
    came = current(zoo("add", UNSQUEEZE), *CELLS[1:])
    monkeypatch.setattr(cli.commands, "carried_out", lambda *_: came)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    named = [word for cell in CELLS for word in ("--case", cell.case)]
    files = ["--junit", str(tmp_path / "gate.xml"), "--summary", str(tmp_path / "gate.md")]
    assert cli.main(["gate", "--toolchain", "old", "--route", "onnx-tf", *named, *files]) == 30
    rule = session().selection.limitations[0]
    known = why.explained(rule)
    terminal, xml, page = (
        capsys.readouterr().out,
        (tmp_path / "gate.xml").read_text(),
        (tmp_path / "gate.md").read_text(),
    )
    has = remedy != "none known"
    assert (f"    {known}\n" in terminal) is has
    assert ("Remedy: Export at opset 12. (unsqueeze, https://example.org/issues/1)" in xml) is has
    assert (markdown.text(known) in page) is has
    assert ("Remedy%3A" in terminal or "Remedy: " in terminal.splitlines()[0]) is has


def test_what_is_not_worse_names_no_remedy(project: Project) -> None:
    session().recorder.record(current(*CELLS))
    assert [finding.known for finding in judged(*current(zoo("gru"))).findings] == [""]


# What a session gives it


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def zoo(case: str, *attempts: Attempt) -> CellRecord:
    return small_project.record(case, *(attempts or (WORKS,)))


def session(**choice: Any) -> Session:
    return Session(Choice(toolchains=("old",), routes=("onnx-tf",), **choice))


CELLS = (zoo("add"), zoo("gelu", UNSQUEEZE, at(12)), zoo("gru", UNSQUEEZE), zoo("mish"))


def judged(*changed: CellRecord, **choice: Any) -> gate.GateReport:
    """The report on CELLS, some of them changed, as they would come out of a session of one toolchain and route."""
    asked = session(**choice)
    records: Mapping[str, CellRecord] = {made.case: made for made in (*current(*CELLS), *changed)}
    return report.judged(asked, [made for made in records.values() if made.case in {c.case for c in asked.cells}])


def test_what_was_just_recorded_is_as_recorded(project: Project) -> None:
    session().recorder.record(current(*CELLS))
    said = judged()
    assert said.findings == ()
    assert len(said.checked) == 5  # with the one that is not applicable


@pytest.mark.parametrize(("max_abs", "kinds"), [(1.9e-6, []), (8e-6, ["regressed"])])
def test_the_figures_that_the_runs_keep_are_compared(project: Project, max_abs: float, kinds: list[str]) -> None:
    session().recorder.record(current(*CELLS))
    moved = zoo("add", replace(WORKS, grade=Grade.WITHIN_1E5, max_abs=max_abs))
    assert [finding.kind for finding in judged(*current(moved)).findings] == kinds
    (project.results / "runs" / "old.json").unlink()
    assert judged(*current(moved)).findings == ()  # the evidence says 1e-05 of both


def test_a_cell_that_this_run_left_out_is_missing_with_its_reason(project: Project) -> None:
    session().recorder.record(current(*CELLS))
    late = builders.not_run("zoo/add", "untested", "the budget was spent", toolchain="old")
    finding = one(judged(late))
    assert (finding.kind, finding.message) == ("missing", "recorded as works; untested: the budget was spent")


def test_a_recorded_cell_that_the_zoo_has_no_more_is_missing(project: Project) -> None:
    session().recorder.record([*current(*CELLS), zoo("gone")])
    assert one(judged()).subject == "old/zoo/gone/onnx-tf"
    assert one(judged(case_globs=("zoo/add",))).subject == "old/zoo/gone/onnx-tf"


NONE = "takes models of transformers alone"


def test_what_the_route_did_not_take_is_silent_unless_it_was_recorded(project: Project) -> None:
    none = builders.not_run("zoo/add", "not-applicable", NONE, toolchain="old")
    session().recorder.record(current(*CELLS[1:]))
    said = judged(none)
    assert (said.findings, said.not_run[CellId("old", "zoo/add", "onnx-tf")]) == ((), f"not-applicable: {NONE}")
    session().recorder.record(current(*CELLS))
    finding = one(judged(none))
    assert (finding.kind, finding.message) == ("missing", f"recorded as works; it is now not-applicable: {NONE}")
    session().recorder.record([none, *current(*CELLS[1:])])
    assert judged(none).findings == ()


def test_recorded_cells_are_explained_by_the_rules_of_now(project: Project) -> None:
    session().recorder.record(current(*CELLS))
    project.limitations.write_text(small_project.RULE.replace("id: unsqueeze", "id: renamed"))
    assert judged().findings == ()
    project.limitations.write_text("[]\n")
    assert one(judged()).kind == "unexplained"


def under_test(**choice: Any) -> Session:
    """A package under test over "old"."""
    declared = Selection(small_project.EVERYTHING).matrix
    mine = declared.toolchains["old"].model_copy(update={"id": MINE, "over": "old"})
    extended = declared.model_copy(update={"toolchains": {**declared.toolchains, MINE: mine}})
    chosen = Choice(toolchains=(MINE,), tier="all", routes=("onnx-tf",), packages=("onnx-tf=mine.whl",), **choice)
    return Session(chosen, declared=extended)


@pytest.mark.parametrize(
    ("attempts", "kinds"),
    [
        ((WORKS,), []),
        ((UNSQUEEZE,), ["regressed"]),
        ((DRIFT,), ["regressed"]),
    ],
)
def test_a_package_under_test_is_held_against_the_locked_toolchain_beneath(
    project: Project, attempts: Sequence[Attempt], kinds: list[str]
) -> None:
    session().recorder.record(current(*CELLS))
    asked = under_test(recorded=True)
    assert [cell.id for cell in asked.cells] == [
        f"{MINE}/zoo/{name}/onnx-tf" for name in ("add", "gelu", "gru", "mish")
    ]
    assert {place.toolchain for place in asked.recorded()} == {MINE}
    came = {one.case: replace(one, toolchain=MINE) for one in (*CELLS, zoo("add", *attempts))}
    said = report.judged(asked, list(came.values()))
    assert [finding.kind for finding in said.findings] == kinds
    assert {place.toolchain for place in said.checked} == {"old"}
    assert [finding.subject for finding in said.findings] == ["old/zoo/add/onnx-tf"] * len(kinds)


def test_a_report_is_said_and_written(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session().recorder.record(current(*CELLS))
    records = current(zoo("add", UNSQUEEZE), *CELLS[1:])
    out = tmp_path / "out"
    code = report.report(
        session(), records, terminal.console(sys.stdout), junit=out / "gate.xml", summary_file=out / "summary.md"
    )
    assert code == gate.EXIT_CODES["regressed"]
    said = capsys.readouterr().out
    assert "regressed (1): " in said
    assert "old/zoo/add/onnx-tf: broken instead of works" in said
    assert ElementTree.parse(out / "gate.xml").find(".//failure") is not None
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("### Gate: 1 of 5 cells moved")
    report.report(session(), records, terminal.console(sys.stdout), junit=None, summary_file=out / "summary.md")
    assert (out / "summary.md").read_text(encoding="utf-8") == 2 * text


def test_an_axis_that_is_declared_no_more_is_lost() -> None:
    moved = one(gated(changed("a/works", replace(WORKS, dynamic={"batch": True}))))
    assert (moved.kind, moved.message) == ("regressed", "axis 'height' lost")


def test_a_cell_that_no_plan_has_any_more_is_missing_whatever_was_chosen() -> None:
    gone = (TOOLCHAIN, "a/gru", "onnx-tf")
    rest = [made for made in RECORDED if made.case != "a/gru"]
    plan = [cell for cell in PLAN if cell.case != "a/gru"]
    assert one(gated(rest, plan=plan, declared=DECLARED - {gone})).kind == "missing"
    assert gated(rest, plan=plan).findings == ()


def test_verdicts_of_a_finding_are_of_the_vocabulary() -> None:
    finding = one(gated(changed("a/works", SEGFAULT)))
    assert (finding.was, finding.now) == (Verdict.WORKS, Verdict.BROKEN)
    assert isinstance(finding.was, Verdict) and isinstance(finding.now, Verdict)


# Probes


def probed(case: str = "a/works", key: str = "k1", **outcomes: str) -> CellRecord:
    """A record at level 2, whose failing probes say so."""
    made = record(case, key=key)
    assert made.cell is not None
    failed = {name: Failure(Stage.PROBE, f"Probe{name}", text) for name, text in outcomes.items() if text != "pass"}
    entries = {name: builders.entry(f"{key}-{name}", failed.get(name)) for name in outcomes}
    cell = replace(made.cell, level=2, probes=entries)
    return replace(made, cell=cell, beside=tuple(failed.values()))


@pytest.mark.parametrize("found", ["pass", "at batch=6: output 'y' diverged"])
def test_what_is_checked_further_than_recorded_is_newly_checked_and_no_finding(found: str) -> None:
    said = gated([probed(sizes=found), *RECORDED[1:]])
    finding = one(said)
    assert (finding.kind, said.exit_code, said.moved) == ("newly-checked", 0, ())
    assert ("at batch=6" in finding.message) == (found != "pass")
    assert 'failures="0"' in junit(said)


def test_a_regression_at_level_1_is_told_whatever_was_probed() -> None:
    recorded = [probed(sizes="pass"), *RECORDED[1:]]
    assert one(gated([record("a/works", SEGFAULT), *RECORDED[1:]], recorded)).kind == "regressed"


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ("pass", "at batch=6: diverged", "regressed"),
        ("at batch=6: diverged", "pass", "fixed"),
        ("at batch=6: diverged", "at batch=3: diverged", "changed-failure"),
    ],
)
def test_what_a_probe_finds_otherwise_has_moved(before: str, now: str, kind: str) -> None:
    recorded = [probed(sizes=before, rows="pass"), *RECORDED[1:]]
    assert one(gated([probed(sizes=now, rows="pass"), *RECORDED[1:]], recorded)).kind == kind
    assert gated(recorded, recorded).findings == ()


def ended(made: CellRecord, outcome: Outcome) -> CellRecord:
    """The record with its probe `sizes` cut off so."""
    assert made.cell is not None
    entry = replace(made.cell.probes["sizes"], outcome=outcome)
    return replace(made, cell=replace(made.cell, probes={**made.cell.probes, "sizes": entry}))


GAINS = [replace(WORKS, max_abs=1e-3, floor=1e-7, grade=Grade.WITHIN_1E3), attempt(remedies=["auto-cast"])]


def at_level_2(of: CellRecord, made: Attempt) -> CellRecord:
    """The record with another attempt at level 1 and the same probes."""
    other = record(of.case, made)
    assert other.cell is not None and of.cell is not None
    return replace(other, cell=replace(other.cell, level=2, probes=of.cell.probes), beside=of.beside)


@pytest.mark.parametrize("worse", GAINS)
@pytest.mark.parametrize(
    ("before", "now", "gained", "fell"),
    [
        ("pass", "pass", "fixed", "regressed"),
        ("pass", "at batch=6: diverged", "regressed", "regressed"),
        ("at batch=6: diverged", "at batch=3: diverged", "changed-failure", "regressed"),
        ("at batch=6: diverged", "pass", "fixed", "regressed"),
    ],
)
def test_what_moves_at_both_levels_is_told_by_the_worse(
    worse: Attempt, before: str, now: str, gained: str, fell: str
) -> None:
    recorded, found = probed(sizes=before), probed(sizes=now)
    rest = RECORDED[1:]
    assert one(gated([found, *rest], [at_level_2(recorded, worse), *rest])).kind == gained
    finding = one(gated([at_level_2(found, worse), *rest], [recorded, *rest]))
    assert finding.kind == fell
    assert "diverged" not in finding.message  # of equals that at level 1


@pytest.mark.parametrize("outcome", [Outcome.UNTESTED, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY])
@pytest.mark.parametrize("before", ["pass", "at batch=6: diverged"])
def test_a_probe_that_did_not_come_to_its_end_is_missing(before: str, outcome: Outcome) -> None:
    recorded = [probed(sizes=before), *RECORDED[1:]]
    cut_off = [ended(probed(sizes="still running"), outcome), *RECORDED[1:]]
    finding = one(gated(cut_off, recorded))
    assert finding.kind == "missing"
    assert outcome.value in finding.message and before.rpartition(": ")[2] in finding.message
    assert gated(cut_off, cut_off).findings == ()
    for now in ("pass", "at batch=3: diverged"):  # nothing was known before
        assert one(gated([probed(sizes=now), *RECORDED[1:]], cut_off)).kind == "newly-checked"


def test_a_probe_that_was_cut_off_hides_no_other_that_regressed() -> None:
    recorded = [probed(sizes="pass", rows="pass"), *RECORDED[1:]]
    now = ended(probed(sizes="still running", rows="at batch=6: diverged"), Outcome.TIMEOUT)
    assert one(gated([now, *RECORDED[1:]], recorded)).kind == "regressed"


def test_a_run_at_level_1_says_nothing_of_recorded_probes() -> None:
    assert gated(RECORDED, [probed(sizes="at batch=6: diverged"), *RECORDED[1:]]).findings == ()


def test_a_probe_of_another_revision_is_newly_checked() -> None:
    recorded = probed(sizes="pass")
    now = probed(sizes="at batch=6: diverged")
    assert now.cell is not None
    entry = replace(now.cell.probes["sizes"], key="another")
    now = replace(now, cell=replace(now.cell, probes={"sizes": entry}))
    assert one(gated([now, *RECORDED[1:]], [recorded, *RECORDED[1:]])).kind == "newly-checked"
