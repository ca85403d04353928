"""What an attempt and a cell come to: stage replies and arrays in, verdicts out. Pure.

The worker only says that its runs came back. Whether what came back is right, keeps its axes and its names,
and whose fault it is if not, is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tfparity import compare
from tfparity.compare import Arrays, Comparison
from tfparity.fingerprint import fingerprint, normalise
from tfparity.worker.declare import Case, Sample

#: The stages of an environment and then of a cell, in order: a later one is further.
STAGES = (
    "resolve", "install", "import",
    "build", "export", "check", "convert", "load", "parity", "dynamic-shape", "signature",
)  # fmt: skip

#: Every verdict that a planned cell can have, from the best to those that say nothing. Totals are in this order.
VERDICTS = (
    "works", "works-with-remedy", "partial", "broken", "not-applicable", "unresolvable", "untested", "stale",
)  # fmt: skip

#: The verdicts that need a limitation.
FAILING = ("partial", "broken")

#: The stages of the source side.
SOURCE_STAGES = ("build", "export", "check")

#: Up to here the opset has no say.
_BEFORE_EXPORT = STAGES[: STAGES.index("export")]

#: The worst grade that counts as right.
_RIGHT = "1e-5"

_BLAME = {
    "exporter": "ONNX Runtime gives a wrong answer for the exported file already",
    "converter": "ONNX Runtime gives the right answer for the exported file, the converted model does not",
    "unknown": "the converted model's answer is wrong, and no referee can say since when",
}


def attempt(
    *,
    opset: int | None,
    file_opset: int | None,
    remedies: Sequence[str],
    stages: Sequence[Mapping[str, Any]],
    case: Case,
    samples: Sequence[Sample],
    references: Arrays,
    referee: Arrays | None,
    outputs: Arrays | None,
    signature: Mapping[str, Any] | None,
    referee_error: str | None = None,
) -> dict[str, Any]:
    """The record of one attempt, JSON values only.

    stages: the worker's replies in order, {"stage", "outcome", "seconds", "peak_mib", "error"}; "dynamic-shape" may
        carry "failed": {sample index: {"type", "message"}}. "parity", "dynamic-shape" and "signature" that came back
        are judged here and may turn into "fail".
    references, referee, outputs: arrays by key (see compare); `referee` None where it could not run.
    signature: {"inputs": [[name, dtype], …], "outputs": […], "ordered": bool} of the artifact.

    Returns opset, file_opset, remedies, stage and outcome (the first that did not pass, else the last), error
    ({"type", "message", "stage"} or None), grade, max_abs, rms, cosine, top_k, floor, floor_source, referee
    ({"grade", "max_abs"}, {"error"} or None), culprit (None, "exporter", "converter", "unknown"), dynamic, signature,
    stages. Raises WorkerError where a reference is missing.
    """
    replies = [_reply(stage) for stage in stages]
    by_name = {reply["stage"]: reply for reply in replies}
    measured = hop = None
    culprit: str | None = None
    kept: bool | None = None
    if by_name.get("parity", {}).get("outcome") == "pass":
        measured = compare.compare(case.outputs, samples, references, outputs or {})
        hop = compare.compare(case.outputs, samples, references, referee) if referee else None
        culprit = _judge_parity(by_name["parity"], measured, hop)
        if "dynamic-shape" in by_name:
            failed = next(stage.get("failed") for stage in stages if stage["stage"] == "dynamic-shape")
            blamed = _judge_axes(by_name["dynamic-shape"], measured, hop, samples, failed or {})
            culprit = culprit or blamed
        if "signature" in by_name:
            kept = _judge_signature(by_name["signature"], signature, case, references, samples)
    failing = next((reply for reply in replies if reply["outcome"] != "pass"), None)
    if failing is None and (not replies or replies[-1]["stage"] != "signature"):
        error = {"type": "Incomplete", "message": "the worker's reply ends here, without a failure"}
        failing = {**(replies[-1] if replies else {"stage": "build"}), "outcome": "fail", "error": error}
    last = failing or replies[-1]
    return {
        "opset": opset,
        "file_opset": file_opset,
        "remedies": list(remedies),
        "stage": last["stage"],
        "outcome": last["outcome"],
        "error": {**last["error"], "stage": last["stage"]} if last["error"] else None,
        "grade": measured.grade if measured else None,
        "max_abs": _finite(measured.max_abs) if measured else None,
        "rms": _finite(measured.rms) if measured else None,
        "cosine": measured.cosine if measured else None,
        "top_k": measured.top_k if measured else None,
        "floor": measured.floor if measured else None,
        "floor_source": measured.floor_source if measured else None,
        "referee": _referee(hop, referee_error),
        "culprit": culprit,
        "dynamic": dict(sorted(measured.axes.items())) if measured else {},
        "signature": kept,
        "stages": replies,
    }


def verdict(attempt: Mapping[str, Any]) -> str:
    """ "works", "partial" or "broken", of one attempt record, remedies left aside."""
    if attempt["outcome"] == "pass":
        return "works"
    if attempt["grade"] is not None and attempt["grade"] != "diverged":
        return "partial"
    return "broken"


def settled(attempt: Mapping[str, Any]) -> bool:
    """Whether trying another opset has no point: this one works, it failed before an opset matters, or it used up the
    time of a request, which the next would do as well."""
    return verdict(attempt) == "works" or attempt["stage"] in _BEFORE_EXPORT or attempt["outcome"] == "timeout"


def cell(
    toolchain: str,
    case: str,
    route: str,
    attempts: Sequence[Mapping[str, Any]],
    *,
    shims: Sequence[str],
    key: str,
    extra: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A cell as the evidence keeps it, keys in the evidence's order.

    The best attempt decides: works before partial before broken, then the earlier; among broken ones that which came
    furthest, then the one of the oldest opset: what a newer opset adds to the obstacles is not what bars the way.
    A cell that no remedy gets across is broken by what bars the plain way.
    `extra` attempts are kept beside the others and decide nothing. `shims` are those of the toolchain's
    environments. Numbers have two significant digits.
    """
    if not attempts:
        raise ValueError(f"{toolchain} {case} {route}: a cell without an attempt")
    best = decisive(attempts)
    found = verdict(best)
    remedies = [*(f"shim:{name}" for name in shims), *best["remedies"]]
    if found != "broken" and best["opset"] != attempts[0]["opset"]:
        remedies.append(f"opset-{best['opset']}")
    if found == "works" and remedies:
        found = "works-with-remedy"
    return {
        "case": case,
        "route": route,
        "verdict": found,
        "grade": best["grade"],
        "opset": best["opset"],
        "attempts": [_short(attempt) for attempt in (*attempts, *extra)],
        "remedies": remedies,
        "error": error_of(best),
        "max_abs": two_digits(best["max_abs"]),
        "floor": two_digits(best["floor"]),
        "dynamic": dict(best["dynamic"]),
        "signature": best["signature"],
        "targets": {},
        "key": key,
    }


def named(remedies: Sequence[str]) -> list[str]:
    """Of a cell's remedies those that were tried by name: no shim of the environment, no opset."""
    return [name for name in remedies if not name.startswith(("shim:", "opset-"))]


def decided(cell: Mapping[str, Any], attempt: Mapping[str, Any]) -> bool:
    """Whether an attempt, in full or as evidence keeps it, has the opset and the remedies that gave the cell its
    verdict."""
    return attempt["opset"] == cell["opset"] and list(attempt["remedies"]) == named(cell["remedies"])


def error_of(attempt: Mapping[str, Any]) -> str | None:
    """The fingerprint of an attempt's error, None without one."""
    error = attempt["error"]
    return fingerprint(error["stage"], error["type"], error["message"]) if error else None


def two_digits(value: float | None) -> float | None:
    """`value` with two significant digits."""
    return None if value is None else float(f"{value:.1e}")


def decisive(attempts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The attempt that gives a cell its verdict, see cell."""
    for wanted in ("works", "partial"):
        for attempt in attempts:
            if verdict(attempt) == wanted:
                return attempt
    plain = [attempt for attempt in attempts if not attempt["remedies"]] or attempts
    furthest = max(STAGES.index(attempt["stage"]) for attempt in plain)
    return min(
        (attempt for attempt in plain if STAGES.index(attempt["stage"]) == furthest),
        key=lambda attempt: attempt["opset"] or 0,
    )


def further(attempt: Mapping[str, Any], than: Mapping[str, Any]) -> bool:
    """Whether an attempt has a better verdict than another, or failed at a later stage with the same, or for another
    reason at the same stage."""

    def reached(one: Mapping[str, Any]) -> tuple[int, int]:
        return -VERDICTS.index(verdict(one)), STAGES.index(one["stage"])

    same = reached(attempt) == reached(than) and error_of(attempt) != error_of(than)
    return same or reached(attempt) > reached(than)


def _short(attempt: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "opset": attempt["opset"],
        "file_opset": attempt["file_opset"],
        "remedies": list(attempt["remedies"]),
        "stage": attempt["stage"],
        "outcome": attempt["outcome"],
        "error": error_of(attempt),
    }


def _reply(stage: Mapping[str, Any]) -> dict[str, Any]:
    """A stage reply with the keys that records keep, its error in normal form; a failure without a word gets one."""
    error = stage.get("error")
    if stage["outcome"] == "pass":
        error = None
    elif not error:
        error = {"type": stage["outcome"], "message": "no error text came back"}
    return {
        "stage": stage["stage"],
        "outcome": stage["outcome"],
        "seconds": stage.get("seconds"),
        "peak_mib": stage.get("peak_mib"),
        "error": error and {"type": normalise(error["type"], {}), "message": normalise(error["message"], {})},
    }


def _fail(reply: dict[str, Any], type: str, message: str) -> None:
    reply["outcome"] = "fail"
    reply["error"] = {"type": type, "message": normalise(message, {})}


def _judge_parity(reply: dict[str, Any], measured: Comparison, hop: Comparison | None) -> str | None:
    """Turns `reply` into a failure where the answer is not right; returns the culprit.

    Three hops: torch → referee → converted model. The exporter is to blame if the referee's answer is as bad as the
    converted model's or worse, else the converter.
    """
    if compare.rank(measured.grade) <= compare.rank(_RIGHT):
        return None
    if hop is None:
        culprit = "unknown"
    else:
        culprit = "exporter" if compare.rank(hop.grade) >= compare.rank(measured.grade) else "converter"
    kind = "Diverged" if measured.grade == "diverged" else "Drifted"
    who = "" if culprit == "unknown" else culprit.capitalize()
    _fail(reply, who + kind, f"{_BLAME[culprit]}: {measured.detail}")
    return culprit


def _judge_axes(
    reply: dict[str, Any],
    measured: Comparison,
    hop: Comparison | None,
    samples: Sequence[Sample],
    failed: Mapping[str, Mapping[str, str]],
) -> str | None:
    """Turns a "dynamic-shape" that came back into a failure where an axis is lost; returns the culprit."""
    lost = [axis for axis, kept in measured.axes.items() if not kept]
    if not lost:
        return None
    if reply["outcome"] == "pass":
        _fail(reply, "AxisLost", "; ".join(_axis_problem(axis, measured, samples, failed) for axis in lost))
    if hop is None:
        return "unknown"
    return "converter" if any(hop.axes[axis] for axis in lost) else "exporter"


def _axis_problem(
    axis: str, measured: Comparison, samples: Sequence[Sample], failed: Mapping[str, Mapping[str, str]]
) -> str:
    """Why an axis counts as lost: the worker's own error, else what is wrong with what came back."""
    for sample in samples:
        error = failed.get(str(sample.index))
        if sample.axis == axis and error:
            return f"axis {axis!r} is lost: at {axis}={sample.sizes[axis]} {error['type']}: {error['message']}"
    return f"axis {axis!r} is lost: {measured.lost[axis]}"


def _judge_signature(
    reply: dict[str, Any],
    signature: Mapping[str, Any] | None,
    case: Case,
    references: Arrays,
    samples: Sequence[Sample],
) -> bool | None:
    """Turns a "signature" that came back into a failure where names or dtypes (or, where the artifact has one, the
    order) differ from the declaration; returns whether it is kept, None where the stage did not come back."""
    if reply["outcome"] != "pass":
        return None
    if signature is None:
        _fail(reply, "SignatureLost", "the artifact told no signature")
        return False
    first = next(sample.index for sample in samples if sample.axis is None)
    declared = {
        "inputs": [(given.name, given.dtype) for given in case.inputs],
        "outputs": [(o.name, str(references[f"float32/{first}/{o.name}"].dtype)) for o in case.outputs],
    }
    problems = []
    for side, wanted in declared.items():
        found = [(str(name), str(dtype)) for name, dtype in signature[side]]
        if (found if signature["ordered"] else sorted(found)) != (wanted if signature["ordered"] else sorted(wanted)):
            problems.append(f"{side} are {_listed(found)} instead of {_listed(wanted)}")
    if problems:
        _fail(reply, "SignatureLost", "; ".join(problems))
    return not problems


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in pairs) or "none"


def _referee(hop: Comparison | None, error: str | None) -> dict[str, Any] | None:
    if hop is not None:
        return {"grade": hop.grade, "max_abs": _finite(hop.max_abs)}
    return {"error": normalise(error, {})} if error else None


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None
