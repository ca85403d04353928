"""The sweep: every cell that still needs a run, in pieces that are recorded as they end. Run again, it goes on.

What is recorded needs nothing any more, so the cells that are left are found anew from results/ each time; what ran of
a piece that did not end is in the store.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from tfparity.environments import estimate as disk
from tfparity.environments import install
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment
from tfparity.planning.estimate import INSTALL_SECONDS, WARM_SECONDS
from tfparity.planning.plan import in_tier
from tfparity.records.cells import Cell, CellRecord, PlannedCell
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Tier, Verdict
from tfparity.report import words

#: The longest that a piece should take: under two hours.
LONGEST = 110 * 60.0


@dataclass(frozen=True)
class Piece:
    """Cells of one toolchain that run and are recorded together. early: smoke and core cases; seconds: at most, by what
    is recorded of these cells."""

    toolchain: str
    early: bool
    cells: tuple[PlannedCell, ...]
    seconds: float


@dataclass
class Swept:
    """What came of a sweep. turned: recorded verdict and the new one → cells; probed: cells as they came out at
    level 2; left: cells that no run came to; interrupted: records of cells that this machine ended."""

    turned: Counter[tuple[str, str]] = field(default_factory=Counter)
    probed: list[Cell] = field(default_factory=list)
    left: int = 0
    interrupted: list[CellRecord] = field(default_factory=list)


def aside(session: Session) -> list[PlannedCell]:
    """The session's cells that flaky.yaml excuses: what comes out of one is no evidence, and it stays as recorded."""
    return [cell for cell in session.cells if cell.applicable and session.quarantined(cell.place) is not None]


def pieces(session: Session, longest: float = LONGEST) -> list[Piece]:
    """The session's cells but those `aside`, in pieces of `longest` seconds at most: smoke and core of every toolchain
    before the rest, toolchains in their order, the cheapest cells first. A cell that takes longer alone is a piece of
    its own."""
    selection = session.selection
    jobs = session.choice.jobs
    groups: dict[tuple[bool, str], list[tuple[float, PlannedCell]]] = {}
    for cell in session.cells:
        if cell.applicable and session.quarantined(cell.place) is None:
            early = in_tier(selection.cases[cell.case], Tier.CORE)
            priced = session.cost(cell) / jobs, cell
            groups.setdefault((not early, cell.toolchain), []).append(priced)
    made: list[Piece] = []
    for late, toolchain in sorted(groups, key=lambda group: group[0]):
        waiting: list[PlannedCell] = []
        start = spent = WARM_SECONDS + INSTALL_SECONDS * _missing(session, toolchain)
        for seconds, cell in sorted(groups[late, toolchain]):
            if waiting and spent + seconds > longest:
                made.append(Piece(toolchain, not late, tuple(waiting), spent))
                waiting, spent = [], start
            waiting.append(cell)
            spent += seconds
        made.append(Piece(toolchain, not late, tuple(waiting), spent))
    return made


def _missing(session: Session, toolchain: str) -> int:
    return sum(not session.selection.installed(environment) for environment in _environments(session, toolchain))


def _environments(session: Session, toolchain: str) -> list[Environment]:
    matrix = session.selection.matrix
    return [matrix.environments[id] for id in matrix.toolchains[toolchain].environments()]


def sweep(
    session: Session,
    todo: Sequence[Piece],
    watched: Callable[[Sequence[PlannedCell]], AbstractContextManager[Observer]],
    say: Callable[[str], None],
    *,
    longest: float = LONGEST,
) -> Swept:
    """Run and record the pieces in their order, until the session's budget is spent. `watched` gives who watches the
    cells of a piece. Raises what the engine raises, once what ended before is recorded."""
    room = _Room(session, say)
    ends = time.monotonic() + session.choice.budget if session.choice.budget is not None else None
    swept = Swept()
    for number, piece in enumerate(todo, 1):
        time_left = longest if ends is None else min(longest, ends - time.monotonic())
        if time_left <= 0:
            swept.left += len(piece.cells)
            continue
        say(f"piece {number} of {len(todo)}: {piece.toolchain}, {words.cells(len(piece.cells))}")
        room.make(piece)
        _run(session, piece, watched, time_left, swept)
    return swept


def _run(
    session: Session,
    piece: Piece,
    watched: Callable[[Sequence[PlannedCell]], AbstractContextManager[Observer]],
    seconds: float,
    swept: Swept,
) -> None:
    """Run a piece's cells for so long at most and record what came out, also where the run does not come to its end."""
    limited = Session(replace(session.choice, budget=seconds), session.selection.project, session.selection.cache)
    before = {cell.place: session.query.standing(cell).verdict for cell in piece.cells}
    done: list[CellRecord] = []
    try:
        with watched(piece.cells) as observer, limited.engine(observer) as engine:
            for record in engine.run(piece.cells):
                done.append(record)  # noqa: PERF402 - what came before an error is kept
    finally:
        # What a route turns out not to take has no cell, and what is recorded of it goes.
        kept = [record for record in done if record.cell is not None or record.verdict is Verdict.NOT_APPLICABLE]
        if kept:
            session.recorder.record(kept)
        swept.turned.update((before[record.place].value, record.verdict.value) for record in kept)
        swept.probed += [record.cell for record in kept if record.cell is not None and record.cell.level > 1]
        swept.interrupted += [record for record in done if not record.whole]
        swept.left += len(piece.cells) - len(kept)


class _Room:
    """Room on the disk for the next piece's environments: where it lacks, those go that this sweep installed itself."""

    def __init__(self, session: Session, say: Callable[[str], None]) -> None:
        self.session, self.say = session, say
        self._mine: dict[str, Environment] = {}

    def make(self, piece: Piece) -> None:
        """Remove, the longest unused first, what this sweep installed and the piece does not need."""
        selection, needed = self.session.selection, _environments(self.session, piece.toolchain)
        missing = [environment for environment in needed if not selection.installed(environment)]
        each = [disk.installed_gb(selection.keys.locked(environment).packages) for environment in missing]
        asked = sum(each) + install.LEFT_FREE_GB if each else 0.0
        for environment in self._removable(needed):
            if self._free() >= asked:
                break
            if install.remove(environment, selection.keys.locked(environment), selection.cache):
                self.say(f"{environment.id}: removed to make room; it is installed again where it is needed")
            del self._mine[environment.id]
        for environment in (*missing, *(one for one in needed if one.id in self._mine)):
            self._mine.pop(environment.id, None)  # used last now
            self._mine[environment.id] = environment

    def _removable(self, needed: Iterable[Environment]) -> list[Environment]:
        kept = {environment.id for environment in needed}
        return [environment for id, environment in self._mine.items() if id not in kept]

    def _free(self) -> float:
        """Gigabytes (10^9 bytes) that are free where environments lie."""
        folder = self.session.selection.cache.root
        folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(folder).free / 1e9
