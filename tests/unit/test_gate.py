"""The gate names each kind of change by its own word and code, and is silent on a clean re-run."""

import copy
from dataclasses import replace
from xml.etree import ElementTree

import builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.evidence.explain import explain
from tfparity.evidence.schema import Evidence
from tfparity.features.gate import compare as gate
from tfparity.features.gate.junit import junit
from tfparity.features.gate.report import _moved
from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import AttemptLine, Failure
from tfparity.records.vocabulary import Grade, Outcome, Stage, Verdict

TOOLCHAIN = "tf2.15-torch2.15"

ERRORS = {
    "unsqueeze": ("convert", "RuntimeError", "Unsqueeze version 13 is not implemented."),
    "unsqueeze-elsewhere": ("convert", "RuntimeError", "node 7: Unsqueeze version 13 is not implemented."),
    "gru": ("convert", "NotImplementedError", "GRU with linear_before_reset is not supported."),
    "segfault": ("load", "Signal", "ended by SIGSEGV"),
    "drift": ("parity", "ConverterDrifted", "output 'y' is off by up to 1e-3"),
    "axis": ("dynamic-shape", "AxisLost", "axis 'batch' is lost"),
    "name": ("signature", "SignatureLost", "outputs are output_0 instead of logits"),
}
LIMITATIONS = {"unsqueeze": "no-unsqueeze", "unsqueeze-elsewhere": "no-unsqueeze", "gru": "no-gru", "axis": "lost-axis"}
RULES = [
    Limitation(id=id, stage=stage, matches=matches, cause="c", link="none found", remedy="r")
    for id, stage, matches in (
        ("no-unsqueeze", "convert", "Unsqueeze version 13"),
        ("no-gru", "convert", "GRU with linear_before_reset"),
        ("lost-axis", "dynamic-shape", "AxisLost: axis 'batch'"),
    )
]


def cell(case, verdict="works", error=None, **changed):
    """A cell of that verdict and error, its other fields as given: also such as no attempt would make."""
    failure = Failure(Stage(ERRORS[error][0]), *ERRORS[error][1:]) if error else None
    name = failure.fingerprint if failure else None
    given = {
        "verdict": Verdict(verdict),
        "grade": "float32-noise" if verdict.startswith("works") else None,
        "attempts": (AttemptLine(13, 13, (), Stage.SIGNATURE, Outcome.PASS, name),),
        "error": name,
        "limitation": LIMITATIONS.get(error),
        "dynamic": {"batch": True, "height": True},
        "remedies": (),
        "max_abs": 1e-6,
        **changed,
    }
    given["grade"] = Grade(given["grade"]) if given["grade"] else None
    given["remedies"] = tuple(given["remedies"])
    return builders.cell(case, toolchain=TOOLCHAIN, **given)


def found(*cells, toolchain=TOOLCHAIN):
    failures = [Failure(Stage(stage), type, message) for stage, type, message in ERRORS.values()]
    named = {attempt.error for made in cells for attempt in made.attempts}
    kept = {failure.fingerprint: failure for failure in failures if failure.fingerprint in named}
    return {toolchain: Evidence(toolchain, {}, toolchain, {"onnx-tf": toolchain}, kept, tuple(cells))}


def planned(case, verdict=None, reason=None):
    return builders.planned(case, verdict, reason, toolchain=TOOLCHAIN)


RECORDED = (
    cell("a/works"),
    cell("a/remedied", "works-with-remedy", remedies=["opset-12"]),
    cell("a/partial", "partial", "axis", grade="float32-noise", dynamic={"batch": False, "height": True}),
    cell("a/broken", "broken", "unsqueeze"),
    cell("a/gru", "broken", "gru"),
)
PLAN = [planned(made.case) for made in RECORDED]
DECLARED = {(TOOLCHAIN, made.case, made.route) for made in RECORDED}


def changed(case, **changes):
    """The recorded cells with one of them made anew."""
    made = cell(case, **changes)
    return [made if other.case == case else other for other in RECORDED]


def gated(now, recorded=RECORDED, plan=PLAN, **given):
    return gate.compare(found(*recorded), found(*now), plan, **{"declared": DECLARED, "limitations": RULES, **given})


def one(verdict):
    (finding,) = verdict.findings
    assert verdict.exit_code == gate.EXIT_CODES[finding.kind]
    return finding


def test_a_clean_rerun_is_silent():
    verdict = gated(copy.deepcopy(RECORDED), whole=True)
    assert verdict.findings == ()
    assert verdict.exit_code == 0
    assert len(verdict.checked) == len(RECORDED)


def test_a_rerun_under_new_keys_with_the_same_facts_is_silent():
    assert gated([replace(made, key="k2") for made in RECORDED]).findings == ()


def test_noise_on_another_processor_is_silent():
    moved = [replace(made, max_abs=1e-5, floor=1e-6) for made in RECORDED]
    moved[0] = replace(moved[0], grade=Grade.WITHIN_1E5)
    measured = {(TOOLCHAIN, made.case, made.route): (9.8e-7, 1.9e-6) for made in RECORDED}
    assert gated(moved, measured=measured).findings == ()


@pytest.mark.parametrize(
    ("case", "change", "words"),
    [
        (
            "a/works",
            {"verdict": "broken", "error": "segfault"},
            "broken instead of works; load: Signal: ended by SIGSEGV",
        ),
        ("a/works", {"verdict": "broken", "error": "unsqueeze"}, "broken instead of works"),
        ("a/works", {"verdict": "partial", "error": "drift", "grade": "1e-3"}, "partial instead of works"),
        ("a/works", {"verdict": "works-with-remedy"}, "works-with-remedy instead of works"),
        (
            "a/remedied",
            {"verdict": "works-with-remedy", "remedies": ["shim:onnx-mapping", "opset-12"]},
            "the remedy shim:onnx-mapping needed",
        ),
        (
            "a/remedied",
            {"verdict": "works-with-remedy", "remedies": ["opset-11"], "opset": 11},
            "the remedy opset-11 needed",
        ),
        ("a/works", {"grade": "1e-5", "max_abs": 8e-6}, "grade 1e-5 instead of float32-noise"),
        ("a/remedied", {"verdict": "broken", "error": "gru"}, "broken instead of works-with-remedy"),
        ("a/partial", {"verdict": "broken", "error": "segfault"}, "broken instead of partial"),
        (
            "a/partial",
            {"verdict": "partial", "error": "axis", "dynamic": {"batch": False, "height": False}},
            "axis 'height' lost",
        ),
        (
            "a/partial",
            {"verdict": "partial", "error": "axis", "dynamic": {"batch": False, "height": True}, "signature": False},
            "signature lost",
        ),
    ],
)
def test_a_cell_that_got_worse_regressed(case, change, words):
    finding = one(gated(changed(case, **change)))
    assert finding.kind == "regressed"
    assert finding.subject == f"{TOOLCHAIN}/{case}/onnx-tf"
    assert words in finding.message
    assert gate.EXIT_CODES["regressed"] == 30


@pytest.mark.parametrize(("key", "same"), [("k1", True), ("k2", False)])
def test_a_finding_says_whether_the_content_key_moved(key, same):
    finding = one(gated(changed("a/works", verdict="broken", error="segfault", key=key)))
    assert finding.same_key is same


def test_a_failure_for_another_reason_is_a_changed_failure():
    finding = one(gated(changed("a/broken", verdict="broken", error="gru")))
    assert finding.kind == "changed-failure"
    assert "recorded: convert: RuntimeError: Unsqueeze" in finding.message
    assert "now: convert: NotImplementedError: GRU" in finding.message
    assert one(gated(changed("a/broken", verdict="broken", error="segfault"))).kind == "changed-failure"


def test_another_text_under_the_same_limitation_is_the_same_reason():
    assert gated(changed("a/broken", verdict="broken", error="unsqueeze-elsewhere")).findings == ()


def test_a_failure_that_no_limitation_explains_is_unexplained_even_if_it_was_recorded():
    recorded = changed("a/broken", verdict="broken", error="segfault")
    assert one(gated(recorded, recorded=recorded)).kind == "unexplained"


def test_a_new_failure_that_no_limitation_explains_is_unexplained():
    verdict = gated([*RECORDED, cell("a/new", "broken", "segfault")], plan=[*PLAN, planned("a/new")])
    assert one(verdict).kind == "unexplained"


def test_a_new_cell_without_evidence_to_compare_with_is_missing():
    finding = one(gated([*RECORDED, cell("a/new")], plan=[*PLAN, planned("a/new")]))
    assert finding.kind == "missing"
    assert "record it" in finding.message


def test_a_planned_cell_without_a_result_is_missing():
    finding = one(gated(RECORDED[1:]))
    assert (finding.kind, finding.subject) == ("missing", f"{TOOLCHAIN}/a/works/onnx-tf")
    assert finding.was == "works"


def test_a_run_without_any_result_misses_every_cell():
    verdict = gate.compare(found(*RECORDED), {}, PLAN)
    assert [finding.kind for finding in verdict.findings] == ["missing"] * len(RECORDED)


def test_a_case_that_vanished_is_missing():
    finding = one(gated(RECORDED[1:], plan=PLAN[1:], declared=DECLARED - {(TOOLCHAIN, RECORDED[0].case, "onnx-tf")}))
    assert (finding.kind, finding.subject) == ("missing", f"{TOOLCHAIN}/a/works/onnx-tf")
    assert "no such cell any more" in finding.message


def test_a_case_that_the_run_did_not_choose_is_not_missing():
    assert gated(RECORDED[1:], plan=PLAN[1:]).findings == ()
    assert [finding.kind for finding in gated(RECORDED[1:], plan=PLAN[1:], whole=True).findings] == ["missing"]


def test_a_toolchain_that_vanished_is_missing_from_a_whole_run():
    recorded = {**found(*RECORDED), **found(cell("a/works"), toolchain="tf2.4-torch1.8")}
    assert gate.compare(recorded, found(*RECORDED), PLAN, declared=DECLARED).findings == ()
    finding = one(gate.compare(recorded, found(*RECORDED), PLAN, declared=DECLARED, limitations=RULES, whole=True))
    assert finding.subject == "tf2.4-torch1.8/a/works/onnx-tf"


@pytest.mark.parametrize(("verdict", "kind"), [("not-applicable", "missing"), ("unresolvable", "regressed")])
def test_a_recorded_cell_that_can_no_longer_be_is_reported(verdict, kind):
    plan = [planned("a/works", verdict=verdict, reason="needs torch>=3"), *PLAN[1:]]
    finding = one(gated(RECORDED[1:], plan=plan))
    assert finding.kind == kind
    assert "needs torch>=3" in finding.message


def test_a_cell_that_cannot_be_and_never_was_is_silent():
    assert gated(RECORDED, plan=[*PLAN, planned("a/never", verdict="not-applicable")]).findings == ()


def test_a_pass_against_a_limitation_is_unexpected():
    finding = one(gated(changed("a/gru")))
    assert finding.kind == "unexpected-pass"
    assert "no-gru" in finding.message


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("a/broken", {"verdict": "partial", "error": "axis", "grade": "float32-noise"}),
        ("a/remedied", {"verdict": "works"}),
    ],
)
def test_a_cell_that_got_better_is_fixed(case, change):
    finding = one(gated(changed(case, **change)))
    assert finding.kind == "fixed"
    assert "record the cell" in finding.message


def test_a_remedy_that_is_no_longer_needed_is_named():
    recorded = changed("a/remedied", verdict="works-with-remedy", remedies=["shim:onnx-mapping", "opset-12"])
    now = changed("a/remedied", verdict="works-with-remedy", remedies=["shim:onnx-mapping"])
    finding = one(gated(now, recorded=recorded))
    assert finding.kind == "fixed"
    assert finding.message == "recorded with the remedy opset-12 needed: record the cell"


def test_remedies_that_do_not_help_are_no_difference():
    assert gated(changed("a/broken", verdict="broken", error="unsqueeze", remedies=["shim:new"])).findings == ()


def test_a_pass_after_its_rule_was_removed_is_fixed():
    (recorded,) = found(*RECORDED).values()
    kept = explain(recorded, [rule for rule in RULES if rule.id != "no-gru"])
    assert one(gate.compare({TOOLCHAIN: kept}, found(*changed("a/gru")), PLAN, declared=DECLARED)).kind == "fixed"


def test_a_rule_that_matches_nothing_is_red_when_all_evidence_is_there():
    idle = RULES[0].model_copy(update={"id": "idle"})
    assert gated(RECORDED, limitations=[*RULES, idle]).findings == ()
    finding = one(gated(RECORDED, limitations=[*RULES, idle], whole=True))
    assert (finding.kind, finding.subject, finding.cell) == ("unused-limitation", "idle", None)


def test_every_kind_has_its_own_code_and_the_worst_of_several_decides():
    assert len(set(gate.EXIT_CODES.values())) == len(gate.EXIT_CODES) == len(gate.MEANINGS)
    now = [cell("a/works", "broken", "segfault"), cell("a/remedied"), *RECORDED[2:4], cell("a/gru")]
    verdict = gated(now)
    assert [finding.kind for finding in verdict.findings] == ["regressed", "unexpected-pass", "fixed"]
    assert verdict.exit_code == gate.EXIT_CODES["regressed"]


STATES = st.sampled_from(
    [
        {},
        {"verdict": "works-with-remedy"},
        {"grade": "1e-5", "max_abs": 1e-5},
        {"verdict": "partial", "error": "axis", "grade": "float32-noise", "dynamic": {"batch": False}},
        {"verdict": "partial", "error": "name", "grade": "1e-5", "signature": False},
        {"verdict": "broken", "error": "unsqueeze"},
        {"verdict": "broken", "error": "gru"},
        {"verdict": "broken", "error": "segfault"},
    ]
)


@settings(deadline=None)
@given(st.lists(STATES, min_size=1, max_size=5), st.lists(STATES, min_size=1, max_size=5))
def test_a_cell_has_at_most_one_finding_and_none_if_it_is_as_recorded_and_explained(before, after):
    recorded = [cell(f"a/c{i}", **state) for i, state in enumerate(before)]
    now = [cell(f"a/c{i}", **state) for i, state in enumerate(after)]
    plan = [planned(f"a/c{i}") for i in range(max(len(before), len(after)))]
    verdict = gate.compare(found(*recorded), found(*now), plan, limitations=RULES)
    named = [finding.cell for finding in verdict.findings]
    assert len(named) == len(set(named))
    for i, state in enumerate(after[: len(before)]):
        explained = state.get("error") is None or state["error"] in LIMITATIONS
        if state == before[i] and explained:
            assert (TOOLCHAIN, f"a/c{i}", "onnx-tf") not in named
        if state != before[i]:
            swapped = gate.compare(found(*now), found(*recorded), plan, limitations=RULES)
            assert (TOOLCHAIN, f"a/c{i}", "onnx-tf") in {f.cell for f in (*verdict.findings, *swapped.findings)}


NASTY = 'a|b `c` <script>alert(1)</script> & "q" \x1b[31mred\x00\x08 \u202e @everyone [x](http://e.vil) \ud800\nnext'


def nasty():
    content = found(cell("a/works", "broken", "segfault"))[TOOLCHAIN]
    errors = {name: replace(error, message=NASTY) for name, error in content.errors.items()}
    return gate.compare(found(cell("a/works")), {TOOLCHAIN: replace(content, errors=errors)}, PLAN[:1])


def test_junit_has_a_test_per_cell_and_a_failure_per_finding():
    idle = RULES[0].model_copy(update={"id": "idle"})
    verdict = gated(changed("a/works", verdict="broken", error="segfault"), limitations=[*RULES, idle], whole=True)
    suite = ElementTree.fromstring(junit(verdict)).find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("6", "2")
    failed = {test.get("name"): test.find("failure").get("type") for test in suite if len(test)}
    assert failed == {"a/works[onnx-tf]": "regressed", "idle": "unused-limitation"}
    assert {test.get("classname") for test in suite} == {TOOLCHAIN, "limitations"}


def test_junit_of_a_clean_run_has_no_failure():
    suite = ElementTree.fromstring(junit(gated(RECORDED))).find("testsuite")
    assert suite.get("failures") == "0"
    assert not any(len(test) for test in suite)


def test_junit_holds_any_text():
    text = junit(nasty())
    failure = ElementTree.fromstring(text.encode("utf-8")).find(".//failure")
    assert "<script>alert(1)</script>" in failure.get("message")
    assert "\x1b" not in text
    assert "\x00" not in text


def test_a_summary_of_a_clean_run_is_short():
    assert _moved(gated(RECORDED)) == "### Gate: nothing moved\n\n5 cells as recorded.\n"


def test_a_summary_counts_each_kind_and_has_a_row_per_finding():
    text = _moved(gated(changed("a/works", verdict="broken", error="segfault")))
    assert "- **regressed** 1: " in text
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == 1
    assert f"<code>{TOOLCHAIN}/a/works/onnx-tf</code>" in rows[0]
    assert "Exit code 30." in text


def test_a_summary_holds_any_text():
    text = _moved(nasty())
    text.encode("utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith("| **")]
    assert row.replace("\\|", "").count("|") == 7
    assert "<script>" not in text
    assert "@everyone" not in text.replace("\\@everyone", "")


def test_the_gate_reads_what_evidence_explains():
    content = explain(found(*RECORDED)[TOOLCHAIN], RULES)
    assert gate.compare({TOOLCHAIN: content}, {TOOLCHAIN: content}, PLAN, limitations=RULES, whole=True).findings == ()


def test_an_axis_that_is_declared_no_more_is_lost():
    found = one(gated(changed("a/works", dynamic={"batch": True})))
    assert (found.kind, found.message) == ("regressed", "axis 'height' lost")


def test_a_cell_that_no_plan_has_any_more_is_missing_whatever_was_chosen():
    gone = (TOOLCHAIN, "a/gru", "onnx-tf")
    rest = [made for made in RECORDED if made.case != "a/gru"]
    plan = [cell for cell in PLAN if cell.case != "a/gru"]
    assert one(gated(rest, plan=plan, declared=DECLARED - {gone})).kind == "missing"
    assert gated(rest, plan=plan).findings == ()
