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
from dataclasses import dataclass, replace
from pathlib import Path

from tfparity import paths
from tfparity.engine import assembly
from tfparity.engine.cell_run import Attempts
from tfparity.engine.context import Context, Options
from tfparity.engine.worker_pool import WorkerPool
from tfparity.evidence import files
from tfparity.evidence.explain import explain
from tfparity.evidence.query import Query
from tfparity.evidence.schema import Evidence
from tfparity.features.gate.compare import EXIT_CODES
from tfparity.judging import judge
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, AttemptLine, Cell, CellId, PlannedCell
from tfparity.records.vocabulary import Grade, Stage

ROOT = Path(__file__).resolve().parents[1]
GATE = ("-m", "tfparity", "gate", "--toolchain", "all", "--tier", "all", "--recorded")
#: Where a rule explains only an attempt that a run makes no more.
UNUSED = EXIT_CODES["unused-limitation"]
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


@dataclass
class Filled:
    """A cell's place in the store, where an attempt that nobody recorded has failed like the last one that was."""

    kept: Attempts
    like: Attempt

    def get(self, opset: int, remedies: tuple[str, ...]) -> Attempt:
        """The attempt of the store, put there now if it lacks it."""
        found = self.kept.get(opset, remedies)
        if found is None:
            found = replace(self.like, opset=opset, remedies=remedies)
            self.kept.put(found)
        return found

    def put(self, attempt: Attempt) -> None:
        """Keep an attempt."""
        self.kept.put(attempt)


def fill(selection: Selection, results: Path) -> int:
    """Put every recorded attempt into the cache's store, and what then comes of the cells into a copy of the evidence;
    how many these are. (Where rules have changed since, a run tries other remedies: here they have failed.)"""
    context = Context(
        selection.project, selection.matrix, selection.cases, selection.cache, Options(), keys=selection.keys
    )
    context.folder.mkdir(parents=True)
    copy, count = replace(selection.project, own_results=results), 0
    recorded = files.load_all(selection.project)
    planned = {one.place: one for one in selection.planned_of(frozenset(Query(selection).places)) if one.applicable}
    for name, content in recorded.items():
        found = [
            _as_run(context, planned[place], content, cell)
            for cell in content.cells
            if (place := CellId(name, cell.case, cell.route)) in planned
        ]
        count += len(found)
        files.save(copy, explain(replace(content, cells=tuple(found)), selection.limitations))
        runs = files.load_runs_of(selection.project, name)
        if runs:
            files.save_runs(copy, runs)
    return count


def _as_run(context: Context, planned: PlannedCell, content: Evidence, cell: Cell) -> Cell:
    """Store a cell's attempts; the cell that a run then comes to."""
    crossing = context.keys.crossing(planned)
    run = assembly.of_planned(
        context, WorkerPool(context, ExitStack()), crossing, tries_remedies=context.keys.tries_remedies(planned)
    )
    attempts = [attempt(content, cell, line) for line in cell.attempts]
    for one in attempts:
        run.kept.put(one)
    run.kept = Filled(run.kept, attempts[-1])
    made = judge.cell(*planned.place, run.attempts(), shims=crossing.shims)
    return replace(made, key=context.keys.cell(planned, made))


def seconds(arguments: tuple[str, ...], environment: dict[str, str], codes: tuple[int, ...] = (0,)) -> float:
    """Processor seconds of a Python process with these arguments. Raises where it ends with another code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
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
            took = seconds(gate_of, environment, (0, UNUSED)), seconds(IMPORTS, environment)
            if run:
                gates.append(took[0])
                imports.append(took[1])
        gate, plain = min(gates), min(imports)
        print(f"unchanged gate over {cells} recorded cells: {gate:.2f} s of processor time")
        print(f"import numpy, pydantic: {plain:.2f} s; ratio {gate / plain:.1f} (at most 12)")


if __name__ == "__main__":
    main()
