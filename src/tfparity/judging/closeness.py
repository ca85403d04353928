"""Whether a candidate's answer to one call is right, beyond the largest element. Pure: numpy in, a reason out.

Level 1 allows an error relative to the largest element of an output. Here each column along the last axis and each row
along the first are held to their own scale, and numbers of like magnitude to torch's own rounding error at that
magnitude: probabilities that vanish, a score beside boxes, logits beside the fill of a mask. Where torch's own runs
differ (float32, float64, weights and inputs moved by one ulp) by more than rounding, nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from tfparity.judging import arrays as elements
from tfparity.judging import compare
from tfparity.judging.arrays import Array
from tfparity.worker.declare import Output, Sample

#: Runs of torch that differ by more than that part of an element (and of that part of the largest) do not determine it.
UNSURE = 1e-3

#: A row or a column is wrong where its error is more than that part of its own largest element, and no noise.
SLICE = 1e-3

#: Of numbers of like magnitude, more than the second part off by more than the first part of themselves, and by more
#: than noise, are wrong: one of them alone may have lost its digits by cancellation.
ELEMENT, SHARE = 1e-2, 0.1

#: So many numbers at least are taken for of like magnitude, and so many neighbours on each side give an element's noise
#: (a maximum over few runs of one element is a poor estimate).
GROUP, NEIGHBOURS = 16, 8

#: The kinds of torch's runs, the one that is compared with first.
RUNS = ("float32", "float64", "moved0", "moved1")


@dataclass(frozen=True)
class Found:
    """What came of one output at one call. wrong: how, None where it is right; silent: where torch does not determine
    the answer; max_abs: the largest difference, infinite for what cannot be subtracted."""

    wrong: str | None
    silent: bool
    max_abs: float


def hold(
    output: Output, runs: Mapping[str, Array], candidate: Array | None, *, exact_nan: bool = False, small: bool = True
) -> Found:
    """Hold a candidate's output of one call to torch's runs, by kind (see RUNS; float32 is there).

    exact_nan: whether NaN is an answer; else where torch says NaN nothing is wrong. small: whether numbers of a small
    magnitude are held to themselves.
    """
    if candidate is None:
        return Found(f"output {output.name!r} did not come back", False, numpy.inf)
    float32 = runs["float32"]
    others = {kind: array for kind, array in runs.items() if kind != "float32"}
    if any(array.shape != float32.shape for array in others.values()):
        return Found(None, True, 0.0)  # how many boxes there are is not determined
    if _kind(candidate) == _kind(float32) and candidate.ndim == float32.ndim:
        if output.kind == "set-of-boxes" and float32.ndim == 2:
            truth = others.get("float64", float32)
            candidate = elements.nearest_rows(truth, candidate)
            float32 = elements.nearest_rows(truth, float32)
            others = {kind: elements.nearest_rows(truth, array) for kind, array in others.items()}
        if candidate.shape == float32.shape:
            known, candidate, silent = _determined(float32, others, candidate, exact_nan=exact_nan)
            if silent:
                return Found(None, True, 0.0)
            return _found(output, known, candidate, small=small)
    return _found(output, {"float32": float32, **others}, candidate, small=small)


def _kind(array: Array) -> str:
    return "i" if array.dtype.kind in "iu" else array.dtype.kind


def _found(output: Output, runs: Mapping[str, Array], candidate: Array, *, small: bool) -> Found:
    """The rules of level 1 for this call alone, then those of rows, columns and magnitudes."""
    sample = Sample(0, 0, {}, None)
    other = "float64" if "float64" in runs else "ulp"
    references = {
        f"float32/0/{output.name}": runs["float32"],
        f"{other}/0/{output.name}": runs.get("float64", runs.get("moved0", runs["float32"])),
    }
    plain = _matched(output)
    measured = compare.compare([plain], [sample], references, {f"output/0/{output.name}": candidate})
    if not measured.complete or not measured.grade.right:
        return Found(measured.detail, False, measured.max_abs)
    return Found(_fine(output.name, runs, candidate, small=small), False, measured.max_abs)


def _matched(output: Output) -> Output:
    """The output as one whose rows are matched already."""
    return output._replace(kind="float") if output.kind == "set-of-boxes" else output


def _determined(
    float32: Array, others: Mapping[str, Array], candidate: Array, *, exact_nan: bool
) -> tuple[dict[str, Array], Array, bool]:
    """Torch's runs and the candidate with everything that torch does not determine set to torch's float32 answer, and
    whether that is most of it."""
    sure = numpy.ones(float32.shape, dtype=bool)
    real = float32.dtype.kind in "fc"
    wide = "complex128" if float32.dtype.kind == "c" else "float64"
    scale = _largest(others.get("float64", float32))
    for other in others.values():
        if not real:
            sure &= elements.same(float32, other)
            continue
        with numpy.errstate(all="ignore"):
            off = numpy.abs(float32.astype(wide) - other.astype(wide))
            near = off <= UNSURE * numpy.maximum(numpy.abs(other.astype(wide)), UNSURE * scale)
        sure &= near | _both(float32, other)
    if real and not exact_nan:
        sure &= ~numpy.isnan(float32)
    if not sure.all():
        others = {kind: numpy.where(sure, other, float32) for kind, other in others.items()}
        candidate = numpy.where(sure, candidate, float32).astype(candidate.dtype)
    silent = bool(float32.size) and float(sure.mean()) < 0.5
    return {"float32": float32, **others}, candidate, silent


def _both(one: Array, other: Array) -> Array:
    """Where both are NaN, or the same infinity."""
    with numpy.errstate(all="ignore"):
        both: Array = (numpy.isnan(one) & numpy.isnan(other)) | (one == other)
    return both


def _largest(array: Array) -> float:
    return elements.largest(elements.as_real(array))


def _fine(name: str, runs: Mapping[str, Array], candidate: Array, *, small: bool) -> str | None:
    """What rows, columns and magnitudes say of an answer that is right by its largest element."""
    if candidate.dtype.kind not in "fc" or not candidate.size:
        return None
    got = elements.as_real(candidate)
    known = [elements.as_real(runs[kind]) for kind in RUNS if kind in runs]
    truth = elements.as_real(runs.get("float64", runs["float32"])).astype(numpy.float64)
    plain = elements.class_of(truth) == 0
    for run in known:
        plain &= elements.class_of(run) == 0
    plain &= elements.class_of(got) == 0
    truth = numpy.where(plain, truth, 0.0)
    error = numpy.where(plain, numpy.abs(got.astype(numpy.float64) - truth), 0.0)
    own = numpy.zeros(truth.shape)
    for run in known:
        own = numpy.maximum(own, numpy.where(plain, numpy.abs(run.astype(numpy.float64) - truth), 0.0))
    half = runs["float32"].dtype == numpy.float16
    spacing = numpy.spacing(numpy.abs(truth).astype(numpy.float16 if half else numpy.float32)).astype(numpy.float64)
    own = numpy.maximum(own, compare.ULPS * spacing)
    return _slices(name, truth, error, own, small=small) or (_magnitudes(name, truth, error, own) if small else None)


def _slices(name: str, truth: Array, error: Array, own: Array, *, small: bool) -> str | None:
    """Rows and columns by their own scale and their own noise."""
    for axis, what in _sliced(truth):
        over = tuple(other for other in range(truth.ndim) if other != axis)
        scale, worst = numpy.abs(truth).max(axis=over), error.max(axis=over)
        noise = _noise(scale, own.max(axis=over), truth.size // scale.size, small=small)
        if bool(((worst > SLICE * scale) & (worst > compare.NOISE_FACTOR * noise) & (scale > 0)).any()):
            return f"output {name!r} has a {what} that is off by more than 1e-3 of its own scale"
    return None


def _noise(scale: Array, noise: Array, elements: int, *, small: bool) -> Array:
    """Per slice its noise, from the largest error of torch's own in it. Of few elements that is a poor estimate: the
    fewer, the more is allowed; of many slices those of like scale are asked, too (one may have lost its digits by
    cancellation). Never more than the largest of all; that where a slice is one number, or a few that may be small."""
    if elements >= NEIGHBOURS:
        return noise
    if elements == 1 or not small:
        return numpy.full_like(noise, noise.max())
    order = numpy.argsort(scale, kind="stable")
    pooled = numpy.empty_like(noise)
    pooled[order] = _pooled(noise[order], min(NEIGHBOURS, noise.size // GROUP))
    allowed: Array = numpy.minimum(noise.max(), pooled * NEIGHBOURS / elements)
    return allowed


def _sliced(truth: Array) -> Sequence[tuple[int, str]]:
    """The axes whose slices have scales of their own: rows of a batch, columns of a table. Of pictures no column."""
    rows = [(0, "row")] if truth.ndim > 1 and truth.shape[0] > 1 else []
    columns = [(truth.ndim - 1, "column")] if truth.ndim in (2, 3) and truth.shape[-1] > 1 else []
    return [*rows, *columns]


def _magnitudes(name: str, truth: Array, error: Array, own: Array) -> str | None:
    there = truth != 0
    size, off, own = numpy.abs(truth[there]), error[there], own[there]
    if size.size < 2:
        return None
    order = numpy.argsort(size, kind="stable")
    size, off, own = size[order], off[order], own[order]
    wrong = (off > ELEMENT * size) & (off > compare.NOISE_FACTOR * _pooled(own))
    if int(wrong.sum()) < 2:
        return None
    begin = 0
    for end in _ends(size):
        mine = wrong[begin:end]
        if int(mine.sum()) > max(1.0, SHARE * mine.size):
            return f"output {name!r} has lost the numbers of a small magnitude"
        begin = end
    return None


def _ends(size: Array) -> list[int]:
    """Where groups of like magnitude end, in ascending numbers: a factor of four, and `GROUP` numbers at least."""
    octaves = numpy.floor(numpy.log2(size) / 2)
    borders = [*(numpy.flatnonzero(numpy.diff(octaves)) + 1).tolist(), size.size]
    ends: list[int] = []
    begin = 0
    for border in borders:
        if border - begin >= GROUP:
            ends.append(border)
            begin = border
    if not ends or ends[-1] != size.size:
        ends = [*ends[:-1], size.size] if ends else [size.size]
    return ends


def _pooled(own: Array, reach: int = NEIGHBOURS) -> Array:
    """Per element the largest error of torch's own among so many neighbours on each side."""
    padded = numpy.pad(own, reach, mode="edge")
    pooled = own.copy()
    for shift in range(2 * reach + 1):
        numpy.maximum(pooled, padded[shift : shift + own.size], out=pooled)
    return pooled
