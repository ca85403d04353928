"""Export bundles to a folder; score any converter against them without torch.

<folder>/<case id>/bundle.json, io.npz and <exporter>-<opset>/, as docs/bundles.md tells.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfparity import paths
from tfparity.engine import bundles, sealed
from tfparity.engine.bundles import Exported
from tfparity.engine.worker_client import Side
from tfparity.environments import install
from tfparity.errors import InputError, UsageError
from tfparity.features.session import Session
from tfparity.paths import Bounds
from tfparity.planning import routes
from tfparity.planning.keys import BUNDLE_FORMAT
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.vocabulary import Verdict
from tfparity.report import progress, terminal
from tfparity.worker import declare
from tfparity.worker.declare import Case


def export(asked: Session, folder: Path, told: Callable[[PlannedCell, int, str | None], None]) -> int:
    """Write the bundle of every chosen case, exported at each opset of its route; how many exports there are.

    `told` hears of each: the cell, the opset, and why there is no export, or None.
    """
    asked.read()
    cells = [cell for cell in asked.cells if cell.applicable]
    sources = {asked.selection.matrix.toolchains[cell.toolchain].source for cell in cells}
    if len(sources) > 1:
        raise UsageError(f"one folder holds the bundles of one source environment, not of {', '.join(sorted(sources))}")
    written = 0
    with asked.engine(progress.Notes(terminal.console(sys.stderr))) as engine:
        begun: set[str] = set()
        for cell in cells:
            if cell.case not in begun:  # a bundle gathers the exports of all routes
                discard(folder, cell.case)
                begun.add(cell.case)
            exporter = Path(asked.selection.keys.crossing(cell).way.exporter).stem
            for opset, exported in engine.exports(cell):
                error = exported.stages[-1].error
                if exported.passed:
                    try:
                        _copy(exported, folder / cell.case, f"{exporter}-{opset}")
                        written += 1
                    except sealed.Unfit as unfit:
                        error = unfit.problem
                told(cell, opset, f"{error.type}: {error.message}" if error else None)
    return written


def discard(folder: Path, case: str) -> None:
    """Remove what another run left of a case's bundle: it belongs to other inputs and references."""
    bundles.remove(folder / case, bundles.DESCRIPTION)


def _copy(exported: Exported, bundle: Path, name: str) -> None:
    """The description last: a bundle without one is none."""
    bundle.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(exported.io, bundle / exported.io.name)
    paths.discard(bundle / name)
    sealed.copy(exported.folder, bundle / name, sealed.seal(exported.folder))
    description = paths.read_untrusted(exported.folder.parent / bundles.DESCRIPTION, bundles.LARGEST_JSON)
    paths.write_bytes(bundle / bundles.DESCRIPTION, description)


@dataclass(frozen=True)
class Shared:
    """A bundle that was handed on: its case, without a factory, its exports by exporter and opset, the environment that
    it is from."""

    case: Case
    exports: Mapping[tuple[str, int], Exported]
    origin: str


def read(folder: Path, globs: Sequence[str] = (), bounds: Bounds = bundles.BOUNDS) -> list[Shared]:
    """The bundles in a folder, by case id. bounds: how large an export may be. Raises UsageError where there are
    none, InputError for one that is damaged, of another format, or holds what is neither a plain file nor a folder."""
    found = []
    folder = folder.absolute()  # a worker is in a folder of its own
    for description in sorted(file for file in paths.below(folder) if file.name == bundles.DESCRIPTION):
        case, origin = _described(description)
        if globs and not any(fnmatch.fnmatch(case.id, glob) for glob in globs):
            continue
        exports = {}
        for made in sorted(path for path in description.parent.iterdir() if path.is_dir()):
            exporter, _, opset = made.name.rpartition("-")
            if not (exporter and opset.isdecimal()):
                continue
            try:
                bundles.look_at(made, description.parent / bundles.IO, bounds)
            except (bundles.Odd, OSError) as odd:
                raise InputError(f"cannot be taken: {odd}; export it again", file=made) from None
            kept = bundles.kept_export(made, description.parent, bounds)
            if kept:
                exports[exporter, int(opset)] = kept
        lacking = bundles.lacking(case, description.parent / bundles.IO) if exports else None
        if lacking:
            raise InputError(f"is no bundle: {lacking}; export it again", file=description)
        found.append(Shared(case, exports, origin))
    if not found:
        raise UsageError(f"{folder}: no bundle{' of these cases' if globs else ''} there; see tfparity bundles export")
    return sorted(found, key=lambda shared: shared.case.id)


def _described(description: Path) -> tuple[Case, str]:
    """The case of a bundle and where it is from."""
    try:
        value = json.loads(paths.read_untrusted(description, bundles.LARGEST_JSON))
        if value["format"] != BUNDLE_FORMAT:
            raise InputError(f"has format {value['format']}, this tfparity reads {BUNDLE_FORMAT}", file=description)
        return declare.declared(value["case"]), str(value["origin"]["environment"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise InputError(f"is no bundle: {type(wrong).__name__}: {wrong}; export it again", file=description) from None


def target(asked: Session, route: str, told: Callable[[str], None]) -> tuple[str, Side]:
    """The name and the target side, installed, of the chosen toolchain under that route. Raises UsageError where it has
    no such route, and what installing raises."""
    selection = asked.selection
    if len(selection.toolchains) != 1:
        raise UsageError("bundles run takes one toolchain, by its id")
    (name,) = selection.toolchains
    toolchain = selection.matrix.toolchains[name]
    declared = routes.route(route, selection.project)
    environment = selection.matrix.environments[toolchain.routes.get(route) or next(iter(toolchain.routes.values()))]
    installed = install.ensure(
        selection.project, environment, selection.cache, progress=told, download=asked.choice.download
    )
    return name, Side(installed.python, tuple(environment.shims), tuple(declared.imports["target"]))


def run(asked: Session, shared: Sequence[Shared], name: str, route: str, side: Side) -> Iterator[CellRecord]:
    """Take bundles through a route's target side, one after the other, and judge each as a cell of a toolchain of that
    name. A bundle without an export for the route is not applicable."""
    project = asked.selection.project
    declared, located = routes.route(route, project), routes.locate(route, project)
    with asked.engine(progress.Notes(terminal.console(sys.stderr))) as engine:
        for one in shared:
            way = routes.way(declared, one.case)
            exporter = Path(way.exporter).stem
            exports = {opset: one.exports[exporter, opset] for opset in way.opsets if (exporter, opset) in one.exports}
            if exports:
                yield engine.score(name, one.case, exports, located, side)
            else:
                reason = f"the bundle has no export by {way.exporter} at an opset that the route tries"
                yield CellRecord(name, one.case.id, located, Verdict.NOT_APPLICABLE, reason)
