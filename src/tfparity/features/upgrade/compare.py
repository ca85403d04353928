"""What became of each cell from BASE to HEAD, in one word and a line. Pure.

Nothing is said of a cell that only one side has a current result for: it is counted as not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tfparity.evidence import differences
from tfparity.features.upgrade.kinds import Kind
from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import Cell, Failure
from tfparity.records.fingerprint import printable
from tfparity.records.vocabulary import Stage, Verdict

#: A case and a route.
Place = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """What one side says of a cell.

    verdict, reason: of the plan or the evidence, see evidence.query. cell: the recorded one or the one of a run, with
    the error that decided and what explains it; max_abs: its largest error as measured. first, first_rule: the failure
    of its first attempt and what explains that, where a later one did better: what a plain conversion meets.
    """

    verdict: Verdict
    reason: str | None = None
    cell: Cell | None = None
    error: Failure | None = None
    limitation: Limitation | None = None
    max_abs: float | None = None
    first: Failure | None = None
    first_rule: Limitation | None = None

    @property
    def known(self) -> bool:
        """Whether it is a result, or the plan knows that there can be none."""
        return self.verdict not in (Verdict.UNTESTED, Verdict.STALE)

    @property
    def environment_broken(self) -> bool:
        """Whether an environment failed, so that the model was never looked at."""
        if self.verdict is Verdict.UNRESOLVABLE:
            return True
        return self.verdict.failing and self.error is not None and self.error.stage in ENVIRONMENT

    @property
    def said(self) -> str:
        """The verdict, and for a failure why, in a line."""
        if self.error is not None and self.verdict.failing:
            return f"{self.verdict} ({self.error.stage}: {printable(self.error.text)})"
        return f"{self.verdict} ({printable(self.reason)})" if self.reason else self.verdict.value


#: Verdicts of which an upgrade can lose nothing.
NOTHING_TO_LOSE = (Verdict.BROKEN, Verdict.UNRESOLVABLE)

#: The stages of an environment.
ENVIRONMENT = (Stage.RESOLVE, Stage.INSTALL, Stage.IMPORT)


@dataclass(frozen=True)
class Change:
    """What became of a cell: in a word, and in a line. rule, failure: the reason, where HEAD tells one."""

    case: str
    route: str
    kind: Kind
    message: str
    base: Answer
    head: Answer
    rule: Limitation | None = None
    failure: Failure | None = None

    @property
    def place(self) -> Place:
        return self.case, self.route


#: How much longer a cell takes on HEAD, in words, and whether it is longer; None where nothing is claimed.
Times = Callable[[Place], tuple[str, bool] | None]


def no_times(_: Place) -> None:
    return None


def compare(
    base: Mapping[Place, Answer], head: Mapping[Place, Answer], times: Times = no_times
) -> tuple[list[Change], list[Place]]:
    """The changes of all cells that either side can have, in the order of `base`, and the cells of which one side is
    not known. A cell that neither side can have is in neither."""
    changes, unknown = [], []
    nowhere = Answer(Verdict.NOT_APPLICABLE, "the toolchain has no such route")
    for place in dict.fromkeys((*base, *head)):
        was, now = base.get(place, nowhere), head.get(place, nowhere)
        cannot = [side.verdict in (Verdict.NOT_APPLICABLE, Verdict.UNRESOLVABLE) for side in (was, now)]
        if all(cannot):
            continue
        if not (was.known and now.known):
            unknown.append(place)
            continue
        changes.append(changed(place, was, now, times))
    return changes, unknown


def changed(place: Place, was: Answer, now: Answer, times: Times = no_times) -> Change:
    """What became of one cell whose sides are both known."""
    kind, message = _told(place, was, now, times)
    rule, failure = now.limitation, now.error
    if kind is Kind.REGRESSED and now.verdict.works:  # a remedy is needed: for what a plain conversion meets
        rule, failure = now.first_rule, now.first
    elif now.verdict is Verdict.UNRESOLVABLE:
        failure = Failure(Stage.RESOLVE, "Unresolvable", printable(now.reason or "no reason given"))
    elif kind is Kind.FIXED:  # for what BASE fails by
        rule, failure = was.limitation or was.first_rule, was.error or was.first
    return Change(*place, kind, message, was, now, rule, failure)


def _told(place: Place, was: Answer, now: Answer, times: Times) -> tuple[Kind, str]:
    broken = was.environment_broken, now.environment_broken
    if now.verdict is Verdict.NOT_APPLICABLE:
        if was.verdict not in NOTHING_TO_LOSE:
            return Kind.MISSING, f"{was.verdict} on BASE; on HEAD: {printable(now.reason or 'not applicable')}"
        return Kind.SAME, f"{was.verdict} on BASE, and not there on HEAD"
    if was.verdict is Verdict.NOT_APPLICABLE:
        if broken[1]:
            return Kind.SAME, "not there on BASE, and no environment for it on HEAD"
        return Kind.NEW, f"{now.said} on HEAD; on BASE: {printable(was.reason or 'not applicable')}"
    if all(broken):
        return Kind.SAME, "no environment for it on either side"
    if broken[1] and was.verdict is Verdict.BROKEN:
        return Kind.CHANGED_FAILURE, f"on BASE: {was.said}; on HEAD: {now.said}"
    if broken[1]:
        return Kind.ENVIRONMENT_BROKEN, f"{was.verdict} on BASE; on HEAD: {now.said}"
    if broken[0]:
        kind = Kind.CHANGED_FAILURE if now.verdict in NOTHING_TO_LOSE else Kind.FIXED
        return kind, f"on BASE: {was.said}; on HEAD: {now.said}"
    assert was.cell is not None and now.cell is not None
    return _moved(place, was, now, times)


def _moved(place: Place, was: Answer, now: Answer, times: Times) -> tuple[Kind, str]:
    """Of a cell that both sides ran."""
    assert was.cell is not None and now.cell is not None
    old, new = differences.without_shims(was.cell), differences.without_shims(now.cell)
    worse = differences.lost(old, new) + differences.needed(old, new)
    if worse:
        return Kind.REGRESSED, _sentence(worse, now)
    better = differences.lost(new, old)
    if better:
        return Kind.FIXED, f"{now.verdict} instead of {was.verdict}" if new.verdict is not old.verdict else "kept again"
    if new.verdict.failing and not differences.same_reason(was.cell, now.cell):
        return Kind.CHANGED_FAILURE, f"on BASE: {was.said}; on HEAD: {now.said}"
    if old.verdict is new.verdict and differences.drifted(old, new, was.max_abs, now.max_abs):
        return Kind.LESS_EXACT, f"grade {new.grade} instead of {old.grade}"
    if differences.needed(new, old):
        return Kind.FIXED, f"without {', '.join(name for name in old.remedies if name not in new.remedies)}"
    timed = times(place)
    if timed is not None:
        return Kind.SLOWER if timed[1] else Kind.FASTER, timed[0]
    return Kind.SAME, ""


def _sentence(worse: list[str], now: Answer) -> str:
    return f"{', '.join(worse)}; {now.said}" if now.verdict.failing else ", ".join(worse)
