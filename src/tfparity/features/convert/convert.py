"""One model converted: the recommended ways are tried until one gives every target right."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tfparity.engine.engine import Converted
from tfparity.errors import UsageError
from tfparity.evidence import recommend
from tfparity.evidence.recommend import Way
from tfparity.features.convert import folder
from tfparity.features.session import Session
from tfparity.inputs import case_files
from tfparity.judging import judge
from tfparity.planning import plan, routes
from tfparity.records.cells import Attempt, PlannedCell
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Target, Tier, Verdict
from tfparity.worker.declare import Case

#: How many ways are tried where none is named.
MOST_WAYS = 3

Told = Callable[[str], None]


def convert(asked: Session, place: Path, targets: Sequence[Target], observer: Observer, told: Told) -> Converted | None:
    """Try ways, the recommended first, until one gives every target right; write it into the folder `place`, which must
    not be there yet. None where no way does; `told` hears why of each.

    Raises UsageError for a folder that is there, a model that is several cases of the zoo, or a choice without a way.
    """
    if os.path.lexists(place):
        raise UsageError(f"{place}: is there already; name a folder that is not")
    asked.read()
    cells = _ways(asked, targets)
    if not os.access(place.absolute().parent, os.W_OK):
        raise UsageError(f"{place}: its folder is not there or may not be written")
    if not cells:
        reasons = dict.fromkeys(str(cell.reason) for cell in asked.cells if cell.reason)
        raise UsageError(f"no way across gives {' and '.join(targets)}: {'; '.join(reasons) or 'none is declared'}")
    with asked.engine(observer) as engine:
        ways = MOST_WAYS * len({cell.case for cell in cells})
        for cell in cells:
            if not ways:
                break
            told(f"{cell.case} by {cell.route} on {cell.toolchain}")
            gives = routes.route(cell.route, asked.selection.project).gives.targets
            # What the route itself makes is no further target.
            further = [target for target in targets if target is not Target.SAVED_MODEL and _made_of_model(gives)]
            made = engine.artifact(cell, further)
            if judge.verdict(made.attempt) is Verdict.NOT_APPLICABLE:  # that was no try
                told(f"  not applicable: {made.attempt.error.message if made.attempt.error else ''}")
                continue
            ways -= 1
            if made.folder is None:
                told(f"  {judge.verdict(made.attempt)}: {_why(made.attempt)}")
                continue
            wrong = [(target, one) for target, one in made.targets.items() if not one.right]
            if wrong:
                target, one = wrong[0]
                told(f"  the SavedModel is right, {target} is not: {_why(one.attempt)}")
                continue
            folder.write(asked.selection, made, place)
            return made
    return None


def _made_of_model(gives: Sequence[str]) -> bool:
    """Whether a route's further targets are made of a SavedModel of its own."""
    return Target.SAVED_MODEL in gives


def _ways(asked: Session, targets: Sequence[Target]) -> list[PlannedCell]:
    """The cells to try in their order: those of one case, or of the forms of one Hugging Face folder."""
    selection = asked.selection
    possible = [
        cell
        for cell in asked.cells
        if cell.applicable
        and all(target in routes.route(cell.route, selection.project).gives.targets for target in targets)
    ]
    forms = {cell.case.removesuffix("-eager") if asked.choice.sources else cell.case for cell in possible}
    if len(forms) > 1:
        source = next(iter(asked.choice.sources), "")
        named = f"name one as {source}:{min(forms)}" if source else "name one of them"
        raise UsageError(f"one model at a time, not {', '.join(sorted(forms))}: {named}")
    ways = selection.matrix.oldest_first(dict.fromkeys((cell.toolchain, cell.route) for cell in possible))
    ordered = recommend.ways(ways, _known(asked, possible), _like(asked, possible), selection.matrix.default)
    # Of a folder's two forms the one with eager attention is the last, and needs no remedy.
    return [cell for way in ordered for cell in reversed(possible) if (cell.toolchain, cell.route) == way]


def _known(asked: Session, cells: Sequence[PlannedCell]) -> recommend.Known:
    """How the first of the cases stands by each way, where something is recorded."""
    standings = [asked.query.standing(cell) for cell in cells if cell.case == cells[0].case]
    return {(one.planned.toolchain, one.planned.route): (one.verdict, one.cell.grade) for one in standings if one.cell}


def _like(asked: Session, cells: Sequence[PlannedCell]) -> Counter[Way]:
    """How many of the core models like these convert by each way: those of Hugging Face, or all others."""
    selection = asked.selection
    known = selection.cases
    if asked.choice.sources:
        known = case_files.load([selection.project.cases]) if selection.project.cases.is_dir() else {}
    kinds = {_of_transformers(selection.cases[cell.case]) for cell in cells}
    like = {case.id for case in known.values() if plan.in_tier(case, Tier.CORE) and _of_transformers(case) in kinds}
    return Counter(
        (name, cell.route)
        for name, content in asked.query.recorded.items()
        for cell in content.cells
        if cell.case in like and cell.verdict.works
    )


def _of_transformers(case: Case) -> bool:
    return case.id.startswith("huggingface/") or "transformers" in case.requires


def _why(attempt: Attempt) -> str:
    error = attempt.error
    return f"{error.stage}: {error.type}: {' '.join(error.message.split())[:300]}" if error else "no error came back"
