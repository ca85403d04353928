"""Bundles to hand on: written to a folder on one machine, run on another by a converter that need not be released.

<folder>/<case id>/bundle.json, io.npz and <exporter>-<opset>/, as docs/bundles.md tells. Nothing there needs torch.
"""

from __future__ import annotations

import fnmatch
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tfparity import bundles, judge, paths, plan
from tfparity.arrival import Arrival
from tfparity.campaign import Campaign
from tfparity.crossing import Crossing
from tfparity.environments import install
from tfparity.errors import InputError, UsageError
from tfparity.plan import PlannedCell
from tfparity.processes import Limits
from tfparity.setting import CellRecord, Silent
from tfparity.sides import Sides
from tfparity.worker import declare, messages
from tfparity.worker.declare import Case
from tfparity.workers import Answer, Side, Worker


def export(asked: Campaign, folder: Path, told: Callable[[PlannedCell, int, str | None], None]) -> int:
    """Write the bundle of every chosen case, exported at each opset of its route; how many exports there are.

    `told` hears of each: the cell, the opset, and why there is no export, or None.
    """
    asked.read()
    sources = {asked.matrix.toolchains[cell.toolchain].source for cell in asked.cells if cell.applicable}
    if len(sources) > 1:
        raise UsageError(f"one folder holds the bundles of one source environment, not of {', '.join(sorted(sources))}")
    written = 0
    with asked.engine(Silent()) as engine, ExitStack() as stack:
        sides: dict[str, Sides] = {}
        begun: set[str] = set()
        for cell in (cell for cell in asked.cells if cell.applicable):
            if cell.toolchain not in sides:
                sides[cell.toolchain] = engine.sides(stack)
            if cell.case not in begun:  # a bundle gathers the exports of all routes
                discard(folder, cell.case)
                begun.add(cell.case)
            for opset, error in write(Crossing(engine.setting, cell, sides[cell.toolchain]), folder):
                written += error is None
                told(cell, opset, error)
    return written


def discard(folder: Path, case: str) -> None:
    """Remove what another run left of a case's bundle: it belongs to other inputs and references."""
    (folder / case / bundles.DESCRIPTION).unlink(missing_ok=True)
    shutil.rmtree(folder / case, ignore_errors=True)


def write(crossing: Crossing, folder: Path) -> Iterator[tuple[int, str | None]]:
    """Add to a case's bundle a cell's exports, at each opset of its route: the opset, and why there is no export, or
    None."""
    for opset in crossing.way.opsets:
        exported = crossing.export(opset)
        if exported.passed:
            _copy(exported, folder / crossing.case.id, f"{Path(crossing.way.exporter).stem}-{opset}")
            yield opset, None
            continue
        error = exported.stages[-1]["error"] or {}
        yield opset, f"{error.get('type')}: {error.get('message')}"
        if exported.stages[0]["outcome"] != "pass":
            return  # it does not build: no opset helps


def _copy(exported: bundles.Exported, bundle: Path, name: str) -> None:
    """The description last: a bundle without one is none."""
    bundle.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(exported.io, bundle / exported.io.name)
    shutil.rmtree(bundle / name, ignore_errors=True)
    shutil.copytree(exported.folder, bundle / name)
    description = (exported.folder.parent / bundles.DESCRIPTION).read_text(encoding="utf-8")
    paths.write_text(bundle / bundles.DESCRIPTION, description)


@dataclass(frozen=True)
class Shared:
    """A bundle that was handed on: its case, without a factory, its exports by exporter and opset, where it is from."""

    case: Case
    exports: dict[tuple[str, int], bundles.Exported]
    origin: dict[str, Any]


def read(folder: Path, globs: Sequence[str] = ()) -> list[Shared]:
    """The bundles in a folder, by case id. Raises UsageError where there are none, InputError for one that is damaged
    or of another format."""
    found = []
    for description in sorted(folder.rglob(bundles.DESCRIPTION)):
        case, origin = _described(description)
        if globs and not any(fnmatch.fnmatch(case.id, glob) for glob in globs):
            continue
        exports = {}
        for made in sorted(path for path in description.parent.iterdir() if path.is_dir()):
            exporter, _, opset = made.name.rpartition("-")
            kept = bundles.kept_export(made, description.parent)
            if kept and exporter and opset.isdigit():
                exports[exporter, int(opset)] = kept
        found.append(Shared(case, exports, origin))
    if not found:
        raise UsageError(f"{folder}: no bundle{' of these cases' if globs else ''} there; see tfparity bundles export")
    return sorted(found, key=lambda shared: shared.case.id)


def _described(description: Path) -> tuple[Case, dict[str, Any]]:
    """The case of a bundle and where it is from."""
    try:
        value = messages.read_json(str(description))
        if value["format"] != bundles.FORMAT:
            raise InputError(f"has format {value['format']}, this tfparity reads {bundles.FORMAT}", file=description)
        return declare.declared(value["case"]), dict(value["origin"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise InputError(f"is no bundle: {type(wrong).__name__}: {wrong}; export it again", file=description) from None


def target(asked: Campaign, route: str, told: Callable[[str], None]) -> tuple[str, Side]:
    """The name and the target side, installed, of the chosen toolchain under that route. Raises UsageError where it has
    no such route, and what installing raises."""
    if len(asked.toolchains) != 1:
        raise UsageError("bundles run takes one toolchain, by its id")
    (name,) = asked.toolchains
    toolchain = asked.matrix.toolchains[name]
    module = plan.route(route, asked.project)
    environment = asked.matrix.environments[toolchain.routes.get(route) or next(iter(toolchain.routes.values()))]
    installed = install.ensure(asked.project, environment, asked.cache, progress=told, download=asked.choice.download)
    return name, Side(installed.python, tuple(environment.shims), tuple(module.IMPORTS["target"]))


def run(
    shared: Sequence[Shared], name: str, route: ModuleType, located: str, side: Side, limits: Limits, work: Path
) -> Iterator[CellRecord]:
    """Take bundles through a route's target side, one after the other, and judge each as a cell of a toolchain of that
    name. `located`: the route, as a worker finds it. A bundle without an export for the route is not applicable."""
    folder = work / uuid.uuid4().hex[:12]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        worker = stack.enter_context(Worker(side, folder / "target", fresh=False))

        def ask(kind: str, request: dict[str, Any]) -> Answer:
            return worker.ask(kind, request, limits)

        places = {str(folder): "<tmp>", str(side.python.parent.parent): "<env>", str(Path.home()): "<home>"}
        for one in shared:
            way = plan.way(route, one.case)
            exports = [(n, one.exports.get((Path(way.exporter).stem, n))) for n in way.opsets]
            arrival = Arrival(one.case, located, ask, places)
            attempts = []
            for opset, exported in exports:
                if exported is None:
                    continue
                attempts.append(_attempt(arrival, opset, exported, folder / "cell", worker))
                if judge.settled(attempts[-1]):
                    break
            if attempts:
                cell = judge.cell(name, one.case.id, located, attempts, shims=side.shims, key="")
                yield CellRecord(name, one.case.id, located, cell["verdict"], None, cell, attempts)
            else:
                reason = f"the bundle has no export by {way.exporter} at an opset that the route tries"
                yield CellRecord(name, one.case.id, located, "not-applicable", reason)


def _attempt(arrival: Arrival, opset: int, exported: bundles.Exported, folder: Path, worker: Worker) -> dict[str, Any]:
    failed = worker.failed_import
    if failed:
        told = {key: failed[key] for key in ("outcome", "seconds", "error")}
        return arrival.judged(opset, [{"stage": "import", **told}])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return arrival.attempt(opset, exported, folder)
