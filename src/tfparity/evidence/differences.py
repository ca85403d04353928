"""In what one cell is worse than another, in words. Pure.

A verdict is never compared alone: an axis, a name, a grade or a remedy may be what was lost.
"""

from __future__ import annotations

from dataclasses import replace

from tfparity.records.cells import Cell
from tfparity.records.vocabulary import Verdict, shim_remedy

#: A cell that keeps its verdict drifts when its grade falls and its distance grows by this factor: less is
#: what another processor's rounding does at the border of a grade.
DRIFT = 4.0


def between(good: Cell, bad: Cell, exact_good: float | None = None, exact_bad: float | None = None) -> list[str]:
    """In what `bad` is worse than `good`. exact_good, exact_bad: their max errors as measured, where known."""
    found = lost(good, bad)
    if bad.verdict is good.verdict and drifted(good, bad, exact_good, exact_bad):
        found.append(f"grade {bad.grade} instead of {good.grade}")
    return found + needed(good, bad)


def lost(good: Cell, bad: Cell) -> list[str]:
    """A lower verdict; of equal ones, the axes and names that were kept and are not."""
    if bad.verdict.position > good.verdict.position:
        return [f"{bad.verdict} instead of {good.verdict}"]
    if bad.verdict is not good.verdict:
        return []
    found = [f"axis {axis!r} lost" for axis, kept in good.dynamic.items() if kept and not bad.dynamic.get(axis)]
    if good.signature is True and bad.signature is False:
        found.append("signature lost")
    return found


def needed(good: Cell, bad: Cell) -> list[str]:
    """Of cells that work alike, the remedies that the worse one alone took; a failing cell's are what did not help."""
    if bad.verdict is not good.verdict or bad.verdict.failing:
        return []
    return [f"the remedy {name} needed" for name in bad.remedies if name not in good.remedies]


def without_shims(cell: Cell) -> Cell:
    """The cell as if the shims of its environment were part of it: who adopts a toolchain adopts its shims."""
    named = tuple(name for name in cell.remedies if not name.startswith(shim_remedy("")))
    verdict = cell.verdict
    if verdict is Verdict.WORKS_WITH_REMEDY and not named:
        verdict = Verdict.WORKS
    return replace(cell, verdict=verdict, remedies=named)


def drifted(good: Cell, bad: Cell, exact_good: float | None = None, exact_bad: float | None = None) -> bool:
    """Whether the grade fell, and the distance from torch grew by DRIFT or more."""
    if good.grade is None or bad.grade is None or bad.grade.rank <= good.grade.rank:
        return False
    measured = exact_good is not None and exact_bad is not None
    was, now = (exact_good, exact_bad) if measured else (good.max_abs, bad.max_abs)
    return was is None or now is None or now > DRIFT * was


def same_reason(one: Cell, other: Cell) -> bool:
    """The same fingerprint, or the same limitation of both (the text of an error may move with a version)."""
    return one.error == other.error or (other.limitation is not None and other.limitation == one.limitation)
