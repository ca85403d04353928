"""The commands that run cells, or only say which: run, sweep, plan, cases."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tfparity.cli import commands
from tfparity.cli.commands import Commands


def declare(to: Commands) -> None:
    """Declare the commands."""
    only_run = (
        *("--try-remedies", "--all-opsets", "--level", "--again", "--fresh-process", "--keep", "--download"),
        *("--target", "--calibration", "--runtime"),
        "--all-names",
        "--record",
    )
    to.add("run", run, without=())
    to.add("plan", plan, without=only_run)
    shown = to.add("cases", cases, without=(*only_run, "--jobs", "--budget", "--shard"))
    shown.add_argument("--json", action="store_true", help="as JSON, with all that is declared")
    merged = to.add("merge", merge, only=("--results", "--cases", "--limitations"))
    merged.add_argument("folder", type=Path, nargs="+", help="what `run --shard I/N --record --results FOLDER` wrote")
    swept = to.add("sweep", sweep, without=("--record", "--recorded", "--runtime", "--shard"))
    swept.set_defaults(toolchain=None, tier="all")
    swept.add_argument("--list", action="store_true", help="only say which pieces there are and how long they take")


def run(given: argparse.Namespace) -> int:
    """Run cells and end with a table; 1 if one fails that no limitation explains, that results/ has working, or if a
    probe or a target fails without one. Of models of your own: 0 if each is converted by some route, else 1 and what to
    do."""
    from tfparity.features import own_models
    from tfparity.report import terminal

    asked = commands.session(given)
    keep = asked.keep if asked.choice.record else None
    records = commands.carried_out(asked, keep)
    if keep:
        keep(records)
    all_names = asked.choice.all_names
    terminal.show(commands.console(), records, asked.explain, asked.explain_probes, all_names=all_names)
    stuck = own_models.stuck(asked, records)
    own_models.show(commands.console(), asked, {**stuck, **own_models.fallen(asked, records)})
    failing = [record for record in records if record.verdict.failing]
    regressed = [record for record in failing if asked.regressed(record)]
    for record in regressed:
        print(f"tfparity: {record.id} is {record.verdict}; results/ has it working", file=sys.stderr)
    commands.raise_for_machine(records)
    of_zoo = [record for record in failing if not asked.selection.is_own(record.case)]
    fallen = any(asked.falls(record) for record in records)
    return 1 if regressed or stuck or fallen or not all(map(asked.explain, of_zoo)) else 0


def sweep(given: argparse.Namespace) -> int:
    """Run and record every cell that needs it, on every toolchain, in pieces under two hours; run again, it goes on."""
    from dataclasses import replace

    from tfparity.features import sweep as sweeping
    from tfparity.features.session import Session
    from tfparity.planning.needs import Need
    from tfparity.report import probing, progress, terminal, words

    asked = commands.choice(given)
    needs = asked.needs or (Need.UNTRIED, Need.STALE)
    asked = replace(asked, toolchains=tuple(given.toolchain or ("all",)), needs=needs, record=True)
    session, console = Session(asked), terminal.console(sys.stderr)
    session.read()
    todo = sweeping.pieces(session)

    def say(text: str) -> None:
        console.print(text, markup=False)

    for number, piece in enumerate(todo, 1):
        which = "smoke and core" if piece.early else "the rest"
        length = f"{words.cells(len(piece.cells))}, at most about {words.duration(piece.seconds)}"
        say(f"{number}. {piece.toolchain}, {which}: {length}")
    total = sum(piece.seconds for piece in todo)
    say(f"{words.cells(sum(len(piece.cells) for piece in todo))} that need it: at most about {words.duration(total)}")
    if given.list or not todo:
        return 0
    done = sweeping.sweep(session, todo, lambda cells: progress.progress(console, cells, session.costs(cells)), say)
    for (was, now), count in done.turned.most_common():
        say(f"{words.cells(count)}: {was} → {now}")
    probed = probing.totals(done.probed)
    if probed:
        say(probed)
    if done.left:
        say(f"{words.cells(done.left)} left: the same command goes on with them")
    commands.raise_for_machine(done.interrupted)
    return 0


def merge(given: argparse.Namespace) -> int:
    """Make one of what shards recorded, each into a folder of its own: the same files as one run would have written."""
    from tfparity.features import shards
    from tfparity.planning.selection import Selection

    asked = Selection(commands.choice(given))
    asked.refuse_to_mix()
    for path in shards.merge(given.folder, asked):
        print(f"{path}: written")
    return 0


def plan(given: argparse.Namespace) -> int:
    """Say which cells there are, which of them can be, and how long they take; run nothing."""
    asked = commands.session(given)
    asked.read()
    for cell in asked.cells:
        print(cell.id if cell.applicable else f"{cell.id}  {cell.verdict}: {' '.join((cell.reason or '').split())}")
    print(f"{len(asked.cells)} cells: {asked.forecast(asked.cells, asked.to_run(asked.cells))}")
    return 0


def cases(given: argparse.Namespace) -> int:
    """List the zoo: family, tier, parameters, inputs, operators, and how far the least sensitive weight shows."""
    from tfparity.report import terminal, zoo

    given.tier = given.tier or "all"
    entries = zoo.listed(commands.session(given).query)
    if given.json:
        print(json.dumps([entry.document() for entry in entries], indent=1, ensure_ascii=False))
    else:
        terminal.put(commands.console(), zoo.table(entries))
        print(f"{len(entries)} cases; a least weight is what the answer changes by when 1 % is put on it")
    return 0
