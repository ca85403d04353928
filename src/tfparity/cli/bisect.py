"""The command bisect."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.cli.upgrade import WITHOUT

if TYPE_CHECKING:
    from tfparity.features.session import Session
    from tfparity.planning.options import Choice
    from tfparity.records.cells import CellRecord, PlannedCell


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("bisect", bisect, without=(*WITHOUT, "--budget", "--tier", "--keep-environments", "--quarantine"))
    made.add_argument("good", metavar="GOOD", help="a toolchain on which the case works")
    made.add_argument("bad", metavar="BAD", help="a toolchain on which it does not")
    made.add_argument("--plan", action="store_true", help="only say what it may cost: nothing runs")


def bisect(given: argparse.Namespace) -> int:
    """Find the package, or the fewest together, from which on a case fails, and its first release that does."""
    from dataclasses import replace

    from tfparity.environments import changed
    from tfparity.environments.changed import Resolver
    from tfparity.features.bisect.bisect import Bisection
    from tfparity.features.session import Session

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def run(session: Session, cells: Sequence[PlannedCell]) -> list[CellRecord]:
        return commands.ran(session, cells)

    good, bad, case, route = _cell(given)
    asked: Choice = replace(commands.choice(given), toolchains=(good, bad), case_globs=(case,), routes=(route,))
    session = Session(asked)
    session.read()
    selection = session.selection
    resolver = Resolver(selection.project, selection.cache, changed.yesterday(), asked.download)
    search = Bisection(session, good, bad, resolver, run, say)
    search.look()
    print(f"{case} by {route}, {good} to {bad}: {search.budget()}", flush=True)
    if given.plan:
        return 0
    try:
        search.begin()
        found = search.found()
    finally:
        search.clear()
    print(found.sentence)
    print(f"works:  {found.works}\nfails:  {found.fails}\nagain:  {found.command}")
    return 0


def _cell(given: argparse.Namespace) -> tuple[str, str, str, str]:
    """Both toolchains, the case and the route: the only cell that is chosen, else of the largest group that is worse on
    BAD, with no remedy left to try, the one that takes the least time."""
    from dataclasses import replace

    from tfparity.errors import UsageError
    from tfparity.features.upgrade import sides
    from tfparity.features.upgrade.kinds import Kind
    from tfparity.features.upgrade.upgrade import upgrade
    from tfparity.records.vocabulary import Verdict

    chosen = commands.choice(given)
    session, both = sides.read(given.good, [given.bad], replace(chosen, tier="all"))
    cells = [cell for cell in session.selection.planned if cell.applicable or cell.toolchain == both.head]
    if len({(cell.case, cell.route) for cell in cells}) == 1:
        return both.base, both.head, cells[0].case, cells[0].route
    said = upgrade(session, both)
    groups = [
        group for group in said.groups if group.kind in (Kind.ENVIRONMENT_BROKEN, Kind.REGRESSED) and group.worked
    ]
    untried = {
        (cell.case, cell.route)
        for cell in cells
        if cell.toolchain == both.head and cell.applicable and session.query.standing(cell).untried
    }
    costs = {(id.case, id.route): cost for id, cost in session.costs(cells).items() if id.toolchain == both.base}
    for group in sorted(groups, key=lambda group: -group.worked):
        # Of one that works the verdict alone is said, of others the reason too.
        working = {verdict.value for verdict in Verdict if verdict.works}
        failing = [(one.case, one.route) for one in group.cells if one.base in working and one.head not in working]
        failing = [place for place in failing if place not in untried]
        if failing:
            return both.base, both.head, *min(failing, key=lambda place: costs.get(place, 1e9))
    raise UsageError(f"no case is known to work on {both.base} and to fail on {both.head}: name one with --case")
