"""Targets as they are planned and declared, and as pages, the terminal and the gate tell of them."""

from __future__ import annotations

import io
from dataclasses import replace

import builders
import pytest
from builders import deployed, document, record
from rich.console import Console

from tfparity import paths
from tfparity.environments import lock
from tfparity.evidence import explain, schema
from tfparity.evidence.schema import Evidence
from tfparity.features.gate.compare import GateReport, compare
from tfparity.inputs import matrix
from tfparity.planning import targets as planned
from tfparity.records.cells import CellRecord, Entry, Failure, PlannedCell, TargetRun
from tfparity.records.vocabulary import Grade, Precision, Stage, Target, Verdict
from tfparity.report import targets, tflite
from tfparity.worker import remedies, routes
from tfparity.worker import targets as declared

ROOT = paths.PACKAGE.parent.parent
MATRIX = matrix.load(ROOT / "matrix.yaml")
PLACE = PlannedCell(builders.TOOLCHAIN, "zoo/net", "onnx-tf")
ABORTED = Failure(Stage.TARGET, "Signal", "tflite-int8, made: ended by SIGABRT")
RAISED = Failure(Stage.TARGET, "ConverterError", "tflite-int8, made: Could not translate MLIR to FlatBuffer")

RULE = builders.rule("int8-aborts", "tflite-int8, made: ended by SIGABRT", stage="target")


# As they are declared


def test_every_target_has_a_module_of_a_known_precision_and_remedies_that_are_there() -> None:
    assert tuple(target.value for target in Target) == declared.NAMES
    for target in Target:
        module = planned.declared(target)
        assert module.precision in list(Precision)
        assert [remedies.load(name) for name in module.remedies] or not module.remedies
        assert target in targets.WHAT


def test_int8_targets_alone_are_made_with_examples() -> None:
    int8 = [one for one in Target if planned.declared(one).precision == Precision.INT8]
    assert int8 == [Target.TFLITE_INT8, Target.TFLITE_INT8_IO, Target.LITERT_INT8]
    assert [one for one in Target if planned.declared(one).calibrated] == int8
    assert [one for one in Target if planned.declared(one).int8_signature] == int8[1:]


def test_what_is_made_of_a_tflite_file_is_made_in_an_environment_without_tensorflow() -> None:
    apart = [target.value for target in Target if planned.of(target) is Target.TFLITE_FLOAT32]
    assert apart == list(declared.OF_TFLITE) == [target for target in Target if planned.declared(target).maker]
    assert [planned.of(target) for target in Target if target not in apart] == [Target.SAVED_MODEL] * 7
    (maker,) = MATRIX.makers.values()
    assert [MATRIX.maker(target) for target in apart] == [maker] * len(apart)
    packages = lock.status(paths.project(ROOT), maker).packages
    assert "litert-quantizer" in packages
    assert not [name for name in packages if name.startswith(("tensorflow", "tf-", "torch"))]


def test_words_name_targets_each_once_in_their_order() -> None:
    assert planned.named(["tflite-int8", "saved-model", "tflite-int8"]) == (Target.SAVED_MODEL, Target.TFLITE_INT8)
    assert planned.named(["tflite-int8", "all"]) == tuple(Target)


def test_what_a_route_cannot_give_has_a_reason() -> None:
    onnx_tf, litert, mmdnn, torchax = map(routes.load, ("onnx-tf", "litert-torch", "mmdnn", "torchax"))
    assert [planned.refused(onnx_tf, target, MATRIX) for target in Target] == [None] * len(Target)
    assert planned.own(litert) is Target.TFLITE_FLOAT32
    given = [target for target in Target if planned.refused(litert, target, MATRIX) is None]
    assert given == [Target.TFLITE_FLOAT32, *declared.OF_TFLITE]
    assert planned.refused(litert, Target.TFLITE_INT8, MATRIX) == (
        "the route gives tflite-float32 by itself, and no SavedModel to make a target of"
    )
    for target in (Target.TFLITE_INT8, Target.LITERT_INT8):
        assert planned.refused(mmdnn, target, MATRIX) == "nothing more is made of this route's SavedModel"
        assert "than saved-model-xla" in str(planned.refused(torchax, target, MATRIX))


def test_a_target_that_no_environment_of_the_matrix_makes_is_refused_with_the_reason() -> None:
    without = MATRIX.model_copy(update={"makers": {}})
    onnx_tf = routes.load("onnx-tf")
    refused = [target for target in Target if planned.refused(onnx_tf, target, without)]
    assert refused == list(declared.OF_TFLITE)
    assert (
        planned.refused(onnx_tf, Target.LITERT_INT8, without) == "no environment under makers: of matrix.yaml makes it"
    )


# In evidence


def made(entry: Entry, failure: Failure | None = None, name: str = Target.TFLITE_INT8, **runs: TargetRun) -> CellRecord:
    """A record of a cell that works, with that target."""
    found = record("zoo/net")
    assert found.cell is not None
    beside = (failure,) if failure else ()
    return replace(found, cell=replace(found.cell, targets={name: entry}), beside=beside, targets=runs)


def test_what_targets_alone_have_stands_with_them_alone() -> None:
    content = document(made(deployed(grade=Grade.FORM)))
    text = schema.encode(content)
    assert b'"deployed": {"verdict": "works", "precision": "int8", "grade": "form"' in text
    probed = replace(content.cells[0], targets={}, probes={"sizes": builders.entry()})
    assert b"deployed" not in schema.encode(replace(content, cells=(probed,)))


def test_a_failing_target_is_explained_by_a_rule_of_its_stage() -> None:
    content = document(made(deployed("t1", ABORTED), ABORTED))
    (cell,) = content.cells
    assert explain.of_entries(Stage.TARGET, content, cell, [RULE]) == {Target.TFLITE_INT8: "int8-aborts"}
    assert explain.unused([content], [RULE]) == []
    assert explain.dishonest([content], [RULE]) == []
    assert explain.dishonest([content], []) == [
        f"{builders.TOOLCHAIN} zoo/net onnx-tf: the target tflite-int8 fails without a limitation"
    ]


# By the gate


def gate(before: Evidence, now: Evidence) -> GateReport:
    return compare({builders.TOOLCHAIN: before}, {builders.TOOLCHAIN: now}, [PLACE])


WORKS, FORM, FAILS = deployed(), deployed(grade=Grade.FORM), deployed("t1", ABORTED)
CURED = deployed(verdict=Verdict.WORKS_WITH_REMEDY, remedies=("max-pool-without-pads",))


@pytest.mark.parametrize(
    ("was", "now", "kind", "said"),
    [
        (WORKS, WORKS, None, ""),
        (WORKS, deployed(snr_db=20.0), None, ""),
        (WORKS, FAILS, "regressed", "the target tflite-int8 is broken instead of works, Signal: tflite-int8, made: "),
        (WORKS, CURED, "regressed", "the target tflite-int8 is works-with-remedy instead of works"),
        (FAILS, WORKS, "fixed", "recorded with the target tflite-int8 broken: record the cell"),
        (FAILS, FAILS, None, ""),
        (
            FAILS,
            deployed("t1", RAISED),
            "changed-failure",
            "made: ended by SIGABRT; now: ConverterError",
        ),
        (None, FORM, "newly-checked", "targets of which nothing is recorded: tflite-int8: works"),
        (WORKS, None, None, ""),
        (deployed("of another revision"), FAILS, "newly-checked", "tflite-int8: broken"),
    ],
)
def test_a_target_is_held_to_what_is_recorded_of_it(
    was: Entry | None, now: Entry | None, kind: str | None, said: str
) -> None:
    failures = {ABORTED.fingerprint: ABORTED, RAISED.fingerprint: RAISED}
    before, after = (
        document(made(one, failures.get(one.error or "")) if one else record("zoo/net")) for one in (was, now)
    )
    report = gate(before, after)
    assert [finding.kind for finding in report.findings] == ([kind] if kind else [])
    assert all(said in finding.message for finding in report.findings)
    assert report.exit_code == 0 or kind not in (None, "newly-checked")


# In words


def test_a_target_says_what_of_it_was_judged() -> None:
    assert targets.said(WORKS.deployed) == "✓ works"  # type: ignore[arg-type]
    assert targets.said(FORM.deployed) == "○ form only"  # type: ignore[arg-type]
    assert targets.said(CURED.deployed) == "✓* works with a remedy, by max-pool-without-pads"  # type: ignore[arg-type]
    assert targets.said(FAILS.deployed) == "✗ broken"  # type: ignore[arg-type]


def test_sizes_and_ratios_have_units() -> None:
    assert [targets.size(value) for value in (46.7, 0.0019, None)] == ["46.7 MB", "1.9 kB", "–"]
    assert [targets.ratio(value) for value in (22.4, None)] == ["22 dB", "–"]


def test_the_terminal_tells_each_target_and_why_one_fails() -> None:
    found = made(deployed("t1", ABORTED), ABORTED)
    text = io.StringIO()
    console = Console(width=200, file=text)
    console.print(targets.terminal([found]))
    console.print(targets.terminal([made(WORKS, None, "tflite-int8", **{"tflite-int8": TargetRun(0.13, 21.5, 3.0)})]))
    assert "✗ broken" in text.getvalue()
    assert "✓ works" in text.getvalue()
    assert "1.3e-01" in text.getvalue()
    assert targets.failures([found]) == ["zoo/net (onnx-tf): Signal: tflite-int8, made: ended by SIGABRT"]
    refused = replace(record("zoo/net"), without={"tflite-int8": "no SavedModel", "tflite-dynamic": "no SavedModel"})
    assert targets.refusals([refused]) == ["not applicable to onnx-tf: tflite-int8, tflite-dynamic: no SavedModel"]


def standing(name: str, case: str, entry: Entry) -> targets.Made:
    found = record(case)
    assert found.cell is not None
    found = replace(found, cell=replace(found.cell, targets={name: entry}))
    (one,) = targets.made([builders.standing("works", found)])
    return one


def test_the_first_sentence_counts_what_keeps_the_answers_and_at_what_size() -> None:
    found = []
    for case, whole in (("zoo/large", 40.0), ("zoo/trained", 20.0), ("zoo/tiny", 0.001)):
        found += [
            standing(Target.SAVED_MODEL, case, replace(WORKS, megabytes=whole)),
            standing(Target.SAVED_MODEL_XLA, case, WORKS),
            standing(Target.TFLITE_FLOAT32, case, replace(WORKS, megabytes=whole)),
            standing(Target.TFLITE_FLOAT16, case, replace(WORKS, megabytes=whole / 2)),
            standing(Target.TFLITE_DYNAMIC, case, replace(FAILS, megabytes=None)),
            standing(Target.TFLITE_INT8, case, replace(WORKS if case == "zoo/trained" else FORM, megabytes=whole / 4)),
        ]
    assert targets.answer(found, {"zoo/trained"}) == (
        "**A .tflite of 32-bit floats keeps the answers of 3 of 3 at 1.00 of the SavedModel's size, 16-bit weights "
        "those of 3 of 3 at 0.50 of the SavedModel's size, 8-bit weights those of 0 of 3, and XLA those of 3 of 3; "
        "8-bit integers inside keep those of 1 of 1 with trained weights at 0.25 of the SavedModel's size; of 8-bit "
        "integers and random weights 2 of 2 are made, load and run.**"
    )


def test_the_advice_names_a_target_for_each_kind_of_machine_with_what_is_recorded_of_it() -> None:
    found = [
        standing(Target.SAVED_MODEL, "zoo/a", replace(WORKS, megabytes=40.0)),
        standing(Target.TFLITE_FLOAT32, "zoo/a", WORKS),
        standing(Target.TFLITE_DYNAMIC, "zoo/a", replace(WORKS, megabytes=10.0)),
        standing(Target.TFLITE_DYNAMIC, "zoo/b", FAILS),
        standing(Target.TFLITE_INT8_IO, "zoo/a", FORM),
        standing(Target.TFLITE_INT8_IO, "zoo/b", FAILS),
    ]
    server, phone, gpu, small = targets.advice(found).splitlines()[2:]
    assert server.startswith("- **A server or a desktop:** `saved-model` (right for 1 of 1, 1.00 of the size); try ")
    assert "`saved-model-xla` (untested)" in server
    assert "`tflite-dynamic` (right for 1 of 2, 0.25 of the size), which needs no data of yours" in phone
    assert "0 of 1 files need TensorFlow's own operators" in phone
    assert "`tflite-float16` (untested)" in gpu
    assert "made of 1 of 2 models" in small


def test_routes_stand_side_by_side_by_what_their_tflite_files_came_to() -> None:
    def kept(*sizes: bool, flex: tuple[str, ...] | None = None) -> Entry:
        assert WORKS.deployed is not None
        return replace(
            WORKS, deployed=replace(WORKS.deployed, flex=flex, dynamic=dict(zip(["batch"], sizes, strict=False)))
        )

    found = [
        standing(Target.TFLITE_FLOAT32, "zoo/a", kept(True, flex=("Erf",))),
        standing(Target.TFLITE_FLOAT32, "zoo/b", kept(False)),
        standing(Target.TFLITE_FLOAT32, "zoo/c", kept()),  # no batch at all
        standing(Target.TFLITE_FLOAT32, "zoo/d", FAILS),
        standing(Target.TFLITE_FLOAT16, "zoo/a", WORKS),
    ]
    giving = {
        "never": routes.Gives(layout="inputs kept"),
        "onnx-tf": routes.Gives(layout="kept", integers="int32"),
        "no-tflite": routes.Gives(("saved-model",)),
    }
    measured, never = rows = tflite.rows_of(found, giving)
    assert (measured.route, measured.checked, measured.right) == ("onnx-tf", 4, 3)
    assert (measured.batched, measured.open, measured.flex, measured.share) == (2, 1, 1, None)
    assert (measured.layout, measured.integers) == ("kept", "int32")
    assert (never.route, never.checked, never.integers) == ("never", 0, "–")
    assert tflite.answer(rows) == (
        "3 of 4 .tflite files of 32-bit floats answer as torch does; 2 of these run on LiteRT's own operators, 1 need "
        "some of TensorFlow's, and 1 of 2 take any batch size."
    )
    assert tflite.answer([never]) == "No .tflite is recorded yet: untested."
