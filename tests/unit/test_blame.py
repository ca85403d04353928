"""Whose fault a failure is: the referee's own mistakes are not laid at the exporter's door, nor the file's at the
converter's."""

from __future__ import annotations

import numpy
import pytest
from test_judge import SAMPLES, attempt, off, right, stages

from tfparity.judging import blame, judge
from tfparity.judging.judge import SecondReferee
from tfparity.records.cells import Problem
from tfparity.records.vocabulary import Outcome, Stage


def reshaped(answer):
    """An answer with its axes the other way round."""
    return {key: numpy.ascontiguousarray(value.T) for key, value in answer.items()}


def nothing(answer):
    """An answer without the first output."""
    return {key: value for key, value in answer.items() if not key.endswith("zeta")}


SECOND = {
    "none was asked": (None, "exporter"),
    "right": (SecondReferee(right()), "converter"),
    "wrong as well": (SecondReferee(off(0.7)), "exporter"),
    "less wrong": (SecondReferee(off(4e-4)), "converter"),
    "of another shape": (SecondReferee(reshaped(right())), "exporter"),
    "none": (SecondReferee(None, "NotImplementedError: no implementation for 'Foo'"), "unknown"),
}


@pytest.mark.parametrize("second", SECOND)
def test_a_second_referee_decides_before_the_exporter_is_blamed(second):
    said, culprit = SECOND[second]
    made = attempt(outputs=off(0.5), referee=off(-0.9), second=said)
    assert made.culprit == culprit
    assert made.error.type == ("" if culprit == "unknown" else culprit.capitalize()) + "Diverged"
    assert "output 'zeta' diverged" in made.error.message
    assert ("comes closer" in made.error.message) == (culprit == "converter")
    assert judge.verdict(made) == "broken"


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        ("right", ("float32-noise", None)),
        ("wrong as well", ("diverged", None)),
        ("none", (None, SECOND["none"][0].error)),
    ],
)
def test_what_the_second_referee_said_is_kept_with_the_attempt(second, kept):
    made = attempt(outputs=off(0.5), referee=off(-0.9), second=SECOND[second][0])
    assert (made.second.grade, made.second.error) == kept
    assert attempt(outputs=off(0.5), referee=off(0.5)).second is None


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("by", [0.5, numpy.nan])
def test_where_the_converted_model_reads_the_file_as_the_first_referee_does_two_are_believed(second, by):
    made = attempt(outputs=off(by), referee=off(by), second=SECOND[second][0])
    assert (made.culprit, made.error.type) == ("exporter", "ExporterDiverged")


def test_two_that_are_alike_where_the_referee_could_not_run_every_size_are_believed():
    exported = {key: value for key, value in off(0.5).items() if SAMPLES[int(key.split("/")[1])].axis is None}
    made = attempt(outputs=off(0.5), referee=exported, second=SecondReferee(right()))
    assert made.culprit == "exporter"


def test_an_error_that_both_referees_share_reads_as_before():
    before = attempt(outputs=off(0.5), referee=off(0.5))
    after = attempt(outputs=off(0.5), referee=off(0.5), second=SecondReferee(off(0.5)))
    assert before.error == after.error
    assert before.error.message.startswith("ONNX Runtime gives a wrong answer for the exported file already: ")


@pytest.mark.parametrize("referee", [right(), off(4e-4)])
def test_where_the_first_referee_is_nearer_the_second_has_no_say(referee):
    made = attempt(outputs=off(0.5), referee=referee, second=SecondReferee(off(0.9)))
    assert made.culprit == "converter"
    assert "the converted model does not" in made.error.message


@pytest.mark.parametrize("change", [reshaped, nothing])
def test_outputs_that_only_the_converted_model_has_otherwise_are_the_converters(change):
    made = attempt(outputs=change(right()), referee=off(0.5))
    assert (made.culprit, made.error.type) == ("converter", "ConverterDiverged")


def test_outputs_that_the_file_has_otherwise_too_are_the_exporters():
    assert attempt(outputs=reshaped(right()), referee=reshaped(off(0.5))).culprit == "exporter"


def test_a_right_answer_has_no_culprit_whatever_referees_say():
    made = attempt(referee=off(0.5), second=SecondReferee(off(0.5)))
    assert (made.culprit, made.outcome) == (None, "pass")


def test_an_axis_that_is_lost_is_no_matter_for_the_second_referee():
    lost = {key: value for key, value in right().items() if SAMPLES[int(key.split("/")[1])].axis is None}
    made = attempt(outputs=lost, referee=lost)
    assert (made.stage, made.culprit) == ("dynamic-shape", "exporter")


# An error

ORT = "Fail: [ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running ScatterND node. Name:'/S'"
REFUSED = {
    "while running it": ORT,
    "no kernel": "NotImplemented: [ONNXRuntimeError] : 9 : Could not find an implementation for ScatterND(16) node",
    "an invalid graph": 'InvalidGraph: This is an invalid model. In Node, ("/S", ScatterND, "", -1) : …',
    "types that do not fit": "Fail: Type Error: Type parameter (T) of Optype (ScatterND) bound … Op (ScatterND)",
}


def fails(stage, message, outcome="fail", referee_error=None, referee=None):
    replies = stages(stage, outcome, Problem("InvalidArgumentError", message))
    return attempt(stages=replies, outputs=None, referee=referee, referee_error=referee_error, signature=None).culprit


@pytest.mark.parametrize("stage", ["convert", "load", "parity"])
@pytest.mark.parametrize("refused", REFUSED)
def test_an_error_at_the_operator_where_the_referee_fails_too_is_the_exporters(stage, refused):
    said = "{{node ScatterNd}} indices[0] = [7] does not index into shape [6] [Op:ScatterNd]"
    assert fails(stage, said, referee_error=REFUSED[refused]) == "exporter"
    assert fails(stage, "in node onnx_tf_prefix_/ScatterND_1", referee_error=REFUSED[refused]) == "exporter"


def test_two_errors_of_one_node_as_they_were_met():
    """`r[mask, 0] = …` by onnx-tf on TensorFlow 2.15."""
    refused = (
        "Fail: [ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Add node. Name:'/Add' "
        "Status Message: Attempting to broadcast an axis by a dimension other than 1. 3 by 6"
    )
    said = (
        "Graph execution error: Detected at node onnx_tf_prefix_/Add defined at (most recent call last): "
        "Incompatible shapes: [6,1] vs. [3,9] [[{{node onnx_tf_prefix_/Add}}]] [Op:__inference_signature_wrapper_<id>]"
    )
    assert fails("parity", said, referee_error=refused) == "exporter"
    assert fails("convert", "Unsqueeze version 13 is not implemented.", referee_error=refused) == "converter"
    assert fails("parity", said.replace("Add", "AddN"), referee_error=refused) == "converter"


@pytest.mark.parametrize("stage", ["convert", "load", "parity"])
def test_an_error_elsewhere_is_the_converters(stage):
    assert fails(stage, "Unsqueeze version 13 is not implemented", referee_error=ORT) == "converter"
    assert fails(stage, "GatherScatterNDimensions", referee_error=ORT) == "converter"
    assert fails(stage, "[Op:ScatterNd]", referee=right()) == "converter"
    assert fails(stage, "[Op:ScatterNd]", referee=off(0.5)) == "converter"
    assert fails(stage, "no file between the sides") == "converter"


@pytest.mark.parametrize("stage", ["convert", "load", "parity"])
@pytest.mark.parametrize("said", ["Timeout: still running after 300 s", "Exit: ended with status -11"])
def test_a_referee_that_names_no_operator_leaves_it_open(stage, said):
    assert fails(stage, "[Op:ScatterNd]", referee_error=said) == "unknown"


@pytest.mark.parametrize("stage", ["build", "export", "check"])
def test_what_fails_before_the_file_is_there_has_no_culprit(stage):
    assert fails(stage, "[Op:ScatterNd]", referee_error=ORT) is None


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in ("fail", "crash", "pass")])
def test_what_a_limit_ends_has_no_culprit(outcome):
    assert blame.error(Stage.CONVERT, outcome, "[Op:ScatterNd]", answered=False, refused=ORT) is None
