"""Writing results/: records into a project's evidence, explained; one process at a time."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from tfparity.environments import adhoc, lock
from tfparity.errors import UsageError
from tfparity.evidence import files
from tfparity.evidence.document import document, merged, only, only_beside, unresolvable, update
from tfparity.evidence.explain import explain
from tfparity.evidence.runs import operators, runs, update_runs
from tfparity.evidence.schema import Evidence, Place, Runs
from tfparity.inputs.matrix import Toolchain
from tfparity.planning.selection import Selection
from tfparity.records.cells import CellId, CellRecord, toolchains_of
from tfparity.records.vocabulary import Verdict

#: In results/, held by who writes there.
LOCK = ".lock"


class Recorder:
    """Writes into the results of a selection's project."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    def check(self) -> None:
        """Raises UsageError where results/ cannot be written: said before a run, not once it is over."""
        folder = self.selection.project.results
        try:
            (folder / "runs").mkdir(parents=True, exist_ok=True)
            with self._results():
                pass
        except OSError as wrong:
            raise UsageError(f"{folder}: no results can be written there: {wrong.strerror or wrong}") from None
        for place in (folder, folder / "runs"):
            if not os.access(place, os.W_OK):
                raise UsageError(f"{place}: may not be written, and results are to be recorded there")

    def record(self, records: Iterable[CellRecord], *, drop_unplanned: bool = False) -> list[Path]:
        """Write records into results/; the files written.

        Cells that were not run, or that this machine interrupted, keep what was recorded, also by a run beside this
        one; but not those that are not applicable, nor those that `drop_unplanned` finds in no plan of the whole zoo.
        """
        records = list(records)
        selection = self.selection
        used = [id for name in toolchains_of(records) for id in selection.matrix.toolchains[name].environments()]
        if not selection.has_own_results:
            adhoc.refuse_to_publish(selection.matrix.environments[id] for id in used)
        with self._results():
            return [self._record(name, records, drop_unplanned) for name in toolchains_of(records)]

    def _record(self, name: str, records: Sequence[CellRecord], drop_unplanned: bool) -> Path:
        none = {(one.case, one.route) for one in records if one.toolchain == name and _not_applicable(one)}
        return self._write(self.document(name, records), runs(name, records), none, drop_unplanned)

    def merge(
        self, parts: Mapping[str, Sequence[tuple[Evidence, Runs]]], not_applicable: Collection[CellId]
    ) -> list[Path]:
        """Write what shares of a run recorded, by toolchain, as one run would have; the files written."""
        self.check()
        with self._results():
            return [
                self._write(*merged(mine), {(one.case, one.route) for one in not_applicable if one.toolchain == name})
                for name, mine in parts.items()
            ]

    def _write(self, new: Evidence, ran: Runs, none: Collection[Place], drop_unplanned: bool = False) -> Path:
        """Write a toolchain's evidence and runs over what is recorded of it, without the cells of `none`."""
        selection, project, name = self.selection, self.selection.project, new.toolchain
        recorded = files.load_one(project, name)
        content = update(recorded, new)
        content = only(content, content.by_place.keys() - set(none))
        if drop_unplanned and not selection.choice.sources:
            planned = selection.every_cell([name])
            content = only(content, {(cell.case, cell.route) for cell in planned if cell.applicable})
        ran = update_runs(files.load_runs_of(project, name), ran, content, only_beside(recorded, new))
        path = files.save(project, explain(content, selection.limitations, selection.is_own, operators(ran)))
        files.save_runs(project, ran)
        return path

    def explain_recorded(self) -> list[Path]:
        """Explain anew what is recorded, and write the files where limitations.yaml says otherwise than they do:
        nothing else in them changes. The files written."""
        written = []
        with self._results():
            ran = files.load_runs(self.selection.project)
            for name, content in files.load_all(self.selection.project).items():
                known = operators(ran.get(name))
                explained = explain(content, self.selection.limitations, self.selection.is_own, known)
                if explained != content:
                    written.append(files.save(self.selection.project, explained))
        return written

    def drop(self, places: Collection[CellId]) -> list[Path]:
        """Take cells out of what is recorded, with their runs. The files written; one that has no cell left is
        removed."""
        project, written = self.selection.project, []
        with self._results():
            for name in dict.fromkeys(place.toolchain for place in places):
                content = files.load_one(project, name)
                if content is None:
                    continue
                dropped = {(place.case, place.route) for place in places if place.toolchain == name}
                left = only(content, content.by_place.keys() - dropped)
                ran = update_runs(files.load_runs_of(project, name), runs(name, ()), left)
                if left.cells:
                    written += [files.save(project, left), files.save_runs(project, ran)]
                else:
                    files.remove(project, name)
        return written

    def document(self, name: str, records: Iterable[CellRecord]) -> Evidence:
        """The evidence that records make of a toolchain, not yet explained."""
        toolchain: Toolchain = self.selection.matrix.toolchains[name]
        environments = (self.selection.matrix.environments[id] for id in toolchain.environments())
        refused = {
            environment.id: unresolvable(environment.python, environment.shims)
            for environment in environments
            if lock.status(self.selection.project, environment).unresolvable
        }
        return document(name, source=toolchain.source, routes=toolchain.routes, records=records, environments=refused)

    def found(self, records: Iterable[CellRecord]) -> dict[str, Evidence]:
        """The evidence that these records alone make, explained, toolchain by toolchain."""
        records = list(records)
        is_own, rules = self.selection.is_own, self.selection.limitations
        own = [record for record in records if is_own(record.case)]  # a file's operators explain these alone
        return {
            name: explain(self.document(name, records), rules, is_own, operators(runs(name, own)))
            for name in toolchains_of(records)
        }

    def _results(self) -> FileLock:
        """To be held from reading results/ to writing it: another run may record at the same time."""
        folder = self.selection.project.results
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / LOCK)  # here: runs may have a cache each


def _not_applicable(record: CellRecord) -> bool:
    return record.verdict is Verdict.NOT_APPLICABLE
