"""How long a gate over the whole evidence takes where nothing changed, beside importing numpy and pydantic.

    PYTHONPATH=src python benchmarks/unchanged_gate.py [--runs 5]

A store is made in which every recorded attempt lies as a run would have left it, so that nothing has to run. Then the
gate and the import take turns; the least of their processor seconds, which other work on the machine moves least, and
their ratio are printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tfparity import paths
from tfparity.engine import assembly
from tfparity.engine.context import Context, Options
from tfparity.engine.store import StoredProbe, StoredTarget
from tfparity.engine.worker_pool import WorkerPool
from tfparity.evidence import files
from tfparity.evidence.schema import Evidence
from tfparity.features.gate.compare import EXIT_CODES
from tfparity.judging import judge
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, AttemptLine, Cell, CellId, PlannedCell, TargetRun
from tfparity.records.vocabulary import Grade, Stage

ROOT = Path(__file__).resolve().parents[1]
GATE = ("-m", "tfparity", "gate", "--toolchain", "all", "--tier", "all", "--recorded")
#: A rule may explain only cells that are left out of the copy.
CODES = (0, EXIT_CODES["unused-limitation"])
IMPORTS = ("-c", "import numpy, pydantic")


def attempt(content: Evidence, cell: Cell, line: AttemptLine) -> Attempt:
    """An attempt as a run would have stored it, as far as evidence tells."""
    decides = cell.deciding is line
    answered = line.stage.position > Stage.PARITY.position  # right at the exported shape: partial, where it failed
    return Attempt(
        line.opset,
        line.file_opset,
        line.remedies,
        line.stage,
        line.outcome,
        content.errors[line.error] if line.error else None,
        grade=cell.grade if decides else Grade.FLOAT32_NOISE if answered else None,
        max_abs=cell.max_abs if decides else None,
        floor=cell.floor if decides else None,
        dynamic=cell.dynamic if decides else {},
        signature=cell.signature if decides else None,
        limits=(600.0, 8192.0),
    )


def fill(selection: Selection, results: Path) -> int:
    """Put every recorded attempt into the cache's store, and the cells that it then gives again as they are recorded
    into a copy of the evidence (where rules have changed since, a run may try other opsets); how many these are."""
    recorded = files.load_all(selection.project)
    cells = {CellId(name, *place): cell for name, held in recorded.items() for place, cell in held.by_place.items()}
    options = Options(as_recorded=cells)
    context = Context(
        selection.project, selection.matrix, selection.cases, selection.cache, options, keys=selection.keys
    )
    context.folder.mkdir(parents=True)
    copy, count = replace(selection.project, own_results=results), 0
    planned: dict[str, list[PlannedCell]] = {}
    for one in selection.planned:
        if one.applicable:
            planned.setdefault(one.toolchain, []).append(one)
    for name, content in recorded.items():
        kept = []
        for one in planned.get(name, ()):
            cell = content.cell(one.case, one.route)
            if cell is not None and _given_again(context, one, content, cell):
                kept.append(cell)
        count += len(kept)
        files.save(copy, replace(content, cells=tuple(kept)))
        runs = files.load_runs_of(selection.project, name)
        if runs:
            files.save_runs(copy, runs)
    return count


def _given_again(context: Context, planned: PlannedCell, content: Evidence, cell: Cell) -> bool:
    """Store a cell's attempts; whether a run then finds all that it asks for, and comes to the same cell."""
    crossing = context.keys.crossing(planned)
    run = assembly.of_planned(
        context, WorkerPool(context, ExitStack()), crossing, tries_remedies=context.keys.tries_remedies(planned)
    )
    for line in cell.attempts:
        run.kept.put(attempt(content, cell, line))
    for entry in cell.targets.values():
        target = StoredTarget(entry, content.errors.get(entry.error or ""), TargetRun(entry.max_abs, None, None))
        context.store.put_target(entry.key, target)
    beside = (*cell.probes.values(), *cell.runtimes.values())
    if beside:
        found = {one.key: StoredProbe(one, content.errors.get(one.error or "")) for one in beside}
        context.store.put_probes(cell.key, found)
    run.going = _not_stored
    try:
        made = judge.cell(*planned.place, run.attempts(), shims=crossing.shims)
    except LookupError:
        return False
    return (made.verdict, made.opset, made.remedies) == (cell.verdict, cell.opset, cell.remedies)


def _not_stored() -> None:
    raise LookupError("an attempt is not in the store")


def seconds(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """Processor seconds of a Python process with these arguments. Raises where it ends with a code of none of CODES."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in CODES:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each, after one that does not count (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache, results = paths.Cache(Path(folder) / "cache"), Path(folder) / "results"
        cells = fill(Selection(Choice(toolchains=("all",), tier="all"), paths.Project(ROOT), cache), results)
        gate_of = (*GATE, "--results", str(results))
        # Both sides run from compiled files, as where they are installed; the run that does not count makes them.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"TFPARITY_CACHE": str(cache.root), "PYTHONPATH": str(ROOT / "src")}
        environment["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        gates, imports = [], []
        for run in range(given.runs + 1):
            took = seconds(gate_of, environment), seconds(IMPORTS, environment)
            if run:
                gates.append(took[0])
                imports.append(took[1])
        gate, plain = min(gates), min(imports)
        print(f"unchanged gate over {cells} recorded cells: {gate:.2f} s of processor time")
        print(f"import numpy, pydantic: {plain:.2f} s; ratio {gate / plain:.1f} (at most 12)")


if __name__ == "__main__":
    main()
