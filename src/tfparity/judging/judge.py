"""What an attempt and a cell come to: stage replies and arrays in, verdicts out. Pure.

The worker only says that its runs came back. Whether what came back is right, keeps its axes and its names,
and whose fault it is if not, is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tfparity.judging import blame
from tfparity.judging.blame import Second
from tfparity.records.cells import (
    Attempt,
    Cell,
    Failure,
    Problem,
    RefereeAnswer,
    StageReply,
    coarse,
    finite,
)
from tfparity.records.fingerprint import normalise
from tfparity.records.vocabulary import Grade, Outcome, Stage, Verdict, opset_remedy, shim_remedy
from tfparity.worker.declare import Case, Sample

if TYPE_CHECKING:
    from tfparity.judging.compare import Arrays, Comparison
    from tfparity.judging.precision import Held

#: The level of checking that this module does: every stage, three seeds, one axis moved at a time.
LEVEL = 1


@dataclass(frozen=True)
class Signature:
    """The signature of an artifact: (name, dtype) of inputs and outputs. `ordered`: whether their order means
    something."""

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    ordered: bool


@dataclass(frozen=True)
class SecondReferee:
    """What another referee than ONNX Runtime said of the exported file: arrays, or why there are none."""

    answers: Arrays | None
    error: str | None = None

    def held(self, case: Case, references: Arrays, referee: Arrays, outputs: Arrays) -> Second:
        """Its answer held against torch's, and the converted model's against that of the first referee."""
        from tfparity.judging import compare

        samples = case.samples()
        first = {
            name.replace("output", kind, 1): array.astype(kind) if array.dtype.kind == "f" else array
            for name, array in referee.items()
            for kind in ("float32", "float64")
        }
        asked = [sample for sample in samples if all(f"float32/{sample.index}/{o.name}" in first for o in case.outputs)]
        alike = bool(asked) and compare.compare(case.outputs, asked, first, outputs).grade is not Grade.DIVERGED
        if self.answers is None:
            return Second(None, alike)
        return Second(compare.compare(case.outputs, samples, references, self.answers), alike)


def attempt(
    *,
    opset: int | None,
    file_opset: int | None,
    remedies: Sequence[str],
    stages: Sequence[StageReply],
    case: Case,
    references: Arrays,
    referee: Arrays | None,
    outputs: Arrays | None,
    signature: Signature | None,
    failed_sizes: Mapping[str, Problem] | None = None,
    referee_error: str | None = None,
    second: SecondReferee | None = None,
    held: Held | None = None,
) -> Attempt:
    """Judge one attempt.

    stages: the worker's replies in order. "parity", "dynamic-shape" and "signature" that came back are judged here and
        may turn into failures.
    references, referee, outputs: arrays by key (see compare); `referee` None where it could not run.
    signature: of the artifact, None where it told none. failed_sizes: sample index → why it could not run.
    second: of another referee, where the first one's answer is in doubt.
    held: how the answers of a target are judged; None of what a route converts.

    Raises MachineFault where a reference is missing.
    """
    from tfparity.judging import compare, precision  # and numpy, which a run of what is known needs not

    samples = case.samples()
    replies = {reply.stage: _normal(reply) for reply in stages}
    measured = hop = other = None
    culprit: str | None = None
    kept: bool | None = None
    if Stage.PARITY in replies and replies[Stage.PARITY].passed:
        measured = (
            precision.judged(case, references, outputs or {}, held)
            if held
            else compare.compare(case.outputs, samples, references, outputs or {})
        )
        hop = compare.compare(case.outputs, samples, references, referee) if referee else None
        other = second.held(case, references, referee or {}, outputs or {}) if second and hop else None
        replies[Stage.PARITY], culprit = _judge_parity(replies[Stage.PARITY], measured, hop, other)
        if Stage.DYNAMIC_SHAPE in replies:
            reply = replies[Stage.DYNAMIC_SHAPE]
            replies[Stage.DYNAMIC_SHAPE], blamed = _judge_axes(reply, measured, hop, samples, failed_sizes or {})
            culprit = culprit or blamed
        if Stage.SIGNATURE in replies:
            reply = replies[Stage.SIGNATURE]
            replies[Stage.SIGNATURE], kept = _judge_signature(reply, signature, case, references, samples, held)
    judged = tuple(replies.values())
    last = _first_failing(judged) or judged[-1]
    stage = Stage(last.stage)
    if measured is None and last.error:
        said = last.error.message
        culprit = blame.error(stage, last.outcome, said, answered=bool(referee), refused=referee_error)
    return Attempt(
        opset=opset,
        file_opset=file_opset,
        remedies=tuple(remedies),
        stage=stage,
        outcome=last.outcome,
        error=Failure(stage, last.error.type, last.error.message) if last.error else None,
        grade=measured.grade if measured else None,
        max_abs=finite(measured.max_abs) if measured else None,
        rms=finite(measured.rms) if measured else None,
        cosine=measured.cosine if measured else None,
        top_k=measured.top_k if measured else None,
        floor=measured.floor if measured else None,
        floor_source=measured.floor_source if measured else None,
        referee=_referee(hop, referee_error),
        second=_referee(other.hop, second.error) if second and other else None,
        culprit=culprit,
        dynamic=dict(sorted(measured.axes.items())) if measured else {},
        signature=kept,
        stages=judged,
    )


def _first_failing(replies: Sequence[StageReply]) -> StageReply | None:
    """The first reply that did not pass; one that ends too early has failed."""
    failing = next((reply for reply in replies if not reply.passed), None)
    if failing is None and (not replies or replies[-1].stage != Stage.SIGNATURE):
        problem = Problem("Incomplete", "the worker's reply ends here, without a failure")
        last = replies[-1] if replies else StageReply(Stage.BUILD, Outcome.FAIL)
        return replace(last, outcome=Outcome.FAIL, error=problem)
    return failing


def verdict(attempt: Attempt) -> Verdict:
    """Works, partial, broken or not applicable: of one attempt, remedies left aside."""
    if attempt.outcome is Outcome.NOT_APPLICABLE:
        return Verdict.NOT_APPLICABLE
    if attempt.outcome.passed:
        return Verdict.WORKS
    if attempt.grade is not None and attempt.grade is not Grade.DIVERGED:
        return Verdict.PARTIAL
    return Verdict.BROKEN


def works(attempt: Attempt) -> bool:
    """Whether the attempt converts the case rightly."""
    return verdict(attempt) is Verdict.WORKS


def settled(attempt: Attempt) -> bool:
    """Whether trying another opset has no point: this one works, it failed before an opset matters, or it used up the
    time of a request, which the next would do as well, or the route does not take the model."""
    ends = (Outcome.TIMEOUT, Outcome.NOT_APPLICABLE)
    return works(attempt) or attempt.stage.before_export or attempt.outcome in ends


def cell(
    toolchain: str,
    case: str,
    route: str,
    attempts: Sequence[Attempt],
    *,
    shims: Sequence[str],
    key: str = "",
    extra: Sequence[Attempt] = (),
) -> Cell:
    """A cell as the evidence keeps it.

    The best attempt decides: works before partial before broken, then the earlier; among broken ones that which came
    furthest, then the one of the oldest opset: what a newer opset adds to the obstacles is not what bars the way.
    A cell that no remedy converts is broken by what bars the plain way.
    `extra` attempts are kept beside the others and decide nothing. `shims` are those of the toolchain's
    environments.
    """
    if not attempts:
        raise ValueError(f"{toolchain} {case} {route}: a cell without an attempt")
    best = decisive(attempts)
    found = verdict(best)
    remedies = [*map(shim_remedy, shims), *best.remedies]
    if found is not Verdict.BROKEN and best.opset != attempts[0].opset and best.opset is not None:
        remedies.append(opset_remedy(best.opset))
    if found is Verdict.WORKS and remedies:
        found = Verdict.WORKS_WITH_REMEDY
    return Cell(
        case=case,
        route=route,
        verdict=found,
        grade=best.grade,
        opset=best.opset,
        attempts=tuple(attempt.line for attempt in (*attempts, *extra)),
        remedies=tuple(remedies),
        error=best.error.fingerprint if best.error else None,
        limitation=None,
        max_abs=coarse(best.max_abs),
        floor=coarse(best.floor),
        dynamic=best.dynamic,
        signature=best.signature,
        level=LEVEL,
        probes={},
        targets={},
        runtimes={},
        unlocked=False,
        key=key,
    )


def decisive(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt that gives a cell its verdict, see cell; before all broken ones one that the route does not take."""
    if len(attempts) == 1:
        return attempts[0]
    verdicts = list(map(verdict, attempts))
    for wanted in (Verdict.WORKS, Verdict.PARTIAL, Verdict.NOT_APPLICABLE):
        if wanted in verdicts:
            return attempts[verdicts.index(wanted)]
    plain = [attempt for attempt in attempts if not attempt.remedies] or attempts
    furthest = max(attempt.stage.position for attempt in plain)
    return min(
        (attempt for attempt in plain if attempt.stage.position == furthest), key=lambda attempt: attempt.opset or 0
    )


def further(attempt: Attempt, than: Attempt) -> bool:
    """Whether an attempt has a better verdict than another, or failed at a later stage with the same, or for another
    reason at the same stage."""

    def reached(one: Attempt) -> tuple[int, int]:
        return -verdict(one).position, one.stage.position

    same = reached(attempt) == reached(than) and attempt.line.error != than.line.error
    return same or reached(attempt) > reached(than)


def _normal(reply: StageReply) -> StageReply:
    """A stage reply with its error in normal form; a failure without a word gets one."""
    if reply.passed:
        return replace(reply, error=None)
    error = reply.error or Problem(reply.outcome, "no error text came back")
    return replace(reply, error=Problem(normalise(error.type, {}), normalise(error.message, {})))


def _failed(reply: StageReply, type: str, message: str) -> StageReply:
    return replace(reply, outcome=Outcome.FAIL, error=Problem(type, normalise(message, {})))


def _judge_parity(
    reply: StageReply, measured: Comparison, hop: Comparison | None, second: Second | None
) -> tuple[StageReply, str | None]:
    """The reply, a failure where the answer is not right, and the culprit."""
    if measured.grade.right:
        return reply, None
    culprit, because = blame.wrong_answer(measured, hop, second)
    kind = "Diverged" if measured.grade is Grade.DIVERGED else "Drifted"
    who = "" if culprit == blame.UNKNOWN else culprit.capitalize()
    return _failed(reply, who + kind, f"{because}: {measured.detail}"), culprit


def _judge_axes(
    reply: StageReply,
    measured: Comparison,
    hop: Comparison | None,
    samples: Sequence[Sample],
    failed: Mapping[str, Problem],
) -> tuple[StageReply, str | None]:
    """A "dynamic-shape" that came back, a failure where an axis is lost, and the culprit."""
    lost = [axis for axis, kept in measured.axes.items() if not kept]
    if not lost:
        return reply, None
    if reply.passed:
        problems = "; ".join(_axis_problem(axis, measured, samples, failed) for axis in lost)
        reply = _failed(reply, "AxisLost", problems)
    if hop is None:
        return reply, "unknown"
    return reply, "converter" if any(hop.axes[axis] for axis in lost) else "exporter"


def _axis_problem(axis: str, measured: Comparison, samples: Sequence[Sample], failed: Mapping[str, Problem]) -> str:
    """Why an axis counts as lost: the worker's own error, else what is wrong with what came back."""
    for sample in samples:
        error = failed.get(str(sample.index))
        if sample.axis == axis and error:
            return f"axis {axis!r} is lost: at {axis}={sample.sizes[axis]} {error.type}: {error.message}"
    return f"axis {axis!r} is lost: {measured.lost[axis]}"


def _judge_signature(
    reply: StageReply,
    signature: Signature | None,
    case: Case,
    references: Arrays,
    samples: Sequence[Sample],
    held: Held | None,
) -> tuple[StageReply, bool | None]:
    """A "signature" that came back, a failure where names or dtypes (or, where the artifact has one, the order) differ
    from the declaration; and whether it is kept, None where the stage did not come back."""

    def typed(dtype: str) -> str:
        return "int8" if held and held.int8_signature and dtype.startswith("float") else dtype

    if not reply.passed:
        return reply, None
    if signature is None:
        return _failed(reply, "SignatureLost", "the artifact told no signature"), False
    first = next(sample.index for sample in samples if sample.axis is None)
    problems = [
        problem
        for side, found, wanted in (
            ("inputs", signature.inputs, [(given.name, typed(given.dtype)) for given in case.inputs]),
            (
                "outputs",
                signature.outputs,
                [(o.name, typed(str(references[f"float32/{first}/{o.name}"].dtype))) for o in case.outputs],
            ),
        )
        for problem in _differs(side, list(found), wanted, ordered=signature.ordered)
    ]
    if problems:
        return _failed(reply, "SignatureLost", "; ".join(problems)), False
    return reply, True


def _differs(side: str, found: list[tuple[str, str]], wanted: list[tuple[str, str]], *, ordered: bool) -> list[str]:
    if (found if ordered else sorted(found)) == (wanted if ordered else sorted(wanted)):
        return []
    return [f"{side} are {_listed(found)} instead of {_listed(wanted)}"]


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in pairs) or "none"


def _referee(hop: Comparison | None, error: str | None) -> RefereeAnswer | None:
    if hop is not None:
        return RefereeAnswer(hop.grade, finite(hop.max_abs))
    return RefereeAnswer(error=normalise(error, {})) if error else None
