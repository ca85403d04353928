"""The latency gate: a run of now beside a recorded one; what is slower is measured once more before it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tfparity.errors import UsageError
from tfparity.evidence import latency, slowdowns
from tfparity.evidence.latency import Latency, Recording
from tfparity.evidence.slowdowns import Compared, Word
from tfparity.features.latency.bench import PROCESSES
from tfparity.paths import Project
from tfparity.planning import subjects
from tfparity.records.cells import PlannedCell


def bases(project: Project, toolchains: Sequence[str], file: Path | None) -> dict[str, Recording]:
    """What each toolchain is held against: the file, or what is recorded of it.

    Raises UsageError where there is nothing, and EvidenceError for a file that cannot be read.
    """
    if file is not None:
        found = latency.read(file)
        return dict.fromkeys(toolchains, found)
    known = {id: latency.load(project, id) for id in toolchains}
    absent = [id for id, recording in known.items() if recording is None]
    if absent:
        raise UsageError(
            f"--compare: no latency of {absent[0]} is recorded; record it on this machine with "
            f"`nox -s latency -- --toolchain {absent[0]} --record`, or name a file: --base FILE"
        )
    return {id: recording for id, recording in known.items() if recording is not None}


def processes(bases: Mapping[str, Recording], cells: Sequence[PlannedCell], names: Sequence[str]) -> int:
    """How many processes of each subject a run has to have, so that one slowdown among all its comparisons can be told;
    as many as are usual where no number suffices."""
    comparisons = len(cells) * len([name for name in names if name != subjects.BASELINE])
    fewest = min(
        (
            len(series.processes)
            for base in bases.values()
            for cell in base.cells
            for name, series in cell.subjects.items()
            if name in names
        ),
        default=0,
    )
    return max(PROCESSES, slowdowns.needed(fewest, comparisons) or 0)


def compared(
    bases: Mapping[str, Recording],
    measured: Mapping[PlannedCell, Latency],
    measure_again: Callable[[PlannedCell], Latency],
) -> dict[str, list[Compared]]:
    """By toolchain, every comparison. The correction is for all of them together; a cell with a subject that is slower
    is measured again and held against the same base."""
    total = sum(1 for one in measured.values() for name in one.subjects if name != subjects.BASELINE)
    here = latency.machine()
    found: dict[str, list[Compared]] = {}
    for toolchain in dict.fromkeys(cell.toolchain for cell in measured):
        base = bases[toolchain]
        why_not = None if base.machine == here else "BASE was measured on another machine"
        mine = {cell: one for cell, one in measured.items() if cell.toolchain == toolchain}
        first = slowdowns.compare(base.cells, list(mine.values()), among=total, why_not=why_not)
        slower = {one.place[:2] for one in first if one.word is Word.SLOWER}
        again = [measure_again(cell) for cell in mine if (cell.case, cell.route) in slower]
        found[toolchain] = slowdowns.seen_again(first, slowdowns.compare(base.cells, again)) if again else first
    return found


def exit_code(found: Mapping[str, Sequence[Compared]]) -> int:
    """slowdowns.EXIT_CODE where anything is slower, else 0: what cannot be told refuses nothing."""
    slower = any(one.word is Word.SLOWER for listed in found.values() for one in listed)
    return slowdowns.EXIT_CODE if slower else 0
