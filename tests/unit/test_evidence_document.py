"""Evidence is made and merged: in any order the same bytes, and nothing that a later record contradicts."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from builders import RECORDS, RULES, TOOLCHAIN, attempt, broken, document, entry, facts, record
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.evidence import schema
from tfparity.evidence.document import only, only_beside, unresolvable, update
from tfparity.evidence.explain import explain
from tfparity.evidence.schema import Evidence
from tfparity.records.cells import Cell, CellRecord, Failure
from tfparity.records.vocabulary import Outcome, Stage, Verdict

REFUSED = Failure(Stage.LOAD, "RuntimeError", "a kernel is missing")


def tried(cell: Cell) -> list[tuple[int | None, str]]:
    return [(attempt.opset, attempt.outcome) for attempt in cell.attempts]


def messages(content: Evidence) -> set[str]:
    return {error.message for error in content.errors.values()}


# Making


def test_an_error_stands_once_and_is_named_by_its_fingerprint() -> None:
    content = document(*RECORDS)
    gelu, bert = content.cell("operators/gelu", "onnx-tf"), content.cell("huggingface/bert", "onnx-tf")
    assert gelu and bert and bert.error
    assert gelu.attempts[0].error == bert.attempts[0].error == bert.error
    assert content.errors[bert.error].message == "Unsqueeze version 13 is not implemented."
    assert gelu.error is None
    assert len(content.errors) == 4


def test_records_without_a_cell_and_of_other_toolchains_are_left_out() -> None:
    nothing = CellRecord(TOOLCHAIN, "a/b", "onnx-tf", Verdict.UNTESTED, "the run was stopped")
    content = document(nothing, record("a/c", toolchain="other"), record("a/d"))
    assert [cell.case for cell in content.cells] == ["a/d"]


def test_a_toolchain_without_any_cell_is_evidence_too() -> None:
    refused = unresolvable("3.10", ["onnx-mapping"])
    content = document(toolchain="tf2.11-onnx1.13", source="x", environments={"x": refused})
    assert content.environments == {"x": refused}
    assert (refused.resolve, refused.install, refused.shims) == (Outcome.FAIL, Outcome.SKIPPED, ("onnx-mapping",))
    assert content.cells == ()


def test_a_cell_is_neither_of_a_package_under_test_nor_explained_before_somebody_says_so() -> None:
    (cell,) = document(record("a/b", broken())).cells
    assert (cell.limitation, cell.unlocked, cell.level) == (None, False, 1)


CELLS = st.builds(
    record,
    st.sampled_from(["a/a", "a/b", "b/c"]),
    route=st.sampled_from(["onnx-tf", "onnx-tf-dynamo"]),
    key=st.sampled_from(["k1", "k2"]),
    environments=st.sampled_from(
        [
            {TOOLCHAIN: facts()},
            {TOOLCHAIN: facts(import_=Outcome.UNTESTED)},
            {"other": facts(import_=Outcome.CRASH)},
        ]
    ),
) | st.sampled_from(
    [
        record("a/a", broken()),
        record("a/b", broken(), attempt(12)),
        record("b/c", broken("another thing went wrong"), key="k2"),
    ]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(CELLS, max_size=8), st.randoms(use_true_random=False), st.booleans())
def test_merging_the_same_records_in_any_order_gives_identical_bytes(
    cells: list[CellRecord], shuffler: Random, explained: bool
) -> None:
    def bytes_of(records: list[CellRecord]) -> bytes:
        content = document(*records)
        return schema.encode(explain(content, RULES) if explained else content)

    records = [*RECORDS, *cells]
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    assert bytes_of(shuffled) == bytes_of(records)


def test_of_a_cell_that_came_twice_the_worse_verdict_stays() -> None:
    merged = document(record("a/b", broken()), record("a/b"))
    assert [cell.verdict for cell in merged.cells] == [Verdict.BROKEN]
    assert len(merged.errors) == 1


def test_what_one_record_knows_of_an_environment_is_kept() -> None:
    told = [
        record(name, environments={TOOLCHAIN: facts(import_=now)})
        for name, now in (("a/b", Outcome.UNTESTED), ("a/c", Outcome.PASS), ("a/d", Outcome.UNTESTED))
    ]
    assert document(*told).environments[TOOLCHAIN].import_ is Outcome.PASS


# Updating


@pytest.mark.parametrize("now", [Outcome.UNTESTED, Outcome.CRASH])
def test_an_environment_that_was_not_started_this_time_stays_as_it_is_known(now: Outcome) -> None:
    old = document(record("a/b", environments={TOOLCHAIN: facts()}))
    new = document(record("a/b", environments={TOOLCHAIN: facts(import_=now)}))
    assert update(old, new).environments[TOOLCHAIN].import_ is (Outcome.PASS if now is Outcome.UNTESTED else now)


def test_of_another_lock_what_was_known_says_nothing() -> None:
    old = document(record("a/b", environments={TOOLCHAIN: facts()}))
    other = replace(facts(import_=Outcome.UNTESTED), lock_sha256="0" * 64)
    new = document(record("a/b", environments={TOOLCHAIN: other}))
    assert update(old, new).environments[TOOLCHAIN] == other


def test_an_update_changes_its_own_cells_alone() -> None:
    old = document(*RECORDS)
    new = document(record("operators/gelu", key="k2"))
    updated = update(old, new)
    assert updated.cell("operators/gelu", "onnx-tf") == new.cells[0]
    others = [cell for cell in old.cells if cell.case != "operators/gelu"]
    assert [cell for cell in updated.cells if cell.case != "operators/gelu"] == others
    assert update(None, new) == new


def test_an_update_keeps_the_opsets_that_it_did_not_try_while_the_key_is_the_same() -> None:
    every = [broken(), attempt(12), attempt(11), broken("Squeeze is not there.", 10)]
    old = document(record("a/b", *every))
    updated = update(old, document(record("a/b", *every[:2])))
    assert updated == old
    other = update(old, document(record("a/b", *every[:2], key="k2")))
    assert [opset for opset, _ in tried(other.cells[0])] == [13, 12]
    assert "Squeeze is not there." not in messages(other)


def test_a_record_leaves_nothing_of_an_earlier_one_that_it_contradicts() -> None:
    old = document(record("a/b", broken(), broken(opset=12)))
    updated = update(old, document(record("a/b")))
    (cell,) = updated.cells
    assert tried(cell) == [(13, "pass")]
    assert (cell.verdict, cell.error) == ("works", None)
    assert updated.errors == {}


def test_opsets_that_a_record_did_not_try_stay_beside_what_came_out_again() -> None:
    old = document(record("a/b", attempt(13), broken(opset=12)))
    (cell,) = update(old, document(record("a/b"))).cells
    assert tried(cell) == [(13, "pass"), (12, "fail")]


BESIDE: dict[str, Any] = {
    "level": 2,
    "probes": {"training": entry("p1")},
    "targets": {"tflite-float32": entry("t1")},
    "runtimes": {"tf2.4": entry("r1", REFUSED)},
}


def probed(case: str = "a/b", *attempts: Any, **changes: Any) -> Evidence:
    """The evidence of one cell that has an entry of every kind."""
    content = document(record(case, *attempts))
    cells = tuple(replace(cell, **{**BESIDE, **changes}) for cell in content.cells)
    return replace(content, cells=cells, errors={**content.errors, REFUSED.fingerprint: REFUSED})


def test_entries_beside_the_same_verdict_stay_with_their_errors_and_the_level_that_found_them() -> None:
    old = probed()
    updated = update(old, document(record("a/b")))
    assert updated == old
    assert messages(updated) == {REFUSED.message}


@pytest.mark.parametrize("kind", ["probes", "targets", "runtimes"])
def test_an_entry_that_was_made_again_takes_the_place_of_the_earlier_one_and_of_no_other(kind: str) -> None:
    none: dict[str, Any] = {"probes": {}, "targets": {}, "runtimes": {}}
    (name,) = BESIDE[kind]
    again = {kind: {name: entry("again", megabytes=3.0), "more": entry("m1")}}
    (cell,) = update(probed(), probed(**{**none, **again, "level": 1})).cells
    assert {one: getattr(cell, one) for one in none} | {"level": cell.level} == {**BESIDE, **again}


@pytest.mark.parametrize("kind", ["probes", "targets", "runtimes"])
@pytest.mark.parametrize("cut_off", [Outcome.UNTESTED, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY])
def test_an_entry_that_was_cut_off_replaces_none_of_the_same_key_that_was_not(kind: str, cut_off: Outcome) -> None:
    short = Failure(REFUSED.stage, "Limit", "no time left")

    def made(outcome: Outcome, error: Failure, key: str = "e1") -> Evidence:
        content = probed(**{kind: {"one": entry(key, error, outcome=outcome)}})
        return replace(content, errors={**content.errors, error.fingerprint: error})

    failed, ended = made(Outcome.FAIL, REFUSED), made(cut_off, short)
    assert update(failed, ended).cells == failed.cells
    assert update(ended, failed).cells == failed.cells
    assert short.message not in messages(update(failed, ended))
    assert update(made(Outcome.UNTESTED, REFUSED), ended).cells == ended.cells
    other = made(cut_off, short, "e2")
    assert update(failed, other).cells == other.cells


@pytest.mark.parametrize(
    "new", [record("a/b", key="k2"), record("a/b", broken()), record("a/b", attempt(13, remedies=["auto-cast"]))]
)
def test_entries_of_another_key_or_beside_what_did_not_come_out_again_go(new: CellRecord) -> None:
    updated = update(probed(), document(new))
    (cell,) = updated.cells
    assert cell == new.cell
    assert (cell.level, cell.probes, cell.targets, cell.runtimes) == (1, {}, {}, {})
    assert REFUSED.message not in messages(updated)


def elsewhere(**beside: Any) -> Evidence:
    """The cell of `probed` as it comes out on another machine: another figure, another order of remedies tried."""
    moved = {"max_abs": 9.9e-6, "floor": 3e-6}
    tries = [broken("Elsewhere another word.", remedies=["auto-cast"]), attempt(13, remedies=["pad-handler"], **moved)]
    content = document(record("a/b", broken(), *tries))
    cells = tuple(replace(cell, **beside) for cell in content.cells)
    return replace(content, cells=cells)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("probes", "sizes"), ("targets", "tflite-float16"), ("runtimes", "tf2.5"), ("probes", "training")],
)
def test_what_is_found_beside_a_verdict_leaves_the_facts_of_level_1_as_they_were_recorded(kind: str, name: str) -> None:
    first = document(record("a/b", broken(), attempt(13, remedies=["pad-handler"])))
    old = replace(first, cells=tuple(replace(cell, probes={"training": entry("p1")}) for cell in first.cells))
    new = elsewhere(level=2, **{kind: {name: entry("new")}})
    (was,), (cell,) = old.cells, update(old, new).cells
    assert only_beside(old, new) == {("a/b", "onnx-tf")}
    assert getattr(cell, kind)[name] == entry("new")
    assert cell.level == 2
    assert replace(cell, level=was.level, probes=was.probes, targets={}, runtimes={}) == was
    assert "Elsewhere another word." not in messages(update(old, new))


@pytest.mark.parametrize(
    "new",
    [
        elsewhere(),  # nothing is added: the run was made for its own sake
        elsewhere(level=2, probes={"training": entry("p1")}),
        elsewhere(level=2, key="k2", probes={"sizes": entry("new")}),
        elsewhere(level=2, dynamic={"batch": False}, probes={"sizes": entry("new")}),
        document(record("a/c")),
    ],
)
def test_else_the_facts_of_level_1_are_those_of_the_newer_run(new: Evidence) -> None:
    first = document(record("a/b", broken(), attempt(13, remedies=["pad-handler"])))
    old = replace(first, cells=tuple(replace(cell, probes={"training": entry("p1")}) for cell in first.cells))
    assert only_beside(old, new) == only_beside(None, new) == set()
    (cell,) = (one for one in update(old, new).cells if one.case == new.cells[0].case)
    assert (cell.max_abs, cell.attempts) == (new.cells[0].max_abs, new.cells[0].attempts)


def test_an_update_drops_errors_that_no_cell_names_any_more() -> None:
    updated = update(document(*RECORDS), document(record("operators/gru", key="k2")))
    assert not any("GRU" in message for message in messages(updated))


def test_cells_that_the_plan_no_longer_has_can_be_left_out() -> None:
    kept = only(document(*RECORDS), {("operators/gru", "onnx-tf")})
    assert [cell.case for cell in kept.cells] == ["operators/gru"]
    assert len(kept.errors) == 1
