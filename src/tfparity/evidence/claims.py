"""What the matrix shows of a claim. Pure: an answer follows from cells and is never written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch

from tfparity.errors import EvidenceError
from tfparity.evidence import ranges
from tfparity.evidence.query import Standing, Table
from tfparity.evidence.ranges import ReleaseId
from tfparity.inputs import specifiers
from tfparity.inputs.claims import Ask, Claim
from tfparity.records.cells import Entry
from tfparity.records.vocabulary import Stage, Verdict

#: Whether a cell is as an ask says; None where it says nothing of that cell.
Test = Callable[[Standing], bool | None]


class Word(StrEnum):
    """What the matrix says of a claim."""

    TRUE = "true"
    FALSE = "false"
    DEPENDS = "depends"
    UNTESTED = Verdict.UNTESTED.value


@dataclass(frozen=True)
class Found:
    """Of one ask: the cells that are as it says, and those that are not. planned: how many cells could show it."""

    ask: Ask
    agree: tuple[Standing, ...]
    against: tuple[Standing, ...]
    planned: int

    @property
    def word(self) -> Word:
        if not (self.agree or self.against):
            return Word.UNTESTED
        if not self.agree or (self.against and self.ask.of == "all"):
            return Word.FALSE
        return Word.TRUE if self.ask.of == "some" or not self.against else Word.DEPENDS


@dataclass(frozen=True)
class Answer:
    """A claim with what was found of it."""

    claim: Claim
    found: tuple[Found, ...]

    @property
    def word(self) -> Word:
        """That of its asks where they agree; those that nothing was run for have no say."""
        words = {one.word for one in self.found} - {Word.UNTESTED}
        return words.pop() if len(words) == 1 else Word.DEPENDS if words else Word.UNTESTED


def answers(claims: Iterable[Claim], table: Table) -> list[Answer]:
    """Every claim's answer by the evidence as it is. Raises EvidenceError for an ask of which the plan has no cell."""
    cells = [cell for mine in table.cells.values() for cell in mine if cell.planned.applicable]
    return [Answer(claim, tuple(_found(claim, ask, cells, table) for ask in claim.asks)) for claim in claims]


def _found(claim: Claim, ask: Ask, cells: Sequence[Standing], table: Table) -> Found:
    """The cells of an ask, those that are as it says apart from the others."""
    chosen = _chosen(ask, cells, table)
    if not chosen:
        said = f"the claim {claim.id!r} asks for cells that the plan has not: look at its globs and pins"
        raise EvidenceError(said, file=table.project.claims)
    test = _test(ask, table)
    judged = [(cell, test(cell)) for cell in chosen if cell.verdict.ran]
    agree, against = (tuple(cell for cell, says in judged if says is which) for which in (True, False))
    return Found(ask, agree, against, len(chosen))


def _chosen(ask: Ask, cells: Sequence[Standing], table: Table) -> list[Standing]:
    ways = {
        (id, route)
        for id, toolchain in table.selection.matrix.toolchains.items()
        for route in toolchain.routes
        if _any(id, ask.toolchains) and _any(route, ask.routes) and _pinned(ask, table, id, route)
    }
    names = {case for case in table.selection.cases if _any(case, ask.cases)}
    return [
        cell for cell in cells if cell.planned.case in names and (cell.planned.toolchain, cell.planned.route) in ways
    ]


def _any(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatch(name, glob) for glob in globs)


def _pinned(ask: Ask, table: Table, toolchain: str, route: str) -> bool:
    pins = table.pins(toolchain, route) if ask.where else {}
    return all(name in pins and specifiers.allows(specifier, pins[name]) for name, specifier in ask.where.items())


def _test(ask: Ask, table: Table) -> Test:
    exact = _exact(table) if ask.says == "most-exact" else {}

    def test(cell: Standing) -> bool | None:
        kept = cell.cell
        assert kept is not None  # it was run
        if ask.among == "working" and not cell.verdict.works:
            return None
        if ask.among == "imported" and cell.error and cell.error.stage.position < Stage.BUILD.position:
            return None
        if ask.attempt:
            tried = [one for one in kept.attempts if one.opset and specifiers.allows(ask.attempt, str(one.opset))]
            passed = any(one.outcome.passed for one in tried)
            return (passed == ask.says.startswith("converts")) if tried else None
        for glob, entries in ((ask.target, kept.targets), (ask.runtime, kept.runtimes)):
            if glob:
                return _beside(glob, entries, ask)
        if ask.says == "loses-an-axis":
            asked = [keeps for axis, keeps in kept.dynamic.items() if ask.axis in (None, axis)]
            return not all(asked) if asked else None
        if ask.timed and ask.than:
            return _timed(cell, ask.timed, ask.than, ask.says, table)
        if ask.says == "most-exact":
            return _most_exact(cell, exact, table)
        if ask.says in ("fails", "breaks"):
            failed = cell.verdict.failing if ask.says == "fails" else cell.verdict is Verdict.BROKEN
            return failed and ask.limitation in (None, kept.limitation)
        return _works(ask, cell)

    return test


def _works(ask: Ask, cell: Standing) -> bool:
    works = cell.verdict.works if ask.says == "converts" else cell.verdict is Verdict.WORKS
    opset = cell.cell.opset if cell.cell else None
    if works and ask.opset:
        works = bool(opset) and specifiers.allows(ask.opset, str(opset))
    if works and ask.max_error is not None:
        works = cell.max_abs is not None and cell.max_abs < ask.max_error
    return works


def _beside(glob: str, entries: Mapping[str, Entry], ask: Ask) -> bool | None:
    """Whether what is recorded beside a verdict is as said: all of what the glob names passes, or fails."""
    mine = [entry for name, entry in entries.items() if fnmatch(name, glob) and not entry.outcome.cut_off]
    if not mine:
        return None
    passed = all(entry.outcome.passed for entry in mine)
    return passed if ask.says.startswith("converts") else not passed


def _timed(cell: Standing, subject: str, baseline: str, says: str, table: Table) -> bool | None:
    """Whether the recorded ratio is as said; None where it was not timed, or the samples say too little."""
    found = table.query.latencies.get(cell.planned.place)
    compared = found.compared(subject, baseline) if found else None
    return None if compared is None or compared.median is None else compared.verdict == says


#: Case and release → the cells that work there.
Exact = Mapping[tuple[str, ReleaseId | None], Sequence[Standing]]


def _exact(table: Table) -> Exact:
    found: dict[tuple[str, ReleaseId | None], list[Standing]] = {}
    for cells in table.cells.values():
        for cell in cells:
            if cell.verdict.works and cell.max_abs is not None:
                found.setdefault((cell.planned.case, _release(cell, table)), []).append(cell)
    return found


def _release(cell: Standing, table: Table) -> ReleaseId | None:
    return ranges.release_of(table.selection.matrix, (cell.planned.toolchain, cell.planned.route))


def _most_exact(cell: Standing, exact: Exact, table: Table) -> bool | None:
    """Whether no other route is nearer to torch on the same TensorFlow; None where it doesn't work or is alone."""
    if not cell.verdict.works or cell.max_abs is None:
        return None
    others = [
        other.max_abs
        for other in exact[cell.planned.case, _release(cell, table)]
        if other.planned.route != cell.planned.route and other.max_abs is not None
    ]
    return cell.max_abs <= min(others) if others else None
