"""The command gate."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tfparity import paths
from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.errors import UsageError
from tfparity.records.cells import CellRecord


def declare(to: Commands) -> None:
    """Declare the command."""
    gated = to.add("gate", gate, without=("--record", "--all-names", "--runtime", "--all-opsets"))
    gated.add_argument(
        "--update",
        action="store_true",
        help="show what moved, then write what came out into results/, without the cells that are no longer planned",
    )
    gated.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    gated.add_argument("--summary", type=Path, metavar="FILE", help="append Markdown (default: $GITHUB_STEP_SUMMARY)")


def gate(given: argparse.Namespace) -> int:
    """Compare a run with the committed evidence; an exit code for each kind of change."""
    from tfparity.features.gate import compare, report
    from tfparity.report import words

    if given.update and getattr(given, "with"):
        raise UsageError("--with is of a package under test, and nothing of it goes into results/: leave out --update")
    asked = commands.session(given)
    if given.update:
        asked.selection.refuse_to_mix()
        asked.recorder.check()
    asked_for = os.environ.get("GITHUB_STEP_SUMMARY")
    summary = given.summary or (Path(asked_for) if asked_for else None)
    for option, path in (("--junit", given.junit), ("--summary", summary)):
        if path is not None:
            commands.make_room(option, path)
    asked.as_recorded = True
    if given.recorded and not asked.cells:
        raise UsageError(
            f"--recorded: {asked.selection.project.results} has none of these cells, so that there is nothing to "
            "compare with; without --recorded what was never recorded is missing (31), with --update it is recorded"
        )

    def keep(records: Sequence[CellRecord]) -> None:
        """Record cells that ended where something ends the run before its end."""
        asked.recorder.record(record for record in records if asked.quarantined(record.place) is None)

    records = commands.carried_out(asked, keep if given.update else None)
    in_workflow = os.environ.get("GITHUB_ACTIONS") == "true"
    code = report.report(
        asked,
        records,
        commands.console(),
        junit=given.junit,
        summary_file=summary,
        workspace=paths.real(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()) if in_workflow else None,
        ends=not given.update,
    )
    if given.update:
        kept = [record for record in records if asked.quarantined(record.place) is None]
        asked.recorder.record(kept, drop_unplanned=True)
        aside = len(records) - len(kept)
        said = f"; {words.cells(aside)} in quarantine: as recorded before" if aside else ""
        print(f"{asked.selection.project.results} has what came out of {words.cells(len(kept))}{said}")
        commands.raise_for_machine(records)
        return 0
    if code != compare.EXIT_CODES["regressed"]:  # that is sure whatever the other cells would have come to
        commands.raise_for_machine(records)
    return code
