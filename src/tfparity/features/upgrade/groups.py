"""Changes grouped by their word and reason, the worst words first, most models first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from tfparity.features.upgrade import lines
from tfparity.features.upgrade.compare import Change
from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import Across, CellChange, Group
from tfparity.inputs.limitations import NO_LINK, NO_REMEDY
from tfparity.records import called
from tfparity.records.fingerprint import printable
from tfparity.records.vocabulary import Stage
from tfparity.report import words

#: Words whose reason is a figure of each cell.
TIMED = (Kind.SLOWER, Kind.FASTER)

_BOUND = re.compile(r"^needs ([a-z0-9.-]+)[<>=!~][^ ]*, (\S+) has (\S+)$")

#: What gets the cells of a group across.
Ways = Callable[[Sequence[Change]], tuple[Across, ...]]


def grouped(changes: Iterable[Change], ways: Ways) -> list[Group]:
    """The groups of all changes but the same. `ways` is asked of groups that are worse, or still fail."""
    found: dict[tuple[Kind, str], list[Change]] = {}
    for change in changes:
        if change.kind is not Kind.SAME:
            found.setdefault((change.kind, _reason(change)), []).append(change)
    order = list(Kind)
    made = [_group(kind, mine, ways) for (kind, _), mine in found.items()]
    return sorted(made, key=lambda group: (order.index(group.kind), -group.models, group.title))


def _reason(change: Change) -> str:
    """What groups a change with others: the rule, else the fingerprint, else what is said of it."""
    if change.rule is not None:
        return change.rule.id
    if change.failure is not None:
        return change.failure.fingerprint
    if change.kind in (Kind.MISSING, Kind.NEW):
        return _lacking(change)
    return "" if change.kind in TIMED else change.message


def _group(kind: Kind, mine: Sequence[Change], ways: Ways) -> Group:
    first = mine[0]
    rule, failure = first.rule, first.failure
    asked = bool(kind.exit_code) or kind is Kind.CHANGED_FAILURE
    return Group(
        kind=kind,
        title=_title(first) if kind not in TIMED or len(mine) == 1 else "each by a factor of its own",
        models=len({change.case for change in mine}),
        worked=len({change.case for change in mine if change.base.verdict.works}),
        limitation=rule.id if rule else None,
        cause=rule.cause if rule else None,
        link=rule.link if rule and rule.link != NO_LINK else None,
        remedy=rule.advice if rule and rule.remedy != NO_REMEDY else None,
        fingerprint=failure.fingerprint if failure else None,
        error=_said(words.failure(failure)) if failure else None,
        across=ways(mine) if asked else (),
        cells=tuple(
            CellChange(change.case, change.route, change.base.verdict, change.head.verdict, _said(change.message))
            for change in sorted(mine, key=lambda change: change.place)
        ),
    )


def _said(text: str) -> str:
    """Another's text as it can be shown."""
    return called.in_words(printable(text))


def _title(change: Change) -> str:
    if change.rule is not None:
        return change.rule.cause if change.rule.understood else f"cause unknown ({change.rule.id})"
    if change.failure is not None and change.failure.stage is Stage.RESOLVE:
        return words.shortened(lines.resolver(_said(change.failure.message)), 600)
    if change.failure is not None:
        return words.shortened(" ".join(_said(words.failure(change.failure)).split()), 300)
    return _said(_lacking(change) if change.kind in (Kind.MISSING, Kind.NEW) else change.message)


def _lacking(change: Change) -> str:
    """Why one side cannot have the cell. The bounds of a package, as the plan tells them ("needs torch>=2.4, x has
    2.2.2"), are left to the cells: models that need more than a side has are of one group."""
    reason = (change.head if change.kind is Kind.MISSING else change.base).reason or change.message
    return _BOUND.sub(r"needs another \1 than the \3 that \2 has", printable(reason))
