"""What probes found of a cell, in words: the verdict at level 2, and how far the right answers go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tfparity.inputs.limitations import Limitation
from tfparity.planning import probes
from tfparity.planning.probes import Kind
from tfparity.records.cells import Cell, CellRecord, Entry, Failure
from tfparity.report import words
from tfparity.report.why import LONGEST, explained
from tfparity.report.words import Shown

#: By failing probe what explains it, see Session.explain_probes.
Rules = Mapping[str, Limitation | None]

NONE: Rules = {}


def shown(record: CellRecord) -> Shown:
    """How a record's verdict is shown: that of level 2 where probes make it a worse one."""
    fallen = probes.verdict(record.cell) if record.cell else record.verdict
    if fallen is record.verdict:
        return words.verdict(record.verdict)
    found = words.verdict(fallen)
    return replace(found, words=f"{found.words} at level 2", meaning="every stage passes, and a probe finds it wrong")


def found(cell: Cell, failures: Mapping[str, Failure], rules: Rules = NONE) -> str:
    """The line for a cell that was probed: "partly at level 2: sizes: at batch=6: …; right for x < 89 (…)", each with
    the rule that explains it; empty where nothing was found. `failures`: by fingerprint."""
    said = list(deciding(cell, failures, rules))
    reported = _told(cell, failures, rules, Kind.REPORTS).values()
    domain = [f"{told} ({rule.id})" if rule else told for told, rule in reported]
    verdict = f"{words.verdict(probes.verdict(cell)).words} at level 2: {'; '.join(said)}" if said else ""
    return "; ".join(part for part in (verdict, *domain) if part)


def deciding(cell: Cell, failures: Mapping[str, Failure], rules: Rules = NONE) -> Iterator[str]:
    """What makes the verdict at level 2 a worse one, probe by probe; a rule that explains several is told once."""
    before: set[str] = set()
    for name, (told, rule) in _told(cell, failures, rules, Kind.DECIDES).items():
        if rule and rule.id not in before:
            before.add(rule.id)
            yield f"{name}: {told}: {explained(rule)}"
        else:
            yield f"{name}: {told}"


def _told(
    cell: Cell, failures: Mapping[str, Failure], rules: Rules, kind: Kind
) -> dict[str, tuple[str, Limitation | None]]:
    """By failing probe of that kind what it found, and the rule."""
    return {
        name: (words.shortened(failures[entry.error or ""].message, LONGEST), rules.get(name))
        for name, entry in cell.probes.items()
        if name in probes.NAMES and _failed(entry, failures) and probes.load(name).kind is kind
    }


def totals(cells: Iterable[Cell]) -> str:
    """ "probed: 3 of 4, 1 of them partly": of cells that work; empty where none was probed."""
    works = [cell for cell in cells if cell.verdict.works]
    probed = [cell for cell in works if any(_found(entry) for entry in cell.probes.values())]
    if not probed:
        return ""
    fallen = [probes.verdict(cell) for cell in probed]
    worse = [f"{fallen.count(name)} of them {words.verdict(name).words}" for name in words.VERDICTS if name.failing]
    worse = [text for text in worse if not text.startswith("0 ")]
    return ", ".join([f"probed: {len(probed)} of {len(works)} that work", *worse])


def _found(entry: Entry) -> bool:
    """Whether a probe came to its end and had something to ask."""
    return entry.outcome.passed or probes.failing(entry.outcome)


def _failed(entry: Entry, failures: Mapping[str, Failure]) -> bool:
    return probes.failing(entry.outcome) and entry.error in failures
