"""Whether a target that keeps fewer bits than the model answers as well as these bits allow. Pure.

What rounding does to an answer is noise, and how much of it there may be follows from the step that numbers are rounded
to. It is told as a signal-to-noise ratio: the power of torch's answer over that of the difference from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy

from tfparity.judging import arrays as elements
from tfparity.judging import compare
from tfparity.judging.arrays import Array
from tfparity.judging.compare import Arrays, Comparison
from tfparity.records.vocabulary import Grade, Precision
from tfparity.worker.declare import Case, Output, Sample

#: Decibels of one bit: 20 log10 2.
PER_BIT = 20 * math.log10(2)

#: Significant bits of a 16-bit float, the hidden one included (IEEE 754 binary16).
FLOAT16_BITS = 11

#: Bits of a quantized weight and of a quantized activation; None where these are floats.
BITS: dict[Precision, tuple[int, int | None]] = {
    Precision.DYNAMIC: (8, 8),
    Precision.DYNAMIC_INT4: (4, 8),
    Precision.WEIGHTS_INT8: (8, None),
    Precision.INT8: (8, 8),
}

#: The largest of a million normally distributed numbers in units of their deviation, about sqrt(2 ln 10^6): what of the
#: range of 8 bits is there for the few large numbers.
PEAK = 5.3

#: How far beyond the expected noise an answer may be: as many times as beyond float32's own (compare.NOISE_FACTOR).
ALLOWED = 20 * math.log10(compare.NOISE_FACTOR)

#: Significant bits of a 32-bit float, and how many roundings a sum in it is taken to have.
FLOAT32_BITS = 24
SUMMED = 256

#: No answer is right below it, whatever the formula allows for a deep model: outputs in each other's places or an
#: activation left out come to less (tests/unit/test_precision.py).
LEAST = 10.0

#: Stands for a difference of nothing at all.
EXACT = 200.0


@dataclass(frozen=True)
class Held:
    """How a target's answers are judged. least: signal-to-noise ratio in decibels that they have to reach; None where
    their numbers say nothing, so that shapes and types alone are judged. int8_signature: floating inputs and outputs
    are 8-bit integers in the signature."""

    precision: Precision
    least: float | None = None
    int8_signature: bool = False

    @property
    def lossy(self) -> bool:
        return self.precision is not Precision.FLOAT32


def held(
    precision: Precision,
    case: Case,
    weights: int,
    *,
    own_db: float | None = None,
    own_data: bool = False,
    int8_signature: bool = False,
) -> Held:
    """How a target of that precision is judged, made of a model of so many weight tensors. own_db: see own_noise.

    Numbers of 8 bits throughout are judged where they mean something: of trained weights, or of `own_data`, examples of
    a user's own. Activations of random weights have no typical range that a few examples would show.
    """
    if precision is Precision.FLOAT32:
        return Held(precision)
    if precision is Precision.INT8 and not (case.trained or own_data):
        return Held(precision, None, int8_signature)
    return Held(precision, least(precision, weights, own_db), int8_signature)


def own_noise(case: Case, references: Arrays) -> float | None:
    """The signal-to-noise ratio of torch's own float32 run against float64, of the output that has the least."""
    own = {name.replace("float32", "output", 1): array for name, array in references.items() if name[:8] == "float32/"}
    return agreement(case, references, own).snr_db if any(name[:8] == "float64/" for name in references) else None


def least(precision: Precision, weights: int, own_db: float | None = None) -> float:
    """The least signal-to-noise ratio, in decibels, of a model of so many weight tensors. own_db: see own_noise.

    Rounding to p significant bits leaves 6.02 p + 7.44 dB of each tensor; rounding to steps of 1/2^b of a range that
    reaches PEAK deviations to both sides leaves 6.02 b + 4.77 - 20 log10 PEAK dB (B. Widrow, I. Kollár, Quantization
    Noise, Cambridge 2008, chapters 12 and 1; W. R. Bennett, Spectra of quantized signals, BSTJ 27, 1948). Noise of
    tensors rounded apart from each other adds up in power. With float16 these are the weights, with integers the
    weights and, where they are quantized, too, as many activations.

    A model that amplifies noise does so with that of float32 too: what is more there than the same formula tells of 24
    bits, in sums of SUMMED roundings (10 log10 of their number), is allowed here as well. ALLOWED is for the rest.
    """
    if precision is Precision.FLOAT16:
        each = [PER_BIT * FLOAT16_BITS + 7.44]
    else:
        each = [PER_BIT * bits + 4.77 - 20 * math.log10(PEAK) for bits in BITS[precision] if bits]
    noise = 10 * math.log10(max(1, weights) * sum(10 ** (-one / 10) for one in each))
    amplified = 0.0
    if own_db is not None:
        expected = PER_BIT * FLOAT32_BITS + 7.44 - 10 * math.log10(max(1, weights)) - 10 * math.log10(SUMMED)
        amplified = max(0.0, expected - own_db)
    return max(LEAST, -noise - amplified - ALLOWED)


@dataclass(frozen=True)
class Agreement:
    """Of answers: the signal-to-noise ratio in decibels of the output that has the least, None without one that is
    compared as numbers; the share of rows with the same largest score, None where no output is a classifier's."""

    snr_db: float | None
    top_1: float | None


def agreement(case: Case, references: Arrays, outputs: Arrays) -> Agreement:
    """How well answers at the exported shape agree with torch's."""
    samples = [sample for sample in case.samples() if sample.axis is None]
    ratios = [_ratio(output, samples, references, outputs) for output in case.outputs]
    shares = [_same_first(output, samples, references, outputs) for output in case.outputs]
    known, told = [ratio for ratio in ratios if ratio is not None], [share for share in shares if share is not None]
    return Agreement(min(known, default=None), min(told, default=None))


def judged(case: Case, references: Arrays, outputs: Arrays, how: Held) -> Comparison:
    """The comparison of a target's answers with torch's: of float32 that of a cell. Of fewer bits the grade is
    "precision" where every output reaches the ratio, or "form" where none is asked for; an axis is lost where another
    of its sizes comes back in a wrong shape, or below the ratio."""
    samples = case.samples()
    found = compare.compare(case.outputs, samples, references, outputs)
    if not how.lossy or not found.complete:
        return found
    exported = [sample for sample in samples if sample.axis is None]
    wrong = _wrong(case.outputs, exported, references, outputs, how)
    lost: dict[str, str] = {}
    for axis in case.axes:
        for sample in (one for one in samples if one.axis == axis):
            problem = _wrong(case.outputs, [sample], references, outputs, how)
            if problem and (not wrong or _shapeless(case.outputs, sample, references, outputs)):
                lost.setdefault(axis, f"at {axis}={sample.sizes[axis]} {problem}")
    grade = found.grade if found.grade.of_float32 and not wrong else _grade(how, wrong)
    return replace(
        found,
        grade=grade,
        max_abs=_largest(case.outputs, exported, references, outputs),
        axes={axis: axis not in lost for axis in found.axes},
        lost=lost,
        detail=wrong or found.detail,
    )


def _grade(how: Held, wrong: str | None) -> Grade:
    if wrong:
        return Grade.DIVERGED
    return Grade.FORM if how.least is None else Grade.WITHIN_PRECISION


def _wrong(
    case_outputs: Sequence[Output], samples: Sequence[Sample], references: Arrays, outputs: Arrays, how: Held
) -> str | None:
    """What is wrong with answers to samples, without a measured number, so that it repeats; None where nothing is."""
    for output in case_outputs:
        if any(_pair(output, sample, references, outputs) is None for sample in samples):
            return f"output {output.name!r} has another shape, or did not come back"
        pairs = [_pair(output, sample, references, outputs) for sample in samples]
        if any(not numpy.isfinite(pair[1][numpy.isfinite(pair[0])]).all() for pair in pairs if pair):
            return f"output {output.name!r} is not finite where the reference is"
        if any(not _same_infinities(*pair) for pair in pairs if pair):
            return f"output {output.name!r} has not the infinities of the reference"
        if how.least is not None and not _floats(output, references, samples):
            alone = compare.compare([output], samples, references, outputs)
            if not alone.grade.right:
                return f"output {output.name!r} differs, and is no quantity that precision could move"
        ratio = _ratio(output, samples, references, outputs)
        if how.least is not None and ratio is not None and ratio < how.least:
            return f"output {output.name!r} has more noise than {how.precision} allows"
    return None


def _shapeless(case_outputs: Sequence[Output], sample: Sample, references: Arrays, outputs: Arrays) -> bool:
    return any(_pair(output, sample, references, outputs) is None for output in case_outputs)


def _pair(output: Output, sample: Sample, references: Arrays, outputs: Arrays) -> tuple[Array, Array] | None:
    """The reference and the answer in float64, complex ones as pairs; None where these can't be held together."""
    end = f"/{sample.index}/{output.name}"
    truth, got = references.get("float64" + end, references.get("float32" + end)), outputs.get("output" + end)
    if truth is None or got is None:
        return None
    truth, got = elements.as_real(numpy.asarray(truth)), elements.as_real(numpy.asarray(got))
    if output.kind == "set-of-boxes" and truth.ndim == got.ndim == 2 and truth.shape[1] == got.shape[1]:
        return numpy.zeros(0), numpy.zeros(0)  # which boxes there are is no matter of noise
    return (truth.astype(numpy.float64), got.astype(numpy.float64)) if truth.shape == got.shape else None


def _floats(output: Output, references: Mapping[str, Array], samples: Sequence[Sample]) -> bool:
    """Whether an output's numbers are a quantity: labels and boxes are not."""
    first = references.get(f"float32/{samples[0].index}/{output.name}")
    return output.kind in ("float", "ranking") and first is not None and numpy.asarray(first).dtype.kind in "fc"


def _same_infinities(truth: Array, got: Array) -> bool:
    """Whether what is infinite in the reference is so in the answer, or as large as a fill."""
    there = numpy.isinf(truth)
    return bool((numpy.sign(truth[there]) == numpy.sign(got[there])).all() and (abs(got[there]) >= elements.FILL).all())


def _known(pair: tuple[Array, Array]) -> tuple[Array, Array]:
    """The elements that are numbers on both sides, and no fills."""
    kept = (numpy.abs(pair[0]) < elements.FILL) & numpy.isfinite(pair[0]) & numpy.isfinite(pair[1])
    return pair[0][kept], pair[1][kept]


def _ratio(output: Output, samples: Sequence[Sample], references: Arrays, outputs: Arrays) -> float | None:
    """The signal-to-noise ratio in decibels over samples. The signal is how far the reference is from its own mean, so
    that a large constant hides nothing; of an answer of one value only, the value itself."""
    pairs = [_pair(output, sample, references, outputs) for sample in samples]
    known = [_known(pair) for pair in pairs if pair is not None]
    if not known or not _floats(output, references, samples):
        return None
    truth, got = (numpy.concatenate([pair[side].ravel() for pair in known]) for side in (0, 1))
    if not truth.size:
        return None
    with numpy.errstate(all="ignore"):
        signal = float(numpy.var(truth)) or float(numpy.square(truth).mean())
        noise = float(numpy.square(truth - got).mean())
    if not math.isfinite(noise):
        return None
    if not signal:  # a reference of zeros has no noise to hide behind
        return -EXACT if noise else EXACT
    return min(EXACT, 10 * math.log10(signal / noise)) if noise else EXACT


def _largest(case_outputs: Sequence[Output], samples: Sequence[Sample], references: Arrays, outputs: Arrays) -> float:
    """The largest difference of an output that is a quantity."""
    worst = 0.0
    for output in case_outputs:
        if _floats(output, references, samples):
            pairs = [_pair(output, sample, references, outputs) for sample in samples]
            for truth, got in (_known(pair) for pair in pairs if pair is not None):
                worst = max(worst, elements.largest(truth - got))
    return worst


def _same_first(output: Output, samples: Sequence[Sample], references: Arrays, outputs: Arrays) -> float | None:
    """The share of rows whose largest score is the same one; None of an output that is no classifier's."""
    same: list[float] = []
    for sample in samples:
        pair = _pair(output, sample, references, outputs)
        if pair is None or not _floats(output, references, samples):
            return None
        truth, got = pair
        classes = truth.shape[-1] if truth.ndim else 0
        ranked = output.kind == "ranking" and classes >= 2
        if not ranked and not (truth.ndim == 2 and classes >= compare.CLASSIFIER):
            return None
        same += (truth.argmax(axis=-1) == got.argmax(axis=-1)).ravel().tolist()
    return sum(same) / len(same) if same else None
