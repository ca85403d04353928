"""What probes found of a cell, in words: the verdict at level 2, and how far the right answers go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfparity.planning import probes
from tfparity.planning.probes import Kind
from tfparity.records.cells import Cell, Entry, Failure
from tfparity.report import words


def found(cell: Cell, failures: Mapping[str, Failure]) -> str:
    """The line for a cell that was probed: "partly at level 2: sizes: at batch=6: …; right for x < 89 (…)"; empty where
    nothing was found. `failures`: by fingerprint."""
    failed = {name: entry for name, entry in cell.probes.items() if name in probes.NAMES and _failed(entry, failures)}
    said = [f"{name}: {failures[entry.error or ''].message}" for name, entry in failed.items() if _decides(name)]
    domain = [failures[entry.error or ""].message for name, entry in failed.items() if not _decides(name)]
    verdict = f"{words.verdict(probes.verdict(cell)).words} at level 2: {'; '.join(said)}" if said else ""
    return "; ".join(part for part in (verdict, *domain) if part)


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


def _decides(name: str) -> bool:
    return probes.load(name).kind is Kind.DECIDES


def _failed(entry: Entry, failures: Mapping[str, Failure]) -> bool:
    return probes.failing(entry.outcome) and entry.error in failures
