"""One model converted: the recommended ways are tried until one gives every target right."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tfparity.engine.engine import Converted, Engine
from tfparity.engine.scores import Scores
from tfparity.engine.sealed import Unfit
from tfparity.engine.targets import Delivered
from tfparity.errors import UsageError
from tfparity.features.convert import folder
from tfparity.features.convert.ways import ways
from tfparity.features.session import Session
from tfparity.judging import judge
from tfparity.planning import targets as planned
from tfparity.records.cells import Attempt, PlannedCell
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Stage, Target, Verdict
from tfparity.report.why import IMPORTING, explained, failed, packages

#: How many ways are tried where none is named, and how many others are named at the end.
MOST_WAYS = 3
NAMED = 3

#: Errors by which a model is not built with one version of a package and is with another.
OF_VERSIONS = (*IMPORTING, "TypeError", "NotImplementedError", "RuntimeError")

#: A name that a module lacks.
_LACKING = re.compile(r"cannot import name .+? from '([\w.]+)'")

Told = Callable[[str], None]


@dataclass(frozen=True)
class Delivery:
    """What was written: the conversion, why each target that was wanted is not among it, and what the user's own
    measure made of it."""

    made: Converted
    missing: Mapping[Target, str]
    scores: Scores | None = None


def convert(
    asked: Session, place: Path, targets: Sequence[Target], observer: Observer, told: Told, kin: str | None = None
) -> Delivery | None:
    """Try ways, the recommended first, until one gives every target right; write it into the folder `place`, which must
    not be there yet. Where none does, a SavedModel that is right is written without the targets that are not. None
    where there is none either; `told` hears why of each. kin: a case of the zoo that the model is like.

    Raises UsageError for a folder that is there, a model that is several cases of the zoo, or a choice without a way.
    """
    if os.path.lexists(place):
        raise UsageError(f"{place}: is there already; name a folder that is not")
    asked.read()
    found = ways(asked, targets, kin)
    if not os.access(place.absolute().parent, os.W_OK):
        raise UsageError(f"{place}: its folder is not there or may not be written")
    if not found:
        reasons = dict.fromkeys((*_refusals(asked, targets), *(cell.reason for cell in asked.cells if cell.reason)))
        raise UsageError(f"no way across gives {' and '.join(targets)}: {'; '.join(reasons) or 'none is declared'}")
    part: Delivery | None = None
    with asked.engine(observer) as engine:
        tries = MOST_WAYS * max(len(way) for way in found)
        seen: list[PlannedCell] = []
        for cell in (cell for way in found for cell in way):
            if not tries:
                break
            seen.append(cell)
            told(f"{cell.case} by {cell.route} on {cell.toolchain}")
            own = planned.own(asked.selection.keys.route(cell.route))
            made = engine.artifact(cell, [target for target in targets if target is not own])
            if judge.verdict(made.attempt) is Verdict.NOT_APPLICABLE:  # that was no try
                told(f"  not applicable: {made.attempt.error.message if made.attempt.error else ''}")
                continue
            tries -= 1
            if made.folder is None:
                tried = f"; tried, and did not help: {', '.join(made.tried)}" if made.tried else ""
                told(f"  {judge.verdict(made.attempt)}: {_why(asked, made, made.attempt)}{tried}")
                if _fails_anywhere(made.attempt, asked.selection.choice.sources):
                    told("the model itself is not built: no other way is tried")
                    return None
                continue
            missing = {target: _lacks(asked, made, one) for target, one in made.targets.items() if not one.right}
            for target, why in missing.items():
                told(f"  the {_named(own)} is right, {target} is not: {why}")
            if not missing:
                whole = _written(asked, engine, Delivery(made, {}), place, told)
                if whole is not None:
                    return whole
                continue
            part = part or Delivery(made, missing)
        others = _others([way for way in found if not set(way) & set(seen)])
        if part is not None:
            part = _written(asked, engine, part, place, told, others)
    narrowed = asked.choice.routes or len(asked.selection.toolchains) < len(asked.selection.matrix.toolchains)
    without = "without --toolchain or --route, others are tried" if narrowed else "there is no other way"
    told(f"not tried, and can be named: {', or '.join(others)}" if others else without)
    return part


def _written(
    asked: Session, engine: Engine, what: Delivery, place: Path, told: Told, others: Sequence[str] = ()
) -> Delivery | None:
    """What was converted, scored and, but for targets that are not right, written; None where it is no more what was
    judged: `told` hears how."""
    what = replace(what, scores=engine.scores(what.made))
    if what.missing:
        right = {target: one for target, one in what.made.targets.items() if target not in what.missing}
        what = replace(what, made=replace(what.made, targets=right))
    try:
        folder.write(asked.selection, what.made, place, what.missing, others, scores=what.scores)
    except Unfit as wrong:
        told(f"  {Verdict.BROKEN}: {wrong}")
        return None
    return what


def _fails_anywhere(attempt: Attempt, sources: Sequence[str]) -> bool:
    """Whether a model was not built for a reason that is not one of versions, as a name that a package lacks is; one
    that the user's own module lacks, of `sources`, is lacking everywhere."""
    error = attempt.error
    if attempt.stage is not Stage.BUILD or error is None:
        return False
    lacking = _LACKING.search(error.message)
    own = {source.partition(":")[0].partition(".")[0] for source in sources}
    return error.type not in OF_VERSIONS or (lacking is not None and lacking[1].partition(".")[0] in own)


def _refusals(asked: Session, targets: Sequence[Target]) -> list[str]:
    """Why the routes of cells that can exist cannot give what is wanted."""
    routes = dict.fromkeys(cell.route for cell in asked.cells if cell.applicable)
    known, matrix = asked.selection.keys, asked.selection.matrix
    found = (planned.refused(known.route(name), target, matrix) for name in routes for target in targets)
    return [why for why in found if why]


def _named(own: Target) -> str:
    """What a route itself converts to, in a sentence."""
    return "SavedModel" if own is Target.SAVED_MODEL else ".tflite"


def _others(found: Sequence[Sequence[PlannedCell]]) -> list[str]:
    """Ways as one would name them."""
    return [f"--toolchain {way[0].toolchain} --route {way[0].route}" for way in found[:NAMED]]


def _lacks(asked: Session, made: Converted, one: Delivered) -> str:
    """Cause and remedy of a target that is not right, as rules of the stage "target" have them; how far it is off,
    where noise is what is wrong with it."""
    why = _why(asked, made, replace(one.attempt, stage=Stage.TARGET, error=one.failure))
    if one.snr_db is None or one.allowed_db is None or one.snr_db >= one.allowed_db:
        return why
    return f"{why.rstrip('.')} (signal to noise {one.snr_db:.0f} dB, where {one.allowed_db:.0f} dB are asked for)"


def _why(asked: Session, made: Converted, attempt: Attempt) -> str:
    """Cause and remedy, where a rule explains the attempt; else its error."""
    error = attempt.error
    if error is None:
        return "no error came back"
    record = made.record(attempt)
    rule = asked.explain(record)
    return explained(rule) if rule else failed(error, packages(record), 600)
