"""The command scout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tfparity import paths
from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.cli.upgrade import WITHOUT
from tfparity.errors import UsageError


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("scout", scout, without=[flag for flag in (*WITHOUT, "--results") if flag != "--toolchain"])
    made.add_argument("--list", action="store_true", help="only say what is new")
    made.add_argument(
        "--package",
        action="append",
        default=[],
        metavar="NAME",
        help="only this package, also where toolchains keep an older one on purpose; repeatable",
    )
    made.add_argument("--write", action="store_true", help="put what is proposed into matrix.yaml and lockfiles/")
    made.add_argument("--markdown", type=Path, metavar="FILE", help="write what came of it as Markdown")


def scout(given: argparse.Namespace) -> int:
    """Say what is new on the index of the packages that toolchains pin, try it, and propose it for matrix.yaml."""
    from dataclasses import replace

    from tfparity.environments import changed, news, uv_command
    from tfparity.environments.changed import Resolver
    from tfparity.features.session import Session
    from tfparity.features.upgrade import proposal, scout_lines
    from tfparity.features.upgrade import scout as scouting

    if given.markdown is not None:
        commands.make_room("--markdown", given.markdown)
    asked = replace(commands.choice(given), toolchains=tuple(given.toolchain or ("all",)))
    session = Session(asked)
    selection = session.selection
    if given.write and selection.project.root == paths.INSTALLED:
        raise UsageError("--write is for a clone: the matrix.yaml of an installed package stays as it is")
    session.read()
    commands.tell_notes(session)
    out, project = commands.console(), selection.project
    resolver = Resolver(project, selection.cache, changed.yesterday(), asked.download, uv_command.run, _say)
    found = news.news(selection.matrix, selection.toolchains, resolver)
    tracked = {name for environment in selection.environments for name in environment.pins}
    chosen = scouting.chosen(found, given.package, tracked)
    scout_lines.listed(out, found)
    if given.list:
        code = scouting.FOUND if chosen else 0
        out.print(f"scout: exit code {code}, {len(chosen) or 'nothing'} new", markup=False)
        return code
    candidates = [scouting.candidate(selection.matrix, one, resolver) for one in chosen]
    refusals = [one for one in candidates if one.refusal is not None]
    for one in refusals:
        scout_lines.refused(out, one)
    todo = [one for one in candidates if one.refusal is None]
    carried = commands.Carried()
    trials = []
    trying = scouting.Scout(session, carried.over)
    if todo:
        _say(trying.budget(todo))
    for one in todo:
        trials.append(trying.tried(one))
        scout_lines.show(out, trials[-1])
    if given.markdown is not None:
        paths.write_text(given.markdown, scout_lines.page(trials, refusals))
    proposals = [trial.proposal for trial in trials if trial.proposal]
    for proposed in proposals if given.write else []:
        for path in proposal.put(project, proposed):
            out.print(f"{path}: written", markup=False, soft_wrap=True)
    out.print(scout_lines.ending(trials), markup=False, soft_wrap=True)
    if not proposals:
        carried.raise_for_machine()
    return scouting.FOUND if proposals else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
