"""Targets of fewer bits: what noise they are allowed, and that what is wrong has more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import builders
import numpy
import pytest

from tfparity.judging import judge, precision
from tfparity.judging.judge import Signature
from tfparity.judging.precision import Held
from tfparity.records.cells import StageReply
from tfparity.records.vocabulary import Grade, Outcome, Precision, Verdict
from tfparity.worker.declare import Case, floating, integer

CASE = builders.case("scores", "hidden")

Fault = Callable[[dict[str, Any]], dict[str, Any]]


def network(images: Any, weights: dict[str, Any], *, relu: bool = True) -> dict[str, Any]:
    """Three layers and two heads, in the precision of what it is given."""
    hidden = images
    for layer in range(3):
        hidden = hidden @ weights[f"layer{layer}"]
        hidden = numpy.maximum(hidden, 0) if relu else hidden
    return {"scores": hidden @ weights["scores"], "hidden": hidden @ weights["hidden"]}


def weights() -> dict[str, Any]:
    random = numpy.random.RandomState(0)
    shapes = {"layer0": (4, 32), "layer1": (32, 32), "layer2": (32, 32), "scores": (32, 10), "hidden": (32, 10)}
    return {name: random.normal(size=shape) / numpy.sqrt(shape[0]) for name, shape in shapes.items()}


def to_steps(array: Any) -> Any:
    """Rounded to 8 bits of its own range."""
    step = numpy.abs(array).max() / 127
    return numpy.round(array / step) * step


def arrays(answer: Callable[[Any], dict[str, Any]], kind: str, case: Case = CASE) -> dict[str, Any]:
    """The answers at every sample, by key."""
    found: dict[str, Any] = {}
    for sample in case.samples():
        random = numpy.random.RandomState(sample.seed)
        for name, value in answer(random.normal(size=(sample.sizes["batch"], 4))).items():
            found[f"{kind}/{sample.index}/{name}"] = value
    return found


def references() -> dict[str, Any]:
    exact = arrays(lambda images: network(images, weights()), "float64")
    return {**exact, **{name.replace("64", "32"): value.astype("float32") for name, value in exact.items()}}


def outputs(rounded: Callable[[Any], Any], fault: Fault = dict, **options: bool) -> dict[str, Any]:
    changed = {name: rounded(value) for name, value in weights().items()}
    return arrays(lambda images: fault(network(images, changed, **options)), "output")


def judged(found: dict[str, Any], how: Held) -> Grade:
    return precision.judged(CASE, references(), found, how).grade


FLOAT16 = precision.held(Precision.FLOAT16, CASE, 5)
DYNAMIC = precision.held(Precision.DYNAMIC, CASE, 5)


def test_what_rounding_does_is_right() -> None:
    half = outputs(lambda value: value.astype("float16").astype("float64"))
    assert judged(half, FLOAT16) is Grade.WITHIN_PRECISION
    assert judged(outputs(to_steps), DYNAMIC) is Grade.WITHIN_PRECISION
    assert judged(outputs(to_steps), FLOAT16) is Grade.DIVERGED


def swapped(found: dict[str, Any]) -> dict[str, Any]:
    return {"scores": found["hidden"], "hidden": found["scores"]}


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        (swapped, {}),
        (dict, {"relu": False}),
        (lambda found: {name: value[:, ::-1] for name, value in found.items()}, {}),
        (lambda found: {name: value * 0 for name, value in found.items()}, {}),
        (lambda found: {name: value * 0 + numpy.nan for name, value in found.items()}, {}),
        (lambda found: {**found, "hidden": found["hidden"] * 1.5}, {}),
    ],
    ids=["outputs swapped", "an activation left out", "reversed", "zeros", "NaN", "one output too large"],
)
def test_what_is_wrong_is_beyond_any_precision(fault: Fault, options: dict[str, bool]) -> None:
    deepest = Held(Precision.DYNAMIC, precision.least(Precision.DYNAMIC, 100_000))
    for how in (FLOAT16, DYNAMIC, deepest):
        assert judged(outputs(lambda value: value, fault, **options), how) is Grade.DIVERGED


def test_more_tensors_may_have_more_noise_down_to_a_limit() -> None:
    least = [precision.least(Precision.DYNAMIC, count) for count in (1, 10, 100, 10_000)]
    assert least == sorted(least, reverse=True)
    assert least[-1] == precision.LEAST
    # One tensor of 11 bits: 6.02 · 11 + 7.44 dB, less what is allowed beyond.
    assert precision.least(Precision.FLOAT16, 1) == pytest.approx(66.23 + 7.44 - 12.04, abs=0.01)


def test_floats_between_quantized_weights_and_fewer_bits_are_counted() -> None:
    plain = precision.least(Precision.DYNAMIC, 3)
    # Weights of 8 bits and as many activations: 6.02 · 8 + 4.77 dB less the range's, three and three tensors.
    assert plain == pytest.approx(48.16 + 4.77 - 14.49 - 7.78 - 12.04, abs=0.01)
    assert precision.least(Precision.WEIGHTS_INT8, 3) == pytest.approx(plain + 3.01, abs=0.01)
    # Of 4 bits the formula allows more than any right answer has.
    assert precision.least(Precision.DYNAMIC_INT4, 1) == precision.LEAST


def test_a_model_that_amplifies_float32s_noise_is_allowed_as_much_more_of_a_coarser_one() -> None:
    plain = precision.least(Precision.FLOAT16, 10)
    expected = 151.93 - 10 - 24.08  # 24 bits of ten tensors, in sums of 256 numbers
    assert precision.least(Precision.FLOAT16, 10, 140.0) == plain
    assert precision.least(Precision.FLOAT16, 10, expected - 5) == pytest.approx(plain - 5, abs=0.05)
    assert precision.least(Precision.FLOAT16, 10, 0.0) == precision.LEAST


def test_what_torch_itself_rounds_is_told_by_its_two_runs() -> None:
    found = precision.own_noise(CASE, references())
    assert found is not None
    assert 130 < found < 160  # seven digits
    assert precision.own_noise(CASE, {name: one for name, one in references().items() if "float64" not in name}) is None


def test_8_bits_of_random_weights_are_judged_by_their_form() -> None:
    form = precision.held(Precision.INT8, CASE, 5)
    assert form.least is None
    assert judged(outputs(lambda value: value * 0), form) is Grade.FORM
    lacking = outputs(lambda value: value, lambda found: {**found, "hidden": found["hidden"] + numpy.nan})
    assert judged(lacking, form) is Grade.DIVERGED
    short = {name: value[:, :-1] for name, value in outputs(to_steps).items()}
    assert judged(short, form) is Grade.DIVERGED


def test_8_bits_of_trained_weights_and_of_ones_own_data_are_judged_by_their_numbers() -> None:
    for how in (
        precision.held(Precision.INT8, CASE._replace(trained=True), 5),
        precision.held(Precision.INT8, CASE, 5, own_data=True),
    ):
        assert judged(outputs(to_steps), how) is Grade.WITHIN_PRECISION
        assert judged(outputs(lambda value: value * 0), how) is Grade.DIVERGED


def test_a_large_constant_hides_no_noise() -> None:
    beside = {name: value + 1000 for name, value in references().items()}
    noisy = {name: value + 1000 for name, value in outputs(lambda value: value, swapped).items()}
    assert precision.judged(CASE, beside, noisy, DYNAMIC).grade is Grade.DIVERGED


def test_an_axis_is_lost_where_another_size_has_more_noise() -> None:
    found = outputs(to_steps)
    for sample in CASE.samples():
        if sample.sizes["batch"] == 5:
            found[f"output/{sample.index}/scores"] = found[f"output/{sample.index}/scores"] * 0
    made = precision.judged(CASE, references(), found, DYNAMIC)
    assert (made.grade, made.axes) == (Grade.WITHIN_PRECISION, {"batch": False})
    assert made.lost["batch"] == "at batch=5 output 'scores' has more noise than dynamic allows"


def test_labels_say_nothing_of_noise() -> None:
    case = builders.case("scores", "label")._replace(outputs=(floating("scores"), integer("label")))
    exact = {name.replace("hidden", "label"): value for name, value in references().items()}
    labelled = {name: value.argmax(axis=1) if "label" in name else value for name, value in exact.items()}
    found = {name.replace("float32", "output"): value for name, value in labelled.items() if "float32" in name}
    found = {name: value * 0 if "label" in name else value for name, value in found.items()}
    assert precision.judged(case, labelled, found, DYNAMIC).grade.of_float32 is False
    assert precision.agreement(case, labelled, found).snr_db == pytest.approx(140, abs=30)


def test_agreement_is_of_the_output_that_agrees_least() -> None:
    found = outputs(lambda value: value, lambda answer: {**answer, "hidden": -answer["hidden"]})
    agreed = precision.agreement(CASE, references(), found)
    assert agreed.snr_db == pytest.approx(-6, abs=1)
    assert agreed.top_1 == 0
    same = precision.agreement(CASE, references(), outputs(lambda value: value))
    assert (same.snr_db, same.top_1) == (precision.EXACT, 1)


def attempt(how: Held, dtype: str) -> Verdict:
    """What an attempt comes to whose signature has that type."""
    stages = [StageReply(name, Outcome.PASS, 1.0) for name in ("load", "parity", "dynamic-shape", "signature")]
    made = judge.attempt(
        opset=13,
        file_opset=13,
        remedies=(),
        stages=stages,
        case=CASE,
        references=references(),
        referee=None,
        outputs=outputs(to_steps),
        signature=Signature((("input", dtype),), (("scores", dtype), ("hidden", dtype)), ordered=False),
        held=how,
    )
    return judge.verdict(made)


def test_a_signature_of_integers_is_kept_where_it_was_asked_for() -> None:
    asked = precision.held(Precision.INT8, CASE, 5, int8_signature=True)
    assert [attempt(asked, dtype) for dtype in ("int8", "float32")] == [Verdict.WORKS, Verdict.PARTIAL]
    assert [attempt(DYNAMIC, dtype) for dtype in ("int8", "float32")] == [Verdict.PARTIAL, Verdict.WORKS]


WRONG: dict[str, tuple[Any, Any]] = {
    "labels are all the first": (lambda n: numpy.arange(n) % 3, lambda n: numpy.zeros(n, int)),
    "truth is the other way round": (lambda n: numpy.arange(n) % 2 == 0, lambda n: numpy.arange(n) % 2 == 1),
    "integers are one constant": (lambda n: numpy.arange(n) % 8, lambda n: numpy.full(n, -5)),
    "zeros come back as sevens": (lambda n: numpy.zeros((n, 2)), lambda n: numpy.full((n, 2), 7.0)),
    "infinities come back as zeros": (lambda n: numpy.full((n, 2), -numpy.inf), lambda n: numpy.zeros((n, 2))),
    "infinities have the other sign": (lambda n: numpy.full((n, 2), numpy.inf), lambda n: numpy.full((n, 2), -1e38)),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("kind", [Precision.FLOAT16, Precision.DYNAMIC])
def test_what_is_no_quantity_is_wrong_where_it_differs(fault: str, kind: Precision) -> None:
    truth, got = (side(64) for side in WRONG[fault])
    whole = truth.dtype.kind in "ib"
    case = builders.case("answer", outputs=[integer("answer") if whole else floating("answer")])
    known = {
        f"{name}/{sample.index}/answer": truth if whole else truth.astype(dtype)
        for sample in case.samples()
        for name, dtype in (("float64", "float64"), ("float32", "float32"))
    }
    how = precision.held(kind, case, 5)

    def grade(answer: Any) -> Grade:
        found = {f"output/{sample.index}/answer": answer for sample in case.samples()}
        return precision.judged(case, known, found, how).grade

    assert grade(got) is Grade.DIVERGED
    assert grade(truth) is not Grade.DIVERGED
