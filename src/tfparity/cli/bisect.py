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


#: Options that mean nothing here: there is one cell at a time, and its own toolchains are made.
NO_EFFECT = ("--budget", "--tier", "--keep-environments", "--quarantine", "--jobs")


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("bisect", bisect, without=(*WITHOUT, *NO_EFFECT))
    made.add_argument("good", metavar="GOOD", help="a toolchain of matrix.yaml on which the case works")
    made.add_argument(
        "bad",
        metavar="BAD",
        help="one on which it does not, or needs a remedy: a toolchain, a change such as torch==2.9.0 over GOOD, or a "
        "requirements.txt, pyproject.toml or lock of your own",
    )
    made.add_argument("--plan", action="store_true", help="only say what it may cost: nothing runs")


def bisect(given: argparse.Namespace) -> int:
    """Find the package, or the fewest together, from which on a case fails, and its first release that does."""
    from dataclasses import replace

    from tfparity.environments import changed, uv_command
    from tfparity.environments.changed import Resolver
    from tfparity.features import unnamed
    from tfparity.features.bisect import choice
    from tfparity.features.bisect.bisect import Bisection
    from tfparity.features.session import Session
    from tfparity.features.upgrade import sides
    from tfparity.features.upgrade.upgrade import upgrade

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def run(session: Session, cells: Sequence[PlannedCell]) -> list[CellRecord]:
        return commands.ran(session, cells)

    asked: Choice = commands.choice(given)
    session, both = sides.read(given.good, [given.bad], replace(asked, tier="all"), run=uv_command.run, progress=say)
    chosen = choice.sole(session, both) or choice.chosen(session, both, upgrade(session, both))
    selection = session.selection
    asked = replace(
        asked, toolchains=(both.base, both.head), tier=None, case_globs=(chosen.case,), routes=(chosen.route,)
    )
    session = Session(asked, selection.project, selection.cache, selection.matrix)
    session.read()
    resolver = Resolver(selection.project, selection.cache, changed.yesterday(), asked.download, uv_command.run)
    word = given.bad if both.head_label != both.head else None
    search = Bisection(session, both.base, both.head, resolver, run, say, word)
    search.look()
    print(
        f"{chosen.case} by {chosen.route}, {both.base_label} to {both.head_label}: {search.budget()}{chosen.others}",
        flush=True,
    )
    if given.plan:
        return 0
    with unnamed.removed(session):
        try:
            search.begin()
            found = search.found()
        finally:
            search.clear()
    print(found.sentence)
    print(f"works:  {found.works}\nfails:  {found.fails}\nagain:  {found.command}")
    return 0
