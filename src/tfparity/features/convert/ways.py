"""Which ways a conversion tries, the most promising first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tfparity.errors import UsageError
from tfparity.evidence import recommend
from tfparity.evidence.recommend import Way
from tfparity.features.session import Session
from tfparity.inputs import case_files
from tfparity.planning import plan, routes
from tfparity.planning.targets import refused
from tfparity.records.cells import CellId, PlannedCell
from tfparity.records.vocabulary import Target, Tier
from tfparity.worker.declare import Case


def ways(asked: Session, targets: Sequence[Target], kin: str | None) -> list[list[PlannedCell]]:
    """The cells to try, way by way: those of one case, or of the forms of one Hugging Face folder.

    kin: a case of the zoo that a model of one's own is like. Raises UsageError for several models.
    """
    selection = asked.selection
    possible = [
        cell
        for cell in asked.cells
        if cell.applicable
        and all(refused(selection.keys.route(cell.route), target, selection.matrix) is None for target in targets)
    ]
    forms = {cell.case.removesuffix("-eager") if asked.choice.sources else cell.case for cell in possible}
    if len(forms) > 1:
        source = next(iter(asked.choice.sources), "")
        named = f"name one as {source}:{min(forms)}" if source else "name one of them"
        raise UsageError(f"one model at a time, not {', '.join(sorted(forms))}: {named}")
    found = selection.matrix.oldest_first(dict.fromkeys((cell.toolchain, cell.route) for cell in possible))
    known = _recorded(asked, kin, found) if kin else _known(asked, possible)
    direct = [way for way in found if _direct(asked, way, targets, possible)]
    ordered = recommend.ways(found, known, _like(asked, possible), selection.matrix.default, direct)
    varied = recommend.varied(ordered, lambda name: routes.converter(name, selection.project))
    # Of a folder's two forms the one with eager attention is the last, and needs no remedy.
    return [[cell for cell in reversed(possible) if (cell.toolchain, cell.route) == way] for way in varied]


def _known(asked: Session, cells: Sequence[PlannedCell]) -> recommend.Known:
    """How the first of the cases stands by each way, where something is recorded."""
    standings = [asked.query.standing(cell) for cell in cells if cell.case == cells[0].case]
    return {(one.planned.toolchain, one.planned.route): (one.verdict, one.cell.grade) for one in standings if one.cell}


def _recorded(asked: Session, kin: str, ways: Sequence[Way]) -> recommend.Known:
    """How a case of the zoo is recorded by each way: it is not planned where one's own models are."""
    cells = {way: asked.query.cell(CellId(way[0], kin, way[1])) for way in ways}
    return {way: (cell.verdict, cell.grade) for way, cell in cells.items() if cell}


def _direct(asked: Session, way: Way, targets: Sequence[Target], cells: Sequence[PlannedCell]) -> bool:
    """Whether a way makes what is wanted without a SavedModel between, and loses no axis of the model by that."""
    gives = routes.route(way[1], asked.selection.project).gives
    open_axes = any(asked.selection.cases[cell.case].axes for cell in cells)
    return Target.SAVED_MODEL not in (*targets, *gives.targets) and not (open_axes and gives.dynamic is False)


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
