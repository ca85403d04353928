"""Every failing cell is explained by the first rule that holds for it, and committed evidence hides nothing."""

from dataclasses import replace
from typing import Any

import pytest
from builders import RECORDS, RULES, TOOLCHAIN, attempt, broken, document, entry, facts, lost_axis, record, rule

from tfparity.evidence.explain import (
    dishonest,
    explain,
    not_understood,
    of_entries,
    unexplained,
    unexplained_probes,
    unused,
)
from tfparity.evidence.schema import Evidence
from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import Failure
from tfparity.records.vocabulary import Stage


def limitations(content: Evidence) -> dict[str, str | None]:
    return {cell.case: cell.limitation for cell in content.cells}


def said(content: Evidence, *rules: Limitation) -> dict[str, str | None]:
    return limitations(explain(content, rules))


# By which rule


def test_every_failing_cell_gets_the_first_rule_that_holds() -> None:
    explained = explain(document(*RECORDS), RULES)
    assert limitations(explained) == {
        "huggingface/bert": "unsqueeze",
        "operators/gelu": None,
        "operators/gru": "gru",
        "operators/interpolate": "axis",
        "torchvision/resnet18": None,
    }
    assert unexplained(explained) == []
    assert unexplained(explain(document(*RECORDS), RULES[1:])) == [(TOOLCHAIN, "huggingface/bert", "onnx-tf")]
    assert unexplained(document(*RECORDS)) == [
        (TOOLCHAIN, case, "onnx-tf") for case in ("huggingface/bert", "operators/gru", "operators/interpolate")
    ]


def test_explaining_anew_forgets_a_rule_that_is_gone() -> None:
    explained = explain(document(*RECORDS), RULES)
    assert explain(explained, []) == document(*RECORDS)


def test_explaining_changes_nothing_but_limitations() -> None:
    content = document(*RECORDS)
    explained = explain(content, RULES)
    assert explained != content
    assert replace(explained, cells=tuple(replace(cell, limitation=None) for cell in explained.cells)) == content


def test_a_case_that_cannot_tell_right_from_wrong_stays_unexplained() -> None:
    blind = attempt(13, "build", "fail", "moving a.bias by 1 % shows nowhere", "InsensitiveCase")
    loose = rule("loose", "moving a.bias by 1 %", stage="build")
    assert unexplained(explain(document(record("a/b", blind)), [loose])) == [(TOOLCHAIN, "a/b", "onnx-tf")]


def test_two_cells_with_one_error_may_have_two_rules() -> None:
    both = document(record("a/one", broken()), record("a/two", broken()))
    assert len(both.errors) == 1
    narrow, wide = rule("narrow", cases=["a/one"]), rule("wide")
    assert said(both, narrow, wide) == {"a/one": "narrow", "a/two": "wide"}
    assert said(both, wide, narrow) == {"a/one": "wide", "a/two": "wide"}
    assert said(both, narrow) == {"a/one": "narrow", "a/two": None}


def test_what_explains_a_cell_does_not_depend_on_others_that_fail_alike() -> None:
    alone, beside = document(record("a/two", broken())), document(record("a/one", broken()), record("a/two", broken()))
    narrow = rule("narrow", cases=["a/two"])
    assert said(alone, narrow)["a/two"] == said(beside, narrow)["a/two"] == "narrow"


def test_the_attempt_that_decides_is_explained_and_no_other() -> None:
    content = document(record("a/b", broken("GRU is not there at all"), attempt(12, "load", "fail", "no such kernel")))
    rules = [rule("earlier", "GRU is not there"), rule("deciding", "no such kernel", stage="load")]
    assert said(content, *rules) == {"a/b": "deciding"}
    assert said(content, rules[0]) == {"a/b": None}
    older = rule("older", "no such kernel", stage="load", when={"opset": "<13"})
    newer = rule("newer", "no such kernel", stage="load", when={"opset": ">=13"})
    assert said(content, newer, older) == {"a/b": "older"}


def test_the_remedies_of_the_deciding_attempt_count() -> None:
    behind = lost_axis("height", remedies=["auto-cast"])
    content = document(record("a/b", broken(), behind))
    with_it = rule("with", "axis 'height' is lost", stage="dynamic-shape", when={"remedy": "auto-*"})
    another = rule("another", "axis 'height' is lost", stage="dynamic-shape", when={"remedy": "gru-*"})
    assert said(content, another, with_it) == {"a/b": "with"}


def test_a_model_of_ones_own_is_explained_by_no_name_of_the_zoo() -> None:
    content = document(record("operators/gelu", broken()))
    named = rule("named", "RuntimeError: ", cases=["operators/*"])
    padded, any_model = rule("padded", operators=["Pad"]), rule("any")
    rules = [named, padded, any_model]
    place = ("operators/gelu", "onnx-tf")

    def mine(rules: list[Limitation], operators: list[str]) -> dict[str, str | None]:
        return limitations(explain(content, rules, lambda case: case == "operators/gelu", {place: operators}))

    assert limitations(explain(content, rules)) == {"operators/gelu": "named"}
    assert mine(rules, ["Pad", "Conv"]) == {"operators/gelu": "padded"}
    assert mine(rules, []) == {"operators/gelu": "any"}
    assert mine([named], ["Pad"]) == {"operators/gelu": None}


def test_a_rule_that_a_test_shows_needs_no_recorded_cell() -> None:
    content = document(*RECORDS)
    idle = rule("idle", "this text is in no error")
    shown = idle.model_copy(update={"id": "shown", "shown": ("tests/unit/test_it.py::test_it",)})
    by_case = idle.model_copy(update={"id": "by-case", "shown": ("a/case",)})
    assert unused([explain(content, RULES)], [*RULES, idle, shown, by_case]) == [idle, by_case]


def test_an_attempt_on_the_way_to_a_working_cell_needs_no_say_in_why_another_fails() -> None:
    content = document(record("a/works", broken(), attempt(12)), record("a/fails", broken()))
    assert said(content, rule("one", cases=["a/fails"])) == {"a/works": None, "a/fails": "one"}
    assert said(content, rule("any")) == {"a/works": None, "a/fails": "any"}


def test_the_source_side_explains_exports_and_the_target_side_conversions() -> None:
    sides = {
        "src": facts(python="3.11", packages={"torch": "2.15.0", "onnx": "1.20.0"}),
        "dst": facts(python="3.11", packages={"onnx": "1.17.0"}),
    }
    for stage, version in (("export", "1.20.0"), ("convert", "1.17.0")):
        failed = attempt(13, stage, "fail", "Unsqueeze version 13 is not implemented.")
        content = document(
            record("a/b", failed, toolchain="split", environments=sides),
            toolchain="split",
            source="src",
            routes={"onnx-tf": "dst"},
        )
        right = rule("it", stage=stage, when={"onnx": f"=={version}", "torch": ">=2", "python": "==3.11.*"})
        assert unexplained(explain(content, [right])) == []
        wrong = rule("it", stage=stage, when={"onnx": f"!={version}"})
        assert unexplained(explain(content, [wrong])) == [("split", "a/b", "onnx-tf")]


# What is not understood, and rules that are of no use


def test_a_cause_that_nobody_knows_counts_as_not_understood() -> None:
    known = [*RULES[:1], RULES[1].model_copy(update={"cause": "unknown", "investigated": "x"}), *RULES[2:]]
    explained = explain(document(*RECORDS), known)
    assert not_understood([explained], known) == [(TOOLCHAIN, "operators/gru", "onnx-tf")]
    assert len(not_understood([document(*RECORDS)], known)) == 3


def test_a_rule_that_explains_nothing_is_found() -> None:
    idle = rule("idle", "this text is in no error")
    explained = explain(document(*RECORDS), [*RULES, idle])
    assert unused([explained], [*RULES, idle]) == [idle]


def test_a_rule_for_what_a_probe_found_is_of_use_and_explains_it() -> None:
    found = Failure(Stage.PROBE, "ProbeSizes", "at width=1: output 'y' diverged")
    works = record("a/works")
    assert works.cell is not None
    cell = replace(works.cell, level=2, probes={"sizes": entry(error=found), "rows": entry(), "values": entry()})
    content = document(replace(works, cell=cell, beside=(found,)))
    mine, idle = rule("mine", "at width=1: output", stage="probe"), rule("idle", "at width=2: output", stage="probe")
    assert unused([content], [mine, idle]) == [idle]
    assert of_entries(Stage.PROBE, content, content.cells[0], [idle, mine]) == {"sizes": "mine"}
    assert of_entries(Stage.PROBE, content, content.cells[0], [idle]) == {"sizes": None}
    assert limitations(explain(content, [mine])) == {"a/works": None}
    place = (TOOLCHAIN, "a/works", "onnx-tf")
    assert unexplained_probes(content, [idle]) == [(place, "sizes")]
    assert unexplained_probes(content, [mine]) == []
    assert f"{' '.join(place)}: the probe sizes finds it wrong, without a limitation" in dishonest([content], [idle])


def test_a_rule_for_probes_is_idle_only_where_its_cases_were_probed() -> None:
    probed, plain = record("a/probed"), record("a/plain")
    assert probed.cell is not None
    content = document(replace(probed, cell=replace(probed.cell, level=2, probes={"sizes": entry()})), plain)
    of_probed, of_plain = (rule(f"of-{name}", stage="probe", cases=[f"a/{name}"]) for name in ("probed", "plain"))
    of_both = rule("of-both", stage=["parity", "probe"], cases=["a/plain"])
    assert unused([content], [of_probed, of_plain, of_both]) == [of_probed, of_both]


def test_what_a_probe_reports_beyond_the_declaration_needs_no_limitation() -> None:
    found = Failure(Stage.PROBE, "ProbeDomain", "right for x < 89 (at x=89: output 'y' diverged)")
    works = record("a/works")
    assert works.cell is not None
    cell = replace(works.cell, level=2, probes={"domain": entry(error=found)})
    content = document(replace(works, cell=cell, beside=(found,)))
    assert unexplained_probes(content, []) == []


def test_a_rule_for_attempts_of_a_working_cell_alone_is_of_use() -> None:
    content = document(record("a/works", broken(), attempt(12)), record("a/fails", broken()))
    fails, works = rule("fails", cases=["a/fails"]), rule("works", cases=["a/works"])
    later = rule("later", cases=["a/works"])
    explained = explain(content, [fails, works, later])
    assert unused([explained], [fails, works, later]) == [later]


# What committed evidence may not have


def test_committed_evidence_may_not_leave_failures_or_rules_unexplained() -> None:
    content = document(record("operators/gelu", broken()))
    silent = explain(content, [])
    assert dishonest([silent], [])[0] == f"{TOOLCHAIN} operators/gelu onnx-tf: fails without a limitation"
    known = rule()
    explained = explain(content, [known])
    assert dishonest([explained], [known]) == []
    idle = rule("idle", "nothing ever says this at all")
    assert dishonest([explained], [known, idle]) == ["limitations.yaml: idle explains nothing that is recorded"]
    unknown = rule(cause="unknown", investigated="read the source")
    told = dishonest([explain(content, [unknown])], [unknown])
    assert told == ["1 of 1 failing cells are not understood, more than one in ten"]


@pytest.mark.parametrize("stored", [None, "gone", "gru"])
def test_a_stored_limitation_that_is_not_what_the_rules_say_is_told_and_not_trusted(stored: str | None) -> None:
    content = document(record("operators/gelu", broken()), record("operators/relu", broken()))
    right, _ = explain(content, [rule()]).cells
    mended = replace(content, cells=(replace(right, limitation=stored), explain(content, [rule()]).cells[1]))
    said = f"operators/gelu onnx-tf has the limitation {stored or 'null'}, by limitations.yaml unsqueeze"
    assert dishonest([mended], [rule()]) == [f"{TOOLCHAIN}: {said}: run `nox -s table`"]
    if stored:  # an id typed in explains nothing
        assert f"{TOOLCHAIN} operators/gelu onnx-tf: fails without a limitation" in dishonest([mended], [])


def test_evidence_of_a_package_under_test_may_not_be_committed() -> None:
    content = document(record("a/b"), record("a/c"))
    unlocked = replace(content, cells=(replace(content.cells[0], unlocked=True), content.cells[1]))
    assert dishonest([content], []) == []
    assert dishonest([unlocked], []) == [f"{TOOLCHAIN}: a/b onnx-tf is of a package under test, which is not published"]


@pytest.mark.parametrize(
    "changes", [{"message": "Unsqueeze at 0x7f0012ab34cd"}, {"type": "OtherError"}, {"stage": Stage.LOAD}]
)
def test_an_error_that_a_run_would_write_otherwise_now_is_told(changes: dict[str, Any]) -> None:
    content = explain(document(record("a/b", broken())), [rule()])
    ((name, error),) = content.errors.items()
    mended = replace(content, errors={name: replace(error, **changes)})
    told = f"{TOOLCHAIN}: the error {name} is not as a run would write it now: record its cells again"
    assert told in dishonest([mended], [rule()])
    assert dishonest([content], [rule()]) == []
