"""What the commands share: how one is declared, the session that its options choose, running its cells."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity.errors import MachineFault, TfparityError, UsageError
from tfparity.planning import options
from tfparity.records.vocabulary import Sandboxing

# What a command needs is imported there: --help answers in less time than pydantic takes to import, `table --check` in
# less than the engine does.
if TYPE_CHECKING:
    from rich.console import Console

    from tfparity.engine.engine import Engine
    from tfparity.features.cluster.client import Cluster
    from tfparity.features.session import Session
    from tfparity.features.upgrade.upgrade import Carry
    from tfparity.records.cells import CellId, CellRecord, PlannedCell
    from tfparity.records.observer import Observer

Command = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Commands:
    """Where a module declares its commands."""

    subparsers: argparse._SubParsersAction[argparse.ArgumentParser]

    def add(
        self, name: str, function: Command, *, only: Collection[str] = (), without: Collection[str] | None = None
    ) -> argparse.ArgumentParser:
        """A command, described by the first paragraph of its function's docstring, in lists of commands by its first
        clause; with the options that choose cells: those flags `only`, or all but those `without`."""
        about = " ".join((function.__doc__ or "").split("\n\n")[0].split())
        first = re.split(r"; |(?<=\.) ", about)[0].rstrip(".")
        made = self.subparsers.add_parser(name, help=first, description=about, allow_abbrev=False)
        made.set_defaults(command=function)
        flags = [
            option
            for option in options.OPTIONS
            if option.flag in only or (without is not None and option.flag not in without)
        ]
        if flags:
            group = made.add_argument_group("cells to run")
            for option in flags:
                group.add_argument(option.flag, help=option.help, **option.settings)
        return made


def console() -> Console:
    from tfparity.report import terminal

    return terminal.console(sys.stdout)


def session(given: argparse.Namespace) -> Session:
    from tfparity.features import under_test

    return under_test.session(choice(given), lambda text: print(text, file=sys.stderr, flush=True))


def choice(given: argparse.Namespace) -> options.Choice:
    return options.chosen(lambda name: getattr(given, name, None))


def carried_out(
    asked: Session, keep: Callable[[Sequence[CellRecord]], object] | None = None, scheduler: str | None = None
) -> list[CellRecord]:
    """Run the session's cells with progress on the error stream; records in the plan's order. `keep`: what becomes of
    the cells that ended where something ends the run before its end; where it fails too, the first reason is told.
    `scheduler`: the address of the Dask scheduler on whose workers they run."""
    from tfparity.features import unnamed
    from tfparity.report import progress, terminal

    console = terminal.console(sys.stderr)
    asked.read()
    cells = asked.cells
    runs = asked.to_run(cells)
    seconds = asked.costs(cells) if runs else {}  # read for a forecast alone
    records: dict[str, CellRecord] = {}
    try:
        with (
            unnamed.removed(asked),
            progress.progress(console, cells, seconds) as display,
            _runner(asked, display, scheduler) as runner,
        ):
            if any(cell.applicable for cell in cells):  # said once it is known that something can run them
                console.print(asked.forecast(cells, runs))
            for record in runner.run(cells):
                records[record.id] = record
    except BaseException:
        if keep and records:
            with suppress(TfparityError, OSError):
                keep(list(records.values()))
        raise
    return [records[cell.id] for cell in cells]


def _runner(asked: Session, observer: Observer, scheduler: str | None) -> Engine | Cluster:
    """What runs the session's cells: its engine here, or the workers of a scheduler."""
    if scheduler is None:
        return asked.engine(observer)
    from tfparity.features.cluster.client import Cluster

    return Cluster(asked, observer, scheduler)


def ran(session: Session, cells: Sequence[PlannedCell], *, again: bool = False) -> list[CellRecord]:
    """Run these cells, whatever the session chooses, with progress on the error stream; again: also what the store has.
    Records in the order in which they end."""
    from dataclasses import replace

    from tfparity.features.session import Session
    from tfparity.report import progress, terminal

    selection = session.selection
    asked = Session(replace(session.choice, again=again), selection.project, selection.cache, selection.matrix)
    console = terminal.console(sys.stderr)
    what = "again, to see whether it repeats: " if again else ""
    console.print(f"{what}{asked.forecast(cells, asked.to_run(cells))}", markup=False)
    with progress.progress(console, cells, asked.costs(cells)) as display, asked.engine(display) as engine:
        return list(engine.run(cells))


@dataclass
class Carried:
    """Runs cells of sessions as `ran` does; keeps the last record of each."""

    records: dict[CellId, CellRecord] = field(default_factory=dict)

    def over(self, session: Session) -> Carry:
        """What runs the cells of that session."""

        def carry(cells: Sequence[PlannedCell], *, again: bool) -> list[CellRecord]:
            came = ran(session, cells, again=again)
            self.records.update({record.place: record for record in came})
            return came

        return carry

    def raise_for_machine(self) -> None:
        """`raise_for_machine` of these records."""
        raise_for_machine(list(self.records.values()))


def tell_notes(session: Session) -> None:
    """Say on the error stream which entries of flaky.yaml are over or idle."""
    from tfparity.features import flaky

    for line in flaky.notes(session):
        print(line, file=sys.stderr, flush=True)


def sandboxing(given: argparse.Namespace) -> Sandboxing:
    """What --sandbox says."""
    return Sandboxing(given.sandbox or Sandboxing.AUTO)


def raise_for_machine(records: Sequence[CellRecord]) -> None:
    """Raises MachineFault where this machine ended cells, or what was asked for beside their verdicts: nothing is known
    of that."""
    from tfparity.report import words

    ended = [record for record in records if not record.whole]
    for record in ended:
        for name, why in record.left_out.items():
            print(f"tfparity: {record.id}: {name} was not tried: {why}", file=sys.stderr)
        if record.interrupted:
            print(f"tfparity: {record.id} is untested: {record.reason}", file=sys.stderr)
    if ended:
        raise MachineFault(
            f"this machine ended {len(ended)} of {words.cells(len(records))}, and nothing is recorded of what it "
            "ended: look at its memory and disk, then run them again"
        )


def make_room(option: str, path: Path) -> None:
    """Make the folder of a file that is written once the run is over. Raises UsageError where it could not be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise UsageError(f"{option} {path}: its folder cannot be made: {wrong.strerror}") from None
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder; name a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{option} {path}: may not be written")
