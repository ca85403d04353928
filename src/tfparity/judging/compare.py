"""How far a candidate's outputs are from the reference's: one grade, and what it rests on. Pure: numpy in, numbers out.

Arrays come as the bundle holds them, keyed "float32/<sample>/<output>", "float64/…", "ulp/…" for the
references and "output/<sample>/<output>" for a candidate; `<sample>` is declare.Sample.index.
All arithmetic is in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from tfparity.errors import MachineFault
from tfparity.judging import arrays as elements
from tfparity.judging.arrays import Array
from tfparity.records.vocabulary import Grade
from tfparity.worker.declare import Output, Sample

#: From the best to the worst. "float32-noise": max |candidate - truth| <= 4 · floor, where the floor is
#: max(max |float32 - float64|, 4 ulp of max |reference|); "1e-5", "1e-3": max abs <= t · max(1, max |reference|).
GRADES = tuple(Grade)

#: A faithful convolution stays within 2.0 times torch's own rounding error over 128×128 inputs and three seeds;
#: a 1 % change of one weight tensor is a thousand times above it.
NOISE_FACTOR = 4.0
ULPS = 4.0

#: Classes from which on a (rows, classes) output is taken for a classifier's.
CLASSIFIER = 5

Arrays = Mapping[str, Array]

_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "floating", "c": "complex"}
_EXACT = ("boolean", "integer")


@dataclass(frozen=True)
class Comparison:
    """One candidate against the reference, over every output and sample.

    grade: the worst of `GRADES` over the outputs and the samples that came back with the reference's shape (where the
        size of an axis gives a wrong answer that the exported shape does not, that axis is lost and has no part in it);
        "diverged" whenever `complete` is false.
    max_abs, rms, cosine, floor: of the output that decides the grade (the largest distance in units of its floor);
        max_abs and rms are infinite where NaN or infinity stand on one side only. cosine is None where nothing finite
        is there to compare or the output is compared exactly.
    top_k: the lowest share, over ranking outputs, of the reference's top five that the candidate has too; None
        without one.
    floor_source: "float64", or "ulp" where the model cannot run in float64.
    axes: per named axis, whether all its samples came back with the reference's shape and, where they are wrong, no
        worse than at the exported shape.
    lost: per axis that is not, the first reason.
    complete: every output at the exported shape came back with its shape and kind of dtype.
    detail: one line for a person. It holds no measured number unless all is well, so that it repeats exactly.
    """

    grade: Grade
    max_abs: float
    rms: float
    cosine: float | None
    top_k: float | None
    floor: float
    floor_source: str
    axes: dict[str, bool]
    lost: dict[str, str]
    complete: bool
    detail: str


def compare(
    case_outputs: Sequence[Output], samples: Sequence[Sample], references: Arrays, candidate: Arrays
) -> Comparison:
    """Grade `candidate` against `references`.

    The truth is the float64 reference where there is one, else the float32 one. Integer and boolean outputs are exact
    or diverged; an element is right if it equals any of the references (torch's own answer is not determined there).
    An element that is NaN, infinite or a fill (see elements.FILL) must be so in a reference, in the same way.

    Raises MachineFault when a reference is missing: the bundle is damaged.
    """
    axes = {sample.axis: True for sample in samples if sample.axis is not None}
    broken: list[str] = []
    lost: dict[str, str] = {}
    graded: list[_Graded] = []
    for output in case_outputs:
        found: list[tuple[Sample, _Pair]] = []
        for sample in samples:
            pair = _pair(output, sample, references, candidate)
            if isinstance(pair, _Pair):
                found.append((sample, pair))
            elif sample.axis is None:
                broken.append(pair)
            else:
                axes[sample.axis] = False
                lost.setdefault(sample.axis, f"at {sample.axis}={sample.sizes[sample.axis]} {pair}")
            if sample.axis is None and isinstance(pair, _Pair) and pair.kind_problem:
                broken.append(pair.kind_problem)
        graded.append(_grade(output, samples, references, found))
        for axis, reason in graded[-1].lost.items():
            axes[axis] = False
            lost.setdefault(axis, reason)
    deciding = max(graded, key=_Graded.weight)
    complete = not broken
    ranked = [g.top_k for g in graded if g.top_k is not None]
    return Comparison(
        grade=deciding.grade if complete else Grade.DIVERGED,
        max_abs=deciding.max_abs,
        rms=deciding.rms,
        cosine=deciding.cosine,
        top_k=min(ranked) if ranked else None,
        floor=deciding.floor,
        floor_source=deciding.floor_source,
        axes=axes,
        lost=lost,
        complete=complete,
        detail="; ".join(dict.fromkeys(broken)) if broken else _detail(graded, deciding),
    )


@dataclass(frozen=True)
class _Pair:
    """One output of one sample. All arrays have the candidate's shape; `known` holds every reference run of it."""

    candidate: Array
    float32: Array
    other: Array | None  # the float64 or the moved float32 reference
    truth: Array
    exact: bool
    kind_problem: str | None


@dataclass(frozen=True)
class _Graded:
    """One output over its samples."""

    name: str
    grade: Grade
    max_abs: float
    rms: float
    cosine: float | None
    top_k: float | None
    floor: float
    floor_source: str
    not_finite: bool
    lost: dict[str, str]  # per axis at one of whose sizes the answer is wrong, which and how

    def weight(self) -> tuple[int, float, float]:
        """Orders outputs by how much they decide: grade, then distance in units of the floor."""
        ratio = self.max_abs / self.floor if self.floor else math.inf
        return self.grade.rank, ratio if self.max_abs else 0.0, self.floor


def _pair(output: Output, sample: Sample, references: Arrays, candidate: Arrays) -> _Pair | str:
    """The arrays of one output and sample, or why they cannot be compared."""
    float32, other, source = _references(output, sample, references)
    got = candidate.get(f"output/{sample.index}/{output.name}")
    if got is None:
        return f"output {output.name!r} did not come back"
    got = numpy.asarray(got)
    got_kind, kind = _KINDS.get(got.dtype.kind), _KINDS.get(float32.dtype.kind)
    if got_kind is None:
        return f"output {output.name!r} has dtype {got.dtype}, which holds no numbers"
    rows = output.kind == "set-of-boxes" and got.ndim == float32.ndim == 2 and kind != "complex"
    # Another number of boxes is a wrong answer, not a wrong shape.
    if got.shape != float32.shape and not (rows and got.shape[1] == float32.shape[1]):
        return f"output {output.name!r} has shape {_shape(got)} instead of {_shape(float32)}"
    problem = None if got_kind == kind else f"output {output.name!r} came back as {got_kind} instead of {kind}"
    if problem and "complex" in (got_kind, kind):
        return problem
    truth = other if other is not None and source == "float64" else float32
    exact = output.kind == "integer" or kind in _EXACT
    parts = [elements.as_real(a) if a is not None else None for a in (got, float32, other, truth)]
    got_, float32_, other_, truth_ = parts
    assert got_ is not None
    assert float32_ is not None
    assert truth_ is not None
    if rows:
        got_, float32_ = elements.nearest_rows(truth_, got_), elements.nearest_rows(truth_, float32_)
        other_ = None if other_ is None else elements.nearest_rows(truth_, other_)
    return _Pair(got_, float32_, other_, truth_, exact, problem)


def _references(output: Output, sample: Sample, references: Arrays) -> tuple[Array, Array | None, str]:
    """(float32, float64 or moved float32 or None, which): a second run of another shape is of no use and left out."""
    end = f"/{sample.index}/{output.name}"
    float32 = references.get("float32" + end)
    if float32 is None:
        raise MachineFault(f"the bundle lacks the reference float32{end}: delete it and run the case again")
    float32 = numpy.asarray(float32)
    if float32.dtype.kind not in _KINDS:
        raise MachineFault(f"the bundle's reference float32{end} has dtype {float32.dtype}, which holds no numbers")
    source = "float64" if "float64" + end in references else "ulp"
    other = references.get(source + end)
    if other is None and float32.dtype.kind in "fc":
        raise MachineFault(f"the bundle has neither float64{end} nor ulp{end}: delete it and run the case again")
    if other is not None and numpy.shape(other) != float32.shape:
        other = None
    return float32, None if other is None else numpy.asarray(other), source


@dataclass(frozen=True)
class _Distance:
    max_abs: float
    squares: float
    count: int
    cosine: float | None
    scale: float  # the largest magnitude of the truth, fills left out
    not_finite: bool


def _distance(pair: _Pair) -> _Distance:
    """How far one candidate array is from the truth, over the elements that are finite in both."""
    known = [pair.truth, pair.float32, *([pair.other] if pair.other is not None else [])]
    known = [k for k in known if k.shape == pair.candidate.shape]
    scale = elements.largest(pair.truth)
    if not known:  # a set with another number of rows
        return _Distance(math.inf, math.inf, 1, None, scale, False)
    if pair.exact:
        wrong = numpy.ones(pair.candidate.shape, dtype=bool)
        for reference in known:
            wrong &= ~elements.same(pair.candidate, reference)
        with numpy.errstate(all="ignore"):
            off = numpy.abs(pair.candidate.astype(numpy.float64) - known[0].astype(numpy.float64))[wrong]
        not_finite = bool(off.size and not numpy.isfinite(off).all())
        # Integers beyond 2**53 can differ and still be equal as float64.
        most = math.inf if not_finite else elements.largest(off) or (1.0 if off.size else 0.0)
        with numpy.errstate(all="ignore"):
            squares = math.inf if not_finite else float(numpy.square(off).sum())
        return _Distance(most, squares, pair.candidate.size, None, scale, not_finite)
    classes = elements.class_of(pair.candidate)
    truth = pair.truth.astype(numpy.float64)
    agreed = elements.agrees(pair.candidate, pair.truth)
    for reference in known[1:]:
        also = ~agreed & elements.agrees(pair.candidate, reference)
        truth = numpy.where(also, reference.astype(numpy.float64), truth)
        agreed |= also
    if not agreed.all():
        return _Distance(math.inf, math.inf, 1, None, scale, True)
    finite = classes == 0
    a, b = truth[finite], pair.candidate.astype(numpy.float64)[finite]
    with numpy.errstate(all="ignore"):
        off = numpy.abs(a - b)
        return _Distance(
            float(off.max()) if off.size else 0.0,
            float(numpy.square(off).sum()),
            off.size,
            elements.cosine(a, b),
            scale,
            False,
        )


def _noise(pair: _Pair) -> float:
    """Rounding noise: max |float32 - other run| over the elements finite in both."""
    if pair.other is None or pair.other.shape != pair.float32.shape:
        return 0.0
    with numpy.errstate(all="ignore"):
        return elements.largest(pair.float32.astype(numpy.float64) - pair.other.astype(numpy.float64))


def _floor(pairs: Sequence[_Pair]) -> float:
    """The floor of one output (see GRADES) over its samples; 0 where it is compared exactly."""
    if all(pair.exact for pair in pairs):
        return 0.0
    ulp = max(elements.ulp(pair.float32.dtype, elements.largest(pair.truth)) for pair in pairs)
    return max(ULPS * ulp, *(_noise(pair) for pair in pairs))


def floors(case_outputs: Sequence[Output], samples: Sequence[Sample], references: Arrays) -> dict[str, float]:
    """Per output, its floor over all samples in units of max(1, max |reference|) at the first sample.

    Raises MachineFault when a reference is missing.
    """
    own = {key.replace("float32", "output", 1): value for key, value in references.items() if key[:8] == "float32/"}
    found = {}
    for output in case_outputs:
        pairs = [_pair(output, sample, references, own) for sample in samples]
        comparable = [pair for pair in pairs if isinstance(pair, _Pair)]
        found[output.name] = _floor(comparable) / max(1.0, elements.largest(comparable[0].truth)) if comparable else 0.0
    return found


def undetermined(case_outputs: Sequence[Output], samples: Sequence[Sample], references: Arrays) -> list[str]:
    """The outputs, by name, of which one reference run holds NaN where the other does not: there any answer passes.

    Raises MachineFault when a reference is missing.
    """
    found = []
    for output in case_outputs:
        for sample in samples:
            float32, other, _ = _references(output, sample, references)
            if other is not None and (numpy.isnan(float32) != numpy.isnan(other)).any():
                found.append(output.name)
                break
    return found


def _grade(
    output: Output, samples: Sequence[Sample], references: Arrays, found: Sequence[tuple[Sample, _Pair]]
) -> _Graded:
    """One output over the samples that came back.

    The floor is one number for the output, from all its samples (a maximum over few elements is a poor estimate of
    rounding noise); tolerances follow each sample's own scale. A size at which the output is wrong, and worse than at
    the exported shape, has lost its axis and counts no further.
    """
    _, _, source = _references(output, samples[0], references)
    if not found:
        return _Graded(output.name, Grade.DIVERGED, math.inf, math.inf, None, None, 0.0, source, False, {})
    floor = _floor([pair for _, pair in found])
    measured = []
    for sample, pair in found:
        distance = _distance(pair)
        grade = _grade_of(distance.max_abs, distance.scale, floor, exact=pair.exact).rank
        measured.append((sample, pair, distance, grade))
    exported = max((grade for sample, *_, grade in measured if sample.axis is None), default=Grade.DIVERGED.rank)
    bearable = max(exported, Grade.WITHIN_1E5.rank)
    lost: dict[str, str] = {}
    for sample, _, distance, grade in measured:
        if sample.axis is not None and grade > bearable:
            how = _how(GRADES[grade], not_finite=distance.not_finite)
            lost.setdefault(sample.axis, f"at {sample.axis}={sample.sizes[sample.axis]} output {output.name!r} {how}")
    distances = [
        (sample, pair, distance) for sample, pair, distance, grade in measured if not sample.axis or grade <= bearable
    ]
    worst = max((grade for *_, grade in measured if grade <= bearable), default=bearable)
    count = sum(distance.count for *_, distance in distances)
    cosines = [distance.cosine for *_, distance in distances if distance.cosine is not None]
    return _Graded(
        output.name,
        GRADES[worst],
        max(distance.max_abs for *_, distance in distances),
        _root_mean(sum(distance.squares for *_, distance in distances), count),
        min(cosines) if cosines else None,
        _top_k(output, [pair for _, pair, _ in distances]),
        floor,
        source,
        any(distance.not_finite for *_, distance in distances),
        lost,
    )


def _root_mean(squares: float, count: int) -> float:
    return math.sqrt(squares / count) if count else 0.0


def _grade_of(distance: float, scale: float, floor: float, *, exact: bool) -> Grade:
    if distance <= NOISE_FACTOR * floor or distance == 0:
        return Grade.FLOAT32_NOISE
    if not exact:
        for grade in (Grade.WITHIN_1E5, Grade.WITHIN_1E3):
            if distance <= float(grade) * max(1.0, scale):
                return grade
    return Grade.DIVERGED


def _top_k(output: Output, pairs: Sequence[_Pair]) -> float | None:
    """The share of the candidate's top five (fewer where there are fewer classes) that are in the reference's top five,
    over all rows; a class that ties with the reference's fifth counts."""
    shares: list[float] = []
    for pair in pairs:
        truth, got = pair.truth, pair.candidate
        classes = truth.shape[-1] if truth.ndim else 0
        classifier = output.kind == "float" and truth.ndim == 2 and classes >= CLASSIFIER and truth.dtype.kind == "f"
        if not classifier and not (output.kind == "ranking" and classes >= 2):
            continue
        k = min(5, classes - 1)
        rows, picked = truth.reshape(-1, classes), got.reshape(-1, classes)
        if not len(rows):
            continue
        threshold = numpy.sort(rows, axis=1)[:, -k]
        chosen = numpy.argsort(picked, axis=1, kind="stable")[:, -k:]
        hit = numpy.take_along_axis(rows, chosen, axis=1) >= threshold[:, None]
        shares.extend(hit.mean(axis=1).tolist())
    return sum(shares) / len(shares) if shares else None


def _how(grade: Grade, *, not_finite: bool) -> str:
    how = "is off by up to 1e-3" if grade is Grade.WITHIN_1E3 else "diverged"
    return how + (
        " (NaN, infinity or a fill where the reference has none, or the other way round)" if not_finite else ""
    )


def _detail(graded: Sequence[_Graded], deciding: _Graded) -> str:
    wrong = [g for g in graded if not g.grade.right]
    if not wrong:
        return f"output {deciding.name!r}: max |difference| {deciding.max_abs:.1e}, floor {deciding.floor:.1e}"
    lines = []
    for g in wrong:
        lines.append(f"output {g.name!r} {_how(g.grade, not_finite=g.not_finite)}")
    return "; ".join(lines)


def _shape(array: Array) -> str:
    return "(" + ", ".join(str(size) for size in array.shape) + ")"
