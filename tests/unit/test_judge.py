"""Verdicts follow from what came back: which stage failed, whose fault it is, and what was kept."""

import json
from dataclasses import asdict, replace
from itertools import permutations

import numpy
import pytest
from pydantic import TypeAdapter

from tfparity.judging import judge
from tfparity.judging.judge import Signature
from tfparity.records.cells import Attempt, Cell, Failure, Problem, RefereeAnswer, StageReply
from tfparity.records.vocabulary import Outcome, Stage
from tfparity.worker.declare import Case, floating, integers, normal

CASE = Case(
    "family/name",
    (integers("batch", 4, high=9, name="ids"), normal("batch", 4, name="scores")),
    (floating("zeta"), floating("alpha")),
    {"batch": (2, 1, 5)},
    {},
    (),
    {},
    lambda: None,
    "cases/family.py",
    1,
)
SAMPLES = CASE.samples()
SIGNATURE = Signature(
    inputs=(("ids", "int64"), ("scores", "float32")),
    outputs=(("zeta", "float32"), ("alpha", "float32")),
    ordered=True,
)
ATTEMPT = TypeAdapter(Attempt)


def references():
    rng = numpy.random.default_rng(0)
    made = {}
    for sample in SAMPLES:
        for output in CASE.outputs:
            truth = rng.normal(size=(sample.sizes["batch"], 3))
            made[f"float64/{sample.index}/{output.name}"] = truth
            made[f"float32/{sample.index}/{output.name}"] = truth.astype("float32")
    return made


REFERENCES = references()


def right():
    """The answer of a faithful converter."""
    return {
        key.replace("float32/", "output/"): value for key, value in REFERENCES.items() if key.startswith("float32/")
    }


def off(by):
    """An answer that is off by that much everywhere."""
    return {key: value + numpy.float32(by) for key, value in right().items()}


def without_other_sizes():
    return {key: value for key, value in right().items() if SAMPLES[int(key.split("/")[1])].axis is None}


def stages(until="signature", outcome="pass", error=None):
    names = [stage for stage in Stage if Stage.BUILD.position <= stage.position <= Stage(until).position]
    replies = [StageReply(name, Outcome.PASS, 0.5, 100.0) for name in names]
    return [*replies[:-1], replace(replies[-1], outcome=Outcome(outcome), error=error)]


def attempt(opset=13, **changed):
    given = {
        "opset": opset,
        "file_opset": opset,
        "remedies": [],
        "stages": stages(),
        "case": CASE,
        "references": REFERENCES,
        "referee": right(),
        "outputs": right(),
        "signature": SIGNATURE,
    }
    made = judge.attempt(**{**given, **changed})
    assert ATTEMPT.validate_json(json.dumps(asdict(made), allow_nan=False)) == made
    return made


def failed(stage, opset=13, message="it broke", outcome="fail"):
    error = Problem("ValueError", message)
    return attempt(opset, stages=stages(stage, outcome, error), referee=None, outputs=None, signature=None)


def cell(*attempts, shims=(), **given):
    return judge.cell("tf1-torch1", "family/name", "onnx-tf", attempts, shims=shims, key="k", **given)


def test_a_faithful_attempt_works():
    made = attempt()
    assert (made.stage, made.outcome, made.error) == ("signature", "pass", None)
    assert (made.grade, made.floor_source) == ("float32-noise", "float64")
    assert (made.dynamic, made.signature, made.culprit) == ({"batch": True}, True, None)
    assert made.referee.grade == "float32-noise"
    assert judge.verdict(made) == "works"
    assert judge.settled(made)


@pytest.mark.parametrize("stage", ["build", "export", "check", "convert", "load", "parity"])
@pytest.mark.parametrize("outcome", ["fail", "crash", "timeout", "out-of-memory"])
def test_a_stage_that_does_not_pass_breaks_the_attempt_under_its_name(stage, outcome):
    made = failed(stage, outcome=outcome)
    assert (made.stage, made.outcome) == (stage, outcome)
    assert made.error == Failure(stage, "ValueError", "it broke")
    assert (type(made.stage), type(made.outcome), type(made.error.stage)) == (Stage, Outcome, Stage)
    assert made.grade is None
    assert judge.verdict(made) == "broken"


@pytest.mark.parametrize("stage", ["resolve", "install", "import", "build"])
def test_another_opset_has_no_point_before_the_export(stage):
    reply = StageReply(stage, Outcome.FAIL, error=Problem("E", "m"))
    assert judge.settled(attempt(stages=[reply], outputs=None, references={}))


@pytest.mark.parametrize("stage", ["export", "check", "convert", "load", "parity"])
def test_another_opset_has_a_point_after_a_later_failure(stage):
    assert not judge.settled(failed(stage))


def test_another_opset_has_no_point_after_the_time_is_used_up():
    assert judge.settled(failed("convert", outcome="timeout"))
    assert not judge.settled(failed("convert", outcome="out-of-memory"))


def test_a_failure_without_a_word_gets_one():
    made = attempt(stages=stages("convert", "crash"), outputs=None)
    assert made.error == Failure("convert", "crash", "no error text came back")


def test_a_reply_that_just_ends_is_a_failure():
    made = attempt(stages=stages("load"), outputs=None, signature=None)
    assert (made.stage, made.outcome, made.error.type) == ("load", "fail", "Incomplete")
    assert judge.verdict(made) == "broken"
    assert attempt(stages=[], outputs=None).error.type == "Incomplete"


def test_error_texts_are_in_normal_form():
    made = failed("convert", message="\x1b[31mat 0x7f00deadbeef\x1b[0m\nin /tmp/tmpabcd1234/x")
    assert made.error.message == "at <address> in <tmp>/<name>/x"


@pytest.mark.parametrize(
    ("referee", "culprit", "type"),
    [
        (right(), "converter", "ConverterDiverged"),
        (off(0.5), "exporter", "ExporterDiverged"),
        (off(4e-4), "converter", "ConverterDiverged"),
        (None, "unknown", "Diverged"),
    ],
)
def test_three_hops_name_one_culprit(referee, culprit, type):
    made = attempt(outputs=off(0.5), referee=referee)
    assert (made.stage, made.outcome) == ("parity", "fail")
    assert (made.culprit, made.error.type) == (culprit, type)
    assert "output 'zeta' diverged" in made.error.message
    assert judge.verdict(made) == "broken"
    assert made.max_abs == pytest.approx(0.5, rel=1e-5)


def test_a_right_answer_is_nobodys_fault_even_where_the_referee_is_wrong():
    made = attempt(referee=off(0.5))
    assert (made.culprit, made.outcome) == (None, "pass")
    assert made.referee.grade == "diverged"


def test_why_there_is_no_referee_is_kept():
    made = attempt(referee=None, referee_error="NotImplemented: no kernel\nat 0x7f00deadbeef")
    assert made.referee == RefereeAnswer(error="NotImplemented: no kernel at <address>")


def test_an_error_of_one_in_a_thousand_is_partial_and_has_a_name():
    made = attempt(outputs=off(4e-4))
    assert (made.grade, made.error.type, made.stage) == ("1e-3", "ConverterDrifted", "parity")
    assert judge.verdict(made) == "partial"


def test_an_error_within_1e_5_works():
    assert judge.verdict(attempt(outputs=off(5e-6))) == "works"


def test_nan_is_diverged_and_fits_in_json():
    made = attempt(outputs=off(numpy.nan))
    assert (made.grade, made.max_abs, made.rms) == ("diverged", None, None)
    assert "NaN" in made.error.message


def test_nothing_that_came_back_is_diverged_and_says_so():
    made = attempt(outputs={})
    assert made.error.type == "ConverterDiverged"
    assert "did not come back" in made.error.message


def test_swapped_outputs_are_the_converters_fault():
    swap = {"zeta": "alpha", "alpha": "zeta"}
    outputs = {f"{key.rsplit('/', 1)[0]}/{swap[key.rsplit('/', 1)[1]]}": value for key, value in right().items()}
    assert attempt(outputs=outputs).error.type == "ConverterDiverged"


def test_a_lost_axis_is_partial_and_tells_the_workers_own_error():
    broke = {"3": Problem("InvalidArgumentError", "expected [2,4], got [1,4]")}
    made = attempt(outputs=without_other_sizes(), failed_sizes=broke)
    assert (made.stage, made.outcome, made.error.type) == ("dynamic-shape", "fail", "AxisLost")
    assert made.error.message == ("axis 'batch' is lost: at batch=1 InvalidArgumentError: expected [2,4], got [1,4]")
    assert (made.dynamic, made.culprit, made.signature) == ({"batch": False}, "converter", True)
    assert judge.verdict(made) == "partial"


@pytest.mark.parametrize(
    ("referee", "culprit"), [(without_other_sizes(), "exporter"), (right(), "converter"), (None, "unknown")]
)
def test_an_axis_that_the_referee_lost_too_was_lost_by_the_exporter(referee, culprit):
    assert attempt(outputs=without_other_sizes(), referee=referee).culprit == culprit


def test_an_axis_of_the_wrong_shape_is_lost():
    frozen = {key: value[:2] if SAMPLES[int(key.split("/")[1])].axis else value for key, value in right().items()}
    made = attempt(outputs=frozen)
    assert made.error.message.startswith("axis 'batch' is lost: at batch=5 output 'zeta' has shape (2, 3)")


def test_an_axis_at_one_of_whose_sizes_the_answer_is_wrong_is_lost():
    wrong = {key: value + bool(SAMPLES[int(key.split("/")[1])].axis) for key, value in right().items()}
    made = attempt(outputs=wrong)
    assert (made.stage, made.error.type, made.dynamic) == ("dynamic-shape", "AxisLost", {"batch": False})
    assert made.error.message.startswith("axis 'batch' is lost: at batch=")
    assert "diverged" in made.error.message
    assert (judge.verdict(made), made.grade) == ("partial", "float32-noise")


@pytest.mark.parametrize("outcome", ["crash", "timeout", "out-of-memory"])
def test_a_crash_at_another_size_leaves_the_exported_shape_right(outcome):
    error = Problem("Signal", "ended by SIGSEGV")
    made = attempt(outputs=without_other_sizes(), stages=stages("dynamic-shape", outcome, error), signature=None)
    assert (made.stage, made.outcome, made.error.message) == ("dynamic-shape", outcome, "ended by SIGSEGV")
    assert made.signature is None
    assert judge.verdict(made) == "partial"


@pytest.mark.parametrize(
    "changed",
    [
        {"outputs": (("output_0", "float32"), ("output_1", "float32"))},
        {"outputs": (("alpha", "float32"), ("zeta", "float32"))},
        {"inputs": (("ids", "int32"), ("scores", "float32"))},
        {"inputs": (("ids", "int64"),)},
        {"outputs": ()},
    ],
)
def test_a_changed_signature_is_partial(changed):
    made = attempt(signature=replace(SIGNATURE, **changed))
    assert (made.stage, made.error.type, made.signature) == ("signature", "SignatureLost", False)
    assert "instead of" in made.error.message
    assert judge.verdict(made) == "partial"


def test_the_order_of_a_signature_without_one_does_not_matter():
    turned = (SIGNATURE.inputs[::-1], SIGNATURE.outputs[::-1])
    assert attempt(signature=Signature(*turned, ordered=False)).signature is True
    assert attempt(signature=Signature(*turned, ordered=True)).signature is False


def test_no_signature_at_all_is_lost():
    assert attempt(signature=None).error.type == "SignatureLost"


def test_the_first_of_two_losses_names_the_attempt_and_both_are_kept():
    made = attempt(outputs=without_other_sizes(), signature=replace(SIGNATURE, outputs=()))
    assert made.stage == "dynamic-shape"
    assert made.signature is False
    assert [reply.outcome for reply in made.stages[-2:]] == ["fail", "fail"]


def test_a_wrong_answer_is_broken_whatever_else_is_kept_or_lost():
    assert judge.verdict(attempt(outputs={**off(0.5)}, signature=None)) == "broken"


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_the_best_attempt_decides_a_cell(order):
    attempts = [failed("convert", 13), attempt(12, outputs=without_other_sizes()), attempt(14)]
    made = cell(*[attempts[i] for i in order])
    assert made.opset == 14
    assert made.verdict == ("works" if order[0] == 2 else "works-with-remedy")
    assert made.remedies == (() if order[0] == 2 else ("opset-14",))
    assert made.error is None
    assert [short.opset for short in made.attempts] == [attempts[i].opset for i in order]


def test_of_two_that_are_as_good_the_first_decides():
    assert cell(attempt(13), attempt(12)).opset == 13
    assert cell(failed("convert"), attempt(12), attempt(11)).opset == 12


def test_a_broken_cell_has_the_error_that_came_furthest_and_of_equals_the_oldest_opsets():
    newer = "Unsqueeze version 13 is not implemented"
    made = cell(failed("convert", 13, newer), failed("convert", 12, "no GRU"), failed("convert", 14, newer))
    assert (made.verdict, made.opset) == ("broken", 12)
    assert made.error == made.attempts[1].error
    assert made.remedies == ()
    assert cell(failed("convert", 13), failed("export", 12)).opset == 13


def test_a_shim_is_a_remedy():
    made = cell(attempt(), shims=["onnx-mapping", "legacy-keras"])
    assert made.verdict == "works-with-remedy"
    assert made.remedies == ("shim:onnx-mapping", "shim:legacy-keras")


def test_a_shim_does_not_mend_a_partial_cell():
    made = cell(attempt(outputs=without_other_sizes()), shims=["onnx-mapping"])
    assert made.verdict == "partial"
    assert made.error is not None


def test_extra_attempts_are_kept_and_decide_nothing():
    made = cell(failed("convert", 13), extra=[attempt(9)])
    assert made.verdict == "broken"
    assert [short.opset for short in made.attempts] == [13, 9]
    assert made.attempts[1].error is None


def test_a_cell_has_the_evidences_keys_in_its_order():
    made = asdict(cell(attempt()))
    assert list(made) == [
        "case", "route", "verdict", "grade", "opset", "attempts", "remedies", "error", "limitation", "max_abs", "floor",
        "dynamic", "signature", "level", "probes", "targets", "runtimes", "unlocked", "key",
    ]  # fmt: skip
    assert list(made["attempts"][0]) == ["opset", "file_opset", "remedies", "stage", "outcome", "error"]


def test_a_cell_keeps_the_next_power_of_ten_of_what_the_deciding_attempt_measured():
    made = cell(attempt(outputs=off(5e-6)))
    assert isinstance(made, Cell)
    assert (made.max_abs, made.grade) == (1e-5, "1e-5")
    assert made.floor == 1e-6
    assert (made.case, made.route, made.key) == ("family/name", "onnx-tf", "k")


def test_what_is_found_beside_a_verdict_is_empty_until_it_is_looked_for():
    made = cell(attempt())
    assert (made.level, made.probes, made.targets, made.runtimes, made.unlocked) == (1, {}, {}, {}, False)
    assert made.limitation is None


def test_a_cell_needs_an_attempt():
    with pytest.raises(ValueError, match="without an attempt"):
        cell()


def test_the_same_failure_has_one_fingerprint_in_every_cell():
    assert cell(failed("convert")).error == cell(failed("convert")).error
    assert cell(failed("convert")).error != cell(failed("load")).error
